//! The credential transaction: on the embedded lab with everything that can go wrong there, and on real Samba.

mod abandoned;
mod back;
mod codes;
mod customers;
mod dependents;
mod faults;
mod filters;
mod given;
mod never;
mod operators;
mod read_only;
mod recalled;
mod recorded;
mod recover;
mod refusals;
mod revoke;
mod samba;
mod smooth;
mod spellings;
mod undo;
mod unkept;

use std::{sync::Mutex, time::Duration};

use futures_util::future::BoxFuture;
use libretto::{
    connection::{self, AdSettings, Connection, Given, NewConnection, Scope, Settings, credentials},
    directory::{Endpoint, Identity, Limits, Target, Tls},
    error::{Error, Result},
    lab::{Clock, Fault, Flavour, Lab, LabOptions},
    rotation::{
        Announcement, DependentReport, Observer, Outcome, Request, StageReport, TargetReport, Via,
        lockout::LockoutOptions, rotate,
    },
    secret::{Secret, generate::Recipe, seal},
    store::{
        Store, journal,
        lockout::{Rules, learn_principal},
    },
    verdict::Verdict,
};
use tokio_util::sync::CancellationToken;

use crate::lab::{SERVICE, administrator, change, data, read};
use crate::support::relay::Relay;

/// A lab, and a store that knows its service account.
pub struct Rig {
    pub lab: Lab,
    pub store: Store,
    pub connection: Connection,
    /// The time in the lab.
    pub clock: Clock,
}

impl Rig {
    pub fn new(flavour: Flavour, faults: &[&str]) -> Self {
        Self::with(LabOptions {
            flavour,
            faults: faults.iter().map(|fault| Fault::parse(fault).unwrap()).collect(),
            ..LabOptions::default()
        })
    }

    pub fn with(options: LabOptions) -> Self {
        let clock = options.clock.clone();
        let lab = Lab::start(options).unwrap();
        let store = Store::temporary().unwrap();
        let (username, password) = lab.service_account();
        let connection =
            connection::add(&store, &new("corp", username, password, &targets(&lab), lab.ca_pem())).unwrap();
        Self { lab, store, connection, clock }
    }

    /// Another connection to the same lab.
    pub fn add(&self, name: &str, username: &str, password: &Secret) -> Connection {
        connection::add(&self.store, &new(name, username, password, &targets(&self.lab), self.lab.ca_pem())).unwrap()
    }

    /// Of the service account, by itself.
    pub fn request(&self) -> Request {
        let settings = self.connection.ad().unwrap();
        request(&self.store, &self.connection, endpoints(settings, Limits::default()))
    }

    /// The connection reaches a target, counted from 1, through a relay.
    pub fn goes_through(&self, target: usize, relay: &Relay) {
        let raw = rusqlite::Connection::open(self.store.home().join("store.db")).unwrap();
        let names = [self.lab.targets()[target - 1].address.to_string(), relay.address().to_string()];
        raw.execute("UPDATE connection SET settings = replace(settings, ?1, ?2)", names).unwrap();
    }

    /// Of the service account, over the built-in administrator.
    pub fn via(&self) -> Via {
        let (name, password) = self.lab.administrator();
        let identity = Identity { name: name.to_owned(), password: password.clone() };
        let admin = self.add("admin", name, password);
        // As one of which the directory was asked before: what is assumed leaves no room for a sign-in that is cut short.
        let usual = Rules { threshold: 5, ..Rules::ASSUMED };
        learn_principal(&self.store, admin.principal, usual).unwrap();
        administering(&self.store, &admin, identity)
    }

    pub fn old(&self) -> &str {
        self.lab.service_account().1.expose()
    }

    /// The password of a version, as the store has it.
    pub fn password(&self, version: u32) -> Secret {
        password(&self.store, &self.connection, version)
    }

    pub fn picture(&self) -> String {
        picture(&self.store, &self.connection)
    }

    pub fn events(&self) -> Vec<String> {
        events(&self.store, &self.connection)
    }

    /// `badPwdCount` of the service account on each of these targets.
    pub async fn bad_counts(&self, targets: &[usize]) -> Vec<String> {
        let mut counts = Vec::new();
        for target in targets {
            let mut session = administrator(&self.lab, *target).await;
            counts.push(read(&mut session, SERVICE, "badPwdCount").await);
        }
        counts
    }

    /// What a target says to a password of the service account: the number after `data`, empty when it takes it.
    pub async fn says(&self, target: usize, password: &str) -> String {
        data(&self.lab, target, self.lab.service_account().0, password).await
    }

    /// Whether a target has this password of the service account as the present one, not as the one before, which signs in for
    /// an hour as well: a change is refused for its new password where the old one is right. One that is wrong counts.
    pub async fn has(&self, target: usize, password: &str) -> bool {
        let mut session = administrator(&self.lab, target).await;
        let refused = change(&mut session, SERVICE, password, "short").await;
        assert_eq!(refused.rc, 19, "{}", refused.text);
        let is_wrong = refused.text.starts_with("00000056");
        assert!(is_wrong || refused.text.starts_with("0000052D"), "{}", refused.text);
        !is_wrong
    }
}

/// An administrative connection that signs in with its current version.
pub fn administering(store: &Store, connection: &Connection, identity: Identity) -> Via {
    let Connection { name, principal, .. } = connection.clone();
    let credential = credentials::current(store, connection).unwrap().unwrap().id;
    Via { connection: name, identity, principal, credential }
}

