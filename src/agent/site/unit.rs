//! A service of ours on this host, as systemd sees it (`systemctl show`, systemctl(1)). It is looked at twice: one that is
//! started again and again looks well at either moment alone.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::Path,
    time::{Duration, Instant},
};

use super::{Findings, program};
use crate::error::{Error, Result};

const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,User,UnitFileState";

/// What systemd says of the unit.
type Seen = BTreeMap<String, String>;

/// Looks at a unit. May block for as long as the pause, and the program, take.
#[must_use]
pub fn look(unit: &str, pause: Duration) -> Findings {
    let mut findings = Findings::default();
    let begun = Instant::now();
    let first = match show(unit) {
        Ok(first) => first,
        Err(error) => {
            let is_there = findings.note("unit", begun, Err(error));
            return if is_there { findings } else { findings.rest(&["stays started"]) };
        }
    };
    let at_boot = match first.get("UnitFileState").map(String::as_str) {
        Some("enabled") => "starts with the host",
        _ => "does not start with the host (systemctl enable)",
    };
    let user = first.get("User").filter(|user| !user.is_empty()).map_or("root", String::as_str);
    let runs = running(unit, &first).map(|()| format!("{unit} runs as {user}, and {at_boot}"));
    if !findings.note("unit", begun, runs) {
        return findings.rest(&["stays started"]);
    }
    let begun = Instant::now();
    std::thread::sleep(pause);
    let stays = show(unit).and_then(|second| {
        running(unit, &second)?;
        if second.get("NRestarts") != first.get("NRestarts") {
            return Err(Error::new("agent.unit_restarts", format!("systemd starts {unit} again and again"))
                .hint(format!("see why it ends: journalctl -u {unit}")));
        }
        Ok(format!("started again {} times since the host started it", second.get("NRestarts").map_or("0", |n| n)))
    });
    findings.note("stays started", begun, stays);
    findings
}

fn show(unit: &str) -> Result<Seen> {
    let arguments = ["show", PROPERTIES, "--", unit].map(OsStr::new);
    let none = || Error::skipped("agent.no_systemd", "this host has no systemd");
    let text = match program::output(Path::new("systemctl"), &arguments) {
        Ok(text) => text.ok_or_else(none)?,
        // The program may be there without its service (sd_booted(3)).
        Err(_) if !Path::new("/run/systemd/system").exists() => return Err(none()),
        Err(error) => return Err(error),
    };
    let seen: Seen =
        text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    match seen.get("LoadState").map(String::as_str) {
        Some("not-found") => Err(Error::skipped("agent.no_unit", format!("systemd knows no {unit} on this host"))),
        Some("loaded") => Ok(seen),
        other => {
            let state = other.unwrap_or("nothing");
            Err(Error::new("agent.unit_not_loaded", format!("systemd cannot load {unit}: {state}"))
                .hint(format!("systemctl status {unit} says why; `libretto agent install` writes it anew")))
        }
    }
}

fn running(unit: &str, seen: &Seen) -> Result<()> {
    let of = |name: &str| seen.get(name).map_or("", String::as_str);
    match (of("ActiveState"), of("SubState")) {
        ("active", _) => Ok(()),
        ("activating", "auto-restart") => Err(Error::new(
            "agent.unit_restarts",
            format!("{unit} ended ({}), and systemd waits to start it again", how(seen)),
        )
        .hint(format!("see why it ends: journalctl -u {unit}"))),
        ("failed", _) => Err(Error::new("agent.unit_failed", format!("{unit} has failed: {}", how(seen)))
            .hint(format!("see why: journalctl -u {unit}; then systemctl restart {unit}"))),
        (state, _) => Err(Error::new("agent.unit_stopped", format!("{unit} does not run: it is {state}"))
            .hint(format!("systemctl start {unit}"))),
    }
}

fn how(seen: &Seen) -> String {
    let of = |name: &str| seen.get(name).map_or("unknown", String::as_str);
    format!("{}, status {}", of("Result"), of("ExecMainStatus"))
}
