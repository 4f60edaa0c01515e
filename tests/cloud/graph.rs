//! What is read of a tenant.

use std::collections::BTreeSet;

use libretto::cloud::{Freshness, clouds::NationalCloud};
use serde_json::{Value, json};

use super::{fact, signed_in, told};
use crate::support::cloud::{FakeCloud, Reply, world};

#[tokio::test]
async fn a_connection_is_tested_with_one_token_and_one_request() {
    let fake = FakeCloud::start().await;
    let report = fake.cloud().test("Contoso.example", &fake.sign_in()).await.unwrap();
    assert_eq!(report.cloud, NationalCloud::Other);
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        json!({
            "id": world::TENANT, "tenant": world::TENANT, "organization": "Contoso", "cloud": "other", "domain": "contoso.example",
            "verified": true, "authenticationType": "Managed", "services": ["Email", "OfficeCommunicationsOnline"],
            "licences": [{
                "skuId": world::SKU, "sku": "SPE_E3", "status": "Enabled", "enabled": 25, "used": 7,
                "plans": [{
                    "id": "efb87545-963c-4e0d-99df-69c6916d9eb0", "name": "EXCHANGE_S_ENTERPRISE", "status": "Success",
                    "appliesTo": "User",
                }],
            }],
        })
    );
    let token = format!("POST /{}/oauth2/v2.0/token", world::TENANT);
    let wanted = [
        &token,
        "POST /v1.0/$batch",
        "GET /v1.0/organization",
        "GET /v1.0/domains/contoso.example",
        "GET /v1.0/subscribedSkus",
    ];
    assert_eq!(fake.lines(), wanted);
    fake.assert_as_described();
}

#[tokio::test]
async fn a_domain_that_the_tenant_does_not_hold_is_named() {
    let fake = FakeCloud::start().await;
    let tested = fake.cloud().test("fabrikam.example", &fake.sign_in()).await.unwrap_err();
    let (fake, graph) = signed_in().await;
    let asked = graph.domain("fabrikam.example").await.unwrap_err();
    for error in [tested, asked] {
        assert_eq!(
            told(&error),
            format!(
                "[cloud.unknown_domain] the tenant {} does not hold the domain fabrikam.example; add the domain to the tenant and prove \
                 it there, or use the tenant that holds it",
                world::TENANT
            )
        );
        assert!(fact(&error, "request_id").is_some());
    }
    fake.assert_as_described();
}

#[tokio::test]
async fn a_graph_that_speaks_for_another_tenant_is_not_believed() {
    let fake = FakeCloud::start().await;
    let mut other = world::organization();
    other["value"][0]["id"] = json!(world::OTHER_TENANT);
    fake.on("GET", "/v1.0/organization", [Reply::json(200, &other), Reply::json(200, &other)]);
    let tested = fake.cloud().test(world::DOMAIN, &fake.sign_in()).await.unwrap_err();
    let graph = fake.cloud().sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let asked = graph.organization().await.unwrap_err();
    assert_eq!([tested.code(), asked.code()], ["cloud.wrong_tenant", "cloud.wrong_tenant"]);
}

#[tokio::test]
async fn organization_domains_and_licences_are_read() {
    let (fake, graph) = signed_in().await;
    let organization = graph.organization().await.unwrap();
    assert_eq!(
        serde_json::to_value(&organization).unwrap(),
        json!({
            "id": world::TENANT, "displayName": "Contoso", "country": "DE", "synced": true,
            "domains": ["contoso.onmicrosoft.example", "contoso.example"], "defaultDomain": "contoso.example",
        })
    );
    assert_eq!(graph.domains().await.unwrap(), [graph.domain("contoso.example").await.unwrap()]);
    assert_eq!(graph.licences().await.unwrap()[0].free(), 18);
    fake.assert_as_described();
}

fn page(address: &str, from: usize, next: Option<usize>) -> Reply {
    let users: Vec<Value> = (from..from + 3).map(|i| world::user(&format!("u{i}@contoso.example"))).collect();
    let mut body = json!({ "value": users });
    if let Some(next) = next {
        body["@odata.nextLink"] = format!("http://{address}/v1.0/users?$skiptoken={next}").into();
    }
    Reply::json(200, &body)
}

#[tokio::test]
async fn a_collection_is_read_page_by_page() {
    let (fake, graph) = signed_in().await;
    let address = fake.address();
    fake.on("GET", "/v1.0/users", [page(&address, 0, Some(3)), page(&address, 3, Some(6)), page(&address, 6, None)]);
    let users = graph.find_users("startswith(displayName,'A & B')", 100).await.unwrap();
    let names: BTreeSet<String> = users.into_iter().map(|user| user.user_principal_name).collect();
    assert_eq!(names, (0..9).map(|i| format!("u{i}@contoso.example")).collect());
    let asked: Vec<_> = fake.asked().into_iter().filter(|asked| asked.path == "/v1.0/users").collect();
    assert_eq!(asked[0].query("$filter"), Some("startswith(displayName,'A & B')"));
    assert_eq!((asked[1].query("$skiptoken"), asked[2].query("$skiptoken")), (Some("3"), Some("6")));
    fake.on("GET", "/v1.0/users", [page(&address, 0, Some(3)), page(&address, 3, Some(6))]);
    assert_eq!(graph.find_users("x", 5).await.unwrap_err().code(), "cloud.too_many");
    fake.assert_as_described();
}

