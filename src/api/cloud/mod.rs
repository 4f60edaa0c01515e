//! `cloud::`: the Entra ID tenant of a Microsoft Online connection, straight from here, without its Remote Agent.

mod apps;
mod dependents;
mod migrate;
mod reporter;
mod rotate;
mod users;
pub(in crate::api) mod way;

use std::time::Instant;

use rhai::Dynamic;
use serde::Serialize;
use serde_json::Value;

use self::way::{Way, graph, known};
use crate::{
    cloud::{Domain, Freshness, Licence, Organization, Relationship, Roles, Tenant, TestReport},
    connection::Connection,
    error::Result,
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::{FromScript, IntoScript, Record},
    },
    verdict::Verdict,
};

pub(super) fn namespace() -> Namespace {
    let namespace = Namespace::new("cloud")
        .operation(
            Spec {
                signature: "tenant(place: connection or text) -> record of id, cloud, login, graph",
                grant: None,
                doc: "The tenant that a connection's domain, or a domain given as text, belongs to, and its national cloud. Nobody signs in.",
                example: r#"print(cloud::tenant("contoso.example").cloud);"#,
            },
            tenant,
        )
        .operation(
            Spec {
                signature: "test(conn: connection) -> record of id, tenant, organization, cloud, domain, verified, authentication_type, services, licences",
                grant: None,
                doc: "Signs in anew with the connection's credential, from here and not through its agent, and reads the organization (its ID \
                      is the tenant's), the domain and the licences. A candidate is proven by it; one that the cloud does not know is tried \
                      again for as long as `--wait` says, for a new secret is not known everywhere at once.",
                example: r#"try { print(cloud::test(conn::get("contoso")).id) } catch (e) { print(e.code) }"#,
            },
            test,
        )
        .operation(
            Spec {
                signature: "organization(conn: connection) -> record of id, display_name, country, domains, default_domain, synced",
                grant: None,
                doc: "The tenant's organization. Least permission: `Organization.Read.All`.",
                example: r#"try { print(cloud::organization(conn::get("contoso")).display_name) } catch (e) { print(e.code) }"#,
            },
            organization,
        )
        .operation(
            Spec {
                signature: "domain(conn: connection, name?: text) -> record of name, verified, authentication_type, default, initial, services",
                grant: None,
                doc: "A domain of the tenant; the connection's own without a name. `authentication_type` is `Managed`, or `Federated` where \
                      somebody else looks at passwords. Least permission: `Domain.Read.All`.",
                example: r#"try { print(cloud::domain(conn::get("contoso")).verified) } catch (e) { print(e.code) }"#,
            },
            domain,
        )
        .operation(
            Spec {
                signature: "domains(conn: connection) -> array of records",
                grant: None,
                doc: "All domains of the tenant, proven or not, as `cloud::domain` shows them.",
                example: r#"try { print(cloud::domains(conn::get("contoso")).len()) } catch (e) { print(e.code) }"#,
            },
            domains,
        )
        .operation(
            Spec {
                signature: "roles(conn: connection) -> record of global_administrator, directory, app, delegated, unreadable",
                grant: None,
                doc: "What the connection may do in its tenant: directory roles by template id (those in the token, by group, just-in-time and \
                      delegated, and those that are assigned), app permissions and delegated permissions by name. `global_administrator` is `()` \
                      where that cannot be told; `unreadable` says why. Least permission: `RoleManagement.Read.Directory`.",
                example: r#"try { print(cloud::roles(conn::get("contoso")).app) } catch (e) { print(e.code) }"#,
            },
            roles,
        )
        .operation(
            Spec {
                signature: "licences(conn: connection) -> array of records of sku_id, sku, status, enabled, used, plans",
                grant: None,
                doc: "The tenant's licences: how many there are, how many are used, and the service plans of each (`id`, `name`, `status`, \
                      `applies_to`). Least permission: `LicenseAssignment.Read.All`.",
                example: r#"try { for one in cloud::licences(conn::get("contoso")) { print(one.sku) } } catch (e) { print(e.code) }"#,
            },
            licences,
        )
        .operation(
            Spec {
                signature: "relationships(conn: connection) -> array of records of id, display_name, status, customer, customer_name, ends, extends, roles",
                grant: None,
                doc: "The delegated-admin relationships (GDAP) of a partner with all its customers, asked in the partner's own tenant. Least \
                      permission: `DelegatedAdminRelationship.Read.All`.",
                example: r#"try { print(cloud::relationships(conn::get("contoso")).len()) } catch (e) { print(e.code) }"#,
            },
            relationships,
        );
    migrate::register(rotate::register(apps::register(users::register(namespace))))
}

