//! The licences (subscribed SKUs) of a tenant.

use serde::Serialize;
use serde_json::Value;

use super::Graph;
use crate::{cloud::answer::Object, error::Result};

/// A licence that the tenant has bought, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Licence {
    /// Its id, a GUID that is the same in every tenant.
    pub sku_id: String,
    /// Its short name, e.g. `SPE_E3`.
    pub sku: String,
    /// `Enabled`, `Warning`, `Suspended`, `Deleted` or `LockedOut`.
    pub status: String,
    /// How many can be assigned in all.
    pub enabled: i64,
    /// How many are assigned.
    pub used: i64,
    /// What it consists of.
    pub plans: Vec<ServicePlan>,
}

/// One service of a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePlan {
    /// Its id.
    pub id: String,
    /// Its short name, e.g. `EXCHANGE_S_ENTERPRISE`.
    pub name: String,
    /// Whether it is ready in the tenant: `Success` and others.
    pub status: Option<String>,
    /// `User` or `Company`.
    pub applies_to: Option<String>,
}

impl Licence {
    /// How many are left to assign; below zero when more are assigned than were bought.
    #[must_use]
    pub fn free(&self) -> i64 {
        self.enabled - self.used
    }

    /// The address of the request.
    pub(in crate::cloud) fn path() -> &'static str {
        "/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits,servicePlans"
    }

    /// Reads a collection that is complete.
    pub(in crate::cloud) fn read_all(answer: &Value) -> Result<Vec<Self>> {
        Object::of(answer, "the licences")?.objects("value")?.iter().map(Self::from).collect()
    }

    fn from(object: &Object<'_>) -> Result<Self> {
        let plans = object.objects("servicePlans")?;
        Ok(Self {
            sku_id: object.text("skuId")?,
            sku: object.text("skuPartNumber")?,
            status: object.text("capabilityStatus")?,
            enabled: object.object("prepaidUnits")?.number("enabled")?,
            used: object.number("consumedUnits")?,
            plans: plans.iter().map(ServicePlan::from).collect::<Result<_>>()?,
        })
    }
}

impl ServicePlan {
    fn from(object: &Object<'_>) -> Result<Self> {
        Ok(Self {
            id: object.text("servicePlanId")?,
            name: object.text("servicePlanName")?,
            status: object.maybe_text("provisioningStatus")?,
            applies_to: object.maybe_text("appliesTo")?,
        })
    }
}

impl Graph {
    /// The tenant's licences. Least permission: `LicenseAssignment.Read.All`.
    ///
    /// # Errors
    /// Those of Graph.
    pub async fn licences(&self) -> Result<Vec<Licence>> {
        // This list comes in one piece: Microsoft pages it never.
        Licence::read_all(&self.get(Licence::path()).await?)
    }
}
