//! A run from start to ledger.
