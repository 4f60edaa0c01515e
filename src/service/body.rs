//! Requests' bodies: JSON, read member by member.
//!
//! What is wrong is said by the member's name and what it must be, never by what it is: that may be a secret. (The messages of
//! `serde_json` quote it.)

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// A service's secret has so many bytes at least: shorter ones are parts of ordinary words, and would be looked for in every
/// answer to anybody.
pub const SHORTEST_SECRET: usize = 8;
/// And so many at most: a token of somebody else's may be a long one.
pub const LONGEST_SECRET: usize = 8 << 10;
/// A certificate with its chain and its key.
pub const LONGEST_PAIR: usize = 48 << 10;

/// Reads a body.
///
/// # Errors
/// `service.not_json` when it says that it is something else, `service.bad_body` when it cannot be read.
pub fn json(headers: &HeaderMap, bytes: &Bytes) -> Result<Value> {
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !["application/json", "text/json"].contains(&kind.as_str()) && !kind.ends_with("+json") {
            return Err(Error::new("service.not_json", "the body's content type is not JSON")
                .hint("send JSON, with Content-Type: application/json"));
        }
    }
    if bytes.is_empty() {
        return Err(bad("the body is empty"));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| bad(format!("the body is not JSON: it goes wrong in line {}, column {}", e.line(), e.column())))
}

/// The error for a body that is not as it must be.
pub fn bad(said: impl Into<String>) -> Error {
    Error::new("service.bad_body", said).hint("the operation's schema is in the document, /openapi.json")
}

/// A text alone, or the only text of an object: both are how clients send one parameter.
///
/// # Errors
/// `service.bad_body` for anything else.
pub fn one_text(value: Value) -> Result<String> {
    let wrong = || bad("the body is neither a text nor an object with one text in it");
    match value {
        Value::String(text) => Ok(text),
        Value::Object(members) => {
            match members.into_iter().map(|(_, value)| value).collect::<Vec<_>>().as_mut_slice() {
                [Value::String(text)] => Ok(std::mem::take(text)),
                _ => Err(wrong()),
            }
        }
        _ => Err(wrong()),
    }
}

/// An object's members, each taken by name.
pub struct Members {
    left: Map<String, Value>,
    asked: Vec<&'static str>,
}

/// Without what was sent: it may be secret.
impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Members").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Members {
    /// # Errors
    /// `service.bad_body` when it is no object.
    pub fn of(value: Value) -> Result<Self> {
        match value {
            Value::Object(left) => Ok(Self { left, asked: Vec::new() }),
            _ => Err(bad("the body is not an object")),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text that may be absent.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(format!("{name} must be a text"))),
        }
    }

    /// A text that must be there.
    pub fn needed(&mut self, name: &'static str) -> Result<String> {
        self.text(name)?.ok_or_else(|| bad(format!("{name} is missing")))
    }

    /// A secret that may be absent.
    ///
    /// # Errors
    /// `service.bad_body` for one that is shorter than [`SHORTEST_SECRET`] or longer than [`LONGEST_SECRET`].
    pub fn secret(&mut self, name: &'static str) -> Result<Option<Secret>> {
        self.secret_within(name, LONGEST_SECRET)
    }

    /// A certificate with its key, PEM, that may be absent: longer than other secrets.
    pub fn pair(&mut self, name: &'static str) -> Result<Option<Secret>> {
        self.secret_within(name, LONGEST_PAIR)
    }

    fn secret_within(&mut self, name: &'static str, longest: usize) -> Result<Option<Secret>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // Each is looked for in all that is said from here on.
        if text.len() < SHORTEST_SECRET {
            return Err(bad(format!("{name} must have at least {SHORTEST_SECRET} characters")));
        }
        if text.len() > longest {
            return Err(bad(format!("{name} must have at most {longest} characters")));
        }
        Secret::new(text).map(Some).map_err(|e| e.context(name))
    }

    /// A yes or no that may be absent.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(bad(format!("{name} must be true or false"))),
        }
    }

    /// A whole number that may be absent.
    pub fn number(&mut self, name: &'static str) -> Result<Option<u64>> {
        let number = self.take(name).map(|value| value.as_u64().ok_or_else(|| bad(format!("{name} must be a number"))));
        number.transpose()
    }

    /// Anything, as it is; it may be absent.
    pub fn any(&mut self, name: &'static str) -> Option<Value> {
        self.take(name)
    }

    /// A list of texts that may be absent.
    pub fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>> {
        let wrong = || bad(format!("{name} must be a list of texts"));
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(all)) => {
                let texts = all.into_iter().map(|one| match one {
                    Value::String(text) => Ok(text),
                    _ => Err(wrong()),
                });
                texts.collect::<Result<_>>().map(Some)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// Nothing else may be there: a member that is misspelt would be passed over.
    pub fn finish(self) -> Result<()> {
        if self.left.is_empty() {
            return Ok(());
        }
        Err(bad("the body has a member that the operation does not know")
            .hint(format!("it knows {}", self.asked.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_text_comes_in_both_shapes() {
        assert_eq!(one_text(json!("a.example")).unwrap(), "a.example");
        assert_eq!(one_text(json!({ "anything": "a.example" })).unwrap(), "a.example");
        for wrong in [json!({}), json!({ "a": "b", "c": "d" }), json!({ "a": 1 }), json!(["a"]), json!(null), json!(1)]
        {
            assert_eq!(one_text(wrong).unwrap_err().code(), "service.bad_body");
        }
    }

    #[test]
    fn what_is_wrong_is_never_repeated() {
        let said = |body: Value| {
            let mut members = Members::of(body)?;
            members.needed("domain")?;
            members.secret("clientSecret")?;
            members.finish()
        };
        let wrong = [
            json!({ "domain": "a", "clientSecret": ["hush-hush"] }),
            json!({ "domain": "a", "hush-hush": 1 }),
            json!({ "domain": 7, "clientSecret": "hush-hush" }),
            json!({ "clientSecret": "hush-hush" }),
        ];
        for body in wrong {
            let error = said(body).unwrap_err();
            assert!(!format!("{}{:?}", error.message(), error.remedy()).contains("hush"), "{error:?}");
        }
        let bytes = Bytes::from_static(b"{\"clientSecret\": hush-hush}");
        assert_eq!(
            json(&HeaderMap::new(), &bytes).unwrap_err().message(),
            "the body is not JSON: it goes wrong in line 1, column 18"
        );
    }
}
