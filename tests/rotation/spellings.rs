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
