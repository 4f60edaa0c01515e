//! What the agent holds.

use serde_json::{Value, json};

use super::served::{Served, request};

fn contoso() -> Value {
    json!({ "domain": "Contoso.Example.", "clientId": "app-1", "clientSecret": "a-first-secret" })
}

/// What of a connection is the same each time.
fn facts(held: &Value) -> Value {
    json!([held["id"], held["domain"], held["signInAs"], held["form"], held["version"], held["provenAt"]])
}

#[test]
fn a_connection_is_added_changed_listed_shown_and_removed() {
    let served = Served::new();
    let added = served.call("Add", &contoso());
    assert_eq!(added.status, 200, "{added:?}");
    assert_eq!(facts(&added.json()), json!([1, "contoso.example", "app-1", "client-secret", 1, null]));
    let held = served.call("Update", &json!({ "domain": "contoso.example", "clientSecret": "another-secret" })).json();
    assert_eq!(facts(&held), json!([1, "contoso.example", "app-1", "client-secret", 2, null]));
    // the same again, as of a client that has not heard the answer, is nothing new
    let again = served.call("Update", &json!({ "domain": "contoso.example", "clientSecret": "another-secret" })).json();
    assert_eq!(facts(&again)[4], 2);
    // who signs in changes its kind
    let change =
        json!({ "domain": "contoso.example", "username": "sync@contoso.example", "password": "a-password-of-it" });
    let held = served.call("Update", &change).json();
    assert_eq!(facts(&held), json!([1, "contoso.example", "sync@contoso.example", "password", 1, null]));
    served.call("Add", &json!({ "domain": "a.example", "clientId": "app-2" }));
    let all = served.get("/api/Connections/List").json();
    assert_eq!(facts(&all[0]), json!([2, "a.example", "app-2", "client-secret", null, null]));
    assert_eq!(all[1], held);
    assert_eq!(served.get("/api/Connections/Get?domain=CONTOSO.example").json(), held);
    for body in [json!("contoso.example"), json!({ "whatever": "a.example" })] {
        assert_eq!(served.call("Delete", &body).status, 200);
        assert_eq!(served.call("Delete", &body).problem(), (404, "agent.unknown_domain".to_owned()));
    }
    assert_eq!(served.get("/api/Connections/List").json(), json!([]));
}

#[test]
fn what_does_not_fit_what_is_held_is_said() {
    let served = Served::new();
    served.call("Add", &contoso());
    let twice = served.call("Add", &contoso());
    assert_eq!(twice.problem(), (409, "connection.exists".to_owned()));
    assert_eq!(twice.json()["remedy"], "change it with Connections_Update");
    let unknown = served.call("Update", &json!({ "domain": "contosa.example", "clientSecret": "a-secret" }));
    assert_eq!(unknown.problem(), (404, "agent.unknown_domain".to_owned()));
    assert_eq!(unknown.json()["remedy"], "did you mean contoso.example?");
    assert_eq!(served.get("/api/Connections/Get?domain=b.example").problem().0, 404);
    let without = served.call("Update", &json!({ "domain": "contoso.example", "username": "a@b" }));
    assert_eq!(without.problem(), (400, "service.bad_body".to_owned()));
}

#[test]
fn a_test_takes_both_shapes_of_its_parameter() {
    let served = Served::new();
    served.call("Add", &json!({ "domain": "contoso.example", "clientId": "app-1" }));
    for body in [json!("b.example"), json!({ "req": "b.example" }), json!({ "domain": "B.example" })] {
        let reply = served.call("TestConnection", &body);
        assert_eq!(reply.problem(), (404, "agent.unknown_domain".to_owned()), "{body}");
        assert_eq!(reply.json()["detail"], "the agent holds no connection for b.example");
    }
    // it is found, and there is nothing to sign in with
    for body in [json!("contoso.example"), json!({ "req": "contoso.example" })] {
        assert_eq!(served.call("TestConnection", &body).problem(), (409, "agent.no_secret".to_owned()));
    }
    for body in
        [json!(null), json!([]), json!({}), json!({ "a": "b.example", "c": "d" }), json!("no domain"), json!("")]
    {
        assert_eq!(served.call("TestConnection", &body).problem(), (400, "service.bad_body".to_owned()), "{body}");
    }
}

