//! What the test cloud holds, and how it answers when no test says otherwise.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Asked, Reply};

pub const TENANT: &str = "0c0a7a00-1111-4a4a-8b8b-000000000001";
pub const OTHER_TENANT: &str = "0c0a7a00-2222-4a4a-8b8b-000000000002";
pub const DOMAIN: &str = "contoso.example";
pub const APP: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
pub const SECRET: &str = "Canary-App~Secret.1234567890";
pub const PRINCIPAL: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
pub const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
pub const SKU: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";

/// An access token for `tenant` that differs from every other one.
pub fn token(tenant: &str, more: &Value) -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut claims = json!({
        "tid": tenant, "oid": PRINCIPAL, "appid": APP, "nbf": now - 300, "exp": now + 3600,
        "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"], "roles": ["Organization.Read.All", "User.ReadWrite.All"],
        "uti": uuid::Uuid::new_v4().to_string(),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        claims[key] = value.clone();
    }
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.c2lnbmF0dXJl", encode(&json!({ "alg": "RS256", "typ": "JWT" })), encode(&claims))
}

/// A good answer of the token endpoint.
pub fn granted(tenant: &str, more: &Value) -> Reply {
    Reply::json(
        200,
        &json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token(tenant, more) }),
    )
}

/// A refusal of the sign-in service.
pub fn refused(status: u16, error: &str, code: u64, words: &str) -> Reply {
    Reply::json(
        status,
        &json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {words} Trace ID: 11111111-aaaa-4000-8000-111111111111 Correlation ID: \
                 22222222-bbbb-4000-8000-222222222222 Timestamp: 2026-11-23 10:00:00Z"
            ),
            "error_codes": [code],
            "timestamp": "2026-11-23 10:00:00Z",
            "trace_id": "11111111-aaaa-4000-8000-111111111111",
            "correlation_id": "22222222-bbbb-4000-8000-222222222222",
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}

/// A refusal of Graph's.
pub fn graph_error(status: u16, code: &str, message: &str) -> Reply {
    let id = "33333333-cccc-4000-8000-333333333333";
    let inner = json!({ "date": "2026-11-23T10:00:00Z", "request-id": id, "client-request-id": id });
    Reply::json(status, &json!({ "error": { "code": code, "message": message, "innerError": inner } }))
        .header("request-id", id)
}

pub fn configuration(address: &str) -> Value {
    let base = format!("http://{address}/{TENANT}");
    json!({
        "issuer": format!("{base}/v2.0"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": address,
    })
}

pub fn organization() -> Value {
    json!({ "value": [{
        "id": TENANT, "displayName": "Contoso", "countryLetterCode": "DE", "tenantType": "AAD", "onPremisesSyncEnabled": true,
        "verifiedDomains": [
            { "name": "contoso.onmicrosoft.example", "isDefault": false, "isInitial": true, "type": "Managed", "capabilities": "Email" },
            { "name": DOMAIN, "isDefault": true, "isInitial": false, "type": "Managed", "capabilities": "Email" },
        ],
    }]})
}

pub fn domain(name: &str) -> Value {
    json!({
        "id": name, "authenticationType": "Managed", "isDefault": true, "isInitial": false, "isVerified": true,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
    })
}

pub fn licences() -> Value {
    json!({ "value": [{
        "skuId": SKU, "skuPartNumber": "SPE_E3", "capabilityStatus": "Enabled", "consumedUnits": 7,
        "prepaidUnits": { "enabled": 25, "suspended": 0, "warning": 0, "lockedOut": 0 },
        "servicePlans": [{
            "servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0", "servicePlanName": "EXCHANGE_S_ENTERPRISE",
            "provisioningStatus": "Success", "appliesTo": "User",
        }],
    }]})
}

pub fn user(name: &str) -> Value {
    json!({
        "id": "cccccccc-0000-4000-8000-00000000000c", "userPrincipalName": name, "displayName": "Ada", "mail": name,
        "accountEnabled": true, "usageLocation": "DE", "onPremisesSyncEnabled": null,
        "assignedLicenses": [{ "skuId": SKU, "disabledPlans": [] }],
    })
}

/// The usual answer.
pub fn answer(asked: &Asked, address: &str) -> Reply {
    let path = asked.path.as_str();
    if path.ends_with("/.well-known/openid-configuration") {
        return if path.starts_with(&format!("/{DOMAIN}/")) {
            Reply::json(200, &configuration(address))
        } else {
            refused(
                400,
                "invalid_tenant",
                90002,
                "Tenant not found. Check to make sure you have the correct tenant ID.",
            )
        };
    }
    if path == format!("/{TENANT}/oauth2/v2.0/token") {
        return granted(TENANT, &Value::Null);
    }
    match (asked.method.as_str(), path) {
        ("GET", "/v1.0/organization") => Reply::json(200, &organization()),
        ("GET", "/v1.0/domains") => Reply::json(200, &json!({ "value": [domain(DOMAIN)] })),
        ("GET", "/v1.0/domains/contoso.example") => Reply::json(200, &domain(DOMAIN)),
        ("GET", "/v1.0/subscribedSkus") => Reply::json(200, &licences()),
        ("GET", "/v1.0/users/ada@contoso.example") => Reply::json(200, &user("ada@contoso.example")),
        ("GET", "/v1.0/roleManagement/directory/roleAssignments") => Reply::json(200, &json!({ "value": [] })),
        ("PATCH", "/v1.0/users/ada@contoso.example") => Reply::json(204, &Value::Null),
        _ => graph_error(404, "Request_ResourceNotFound", &format!("Resource '{path}' does not exist.")),
    }
}
