//! Versions of credentials on the command line: their history, going back, and rotating many; against the lab.

mod back;
mod listed;
mod many;

use libretto::{
    connection::{self, AdSettings, Connection, Given, NewConnection, Settings},
    lab::{Fault, Lab, LabOptions},
    store::Store,
};

use crate::support::{
    canary::canary,
    program::{Output, Program},
    world::{World, words},
};

/// A lab in this process, and a home whose connections lead there.
pub struct Place {
    pub lab: Lab,
    pub world: World,
    /// Holds the lab's tasks.
    _runtime: tokio::runtime::Runtime,
}

impl Place {
    pub fn new(faults: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let faults = faults.iter().map(|fault| Fault::parse(fault).unwrap()).collect();
        let lab = {
            let _guard = runtime.enter();
            Lab::start(LabOptions { faults, ..LabOptions::default() }).unwrap()
        };
        Self { lab, world: World::new(), _runtime: runtime }
    }

    pub fn store(&self) -> Store {
        Store::open(&self.world.home()).unwrap()
    }

    /// A connection as one of the lab's accounts, spelt as `username`.
    pub fn add(&self, name: &str, account: &str, username: &str, via: Option<&str>) -> Connection {
        let account = self.lab.accounts().iter().find(|one| one.name == account).unwrap();
        let settings = AdSettings {
            targets: self.lab.targets().iter().map(|target| target.address.to_string()).collect(),
            ca_pem: Some(self.lab.ca_pem().into()),
            via: via.map(str::to_owned),
            ..AdSettings::default()
        };
        let new = NewConnection {
            name: name.to_owned(),
            domain: "lab.test".to_owned(),
            username: username.to_owned(),
            customer: None,
            tags: Vec::new(),
            settings: Settings::Ad(settings),
            secret: Some(Given::Secret(account.password.clone())),
            agent_token: None,
        };
        connection::add(&self.store(), &new).unwrap()
    }

    /// The service account's connection `corp`.
    pub fn with_corp(self) -> Self {
        self.add("corp", "svc-libretto", "svc-libretto@lab.test", None);
        self
    }

    pub fn program(&self, line: &str) -> Program {
        self.world.program().args(words(line))
    }

    /// Runs a command line; no password of the lab's is in what it says.
    pub fn run(&self, line: &str) -> Output {
        let output = self.program(line).run();
        for account in self.lab.accounts() {
            canary(account.password.expose()).assert_absent("standard output", &output.stdout);
            canary(account.password.expose()).assert_absent("standard error", &output.stderr);
        }
        output
    }
}