/// What changes the cloud.
fn writes(signature: &'static str, doc: &'static str, example: &'static str) -> Spec {
    Spec { signature, grant: Some("cloud:write"), doc, example }
}

/// A report of the cloud's as scripts see it: its members' names as scripts write names.
struct Shown<T>(T);

impl<T: Serialize + Send + 'static> IntoScript for Shown<T> {
    fn into_script(self) -> Result<Dynamic> {
        let json = serde_json::to_value(self.0).unwrap_or_default();
        Record(renamed(json)).into_script()
    }
}

/// `displayName` to `display_name`, all through.
fn renamed(json: Value) -> Value {
    match json {
        Value::Object(members) => members.into_iter().map(|(name, value)| (snake(&name), renamed(value))).collect(),
        Value::Array(items) => items.into_iter().map(renamed).collect(),
        other => other,
    }
}

fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// A domain: a connection's, or given as text.
struct Place(String);

impl FromScript for Place {
    const TYPE: &'static str = "text";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if let Some(connection) = value.read_lock::<Connection>() {
            return Ok(Self(connection.domain.clone()));
        }
        String::from_script(value).map(Self).map_err(|_| "must be a connection or a domain".to_owned())
    }
}

async fn tenant(context: Context, (Place(domain),): (Place,)) -> Result<Shown<Tenant>> {
    known(&context).await?.tenant(&domain).await.map(Shown)
}

async fn test(context: Context, (connection,): (Connection,)) -> Result<Shown<TestReport>> {
    let begun = Instant::now();
    let tested = tested(&context, &connection).await;
    let (verdict, note, error) = match &tested {
        Ok(report) => (Verdict::Ok, report.id.as_str(), None),
        Err(error) => (error.verdict(), "", Some(error)),
    };
    context.check_finished(&connection.domain, verdict, begun.elapsed(), note, error);
    tested.map(Shown)
}

async fn tested(context: &Context, connection: &Connection) -> Result<TestReport> {
    let way = Way::to(context, connection).await?;
    let graph = way.graph(context, Freshness::Fresh).await?;
    let report = graph.test(&way.connection.domain).await?;
    way.learn(context).await;
    Ok(report)
}

async fn organization(context: Context, (connection,): (Connection,)) -> Result<Shown<Organization>> {
    graph(&context, &connection).await?.organization().await.map(Shown)
}

async fn domain(context: Context, (connection, name): (Connection, Option<String>)) -> Result<Shown<Domain>> {
    let graph = graph(&context, &connection).await?;
    graph.domain(name.as_deref().unwrap_or(&connection.domain)).await.map(Shown)
}

async fn domains(context: Context, (connection,): (Connection,)) -> Result<Shown<Vec<Domain>>> {
    graph(&context, &connection).await?.domains().await.map(Shown)
}

async fn roles(context: Context, (connection,): (Connection,)) -> Result<Shown<Roles>> {
    graph(&context, &connection).await?.roles().await.map(Shown)
}

async fn licences(context: Context, (connection,): (Connection,)) -> Result<Shown<Vec<Licence>>> {
    graph(&context, &connection).await?.licences().await.map(Shown)
}

async fn relationships(context: Context, (connection,): (Connection,)) -> Result<Shown<Vec<Relationship>>> {
    graph(&context, &connection).await?.relationships().await.map(Shown)
}
