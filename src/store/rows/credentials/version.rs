//! A version of a credential as its row tells it, and the words that stand in the columns.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::Serialize;

use crate::store::{
    moment,
    rows::{CredentialId, PrincipalId},
};

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Recorded, not accepted by any target yet.
    Candidate,
    /// The one that is used.
    Current,
    /// The one before, kept for roll-back.
    Previous,
    /// Still works outside, for an overlap that somebody must end.
    Retiring,
    /// Out of use; kept 30 days at least.
    Retired,
}

/// What a credential is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A directory account's password.
    Password,
    /// An app's secret.
    ClientSecret,
    /// A certificate with its key, PEM.
    Certificate,
}

/// One version of a principal's credential; the secret itself is only behind `connection::credentials::open`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Credential {
    /// The store's number for it.
    pub id: CredentialId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// From 1, per principal.
    pub version: u32,
    /// Where it stands.
    pub state: State,
    /// Whom it signs in as.
    pub username: String,
    /// What it is made of.
    pub form: Form,
    /// Where it is kept outside (`vault:`, `command:`); `None`: sealed in the store.
    pub reference: Option<String>,
    /// RFC 3339, UTC, as all times here.
    pub created_at: String,
    /// When a target accepted it; `None`: not yet proven.
    pub proven_at: Option<String>,
    /// Which target did.
    pub proven_on: Option<String>,
    /// When a write that carries it was sent to the outside last.
    pub sent_at: Option<String>,
    /// Since when it is out of use.
    pub retired_at: Option<String>,
    /// Why it is.
    pub why: Option<String>,
    /// The run that recorded it.
    pub run: Option<String>,
}

impl Credential {
    /// Where the secret is: `sealed` in the store, or the scheme of its reference, e.g. `command:`.
    #[must_use]
    pub fn kept(&self) -> String {
        match &self.reference {
            None => "sealed".to_owned(),
            Some(reference) => format!("{}:", reference.split(':').next().unwrap_or_default()),
        }
    }

    /// Whether it was ever the account's password, as far as is known: a target has accepted it, or a write that carries it was
    /// sent. One that was only given, and perhaps refused, was not.
    #[must_use]
    pub fn was_in_force(&self) -> bool {
        self.proven_at.is_some() || self.sent_at.is_some()
    }

    /// Whether a write that carries this version was sent less than `time` before `now`.
    #[must_use]
    pub fn was_sent_within(&self, time: time::Duration, now: time::OffsetDateTime) -> bool {
        self.sent_at.as_ref().is_some_and(|sent| *sent > moment::text(now - time))
    }
}

const STATES: [(State, &str); 5] = [
    (State::Candidate, "candidate"),
    (State::Current, "current"),
    (State::Previous, "previous"),
    (State::Retiring, "retiring"),
    (State::Retired, "retired"),
];

const FORMS: [(Form, &str); 3] =
    [(Form::Password, "password"), (Form::ClientSecret, "client-secret"), (Form::Certificate, "certificate")];

impl State {
    /// The word as users see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(&STATES, self)
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&STATES, value)
    }
}

impl ToSql for Form {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(word(&FORMS, *self).into())
    }
}

impl FromSql for Form {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&FORMS, value)
    }
}

fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], wanted: T) -> &'static str {
    words.iter().find(|(value, _)| *value == wanted).map_or("", |(_, word)| word)
}

fn meaning<T: Copy>(words: &[(T, &'static str)], value: ValueRef<'_>) -> FromSqlResult<T> {
    let text = value.as_str()?;
    words.iter().find(|(_, word)| *word == text).map(|(value, _)| *value).ok_or(FromSqlError::InvalidType)
}
