//! What the engine's operations take.

use std::{net::IpAddr, sync::Arc};

use axum::{body::Bytes, http::HeaderMap};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    connection::{settings::AGENT_PORT, syntax},
    error::Result,
    secret::Secret,
    service::body::{self, Members},
    workflow::records::TokenProof,
};

/// Members of an action's body whose texts are secrets, in lower case without `_` and `-`.
const SECRETS: [&str; 6] = ["password", "secret", "token", "certificate", "pem", "privatekey"];

/// A connection's route as it is to be, whole: what is left out is not taken over from the one before. A token least of all:
/// it is for one host.
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `Wanted`
#[schema(rename_all = "camelCase")]
pub(super) struct RouteReq {
    /// The connection's mail domain.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The Remote Agent's host name or address.
    #[schema(example = "agent1.corp.example")]
    host: String,
    /// The Remote Agent's port; 40002 unless told.
    #[schema(example = 40002)]
    port: Option<u16>,
    /// What is trusted as the agent's certificate instead of the system's roots, PEM.
    ca: Option<String>,
    /// The agent's token.
    #[schema(format = Password)]
    token: Option<String>,
    /// Who writes it, for those who look at it later.
    #[schema(example = "alice")]
    written_by: Option<String>,
}

/// A route to be compared with the one that is held: a [`RouteReq`], with `tokenProof` in place of `token` for who would not
/// tell it.
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `Wanted`
#[schema(rename_all = "camelCase")]
pub(super) struct CompareReq {
    /// The connection's mail domain.
    #[schema(example = "contoso.example")]
    domain: String,
    /// The Remote Agent's host name or address.
    #[schema(example = "agent1.corp.example")]
    host: String,
    /// The Remote Agent's port; 40002 unless told.
    #[schema(example = 40002)]
    port: Option<u16>,
    /// What is trusted as the agent's certificate instead of the system's roots, PEM.
    ca: Option<String>,
    /// The agent's token.
    #[schema(format = Password)]
    token: Option<String>,
    /// What shows that it is the same token: HMAC-SHA-256 with the token as the key, of `libretto: is this the agent's token? `
    /// and the nonce.
    token_proof: Option<TokenProof>,
    /// Who asks.
    #[schema(example = "alice")]
    written_by: Option<String>,
}

/// A [`RouteReq`] or a [`CompareReq`] that was read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) connection: String,
    pub(super) domain: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) ca_pem: Option<Arc<str>>,
    pub(super) token: Option<Secret>,
    /// Of a comparison alone.
    pub(super) proof: Option<TokenProof>,
    pub(super) written_by: String,
}

impl Wanted {
    /// A route to be written.
    pub(super) fn read(connection: &str, headers: &HeaderMap, bytes: &Bytes) -> Result<Self> {
        Self::of(connection, Members::of(body::json(headers, bytes)?)?)
    }

    /// A route to be compared.
    pub(super) fn to_compare(connection: &str, headers: &HeaderMap, bytes: &Bytes) -> Result<Self> {
        let mut members = Members::of(body::json(headers, bytes)?)?;
        let proof = members.any("tokenProof").map(|proof| {
            serde_json::from_value(proof).map_err(|_| body::bad("tokenProof must have the texts nonce and mac"))
        });
        Ok(Self { proof: proof.transpose()?, ..Self::of(connection, members)? })
    }

    fn of(connection: &str, mut members: Members) -> Result<Self> {
        let connection = named(connection)?;
        let token = members.secret("token")?;
        let domain = mail_domain(&members.needed("domain")?)?;
        let host = host(members.needed("host")?.trim())?;
        let port = members.number("port")?.unwrap_or(AGENT_PORT.into());
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        let ca = members.text("ca")?.map(|pem| syntax::certificates(pem.as_bytes())).transpose();
        let written_by = members.text("writtenBy")?.unwrap_or_else(|| "unknown".to_owned());
        members.finish()?;
        if written_by.chars().any(char::is_control) || written_by.chars().count() > 256 {
            return Err(body::bad("writtenBy cannot be a name"));
        }
        Ok(Self {
            connection,
            domain,
            host,
            port: port.ok_or_else(|| body::bad("port must be a number from 1 to 65535"))?,
            ca_pem: ca.map_err(|_| body::bad("ca holds no certificate that can be read"))?.map(Arc::from),
            token,
            proof: None,
            written_by,
        })
    }
}

