//! Credential rows: sealed bytes or a reference, with a version and a state.