#[test]
fn a_body_that_is_not_as_it_must_be_is_refused_by_its_members_name() {
    let served = Served::new();
    let said = |body: &Value| {
        let reply = served.call("Add", body);
        assert_eq!(reply.problem(), (400, "service.bad_body".to_owned()), "{body}");
        reply.json()["detail"].as_str().unwrap().to_owned()
    };
    let cases = [
        (json!({ "clientId": "a" }), "domain is missing"),
        (json!({ "domain": 7 }), "domain must be a text"),
        (json!({ "domain": "a b" }), "the domain is not a DNS name"),
        (json!({ "domain": "10.0.0.1" }), "the domain is not a DNS name"),
        (json!({ "domain": "a.example" }), "neither clientId nor username is given"),
        (json!({ "domain": "a.example", "clientId": "a", "username": "b" }), "clientId and username are both given"),
        (
            json!({ "domain": "a.example", "clientId": "a", "password": "long-enough" }),
            "an app signs in with a secret or a certificate",
        ),
        (
            json!({ "domain": "a.example", "username": "a", "clientSecret": "long-enough" }),
            "a user signs in with a password",
        ),
        (json!({ "domain": "a.example", "clientId": "\u{0}" }), "clientId cannot be a name to sign in with"),
        (json!({ "domain": "a.example", "clientID": "a" }), "the body has a member that the operation does not know"),
        (json!("a.example"), "the body is not an object"),
    ];
    for (body, expected) in cases {
        assert_eq!(said(&body), expected, "{body}");
    }
    let short = served.call("Add", &json!({ "domain": "a.example", "clientId": "a", "clientSecret": "abc" }));
    assert_eq!(short.problem(), (400, "service.bad_body".to_owned()));
    let no_pair = served.call("Add", &json!({ "domain": "a.example", "clientId": "a", "certificate": "hello there" }));
    assert_eq!(no_pair.problem(), (400, "connection.bad_certificate".to_owned()));
    assert_eq!(served.post("/api/Connections/Add", "{").problem(), (400, "service.bad_body".to_owned()));
    assert_eq!(served.post("/api/Connections/Add", "").problem(), (400, "service.bad_body".to_owned()));
    let deep = "[".repeat(100_000);
    assert_eq!(served.post("/api/Connections/Add", &deep).problem(), (400, "service.bad_body".to_owned()));
    let form = request(
        "POST",
        "/api/Connections/Add",
        &[("Authorization", &served.bearer()), ("Content-Type", "text/xml")],
        "<a/>",
    );
    assert_eq!(served.say(&form).problem(), (415, "service.not_json".to_owned()));
    assert_eq!(served.get("/api/Connections/Get").problem(), (400, "service.bad_body".to_owned()));
    assert_eq!(served.get("/api/Agent/CheckEgress?cloud=mars").problem(), (400, "service.bad_body".to_owned()));
    assert_eq!(served.get("/api/Connections/List").json(), json!([]));
}

#[test]
fn licence_profiles_are_kept() {
    let served = Served::new();
    let staff = json!({ "name": "Staff", "sku": "SPE_E3", "plans": ["EXCHANGE_S_ENTERPRISE"] });
    assert_eq!(served.post("/api/LicenceProfiles/Set", &staff.to_string()).json(), staff);
    served.post("/api/LicenceProfiles/Set", r#"{"name":"guests","sku":"FREE"}"#);
    let (world, _) = served.stop();
    let served = Served::with(world, &[]);
    let guests = json!({ "name": "guests", "sku": "FREE", "plans": [] });
    assert_eq!(served.get("/api/LicenceProfiles/List").json(), json!([guests, staff]));
    assert_eq!(served.post("/api/LicenceProfiles/Delete", "\"STAFF\"").json(), staff);
    assert_eq!(
        served.post("/api/LicenceProfiles/Delete", "\"staff\"").problem(),
        (404, "agent.unknown_profile".to_owned())
    );
    assert_eq!(served.get("/api/LicenceProfiles/List").json(), json!([guests]));
    let licence = json!({ "domain": "contoso.example", "user": "a@contoso.example", "profile": "staff" });
    let reply = served.post("/api/Users/AssignLicence", &licence.to_string());
    assert_eq!(reply.problem(), (404, "agent.unknown_profile".to_owned()));
}

#[test]
fn connections_of_one_app_share_its_secret_also_when_they_come_at_once() {
    let served = Served::new();
    let new = |number: usize| json!({ "domain": format!("d{number}.example"), "clientId": "app", "clientSecret": "one-for-all" });
    std::thread::scope(|scope| {
        let served = &served;
        let adding: Vec<_> = (0..8).map(|number| scope.spawn(move || served.call("Add", &new(number)))).collect();
        for one in adding {
            let reply = one.join().unwrap();
            assert_eq!((reply.status, &reply.json()["version"]), (200, &json!(1)), "{reply:?}");
        }
    });
    // another one, whichever way it comes, is what all of them sign in with from then on
    let other = json!({ "domain": "e.example", "clientId": "app", "clientSecret": "another-one" });
    assert_eq!(served.call("Add", &other).json()["version"], 2);
    served.call("Update", &json!({ "domain": "d3.example", "clientSecret": "the-next-for-all" }));
    let all = served.get("/api/Connections/List").json();
    assert_eq!(all.as_array().unwrap().len(), 9);
    assert!(all.as_array().unwrap().iter().all(|one| one["version"] == 3), "{all}");
}

/// The connection and the secret that comes with it are one write.
#[test]
fn a_connection_whose_secret_cannot_be_stored_is_not_there() {
    let served = Served::new();
    let new = |domain: &str, secret: &str| json!({ "domain": domain, "clientId": "app-1", "clientSecret": secret });
    assert_eq!(served.call("Add", &new("a.example", "a-first-secret")).status, 200);
    let store = rusqlite::Connection::open(served.world.home().join("agent/store.db")).unwrap();
    store
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON credential BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .unwrap();
    assert_ne!(served.call("Add", &new("b.example", "another-secret")).status, 200);
    assert_eq!(served.get("/api/Connections/List").json().as_array().unwrap().len(), 1);
    store.execute_batch("DROP TRIGGER full").unwrap();
    let added = served.call("Add", &new("b.example", "another-secret")).json();
    assert_eq!((&added["domain"], &added["version"]), (&json!("b.example"), &json!(2)));
    assert_eq!(served.get("/api/Connections/Get?domain=a.example").json()["version"], 2, "it is the app's");
}
