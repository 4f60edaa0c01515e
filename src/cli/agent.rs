//! `libretto agent`: the Remote Agent's service, its token, its definition for the system.

mod install;

use std::{path::PathBuf, sync::Arc};

pub(super) use self::install::UNIT;
use super::{
    Session,
    args::{AgentCommand, ServeArgs},
    serving::{self, Serving},
};
use crate::{
    agent::service::{self as remote, Agent},
    cloud::Options,
    config::Config,
    error::{Error, Result},
};

pub(super) fn agent(session: &Session, command: AgentCommand) -> Result<u8> {
    match command {
        AgentCommand::Serve(args) => serve(session, &args),
        AgentCommand::Token { new } => show_token(session, new),
        AgentCommand::Install(args) => install::install(session, &args),
    }
}

fn folder(session: &Session) -> PathBuf {
    session.home.join(remote::FOLDER)
}

fn show_token(session: &Session, new: bool) -> Result<u8> {
    let store = remote::store(&folder(session), &session.host.operator())?;
    serving::show_token(session, &store, new)
}

/// The way to the cloud, through the proxy that the environment names.
fn cloud(session: &Session, args: &ServeArgs) -> Result<Options> {
    let ca_pem = args.cloud_ca.as_ref().map(|path| {
        std::fs::read_to_string(session.host.working_folder.join(path)).map(Arc::from).map_err(|e| {
            Error::new("cloud.bad_ca", format!("{} cannot be read: {e}", path.display()))
                .hint("give the path of a PEM file")
        })
    });
    if args.cloud_login.as_ref().is_some_and(|login| !login.username().is_empty() || login.password().is_some()) {
        // The address stands in errors: it is not repeated here either.
        return Err(Error::new("cloud.bad_login", "the address of --cloud-login has a user or a password in it")
            .hint("give it as https://host:port/"));
    }
    Ok(Options {
        login: args.cloud_login.clone(),
        ca_pem: ca_pem.transpose()?,
        proxy: session.host.https_proxy().map(Arc::from),
        no_proxy: session.host.no_proxy().map(Arc::from),
        ..Options::default()
    })
}

fn serve(session: &Session, args: &ServeArgs) -> Result<u8> {
    let limits = Config::load(&session.home)?.service;
    let agent = Agent::open(&folder(session), &session.host.operator(), cloud(session, args)?)?;
    let service = agent.service(limits)?;
    let serving = Serving {
        name: "the Remote Agent",
        command: "agent",
        folder: folder(session),
        listen: args.listen,
        given: args.tls_cert.as_ref().zip(args.tls_key.as_ref()),
        self_signed: args.self_signed,
        names: &args.tls_name,
    };
    serving.serve(session, service)
}
