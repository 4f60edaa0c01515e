//! Users: finding, making, changing, licences, sessions.

use super::*;

const E3: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";
const EXCHANGE: &str = "4b9405b0-7788-4568-add1-99614e613b69";

fn newcomer(name: &str) -> Value {
    json!({
        "accountEnabled": true, "displayName": "New Comer", "mailNickname": "new", "userPrincipalName": name,
        "passwordProfile": { "password": "Correct-Horse-77", "forceChangePasswordNextSignIn": false },
    })
}

async fn sign_in(sky: &Sky, tenant: &str, name: &str, password: &str) -> Said {
    sky.grant(tenant, "password", &[("username", name), ("password", password)]).await
}

#[tokio::test]
async fn lists_are_filtered_selected_and_paged() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let all = sky.get("/users", &token).await;
    assert_eq!(all["value"].as_array().unwrap().len(), 6);
    // What Graph shows unless asked for more.
    assert_eq!(all["value"][0].as_object().unwrap().len(), 11);
    let mut next =
        "/users?$top=4&$select=id,userPrincipalName,accountEnabled&$filter=accountEnabled eq true".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = sky.get(&next, &token).await;
        pages.push(each(&page, "userPrincipalName").into_iter().map(str::to_owned).collect::<Vec<_>>());
        match page["@odata.nextLink"].as_str() {
            Some(link) => link.split_once("/v1.0").unwrap().1.clone_into(&mut next),
            None => break,
        }
    }
    let names = ["admin", "adele", "alex", "diego", "o.reilly"].map(|name| format!("{name}@contoso.example"));
    assert_eq!(pages, [&names[..4], &names[4..]]);
    for (filter, found) in [
        ("userPrincipalName eq 'ADELE@contoso.example'", 1),
        ("surname eq 'O''Reilly'", 1),
        ("startswith(displayName,'A') and accountEnabled eq true", 3),
        (&format!("assignedLicenses/any(l:l/skuId eq {E3})"), 3),
        ("accountEnabled eq false or usageLocation ne 'US'", 1),
    ] {
        let path = format!("/users?$filter={}", filter.replace(' ', "%20"));
        assert_eq!(sky.get(&path, &token).await["value"].as_array().unwrap().len(), found, "{filter}");
    }
    for (query, code) in [
        ("$filter=userPrincipalName", "BadRequest"),
        ("$top=0", "Request_UnsupportedQuery"),
        ("$top=1000", "Request_UnsupportedQuery"),
        ("$skiptoken=x", "Directory_ExpiredPageToken"),
    ] {
        let (status, said, _) = sky.refusal("GET", &format!("/users?{query}"), &token, None).await;
        assert_eq!((status, said.as_str()), (400, code), "{query}");
    }
}

#[tokio::test]
async fn a_user_is_made_changed_and_removed() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let name = "new@contoso.example";
    let made = sky.ask("POST", "/users", &token, Some(newcomer(name))).await;
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.status, 201);
    assert!(made.headers["location"].to_str().unwrap().ends_with(&format!("/v1.0/users/{id}")));
    assert_eq!(sky.get(&format!("/users/{name}"), &token).await["id"], id);
    assert_eq!(sky.get(&format!("/users('{id}')"), &token).await["userPrincipalName"], name);
    assert_eq!(sign_in(&sky, "contoso.example", name, "Correct-Horse-77").await.status, 200);
    let at = format!("/users/{id}");
    let patch = async |change: Value| sky.ask("PATCH", &at, &token, Some(change)).await.status;
    assert_eq!(patch(json!({ "accountEnabled": false, "jobTitle": "Guest" })).await, 204);
    let refused = sign_in(&sky, "contoso.example", name, "Correct-Horse-77").await;
    assert_eq!(refused.refused(), (400, "invalid_grant", 50057));
    assert_eq!(patch(json!({ "accountEnabled": true })).await, 204);
    assert_eq!(patch(json!({ "passwordProfile": { "password": "Another-Horse-78" } })).await, 204);
    let refused = sign_in(&sky, "contoso.example", name, "Correct-Horse-77").await;
    assert_eq!(refused.refused(), (400, "invalid_grant", 50126));
    // A password that was set has to be changed unless it is told otherwise.
    let refused = sign_in(&sky, "contoso.example", name, "Another-Horse-78").await;
    assert_eq!(refused.refused(), (400, "invalid_grant", 50055));
    assert_eq!(sky.ask("DELETE", &at, &token, None).await.status, 204);
    assert_eq!(sky.refusal("GET", &at, &token, None).await.0, 404);
}

