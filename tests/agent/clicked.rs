//! The Swagger page in a real browser, clicked through as a person does.

use serde_json::{Value, json};

use super::cloud::clouded;
use crate::support::{browser::Browser, canary::canary};

const TEST: &str = "#operations-Connections-Connections_TestConnection";
const ADD: &str = "#operations-Connections-Connections_Add";

/// Authorizes with the token and closes the dialog.
pub fn authorize(browser: &mut Browser, token: &str) {
    browser.click(".auth-wrapper .authorize");
    browser.fill("#auth-bearer-value", token);
    assert_eq!(browser.field("#auth-bearer-value", "value"), token);
    assert_eq!(browser.field("#auth-bearer-value", "type"), "password");
    browser.click(".modal-ux .auth.authorize");
    browser.click(".modal-ux .btn-done");
}

/// Opens an operation of the page.
pub fn try_out(browser: &mut Browser, block: &str) {
    browser.click(&format!("{block} .opblock-summary-control"));
    browser.click(&format!("{block} .try-out__btn"));
}

/// Executes it with `body`, and answers what is shown once it is shown with `status`.
pub fn execute(browser: &mut Browser, block: &str, body: &Value, status: &str) -> Value {
    browser.fill(&format!("{block} .body-param__text"), &body.to_string());
    browser.click(&format!("{block} .execute"));
    let shown = format!("{block} .live-responses-table .response");
    browser.shows(&format!("{shown} .response-col_status"), status);
    let answer = browser.text(&format!("{shown} .highlight-code code"));
    serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

/// The steps of article 236: open the page, *Connections*, *`TestConnection`*, *Try it out*, the domain as `req`, *Execute*.
#[test]
fn a_connection_is_tested_on_the_page() {
    let clouded = clouded();
    let secret = clouded.cloud.secret().expose().to_owned();
    clouded.add("contoso.example", &secret);
    let (served, tenant) = (&clouded.served, clouded.tenant("contoso.example"));
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/swagger", served.address));
    assert!(browser.text(".info .title").contains("Libretto Remote Agent"));
    authorize(&mut browser, &served.token);
    // The group is closed and opened.
    browser.click("#operations-tag-Connections");
    browser.click("#operations-tag-Connections[data-is-open=false]");
    try_out(&mut browser, TEST);
    let answer = execute(&mut browser, TEST, &json!("contoso.example"), "200");
    assert_eq!(json!([answer["id"], answer["domain"]]), json!([tenant, "contoso.example"]));

    let curl = browser.text(&format!("{TEST} .curl-command"));
    assert!(curl.contains("Authorization: Bearer [token]") && curl.contains("contoso.example"), "{curl}");
    for (name, secret) in [("token", &served.token), ("client secret", &secret)] {
        canary(secret).assert_absent(&format!("what is seen ({name})"), browser.visible());
        canary(secret).assert_absent(&format!("the page ({name})"), browser.kept());
    }
    let elsewhere = |url: &&&str| !url.starts_with(&format!("http://{}/", served.address)) && !url.starts_with("data:");
    assert_eq!(browser.requests().iter().find(elsewhere), None);
    assert_eq!(browser.complaints(), Vec::<&Value>::new());
}

/// The command line that the page shows for a request is what people copy; the field that the request was typed into is theirs.
#[test]
fn a_secret_that_is_typed_is_not_in_the_command_line() {
    let clouded = clouded();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/swagger/", clouded.served.address));
    authorize(&mut browser, &clouded.served.token);
    try_out(&mut browser, ADD);
    for (new, status) in [
        (json!({ "domain": "a.example", "clientId": "app", "clientSecret": "hush-hush-hush" }), "200"),
        (json!({ "domain": "b.example", "username": "u", "password": "hush-hush-hush", "more": ["hush"] }), "400"),
    ] {
        execute(&mut browser, ADD, &new, status);
        let (row, curl) = (format!("{ADD} .live-responses-table .response"), format!("{ADD} .curl-command"));
        let (row, curl) = (browser.text(&row), browser.text(&curl));
        assert!(!row.contains("hush-hush"), "{row}");
        assert!(curl.contains(new["domain"].as_str().unwrap()) && !curl.contains("hush-hush"), "{curl}");
    }
    assert_eq!(clouded.served.get("/api/Connections/Get?domain=a.example").status, 200);
}

/// Who has no token, or a wrong one, sees so.
#[test]
fn the_page_shows_what_is_refused() {
    let clouded = clouded();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/swagger/", clouded.served.address));
    try_out(&mut browser, TEST);
    let answer = execute(&mut browser, TEST, &json!("contoso.example"), "401");
    assert_eq!(answer["code"], "service.no_token");
    authorize(&mut browser, &clouded.served.token);
    let answer = execute(&mut browser, TEST, &json!("contoso.example"), "404");
    assert_eq!(answer["code"], "agent.unknown_domain");
}
