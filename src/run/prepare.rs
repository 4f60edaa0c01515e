//! Everything that can go wrong before a script's first statement, found before anything is touched.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use super::arguments;
use crate::{
    api,
    config::Config,
    connection::{Scope, draft},
    error::{Error, Result},
    host::Host,
    names::nearest,
    script::{
        GRANTS, Interpreter, Script,
        check::Finding,
        context::RunOptions,
        library::Library,
        params::{Given, Param},
    },
    secret::seal::Identity,
    store::Store,
};

/// What somebody wants to be performed.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct Request {
    /// A script's name, or a path that ends in `.rhai`.
    pub script: String,
    /// `name=value`, as given.
    pub values: Vec<(String, String)>,
    /// Against the embedded world.
    pub lab: bool,
    /// What is broken there (`--fault`).
    pub faults: Vec<String>,
    /// Grants that are taken away.
    pub deny: Vec<String>,
    /// Only this customer's connections.
    pub customer: Option<String>,
    /// How long a change may take to reach every target.
    pub wait: Duration,
    /// Sign in although the lockout budget is spent.
    pub insist: bool,
    /// Answer yes to every question.
    pub yes: bool,
    /// Ask before each step.
    pub ask_each_step: bool,
    /// The home folder.
    pub home: PathBuf,
}

impl Request {
    /// A script with values for its parameters, and all else as usual.
    #[must_use]
    pub fn new(script: &str, values: Vec<(String, String)>, home: &Path) -> Self {
        Self {
            script: script.to_owned(),
            values,
            lab: false,
            faults: Vec::new(),
            deny: Vec::new(),
            customer: None,
            wait: Duration::ZERO,
            yes: false,
            insist: false,
            ask_each_step: false,
            home: home.to_path_buf(),
        }
    }
}

/// A run that can begin.
pub struct Prepared {
    pub(super) host: Host,
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) interpreter: Interpreter,
    /// What is to be performed.
    pub script: Script,
    pub(super) values: Vec<(Param, Given)>,
    pub(super) denied: BTreeSet<String>,
    pub(super) scope: Scope,
    pub(super) options: RunOptions,
    pub(super) faults: Vec<crate::lab::Fault>,
}

impl Prepared {
    /// The home's store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Names and texts of the script and of its modules, for drawing errors.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        self.script.texts()
    }
}

/// Why a run does not begin.
pub enum Refusal {
    /// One thing is wrong.
    Error(Error),
    /// The script is wrong, at these places.
    Script(Vec<Finding>, Vec<(String, String)>),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Reads and checks the script, its parameters, the configuration and the store.
///
/// # Errors
/// What is wrong; nothing was touched but the home folder, which is made when it is not there.
pub fn prepare(host: &Host, request: &Request) -> Result<Prepared, Refusal> {
    let config = Config::load(&request.home)?;
    let library = Library::new(&request.home, &host.working_folder);
    let source = library.script(&request.script)?;
    tracing::info!("script {}: {}", source.name, source.origin);
    let interpreter = api::interpreter(&config.limits);
    let text = (source.name.clone(), source.text.clone());
    let script = interpreter.read(&library, source).map_err(|findings| Refusal::Script(findings, vec![text]))?;
    let mut findings = interpreter.check(&script);
    findings.retain(|finding| finding.is_error);
    if !findings.is_empty() {
        return Err(Refusal::Script(findings, script.texts()));
    }
    let denied = denied(&request.deny)?;
    refuse_denied(&script, &denied)?;
    let faults = faults(request)?;
    let values = arguments::read(host, request, &script.declaration.params)?;
    let store = Store::open(&request.home)?;
    draft::sweep(&store.acting_as(&host.operator(), None));
    let scope = Scope { customer: request.customer.clone() };
    if !request.lab {
        arguments::look_up(&store, &scope, &values)?;
        Identity::check(&store)?;
    }
    if request.ask_each_step && !request.yes && !request.lab && !host.stdin_is_terminal {
        return Err(Error::new(
            "usage.no_terminal",
            "--step asks before each step, and nobody can answer: standard input is not a terminal",
        )
        .hint("run on a terminal, or leave --step out")
        .into());
    }
    let options = RunOptions {
        wait: request.wait,
        insist: request.insist,
        yes: request.yes || request.lab,
        ask_each_step: request.ask_each_step,
        lab: request.lab,
    };
    Ok(Prepared { host: host.clone(), config, store, interpreter, script, values, denied, scope, options, faults })
}

fn denied(grants: &[String]) -> Result<BTreeSet<String>> {
    for grant in grants {
        if !GRANTS.contains(&grant.as_str()) {
            let error = Error::new("usage.grant", format!("there is no grant \"{grant}\" to deny"));
            return Err(match nearest(grant, GRANTS.iter().copied()) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error.hint(format!("grants are {}", GRANTS.join(", "))),
            });
        }
    }
    Ok(grants.iter().cloned().collect())
}

/// What a script declares it may need at any point of its way, also after it has changed something.
fn refuse_denied(script: &Script, denied: &BTreeSet<String>) -> Result<()> {
    let needed: Vec<&str> = script.declaration.grants.intersection(denied).map(String::as_str).collect();
    if needed.is_empty() {
        return Ok(());
    }
    let (name, needed) = (&script.source.name, needed.join(", "));
    Err(Error::new("script.grant_denied", format!("{name} declares {needed}, which this run denies; nothing was done"))
        .hint("run without that --deny, if the script may do it, or run a copy of it that does without"))
}

fn faults(request: &Request) -> Result<Vec<crate::lab::Fault>> {
    if !request.lab && !request.faults.is_empty() {
        return Err(
            Error::new("usage.fault", "--fault breaks the lab, and this run is not in the lab").hint("add --lab")
        );
    }
    request.faults.iter().map(|fault| crate::lab::Fault::parse(fault)).collect()
}
