//! What Entra ID and Graph refuse: named, with a remedy, with the numbers that support asks for, without a secret.

use libretto::{
    cloud::{Proof, errors::aadsts},
    secret::Secret,
    verdict::Verdict,
};
use serde_json::json;

use super::{fact, refusal, signed_in, told};
use crate::support::cloud::{FakeCloud, Reply, world};

fn token_path() -> String {
    format!("/{}/oauth2/v2.0/token", world::TENANT)
}

/// Every number of the description, by class.
const NAMED: &[(&str, &str, &[u64])] = &[
    ("cloud.wrong_secret", "invalid_client", &[7_000_215]),
    ("cloud.expired_secret", "invalid_client", &[7_000_222]),
    ("cloud.wrong_certificate", "invalid_client", &[700_027]),
    ("cloud.bad_assertion", "invalid_client", &[700_023, 700_030, 50013, 5_000_226]),
    ("cloud.no_proof", "invalid_client", &[7_000_218]),
    ("cloud.unknown_app", "unauthorized_client", &[700_016]),
    ("cloud.app_disabled", "unauthorized_client", &[7_000_112]),
    ("cloud.unknown_resource", "invalid_resource", &[500_011]),
    ("cloud.app_absent", "invalid_client", &[7_000_229]),
    ("cloud.unknown_tenant", "invalid_request", &[90002, 900_023]),
    ("cloud.tenant_blocked", "invalid_request", &[5_000_224]),
    ("cloud.other_cloud", "invalid_request", &[90038, 900_382]),
    ("cloud.consent_missing", "invalid_grant", &[65001, 90094, 650_056, 90099]),
    ("cloud.wrong_password", "invalid_grant", &[50126]),
    ("cloud.unknown_user", "invalid_grant", &[50034]),
    ("cloud.locked_user", "invalid_grant", &[50053]),
    ("cloud.expired_password", "invalid_grant", &[50055, 50144]),
    ("cloud.no_password", "invalid_grant", &[50056]),
    ("cloud.disabled_user", "invalid_grant", &[50057]),
    ("cloud.mfa_required", "interaction_required", &[50076, 50079, 50072, 50074]),
    ("cloud.conditional_access", "interaction_required", &[53003, 530_034, 50158]),
    ("cloud.foreign_user", "invalid_grant", &[50020, 50177]),
    ("cloud.dead_refresh_token", "invalid_grant", &[700_082, 70008, 50173, 70043]),
    ("cloud.clock_skew", "invalid_client", &[700_024]),
];

#[tokio::test]
async fn each_number_has_a_name_and_a_remedy() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    for (code, error, numbers) in NAMED {
        for number in *numbers {
            fake.on("POST", &token_path(), [world::refused(400, error, *number, "Words.")]);
            let found = refusal(&cloud, &fake.sign_in()).await;
            assert_eq!((found.code(), found.verdict()), (*code, Verdict::Failed), "{number}");
            assert!(found.remedy().is_some() && !found.is_retryable(), "{number}");
            assert!(!found.message().contains(['{', '}']), "{found}");
            assert_eq!(fact(&found, "aadsts"), Some(number.to_string().as_str()));
            assert_eq!(fact(&found, "trace_id"), Some("11111111-aaaa-4000-8000-111111111111"));
            assert_eq!(fact(&found, "correlation_id"), Some("22222222-bbbb-4000-8000-222222222222"));
            assert_eq!(fact(&found, "said"), Some(format!("AADSTS{number}: Words.").as_str()));
        }
    }
}