#[tokio::test]
async fn the_next_page_is_of_the_same_graph_or_not_asked_for() {
    let (fake, graph) = signed_in().await;
    let thief = FakeCloud::start().await;
    let here = fake.address();
    let port = here.rsplit(':').next().unwrap();
    let links = [
        (format!("http://{}/v1.0/users", thief.address()), "leads to another host"),
        (format!("https://{here}/v1.0/users"), "leads to another host"),
        (format!("http://localhost:{port}/v1.0/users"), "leads to another host"),
        (format!("http://me:pw@{here}/v1.0/users"), "leads to another host"),
        ("/v1.0/users?$skiptoken=2".to_owned(), "is no address"),
        ("7".to_owned(), "is no address"),
    ];
    for (link, what) in links {
        fake.on("GET", "/v1.0/users", [Reply::json(200, &json!({ "value": [], "@odata.nextLink": link }))]);
        let error = graph.find_users("x", 5).await.unwrap_err();
        assert_eq!((error.code(), fact(&error, "member")), ("cloud.bad_answer", Some("@odata.nextLink")));
        assert!(error.message().ends_with(what), "{error}");
    }
    assert_eq!(thief.lines(), [""; 0]);
    let again = json!({ "value": [], "@odata.nextLink": format!("http://{here}/v1.0/users?$skiptoken=2") });
    fake.on("GET", "/v1.0/users", [Reply::json(200, &again), Reply::json(200, &again)]);
    assert!(graph.find_users("x", 5).await.unwrap_err().message().ends_with("leads to the same page"));
}

fn assignment(role: &str, scope: &str) -> Value {
    json!({ "id": format!("{role}-1"), "principalId": world::PRINCIPAL, "roleDefinitionId": role, "directoryScopeId": scope })
}

#[tokio::test]
async fn roles_are_those_of_the_token_and_those_that_are_assigned_now() {
    let (fake, graph) = signed_in().await;
    let reader = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b";
    let path = "/v1.0/roleManagement/directory/roleAssignments";
    let list = json!({ "value": [assignment(reader, "/"), assignment(world::GLOBAL_ADMINISTRATOR, "/administrativeUnits/x")] });
    fake.on("GET", path, [Reply::json(200, &list)]);
    let roles = graph.roles().await.unwrap();
    assert_eq!(roles.directory, [reader]);
    assert_eq!(roles.app, ["Organization.Read.All", "User.ReadWrite.All"]);
    assert_eq!((roles.global_administrator, roles.unreadable.is_none()), (Some(false), true));
    let asked = fake.asked().pop().unwrap();
    assert_eq!(asked.query("$filter"), Some(format!("principalId eq '{}'", world::PRINCIPAL).as_str()));

    fake.on("GET", path, [Reply::json(200, &json!({ "value": [assignment(world::GLOBAL_ADMINISTRATOR, "/")] }))]);
    assert_eq!(graph.roles().await.unwrap().global_administrator, Some(true));

    // What cannot be read is not known to be absent.
    fake.on("GET", path, [world::graph_error(403, "Authorization_RequestDenied", "Insufficient privileges.")]);
    let roles = graph.roles().await.unwrap();
    assert_eq!((roles.global_administrator, roles.unreadable.unwrap().code()), (None, "cloud.permission_missing"));
    fake.assert_as_described();
}

#[tokio::test]
async fn a_role_by_group_or_delegation_stands_in_the_token() {
    let fake = FakeCloud::start().await;
    let claims = json!({ "wids": [world::GLOBAL_ADMINISTRATOR.to_uppercase(), "b79fbf4d-3ef9-4689-8143-76b194e85509"], "scp": "User.Read Directory.AccessAsUser.All" });
    fake.on("POST", &format!("/{}/oauth2/v2.0/token", world::TENANT), [world::granted(world::TENANT, &claims)]);
    let graph = fake.cloud().sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    fake.on(
        "GET",
        "/v1.0/roleManagement/directory/roleAssignments",
        [world::graph_error(403, "Authorization_RequestDenied", "No.")],
    );
    let roles = graph.roles().await.unwrap();
    assert_eq!((roles.global_administrator, roles.directory.len()), (Some(true), 1));
    assert_eq!(roles.delegated, ["User.Read", "Directory.AccessAsUser.All"]);
}

#[tokio::test]
async fn delegated_admin_relationships_are_read() {
    let (fake, graph) = signed_in().await;
    let path = "/v1.0/tenantRelationships/delegatedAdminRelationships";
    let body = json!({ "value": [
        {
            "id": "r1", "displayName": "Fabrikam", "status": "active", "duration": "P730D", "autoExtendDuration": "P180D",
            "endDateTime": "2028-01-01T00:00:00Z", "customer": { "tenantId": world::OTHER_TENANT, "displayName": "Fabrikam" },
            "accessDetails": { "unifiedRoles": [{ "roleDefinitionId": world::GLOBAL_ADMINISTRATOR }] },
        },
        { "id": "r2", "displayName": "New", "status": "approvalPending", "duration": "P30D", "autoExtendDuration": "PT0S", "customer": null },
    ]});
    fake.on("GET", path, [Reply::json(200, &body)]);
    let all = graph.relationships().await.unwrap();
    assert_eq!(
        serde_json::to_value(&all).unwrap(),
        json!([
            {
                "id": "r1", "displayName": "Fabrikam", "status": "active", "customer": world::OTHER_TENANT, "customerName": "Fabrikam",
                "ends": "2028-01-01T00:00:00Z", "extends": "P180D", "roles": [world::GLOBAL_ADMINISTRATOR],
            },
            {
                "id": "r2", "displayName": "New", "status": "approvalPending", "customer": null, "customerName": null, "ends": null,
                "extends": null, "roles": [],
            },
        ])
    );
    fake.assert_as_described();
}
