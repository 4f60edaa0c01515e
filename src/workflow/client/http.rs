//! The way to the engine: one HTTP client, times and sizes bounded, the token over TLS or to this machine only.

use std::time::Duration;

use reqwest::{Client, Method, Response, header};
use serde_json::Value;

use super::Options;
use crate::{
    agent::client::{answer::quotable, codes},
    error::{Error, Result},
    net::{
        cause::{innermost, tls_refusal},
        http::{IDLE, LARGEST, NoBody, client, is_safe, through, whole},
        trust,
    },
    secret::Secret,
    verdict::Verdict,
};

/// Whose codes are passed on: the engine's own, and those of an agent behind it.
const ROOMS: [&str; 7] = ["agent", "cloud", "connection", "secret", "service", "store", "workflow"];

/// Facts of a problem that are passed on.
const FACTS: [&str; 8] =
    ["connection", "agent", "operation", "status", "retry_after", "trace_id", "request_id", "aadsts"];

/// What a request does, for the case that its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Writes,
}

impl Effect {
    /// The error of an answer that is lost.
    fn lost(self, code: &'static str, text: String, hint: &str) -> Error {
        match self {
            Self::Reads => Error::inconclusive(code, text).hint(hint),
            Self::Writes => Error::in_doubt(code, text).hint(hint),
        }
    }
}

/// The way to one engine.
pub(super) struct Http {
    client: Client,
    /// Without a slash at its end.
    base: String,
    token: Secret,
}

impl Http {
    pub(super) fn new(options: &Options) -> Result<Self> {
        if !options.url.username().is_empty() || options.url.password().is_some() {
            // The address stands in every error: it is not repeated here either.
            return Err(Error::new("workflow.bad_url", "the Workflow Engine's address has a user or a password in it")
                .hint("let [workflow] url in config.toml be https://host:port; the token alone says who asks"));
        }
        let base = options.url.as_str().trim_end_matches('/').to_owned();
        if !is_safe(&options.url) {
            return Err(Error::new(
                "workflow.in_the_clear",
                format!("{base} is asked over https only: a token goes there"),
            )
            .hint("begin [workflow] url in config.toml with https://, and name the engine's CA by [workflow] ca"));
        }
        let tls = trust::client(options.ca_pem.as_deref()).map_err(|why| {
            Error::new("workflow.bad_ca", format!("the Workflow Engine's CA certificates cannot be used: {why}"))
                .hint("let [workflow] ca in config.toml be the PEM file of the engine's CA, or of its own certificate")
        })?;
        let mut builder = client(tls).pool_idle_timeout(IDLE);
        if let Some(proxy) = options.proxy.as_deref() {
            let (way, _) = through(proxy, options.no_proxy.as_deref()).ok_or_else(|| {
                Error::new("workflow.bad_proxy", "HTTPS_PROXY is not the address of a proxy")
                    .hint("give it as http://host:port")
            })?;
            builder = builder.proxy(way);
        }
        let client =
            builder.build().map_err(|e| Error::new("workflow.client", format!("no HTTP client can be made: {e}")))?;
        Ok(Self { client, base, token: options.token.clone() })
    }

