//! The bundled procedures, as a user runs them: the built program against the three Samba controllers and their shares.

mod add_ad;
mod cut;
mod dependents;
mod down;
mod expiry;
mod health_check;
mod nothing_to_change;
mod online;
mod reset_ad_creds;
mod rollback;
mod shared_accounts;
mod test_connections;
mod ways;
mod wrong_domain;

use serde_json::Value;

use crate::support::{
    canary::canary,
    domain::as_administrator,
    program::{Output, Program},
    samba::{create_user, samba, samba_tool, unique_name},
};

/// What a service account has at first.
const FIRST: &str = "First-Password-1!";

/// A service account as the articles want it (a domain administrator), and a program whose home has a connection for it.
struct Service {
    name: String,
    upn: String,
    program: Program,
}

impl Service {
    /// With all three controllers as targets and a share of the first as home server.
    fn new(prefix: &str) -> Self {
        let service = Self::without_connection(prefix);
        let targets: Vec<String> = samba().targets.iter().map(|(_, address)| address.to_string()).collect();
        let share = format!("//{}/homes$", samba().controller(1).1);
        let mut args =
            vec!["connections", "add", "ad", "--name", "corp", "--domain", "lab.test", "--password", "env:PW"];
        let ca = samba().ca.to_string_lossy();
        args.extend(["--username", &service.upn, "--ca", &ca, "--home-server", &share]);
        args.extend(targets.iter().flat_map(|target| ["--target", target]));
        let added = service.run(&args);
        assert_eq!((added.code, added.stderr.as_str()), (Some(0), ""));
        service
    }

    fn without_connection(prefix: &str) -> Self {
        let name = unique_name(prefix);
        let user = create_user(&name, FIRST);
        samba_tool(&["group", "addmembers", "Domain Admins", &name]);
        Self { name, upn: user.upn, program: Program::new().env("PW", FIRST) }
    }

    fn run(&self, args: &[&str]) -> Output {
        let output = self.program.clone().args(args).run();
        for secret in [FIRST, "Wrong-Password-2!", "Given-Password-3!"] {
            canary(secret).assert_absent("standard output", &output.stdout);
            canary(secret).assert_absent("standard error", &output.stderr);
            canary(secret).assert_absent_below(self.program.home_path());
        }
        output
    }

    /// The bad passwords that the three controllers have counted together.
    fn bad_passwords(&self) -> u32 {
        let user = format!("CN={},CN=Users,{}", self.name, samba().base);
        let count = |number| {
            crate::support::domain::attribute(number, &user, "badPwdCount").map_or(0, |text| text.parse().unwrap())
        };
        (1..=3).map(count).sum::<u32>()
    }

    /// Sets the password behind Libretto's back, as an administrator does, and waits until every controller has it.
    fn set_password(&self, password: &str) {
        let dn = format!("CN={},CN=Users,{}", self.name, samba().base);
        let before: Vec<_> =
            (1..=3).map(|number| crate::support::domain::attribute(number, &dn, "pwdLastSet")).collect();
        let quoted: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let target = dn.clone();
        as_administrator(1, async move |ldap| {
            let change = ldap3::Mod::Replace(b"unicodePwd".to_vec(), [quoted].into());
            ldap.modify(&target, vec![change]).await?.success()
        })
        .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        for number in 1..=3 {
            while crate::support::domain::attribute(number, &dn, "pwdLastSet") == before[number - 1] {
                assert!(std::time::Instant::now() < deadline, "the password did not come to controller {number}");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

/// What a run's events say, without what differs each time: step or check, key, verdict; checks of a step in order of name,
/// for targets are done at the same time.
fn told(output: &Output) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut checks: Vec<String> = Vec::new();
    for event in output.json_lines() {
        let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        match event["event"].as_str().unwrap() {
            "check-finished" => checks.push(format!("  {} {}", text("key"), text("verdict"))),
            "step-finished" => {
                checks.sort();
                lines.push(format!("{}: {}", text("step"), text("verdict")));
                lines.append(&mut checks);
            }
            "run-finished" => {
                lines.push(format!("{} {} exit {}", text("verdict"), event["counts"], event["exit"]));
                for field in ["changed", "unchanged", "in_doubt"] {
                    let sentences = event.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
                    lines.extend(sentences.iter().map(|sentence| format!("{field}: {}", sentence.as_str().unwrap())));
                }
            }
            _ => {}
        }
    }
    lines
}
