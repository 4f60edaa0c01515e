//! The floor that every HTTP service of Libretto's stands on: sockets and TLS, the token at the door, limits, errors,
//! the OpenAPI document and its page.
//!
//! A service brings its operations as an `OpenApiRouter` and knows nothing of sockets, tokens or limits. The way of a request:
//! `listen` (TLS, time for the head) -> `door` (token, how many at once, size and time of the body) -> the operation ->
//! `answer` or `problem` (redacted). Nothing but `pages` is to be had without the token, and an answer to somebody who has
//! not shown it never repeats what he sent: redaction would tell him whether he has guessed a secret.

mod alone;
pub mod answer;
mod attempts;
pub mod body;
mod crowd;
pub mod document;
mod door;
pub(crate) mod keep;
mod listen;
mod pages;
pub mod problem;
mod stall;
pub mod tls;
pub mod token;

use std::{sync::Arc, time::Duration};

pub use alone::Alone;
pub use answer::Answer;
use axum::Router;
pub use listen::{Listener, Stopped};
pub use problem::Problem;
use serde::Deserialize;
pub use token::Token;
use utoipa_axum::router::OpenApiRouter;

use crate::error::Result;

/// What a service is made of.
pub struct Service {
    /// Its name for people, e.g. `Remote Agent`.
    pub name: &'static str,
    /// What its document says it is for; Markdown.
    pub about: &'static str,
    /// Its operations, each with its part of the document.
    pub operations: OpenApiRouter,
    /// Who shows it may call them.
    pub token: Token,
    /// How much of everything.
    pub limits: Limits,
}

/// How much a service takes: `[service]` of `config.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Kilobytes of a request's body.
    pub body_kb: usize,
    /// Seconds in which a TLS handshake, and a request's head, have to arrive.
    pub head_seconds: u64,
    /// Seconds in which a request's body has to arrive, and in which a client has to take the next part of an answer.
    pub body_seconds: u64,
    /// Seconds that an operation may take; of the Workflow Engine, an agent behind it.
    pub answer_seconds: u64,
    /// Operations at once; more wait for a second and are then refused.
    pub at_once: usize,
    /// Connections at once; one more takes the place of one that has not shown the token, or waits.
    pub connections: usize,
    /// Seconds that a service that is stopped gives to what is under way.
    pub stop_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_kb: 256,
            head_seconds: 10,
            body_seconds: 20,
            answer_seconds: 120,
            at_once: 1024,
            connections: 2048,
            stop_seconds: 20,
        }
    }
}

/// That each waits longer than the one behind it.
const MORE: Duration = Duration::from_secs(10);

impl Limits {
    fn head(&self) -> Duration {
        Duration::from_secs(self.head_seconds.max(1))
    }

    fn body(&self) -> Duration {
        Duration::from_secs(self.body_seconds.max(1))
    }

    fn answer(&self) -> Duration {
        Duration::from_secs(self.answer_seconds.max(1))
    }

    /// How long a client waits for an agent that has these limits: what takes the agent too long it says itself, and a write
    /// that nobody waits for is in doubt. Never less than 130 s, for other agents have limits of their own.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.answer().saturating_add(MORE).max(Duration::from_secs(130))
    }

    /// How long a client waits for the Workflow Engine, which waits for an agent.
    #[must_use]
    pub fn patience_with_engine(&self) -> Duration {
        self.patience().saturating_add(2 * MORE)
    }

    fn largest_body(&self) -> usize {
        self.body_kb.max(1).saturating_mul(1024)
    }
}

impl Service {
    /// All of it behind its door, ready to be served, and what tells when nothing is under way any more.
    ///
    /// # Errors
    /// `service.document` when the OpenAPI document cannot be written.
    fn behind_door(self) -> Result<(Router, Arc<door::Door>)> {
        let (operations, document) = self.operations.split_for_parts();
        let document = document::finished(document, self.name, self.about);
        let pages = pages::Pages::new(self.name, &document)?;
        let door = Arc::new(door::Door::new(self.token, self.limits));
        Ok((door::stand_before(operations, pages, &door), door))
    }
}
