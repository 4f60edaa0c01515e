//! `libretto workflow`: the Workflow Engine's service and its token.

use std::{sync::Arc, time::Duration};

use super::{
    Session,
    args::{EngineArgs, WorkflowCommand},
    serving::{Serving, show_token},
};
use crate::{
    agent::client::Options,
    config::Config,
    error::Result,
    workflow::service::{self as engine, Engine},
};

/// Seconds that each waits longer than the one behind it.
const MORE: u64 = 10;

pub(super) fn workflow(session: &Session, command: WorkflowCommand) -> Result<u8> {
    match command {
        WorkflowCommand::Serve(args) => serve(session, &args),
        WorkflowCommand::Token { new } => {
            let store = engine::store(&session.home.join(engine::FOLDER), &session.host.operator())?;
            show_token(session, &store, new)
        }
    }
}

fn serve(session: &Session, args: &EngineArgs) -> Result<u8> {
    let mut limits = Config::load(&session.home)?.service;
    // An agent says itself what has taken it too long, as long as nobody before it loses patience sooner.
    let agents = limits.answer_seconds.saturating_add(MORE);
    limits.answer_seconds = agents.saturating_add(MORE);
    let folder = session.home.join(engine::FOLDER);
    let options = Options {
        timeout: Duration::from_secs(agents),
        proxy: session.host.https_proxy().map(Arc::from),
        no_proxy: session.host.no_proxy().map(Arc::from),
        ..Options::default()
    };
    let service = Engine::open(&folder, &session.host.operator(), options, &limits)?.service(limits)?;
    let serving = Serving {
        name: "the Workflow Engine",
        command: "workflow",
        folder,
        listen: args.listen,
        given: args.tls_cert.as_ref().zip(args.tls_key.as_ref()),
        self_signed: args.self_signed,
        names: &args.tls_name,
    };
    serving.serve(session, service)
}
