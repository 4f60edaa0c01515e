//! What stands between a Remote Agent and those who ask it, looked at place by place (article 1667): the way to it, the web server
//! that carries it, the service that runs it. Nothing is changed. Each finding has its remedy.
//!
//! - [`way`]: name, port, TLS, HTTP, token, from here;
//! - [`web`]: site and pool, whether they stay started, identity, physical path, applications, as [`iis`] tells from afar or
//!   [`appcmd`] on the host itself;
//! - [`mod@unit`]: a service of ours, as systemd sees it.

pub mod appcmd;
pub mod iis;
mod program;
pub mod unit;
pub mod way;
pub mod web;

use std::time::Instant;

use serde::Serialize;

use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// One place that was looked at.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What: `name`, `port`, `pool` ...
    pub target: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// How long the look took.
    pub ms: u64,
    /// What was seen, in words.
    pub told: String,
    /// What is wrong, with its remedy.
    pub error: Option<Error>,
}

/// The places that were looked at, in order.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// That there is nothing to look at, and why.
    pub(crate) fn left_out(target: &'static str, why: Error) -> Self {
        let mut findings = Self::default();
        findings.note(target, Instant::now(), Err(why));
        findings
    }

    /// Notes how a place is; whether it is as it should be.
    fn note(&mut self, target: &'static str, begun: Instant, found: Result<String>) -> bool {
        let ms = begun.elapsed().as_millis() as u64;
        let (verdict, told, error) = match found {
            Ok(told) => (Verdict::Ok, told, None),
            Err(error) if error.verdict() == Verdict::Skipped => (Verdict::Skipped, error.message().to_owned(), None),
            Err(error) => (error.verdict(), String::new(), Some(error)),
        };
        self.0.push(Finding { target, verdict, ms, told, error });
        matches!(verdict, Verdict::Ok | Verdict::Skipped)
    }

    /// What is not looked at because of a fault before it.
    fn rest(mut self, targets: &[&'static str]) -> Self {
        let before = self.0.last().map_or("what", |last| last.target);
        for target in targets {
            let error = Error::not_started("agent.not_looked_at", format!("not looked at: {before} comes first"));
            let verdict = Verdict::NotStarted;
            self.0.push(Finding { target, verdict, ms: 0, told: String::new(), error: Some(error) });
        }
        self
    }
}
