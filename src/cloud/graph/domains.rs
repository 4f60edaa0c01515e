//! The domains of a tenant.

use serde::Serialize;
use serde_json::Value;

use super::{Graph, path::encode};
use crate::{
    cloud::{answer::Object, discovery, errors},
    error::{Error, Result},
};

/// What is asked of them.
const SELECT: &str = "id,authenticationType,isDefault,isInitial,isVerified,supportedServices";

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Whether the tenant has proven that it owns it.
    pub verified: bool,
    /// `Managed` (Entra ID looks at passwords) or `Federated` (somebody else does).
    pub authentication_type: String,
    /// Whether new users get it.
    pub default: bool,
    /// Whether it is the `.onmicrosoft.com` one that the tenant began with.
    pub initial: bool,
    /// What it is used for, e.g. `Email`.
    pub services: Vec<String>,
}

impl Domain {
    /// The address of the request.
    pub(in crate::cloud) fn path(name: &str) -> String {
        format!("/domains/{}?$select={SELECT}", encode(name))
    }

    /// Reads one.
    pub(in crate::cloud) fn read(answer: &Value) -> Result<Self> {
        Self::from(&Object::of(answer, "the domain")?)
    }

    fn from(object: &Object<'_>) -> Result<Self> {
        Ok(Self {
            name: object.text("id")?,
            verified: object.flag("isVerified")?,
            authentication_type: object.text("authenticationType")?,
            default: object.maybe_flag("isDefault")?.unwrap_or(false),
            initial: object.maybe_flag("isInitial")?.unwrap_or(false),
            services: object.texts("supportedServices")?,
        })
    }

    /// Puts the domain's name into the error that says that the tenant does not hold it.
    pub(in crate::cloud) fn absent(error: Error, name: &str, tenant: &str) -> Error {
        if error.code() != "cloud.not_found" {
            return error;
        }
        errors::renamed(&error, "cloud.unknown_domain", format!("the tenant {tenant} does not hold the domain {name}"))
            .hint("add the domain to the tenant and prove it there, or use the tenant that holds it")
    }
}

impl Graph {
    /// One domain. Least permission: `Domain.Read.All`.
    ///
    /// # Errors
    /// `cloud.unknown_domain` when the tenant does not hold it; those of Graph.
    pub async fn domain(&self, name: &str) -> Result<Domain> {
        let name = discovery::ascii(name)?;
        let answer =
            self.get(&Domain::path(&name)).await.map_err(|error| Domain::absent(error, &name, &self.tenant().id))?;
        Domain::read(&answer)
    }

    /// All domains, proven or not. Least permission: `Domain.Read.All`.
    ///
    /// # Errors
    /// Those of Graph.
    pub async fn domains(&self) -> Result<Vec<Domain>> {
        let all = self.all(&format!("/domains?$select={SELECT}")).await?;
        all.iter().map(Domain::read).collect()
    }
}
