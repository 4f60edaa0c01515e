//! What Graph tells of a tenant, and to whom.

use super::*;

const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

#[tokio::test]
async fn every_tenant_tells_of_itself() {
    let sky = sky(&[]);
    for tenant in sky.cloud.tenants() {
        let token = sky.token(&tenant.domain).await;
        let organization = sky.get("/organization", &token).await;
        assert_eq!(each(&organization, "id"), [&tenant.id]);
        assert_eq!(sky.get(&format!("/organization/{}", tenant.id), &token).await["id"], tenant.id);
        let domain = sky.get(&format!("/domains/{}", tenant.domain), &token).await;
        assert_eq!((&domain["isVerified"], &domain["authenticationType"]), (&json!(true), &json!("Managed")));
        assert_eq!(domain["supportedServices"], json!(["Email", "OfficeCommunicationsOnline", "Intune"]));
        let licences = sky.get("/subscribedSkus", &token).await;
        assert_eq!(each(&licences, "skuPartNumber"), ["SPE_E3", "EXCHANGESTANDARD"]);
        assert_eq!(licences["value"][0]["consumedUnits"], 3);
        assert_eq!(licences["value"][0]["servicePlans"].as_array().unwrap().len(), 6);
    }
}

#[tokio::test]
async fn domains_differ_by_tenant() {
    let sky = sky(&[]);
    let fabrikam = sky.token("fabrikam.example").await;
    let domains = sky.get("/domains", &fabrikam).await;
    assert_eq!(each(&domains, "id"), ["fabrikam.example", "fabrikam.onmicrosoft.example", "fed.fabrikam.example"]);
    let federation = sky.get("/domains/fed.fabrikam.example/federationConfiguration", &fabrikam).await;
    assert_eq!(each(&federation, "federatedIdpMfaBehavior"), ["rejectMfaByFederatedIdp"]);
    assert_eq!(sky.get("/domains/fabrikam.example/federationConfiguration", &fabrikam).await["value"], json!([]));
    let tailspin = sky.token("tailspin.example").await;
    assert_eq!(sky.get("/domains/new.tailspin.example", &tailspin).await["isVerified"], false);
    let (status, code, _) = sky.refusal("GET", "/domains/fabrikam.example", &tailspin, None).await;
    assert_eq!((status, code.as_str()), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn roles_and_permissions_are_told() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let app = sky.cloud.client_id();
    let found = sky.get(&format!("/servicePrincipals?$filter=appId eq '{app}'&$select=id,appId"), &token).await;
    let id = each(&found, "id")[0].to_owned();
    assert_eq!(found["value"][0].as_object().unwrap().len(), 2);
    assert_eq!(sky.get(&format!("/servicePrincipals(appId='{app}')"), &token).await["id"], *id);
    let assigned =
        sky.get(&format!("/roleManagement/directory/roleAssignments?$filter=principalId eq '{id}'"), &token).await;
    assert_eq!(each(&assigned, "roleDefinitionId"), [GLOBAL_ADMINISTRATOR]);
    let role = sky.get(&format!("/roleManagement/directory/roleDefinitions/{GLOBAL_ADMINISTRATOR}"), &token).await;
    assert_eq!(role["displayName"], "Global Administrator");
    let given = sky.get(&format!("/servicePrincipals/{id}/appRoleAssignments"), &token).await;
    assert_eq!(given["value"].as_array().unwrap().len(), 11);
    let resource = each(&given, "resourceId")[0].to_owned();
    let graph = sky.get(&format!("/servicePrincipals/{resource}"), &token).await;
    assert_eq!(graph["appRoles"][0]["value"], "Organization.Read.All");
    let to = sky.get(&format!("/servicePrincipals/{resource}/appRoleAssignedTo"), &token).await;
    assert_eq!(to["value"], given["value"]);
    let roles = sky.get("/directoryRoles", &token).await;
    assert_eq!(roles["value"].as_array().unwrap().len(), 5);
    let role = sky.get(&format!("/directoryRoles(roleTemplateId='{GLOBAL_ADMINISTRATOR}')"), &token).await;
    let members = sky.get(&format!("/directoryRoles/{}/members", role["id"].as_str().unwrap()), &token).await;
    assert_eq!(each(&members, "displayName"), ["Ada Administrator", "Libretto"]);
}

#[tokio::test]
async fn the_partner_sees_its_relationships() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let path = "/tenantRelationships/delegatedAdminRelationships";
    let all = sky.get(path, &token).await;
    assert_eq!(each(&all, "status"), ["active", "expired"]);
    assert_eq!(
        each(&sky.get(&format!("{path}?$filter=status eq 'active'"), &token).await, "displayName"),
        ["Fabrikam support"]
    );
    let one = sky.get(&format!("{path}/{}", each(&all, "id")[0]), &token).await;
    assert_eq!(one["customer"]["tenantId"], sky.tenant("fabrikam.example"));
    let customers = sky.get("/tenantRelationships/delegatedAdminCustomers", &token).await;
    assert_eq!(each(&customers, "displayName"), ["Fabrikam", "Tailspin Toys"]);
}

#[tokio::test]
async fn the_app_management_policy_is_told() {
    let open = sky(&[]);
    let policy = open.get("/policies/defaultAppManagementPolicy", &open.token("contoso.example").await).await;
    assert_eq!(
        (&policy["isEnabled"], &policy["applicationRestrictions"]["passwordCredentials"]),
        (&json!(false), &json!([]))
    );
    let strict = sky(&["cloud=secret-policy"]);
    let token = strict.token("contoso.example").await;
    let policy = strict.get("/policies/defaultAppManagementPolicy", &token).await;
    assert_eq!(policy["isEnabled"], true);
    assert_eq!(policy["applicationRestrictions"]["passwordCredentials"][0]["maxLifetime"], "P90D");
    assert_eq!(strict.get("/policies/appManagementPolicies", &token).await["value"], json!([]));
}

#[tokio::test]
async fn tokens_are_looked_at() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    for bad in ["", "rubbish", "a.b.c", &forged] {
        let (status, code, _) = sky.refusal("GET", "/organization", bad, None).await;
        assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationToken"), "{bad}");
    }
    sky.clock.advance(MINUTE * 61);
    let (status, _, message) = sky.refusal("GET", "/organization", &token, None).await;
    assert_eq!((status, message.as_str()), (401, "Lifetime validation failed, the token is expired."));
}

#[tokio::test]
async fn what_nobody_allowed_is_refused() {
    let sky = sky(&["cloud:fabrikam=no-roles"]);
    let token = sky.token("fabrikam.example").await;
    for path in ["/organization", "/domains", "/subscribedSkus", "/users", "/servicePrincipals", "/directoryRoles"] {
        let (status, code, _) = sky.refusal("GET", path, &token, None).await;
        assert_eq!((status, code.as_str()), (403, "Authorization_RequestDenied"), "{path}");
    }
    let contoso = sky.token("contoso.example").await;
    assert_eq!(sky.refusal("GET", "/nothing", &contoso, None).await.0, 400);
    assert_eq!(sky.refusal("GET", "/me", &contoso, None).await.0, 400);
    let me = sky.get("/me", &sky.administrator("contoso.example").await).await;
    assert_eq!(me["userPrincipalName"], "admin@contoso.example");
}
