//! The tenant as Graph describes it.

use serde::Serialize;
use serde_json::Value;

use super::Graph;
use crate::{
    cloud::{answer::Object, errors},
    error::Result,
};

/// What is asked of it.
const SELECT: &str = "id,displayName,countryLetterCode,tenantType,verifiedDomains,onPremisesSyncEnabled";

/// The tenant's organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// The tenant's id.
    pub id: String,
    /// Its name.
    pub display_name: Option<String>,
    /// Its country, two letters.
    pub country: Option<String>,
    /// The domains that it holds and has proven.
    pub domains: Vec<String>,
    /// The one that new users get.
    pub default_domain: Option<String>,
    /// Whether its users come from an Active Directory.
    pub synced: bool,
}

impl Organization {
    /// The address of the request.
    pub(in crate::cloud) fn path() -> String {
        format!("/organization?$select={SELECT}")
    }

    /// Reads the one organization of a collection, and sees that it is the tenant that was meant.
    pub(in crate::cloud) fn read(answer: &Value, tenant: &str) -> Result<Self> {
        let all = Object::of(answer, "the organization")?.objects("value")?;
        let Some(first) = all.first() else {
            return Err(errors::bad_answer("the organization", "value", "has nothing in it"));
        };
        let found = Self::from(first)?;
        if !found.id.eq_ignore_ascii_case(tenant) {
            return Err(errors::wrong_tenant(tenant, &found.id));
        }
        Ok(found)
    }

    fn from(object: &Object<'_>) -> Result<Self> {
        let mut domains = Vec::new();
        let mut default_domain = None;
        for domain in object.objects("verifiedDomains")? {
            let name = domain.text("name")?;
            if domain.maybe_flag("isDefault")?.unwrap_or(false) {
                default_domain = Some(name.clone());
            }
            domains.push(name);
        }
        Ok(Self {
            id: object.text("id")?,
            display_name: object.maybe_text("displayName")?,
            country: object.maybe_text("countryLetterCode")?,
            domains,
            default_domain,
            synced: object.maybe_flag("onPremisesSyncEnabled")?.unwrap_or(false),
        })
    }
}

impl Graph {
    /// The tenant's organization. Least permission: `Organization.Read.All`.
    ///
    /// # Errors
    /// `cloud.wrong_tenant` when it is another tenant's; those of Graph.
    pub async fn organization(&self) -> Result<Organization> {
        let answer = self.get(&Organization::path()).await?;
        Organization::read(&answer, &self.tenant().id)
    }
}
