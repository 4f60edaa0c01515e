//! The credential transaction.
