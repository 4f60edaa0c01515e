//! Delegated-admin relationships (GDAP): what a partner may do in a customer's tenant, and until when.

use serde::Serialize;
use serde_json::Value;

use super::Graph;
use crate::{cloud::answer::Object, error::Result};

/// A relationship with a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// Its id.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// `active`, `approvalPending`, `expired`, `terminated` and others.
    pub status: String,
    /// The customer's tenant, once there is one.
    pub customer: Option<String>,
    /// The customer's name.
    pub customer_name: Option<String>,
    /// When it ends, RFC 3339: two years after it began at the latest.
    pub ends: Option<String>,
    /// How long it goes on by itself then, ISO 8601; `None` when it just ends.
    pub extends: Option<String>,
    /// The directory roles that the customer granted, by template id.
    pub roles: Vec<String>,
}

impl Relationship {
    fn read(answer: &Value) -> Result<Self> {
        let object = Object::of(answer, "the relationship")?;
        let customer = object.maybe_object("customer")?;
        let access = object.maybe_object("accessDetails")?;
        let roles = access.map(|access| access.maybe_objects("unifiedRoles")).transpose()?.unwrap_or_default();
        let of_customer = |member| customer.as_ref().map(|customer| customer.maybe_text(member)).transpose();
        Ok(Self {
            id: object.text("id")?,
            display_name: object.text("displayName")?,
            status: object.text("status")?,
            customer: of_customer("tenantId")?.flatten(),
            customer_name: of_customer("displayName")?.flatten(),
            ends: object.maybe_text("endDateTime")?,
            extends: object.maybe_text("autoExtendDuration")?.filter(|span| !matches!(span.as_str(), "PT0S" | "P0D")),
            roles: roles.iter().map(|role| role.text("roleDefinitionId")).collect::<Result<_>>()?,
        })
    }
}

impl Graph {
    /// The partner's relationships with all its customers. Asked in the partner's own tenant. Least permission:
    /// `DelegatedAdminRelationship.Read.All`.
    ///
    /// # Errors
    /// Those of Graph.
    pub async fn relationships(&self) -> Result<Vec<Relationship>> {
        let all = self.all("/tenantRelationships/delegatedAdminRelationships").await?;
        all.iter().map(Relationship::read).collect()
    }
}
