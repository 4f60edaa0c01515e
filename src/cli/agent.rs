//! `libretto agent`: the Remote Agent's service, its token, its definition for the system.

mod install;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use serde_json::json;

pub(super) use self::install::UNIT;
use super::{
    Session,
    args::{AgentCommand, ServeArgs},
    run::runtime,
};
use crate::{
    agent::service::{self as remote, Agent},
    cloud::Options,
    config::Config,
    error::{Error, Result},
    host::StopSignals,
    report::Paint,
    run::exit_code,
    service::{Listener, Stopped, tls, tls::Certificate, token},
    verdict::Verdict,
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
    let token = if new { token::replace(&store)? } else { token::load_or_make(&store)? };
    session.out.reveal(&token);
    Ok(0)
}

/// What the service speaks TLS with.
struct Tls {
    certificate: Certificate,
    /// What clients may trust, where the agent made it.
    file: Option<PathBuf>,
    /// Whether plain HTTP is served as well.
    plain: bool,
}

fn tls(session: &Session, args: &ServeArgs) -> Result<Tls> {
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let at = |path: &PathBuf| session.host.working_folder.join(path);
        return Ok(Tls { certificate: tls::given(&at(certificate), &at(key))?, file: None, plain: false });
    }
    let mut names = args.tls_name.clone();
    let address = args.listen.ip();
    if !address.is_loopback() && !address.is_unspecified() {
        names.push(address.to_string());
    }
    let (certificate, file) = tls::own(&folder(session), &names)?;
    let plain = !args.self_signed && address.to_canonical().is_loopback();
    Ok(Tls { certificate, file: Some(file), plain })
}

/// The way to the cloud, through the proxy that the environment names.
fn cloud(session: &Session, args: &ServeArgs) -> Result<Options> {
    let ca_pem = args.cloud_ca.as_ref().map(|path| {
        std::fs::read_to_string(session.host.working_folder.join(path)).map(Arc::from).map_err(|e| {
            Error::new("cloud.bad_ca", format!("{} cannot be read: {e}", path.display()))
                .hint("give the path of a PEM file")
        })
    });
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
    let tls = tls(session, args)?;
    let stopped = runtime()?.block_on(async {
        let mut signals = StopSignals::listen();
        let listener = Listener::bind(args.listen, Some(Arc::clone(&tls.certificate.config)), tls.plain)?;
        say(session, listener.address()?, &tls);
        let (stop, stopping) = tokio::sync::oneshot::channel();
        let (hurry, hurrying) = tokio::sync::oneshot::channel();
        let listening = tokio::spawn(async move {
            signals.next().await;
            let _ = stop.send(());
            signals.next().await;
            let _ = hurry.send(());
        });
        let stopped = listener.serve(service, heard(stopping), heard(hurrying)).await;
        listening.abort();
        stopped
    })?;
    tell_end(session, stopped);
    Ok(if stopped.cut_off == 0 { 0 } else { exit_code(Verdict::Failed, false) })
}

/// Waits for a signal that was passed on.
async fn heard(signal: tokio::sync::oneshot::Receiver<()>) {
    if signal.await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn say(session: &Session, address: SocketAddr, tls: &Tls) {
    let out = session.out;
    let url = format!("{}://{address}", if tls.plain { "http" } else { "https" });
    if out.json {
        let said = json!({ "event": "agent-started", "url": url, "address": address.to_string(), "plain": tls.plain,
            "fingerprint": tls.certificate.fingerprint, "certificate": tls.file });
        out.event(&said.to_string());
        return;
    }
    out.line(&out.look.paint(Paint::Heading, format!("the Remote Agent is up: {url}")));
    out.line(&format!("  page         {url}/swagger"));
    if tls.plain {
        out.line(&format!("  with TLS     https://{address}"));
    }
    if let Some(file) = &tls.file {
        out.line(&format!("  certificate  {}", file.display()));
    }
    out.line(&format!("  fingerprint  {} (SHA-256)", tls.certificate.fingerprint));
    out.line("  token        `libretto agent token` prints it");
    out.line("\nCtrl-C ends it");
}

fn tell_end(session: &Session, stopped: Stopped) {
    let out = session.out;
    if out.json {
        out.event(&json!({ "event": "agent-stopped", "cut_off": stopped.cut_off }).to_string());
    } else if stopped.cut_off > 0 {
        out.line(&format!("the Remote Agent has stopped; operations that were cut off: {}", stopped.cut_off));
    } else if !out.quiet {
        out.line("the Remote Agent has stopped");
    }
}
