//! What is known of an agent's copy while it is given another, and when two runs give it one.

use libretto::{
    connection::{
        Connection, agents, credentials,
        handed::{self, Handed, Outcome, What},
    },
    store::{Store, rows::CredentialId},
};

use super::msonline::{Desk, app, text};

const AGENT: &str = "agent.example:40002";

/// A connection whose agent was given the current version, and the number of that.
fn given() -> (Desk, Connection, CredentialId) {
    let desk = Desk::new();
    let mut fields = app("contoso", "contoso.example");
    fields.secret = text("file:one");
    let connection = desk.add(&fields).unwrap();
    let current = credentials::current(&desk.store, &connection).unwrap().unwrap().id;
    let begun = handed::begin(&desk.store, copy(&connection, current, "first")).unwrap();
    handed::ended(&desk.store, &begun, Outcome::Done).unwrap();
    (desk, connection, current)
}

fn copy(connection: &Connection, credential: CredentialId, run: &str) -> Handed {
    Handed {
        connection: connection.id,
        what: What::Copy,
        taken: false,
        credential: Some(credential),
        to: AGENT.to_owned(),
        sure: false,
        run: run.to_owned(),
        at: String::new(),
    }
}

/// The version that the agent has, as far as that is known, and the runs whose writes are not settled.
fn known(store: &Store, connection: &Connection) -> (Option<CredentialId>, Vec<String>) {
    let copy = agents::copy(store, connection).unwrap();
    let left = handed::unsettled(store, Some("contoso"), &libretto::connection::Scope::all(), None).unwrap();
    (copy.map(|copy| copy.credential), left.into_iter().map(|one| one.run).collect())
}

/// An app's old secret is removed once no agent signs in with it: one that may is taken for one that does.
#[test]
fn what_an_agent_has_is_known_again_where_it_was_surely_not_given_another() {
    let (desk, connection, current) = given();
    let store = &desk.store;
    assert_eq!(known(store, &connection), (Some(current), vec![]));
    let begun = handed::begin(store, copy(&connection, current, "second")).unwrap();
    assert_eq!(known(store, &connection), (None, vec!["second".to_owned()]));
    assert!(handed::may_hold(store, &connection, current).unwrap(), "nobody knows");
    handed::ended(store, &begun, Outcome::Unknown).unwrap();
    assert!(handed::may_hold(store, &connection, current).unwrap(), "nobody knows still");
    handed::ended(store, &begun, Outcome::NotDone).unwrap();
    assert_eq!(known(store, &connection), (Some(current), vec![]));
    assert!(handed::may_hold(store, &connection, current).unwrap());
    assert!(!handed::may_hold(store, &connection, CredentialId(current.0 + 1)).unwrap());
}

#[test]
fn what_another_run_has_begun_since_stays_known() {
    let (desk, connection, current) = given();
    let store = &desk.store;
    for outcome in [Outcome::Done, Outcome::NotDone, Outcome::Unknown] {
        let slow = handed::begin(store, copy(&connection, current, "slow")).unwrap();
        let read = handed::unsettled(store, None, &libretto::connection::Scope::all(), None).unwrap().remove(0).handed;
        handed::begin(store, copy(&connection, current, "later")).unwrap();
        handed::ended(store, &slow, outcome).unwrap();
        handed::settled(store, &read).unwrap();
        assert_eq!(known(store, &connection), (None, vec!["later".to_owned()]));
    }
}
