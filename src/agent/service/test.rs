//! `Connections_TestConnection`: what the cloud says of a domain now.

use axum::{body::Bytes, extract::State, http::HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Agent,
    records::{DomainReq, domain},
};
use crate::{
    cloud::TestReport,
    connection::credentials,
    service::{Answer, Problem},
};

/// What a test found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tested {
    /// The organization's id, as Graph answers it.
    #[schema(example = "5f2a1f0e-7d0c-4a6c-9d8b-0d3c5a1e2f47")]
    id: String,
    /// The tenant that was meant: the same, or the test fails.
    tenant: String,
    /// The organization's name.
    organization: Option<String>,
    /// The national cloud.
    #[schema(value_type = String, example = "global")]
    cloud: crate::cloud::clouds::NationalCloud,
    /// The domain.
    #[schema(example = "contoso.example")]
    domain: String,
    /// Whether the tenant has proven that it owns the domain.
    verified: bool,
    /// `Managed` or `Federated`.
    #[schema(example = "Managed")]
    authentication_type: String,
    /// What the domain is used for.
    #[schema(example = json!(["Email"]))]
    services: Vec<String>,
    /// The tenant's licences.
    licences: Vec<Owned>,
    /// The version of the credential that was accepted.
    version: u32,
}

/// A licence that a tenant has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owned {
    /// Its id.
    id: String,
    /// Its part number.
    #[schema(example = "ENTERPRISEPACK")]
    sku: String,
    /// How many may be assigned.
    enabled: i64,
    /// How many are.
    used: i64,
}

impl Tested {
    fn new(report: TestReport, version: u32) -> Self {
        let licences = report.licences.into_iter().map(|licence| Owned {
            id: licence.sku_id,
            sku: licence.sku,
            enabled: licence.enabled,
            used: licence.used,
        });
        Self {
            id: report.id,
            tenant: report.tenant,
            organization: report.organization,
            cloud: report.cloud,
            domain: report.domain,
            verified: report.verified,
            authentication_type: report.authentication_type,
            services: report.services,
            licences: licences.collect(),
            version,
        }
    }
}

/// Tests the connection of a domain
///
/// Signs in anew, never with a token that is kept, and reads the organization, the domain and the licences.
#[utoipa::path(post, path = "/api/Connections/TestConnection", tag = "Connections",
    operation_id = "Connections_TestConnection", request_body = DomainReq,
    responses((status = 200, description = "The connection works: the domain as the cloud knows it", body = Tested)))]
pub(super) async fn test_connection(
    State(agent): State<Agent>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Answer<Tested>, Problem> {
    let domain = domain(&headers, &bytes)?;
    let ready = agent.ready(&domain).await?;
    let report = agent.0.cloud.test(&ready.connection.domain, &ready.sign_in).await;
    let report = report.inspect_err(|_| agent.doubt(&domain))?;
    let credential = ready.credential;
    let version = credential.version;
    // The first time only: ten thousand tests are not to wait for the disk ten thousand times.
    if credential.proven_at.is_none() {
        let on = ready.sign_in.tenant.id.clone();
        agent.stored(move |inner| credentials::mark_proven(&inner.store, credential.id, &on)).await?;
    }
    Ok(Answer(Tested::new(report, version)))
}
