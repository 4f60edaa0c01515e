//! `agent::` in scripts.
