//! Each fault of the cloud, as a client meets it.

use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::*;

const CONTOSO: &str = "contoso.example";
const FABRIKAM: &str = "fabrikam.example";

fn retry(said: &Said) -> Option<&str> {
    said.headers.get("retry-after").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_first_requests_are_throttled_at_each_side() {
    let sky = sky(&["cloud=429"]);
    let secret = sky.cloud.secret().expose();
    for _ in 0..2 {
        let said = sky.by_secret(CONTOSO, secret).await;
        assert_eq!(said.refused(), (429, "invalid_request", 90055));
        assert_eq!(retry(&said), Some("1"));
    }
    let token = sky.token(CONTOSO).await;
    for _ in 0..2 {
        let said = sky.ask("GET", "/organization", &token, None).await;
        assert_eq!(
            (said.status, &said.body["error"]["code"], retry(&said)),
            (429, &json!("TooManyRequests"), Some("1"))
        );
    }
    sky.get("/organization", &token).await;
}

#[tokio::test]
async fn when_to_come_again_is_told_in_every_way() {
    for (fault, wanted) in [
        ("cloud:graph=429:1:decimal", Some("0.4")),
        ("cloud:graph=429:absent", None),
        ("cloud:graph=503:1", Some("1")),
        ("cloud:graph=503:absent:1", None),
    ] {
        let sky = sky(&[fault]);
        let token = sky.token(CONTOSO).await;
        let said = sky.ask("GET", "/organization", &token, None).await;
        assert_eq!(said.status.to_string(), fault[12..15]);
        assert_eq!(retry(&said), wanted, "{fault}");
    }
    let sky = sky(&["cloud:login=503:1:date"]);
    let said = sky.by_secret(CONTOSO, sky.cloud.secret().expose()).await;
    assert_eq!(said.refused(), (503, "temporarily_unavailable", 90033));
    let date = retry(&said).unwrap();
    assert!(date.ends_with(" GMT"), "{date}");
    let date = OffsetDateTime::parse(&date.replace("GMT", "+0000"), &Rfc2822).unwrap();
    assert!((date - OffsetDateTime::now_utc()).abs() < time::Duration::seconds(60), "{date}");
}

#[tokio::test]
async fn a_fault_stays_where_it_was_put() {
    let sky = sky(&["cloud:fabrikam=429:1000", "cloud:tailspin=no-consent"]);
    let token = sky.token(CONTOSO).await;
    sky.get("/organization", &token).await;
    let secret = sky.cloud.secret().expose();
    assert_eq!(sky.by_secret(FABRIKAM, secret).await.refused().0, 429);
    assert_eq!(sky.by_secret("tailspin.example", secret).await.refused(), (400, "unauthorized_client", 7_000_229));
    let (name, password) = sky.cloud.administrator("tailspin.example").unwrap();
    let user = sky.grant("tailspin.example", "password", &[("username", &name), ("password", password.expose())]).await;
    assert_eq!(user.refused(), (400, "invalid_grant", 65001));
    assert_eq!(user.body["suberror"], "consent_required");
}

#[tokio::test]
async fn an_expired_secret_is_said_to_be_so_everywhere_and_certificates_go_on() {
    let sky = sky(&["cloud=expired-secret"]);
    for tenant in sky.cloud.tenants() {
        let said = sky.by_secret(&tenant.domain, sky.cloud.secret().expose()).await;
        assert_eq!(said.refused(), (401, "invalid_client", 7_000_222));
    }
    let pem = sky.cloud.certificate().unwrap();
    let assertion = sign(pem.expose(), pem.expose(), "PS256", &sky.claims(CONTOSO));
    let token = sky.by_assertion(CONTOSO, &assertion).await.token();
    let path = format!("/applications/{}/addPassword", sky.cloud.application_id());
    assert_eq!(sky.ask("POST", &path, &token, None).await.status, 200);
}

#[tokio::test]
async fn a_second_factor_is_demanded_of_users_and_not_of_apps() {
    let sky = sky(&["cloud=mfa"]);
    let (name, password) = sky.cloud.administrator(CONTOSO).unwrap();
    let said = sky.grant(CONTOSO, "password", &[("username", &name), ("password", password.expose())]).await;
    assert_eq!(said.refused(), (400, "invalid_grant", 50076));
    assert_eq!(said.body["suberror"], "basic_action");
    assert!(said.body["claims"].is_string());
    // Whoever does not know the password learns nothing of it.
    let wrong = sky.grant(CONTOSO, "password", &[("username", &name), ("password", "wrong")]).await;
    assert_eq!(wrong.refused().2, 50126);
    let refresh = sky.cloud.refresh_token().unwrap();
    let said = sky.grant(FABRIKAM, "refresh_token", &[("refresh_token", refresh.expose())]).await;
    assert_eq!(said.refused().2, 50076);
    sky.token(CONTOSO).await;
}

#[tokio::test]
async fn conditional_access_keeps_everybody_out() {
    let sky = sky(&["cloud:contoso=conditional-access"]);
    let secret = sky.cloud.secret().expose();
    assert_eq!(sky.by_secret(CONTOSO, secret).await.refused(), (400, "invalid_grant", 53003));
    sky.token(FABRIKAM).await;
}

#[tokio::test]
async fn a_token_of_another_tenant_works_there() {
    let sky = sky(&["cloud:contoso=wrong-tenant"]);
    let token = sky.token(CONTOSO).await;
    assert_eq!(read(&token)["tid"], sky.tenant(FABRIKAM));
    assert_eq!(each(&sky.get("/organization", &token).await, "displayName"), ["Fabrikam"]);
}

#[tokio::test]
async fn slow_answers_late_and_rightly() {
    let sky = sky(&["cloud:graph=slow:150ms"]);
    let token = sky.token(CONTOSO).await;
    let started = tokio::time::Instant::now();
    sky.get("/organization", &token).await;
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn down_refuses_connections() {
    let sky = sky(&["cloud=down"]);
    let error = sky.send(Method::GET, "/v1.0/organization", None, None).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_web_page_comes_instead_of_json() {
    let sky = sky(&["cloud=html"]);
    for path in ["/contoso.example/v2.0/.well-known/openid-configuration", "/v1.0/organization"] {
        let said = sky.send(Method::GET, path, None, None).await.unwrap();
        assert_eq!((said.status, said.headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
        assert!(said.text.starts_with("<!DOCTYPE html>"));
    }
}

#[tokio::test]
async fn members_are_of_wrong_types() {
    let sky = sky(&["cloud=wrong-types"]);
    let token = sky.token(CONTOSO).await;
    let said = sky.send(Method::GET, "/v1.0/organization", Some(&token), None).await.unwrap();
    assert_eq!((said.status, &said.body["value"][0]["id"]), (200, &json!({ "was": "id" })));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_a_stopped_cloud_is_gone() {
    let first = sky(&[]);
    let port = first.cloud.address().port();
    let error = LabCloud::start(CloudOptions { port: Some(port), ..CloudOptions::default() }).unwrap_err();
    assert_eq!(error.code(), "lab.port");
    first.token(CONTOSO).await;
    first.cloud.stop().await;
    let refused = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
