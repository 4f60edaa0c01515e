//! The agent under whatever its own document allows and forbids.

use serde_json::json;

use super::cloud::clouded;
use crate::support::fuzz::fuzz;

#[test]
fn whatever_is_sent_no_answer_is_a_fault_or_holds_a_secret() {
    let clouded = clouded();
    let secret = clouded.cloud.secret().expose();
    let (user, password) = ("canary-user@fabrikam.example", "Canary-of-Fuzzing-42!");
    clouded.add("contoso.example", secret);
    let by_user = json!({ "domain": "fabrikam.example", "username": user, "password": password });
    assert_eq!(clouded.served.call("Add", &by_user).status, 200);
    fuzz(&clouded.served, &[secret, password]);
    assert_eq!(clouded.served.get("/api/Agent/Status").json()["status"], "up");
}

/// The document says so of what may be left out: a client that writes all members of a profile writes this.
#[test]
fn a_profile_without_plans_is_as_the_document_says() {
    let clouded = clouded();
    let document = clouded.served.open("/openapi.json").json();
    let schema = json!({ "$ref": "#/components/schemas/Profile", "components": document["components"] });
    let profile = json!({ "name": "staff", "sku": "SPE_E3", "plans": null });
    assert!(jsonschema::is_valid(&schema, &profile));
    let set = clouded.served.post("/api/LicenceProfiles/Set", &profile.to_string());
    assert_eq!((set.status, set.json()), (200, json!({ "name": "staff", "sku": "SPE_E3", "plans": [] })));
}
