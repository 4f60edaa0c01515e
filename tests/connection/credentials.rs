//! Versions and states of credentials, and what may never happen to them.

use libretto::{
    connection::{
        self, Change, Given, Scope,
        credentials::{self, State},
    },
    secret::{Secret, seal::Identity},
    store::{
        Store,
        journal::{self, NewRotation},
        locks::PrincipalLock,
        rows::{CredentialId, PrincipalId},
    },
    verdict::Verdict,
};
use serde_json::json;

use super::{add, raw, with_password};

const GUID: &str = "0a1b2c3d-0000-4000-8000-00000000abcd";

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn get(store: &Store, name: &str) -> connection::Connection {
    connection::get(store, name, &Scope::all()).unwrap()
}

fn opened(store: &Store, name: &str) -> String {
    let current = credentials::current(store, &get(store, name)).unwrap().unwrap();
    credentials::open(store, &Identity::load(store).unwrap(), &current).unwrap().expose().to_owned()
}

fn states(store: &Store, name: &str) -> Vec<(u32, State)> {
    credentials::history(store, &get(store, name)).unwrap().iter().map(|one| (one.version, one.state)).collect()
}

fn begin(store: &Store, principal: PrincipalId) -> String {
    begin_with(store, principal, None)
}

fn begin_with(store: &Store, principal: PrincipalId, candidate: Option<CredentialId>) -> String {
    let new = NewRotation {
        principal,
        connection: "corp".to_owned(),
        run: None,
        stage: "preflight".to_owned(),
        pinned_target: None,
        candidate,
        before: json!({}),
        options: json!({}),
    };
    journal::begin(store, &new).unwrap()
}

#[test]
fn a_candidate_becomes_current_and_the_current_previous() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "password number 1"));
    let identity = Identity::load(&store).unwrap();
    for number in 2..=4 {
        let new = secret(&format!("password number {number}"));
        let candidate =
            credentials::record_candidate(&store, &identity, &corp, &corp.username, &new, Some("run1")).unwrap();
        assert_eq!(
            (candidate.state, candidate.version, candidate.run.as_deref()),
            (State::Candidate, number, Some("run1"))
        );
        assert_eq!(opened(&store, "corp"), format!("password number {}", number - 1), "the old one is used until then");
        credentials::mark_sent(&store, candidate.id).unwrap();
        credentials::promote(&store, candidate.id, "dc1").unwrap();
        assert_eq!(opened(&store, "corp"), format!("password number {number}"));
    }
    assert_eq!(
        states(&store, "corp"),
        [(4, State::Current), (3, State::Previous), (2, State::Retired), (1, State::Retired)]
    );
    let current = credentials::current(&store, &corp).unwrap().unwrap();
    assert_eq!((current.proven_on.as_deref(), current.sent_at.is_some()), (Some("dc1"), true));
    assert_eq!(credentials::retire(&store, current.id, "test").unwrap_err().code(), "connection.credential_in_use");
    let previous = credentials::history(&store, &corp).unwrap()[1].id;
    credentials::retire(&store, previous, "revoked").unwrap();
    assert_eq!(credentials::by_id(&store, previous).unwrap().why.as_deref(), Some("revoked"));
}

#[test]
fn the_file_itself_refuses_two_current_ones_and_early_deletion() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "password number 1"));
    let identity = Identity::load(&store).unwrap();
    credentials::record_candidate(&store, &identity, &corp, &corp.username, &secret("another one"), None).unwrap();
    let raw = raw(&store);
    assert!(raw.execute("UPDATE credential SET state = 'current'", []).is_err());
    assert!(raw.execute("DELETE FROM credential", []).is_err());
    raw.execute("UPDATE credential SET state = 'retired', retired_at = '2099-01-01T00:00:00Z'", []).unwrap();
    assert!(raw.execute("DELETE FROM credential", []).is_err(), "not yet 30 days");
    raw.execute("UPDATE credential SET retired_at = '2020-01-01T00:00:00Z'", []).unwrap();
    raw.execute("DELETE FROM credential", []).unwrap();
}

#[test]
fn one_account_of_two_connections_is_merged_and_keeps_every_version() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "what corp has"));
    let hr = add(&store, &with_password("hr", "what hr has"));
    let identity = Identity::load(&store).unwrap();
    credentials::record_candidate(&store, &identity, &hr, &hr.username, &secret("a candidate of hr"), None).unwrap();
    assert_ne!(corp.principal, hr.principal);
    let known = credentials::bind_principal(&store, corp.id, &GUID.to_uppercase()).unwrap();
    assert_eq!(known, corp.principal);
    let proven = credentials::current(&store, &hr).unwrap().unwrap();
    credentials::mark_proven(&store, proven.id, "dc1").unwrap();
    assert_eq!(credentials::bind_principal(&store, hr.id, GUID).unwrap(), corp.principal);
    assert_eq!(get(&store, "hr").principal, corp.principal);
    assert_eq!(
        states(&store, "corp"),
        [(3, State::Candidate), (2, State::Current), (1, State::Previous)],
        "nothing is lost, and what was proven last is current"
    );
    assert_eq!(opened(&store, "corp"), "what hr has");
    assert_eq!(states(&store, "hr"), states(&store, "corp"));
    // A value that was read before the merge still leads to the right rows.
    assert_eq!(credentials::history(&store, &hr).unwrap().len(), 3);
    assert_eq!(credentials::connections_of(&store, hr.principal).unwrap(), ["corp", "hr"]);
    let other = credentials::bind_principal(&store, hr.id, "another-guid").unwrap_err();
    assert_eq!(other.code(), "connection.other_principal");

    let candidate = credentials::history(&store, &hr).unwrap()[0].id;
    credentials::promote(&store, candidate, "dc2").unwrap();
    assert_eq!(opened(&store, "corp"), "a candidate of hr", "all connections of the principal switch");
}