    /// Asks for an operation; the parsed answer.
    pub(super) async fn ask(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        effect: Effect,
        within: Duration,
    ) -> Result<Value> {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let mut request = self.client.request(method, format!("{}{path}", self.base)).timeout(within);
        request = request.header(header::ACCEPT, "application/json").bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|e| self.failed(&e, effect))?;
        let status = response.status().as_u16();
        let body = self.whole(response, effect).await?;
        let said: Option<Value> = serde_json::from_slice(&body).ok();
        match (status, said) {
            (200..=299, Some(answer)) => Ok(answer),
            (401, _) => Err(Error::new("workflow.wrong_token", "the Workflow Engine does not accept the token")
                .hint("`libretto workflow token` prints the right one on its host; [workflow] token in config.toml says where it is read")
                .with("url", self.base.clone())),
            (_, Some(said)) if said.get("code").is_some_and(Value::is_string) => Err(refused(status, &said, effect)),
            // It was done, and who stands between tells it in his own way.
            (200..=299, None) if effect == Effect::Writes => Err(Error::in_doubt(
                "workflow.bad_answer",
                format!("what is at {} answers {status} without the Workflow Engine's words", self.base),
            )
            .hint("see whether it was done before it is sent again, and what stands between")
            .with("url", self.base.clone())),
            // Something between has lost the engine's answer.
            (500.., _) if effect == Effect::Writes && status != 503 => {
                let said = format!("the Workflow Engine {} broke off: {status}", self.base);
                Err(effect.lost("workflow.broken", said, "see whether it was done before it is sent again"))
            }
            _ => Err(Error::new("workflow.foreign", format!("what is at {} is not the Workflow Engine: it answers {status}", self.base))
                .hint("see that [workflow] url in config.toml is the engine's")),
        }
    }

    async fn whole(&self, mut response: Response, effect: Effect) -> Result<Vec<u8>> {
        whole(&mut response).await.map_err(|none| match none {
            NoBody::TooLarge => {
                let said = format!("{} answers with more than {} MB", self.base, LARGEST >> 20);
                let error = match effect {
                    Effect::Reads => Error::new("workflow.answer_too_large", said),
                    Effect::Writes => Error::in_doubt("workflow.answer_too_large", said),
                };
                error.hint("ask the operation for less at a time")
            }
            NoBody::Lost(error) => self.failed(&error, effect),
        })
    }

    fn failed(&self, error: &reqwest::Error, effect: Effect) -> Error {
        let (base, cause) = (&self.base, innermost(error));
        let made = if let Some(refusal) = tls_refusal(error).filter(|_| error.is_connect()) {
            Error::new("workflow.tls", format!("there is no TLS connection to the Workflow Engine {base}: {refusal}"))
                .hint("name the engine's CA by [workflow] ca in config.toml, and the engine as its certificate does")
        } else if error.is_connect() {
            let said = if error.is_timeout() { "no connection in time".to_owned() } else { cause };
            Error::inconclusive("workflow.unreachable", format!("the Workflow Engine {base} cannot be reached: {said}"))
                .hint("see that `libretto workflow serve` runs there, then [workflow] url in config.toml, name, port and firewall")
        } else if error.is_timeout() {
            effect.lost(
                "workflow.timeout",
                format!("the Workflow Engine {base} did not answer in time"),
                "see in its log what it waits for",
            )
        } else {
            effect.lost(
                "workflow.broken",
                format!("the Workflow Engine {base} broke off: {cause}"),
                "try again; if it stays so, look into its log",
            )
        };
        made.with("url", base.clone())
    }
}

/// A problem (RFC 9457) as the engine says it: its own, or that of an agent behind it.
fn refused(status: u16, said: &Value, effect: Effect) -> Error {
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(quotable).filter(|text| !text.is_empty());
    let code = said
        .get("code")
        .and_then(Value::as_str)
        .and_then(|code| codes::known(code, &ROOMS))
        .unwrap_or("workflow.refused");
    let message = text("detail").unwrap_or_else(|| format!("the Workflow Engine answers {status}"));
    let mut error = match said.get("verdict").and_then(Value::as_str).and_then(Verdict::parse) {
        Some(Verdict::InDoubt) if effect == Effect::Writes => Error::in_doubt(code, message),
        Some(Verdict::InDoubt | Verdict::Inconclusive) => Error::inconclusive(code, message),
        _ => Error::new(code, message),
    };
    if said.get("retryable").and_then(Value::as_bool) == Some(true) {
        error = error.retryable();
    }
    error = error.hint(text("remedy").unwrap_or_else(|| "look into the Workflow Engine's log".to_owned()));
    let fact = |name: &'static str| {
        let value = said.get("facts").and_then(|facts| facts.get(name)).and_then(Value::as_str)?;
        Some((name, quotable(value)))
    };
    FACTS.into_iter().filter_map(fact).fold(error, |error, (name, value)| error.with(name, value))
}
