//! Which tenant a domain belongs to.

use libretto::{
    cloud::{Cloud, Options, clouds::NationalCloud},
    verdict::Verdict,
};
use serde_json::json;

use super::{fact, told};
use crate::support::cloud::{FakeCloud, Reply, world};

fn path(domain: &str) -> String {
    format!("/{domain}/v2.0/.well-known/openid-configuration")
}

#[tokio::test]
async fn a_domain_has_a_tenant_and_a_cloud() {
    let fake = FakeCloud::start().await;
    let tenant = fake.cloud().discover(" Contoso.Example. ").await.unwrap();
    assert_eq!(tenant, fake.tenant());
    assert_eq!((tenant.id.as_str(), tenant.cloud), (world::TENANT, NationalCloud::Other));
    assert_eq!(fake.lines(), [format!("GET {}", path("contoso.example"))]);
    // Plain data: it can be kept.
    let kept = serde_json::to_string(&tenant).unwrap();
    assert_eq!(serde_json::from_str::<libretto::cloud::Tenant>(&kept).unwrap(), tenant);
}

#[tokio::test]
async fn a_name_in_another_alphabet_is_asked_for_as_dns_has_it() {
    let fake = FakeCloud::start().await;
    let error = fake.cloud().discover("bücher.example").await.unwrap_err();
    assert_eq!(error.code(), "cloud.unknown_tenant");
    assert_eq!(fake.lines(), [format!("GET {}", path("xn--bcher-kva.example"))]);
}

#[tokio::test]
async fn a_domain_without_a_tenant_is_named() {
    let fake = FakeCloud::start().await;
    let error = fake.cloud().discover("nowhere.example").await.unwrap_err();
    assert_eq!(
        told(&error),
        "[cloud.unknown_tenant] there is no tenant nowhere.example; look at the domain's spelling, and that it is added to a \
         tenant and proven there"
    );
    assert_eq!(fact(&error, "aadsts"), Some("90002"));
    assert_eq!(fact(&error, "trace_id"), Some("11111111-aaaa-4000-8000-111111111111"));
}

#[tokio::test]
async fn what_is_no_domain_is_never_asked_for() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    for name in [
        "",
        " ",
        "ada@contoso.example",
        "https://contoso.example",
        "a/../b",
        "a b.example",
        "a..b",
        "-a.example",
        "[::1]",
        "%2e%2e",
        "127.0.0.1",
    ] {
        let error = cloud.discover(name).await.unwrap_err();
        assert_eq!(error.code(), "cloud.bad_domain", "{name:?}");
    }
    assert_eq!(fake.lines(), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_names_no_tenant_is_refused() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    let mut without = world::configuration(&fake.address());
    without.as_object_mut().unwrap().remove("issuer");
    let mut odd = world::configuration(&fake.address());
    odd["issuer"] = json!("https://login.microsoftonline.com/common/v2.0");
    let mut number = world::configuration(&fake.address());
    number["msgraph_host"] = json!(7);
    let mut path_in_host = world::configuration(&fake.address());
    path_in_host["msgraph_host"] = json!("graph.example/evil");
    let cases = [
        (without, "issuer", "is missing"),
        (odd, "issuer", "names no tenant"),
        (number, "msgraph_host", "is a number, not a text"),
        (path_in_host, "msgraph_host", "is no host's name"),
    ];
    for (body, member, what) in cases {
        fake.on("GET", &path(world::DOMAIN), [Reply::json(200, &body)]);
        let error = cloud.discover(world::DOMAIN).await.unwrap_err();
        assert_eq!((error.code(), fact(&error, "member")), ("cloud.bad_answer", Some(member)));
        assert!(error.message().ends_with(what), "{error}");
    }
}

#[tokio::test]
async fn a_web_page_in_between_is_named_by_its_title() {
    let fake = FakeCloud::start().await;
    let page = "<!DOCTYPE html><html><head><title>Hotel Sunrise - sign in to WLAN</title></head></html>";
    for status in [200, 302, 403] {
        fake.on("GET", &path(world::DOMAIN), [Reply::text(status, "text/html", page)]);
        let error = fake.cloud().discover(world::DOMAIN).await.unwrap_err();
        assert_eq!(
            told(&error),
            format!(
                "[cloud.bad_answer] {}: the answer's member (the whole) is a web page, \"Hotel Sunrise - sign in to WLAN\"; something \
                 else answers for the cloud: a proxy, a captive portal, a wrong address",
                fake.address()
            )
        );
    }
}

#[tokio::test]
async fn a_service_that_cannot_answer_now_is_asked_again() {
    let fake = FakeCloud::start().await;
    fake.on("GET", &path(world::DOMAIN), [Reply::json(503, &json!(null))]);
    assert_eq!(fake.cloud().discover(world::DOMAIN).await.unwrap().id, world::TENANT);
    fake.on("GET", &path(world::DOMAIN), [Reply::json(429, &json!(null)).header("retry-after", "900")]);
    let error = fake.cloud().discover(world::DOMAIN).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.throttled", Verdict::Inconclusive));
    assert!(fact(&error, "retry_after").is_some());
}

#[tokio::test]
async fn nobody_signs_in_where_others_listen() {
    let login = Some("http://login.example/".parse().unwrap());
    let error = Cloud::new(Options { login, ..Options::default() }).unwrap_err();
    assert_eq!(error.code(), "cloud.in_the_clear");
}
