//! What a script gives to a call: options, headers, body.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    script::value::{self, Fields, FromScript, Span},
    secret::Secret,
};

/// Unless the script says otherwise.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

/// The options of a call.
pub(super) struct Options {
    pub(super) headers: Vec<(String, HeaderText)>,
    pub(super) bearer: Option<Secret>,
    pub(super) timeout: Duration,
    pub(super) any_status: bool,
}

impl FromScript for Options {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let headers = fields.take::<Headers>("headers")?.map(|headers| headers.0).unwrap_or_default();
        let options = Self {
            headers,
            bearer: fields.take("bearer")?,
            timeout: fields.take::<Span>("timeout")?.map_or(USUAL_TIMEOUT, |span| span.0),
            any_status: fields.take("any_status")?.unwrap_or(false),
        };
        fields.finish()?;
        Ok(options)
    }
}

struct Headers(Vec<(String, HeaderText)>);

/// What a header holds.
pub(super) enum HeaderText {
    Open(String),
    Secret(Secret),
}

impl FromScript for Headers {
    const TYPE: &'static str = "map";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        let Some(map) = value.try_cast::<rhai::Map>() else {
            return Err("must be a map of texts and secrets".to_owned());
        };
        let header = |(name, value): (rhai::Identifier, rhai::Dynamic)| {
            let value = if value.is::<Secret>() {
                HeaderText::Secret(Secret::from_script(value)?)
            } else {
                HeaderText::Open(String::from_script(value).map_err(|e| format!("`{name}` {e}"))?)
            };
            Ok((name.to_string(), value))
        };
        map.into_iter().map(header).collect::<Result<_, String>>().map(Self)
    }
}

/// A body as the script gave it.
pub(super) struct Body {
    pub(super) json: Value,
    pub(super) holds_secret: bool,
}

impl FromScript for Body {
    const TYPE: &'static str = "any";

    fn from_script(value: rhai::Dynamic) -> Result<Self, String> {
        value::outgoing(&value).map(|(json, holds_secret)| Self { json, holds_secret })
    }
}

/// A header's value that no log shows.
pub(super) fn secret_header(name: &str, secret: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        Error::new(
            "http.request",
            format!("the secret for the header {name} holds a character that no header may have"),
        )
        .hint("a header takes one line without control characters (RFC 9110, 5.5)")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
