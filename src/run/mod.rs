//! A run from start to ledger: prepared (nothing touched), started, performed, summed up.

mod arguments;
mod finish;
mod lab;
mod prepare;
mod procedures;
mod start;

pub use arguments::lab_presets;
pub use finish::{Finished, exit_code};
pub use lab::{LabWorld, in_words as lab_words};
pub use prepare::{Prepared, Refusal, Request, prepare};
pub use start::{Running, start};