#[test]
fn a_replaced_password_that_still_binds_does_not_come_back_with_a_merge() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "the one before"));
    let identity = Identity::load(&store).unwrap();
    credentials::bind_principal(&store, corp.id, GUID).unwrap();
    let new =
        credentials::record_candidate(&store, &identity, &corp, &corp.username, &secret("the new one"), None).unwrap();
    credentials::mark_sent(&store, new.id).unwrap();
    credentials::promote(&store, new.id, "dc1").unwrap();
    // Another connection of the account is tested with the old password, within the hour in which it still binds.
    let late = add(&store, &with_password("late", "the one before"));
    let graced = credentials::current(&store, &late).unwrap().unwrap();
    credentials::mark_proven(&store, graced.id, "dc1").unwrap();
    credentials::bind_principal(&store, late.id, GUID).unwrap();
    assert_eq!(opened(&store, "corp"), "the new one");
    assert_eq!(opened(&store, "late"), "the new one");
}

#[test]
fn another_user_name_is_another_account_until_the_directory_says_otherwise() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "password of svc"));
    add(&store, &with_password("hr", "password of hr"));
    let identity = Identity::load(&store).unwrap();
    let candidate =
        credentials::record_candidate(&store, &identity, &corp, "svc2@lab.test", &secret("password of svc2"), None)
            .unwrap();
    assert_ne!(candidate.principal, corp.principal);
    assert_eq!(opened(&store, "corp"), "password of svc");
    credentials::promote(&store, candidate.id, "dc1").unwrap();
    assert_eq!(get(&store, "corp").username, "svc2@lab.test");
    assert_eq!(opened(&store, "corp"), "password of svc2");
    assert_eq!(opened(&store, "hr"), "password of hr");

    // The same account in another spelling.
    credentials::bind_principal(&store, corp.id, GUID).unwrap();
    let corp = get(&store, "corp");
    let again =
        credentials::record_candidate(&store, &identity, &corp, "LAB\\svc2", &secret("a new one of svc2"), None)
            .unwrap();
    assert_eq!(credentials::bind_credential(&store, again.id, GUID).unwrap(), corp.principal);
    credentials::promote(&store, again.id, "dc1").unwrap();
    assert_eq!((get(&store, "corp").principal, get(&store, "corp").username), (corp.principal, "LAB\\svc2".to_owned()));
    assert_eq!(states(&store, "corp"), [(2, State::Current), (1, State::Previous)]);
}

#[test]
fn an_edited_password_is_a_new_version_and_the_old_one_stays() {
    let store = Store::temporary().unwrap();
    add(&store, &with_password("corp", "password number 1"));
    let change = Change { secret: Some(Given::Secret(secret("password number 2"))), ..Change::default() };
    connection::edit(&store, "corp", &Scope::all(), &change).unwrap();
    assert_eq!(states(&store, "corp"), [(2, State::Current), (1, State::Previous)]);
    let current = credentials::current(&store, &get(&store, "corp")).unwrap().unwrap();
    assert_eq!(current.proven_at, None, "not yet proven");
}

#[test]
fn while_a_transaction_is_unfinished_nobody_touches_the_principal() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "password number 1"));
    let rotation = begin(&store, corp.principal);
    let change = Change { secret: Some(Given::Secret(secret("password number 2"))), ..Change::default() };
    let refused = [
        connection::edit(&store, "corp", &Scope::all(), &change).unwrap_err(),
        connection::remove(&store, "corp", &Scope::all()).unwrap_err(),
    ];
    for error in refused {
        assert_eq!((error.code(), error.verdict()), ("rotation.unfinished", Verdict::InDoubt));
        assert!(error.remedy().unwrap().contains("libretto recover"));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.csv");
    std::fs::write(&file, "name,password\ncorp,file:pw\n").unwrap();
    std::fs::write(folder.path().join("pw"), "password number 3").unwrap();
    let mut host = libretto::host::Host::real();
    host.working_folder = folder.path().to_path_buf();
    let error = connection::import(&store, &host, &file).unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("rotation.unfinished", Verdict::InDoubt));
    assert_eq!(states(&store, "corp"), [(1, State::Current)]);

    let tags = Change { tags: Some(vec!["x".to_owned()]), ..Change::default() };
    connection::edit(&store, "corp", &Scope::all(), &tags).unwrap();
    journal::finish(&store, &rotation, Verdict::Ok, "promoted", &json!({})).unwrap();
    connection::remove(&store, "corp", &Scope::all()).unwrap();
    let kept: i64 = raw(&store).query_row("SELECT count(*) FROM credential", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1, "a removed connection's credential rows stay");
}

