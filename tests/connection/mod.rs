//! Connections: adding, finding, importing, and what happens to their credentials.

mod apps;
mod changing;
mod credentials;
mod finding;
mod handed;
mod importing;
mod merging;
mod msonline;

use libretto::{
    connection::{self, AdSettings, Connection, Given, NewConnection, Settings},
    secret::Secret,
    store::Store,
};

/// An `ad` connection that is not in the store yet.
fn ad(name: &str) -> NewConnection {
    NewConnection {
        name: name.to_owned(),
        domain: "lab.test".to_owned(),
        username: format!("{name}@lab.test"),
        customer: None,
        tags: Vec::new(),
        settings: Settings::Ad(AdSettings { targets: vec!["dc1.lab.test".to_owned()], ..AdSettings::default() }),
        secret: None,
        agent_token: None,
    }
}

fn with_password(name: &str, password: &str) -> NewConnection {
    NewConnection { secret: Some(Given::Secret(Secret::new(password).unwrap())), ..ad(name) }
}

fn add(store: &Store, new: &NewConnection) -> Connection {
    connection::add(store, new).unwrap()
}

fn raw(store: &Store) -> rusqlite::Connection {
    rusqlite::Connection::open(store.home().join("store.db")).unwrap()
}
