//! What the engine's operations answer, as its service writes it and its client reads it.

use data_encoding::HEXLOWER;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{names::host_port, secret::Secret};

/// A route as the engine holds it. Its token is not shown, nor is the text of the certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The connection's name.
    #[schema(example = "contoso")]
    pub connection: String,
    /// Its mail domain.
    #[schema(example = "contoso.example")]
    pub domain: String,
    /// The Remote Agent's host name or address.
    #[schema(example = "agent1.corp.example")]
    pub host: String,
    /// Its port.
    #[schema(example = 40002)]
    pub port: u16,
    /// SHA-256 of the certificates that are trusted as the agent's, 64 hexadecimal digits; null for the system's.
    pub ca: Option<String>,
    /// Whether there is a token for the agent.
    pub has_token: bool,
    /// Who wrote the route, as they said.
    #[schema(example = "alice")]
    pub written_by: String,
    /// RFC 3339, UTC.
    pub written_at: String,
}

impl Held {
    /// The agent as `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn agent(&self) -> String {
        host_port(&self.host, self.port)
    }
}

/// How the route that the engine holds differs from one that it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Compared {
    /// The one that it holds; null when it holds none.
    pub route: Option<Held>,
    /// What differs: `domain`, `host`, `port`, `ca`, `token`. Empty when nothing does, or when there is no route.
    pub differs: Vec<String>,
}

/// An action that an agent has done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// The connection that it was for.
    #[schema(example = "contoso")]
    pub connection: String,
    /// The agent that it went to.
    #[schema(example = "agent1.corp.example:40002")]
    pub agent: String,
    /// What was asked for there.
    #[schema(example = "GET /api/Agent/Status")]
    pub operation: String,
    /// The agent's HTTP status.
    #[schema(example = 200)]
    pub status: u16,
    /// `ok`: anything else is answered as a problem, with the agent's own code and verdict.
    #[schema(example = "ok")]
    pub verdict: String,
    /// How long the agent took.
    pub ms: u64,
    /// What the agent answered.
    #[schema(value_type = Value)]
    pub answer: Value,
}

/// What shows that two sides have the same token without telling it: a text of the asker's own, and its MAC (RFC 2104, SHA-256)
/// with the token as the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenProof {
    /// 32 hexadecimal digits, new each time.
    pub nonce: String,
    /// 64 hexadecimal digits.
    pub mac: String,
}

/// So that a MAC is of no use for anything else.
const PURPOSE: &str = "libretto: is this the agent's token? ";

impl TokenProof {
    /// Of a token.
    #[must_use]
    pub fn of(token: &Secret) -> Self {
        let nonce = HEXLOWER.encode(&rand::random::<[u8; 16]>());
        let mac = hmac::sign(&key(token), format!("{PURPOSE}{nonce}").as_bytes());
        Self { nonce, mac: HEXLOWER.encode(mac.as_ref()) }
    }

    /// Whether it is of this token; the time that it takes tells nothing.
    #[must_use]
    pub fn is_of(&self, token: &Secret) -> bool {
        let Ok(mac) = HEXLOWER.decode(self.mac.as_bytes()) else { return false };
        hmac::verify(&key(token), format!("{PURPOSE}{}", self.nonce).as_bytes(), &mac).is_ok()
    }
}

fn key(token: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes())
}
