//! `libretto lab`: the embedded world, kept up until Ctrl-C.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Session, run::runtime};
use crate::{
    error::{Error, Result},
    host::StopSignals,
    lab::Fault,
    report::Paint,
    run::LabWorld,
    store::TemporaryFolder,
};

/// Starts the lab, says how to reach it and waits.
pub(super) fn lab(session: &Session, port_base: Option<u16>, faults: &[String]) -> Result<u8> {
    let faults = faults.iter().map(|fault| Fault::parse(fault)).collect::<Result<Vec<_>>>()?;
    let runtime = runtime()?;
    let folder = TemporaryFolder::make()?;
    runtime.block_on(async {
        let mut signals = StopSignals::listen();
        let world = LabWorld::start(&faults, port_base)?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            crate::store::create_private(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
                .map(|()| path)
                .map_err(|e| Error::new("lab.no_folder", format!("{name} cannot be written: {e}")))
        };
        let ca = write("ca.pem", world.lab.ca_pem())?;
        let password = write("password", world.lab.service_account().1.expose())?;
        let cloud = world.lab.cloud();
        let secret = write("app-secret", cloud.secret().expose())?;
        let files = Files {
            app: (secret, write("app.pem", cloud.certificate()?.expose())?),
            agent: write("agent.token", world.agent().1.expose())?,
            engine: write("workflow.token", world.engine().1.expose())?,
            ca,
            password,
        };
        if session.out.json {
            say_json(session, &world, &files);
        } else {
            say(session, &world, &files);
        }
        signals.next().await;
        world.lab.stop().await;
        Ok(0)
    })
}

/// Where the secrets are, and what is trusted.
struct Files {
    ca: PathBuf,
    /// The service account's.
    password: PathBuf,
    /// The app's secret, and its certificate.
    app: (PathBuf, PathBuf),
    /// The Remote Agent's token.
    agent: PathBuf,
    /// The Workflow Engine's token.
    engine: PathBuf,
}

/// A file as a reference.
fn reference(path: &Path) -> String {
    format!("file:{}", path.display())
}

fn say_json(session: &Session, world: &LabWorld, files: &Files) {
    let (lab, cloud) = (&world.lab, world.lab.cloud());
    let tenants: Vec<String> = cloud.tenants().into_iter().map(|tenant| tenant.domain).collect();
    let targets: Vec<_> =
        lab.targets().iter().map(|t| json!({ "name": t.name, "ldaps": t.address, "starttls": t.starttls })).collect();
    let cloud = json!({ "login": cloud.login(), "tenants": tenants, "clientId": cloud.client_id(),
        "secret": reference(&files.app.0), "certificate": files.app.1 });
    let agent = json!({ "address": world.agent().0, "token": reference(&files.agent) });
    let workflow = json!({ "url": world.engine().0, "token": reference(&files.engine) });
    let started = json!({ "event": "lab-started", "domain": lab.domain(), "targets": targets,
        "username": lab.service_account().0, "password": reference(&files.password), "ca": files.ca, "cloud": cloud,
        "agent": agent, "workflow": workflow });
    session.out.line(&started.to_string());
}

fn say(session: &Session, world: &LabWorld, files: &Files) {
    let (out, lab, cloud) = (session.out, &world.lab, world.lab.cloud());
    let tenants: Vec<String> = cloud.tenants().into_iter().map(|tenant| tenant.domain).collect();
    let (username, (agent, _), (engine, _)) = (lab.service_account().0, world.agent(), world.engine());
    out.line(&out.look.paint(Paint::Heading, format!("the lab is up: domain {}", lab.domain())));
    for target in lab.targets() {
        out.line(&format!("  {}  LDAPS {}  StartTLS {}", target.name, target.address, target.starttls));
    }
    out.line(&format!("  service account {username}"));
    out.line(&format!("  cloud  sign-in and Graph {}  tenants {}", cloud.login(), tenants.join(", ")));
    out.line(&format!("  app {}  secret {}", cloud.client_id(), reference(&files.app.0)));
    out.line(&format!("  its certificate {}", files.app.1.display()));
    out.line(&format!("  Remote Agent https://{agent}/swagger  token {}", reference(&files.agent)));
    out.line(&format!("  Workflow Engine {engine}/swagger  token {}\n", reference(&files.engine)));
    let targets: Vec<String> = lab.targets().iter().map(|target| format!("--target {}", target.address)).collect();
    let ca = files.ca.display();
    out.line("make connections to it in another terminal:");
    out.line(&format!(
        "  libretto connections add ad --name my-lab --domain {} --username {username} --password {} --ca {ca} {}",
        lab.domain(),
        reference(&files.password),
        targets.join(" ")
    ));
    out.line(&format!(
        "  libretto connections add msonline --name contoso --domain contoso.example --ad my-lab --client-id {} --secret {} \
         --agent {agent} --agent-token {} --agent-ca {ca}",
        cloud.client_id(),
        reference(&files.app.0),
        reference(&files.agent)
    ));
    out.line("and for routes and the cloud in config.toml of the home folder:");
    out.line(&format!(
        "  [workflow]\n  url = \"{engine}\"\n  token = \"{}\"\n  ca = \"{ca}\"",
        reference(&files.engine)
    ));
    out.line(&format!("  [cloud]\n  login = \"{}\"\n  ca = \"{ca}\"", cloud.login()));
    out.line("\nCtrl-C ends it");
}
