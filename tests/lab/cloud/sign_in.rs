//! Discovery and the token endpoint.

use super::*;

const CONTOSO: &str = "contoso.example";

#[tokio::test]
async fn discovery_maps_domains_to_tenants() {
    let sky = sky(&[]);
    for tenant in sky.cloud.tenants() {
        let other = tenant.domain.replace(".example", ".onmicrosoft.example");
        for name in [&tenant.domain, &tenant.id, &other] {
            let path = format!("/{name}/v2.0/.well-known/openid-configuration");
            let said = sky.send(Method::GET, &path, None, None).await.unwrap();
            let base = sky.cloud.login();
            assert_eq!(said.status, 200);
            assert_eq!(said.body["issuer"], format!("{base}{}/v2.0", tenant.id));
            assert_eq!(said.body["token_endpoint"], format!("{base}{}/oauth2/v2.0/token", tenant.id));
            assert_eq!(said.body["msgraph_host"], sky.cloud.address().to_string());
            assert_eq!(said.body["cloud_instance_name"], "microsoftonline.com");
            assert_eq!(said.body["tenant_region_scope"], "NA");
        }
    }
    // A domain that its tenant has not proven to own leads nowhere.
    for (name, refusal) in [
        ("nobody.example", (400, "invalid_tenant", 90002)),
        ("new.tailspin.example", (400, "invalid_tenant", 90002)),
        ("nobody", (400, "invalid_request", 900_023)),
    ] {
        let path = format!("/{name}/v2.0/.well-known/openid-configuration");
        assert_eq!(sky.send(Method::GET, &path, None, None).await.unwrap().refused(), refusal, "{name}");
    }
    assert_eq!(sky.send(Method::GET, "/elsewhere", None, None).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_secret_brings_a_token_for_each_tenant_that_consented() {
    let sky = sky(&[]);
    for tenant in sky.cloud.tenants() {
        let said = sky.by_secret(&tenant.domain, sky.cloud.secret().expose()).await;
        assert_eq!((&said.body["token_type"], &said.body["expires_in"]), (&json!("Bearer"), &json!(3599)));
        let claims = read(&said.token());
        assert_eq!(claims["tid"], tenant.id);
        assert_eq!(claims["appid"], sky.cloud.client_id());
        assert_eq!(claims["idtyp"], "app");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
        assert!(claims["wids"].as_array().unwrap().contains(&json!("62e90394-69f5-4237-9190-012177145e10")));
        let owned = claims["roles"].as_array().unwrap().contains(&json!("Application.ReadWrite.OwnedBy"));
        assert_eq!(owned, tenant.domain == CONTOSO);
        let principals = sky.get("/servicePrincipals", &said.token()).await;
        assert_eq!(claims["oid"], principals["value"][0]["id"]);
    }
}

#[tokio::test]
async fn requests_that_are_wrong_are_refused_with_their_numbers() {
    let sky = sky(&[]);
    let secret = ("client_secret", sky.cloud.secret().expose());
    let (client, grant) = (("client_id", sky.cloud.client_id()), ("grant_type", "client_credentials"));
    let scope = ("scope", "https://graph.microsoft.com/.default");
    let nobody = ("client_id", "00000000-0000-0000-0000-00000000dead");
    let code = ("grant_type", "authorization_code");
    for (tenant, form, refusal) in [
        (CONTOSO, vec![], (400, "invalid_request", 900_144)),
        (CONTOSO, vec![client, scope, secret], (400, "invalid_request", 900_144)),
        (CONTOSO, vec![client, grant, secret], (400, "invalid_request", 900_144)),
        (CONTOSO, vec![nobody, grant, scope, secret], (400, "unauthorized_client", 700_016)),
        (CONTOSO, vec![client, grant, scope], (401, "invalid_client", 7_000_218)),
        (CONTOSO, vec![client, grant, scope, ("client_secret", "wrong")], (401, "invalid_client", 7_000_215)),
        (CONTOSO, vec![client, code, scope, secret], (400, "unsupported_grant_type", 70003)),
        (
            CONTOSO,
            vec![client, grant, ("scope", "https://else.example/.default"), secret],
            (400, "invalid_resource", 500_011),
        ),
        (
            CONTOSO,
            vec![client, grant, ("scope", "https://graph.microsoft.com/User.Read"), secret],
            (400, "invalid_scope", 1_002_012),
        ),
        (CONTOSO, vec![client, grant, ("scope", "openid"), secret], (400, "invalid_scope", 70011)),
        ("common", vec![client, grant, scope, secret], (400, "invalid_request", 9_001_023)),
        ("nobody.example", vec![client, grant, scope, secret], (400, "invalid_request", 90002)),
        ("nobody", vec![client, grant, scope, secret], (400, "invalid_request", 900_023)),
    ] {
        assert_eq!(sky.form(tenant, &form).await.refused(), refusal, "{tenant} {form:?}");
    }
    assert_eq!(sky.form(CONTOSO, &[client, grant, scope, secret]).await.status, 200);
    let get = sky.send(Method::GET, "/contoso.example/oauth2/v2.0/token", None, None).await.unwrap();
    assert_eq!(get.refused(), (400, "invalid_request", 900_561));
}

#[tokio::test]
async fn an_assertion_is_verified() {
    let sky = sky(&[]);
    let pem = sky.cloud.certificate().unwrap();
    let pem = pem.expose();
    let good = sky.claims(CONTOSO);
    let but = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        sign(pem, pem, "PS256", &claims)
    };
    let said = sky.by_assertion(CONTOSO, &sign(pem, pem, "PS256", &good)).await;
    assert_eq!(read(&said.token())["appidacr"], "2");
    let by_id = sky.claims(&sky.tenant("fabrikam.example"));
    assert_eq!(sky.by_assertion("fabrikam.example", &sign(pem, pem, "PS256", &by_id)).await.status, 200);
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let forged = sign(pem, pem, "PS256", &good).replace('.', "x");
    for (what, assertion, code) in [
        ("another's certificate", sign(STRANGER, STRANGER, "PS256", &good), 700_027),
        ("the right certificate, another's key", sign(STRANGER, pem, "PS256", &good), 700_027),
        ("another algorithm", sign(pem, pem, "RS256", &good), 50027),
        ("PS256 said, RS256 done", relabelled(pem, &good), 700_027),
        ("another tenant's endpoint", sign(pem, pem, "PS256", &sky.claims("fabrikam.example")), 700_023),
        ("no address of ours", but("aud", json!("https://else.example/contoso.example/oauth2/v2.0/token")), 700_023),
        ("another issuer", but("iss", json!("somebody")), 700_021),
        ("another subject", but("sub", json!("somebody")), 700_021),
        ("expired", but("exp", json!(now - 400)), 700_024),
        ("of the future", but("nbf", json!(now + 400)), 700_024),
        ("no id", but("jti", Value::Null), 50027),
        ("no token", "rubbish".to_owned(), 50027),
        ("no token in three parts", forged, 50027),
    ] {
        assert_eq!(sky.by_assertion(CONTOSO, &assertion).await.refused(), (401, "invalid_client", code), "{what}");
    }
    let untold =
        sky.grant(CONTOSO, "client_credentials", &[("client_assertion", &sign(pem, pem, "PS256", &good))]).await;
    assert_eq!(untold.refused(), (400, "invalid_request", 900_144));
}

/// An assertion whose header says PS256 and whose signature is another.
fn relabelled(pem: &str, claims: &Value) -> String {
    let (right, other) = (sign(pem, pem, "PS256", claims), sign(pem, pem, "RS256", claims));
    let (signed, _) = right.rsplit_once('.').unwrap();
    format!("{signed}.{}", other.rsplit_once('.').unwrap().1)
}

#[tokio::test]
async fn a_workload_identity_signs_in_with_what_its_own_issuer_says() {
    let sky = sky(&[]);
    let assertion = sky.cloud.federated_assertion().unwrap();
    assert_eq!(read(&sky.by_assertion("tailspin.example", assertion.expose()).await.token())["appidacr"], "2");
    let forged = format!("{}AAAA", &assertion.expose()[..assertion.expose().len() - 4]);
    assert_eq!(sky.by_assertion("tailspin.example", &forged).await.refused(), (401, "invalid_client", 50013));
}

#[tokio::test]
async fn users_sign_in_with_their_passwords_where_that_is_let() {
    let sky = sky(&[]);
    let (name, password) = sky.cloud.administrator("fabrikam.example").unwrap();
    let by = async |name: &str, password: &str| {
        sky.grant("fabrikam.example", "password", &[("username", name), ("password", password)]).await
    };
    let said = by(&name, password.expose()).await;
    assert!(said.body["refresh_token"].is_string());
    let claims = read(&said.token());
    assert_eq!((&claims["upn"], &claims["idtyp"]), (&json!(name), &json!("user")));
    assert!(claims["scp"].is_string() && claims.get("roles").is_none());
    assert_eq!(by("nobody@fabrikam.example", "x").await.refused(), (400, "invalid_grant", 50034));
    // Ten wrong ones lock the user out, the right one included.
    for _ in 0..10 {
        assert_eq!(by(&name, "wrong").await.refused(), (400, "invalid_grant", 50126));
    }
    assert_eq!(by(&name, password.expose()).await.refused(), (400, "invalid_grant", 50053));
}

#[tokio::test]
async fn a_partner_reaches_the_customers_that_let_it() {
    let sky = sky(&[]);
    let refresh = sky.cloud.refresh_token().unwrap();
    let renew = async |tenant: &str, token: &str| sky.grant(tenant, "refresh_token", &[("refresh_token", token)]).await;
    let home = renew(CONTOSO, refresh.expose()).await;
    assert_eq!(read(&home.token())["tid"], sky.tenant(CONTOSO));
    let customer = renew("fabrikam.example", refresh.expose()).await;
    let claims = read(&customer.token());
    assert_eq!(claims["tid"], sky.tenant("fabrikam.example"));
    // The relationship's roles, not those of home.
    assert!(!claims["wids"].as_array().unwrap().contains(&json!("62e90394-69f5-4237-9190-012177145e10")));
    assert_eq!(renew("tailspin.example", refresh.expose()).await.refused(), (400, "invalid_grant", 50020));
    assert_eq!(renew(CONTOSO, "nonsense").await.refused(), (400, "invalid_grant", 9_002_313));
    // The token that came back goes on; when the relationship has ended it leads there no more.
    let next = customer.body["refresh_token"].as_str().unwrap();
    assert_eq!(renew("fabrikam.example", next).await.status, 200);
    sky.clock.advance(Duration::from_hours(24 * 89));
    let kept = renew(CONTOSO, refresh.expose()).await.body["refresh_token"].as_str().unwrap().to_owned();
    sky.clock.advance(Duration::from_hours(24 * 40));
    assert_eq!(renew("fabrikam.example", &kept).await.refused(), (400, "invalid_grant", 50020));
    assert_eq!(renew(CONTOSO, refresh.expose()).await.refused(), (400, "invalid_grant", 700_082));
}