/// A password that an administrator set and somebody stored: a write of Libretto's own is not what made it.
#[test]
fn a_password_that_was_set_by_hand_is_not_replaced_by_the_one_before_it() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "the one before"));
    let identity = Identity::load(&store).unwrap();
    credentials::bind_principal(&store, corp.id, GUID).unwrap();
    let set = credentials::record_candidate(&store, &identity, &corp, &corp.username, &secret("set by hand"), None);
    credentials::promote_tested(&store, set.unwrap().id, "dc1", "test").unwrap();
    let late = add(&store, &with_password("late", "the one before"));
    let graced = credentials::current(&store, &late).unwrap().unwrap();
    credentials::mark_proven(&store, graced.id, "dc1").unwrap();
    credentials::bind_principal(&store, late.id, GUID).unwrap();
    assert_eq!([opened(&store, "corp"), opened(&store, "late")], ["set by hand", "set by hand"]);
}

/// What was accepted by grace alone does not become current over what was set meanwhile.
#[test]
fn a_candidate_is_not_promoted_over_a_password_that_was_set_since() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "the first"));
    let identity = Identity::load(&store).unwrap();
    let record = |text: &str| {
        credentials::record_candidate(&store, &identity, &corp, &corp.username, &secret(text), None).unwrap().id
    };
    let (tested, set) = (record("tested"), record("set since"));
    let lock = PrincipalLock::take(&store, corp.principal, "alice").unwrap();
    let busy = credentials::promote_tested(&store, tested, "dc1", "bob").unwrap_err();
    assert_eq!(busy.code(), "rotation.busy");
    credentials::mark_sent(&store, set).unwrap();
    credentials::promote(&store, set, "dc1").unwrap();
    drop(lock);
    let error = credentials::promote_tested(&store, tested, "dc1", "bob").unwrap_err();
    assert_eq!(error.code(), "connection.superseded");
    assert!(error.message().starts_with("version 2 was accepted, and version 3 was set in the directory meanwhile"));
    assert_eq!(opened(&store, "corp"), "set since");
    assert_eq!(credentials::by_id(&store, tested).unwrap().state.as_str(), "candidate");
}

/// A write that was sent and surely not made has set nothing: the candidate that signs in is valid by itself.
#[test]
fn a_candidate_is_promoted_after_a_write_that_was_surely_not_made() {
    for (what, is_promoted) in [("change-refused", true), ("not-applied", true), ("superseded", false)] {
        let store = Store::temporary().unwrap();
        let corp = add(&store, &with_password("corp", "the first"));
        let identity = Identity::load(&store).unwrap();
        let record = |text: &str| {
            credentials::record_candidate(&store, &identity, &corp, &corp.username, &secret(text), None).unwrap().id
        };
        let (tested, sent) = (record("tested"), record("sent"));
        let rotation = begin_with(&store, corp.principal, Some(sent));
        credentials::mark_sent(&store, sent).unwrap();
        credentials::retire(&store, sent, what).unwrap();
        journal::finish(&store, &rotation, Verdict::Failed, what, &json!({})).unwrap();
        let promoted = credentials::promote_tested(&store, tested, "dc1", "bob");
        let code = promoted.err().map(|error| error.code());
        assert_eq!(code, (!is_promoted).then_some("connection.superseded"), "{what}");
        assert_eq!(opened(&store, "corp"), if is_promoted { "tested" } else { "the first" }, "{what}");
    }
}

#[test]
fn what_somebody_is_at_work_on_is_not_edited_or_removed() {
    let store = Store::temporary().unwrap();
    let corp = add(&store, &with_password("corp", "the first"));
    let lock = PrincipalLock::take(&store, corp.principal, "alice").unwrap();
    let edit = |change: &Change| connection::edit(&store, "corp", &Scope::all(), change).map(|_| ());
    let password = Change { secret: Some(Given::Secret(secret("another"))), ..Change::default() };
    for refused in [edit(&password), connection::remove(&store, "corp", &Scope::all())] {
        let error = refused.unwrap_err();
        assert_eq!(error.code(), "rotation.busy");
        assert!(error.message().starts_with("alice is changing this account's credential since "), "{error}");
    }
    // What has nothing to do with the credential may change.
    edit(&Change { tags: Some(vec!["gold".to_owned()]), ..Change::default() }).unwrap();
    drop(lock);
    edit(&password).unwrap();
    assert_eq!(opened(&store, "corp"), "another");
}
