//! Users: what is sent, and what is said when it does not work.

use std::time::Duration;

use libretto::{
    cloud::{Ask, Cloud, Freshness, LicenceChange, NewUser, Options},
    secret::Secret,
    verdict::Verdict,
};
use serde_json::{Value, json};

use super::{fact, signed_in, told};
use crate::support::cloud::{FakeCloud, Reply, world};

const ADA: &str = "ada@contoso.example";
const PATH: &str = "/v1.0/users/ada@contoso.example";

fn new_user() -> NewUser {
    NewUser {
        user_principal_name: ADA.to_owned(),
        display_name: "Ada".to_owned(),
        password: Secret::new("Canary-First-1").unwrap(),
        change_password: true,
        enabled: true,
        usage_location: Some("DE".to_owned()),
    }
}

#[tokio::test]
async fn a_user_is_found_or_not() {
    let (fake, graph) = signed_in().await;
    let user = graph.find_user(ADA).await.unwrap().unwrap();
    assert_eq!(
        serde_json::to_value(&user).unwrap(),
        json!({
            "id": "cccccccc-0000-4000-8000-00000000000c", "userPrincipalName": ADA, "displayName": "Ada", "mail": ADA, "enabled": true,
            "usageLocation": "DE", "synced": false, "licences": [world::SKU],
        })
    );
    assert_eq!(graph.find_user("nobody@contoso.example").await.unwrap(), None);
    fake.assert_as_described();
}

#[tokio::test]
async fn a_name_goes_nowhere_else() {
    let (fake, graph) = signed_in().await;
    for (name, path) in [
        ("a/../../organization", "/v1.0/users/a/../../organization"),
        ("a?$select=id#x", "/v1.0/users/a?$select=id#x"),
        ("o'brien+x@contoso.example", "/v1.0/users/o'brien+x@contoso.example"),
        ("$ar'x@contoso.example", "/v1.0/users('$ar''x@contoso.example')"),
        ("ä b@contoso.example", "/v1.0/users/ä b@contoso.example"),
    ] {
        assert_eq!(graph.find_user(name).await.unwrap(), None);
        assert_eq!(fake.asked().pop().unwrap().path, path);
    }
    for name in ["", "a\nb"] {
        assert_eq!(graph.find_user(name).await.unwrap_err().code(), "cloud.bad_name");
    }
    for name in [".", ".."] {
        assert_eq!(graph.find_user(name).await.unwrap_err().code(), "cloud.bad_name");
    }
}

#[tokio::test]
async fn each_change_sends_what_microsoft_describes() {
    let (fake, graph) = signed_in().await;
    let mut made = world::user(ADA);
    made.as_object_mut().unwrap().remove("assignedLicenses");
    fake.on("POST", "/v1.0/users", [Reply::json(201, &made)]);
    let licences = format!("{PATH}/assignLicense");
    fake.on("POST", &licences, [Reply::json(200, &world::user(ADA))]);
    let sessions = format!("{PATH}/revokeSignInSessions");
    fake.on("POST", &sessions, [Reply::json(200, &json!({ "value": true }))]);
    let user = graph.create_user(&new_user()).await.unwrap();
    assert_eq!((user.user_principal_name.as_str(), user.licences.len()), (ADA, 0));
    graph.enable_user(ADA).await.unwrap();
    graph.disable_user(ADA).await.unwrap();
    graph.reset_password(ADA, &Secret::new("Canary-Next-2").unwrap(), false).await.unwrap();
    let change = LicenceChange {
        add: vec![(world::SKU.to_owned(), vec!["efb87545-963c-4e0d-99df-69c6916d9eb0".to_owned()])],
        remove: vec!["18181a46-0d4e-45cd-891e-60aabd171b4e".to_owned()],
    };
    graph.assign_licences(ADA, &change).await.unwrap();
    graph.revoke_sessions(ADA).await.unwrap();
    let sent: Vec<(String, Value)> =
        fake.asked().iter().skip(1).map(|asked| (format!("{} {}", asked.method, asked.path), asked.json())).collect();
    let sent_to = |method: &str, path: &str, body: Value| (format!("{method} {path}"), body);
    assert_eq!(
        sent,
        [
            sent_to(
                "POST",
                "/v1.0/users",
                json!({
                    "accountEnabled": true, "displayName": "Ada", "mailNickname": "ada", "userPrincipalName": ADA, "usageLocation": "DE",
                    "passwordProfile": { "password": "Canary-First-1", "forceChangePasswordNextSignIn": true },
                })
            ),
            sent_to("PATCH", PATH, json!({ "accountEnabled": true })),
            sent_to("PATCH", PATH, json!({ "accountEnabled": false })),
            sent_to(
                "PATCH",
                PATH,
                json!({ "passwordProfile": { "password": "Canary-Next-2", "forceChangePasswordNextSignIn": false } })
            ),
            sent_to(
                "POST",
                &licences,
                json!({
                    "addLicenses": [{ "skuId": world::SKU, "disabledPlans": ["efb87545-963c-4e0d-99df-69c6916d9eb0"] }],
                    "removeLicenses": ["18181a46-0d4e-45cd-891e-60aabd171b4e"],
                })
            ),
            sent_to("POST", &sessions, json!({})),
        ]
    );
    fake.assert_as_described();
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_in_doubt_and_not_sent_twice() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options { timeout: Duration::from_millis(400), ..fake.options() }).unwrap();
    let graph = cloud.sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    let late = Reply::json(201, &world::user(ADA)).after(Duration::from_mins(1));
    fake.on("POST", "/v1.0/users", [late, world::graph_error(500, "InternalServerError", "Oops.")]);
    for words in [
        "did not answer in time; the change may have been made",
        "answered with status 500; the change may have been made",
    ] {
        let error = graph.create_user(&new_user()).await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), ("cloud.in_doubt", Verdict::InDoubt));
        assert!(error.message().ends_with(words), "{error}");
    }
    assert_eq!(fake.count("POST", "/v1.0/users"), 2);
    // A 503 that names no pause may come from anything on the way.
    fake.on("POST", "/v1.0/users", [world::graph_error(503, "UnknownError", "")]);
    assert_eq!(graph.create_user(&new_user()).await.unwrap_err().code(), "cloud.in_doubt");
    assert_eq!(fake.count("POST", "/v1.0/users"), 3);
    // What does the same twice is sent again.
    fake.on("PATCH", PATH, [world::graph_error(500, "InternalServerError", "Oops.")]);
    graph.disable_user(ADA).await.unwrap();
    assert_eq!(fake.count("PATCH", PATH), 2);
}

