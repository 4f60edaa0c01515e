//! Rotations that are killed at a certain event of the journal, as other tests of this folder need them.

use std::time::{Duration, Instant};

use libretto::{
    connection::{self, Connection, Scope},
    store::{
        Store,
        journal::{self, Rotation},
    },
};

use super::Service;
use crate::support::program::{Output, Running};

impl Service {
    pub fn store(&self) -> Store {
        Store::open(self.program.home_path()).unwrap()
    }

    pub fn connection(&self) -> Connection {
        connection::get(&self.store(), "corp", &Scope::all()).unwrap()
    }

    /// The account's rotations, the latest first.
    pub fn rotations(&self) -> Vec<Rotation> {
        journal::history(&self.store(), self.connection().principal).unwrap()
    }

    /// What the journal says of the latest rotation.
    pub fn events(&self) -> Vec<String> {
        let Some(rotation) = self.rotations().into_iter().next() else { return Vec::new() };
        journal::events(&self.store(), &rotation.id).unwrap().into_iter().map(|event| event.what).collect()
    }

    /// Starts a rotation, and answers once the journal has this event of it.
    pub fn rotating_until(&self, event: &str, more: &[&str]) -> Running {
        let args = ["run", "reset_ad_creds", "connection=corp", "rotate=true"].iter().chain(more);
        let (store, before) = (self.store(), self.rotations().len());
        let running = self.program.clone().args(args).start();
        let happened = || {
            let principal = connection::get(&store, "corp", &Scope::all()).unwrap().principal;
            let all = journal::history(&store, principal).unwrap();
            let Some(rotation) = all.first().filter(|_| all.len() > before) else { return false };
            journal::events(&store, &rotation.id).unwrap().iter().any(|one| one.what == event)
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        while !happened() {
            assert!(Instant::now() < deadline, "no {event} within a minute: {:?}", self.events());
            std::thread::sleep(Duration::from_millis(2));
        }
        running
    }

    /// A rotation that is killed as soon as its write is about to be sent. Whether it was made nobody knows.
    pub fn rotation_cut_short(&self) {
        std::fs::write(self.program.home_path().join("config.toml"), self.settings("[recover]\nlate_seconds = 5\n"))
            .unwrap();
        let running = self.rotating_until("change-sent", &[]);
        running.signal("KILL");
        assert_eq!(running.finish().code, None);
        let unfinished = journal::unfinished(&self.store()).unwrap();
        assert_eq!(unfinished.len(), 1, "it has ended before it was killed: {:?}", self.events());
    }

    /// The present configuration with a section more.
    fn settings(&self, section: &str) -> String {
        let present = std::fs::read_to_string(self.program.home_path().join("config.toml")).unwrap_or_default();
        format!("{present}{section}")
    }

    /// Recovers, and sees that nothing is left and that the password works.
    pub fn recovers(&self) -> Output {
        let recovered = self.run(&["recover"]);
        assert_eq!((recovered.code, recovered.stderr.as_str()), (Some(0), ""), "{}", recovered.text());
        assert!(journal::unfinished(&self.store()).unwrap().is_empty(), "{}", recovered.text());
        let tested = self.run(&["connections", "test", "corp"]);
        assert_eq!(tested.code, Some(0), "{}", tested.text());
        assert_eq!(self.bad_passwords(), 0);
        recovered
    }
}