#[tokio::test]
async fn users_that_cannot_be_are_refused() {
    let sky = sky(&[]);
    let token = sky.token("tailspin.example").await;
    let but = |name: &str, value: Value| {
        let mut user = newcomer("new@tailspin.example");
        user[name] = value;
        user
    };
    for (user, words) in [
        (but("displayName", Value::Null), "A value is required for property 'displayName'"),
        (but("accountEnabled", json!("yes")), "Invalid value specified for property 'accountEnabled'"),
        (but("shoeSize", json!(46)), "Invalid property 'shoeSize'"),
        (but("userPrincipalName", json!("new@new.tailspin.example")), "verified domain names"),
        (but("userPrincipalName", json!("new")), "verified domain names"),
        (but("userPrincipalName", json!("Adele@tailspin.example")), "already exists"),
        (but("passwordProfile", json!({ "password": "weak" })), "password does not comply"),
        (but("passwordProfile", json!({})), "A value is required for property 'password'"),
    ] {
        let (status, code, message) = sky.refusal("POST", "/users", &token, Some(user)).await;
        assert_eq!((status, code.as_str()), (400, "Request_BadRequest"), "{message}");
        assert!(message.contains(words), "{message}");
    }
    let said = sky.send(Method::POST, "/v1.0/users", Some(&token), Some("{".to_owned())).await.unwrap();
    assert_eq!((said.status, &said.body["error"]["code"]), (400, &json!("BadRequest")));
    let same = json!({ "userPrincipalName": "ADELE@tailspin.example" });
    assert_eq!(sky.ask("PATCH", "/users/adele@tailspin.example", &token, Some(same)).await.status, 204);
}

#[tokio::test]
async fn licences_are_given_and_taken() {
    let sky = sky(&[]);
    let token = sky.token("tailspin.example").await;
    let change = async |user: &str, add: &[&str], remove: &[&str]| {
        let add: Vec<Value> = add.iter().map(|sku| json!({ "skuId": sku, "disabledPlans": [] })).collect();
        let body = json!({ "addLicenses": add, "removeLicenses": remove });
        sky.ask("POST", &format!("/users/{user}@tailspin.example/assignLicense"), &token, Some(body)).await
    };
    assert_eq!(change("diego", &[EXCHANGE], &[]).await.status, 200);
    assert_eq!(change("diego", &[E3], &[EXCHANGE]).await.status, 200);
    let details = sky.get("/users/diego@tailspin.example/licenseDetails", &token).await;
    assert_eq!(each(&details, "skuPartNumber"), ["SPE_E3"]);
    // Four were bought, and all are used now.
    let full = change("grady", &[E3], &[]).await;
    assert!(full.text.contains("does not have any available licenses"), "{}", full.text);
    for (add, remove, words) in [
        (vec![GUID], vec![], "does not correspond to a valid company License"),
        (vec![], vec![EXCHANGE], "User does not have a corresponding license"),
    ] {
        let said = change("diego", &add, &remove).await;
        assert_eq!(said.status, 400);
        assert!(said.text.contains(words), "{}", said.text);
    }
    assert_eq!(sky.ask("POST", "/users", &token, Some(newcomer("new@tailspin.example"))).await.status, 201);
    let nowhere = change("new", &[EXCHANGE], &[]).await;
    assert!(nowhere.text.contains("invalid usage location"), "{}", nowhere.text);
}

const GUID: &str = "11111111-2222-4333-8444-555555555555";

#[tokio::test]
async fn sessions_end_when_they_are_revoked() {
    let sky = sky(&[]);
    let token = sky.token("contoso.example").await;
    let refresh = sky.cloud.refresh_token().unwrap();
    let renew = async || sky.grant("contoso.example", "refresh_token", &[("refresh_token", refresh.expose())]).await;
    assert_eq!(renew().await.status, 200);
    let said = sky.ask("POST", "/users/admin@contoso.example/revokeSignInSessions", &token, None).await;
    assert_eq!((said.status, &said.body["value"]), (200, &json!(true)));
    assert_eq!(renew().await.refused(), (400, "invalid_grant", 50173));
}

#[tokio::test]
async fn who_may_not_is_refused() {
    let sky = sky(&[]);
    // Diego is a Helpdesk Administrator: he resets passwords and makes nobody.
    let app = sky.token("contoso.example").await;
    let set = json!({ "passwordProfile": { "password": "Correct-Horse-77", "forceChangePasswordNextSignIn": false } });
    assert_eq!(sky.ask("PATCH", "/users/diego@contoso.example", &app, Some(set.clone())).await.status, 204);
    let diego = sign_in(&sky, "contoso.example", "diego@contoso.example", "Correct-Horse-77").await.token();
    assert_eq!(sky.ask("PATCH", "/users/alex@contoso.example", &diego, Some(set)).await.status, 204);
    let (status, code, _) = sky.refusal("POST", "/users", &diego, Some(newcomer("new@contoso.example"))).await;
    assert_eq!((status, code.as_str()), (403, "Authorization_RequestDenied"));
    let (status, ..) =
        sky.refusal("PATCH", "/users/alex@contoso.example", &diego, Some(json!({ "jobTitle": "x" }))).await;
    assert_eq!(status, 403);
}