#[tokio::test]
async fn within_a_batch_a_lost_answer_is_a_doubt_of_writes_alone() {
    let (fake, graph) = signed_in().await;
    let token = format!("/{}/oauth2/v2.0/token", world::TENANT);
    let asks = || vec![Ask::get("/organization"), Ask::post("/users", json!({ "displayName": "Ada" }))];
    let page = || Reply::text(200, "text/html", "<html><head><title>Busy</title></head></html>");
    let cases = [
        (world::graph_error(500, "InternalServerError", "Oops."), ["cloud.broken", "cloud.in_doubt"]),
        (page(), ["cloud.broken", "cloud.in_doubt"]),
        (world::graph_error(403, "Authorization_RequestDenied", "No."), ["cloud.permission_missing"; 2]),
    ];
    for (reply, codes) in cases {
        fake.on("POST", "/v1.0/$batch", [reply]);
        let results = graph.batch(asks()).await;
        let told: Vec<_> = results.iter().map(|result| result.as_ref().unwrap_err()).collect();
        assert_eq!([told[0].code(), told[1].code()], codes);
        assert_eq!(told[1].verdict() == Verdict::InDoubt, codes[1] == "cloud.in_doubt");
        assert_ne!(told[0].verdict(), Verdict::InDoubt);
    }
    // Nothing was sent once more.
    assert_eq!(fake.lines().iter().filter(|line| line.ends_with("$batch")).count(), 3);
    // What was never sent is no doubt.
    let graph = {
        let body = json!({ "token_type": "Bearer", "expires_in": 0, "access_token": world::token(world::TENANT, &Value::Null) });
        fake.on(
            "POST",
            &token,
            [Reply::json(200, &body), world::refused(401, "invalid_client", 7_000_222, "Expired.")],
        );
        fake.cloud().sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap()
    };
    for result in graph.batch(asks()).await {
        assert_eq!(result.unwrap_err().code(), "cloud.expired_secret");
    }
}

#[tokio::test]
async fn a_change_that_is_answered_with_a_web_page_is_in_doubt() {
    let (fake, graph) = signed_in().await;
    fake.on("POST", "/v1.0/users", [Reply::text(200, "text/html", "<html><head><title>Busy</title></head></html>")]);
    let error = graph.create_user(&new_user()).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.in_doubt", Verdict::InDoubt));
    assert!(error.message().contains("is a web page, \"Busy\""), "{error}");
}

#[tokio::test]
async fn a_user_that_was_made_and_cannot_be_read_is_in_doubt() {
    let (fake, graph) = signed_in().await;
    fake.on("POST", "/v1.0/users", [Reply::json(201, &json!({ "id": 7 })).odd()]);
    let error = graph.create_user(&new_user()).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.in_doubt", Verdict::InDoubt));
    assert!(error.message().starts_with("the user was made, but "), "{error}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_named() {
    let (fake, graph) = signed_in().await;
    let message = "Another object with the same value for property userPrincipalName already exists.";
    fake.on("POST", "/v1.0/users", [world::graph_error(400, "Request_BadRequest", message)]);
    let error = graph.create_user(&new_user()).await.unwrap_err();
    assert_eq!(told(&error), "[cloud.exists] there is one already; use another name, or the one that is there");
    assert_eq!(fact(&error, "said"), Some(message));
    let mut odd = new_user();
    odd.user_principal_name = "ada".to_owned();
    assert_eq!(graph.create_user(&odd).await.unwrap_err().code(), "cloud.bad_name");
}