#[tokio::test]
async fn sentences_name_who_was_refused() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    fake.on(
        "POST",
        &token_path(),
        [world::refused(401, "invalid_client", 7_000_215, "Invalid client secret provided.")],
    );
    let secret = refusal(&cloud, &fake.sign_in()).await;
    let password =
        Proof::Password { username: "svc@contoso.example".to_owned(), password: Secret::new("Canary-pw-1").unwrap() };
    fake.on(
        "POST",
        &token_path(),
        [world::refused(400, "interaction_required", 50076, "Due to a configuration change.")],
    );
    let user = refusal(&cloud, &fake.with(password)).await;
    fake.on(
        "POST",
        &token_path(),
        [world::refused(
            401,
            "invalid_client",
            700_027,
            "The certificate used to sign the client assertion is expired.",
        )],
    );
    let certificate = refusal(&cloud, &fake.sign_in()).await;
    assert_eq!(
        [told(&secret), told(&user), told(&certificate)],
        [
            "[cloud.wrong_secret] the secret is not the one of app aaaaaaaa-0000-4000-8000-00000000000a; store the secret's value (not \
             its id) again, or make a new secret; one that was just made may need minutes",
            "[cloud.mfa_required] svc@contoso.example has to sign in with a second factor; sign in by app (certificate or secret) \
             instead: `migrate_msonline` turns a password connection into an app connection",
            "[cloud.expired_certificate] the certificate of app aaaaaaaa-0000-4000-8000-00000000000a has expired; make a new \
             certificate, upload it to the app registration and store it",
        ]
    );
}

#[tokio::test]
async fn the_class_names_what_no_number_does_and_unknown_words_stay_readable() {
    let fake = FakeCloud::start().await;
    let cloud = fake.cloud();
    for (class, code) in [
        ("invalid_client", "cloud.refused_proof"),
        ("unauthorized_client", "cloud.refused_app"),
        ("invalid_grant", "cloud.refused_grant"),
        ("interaction_required", "cloud.interaction_required"),
        ("consent_required", "cloud.consent_missing"),
        ("invalid_tenant", "cloud.unknown_tenant"),
        ("invalid_scope", "cloud.unknown_resource"),
    ] {
        fake.on("POST", &token_path(), [world::refused(400, class, 9_999_999, "Something new.")]);
        assert_eq!(refusal(&cloud, &fake.sign_in()).await.code(), code);
    }
    fake.on("POST", &token_path(), [world::refused(400, "brand_new", 9_999_999, "Something\r\n that nobody knew.")]);
    let unknown = refusal(&cloud, &fake.sign_in()).await;
    assert_eq!(
        told(&unknown),
        "[cloud.refused] the sign-in service refuses: AADSTS9999999: Something that nobody knew.; look the AADSTS number up at \
         login.microsoftonline.com/error"
    );
    fake.on("POST", &token_path(), [Reply::json(400, &json!({ "error": "brand_new" }))]);
    let bare = refusal(&cloud, &fake.sign_in()).await;
    assert_eq!((bare.code(), bare.message()), ("cloud.refused", "the sign-in service refuses: brand_new"));
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    for number in [90033, 90006, 90024, 50033] {
        let fake = FakeCloud::start().await;
        fake.on("POST", &token_path(), [world::refused(400, "invalid_request", number, "Try again.")]);
        assert_eq!(
            fake.cloud()
                .sign_in(&fake.sign_in(), libretto::cloud::Freshness::Fresh)
                .await
                .map(drop)
                .err()
                .map(|e| e.to_string()),
            None
        );
        assert_eq!(fake.count("POST", &token_path()), 2);
    }
    // A loop is not ended by going round once more.
    let fake = FakeCloud::start().await;
    fake.on("POST", &token_path(), [world::refused(400, "invalid_grant", 50196, "A loop.")]);
    let error = refusal(&fake.cloud(), &fake.sign_in()).await;
    assert_eq!((error.code(), error.is_retryable(), fake.count("POST", &token_path())), ("cloud.unavailable", true, 1));
}

