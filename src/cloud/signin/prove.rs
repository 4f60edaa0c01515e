//! Proving a credential that was just added: the sign-in service knows it everywhere after seconds to minutes, so one success
//! says little and one refusal says nothing.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{SignIn, Wanted, token};
use crate::{
    cloud::{Cloud, errors::may_not_be_known_yet},
    error::{Error, Result},
};

/// How long and how often.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// How long "not known" means "not yet".
    pub at_most: Duration,
    /// How many sign-ins in a row have to succeed.
    pub successes: u32,
    /// The pause between two.
    pub pause: Duration,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { at_most: Duration::from_mins(5), successes: 3, pause: Duration::from_secs(5) }
    }
}

/// What it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// Sign-ins in all.
    pub attempts: u32,
    /// Those that were refused as "not known".
    pub not_yet: u32,
    /// Seconds until the last success.
    pub seconds: u64,
}

/// Whether a refusal may mean that the credential is not known everywhere yet.
fn not_yet(error: &Error) -> bool {
    may_not_be_known_yet(error.code())
}

pub(in crate::cloud) async fn prove(cloud: &Cloud, sign_in: &SignIn, waiting: &Waiting) -> Result<Proven> {
    let began = Instant::now();
    let (mut attempts, mut refused, mut row) = (0, 0, 0);
    loop {
        attempts += 1;
        match token(cloud, sign_in, Wanted::Fresh).await {
            Ok(_) => row += 1,
            Err(error) if not_yet(&error) || error.is_retryable() => {
                refused += u32::from(not_yet(&error));
                row = 0;
                if began.elapsed() + waiting.pause > waiting.at_most {
                    return Err(over(&error, waiting));
                }
            }
            Err(error) => return Err(error),
        }
        if row >= waiting.successes.max(1) {
            return Ok(Proven { attempts, not_yet: refused, seconds: began.elapsed().as_secs() });
        }
        tokio::time::sleep(waiting.pause).await;
    }
}

fn over(last: &Error, waiting: &Waiting) -> Error {
    let seconds = waiting.at_most.as_secs();
    let text = format!("the new credential did not work within {seconds} s: {last}");
    let error = Error::inconclusive("cloud.not_yet", text)
        .hint("the earlier credential is still valid: look at the app registration, and prove the new one again later");
    last.details().iter().fold(error, |error, (key, value)| error.with(key, value.as_str()))
}
