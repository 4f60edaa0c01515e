//! The journal of credential transactions.

use libretto::{
    store::{
        Store,
        journal::{self, NewRotation, Progress},
        rows::PrincipalId,
    },
    verdict::Verdict,
};
use serde_json::json;

fn new(principal: PrincipalId) -> NewRotation {
    NewRotation {
        principal,
        connection: "corp".to_owned(),
        run: None,
        stage: "preflight".to_owned(),
        pinned_target: None,
        candidate: None,
        before: json!({}),
        options: json!({"revoke": false}),
    }
}

#[test]
fn events_are_numbered_and_seen_by_others_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (Store::open(folder.path()).unwrap(), Store::open(folder.path()).unwrap());
    let raw = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    raw.execute("INSERT INTO principal (uid, kind, domain, label) VALUES (7, 'ad', 'lab.test', 'svc')", []).unwrap();
    let id = journal::begin(&store, &new(PrincipalId(7))).unwrap();
    assert_eq!(journal::event(&store, &id, "preflight-ok", Some("dc1"), &json!({"badPwdCount": 0})).unwrap(), 1);
    let progress = Progress {
        stage: Some("sending".to_owned()),
        pinned_target: Some("dc1".to_owned()),
        before: Some(json!({"dc1": "133"})),
        ..Progress::default()
    };
    assert_eq!(journal::step(&store, &id, &progress, "change-sent", Some("dc1"), &json!({})).unwrap(), 2);

    let seen = journal::unfinished(&other).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].id.as_str(), seen[0].stage.as_str(), seen[0].pinned_target.as_deref(), &seen[0].before),
        (id.as_str(), "sending", Some("dc1"), &json!({"dc1": "133"}))
    );
    let whats: Vec<_> = journal::events(&other, &id).unwrap().into_iter().map(|e| (e.number, e.what)).collect();
    assert_eq!(whats, [(1, "preflight-ok".to_owned()), (2, "change-sent".to_owned())]);

    let second = journal::begin(&other, &new(PrincipalId(7))).unwrap_err();
    assert_eq!((second.code(), second.verdict()), ("rotation.unfinished", Verdict::InDoubt));

    journal::finish(&store, &id, Verdict::Ok, "promoted", &json!({})).unwrap();
    assert_eq!(journal::unfinished_of(&other, PrincipalId(7)).unwrap(), None);
    let done = journal::get(&other, &id).unwrap().unwrap();
    assert_eq!((done.verdict, done.finished_at.is_some()), (Some(Verdict::Ok), true));
    journal::begin(&other, &new(PrincipalId(7))).unwrap();
    assert_eq!(journal::history(&store, PrincipalId(7)).unwrap().len(), 2);
    assert_eq!(journal::event(&store, "nonsense", "x", None, &json!({})).unwrap_err().code(), "store.unknown_rotation");
}
