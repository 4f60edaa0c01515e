//! What is read in an access token. It is not verified here: it came from the sign-in host over TLS, and whoever gets it verifies it.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{answer::Object, errors};
use crate::error::{Error, Result};

/// What a token may be off by (Entra ID's own allowance).
const ALLOWANCE: i64 = 300;

/// What a token says of who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The tenant that it was made for.
    pub tenant: String,
    /// The object (service principal or user) in that tenant.
    pub object: Option<String>,
    /// The app.
    pub app: Option<String>,
    /// Directory roles, by template id; those by group, PIM and delegated administration among them.
    pub directory_roles: Vec<String>,
    /// App permissions by name, e.g. `User.Read.All`.
    pub app_roles: Vec<String>,
    /// Delegated permissions by name.
    pub scopes: Vec<String>,
}

impl Claims {
    /// Reads them, and sees that the token is for this tenant and valid by this machine's clock.
    pub(super) fn read(token: &str, tenant: &str, now: OffsetDateTime) -> Result<Self> {
        let body = payload(token)?;
        let object = Object::of(&body, "the access token")?;
        let found = object.text("tid")?;
        if !found.eq_ignore_ascii_case(tenant) {
            return Err(errors::wrong_tenant(tenant, &found));
        }
        let now = now.unix_timestamp();
        if let Some(from) = object.maybe_number("nbf")?.filter(|from| *from > now + ALLOWANCE) {
            return Err(errors::clock_skew(&format!("a new token is valid from {} s from now on", from - now)));
        }
        if let Some(until) = object.maybe_number("exp")?.filter(|until| *until <= now) {
            return Err(errors::clock_skew(&format!("a new token has been invalid for {} s", now - until)));
        }
        let scopes = object.maybe_text("scp")?.unwrap_or_default();
        Ok(Self {
            tenant: found,
            object: object.maybe_text("oid")?,
            app: object.maybe_text("appid")?.or(object.maybe_text("azp")?),
            directory_roles: object.texts("wids")?,
            app_roles: object.texts("roles")?,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// The middle part of a JWT (RFC 7519).
fn payload(token: &str) -> Result<Value> {
    let bad = |what: &str| -> Error { errors::bad_answer("the sign-in service", "access_token", what) };
    let mut parts = token.split('.');
    let (Some(_), Some(body), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(bad("is no token with three parts"));
    };
    let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| bad("is not encoded as tokens are"))?;
    serde_json::from_slice(&bytes).map_err(|_| bad("holds no JSON"))
}
