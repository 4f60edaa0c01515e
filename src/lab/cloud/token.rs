//! Access tokens: their making, and what Graph reads in one.

use serde_json::{Value, json};

use super::{
    app::CLIENT_ID,
    fault::CloudFault,
    http::Call,
    jwt::fresh_guid,
    refusal::Failure,
    roles::GLOBAL_ADMINISTRATOR,
    world::{Cloud, Side, World},
};

/// How long a token is valid, in seconds (Entra ID: 60 to 90 minutes).
const LIFETIME: i64 = 3_600;
/// Entra ID adds these to `wids`: of an app, of a user (documented as present in every token).
const EVERY_APP: &str = "0997a1d0-0d1d-4acb-b408-d5ca73121e90";
const EVERY_USER: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";

/// Whom a token is for.
pub(super) enum Whose<'a> {
    App { principal: &'a str, how: &'static str, permissions: &'a [&'static str], roles: Vec<String> },
    User { id: &'a str, name: &'a str, roles: Vec<String> },
}

/// Who asks Graph.
pub(super) struct Caller {
    /// The tenant's number.
    pub tenant: usize,
    pub object: String,
    /// Whether it is a user, whose permissions are those of the directory roles.
    pub user: bool,
    permissions: Vec<String>,
    roles: Vec<String>,
}

impl Cloud {
    /// The answer to a request for a token.
    pub(super) fn access(&self, world: &World, number: usize, whose: &Whose) -> Value {
        let mut tenant = &world.tenants[number];
        if self.has(Side::Login, Some(tenant.label), CloudFault::WrongTenant) {
            tenant = &world.tenants[(number + 1) % world.tenants.len()];
        }
        let now = self.now().unix_timestamp();
        let mut claims = json!({
            "aud": self.base,
            "iss": format!("https://sts.windows.net/{}/", tenant.id),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "app_displayname": "Libretto",
            "appid": CLIENT_ID,
            "idp": format!("https://sts.windows.net/{}/", tenant.id),
            "tenant_region_scope": "NA",
            "tid": tenant.id,
            "uti": fresh_guid(),
            "ver": "1.0",
        });
        let more = match whose {
            Whose::App { principal, how, permissions, roles } => json!({
                "appidacr": how, "idtyp": "app", "oid": principal, "sub": principal, "roles": permissions,
                "wids": with(roles, EVERY_APP),
            }),
            Whose::User { id, name, roles } => json!({
                "amr": ["pwd"], "appidacr": "0", "idtyp": "user", "oid": id, "sub": id, "upn": name, "unique_name": name,
                "scp": "Directory.AccessAsUser.All User.Read",
                "wids": with(roles, EVERY_USER),
            }),
        };
        if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
            claims.extend(more);
        }
        let mut body = json!({
            "token_type": "Bearer",
            "expires_in": LIFETIME - 1,
            "ext_expires_in": LIFETIME - 1,
            "access_token": self.key.sign(&claims),
        });
        if let Whose::User { .. } = whose {
            body["scope"] = json!(format!("{0}/Directory.AccessAsUser.All {0}/User.Read", self.base));
        }
        body
    }

    /// Who asks, by the token.
    pub(super) fn caller(&self, world: &World, call: &Call) -> Result<Caller, Failure> {
        let refused = |message: &str| Failure::new(401, "InvalidAuthenticationToken", message);
        let token = call.bearer.as_deref().ok_or_else(|| refused("Access token is empty."))?;
        if token.split('.').count() != 3 {
            return Err(refused("IDX14100: JWT is not well formed, there are no dots (.)."));
        }
        let claims =
            self.key.claims(token).ok_or_else(|| refused("Access token validation failure. Invalid signature."))?;
        if claims["aud"] != *self.base {
            return Err(refused("Access token validation failure. Invalid audience."));
        }
        if claims["exp"].as_i64().unwrap_or_default() <= self.now().unix_timestamp() {
            return Err(refused("Lifetime validation failed, the token is expired."));
        }
        let number = world.tenants.iter().position(|tenant| claims["tid"] == *tenant.id);
        let tenant = number.ok_or_else(|| refused("Access token validation failure. Invalid tenant."))?;
        let list = |name: &str| -> Vec<String> {
            let values = claims[name].as_array().into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let object = claims["oid"].as_str().unwrap_or_default().to_owned();
        let user = claims["idtyp"] == "user";
        Ok(Caller { tenant, object, user, permissions: list("roles"), roles: list("wids") })
    }
}

fn with<'a>(roles: &'a [String], every: &'a str) -> Vec<&'a str> {
    roles.iter().map(String::as_str).chain([every]).collect()
}

impl Caller {
    /// Refuses a caller that has none of these permissions (apps) or directory roles (apps and users).
    pub(super) fn need(&self, permissions: &[&str], roles: &[&str]) -> Result<(), Failure> {
        let permitted = self.permissions.iter().any(|one| permissions.contains(&one.as_str()));
        let in_role = |one: &String| one == GLOBAL_ADMINISTRATOR || roles.contains(&one.as_str());
        if permitted || self.roles.iter().any(in_role) { Ok(()) } else { Err(Failure::denied()) }
    }

    /// Refuses an app without one of these permissions; every user may read.
    pub(super) fn read(&self, permissions: &[&str]) -> Result<(), Failure> {
        if self.user { Ok(()) } else { self.need(permissions, &[super::roles::GLOBAL_READER]) }
    }
}
