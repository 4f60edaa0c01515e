//! What a script's run believes of an agent's answers, and which of the agent's connections it touches.

use serde_json::json;

use super::scripts::{APP_SECRET, Place, TEST};

/// Whatever hinders the test: an agent does not go on with what nothing has proven.
#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_could_not_be_tested_does_not_stay_with_the_agent() {
    let change = "conn::set_credentials(conn, \"app-1\", secret::generate()); agent::update(conn); agent::test_connection(conn);";
    let place = Place::new().await;
    place.fake.json("GET /api/Connections", 200, &json!([{ "ID": 7, "Domain": "contoso.example" }]));
    place.fake.json("PUT /api/Connections/7", 200, &json!(null));
    for (status, body) in [
        (424, json!({ "code": "cloud.unreachable", "detail": "down", "verdict": "inconclusive" })),
        (424, json!({ "code": "cloud.mfa_required", "detail": "no" })),
        (200, json!({ "Id": 0, "Error": "AADSTS7000215: wrong" })),
        (200, json!({})),
    ] {
        place.fake.json(&format!("POST {TEST}"), status, &body);
        let (end, code) = place.script(change).await;
        assert_ne!(code, Some(0), "{end}");
        assert_eq!(place.given()["AppSecret"], APP_SECRET, "the agent has the current one again: {body}");
        assert!(place.shown().await["credential"].as_str().unwrap().starts_with("version 1"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_id_or_with_a_failure_proves_nothing() {
    let place = Place::new().await;
    for (body, wanted) in [
        (json!({ "Id": 0 }), "agent.bad_answer"),
        (json!({ "Id": false }), "agent.bad_answer"),
        (json!({ "Id": {} }), "agent.bad_answer"),
        (json!({ "Id": [] }), "agent.bad_answer"),
        (json!({ "Id": "00000000-0000-0000-0000-000000000000" }), "agent.bad_answer"),
        (json!({ "Id": "1", "Error": "AADSTS7000215: wrong" }), "agent.test_failed"),
        (json!({ "Id": "1", "success": false }), "agent.test_failed"),
        (json!({ "Id": "1", "errors": [], "Success": true }), ""),
        (json!({ "Id": 0, "TenantId": "5f2a1f0e-7d0c-4a6c-9d8b-0d3c5a1e2f47" }), ""),
        (json!({ "Id": 12 }), ""),
    ] {
        place.fake.json(&format!("POST {TEST}"), 200, &body);
        let (end, _) = place.script("agent::test_connection(conn)").await;
        assert_eq!(end["error"]["code"].as_str().unwrap_or_default(), wanted, "{body}: {end}");
    }
}

/// Another member than the domain's may have the same name in it.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_domains_connection_is_touched() {
    let place = Place::new().await;
    let other = json!({ "ID": 3, "Domain": "other.example", "RelayDomain": "contoso.example" });
    let mine = json!({ "ID": 7, "Domain": "Contoso.example" });
    let deleted = || {
        let seen = place.fake.seen().into_iter();
        seen.filter(|seen| seen.what.starts_with("DELETE")).map(|seen| seen.what).collect::<Vec<_>>()
    };
    place.fake.json("DELETE /api/Connections/7", 200, &json!(null));
    place.fake.json("GET /api/Connections", 200, &json!([other, mine]));
    let (end, code) = place.script("if !agent::remove(conn) { throw \"x\" }").await;
    assert_eq!((code, deleted()), (Some(0), vec!["DELETE /api/Connections/7".to_owned()]), "{end}");
    place.fake.json("GET /api/Connections", 200, &json!([other]));
    let (end, code) = place.script("if agent::remove(conn) { throw \"x\" }").await;
    assert_eq!((code, deleted().len()), (Some(0), 1), "{end}");
    place.fake.json("GET /api/Connections", 200, &json!([mine, { "ID": 8, "Domain": "contoso.example" }]));
    let (end, _) = place.script("agent::remove(conn)").await;
    assert_eq!((&end["error"]["code"], deleted().len()), (&json!("agent.ambiguous_connection"), 1), "{end}");
}

/// Another home, or another domain of the same app, has given the agent something else in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_something_else_than_was_given_proves_nothing() {
    let change = "conn::set_credentials(conn, \"app-1\", secret::generate()); agent::update(conn); agent::test_connection(conn);";
    let place = Place::new().await;
    place.fake.json("GET /api/Connections", 200, &json!([{ "ID": 7, "Domain": "contoso.example" }]));
    place.fake.json("PUT /api/Connections/7", 200, &json!({ "domain": "contoso.example", "version": 5 }));
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "tenant-1", "version": 6 }));
    let (end, _) = place.script(change).await;
    assert_eq!(end["error"]["code"], "agent.copy_changed", "{end}");
    assert!(place.shown().await["credential"].as_str().unwrap().starts_with("version 1"));
    assert_ne!(place.given()["AppSecret"], APP_SECRET, "what the agent has now works");
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "tenant-1", "version": 5 }));
    let (end, code) = place.script(change).await;
    assert_eq!((code, place.shown().await["credential"].as_str()), (Some(0), Some("version 3")), "{end}");
}

/// One success after "not known" says little, however short the time is.
#[tokio::test(flavor = "multi_thread")]
async fn one_success_at_the_end_of_the_time_proves_nothing() {
    let place = Place::new().await;
    place.fake.json("GET /api/Connections", 200, &json!([{ "ID": 7, "Domain": "contoso.example" }]));
    place.fake.json("PUT /api/Connections/7", 200, &json!(null));
    let unknown = json!({ "code": "cloud.wrong_secret", "detail": "wrong" });
    place.fake.json(&format!("POST {TEST} #1"), 424, &unknown);
    place.fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "tenant-1" }));
    let change = "conn::set_credentials(conn, \"app-1\", secret::generate()); agent::update(conn); agent::test_connection(conn);";
    let (end, _) = place.script_within("8s", change).await;
    assert_eq!(end["error"]["code"], "cloud.not_yet", "{end}");
    assert!(place.shown().await["credential"].as_str().unwrap().starts_with("version 1"));
    assert_eq!(place.given()["AppSecret"], APP_SECRET);
}
