//! Sign-ins that are refused, and that a refused password is tried once.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use libretto::{
    error::{Error, Result},
    homes::{Gate, HomeServer, Identity, Options, ServerReport, SignIn, test_server, test_servers},
    secret::Secret,
    verdict::Verdict,
};

use super::{PASSWORD, at, identity, identity_of, told, with_probe};
use crate::support::samba::{create_user, samba, samba_tool, unique_name};

/// Writes down what it is asked, and shuts after `open` sign-ins.
struct Log {
    open: usize,
    seen: Mutex<Vec<String>>,
}

impl Log {
    fn of(open: usize) -> Arc<Self> {
        Arc::new(Self { open, seen: Mutex::default() })
    }

    fn note(&self, line: String) -> usize {
        let mut seen = self.seen.lock().unwrap();
        seen.push(line);
        seen.iter().filter(|line| line.starts_with("before")).count()
    }
}

impl Gate for Log {
    fn before_sign_in<'a>(&'a self, server: &'a HomeServer) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.note(format!("before {}", server.share)) > self.open {
                return Err(Error::new("rotation.budget", "the account's budget is used up"));
            }
            Ok(())
        })
    }

    fn after_sign_in<'a>(&'a self, server: &'a HomeServer, outcome: SignIn) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.note(format!("after {} {outcome:?}", server.share));
        })
    }
}

/// A user whose wrong passwords the controller counts, locked after `threshold` of them.
fn counted_user(threshold: u32) -> String {
    let name = unique_name("counted");
    create_user(&name, PASSWORD);
    let threshold = format!("--account-lockout-threshold={threshold}");
    samba_tool(&["domain", "passwordsettings", "pso", "create", &name, "10", &threshold]);
    samba_tool(&["domain", "passwordsettings", "pso", "apply", &name, &name]);
    name
}

fn bad_passwords(user: &str) -> String {
    let shown = samba_tool(&["user", "show", user, "--attributes=badPwdCount"]);
    shown.lines().find_map(|line| line.strip_prefix("badPwdCount: ")).unwrap_or("0").to_owned()
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_over_three_servers() {
    let user = counted_user(10);
    // Samba 4.17 does not count a wrong password that comes with a user principal name.
    for (name, counted) in [(format!("{user}@{}", samba().domain), "0"), (format!("LAB\\{user}"), "1")] {
        let log = Log::of(usize::MAX);
        let options = Options { gate: Some(log.clone()), ..with_probe() };
        let identity = Identity::new(name, Secret::new("Wrong-Password-1!").unwrap()).unwrap();
        let reports = test_servers(&[at("homes$"), at("nowrite"), at("secret")], &identity, &options).await;
        assert_eq!(bad_passwords(&user), counted);
        let canary = one_refused_and_no_other_tried(&reports);
        assert_eq!(*log.seen.lock().unwrap(), [format!("before {canary}"), format!("after {canary} Refused")]);
    }
}

/// The share of the one server that was asked.
fn one_refused_and_no_other_tried(reports: &[ServerReport]) -> &str {
    let refused: Vec<_> = reports.iter().filter(|report| report.verdict == Verdict::Failed).collect();
    assert_eq!(refused.len(), 1, "{reports:?}");
    assert_eq!(
        told(refused[0]),
        "failed 3.1.1, negotiate ok, sign-in failed, tree-connect not-started, probe not-started\n\
         home.wrong_password: SERVER refused the sign-in: the user name or the password is wrong\n\
         set the right password in the connection; it is not tried again by itself"
    );
    let canary = &refused[0].server;
    for report in reports.iter().filter(|report| report.server != *canary) {
        assert_eq!(
            told(report),
            format!(
                "not-started 3.1.1, negotiate ok, sign-in not-started, tree-connect not-started, probe not-started\n\
                 home.not_tried: no sign-in was sent to SERVER: {canary} refused the account (home.wrong_password)\n\
                 mend what that server reports, then test again; trying the same password further could lock the account"
            )
        );
    }
    &canary.share
}

#[tokio::test]
async fn a_dead_server_costs_no_sign_in_and_does_not_stop_the_others() {
    let user = counted_user(10);
    let dead = HomeServer::parse("//127.0.0.1:9/homes$").unwrap();
    let log = Log::of(usize::MAX);
    let options = Options { gate: Some(log.clone()), ..Options::default() };
    let reports = test_servers(&[dead, at("homes$")], &identity_of(&user, PASSWORD), &options).await;
    assert_eq!(
        reports.iter().map(told).collect::<Vec<_>>(),
        [
            "failed, negotiate failed, sign-in not-started, tree-connect not-started\n\
             home.unreachable: SERVER cannot be reached at 127.0.0.1:9: nothing listens there\n\
             see that the file service runs, and that the port is the right one",
            "ok 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok",
        ]
    );
    assert_eq!(*log.seen.lock().unwrap(), ["before homes$", "after homes$ Accepted"]);
    assert_eq!(bad_passwords(&user), "0");
}

#[tokio::test]
async fn a_shut_gate_keeps_the_password_in() {
    let user = counted_user(10);
    let options = Options { gate: Some(Log::of(0)), ..Options::default() };
    let report = test_server(&at("homes$"), &identity_of(&user, "Wrong-Password-1!"), &options).await;
    assert_eq!(report.verdict, Verdict::NotStarted);
    assert_eq!(report.error.unwrap().code(), "rotation.budget");
    assert_eq!(bad_passwords(&user), "0");

    let options = Options { gate: Some(Log::of(1)), ..Options::default() };
    let reports = test_servers(&[at("homes$"), at("nowrite")], &identity(), &options).await;
    let mut verdicts: Vec<_> = reports.iter().map(|report| report.verdict).collect();
    verdicts.sort();
    assert_eq!(verdicts, [Verdict::Ok, Verdict::NotStarted]);
}

#[tokio::test]
async fn each_state_of_an_account_has_its_own_error() {
    let disabled = unique_name("disabled");
    create_user(&disabled, PASSWORD);
    samba_tool(&["user", "disable", &disabled]);
    let expired = unique_name("expired");
    create_user(&expired, PASSWORD);
    samba_tool(&["user", "setexpiry", &expired, "--days=-1"]);
    let must_change = unique_name("mustchange");
    samba_tool(&["user", "create", &must_change, PASSWORD, "--must-change-at-next-login"]);
    let locked = counted_user(2);
    for _ in 0..2 {
        let wrong = Identity::new(format!("LAB\\{locked}"), Secret::new("Wrong-Password-1!").unwrap()).unwrap();
        test_server(&at("homes$"), &wrong, &Options::default()).await;
    }
    for (user, code, message) in [
        (disabled, "home.account_disabled", "SERVER refused the sign-in: the account is disabled"),
        (expired, "home.account_expired", "SERVER refused the sign-in: the account has expired"),
        (
            must_change,
            "home.must_change_password",
            "SERVER refused the sign-in: the password must be changed before it can be used",
        ),
        (locked, "home.account_locked", "SERVER refused the sign-in: the account is locked"),
        (
            "nobody-at-all".to_owned(),
            "home.wrong_password",
            "SERVER refused the sign-in: the user name or the password is wrong",
        ),
    ] {
        let report = test_server(&at("homes$"), &identity_of(&user, PASSWORD), &Options::default()).await;
        let told = told(&report);
        let expected =
            format!("failed 3.1.1, negotiate ok, sign-in failed, tree-connect not-started\n{code}: {message}\n");
        assert!(told.starts_with(&expected), "{user}: {told}");
    }
}
