//! Connections of one account that spell its name in ways that nothing but the directory knows to be one.

use super::*;

#[tokio::test]
async fn an_untested_connection_under_another_name_gets_the_new_password_too() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let password = rig.lab.service_account().1.clone();
    let dn = rig.add("dn", SERVICE, &password);
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let other = rig.add("alice", &alice.upn, &alice.password);
    let outcome = run(&rig.request()).await.unwrap();
    assert_eq!((outcome.version, outcome.connections.len()), (3, 2), "{:?}", outcome.connections);
    for connection in [&rig.connection, &dn] {
        assert_eq!(credentials::current(&rig.store, connection).unwrap().unwrap().version, 3);
    }
    assert_eq!(picture(&rig.store, &other), "v1 current; no journal");
}

/// Among hundreds of others, and under every kind of name that an account has.
#[tokio::test]
async fn each_spelling_is_found_among_many_others() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let password = rig.lab.service_account().1.clone();
    for number in 1..=230 {
        rig.add(&format!("c{number}"), &format!("other{number}@lab.test"), &password);
    }
    let spellings = [SERVICE, "svc-libretto", "LAB\\SVC-libretto", "lab.test\\svc-libretto", "SVC-LIBRETTO@LAB.test"];
    for (number, name) in spellings.into_iter().enumerate() {
        rig.add(&format!("own{number}"), name, &password);
    }
    let outcome = run(&rig.request()).await.unwrap();
    assert_eq!(outcome.connections, ["corp", "own0", "own1", "own2", "own3", "own4"]);
}
