//! Secrets go in and never come out: not in an answer, not in a log, not in a file.

use serde_json::json;

use super::served::{Served, request};
use crate::support::canary::canary;

#[test]
fn no_secret_is_in_any_answer_log_or_file() {
    let served = Served::new();
    let secrets: Vec<String> = ["app", "second", "user", "reset", "misplaced", "broken", "wrong-token"]
        .iter()
        .map(|name| format!("Canary/{name}+\"{}\"&<é>", uuid::Uuid::new_v4().simple()))
        .collect();
    let [app, second, user, reset, misplaced, broken, wrong] = secrets.each_ref_array::<7>();
    let mut said = Vec::new();
    said.push(served.call("Add", &json!({ "domain": "a.example", "clientId": "app", "clientSecret": app })));
    said.push(served.call("Add", &json!({ "domain": "a.example", "clientId": "app", "clientSecret": app })));
    said.push(served.call("Update", &json!({ "domain": "a.example", "clientSecret": second })));
    said.push(served.call("Add", &json!({ "domain": "b.example", "username": "u@b.example", "password": user })));
    // the cloud is not to be had here: the test fails with the secret in its hands
    said.push(served.call("TestConnection", &json!("a.example")));
    said.push(served.call("TestConnection", &json!("b.example")));
    said.push(served.post(
        "/api/Users/ResetPassword",
        &json!({ "domain": "a.example", "user": "x@a.example", "password": reset }).to_string(),
    ));
    // in the wrong place
    for operation in ["TestConnection", "Delete"] {
        said.push(served.call(operation, &json!(misplaced)));
        said.push(served.call(operation, &json!({ "clientSecret": misplaced })));
    }
    said.push(served.call("Add", &json!({ "domain": misplaced })));
    said.push(
        served.call("Add", &json!({ "domain": "c.example", "clientId": [misplaced], "clientSecret": misplaced })),
    );
    said.push(served.call("Add", &json!({ "domain": "c.example", (misplaced.as_str()): misplaced })));
    said.push(served.call("Add", &json!({ "domain": "c.example", "clientId": "a", "certificate": misplaced })));
    said.push(
        served.post("/api/Connections/Add", &format!("{{\"domain\": \"c.example\", \"clientSecret\": {broken}}}")),
    );
    let query: String = url::form_urlencoded::byte_serialize(misplaced.as_bytes()).collect();
    said.push(served.get(&format!("/api/Connections/Get?domain={query}")));
    said.push(served.get(&format!("/api/{query}")));
    said.push(served.open(&format!("/swagger/ui/{query}")));
    let header = format!("Bearer {}", wrong.replace('é', "e"));
    said.push(served.say(&request("GET", "/api/Agent/Status", &[("Authorization", &header)], "")));
    for path in
        ["/api/Connections/List", "/api/Connections/Get?domain=a.example", "/api/Agent/Status", "/", "/openapi.json"]
    {
        said.push(served.get(path));
    }
    assert!(said.iter().all(|reply| reply.status != 500), "{said:?}");
    let token = served.token.clone();
    let (world, ended) = served.stop();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("POST /api/Connections/Add 200"), "{}", ended.stderr);
    for secret in secrets.iter().map(String::as_str).chain([token.as_str(), &wrong.replace('é', "e")]) {
        let canary = canary(secret);
        for reply in &said {
            canary.assert_absent("an answer", format!("{reply:?}"));
            canary.assert_absent("an answer's body", &reply.body);
        }
        canary.assert_absent("standard output", &ended.stdout);
        canary.assert_absent("standard error", &ended.stderr);
        canary.assert_absent_below(&world.home());
    }
}

trait Each {
    fn each_ref_array<const N: usize>(&self) -> [&String; N];
}

impl Each for Vec<String> {
    fn each_ref_array<const N: usize>(&self) -> [&String; N] {
        std::array::from_fn(|at| &self[at])
    }
}

/// What is told of a connection is not what somebody calls a secret.
#[test]
fn a_secret_that_is_a_domains_name_hides_no_domain() {
    let served = Served::new();
    let short = served.call("Add", &json!({ "domain": "a.example", "clientId": "app", "clientSecret": "example" }));
    assert_eq!(short.problem(), (400, "service.bad_body".to_owned()));
    assert_eq!(short.json()["detail"], "clientSecret must have at least 8 characters");
    for long in ["x".repeat(8193), "y".repeat(200_000)] {
        let long = served.call("Add", &json!({ "domain": "a.example", "clientId": "app", "clientSecret": long }));
        assert_eq!(long.problem(), (400, "service.bad_body".to_owned()));
        assert_eq!(long.json()["detail"], "clientSecret must have at most 8192 characters");
    }
    let added = served
        .call("Add", &json!({ "domain": "contoso.example", "clientId": "app", "clientSecret": "contoso.example" }));
    assert_eq!(added.status, 200, "{added:?}");
    served.call("Add", &json!({ "domain": "b.contoso.example", "clientId": "contoso.example" }));
    let all = served.get("/api/Connections/List").json();
    assert_eq!(json!([all[0]["domain"], all[1]["domain"]]), json!(["b.contoso.example", "contoso.example"]));
    assert_eq!(all[0]["signInAs"], "[secret]", "anything may stand there");
    assert_eq!(served.get("/api/Connections/Get?domain=contoso.example").json()["domain"], "contoso.example");
    assert_eq!(served.call("Delete", &json!("contoso.example")).json(), json!({ "deleted": "contoso.example" }));
}
