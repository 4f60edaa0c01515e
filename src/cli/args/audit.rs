//! `libretto audit`, as clap reads it.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

/// `libretto audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// See that no entry was changed, taken out or put in; exit 1 when one was
    Verify {
        /// An exported trail [default: that of the store]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// A hash that was noted earlier and must still be in the trail: tells when its end was cut off
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Print the trail as JSON, one entry per line, oldest first, with the hashes
    Export {
        /// From this day or time on, e.g. 2026-02-28
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
    },
}
