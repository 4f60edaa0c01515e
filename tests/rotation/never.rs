//! Accounts whose password is nobody's to rotate: each is refused before anything is written, with what to do instead.

use super::*;
use crate::{
    lab::set,
    support::samba::{create_user, samba, samba_tool, unique_name},
};

const BOB: &str = "CN=Bob Bergmann,CN=Users,DC=lab,DC=test";

/// What a rotation of `username`, asked for over an administrator, says; that nothing was begun.
async fn refusal(store: &Store, request: &Request, username: &str) -> String {
    let witness = Witness::default();
    let error =
        rotate(&Request { username: Some(username.to_owned()), ..request.clone() }, &witness).await.unwrap_err();
    assert_eq!(error.code(), "rotation.never_rotated", "{username}: {error}");
    assert!(error.remedy().unwrap().contains("insist"), "{username}");
    assert_eq!(witness.told(), ["preflight failed"], "{username}");
    let one = journal::history(store, request.connection.principal).unwrap();
    assert!(one.is_empty(), "{username}");
    let (said, instead) = error.message().split_once(" is not rotated: ").unwrap();
    assert_eq!(said, format!("the password of {username}"));
    instead.to_owned()
}

#[tokio::test]
async fn each_kind_is_refused_with_the_procedure_that_is_right_for_it() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let request = Request { via: Some(rig.via()), ..rig.request() };
    for (username, instead) in [
        ("krbtgt", "reset it twice"),
        ("gmsa-web$", "Test-ADServiceAccount"),
        ("DC1$", "Test-ComputerSecureChannel -Repair"),
        ("LAB\\Administrator", "change it by hand"),
    ] {
        let said = refusal(&rig.store, &request, username).await;
        assert!(said.contains(instead), "{username}: {said}");
    }
    for (name, instead) in [
        ("MSOL_1a2b3c4d5e6f", "Add-ADSyncAADServiceAccount"),
        ("Sync_HOST1_1a2b3c", "Add-ADSyncAADServiceAccount"),
        ("AZUREADSSOACC$", "Update-AzureADSSOForest"),
    ] {
        for target in 1..=3 {
            let mut admin = administrator(&rig.lab, target).await;
            assert_eq!(set(&mut admin, BOB, "sAMAccountName", name).await.rc, 0);
        }
        let said = refusal(&rig.store, &request, name).await;
        assert!(said.contains(instead), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_tag_keeps_an_account_from_being_rotated_by_any_of_its_connections() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let (username, password) = rig.lab.service_account();
    let tagged = NewConnection {
        tags: vec!["Break-Glass".to_owned()],
        ..new("emergency", username, password, &targets(&rig.lab), rig.lab.ca_pem())
    };
    let tagged = connection::add(&rig.store, &tagged).unwrap();
    let endpoints = endpoints(tagged.ad().unwrap(), Limits::default());
    let own = request(&rig.store, &tagged, endpoints.clone());
    assert_eq!(run(&own).await.unwrap_err().code(), "rotation.break_glass");
    let over = Request { via: Some(rig.via()), ..own.clone() };
    assert_eq!(run(&over).await.unwrap_err().code(), "rotation.break_glass");
    assert_eq!(picture(&rig.store, &tagged), "v1 current; no journal");
    assert_eq!(rig.says(1, rig.old()).await, "");
}

#[tokio::test]
async fn on_samba_they_are_the_same() {
    let suffix = unique_name("x").replace('-', "");
    let (msol, sync) = (format!("MSOL_{suffix}"), format!("Sync_{suffix}"));
    for name in [&msol, &sync] {
        create_user(name, "First-Password-1!");
    }
    let computer = format!("ws{suffix}");
    samba_tool(&["computer", "create", &computer]);
    let store = Store::temporary().unwrap();
    let addresses: Vec<String> = vec![samba().controller(1).1.to_string()];
    let ca = std::fs::read_to_string(&samba().ca).unwrap();
    let password = Secret::new(samba().admin_password.clone()).unwrap();
    let admin = connection::add(&store, &new("admin", &samba().admin, &password, &addresses, &ca)).unwrap();
    let user = new("corp", &format!("{msol}@lab.test"), &Secret::new("First-Password-1!").unwrap(), &addresses, &ca);
    let connection = connection::add(&store, &user).unwrap();
    let endpoints = endpoints(connection.ad().unwrap(), Limits::default());
    let own = request(&store, &connection, endpoints);
    let error = run(&own).await.unwrap_err();
    assert_eq!(error.code(), "rotation.never_rotated", "by itself, too: {error}");
    let identity = Identity { name: samba().admin.clone(), password };
    let via = Some(administering(&store, &admin, identity));
    let over = Request { via, ..own };
    let machine = format!("{computer}$");
    for (username, instead) in [
        (msol.as_str(), "Add-ADSyncAADServiceAccount"),
        (sync.as_str(), "Add-ADSyncAADServiceAccount"),
        (machine.as_str(), "Test-ComputerSecureChannel -Repair"),
        ("krbtgt", "reset it twice"),
        ("Administrator", "change it by hand"),
    ] {
        let said = refusal(&store, &over, username).await;
        assert!(said.contains(instead), "{username}: {said}");
    }
}
