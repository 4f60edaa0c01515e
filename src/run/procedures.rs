//! Runs that a run starts: the procedures that a connection declares, performed when its account has a new password.

use std::sync::{Mutex, OnceLock};

use tokio::runtime::Handle;

use super::{
    prepare::{Prepared, Refusal, Request, prepare},
    start::{Surroundings, begin},
};
use crate::{
    error::{Error, Result},
    host::Host,
    script::{
        context::{Interrupt, World},
        params::{Param, ParamType},
        procedures::{Order, Performed, Procedures},
    },
    verdict::Verdict,
};

/// The parameter that such a procedure has.
const PARAMETER: &str = "connection";

/// Runs beside the one that starts them: in the same home, on the same connections.
pub(super) struct SubRuns;

impl Procedures for SubRuns {
    fn look(&self, world: &World, order: &Order) -> Result<()> {
        prepared(world, order).map(|_| ())
    }

    fn perform(&self, world: &World, order: &Order) -> Result<Performed> {
        let mut prepared = prepared(world, order)?;
        prepared.config = world.config.clone();
        let identity = OnceLock::new();
        if let Some(known) = world.identity.get() {
            let _ = identity.set(known.clone());
        }
        let surroundings = Surroundings {
            connections: world.store.clone(),
            interrupt: Interrupt {
                stop: world.interrupt.stop.child_token(),
                at_once: world.interrupt.at_once.child_token(),
            },
            missing: world.missing.clone(),
            lab_agent: world.lab_agent.clone(),
            identity,
            credentials: Mutex::new(order.credentials.iter().cloned().collect()),
        };
        let io = Handle::current();
        let running = io.block_on(begin(prepared, surroundings, None, &io))?;
        let finished = running.finish()?;
        // An interrupted run has not failed.
        let stopped = world.interrupt.stop.is_cancelled() && finished.verdict == Verdict::Failed;
        let verdict = if stopped { Verdict::Inconclusive } else { finished.verdict };
        Ok(Performed { run: finished.run, verdict, error: finished.error })
    }
}

/// Reads and checks the script. It is found in the home folder or among the bundled ones, never in the working folder, which
/// might be somebody else's and would be handed the password.
fn prepared(world: &World, order: &Order) -> Result<Prepared> {
    let mut host: Host = world.host.clone();
    host.working_folder.clone_from(&world.home);
    let values = vec![(PARAMETER.to_owned(), order.connection.clone())];
    let request = Request {
        lab: world.options.lab,
        deny: world.grants.denied.iter().cloned().collect(),
        customer: world.scope.customer.clone(),
        wait: world.options.wait,
        yes: true,
        insist: world.options.insist,
        ..Request::new(&order.script, values, &world.home)
    };
    let prepared = prepare(&host, &request).map_err(|refusal| refused(&order.script, refusal))?;
    let takes_connection = |param: &Param| param.name == PARAMETER && matches!(param.takes, ParamType::Connection(_));
    if prepared.script.declaration.params.iter().any(takes_connection) {
        return Ok(prepared);
    }
    Err(unfit(&order.script, "its parameter `connection` is not of the type connection"))
}

fn refused(script: &str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Error(error) if error.code() == "script.unknown" => unfit(script, "there is no such script")
            .hint("declared procedures lie in the home's scripts folder, or are bundled: `libretto list`"),
        Refusal::Error(error) => match error.remedy() {
            Some(remedy) => unfit(script, error.message()).hint(remedy.to_owned()),
            None => unfit(script, error.message()),
        },
        Refusal::Script(findings, _) => {
            let first = findings.first().map_or_else(String::new, |one| format!(": {}", one.message));
            unfit(script, &format!("it does not pass the check{first}"))
        }
    }
}

fn unfit(script: &str, why: &str) -> Error {
    Error::new("dependent.unfit", format!("the declared procedure {script} cannot be performed: {why}"))
        .hint(format!("libretto check, and libretto describe {script}"))
}
