//! `libretto lab`: the embedded world, kept up until Ctrl-C.

use std::path::Path;

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
        let world = LabWorld::start(faults, port_base)?;
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
        let certificate = write("app.pem", cloud.certificate()?.expose())?;
        say(session, &world, &ca, &password, (&secret, &certificate));
        signals.next().await;
        world.lab.stop().await;
        Ok(0)
    })
}

/// `app`: where its secret and its certificate are.
fn say(session: &Session, world: &LabWorld, ca: &Path, password: &Path, app: (&Path, &Path)) {
    let (out, lab, cloud) = (session.out, &world.lab, world.lab.cloud());
    let tenants: Vec<String> = cloud.tenants().into_iter().map(|tenant| tenant.domain).collect();
    let username = lab.service_account().0;
    if out.json {
        let targets: Vec<_> = lab
            .targets()
            .iter()
            .map(|t| json!({ "name": t.name, "ldaps": t.address, "starttls": t.starttls }))
            .collect();
        let cloud = json!({ "login": cloud.login(), "tenants": tenants, "clientId": cloud.client_id(), "secret": format!("file:{}", app.0.display()), "certificate": app.1 });
        out.line(&json!({ "event": "lab-started", "domain": lab.domain(), "targets": targets, "username": username, "password": format!("file:{}", password.display()), "ca": ca, "cloud": cloud }).to_string());
        return;
    }
    out.line(&out.look.paint(Paint::Heading, format!("the lab is up: domain {}", lab.domain())));
    for target in lab.targets() {
        out.line(&format!("  {}  LDAPS {}  StartTLS {}", target.name, target.address, target.starttls));
    }
    out.line(&format!("  service account {username}"));
    out.line(&format!("  cloud  sign-in and Graph {}  tenants {}", cloud.login(), tenants.join(", ")));
    out.line(&format!("  app {}  secret file:{}", cloud.client_id(), app.0.display()));
    out.line(&format!("  its certificate {}\n", app.1.display()));
    let targets: Vec<String> = lab.targets().iter().map(|target| format!("--target {}", target.address)).collect();
    out.line("make a connection to it in another terminal:");
    out.line(&format!(
        "  libretto connections add ad --name my-lab --domain {} --username {username} --password file:{} --ca {} {}",
        lab.domain(),
        password.display(),
        ca.display(),
        targets.join(" ")
    ));
    out.line("\nCtrl-C ends it");
}
