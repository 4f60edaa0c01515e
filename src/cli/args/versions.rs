//! `libretto connections rollback`, as clap reads it.

use std::time::Duration;

use clap::{Args, builder::ValueParser};

use super::{complete, span};

/// `libretto connections rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Its name
    #[arg(add = complete::connections())]
    pub name: String,
    /// Which version, as `history` numbers them [default: the newest previous one that was proven]
    #[arg(long, value_name = "VERSION")]
    pub to: Option<u32>,
    /// Go on although a target is down
    #[arg(long)]
    pub allow_down: bool,
    /// Also a version that was never proven, and an account that is otherwise never changed
    #[arg(long)]
    pub insist: bool,
    /// How long the change may take to reach every target
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = ValueParser::new(span))]
    pub wait: Duration,
}