#[tokio::test]
async fn a_secret_that_a_server_repeats_is_not_passed_on() {
    let fake = FakeCloud::start().await;
    let said = format!("You sent '{}'.", world::SECRET);
    fake.on("POST", &token_path(), [world::refused(400, "brand_new", 9_999_999, &said)]);
    let error = refusal(&fake.cloud(), &fake.sign_in()).await;
    let all = format!("{error:?} {}", serde_json::to_string(&error).unwrap());
    assert!(all.contains("You sent '[secret]'.") && !all.contains(world::SECRET), "{all}");

    let (fake, graph) = signed_in().await;
    graph.organization().await.unwrap();
    let token = fake.asked().last().unwrap().bearer.clone().unwrap();
    fake.on(
        "GET",
        "/v1.0/organization",
        [world::graph_error(400, "BadRequest", &format!("The token {token} is odd."))],
    );
    let error = graph.organization().await.unwrap_err();
    let all = format!("{error:?} {}", serde_json::to_string(&error).unwrap());
    assert!(all.contains("The token [secret] is odd.") && !all.contains(&token), "{all}");
    let password = Secret::new("Canary-New-Pass-1").unwrap();
    fake.on(
        "PATCH",
        "/v1.0/users/ada@contoso.example",
        [world::graph_error(400, "Request_BadRequest", "Canary-New-Pass-1 is too plain.")],
    );
    let error = graph.reset_password("ada@contoso.example", &password, false).await.unwrap_err();
    assert_eq!(error.message(), "Graph refuses: [secret] is too plain.");
}

#[tokio::test]
async fn graphs_refusals_are_named() {
    let (fake, graph) = signed_in().await;
    let cases = [
        (
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
            "cloud.permission_missing",
        ),
        (404, "Request_ResourceNotFound", "Resource does not exist.", "cloud.not_found"),
        (
            400,
            "Request_BadRequest",
            "Another object with the same value for property userPrincipalName already exists.",
            "cloud.exists",
        ),
        (
            400,
            "Request_BadRequest",
            "The specified password does not comply with password complexity requirements.",
            "cloud.password_policy",
        ),
        (
            400,
            "Request_BadRequest",
            "Subscription with SKU x does not have any available licenses.",
            "cloud.no_licence_left",
        ),
        (
            400,
            "Request_BadRequest",
            "License assignment cannot be done for user with invalid usage location.",
            "cloud.usage_location",
        ),
        (
            400,
            "CredentialInvalidLifetimeAsPerAppPolicy",
            "Credential lifetime exceeds the max value.",
            "cloud.app_policy",
        ),
        (403, "Directory_QuotaExceeded", "The directory object quota limit has been exceeded.", "cloud.quota"),
        (418, "Teapot", "Short and stout.", "cloud.refused"),
    ];
    for (status, code, message, named) in cases {
        fake.on("GET", "/v1.0/organization", [world::graph_error(status, code, message)]);
        let error = graph.organization().await.unwrap_err();
        assert_eq!((error.code(), error.verdict()), (named, Verdict::Failed));
        assert!(error.remedy().is_some());
        assert_eq!((fact(&error, "graph_code"), fact(&error, "said")), (Some(code), Some(message)));
        assert_eq!(fact(&error, "request_id"), Some("33333333-cccc-4000-8000-333333333333"));
    }
    fake.assert_as_described();
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let (fake, graph) = signed_in().await;
    let denied = || {
        [world::graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")]
    };
    fake.on("GET", "/v1.0/organization", denied());
    fake.on("POST", "/v1.0/users/ada@contoso.example/revokeSignInSessions", denied());
    let read = graph.organization().await.unwrap_err();
    let write = graph.revoke_sessions("ada@contoso.example").await.unwrap_err();
    assert_eq!(
        [told(&read), told(&write)],
        [
            "[cloud.permission_missing] the permission to read the organization is missing; grant the app Organization.Read.All with \
             admin consent, or give the account a role that holds it",
            "[cloud.permission_missing] the permission to end a user's sessions is missing; grant the app User.RevokeSessions.All with \
             admin consent, or give the account a role that holds it",
        ]
    );
}

#[test]
fn what_is_no_refusal_of_entra_id_is_told_apart() {
    let subject = aadsts::Subject::default();
    for body in [json!(null), json!([]), json!({ "error": 7 }), json!({ "message": "no" })] {
        assert!(aadsts::refusal(&body, 400, &subject).is_none());
    }
    // Members of other types do no harm.
    let odd = json!({ "error": "invalid_client", "error_description": 7, "error_codes": "7000215", "trace_id": [] });
    assert_eq!(aadsts::refusal(&odd, 401, &subject).unwrap().code(), "cloud.refused_proof");
    // A number that stands in the words alone is found.
    let words = json!({ "error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired." });
    assert_eq!(aadsts::refusal(&words, 401, &subject).unwrap().code(), "cloud.expired_secret");
}