fn targets(lab: &Lab) -> Vec<String> {
    lab.targets().iter().map(|target| target.address.to_string()).collect()
}

pub fn new(name: &str, username: &str, password: &Secret, targets: &[String], ca: &str) -> NewConnection {
    let settings = AdSettings { targets: targets.to_vec(), ca_pem: Some(ca.into()), ..AdSettings::default() };
    NewConnection {
        name: name.to_owned(),
        domain: "lab.test".to_owned(),
        username: username.to_owned(),
        customer: None,
        tags: Vec::new(),
        settings: Settings::Ad(settings),
        secret: Some(Given::Secret(password.clone())),
        agent_token: None,
    }
}

pub fn endpoints(settings: &AdSettings, limits: Limits) -> Vec<Endpoint> {
    let tls = Tls::with_ca(settings.ca_pem.as_deref().unwrap());
    let endpoint = |target: &String| Endpoint::new(Target::parse(target).unwrap(), &tls).unwrap().with_limits(limits);
    settings.targets.iter().map(endpoint).collect()
}

pub fn request(store: &Store, connection: &Connection, endpoints: Vec<Endpoint>) -> Request {
    Request {
        store: store.clone(),
        identity: seal::Identity::load_or_make(store).unwrap(),
        connection: connection.clone(),
        endpoints,
        via: None,
        scope: Scope::all(),
        who: "alice, run 7f3a".to_owned(),
        run: None,
        username: None,
        password: None,
        generate: Recipe::default(),
        candidate_of: None,
        allow_down: false,
        insist: false,
        lockout: LockoutOptions::default(),
        wait: Duration::from_secs(20),
        dependents: std::sync::Arc::new(libretto::rotation::Found::default()),
        on_failure: libretto::rotation::OnFailure::Keep,
        revoke: false,
        hurry: CancellationToken::new(),
    }
}

pub fn password(store: &Store, connection: &Connection, version: u32) -> Secret {
    let identity = seal::Identity::load(store).unwrap();
    let all = credentials::history(store, connection).unwrap();
    credentials::open(store, &identity, all.iter().find(|one| one.version == version).unwrap()).unwrap()
}

/// Credentials and journal in a line: `v2 current sent proven, v1 previous proven; promote, ended ok`.
pub fn picture(store: &Store, connection: &Connection) -> String {
    let versions = credentials::history(store, connection).unwrap();
    let words = versions.iter().map(|one| {
        let sent = if one.sent_at.is_some() { " sent" } else { "" };
        let proven = if one.proven_at.is_some() { " proven" } else { "" };
        format!("v{} {}{sent}{proven}", one.version, one.state.as_str())
    });
    let words: Vec<String> = words.collect();
    let journal = match journal::history(store, versions[0].principal).unwrap().first() {
        None => "no journal".to_owned(),
        Some(one) => match one.verdict {
            Some(verdict) => format!("{}, ended {verdict}", one.stage),
            None => format!("{}, unfinished", one.stage),
        },
    };
    format!("{}; {journal}", words.join(", "))
}

/// The events of the latest rotation.
pub fn events(store: &Store, connection: &Connection) -> Vec<String> {
    let principal = credentials::current(store, connection).unwrap().unwrap().principal;
    match journal::history(store, principal).unwrap().first() {
        Some(one) => journal::events(store, &one.id).unwrap().into_iter().map(|event| event.what).collect(),
        None => Vec::new(),
    }
}

/// Keeps what it is told; can refuse the announcement, or say that time is up when a stage (or `a target` that is not
/// `ok`) has ended.
#[derive(Default)]
pub struct Witness {
    pub told: Mutex<Vec<String>>,
    pub announced: Mutex<Vec<Announcement>>,
    pub refuse: bool,
    /// Refuses every announcement after so many.
    pub refuse_after: Option<usize>,
    pub hurry_after: Option<(&'static str, CancellationToken)>,
}

impl Witness {
    /// Stages and targets with their verdicts.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Observer for Witness {
    fn stage_ended(&self, report: &StageReport, _: Option<&Error>) {
        self.told
            .lock()
            .unwrap()
            .push(format!("{} {} {}", report.of, report.stage.as_str(), report.verdict).trim_start().to_owned());
        if let Some((stage, hurry)) = &self.hurry_after
            && *stage == report.stage.as_str()
        {
            hurry.cancel();
        }
    }

    fn dependent_ended(&self, report: &DependentReport) {
        self.told.lock().unwrap().push(format!("{} {}", report.name, report.verdict));
    }

    fn target_ended(&self, report: &TargetReport) {
        if let Some(("a target", hurry)) = &self.hurry_after
            && report.verdict != Verdict::Ok
        {
            hurry.cancel();
        }
    }

    fn change_announced<'a>(&'a self, change: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        self.announced.lock().unwrap().push(change.clone());
        let told = self.announced.lock().unwrap().len();
        let refuse = self.refuse || self.refuse_after.is_some_and(|most| told > most);
        Box::pin(async move { if refuse { Err(Error::new("store.full", "the disk is full")) } else { Ok(()) } })
    }
}

pub async fn run(request: &Request) -> Result<Outcome> {
    rotate(request, &Witness::default()).await
}

/// Verdicts of the targets, in the connection's order.
pub fn verdicts(outcome: &Outcome) -> Vec<&'static str> {
    outcome.targets.iter().map(|target| target.verdict.as_str()).collect()
}