/// The name of a connection. What is none is not repeated: it may be anything.
pub(super) fn named(text: &str) -> Result<String> {
    syntax::name(text)
        .map_err(|e| body::bad("that cannot be a connection's name").hint(e.remedy().unwrap_or_default().to_owned()))
}

fn mail_domain(text: &str) -> Result<String> {
    syntax::domain(text.trim())
        .map_err(|_| body::bad("the domain is not a DNS name").hint("give the full name, e.g. corp.example.com"))
}

fn host(text: &str) -> Result<String> {
    let wrong =
        || body::bad("host is not a host name or address").hint("give e.g. agent1.corp.example, without a port");
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    match syntax::host_port(text) {
        Ok((host, None)) => Ok(host.to_ascii_lowercase()),
        _ => Err(wrong()),
    }
}

/// Something that a connection's agent is to do.
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `Action`
pub(super) struct ActionReq {
    /// The connection, by name.
    #[schema(example = "contoso")]
    connection: String,
    /// Its mail domain: a route that is for another one is not taken. Left out, any is.
    #[schema(example = "contoso.example")]
    domain: Option<String>,
    /// An operation of the agent's, by its id, by group and end of its path, or as `METHOD /path`.
    #[schema(example = "Agent_Status")]
    operation: String,
    /// What the operation takes; where it is left out, the connection's domain stands in for it.
    #[schema(value_type = Value)]
    body: Option<Value>,
}

/// An [`ActionReq`] that was read. It has no `Debug`: there may be secrets in its body.
pub(super) struct Action {
    pub(super) connection: String,
    pub(super) domain: Option<String>,
    pub(super) operation: String,
    pub(super) body: Option<Value>,
}

impl Action {
    pub(super) fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self> {
        let mut members = Members::of(body::json(headers, bytes)?)?;
        let body = members.any("body");
        if let Some(body) = &body {
            keep_out_of_outputs(body)?;
        }
        let connection = named(&members.needed("connection")?)?;
        let domain = members.text("domain")?.map(|domain| mail_domain(&domain)).transpose()?;
        let operation = members.needed("operation")?;
        members.finish()?;
        let fits = |c: char| c.is_ascii_graphic() || c == ' ';
        if operation.is_empty() || operation.len() > 256 || !operation.chars().all(fits) {
            return Err(body::bad("operation cannot be the name of an agent's operation"));
        }
        Ok(Self { connection, domain, operation, body })
    }
}

/// Lets the redactor know the texts that are secrets by their members' names: an agent may repeat them.
fn keep_out_of_outputs(given: &Value) -> Result<()> {
    match given {
        Value::Array(all) => all.iter().try_for_each(keep_out_of_outputs),
        Value::Object(all) => all.iter().try_for_each(|(name, value)| match value {
            Value::String(text) if is_secret(name) && !text.is_empty() => match text.len() {
                ..body::SHORTEST_SECRET => Err(body::bad(format!(
                    "a secret in the body must have at least {} characters",
                    body::SHORTEST_SECRET
                ))),
                longer if longer > body::LONGEST_PAIR => {
                    Err(body::bad(format!("a secret in the body must have at most {} characters", body::LONGEST_PAIR)))
                }
                _ => Secret::new(text.as_str()).map(drop).map_err(|e| e.context("the body")),
            },
            value => keep_out_of_outputs(value),
        }),
        _ => Ok(()),
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    SECRETS.iter().any(|secret| plain.ends_with(secret))
}
