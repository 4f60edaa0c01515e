//! Home-directory servers, against a real smbd and against things that are none.

mod password;
mod relay;
mod route;
mod shares;
mod wire;

use std::{
    fmt::Write as _,
    path::PathBuf,
    sync::OnceLock,
    time::{Duration, Instant},
};

use libretto::{
    homes::{HomeServer, Identity, Options, PROBE_PREFIX, ServerReport},
    secret::Secret,
};

use crate::support::samba::{create_user, samba, unique_name};

const PASSWORD: &str = "Home-Keeper-1!";

/// An ordinary user for all tests that do not spoil it.
fn keeper() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let name = unique_name("keeper");
        create_user(&name, PASSWORD);
        name
    })
}

fn identity() -> Identity {
    identity_of(keeper(), PASSWORD)
}

fn identity_of(user: &str, password: &str) -> Identity {
    Identity::new(format!("{user}@{}", samba().domain), Secret::new(password).unwrap()).unwrap()
}

/// `//address/share`, on the first controller.
fn at(share: &str) -> HomeServer {
    HomeServer::parse(&format!("//{}/{share}", samba().targets[0].1)).unwrap()
}

fn with_probe() -> Options {
    Options { probe: true, ..Options::default() }
}

/// A folder in `homes$` that this test alone uses: its name, and where it is on the server's disk.
fn own_folder() -> (String, PathBuf) {
    let name = unique_name("folder");
    let path = samba().dir.join("dc1/lib/homes").join(&name);
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    (name, path)
}

fn probe_files(folder: &PathBuf) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(PROBE_PREFIX)).collect()
}

/// Polls until `done`, for ten seconds.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A report as text, without its times and with the server's place left out.
fn told(report: &ServerReport) -> String {
    let mut text = report.verdict.to_string();
    for (word, said) in [(report.dialect, true), (Some("signed"), report.signed), (Some("encrypted"), report.encrypted)]
    {
        if let (Some(word), true) = (word, said) {
            write!(text, " {word}").unwrap();
        }
    }
    for stage in &report.stages {
        let name = serde_json::to_value(stage.stage).unwrap();
        write!(text, ", {} {}", name.as_str().unwrap(), stage.verdict).unwrap();
    }
    if let Some(error) = &report.error {
        let message = error.message().replace(&report.server.to_string(), "SERVER");
        write!(text, "\n{}: {message}\n{}", error.code(), error.remedy().unwrap()).unwrap();
    }
    text
}
