//! Tests of several targets: the canary goes first, and a wrong password is tried once.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use libretto::{
    directory::{Endpoint, Gate, Identity, NoGate, Target, TargetReport, account, policy, test_target, test_targets},
    error::{Error, Result},
};
use tokio::net::TcpListener;

use super::world::{Admin, PASSWORD, User, administrator_at, controller, controllers, tls, until};

/// A user that all controllers know, with a policy that counts bad passwords: Samba counts none when nothing locks.
async fn user_everywhere(prefix: &str) -> User {
    let mut admin = Admin::new().await;
    let user = admin.user(prefix).await;
    admin.policy_for(&user, &[("msDS-LockoutThreshold", "9")]).await;
    for number in 2..=3 {
        let session = administrator_at(number).await;
        let counts =
            || async { policy(&session, &user.dn).await.is_ok_and(|found| found.rules.lockout_threshold == 9) };
        until("user and policy have replicated", counts).await;
    }
    user
}

/// Bad passwords counted for `user`, on all controllers together.
async fn bad_passwords(user: &User) -> i64 {
    let mut sum = 0;
    for number in 1..=3 {
        let state = account(&administrator_at(number).await, &user.dn).await.unwrap();
        sum += state.bad_pwd_count.unwrap_or(0);
    }
    sum
}

fn verdicts(reports: &[TargetReport]) -> Vec<(&str, &str, &str)> {
    let code = |report: &TargetReport| report.error.as_ref().map_or("", Error::code);
    reports.iter().map(|report| (report.target.as_str(), report.verdict.as_str(), code(report))).collect()
}

/// Notes every attempt; refuses those after `allowed`.
struct Ledger {
    allowed: usize,
    lines: Mutex<Vec<String>>,
}

impl Ledger {
    fn new(allowed: usize) -> Self {
        Self { allowed, lines: Mutex::default() }
    }

    fn lines(self) -> Vec<String> {
        self.lines.into_inner().unwrap()
    }
}

impl Gate for Ledger {
    fn before_bind<'a>(&'a self, target: &'a Target, _: &'a Identity) -> BoxFuture<'a, Result<()>> {
        let mut lines = self.lines.lock().unwrap();
        let sent = lines.iter().filter(|line| line.starts_with("before")).count();
        let outcome = if sent < self.allowed {
            lines.push(format!("before {target}"));
            Ok(())
        } else {
            Err(Error::new("rotation.budget", "no attempt is left"))
        };
        Box::pin(std::future::ready(outcome))
    }

    fn after_bind<'a>(&'a self, target: &'a Target, _: &'a Identity, outcome: &'a Result<()>) -> BoxFuture<'a, ()> {
        let word = outcome.as_ref().map_or_else(Error::code, |()| "ok");
        self.lines.lock().unwrap().push(format!("after {target} {word}"));
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_for_three_targets() {
    let user = user_everywhere("canary").await;
    let ledger = Ledger::new(99);
    let reports = test_targets(&controllers(), &user.identity("Wrong-Horse-1!"), &ledger, 3).await;
    let names: Vec<String> = controllers().iter().map(|endpoint| endpoint.target.to_string()).collect();
    assert_eq!(
        verdicts(&reports),
        [
            (names[0].as_str(), "failed", "ad.wrong_password"),
            (names[1].as_str(), "not-started", "ad.not_tried"),
            (names[2].as_str(), "not-started", "ad.not_tried"),
        ]
    );
    assert_eq!(ledger.lines(), [format!("before {}", names[0]), format!("after {} ad.wrong_password", names[0])]);
    assert_eq!(bad_passwords(&user).await, 1);
}

#[tokio::test]
async fn a_right_password_is_proven_on_every_target() {
    let user = user_everywhere("proven").await;
    let reports = test_targets(&controllers(), &user.identity(PASSWORD), &NoGate, 2).await;
    assert!(reports.iter().all(|report| report.verdict.as_str() == "ok"), "{reports:?}");
    let hosts: Vec<_> = reports.iter().map(|report| report.host.as_deref().unwrap()).collect();
    assert_eq!(hosts, ["dc1.lab.test", "dc2.lab.test", "dc3.lab.test"]);
    let record = serde_json::to_value(&reports[0]).unwrap();
    assert_eq!(
        (record["site"].as_str(), record["read_only"].as_bool()),
        (Some("Default-First-Site-Name"), Some(false))
    );
    assert!(record.get("error").is_none());
}

#[tokio::test]
async fn a_canary_that_is_down_passes_its_part_on() {
    let user = user_everywhere("down").await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let down = Endpoint::new(Target::parse(&free.to_string()).unwrap(), &tls()).unwrap();
    let mut endpoints = controllers();
    endpoints.insert(0, down);
    let ledger = Ledger::new(99);
    let reports = test_targets(&endpoints, &user.identity("Wrong-Horse-1!"), &ledger, 3).await;
    let codes: Vec<_> = verdicts(&reports).iter().map(|(_, _, code)| *code).collect();
    assert_eq!(codes, ["ad.refused", "ad.wrong_password", "ad.not_tried", "ad.not_tried"]);
    assert_eq!((ledger.lines().len(), bad_passwords(&user).await), (2, 1));
}

#[tokio::test]
async fn a_gate_that_is_shut_lets_nothing_out() {
    let user = user_everywhere("gate").await;
    let ledger = Ledger::new(0);
    let report = test_target(&controller(1), &user.identity("Wrong-Horse-1!"), &ledger).await;
    assert_eq!(report.error.unwrap().code(), "rotation.budget");
    assert_eq!((ledger.lines().len(), bad_passwords(&user).await), (0, 0));
}
