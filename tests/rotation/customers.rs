//! Connections that must not be switched behind their owners' backs.

use libretto::connection::Change;

use super::*;

/// Two connections of one account, once the directory has said so.
async fn shared(rig: &Rig, change: Change) {
    rig.add("other", "LAB\\svc-libretto", rig.lab.service_account().1);
    let other = connection::edit(&rig.store, "other", &Scope::all(), &change).unwrap();
    let guid = {
        let mut session = administrator(&rig.lab, 1).await;
        let found = crate::lab::find(&mut session, "(sAMAccountName=svc-libretto)", &["objectGUID"]).await;
        uuid::Uuid::from_bytes_le(found[0].bin_attrs["objectGUID"][0].as_slice().try_into().unwrap()).to_string()
    };
    for connection in [rig.connection.id, other.id] {
        credentials::bind_principal(&rig.store, connection, &guid).unwrap();
    }
}

#[tokio::test]
async fn an_account_that_another_customer_uses_too_is_not_rotated_by_one() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let acme = Change { customer: Some(Some("acme".to_owned())), ..Change::default() };
    connection::edit(&rig.store, "corp", &Scope::all(), &acme).unwrap();
    shared(&rig, Change { customer: Some(Some("globex".to_owned())), ..Change::default() }).await;
    let request = Request { scope: Scope { customer: Some("acme".to_owned()) }, ..rig.request() };
    let error = run(&request).await.unwrap_err();
    assert_eq!(error.code(), "rotation.other_customer");
    assert!(!format!("{error:?} {:?}", error.remedy()).contains("globex"));
    assert!(rig.events().is_empty());
    assert_eq!(rig.says(1, rig.old()).await, "");
    assert_eq!(run(&rig.request()).await.unwrap().connections, ["corp", "other"]);
}

#[tokio::test]
async fn a_break_glass_account_is_rotated_by_hand() {
    let rig = Rig::new(Flavour::Windows, &[]);
    shared(&rig, Change { tags: Some(vec!["break-glass".to_owned()]), ..Change::default() }).await;
    let error = run(&rig.request()).await.unwrap_err();
    assert_eq!(error.code(), "rotation.break_glass");
    assert!(rig.events().is_empty());
    assert_eq!(run(&Request { insist: true, ..rig.request() }).await.unwrap().verdict.as_str(), "ok");
}

#[tokio::test]
async fn a_connection_of_the_other_account_that_nobody_has_asked_about_counts_as_well() {
    let rig = Rig::new(Flavour::Samba, &[]);
    let acme = Change { customer: Some(Some("acme".to_owned())), ..Change::default() };
    connection::edit(&rig.store, "corp", &Scope::all(), &acme).unwrap();
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let other = rig.add("other", "LAB\\alice", &alice.password);
    let globex = Change { customer: Some(Some("globex".to_owned())), ..Change::default() };
    connection::edit(&rig.store, "other", &Scope::all(), &globex).unwrap();
    let request = Request { username: Some("alice@lab.test".to_owned()), via: Some(rig.via()), ..rig.request() };
    let of_acme = Request { scope: Scope { customer: Some("acme".to_owned()) }, ..request.clone() };
    assert_eq!(run(&of_acme).await.unwrap_err().code(), "rotation.other_customer");
    assert_eq!(picture(&rig.store, &other), "v1 current; no journal");
    let outcome = run(&request).await.unwrap();
    assert_eq!(outcome.connections, ["corp", "other"]);
    let new = password(&rig.store, &connection::get(&rig.store, "other", &Scope::all()).unwrap(), outcome.version);
    assert_eq!(data(&rig.lab, 1, "alice@lab.test", new.expose()).await, "");
}
