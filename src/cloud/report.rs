//! The test of a connection: what the cloud says of a domain to whoever signs in now.

use serde::Serialize;

use super::{
    Ask, Cloud, Freshness, Graph, SignIn,
    clouds::NationalCloud,
    discovery,
    graph::{domains::Domain, licences::Licence, organization::Organization},
};
use crate::error::{Error, Result};

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// The organization's id, as Graph answers it.
    pub id: String,
    /// The tenant that was meant; the same, or the test fails.
    pub tenant: String,
    /// The organization's name.
    pub organization: Option<String>,
    /// The national cloud.
    pub cloud: NationalCloud,
    /// The domain.
    pub domain: String,
    /// Whether the tenant has proven that it owns the domain.
    pub verified: bool,
    /// `Managed` or `Federated`.
    pub authentication_type: String,
    /// What the domain is used for.
    pub services: Vec<String>,
    /// The tenant's licences.
    pub licences: Vec<Licence>,
}

pub(super) async fn test(cloud: &Cloud, domain: &str, sign_in: &SignIn) -> Result<TestReport> {
    let domain = discovery::ascii(domain)?;
    let graph = cloud.sign_in(sign_in, Freshness::Fresh).await?;
    read(&graph, &domain).await
}

impl Graph {
    /// What a test of a connection reads; whoever asks has just signed in.
    ///
    /// # Errors
    /// As [`Cloud::test`].
    pub async fn test(&self, domain: &str) -> Result<TestReport> {
        read(self, &discovery::ascii(domain)?).await
    }
}

async fn read(graph: &Graph, domain: &str) -> Result<TestReport> {
    let tenant = &graph.tenant().id;
    // Three answers for one request: a test of ten thousand domains waits half as long.
    let asks = vec![Ask::get(Organization::path()), Ask::get(Domain::path(domain)), Ask::get(Licence::path())];
    let mut answers = graph.batch(asks).await.into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Err(Error::new("cloud.bad_answer", "an answer is missing")));
    let organization = Organization::read(&next()?, tenant)?;
    let found = next().map_err(|error| Domain::absent(error, domain, tenant))?;
    let found = Domain::read(&found)?;
    let licences = Licence::read_all(&next()?)?;
    Ok(TestReport {
        id: organization.id,
        tenant: tenant.clone(),
        organization: organization.display_name,
        cloud: graph.tenant().cloud,
        domain: found.name,
        verified: found.verified,
        authentication_type: found.authentication_type,
        services: found.services,
        licences,
    })
}
