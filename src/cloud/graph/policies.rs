//! What the tenant's app management policies allow of an app's credentials, to be known before one is added.
//!
//! Source: learn.microsoft.com, "Microsoft Entra application management policies API overview".

use serde::Serialize;
use serde_json::Value;

use super::{Graph, path::encode};
use crate::{cloud::answer::Object, error::Result};

/// What may be added to an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppPolicy {
    /// Whether secrets may be added at all.
    pub secrets: bool,
    /// How long a secret may be good, ISO 8601, where that is limited.
    pub longest_secret: Option<String>,
    /// How long a certificate may be good, ISO 8601, where that is limited.
    pub longest_certificate: Option<String>,
}

impl AppPolicy {
    fn read(restrictions: Option<&Object<'_>>) -> Result<Self> {
        let mut policy = Self { secrets: true, longest_secret: None, longest_certificate: None };
        let Some(restrictions) = restrictions else { return Ok(policy) };
        for one in restrictions
            .maybe_objects("passwordCredentials")?
            .iter()
            .chain(&restrictions.maybe_objects("keyCredentials")?)
        {
            if one.maybe_text("state")?.is_some_and(|state| state != "enabled") {
                continue;
            }
            match one.text("restrictionType")?.as_str() {
                "passwordAddition" => policy.secrets = false,
                "passwordLifetime" => policy.longest_secret = one.maybe_text("maxLifetime")?,
                "asymmetricKeyLifetime" => policy.longest_certificate = one.maybe_text("maxLifetime")?,
                _ => {}
            }
        }
        Ok(policy)
    }
}

impl Graph {
    /// What the policies allow for a registration, by its object id: its own policy where it has one, else the tenant's. A policy may
    /// spare apps that were made before a date; that is not looked at, so that what is allowed here is allowed. Least permission:
    /// `Policy.Read.All`.
    ///
    /// # Errors
    /// Those of Graph.
    pub async fn app_policy(&self, object: &str) -> Result<AppPolicy> {
        let own = self.all(&format!("/applications/{}/appManagementPolicies", encode(object))).await?;
        for policy in &own {
            let policy = Object::of(policy, "the app management policy")?;
            if policy.flag("isEnabled")? {
                return AppPolicy::read(policy.maybe_object("restrictions")?.as_ref());
            }
        }
        let answer: Value = self.get("/policies/defaultAppManagementPolicy").await?;
        let policy = Object::of(&answer, "the app management policy")?;
        let restrictions = policy.maybe_object("applicationRestrictions")?;
        if policy.flag("isEnabled")? { AppPolicy::read(restrictions.as_ref()) } else { AppPolicy::read(None) }
    }
}
