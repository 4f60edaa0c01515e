//! The ledger of runs.

use std::time::{Duration, Instant};

use libretto::{
    store::{
        Store,
        ledger::{EndPart, EndRun, Ledger, NewPart, NewRun, new_run_id},
        runs::{PartKind, WriteState},
    },
    verdict::Verdict,
};
use serde_json::json;

use super::disk::Disk;

fn run(id: &str) -> NewRun {
    NewRun {
        id: id.to_owned(),
        script: "reset_ad_creds".to_owned(),
        lab: false,
        insist: false,
        params: json!({"connection": "corp", "password": "env:PW"}),
        operator: "alice".to_owned(),
        sources: vec![("reset_ad_creds".to_owned(), "step(..)".to_owned()), ("checks".to_owned(), "fn".to_owned())],
    }
}

fn begin(path: &str, occurrence: u32, kind: PartKind, key: Option<&str>) -> NewPart {
    NewPart { path: path.to_owned(), occurrence, kind, key: key.map(str::to_owned) }
}

fn end(path: &str, occurrence: u32, verdict: Verdict) -> EndPart {
    EndPart { path: path.to_owned(), occurrence, verdict, ms: 12, value: Some(json!({"n": 1})), error: None }
}

#[test]
fn a_run_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let ledger = Ledger::start(&store).unwrap();
    ledger.begin_run(run("aaaa00000001")).wait().unwrap();
    ledger.begin_part(begin("Test", 0, PartKind::Step, None));
    ledger.begin_part(begin("Test/dc1", 0, PartKind::Item, Some("dc1")));
    ledger.end_part(end("Test/dc1", 0, Verdict::Ok));
    let number = ledger.write_sent("Test", "directory.set_password", "dc1", "set it", "did not set it").wait().unwrap();
    ledger.write_settled(number, WriteState::Done).wait().unwrap();
    assert_eq!(ledger.write_sent("Test", "directory.unlock", "dc1", "unlocked", "not unlocked").wait().unwrap(), 2);
    ledger.end_part(end("Test", 0, Verdict::Partial));
    let ended = EndRun {
        verdict: Verdict::Partial,
        exit: 1,
        counts: json!({"ok": 1}),
        changed: vec!["set it".to_owned()],
        unchanged: vec!["not unlocked".to_owned()],
    };
    ledger.finish_run(ended).wait().unwrap();

    let seen = Store::open(folder.path()).unwrap().run("aaaa").unwrap().unwrap();
    assert_eq!((seen.summary.verdict, seen.summary.exit), (Some(Verdict::Partial), Some(1)));
    assert_eq!(seen.summary.params, json!({"connection": "corp", "password": "env:PW"}));
    let parts: Vec<_> = seen.parts.iter().map(|p| (p.path.as_str(), p.key.as_deref(), p.verdict, p.ms)).collect();
    assert_eq!(
        parts,
        [("Test", None, Some(Verdict::Partial), Some(12)), ("Test/dc1", Some("dc1"), Some(Verdict::Ok), Some(12))]
    );
    let writes: Vec<_> = seen.writes.iter().map(|w| (w.number, w.state, w.settled_at.is_some())).collect();
    assert_eq!(writes, [(1, WriteState::Done, true), (2, WriteState::Sent, false)]);
    assert_eq!(seen.sources.len(), 2);
    assert_eq!(store.source(&seen.sources[0].1).unwrap().as_deref(), Some("fn"));

    ledger.begin_run(run("aaab00000002")).wait().unwrap();
    assert_eq!(store.run("aaa").unwrap_err().code(), "run.ambiguous");
    assert_eq!(store.run("b").unwrap(), None);
    let newest: Vec<_> = store.runs(1).unwrap().into_iter().map(|run| run.run).collect();
    assert_eq!(newest, ["aaab00000002"]);
}

#[test]
fn a_resumed_run_overwrites_parts_and_goes_on_counting_writes() {
    let store = Store::temporary().unwrap();
    let id = new_run_id();
    let first = Ledger::start(&store).unwrap();
    first.begin_run(run(&id)).wait().unwrap();
    first.begin_part(begin("Test", 0, PartKind::Step, None));
    first.end_part(end("Test", 0, Verdict::Failed));
    first.write_sent("Test", "k", "t", "did", "did not").wait().unwrap();
    drop(first);
    let second = Ledger::start(&store).unwrap();
    second.resume_run(id.clone()).wait().unwrap();
    second.begin_part(begin("Test", 0, PartKind::Step, None));
    assert_eq!(second.write_sent("Test", "k", "t", "did", "did not").wait().unwrap(), 2);
    assert_eq!(store.run(&id).unwrap().unwrap().parts[0].verdict, None);
    assert_eq!(second.resume_run("nonsense".to_owned()).wait().unwrap_err().code(), "store.unknown_run");
}

#[test]
fn what_nobody_waits_for_is_there_soon_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let ledger = Ledger::start(&store).unwrap();
    ledger.begin_run(run("1")).wait().unwrap();
    ledger.begin_part(begin("soon", 0, PartKind::Step, None));
    let deadline = Instant::now() + Duration::from_secs(10);
    while store.run("1").unwrap().unwrap().parts.is_empty() {
        assert!(Instant::now() < deadline, "a queued part was never written");
    }
    for item in 0..2000 {
        ledger.begin_part(begin("item", item, PartKind::Item, Some("k")));
        ledger.end_part(end("item", item, Verdict::Ok));
    }
    drop(ledger);
    let parts = store.run("1").unwrap().unwrap().parts;
    assert_eq!(parts.iter().filter(|part| part.verdict == Some(Verdict::Ok)).count(), 2000);
}

#[test]
fn a_part_that_cannot_be_written_is_told_at_the_next_flush() {
    let store = Store::temporary().unwrap();
    let ledger = Ledger::start(&store).unwrap();
    ledger.begin_run(run("1")).wait().unwrap();
    ledger.end_part(end("never begun", 0, Verdict::Ok));
    assert_eq!(ledger.flush().wait().unwrap_err().code(), "store.unknown_run");
    ledger.flush().wait().unwrap();
}

#[tokio::test]
async fn answers_are_awaited_and_come_in_groups() {
    let store = Store::temporary().unwrap();
    let ledger = Ledger::start(&store).unwrap();
    ledger.begin_run(run("1")).await.unwrap();
    let asked: Vec<_> = (0..100).map(|_| ledger.write_sent("p", "k", "t", "did", "did not")).collect();
    let mut numbers = Vec::new();
    for reply in asked {
        numbers.push(reply.await.unwrap());
    }
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_sends_nothing_and_what_was_queued_is_written_when_there_is_room() {
    let disk = Disk::new("size=4m");
    let store = Store::open(&disk.home()).unwrap();
    let ledger = Ledger::start(&store).unwrap();
    ledger.begin_run(run("1")).wait().unwrap();
    disk.fill();
    let mut recorded = 0;
    let refused = loop {
        match ledger.write_sent("p", "k", "t", "did", "did not").wait() {
            Ok(number) => recorded = number,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), "store.full");
    ledger.begin_part(begin("late", 0, PartKind::Step, None));
    ledger.end_part(end("late", 0, Verdict::Ok));
    assert_eq!(ledger.flush().wait().unwrap_err().code(), "store.full");
    disk.make_room();
    ledger.flush().wait().unwrap();
    let seen = store.run("1").unwrap().unwrap();
    assert_eq!(seen.parts.len(), 1);
    assert_eq!(seen.parts[0].verdict, Some(Verdict::Ok));
    assert_eq!(seen.writes.len() as u32, recorded, "the refused write is not there: it was never sent");
}
