//! Documents in both formats, operations by whatever they are called.

use libretto::agent::client::{Which, document, fill::Values, find};
use serde_json::{Value, json};

use super::{Fake, contoso, swagger, test_operation, token, told};

const TEST: &str = "/api/Connections/TestConnection";

#[tokio::test]
async fn a_bare_text_and_an_object_with_one_text_are_both_filled() {
    for (schema, body) in [
        (json!({ "type": "string" }), json!("contoso.example")),
        (json!({}), json!("contoso.example")),
        (json!({ "$ref": "#/definitions/TestReq" }), json!({ "tenantDomain": "contoso.example" })),
        (json!({ "allOf": [{ "$ref": "#/definitions/TestReq" }] }), json!({ "tenantDomain": "contoso.example" })),
        (
            json!({ "type": "object", "properties": { "whatever": { "type": "string" }, "deep": { "type": "boolean" } } }),
            json!({ "whatever": "contoso.example" }),
        ),
        (
            json!({ "type": "object", "required": ["Domain"],
                "properties": { "Domain": { "type": "string" }, "Comment": { "type": "string" } } }),
            json!({ "Domain": "contoso.example" }),
        ),
    ] {
        let fake = Fake::with_document(&swagger(TEST, &test_operation(&schema))).await;
        fake.json(&format!("POST {TEST}"), 200, &json!({ "Id": "1" }));
        let answer = fake.test().await.unwrap();
        assert_eq!((answer.operation.as_str(), answer.status), ("POST /api/Connections/TestConnection", 200));
        let [seen] = fake.seen().try_into().unwrap();
        assert_eq!(seen.json(), body, "{schema}");
        assert_eq!(seen.header("authorization"), Some("Bearer the agent's token 4711"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn open_api_3_with_a_base_path_references_and_circles() {
    let document = json!({
        "openapi": "3.0.3",
        "info": { "title": "Agent", "version": "2" },
        "servers": [{ "url": "https://{host}/agent/v2/", "variables": { "host": { "default": "elsewhere.example" } } }],
        "paths": { "/connections/test-connection": { "post": {
            "tags": ["connections"],
            "requestBody": { "$ref": "#/components/requestBodies/req" },
            "responses": {},
        } } },
        "components": {
            "requestBodies": { "req": { "content": {
                "application/xml": {}, "application/json": { "schema": { "$ref": "#/components/schemas/Page%5BReq%5D" } },
            } } },
            "schemas": {
                "Page[Req]": { "type": "object", "required": ["domain"], "properties": {
                    "domain": { "$ref": "#/components/schemas/Name" },
                    "next": { "$ref": "#/components/schemas/Page[Req]" },
                    "count": { "type": "integer" },
                } },
                "Name": { "type": ["string", "null"] },
            },
        },
    });
    let fake = Fake::with_document(&document).await;
    fake.json("POST /agent/v2/connections/test-connection", 200, &json!({ "id": "1" }));
    fake.test().await.unwrap();
    assert_eq!(fake.seen()[0].json(), json!({ "domain": "contoso.example" }));
}

#[tokio::test]
async fn a_choice_is_filled_with_the_first_that_fits() {
    let choice = json!({ "oneOf": [
        { "type": "object", "required": ["ticket"], "properties": { "ticket": { "type": "integer" } } },
        { "type": "string" },
    ] });
    let fake = Fake::with_document(&swagger(TEST, &test_operation(&choice))).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    fake.test().await.unwrap();
    assert_eq!(fake.seen()[0].json(), json!("contoso.example"));
}

#[tokio::test]
async fn the_token_goes_into_the_header_that_the_document_names() {
    let mut document = swagger(TEST, &test_operation(&json!({ "type": "string" })));
    document["securityDefinitions"] = json!({ "key": { "type": "apiKey", "name": "X-Agent-Token", "in": "header" } });
    let fake = Fake::with_document(&document).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    fake.test().await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].header("x-agent-token"), Some("the agent's token 4711"));
    assert_eq!(seen[0].header("authorization"), None);
}

/// A document with these operations: path, id, tags, body parameter.
fn document(operations: &[(&str, Option<&str>, &str, Option<&str>)]) -> document::Document {
    let mut paths = serde_json::Map::new();
    for (path, id, tag, body) in operations {
        let mut operation = json!({ "tags": [tag], "responses": {} });
        if let Some(id) = id {
            operation["operationId"] = json!(id);
        }
        if let Some(body) = body {
            operation["parameters"] = json!([{ "name": body, "in": "body", "schema": { "type": "string" } }]);
        }
        paths.insert((*path).to_owned(), json!({ "post": operation }));
    }
    let text = json!({ "swagger": "2.0", "info": { "title": "Agent", "version": "1" }, "paths": paths }).to_string();
    document::read(text.as_bytes()).unwrap()
}

#[test]
fn operations_are_found_by_id_then_group_and_path_then_the_bodys_name() {
    let found = |operations: &[(&str, Option<&str>, &str, Option<&str>)]| {
        let document = document(operations);
        find::find(&document, &find::TEST_CONNECTION).map(ToString::to_string)
    };
    let other = ("/api/Other/TestConnection", None, "Other", Some("req"));
    assert_eq!(found(&[("/x/{id}", Some("connections-testConnection"), "X", None), other]).unwrap(), "POST /x/{id}");
    assert_eq!(
        found(&[("/x/test_connection/{id}", Some("A"), "Connections", None), other]).unwrap(),
        "POST /x/test_connection/{id}"
    );
    assert_eq!(found(&[("/x/Try", Some("A"), "CONNECTIONS", Some("Req")), other]).unwrap(), "POST /x/Try");
    let two = found(&[("/x/1", None, "Connections", Some("req")), ("/x/2", None, "Connections", Some("req"))]);
    assert_eq!(
        told(&two.unwrap_err()),
        "agent.ambiguous_operation\n\
         the agent's document has several operations with a body called req\n\
         name one with `agent::invoke`: POST /x/1, POST /x/2"
    );
    let none = found(&[("/api/Connections/Tests", Some("Connections_TestConnections"), "Connections", None), other])
        .unwrap_err();
    assert_eq!(
        told(&none),
        "agent.no_operation\n\
         the agent's document has nothing of: an operation called Connections_TestConnection or TestConnection; in the group \
         Connections a path that ends in TestConnection; in the group Connections a body called req\n\
         did you mean Connections_TestConnections?"
    );
    assert_eq!(none.facts()["operations"], "Connections_TestConnections, POST /api/Other/TestConnection");
    assert_eq!(none.facts()["document"], "Agent 1 (Swagger 2.0)");
}

#[test]
fn a_person_names_an_operation_as_he_likes() {
    let document =
        document(&[("/api/Users/Find", Some("Users_Find"), "Users", None), ("/api/Users/Block", None, "Users", None)]);
    for (name, path) in [
        ("Users_Find", "/api/Users/Find"),
        ("usersfind", "/api/Users/Find"),
        ("Users/Block", "/api/Users/Block"),
        ("POST /api/Users/Block", "/api/Users/Block"),
        ("/api/Users/Block", "/api/Users/Block"),
        ("Block", "/api/Users/Block"),
    ] {
        assert_eq!(find::named(&document, name).unwrap().path, path, "{name}");
    }
    assert_eq!(find::named(&document, "Users_Fnd").unwrap_err().remedy(), Some("did you mean Users_Find?"));
}

#[tokio::test]
async fn what_one_operation_gets_wrong_is_no_matter_for_another() {
    let mut document = swagger(TEST, &test_operation(&json!({ "type": "string" })));
    document["paths"]["/broken"] = json!({ "get": { "parameters": [{ "$ref": "#/parameters/nowhere" }] } });
    document["definitions"]["Odd"] = json!({ "type": "object", "required": true, "properties": { "a": 7 } });
    let fake = Fake::with_document(&document).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    fake.test().await.unwrap();
    let missing = fake.agent().ask(Which::Named("broken"), &contoso(), None).await.unwrap_err();
    assert_eq!(
        missing.facts()["unreadable"],
        "GET /broken: the agent's document is wrong: there is no parameter nowhere"
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_filled_says_what_it_wants() {
    let cases: [(Value, &str); 4] = [
        (
            json!({ "type": "object", "required": ["domain", "ticket"],
                "properties": { "domain": { "type": "string" }, "ticket": { "type": "integer" } } }),
            "POST /api/Connections/TestConnection cannot be asked for: its body wants ticket, and that is not known",
        ),
        (
            json!({ "type": "integer" }),
            "POST /api/Connections/TestConnection cannot be asked for: its body has no member for a domain",
        ),
        (json!({ "$ref": "#/definitions/Nobody" }), "the agent's document is wrong: there is no schema Nobody"),
        (
            json!({ "$ref": "other.json#/Req" }),
            "the agent's document is wrong: the reference other.json#/Req leads out of the document",
        ),
    ];
    for (schema, message) in cases {
        let fake = Fake::with_document(&swagger(TEST, &test_operation(&schema))).await;
        let error = fake.test().await.unwrap_err();
        assert_eq!(error.message(), message);
        assert!(fake.seen().is_empty(), "nothing was sent");
    }
    let mut circle = swagger(TEST, &test_operation(&json!({ "$ref": "#/definitions/A" })));
    circle["definitions"] = json!({ "A": { "$ref": "#/definitions/B" }, "B": { "$ref": "#/definitions/A" } });
    let error = Fake::with_document(&circle).await.test().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("agent.bad_document", "the agent's document is wrong: the schema A refers to itself and says nothing else")
    );
}

#[tokio::test]
async fn a_byte_order_mark_is_no_matter() {
    let fake = Fake::start().await;
    let document = swagger(TEST, &test_operation(&json!({ "type": "string" })));
    fake.page("GET /swagger/v1/swagger.json", 200, "text/plain", &format!("\u{feff}{document}"));
    fake.page(&format!("POST {TEST}"), 200, "text/json", "\u{feff}{\"id\": 7}");
    assert_eq!(fake.test().await.unwrap().body, json!({ "id": 7 }));
}

#[tokio::test]
async fn values_stand_in_paths_and_queries_too() {
    let operation = json!({ "tags": ["Users"], "operationId": "Users_Find", "parameters": [
        { "name": "domain", "in": "path", "required": true, "type": "string" },
        { "name": "filter", "in": "query", "required": true, "type": "string" },
        { "name": "top", "in": "query", "type": "integer" },
    ] });
    let fake = Fake::with_document(&swagger("/api/{domain}/users", &operation)).await;
    fake.json("POST /api/a%2Fb%20c/users?filter=x%26y%3D1", 200, &json!([]));
    let ask = async |values: Values| fake.agent().ask(Which::Named("Users_Find"), &values, Some(&token())).await;
    let given = Values { domain: "a/b c".to_owned(), body: Some(json!({ "filter": "x&y=1" })), ..Values::default() };
    ask(given).await.unwrap();
    let missing = ask(contoso()).await.unwrap_err();
    assert_eq!(
        missing.message(),
        "POST /api/{domain}/users cannot be asked for: it wants filter, and that is not known"
    );
}

/// What HTTP itself is made of is nothing that a document may ask for.
#[tokio::test]
async fn no_header_of_http_itself_is_filled() {
    let mut operation = test_operation(&json!({ "type": "object", "properties": { "domain": { "type": "string" } } }));
    let header = |name: &str| json!({ "name": name, "in": "header", "required": true, "type": "string" });
    for name in ["Host", "Cookie", "Transfer-Encoding", "content-length", "X-Tenant"] {
        operation["parameters"].as_array_mut().unwrap().push(header(name));
    }
    let fake = Fake::with_document(&swagger(TEST, &operation)).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    let body = json!({ "domain": "a.example", "Host": "evil.example", "Cookie": "a=b", "Transfer-Encoding": "chunked",
        "content-length": "3", "X-Tenant": "one" });
    let values = Values { body: Some(body), ..contoso() };
    let which = Which::Wanted(&find::TEST_CONNECTION);
    fake.agent().ask(which, &values, Some(&token())).await.unwrap();
    let [seen] = fake.seen().try_into().unwrap();
    assert_eq!(seen.header("host"), Some(format!("127.0.0.1:{}", fake.port).as_str()));
    assert_eq!((seen.header("cookie"), seen.header("transfer-encoding")), (None, None));
    assert_eq!((seen.header("x-tenant"), seen.json()), (Some("one"), json!({ "domain": "a.example" })));
}

/// Two parts of one schema may be put together from the same third.
#[tokio::test]
async fn what_two_parts_have_in_common_is_no_circle() {
    let schema = json!({ "allOf": [{ "$ref": "#/definitions/One" }, { "$ref": "#/definitions/Two" }] });
    let mut document = swagger(TEST, &test_operation(&schema));
    let part = || json!({ "allOf": [{ "$ref": "#/definitions/Base" }] });
    document["definitions"] = json!({ "One": part(), "Two": part(),
        "Base": { "type": "object", "properties": { "domain": { "type": "string" } } } });
    let fake = Fake::with_document(&document).await;
    fake.json(&format!("POST {TEST}"), 200, &json!({ "id": "1" }));
    fake.test().await.unwrap();
    assert_eq!(fake.seen()[0].json(), json!({ "domain": "contoso.example" }));
}
