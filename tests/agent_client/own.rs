//! Libretto's own agent, asked through its document like any other.

use libretto::{
    agent::{
        client::{
            Address, Agent, Options, Which,
            fill::{Credential, Values},
            find::{ADD, DELETE, LIST, STATUS, TEST_CONNECTION, UPDATE},
        },
        service,
    },
    cloud,
    secret::Secret,
    service::{Limits, Listener, tls, token},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::contoso;

/// An agent whose cloud cannot be reached; with TLS, or without.
fn serve(with_tls: bool) -> (TempDir, Address, Options, Secret) {
    let folder = tempfile::tempdir().unwrap();
    let login = Some("https://127.0.0.1:9/".parse().unwrap());
    let cloud = cloud::Options { login, ..cloud::Options::default() };
    let agent = service::Agent::open(folder.path(), "tester", cloud).unwrap();
    let served = agent.service(Limits::default()).unwrap();
    let token = token::load_or_make(&service::store(folder.path(), "tester").unwrap()).unwrap();
    let mut options = super::quick();
    let mut config = None;
    if with_tls {
        let (certificate, file) = tls::own(folder.path(), &[]).unwrap();
        options.ca_pem = Some(std::fs::read_to_string(file).unwrap().into());
        config = Some(certificate.config);
    }
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), config, !with_tls).unwrap();
    let port = listener.address().unwrap().port();
    tokio::spawn(listener.serve(served, std::future::pending(), std::future::pending()));
    (folder, Address { host: "127.0.0.1".to_owned(), port }, options, token)
}

fn app(secret: &str) -> Values {
    Values {
        client_id: Some("6731de76-14a6-49ae-97bc-6eba6914391e".to_owned()),
        credential: Some(Credential::ClientSecret(Secret::new(secret).unwrap())),
        ..contoso()
    }
}

#[tokio::test]
async fn a_copy_is_added_changed_listed_and_removed() {
    for with_tls in [false, true] {
        let (_folder, address, options, token) = serve(with_tls);
        let agent = Agent::new(address, &options).unwrap();
        let ask = async |wanted, values: &Values| agent.ask(Which::Wanted(wanted), values, Some(&token)).await;
        assert_eq!(agent.found(None).await.unwrap().place, "/swagger/docs/v1");
        let missing = ask(&UPDATE, &app("the app's secret")).await.unwrap_err();
        assert_eq!(missing.code(), "agent.unknown_domain");
        let held = |answer: &Value| {
            let members = ["domain", "signInAs", "form", "version"];
            members.iter().map(|name| answer[*name].clone()).collect::<Value>()
        };
        let added = ask(&ADD, &app("the app's secret")).await.unwrap().body;
        let one = json!(["contoso.example", "6731de76-14a6-49ae-97bc-6eba6914391e", "client-secret", 1]);
        assert_eq!(held(&added), one);
        let changed = ask(&UPDATE, &app("the app's next secret")).await.unwrap().body;
        assert_eq!(changed["version"], 2);
        let listed = ask(&LIST, &contoso()).await.unwrap().body;
        assert_eq!((listed.as_array().map(Vec::len), held(&listed[0])), (Some(1), held(&changed)));
        assert!(!listed.to_string().contains("secret\":"), "{listed}");
        assert_eq!(ask(&STATUS, &contoso()).await.unwrap().body["connections"], 1);
        let tested = ask(&TEST_CONNECTION, &contoso()).await.unwrap_err();
        assert_eq!(tested.code(), "cloud.unreachable", "{tested}");
        ask(&DELETE, &contoso()).await.unwrap();
        assert_eq!(ask(&DELETE, &contoso()).await.unwrap_err().code(), "agent.unknown_domain");
        let wrong = Secret::new("not the token at all").unwrap();
        let refused = agent.ask(Which::Wanted(&LIST), &contoso(), Some(&wrong)).await.unwrap_err();
        assert_eq!(refused.code(), "agent.wrong_token");
        assert_eq!(agent.ask(Which::Wanted(&LIST), &contoso(), None).await.unwrap_err().code(), "agent.no_token");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_says_so() {
    let (_folder, address, options, token) = serve(false);
    let agent = Agent::new(address, &options).unwrap();
    let values = Values { body: Some(json!({ "domain": "x".repeat(2 << 20) })), ..contoso() };
    let error = agent.ask(Which::Named("Connections_Add"), &values, Some(&token)).await.unwrap_err();
    assert_eq!(error.code(), "agent.too_large", "{error}");
}
