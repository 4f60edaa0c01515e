//! Going back to an earlier password: a rotation like any other, with what only a going back is refused for.

use libretto::connection::{
    Change,
    former::{self, Which},
};

use super::*;

/// The request to bring a version back.
fn back(rig: &Rig, connection: &Connection, which: Which) -> Result<Request> {
    let connection = connection::get(&rig.store, &connection.name, &Scope::all()).unwrap();
    let chosen = former::choose(&rig.store, &connection, which, false)?;
    let endpoints = endpoints(connection.ad().unwrap(), Limits::default());
    Ok(Request { candidate_of: Some(chosen.id), ..request(&rig.store, &connection, endpoints) })
}

#[tokio::test]
async fn an_administrator_takes_its_former_password_back_as_a_new_version() {
    for flavour in [Flavour::Samba, Flavour::Windows] {
        let rig = Rig::new(flavour, &[]);
        run(&rig.request()).await.unwrap();
        let witness = Witness::default();
        let outcome = rotate(&back(&rig, &rig.connection, Which::Previous).unwrap(), &witness).await.unwrap();
        assert_eq!((outcome.version, outcome.restores, outcome.verdict.as_str()), (3, Some(1), "ok"));
        let announced = witness.announced.lock().unwrap()[0].clone();
        assert_eq!((announced.version, announced.restores), (3, Some(1)));
        assert!(outcome.stages[0].note.contains("may not take a former password"), "{}", outcome.stages[0].note);
        assert_eq!(outcome.stages[1].note, "version 3 is on the disk, encrypted, with the password of version 1");
        assert_eq!(
            rig.picture(),
            "v3 current sent proven, v2 previous sent proven, v1 retired proven; promote, ended ok"
        );
        assert_eq!(rig.password(3).expose(), rig.old());
        for target in 1..=3 {
            assert_eq!(rig.says(target, rig.old()).await, "");
        }
        assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
        let options = &journal::history(&rig.store, rig.connection.principal).unwrap()[0].options;
        assert_eq!((&options["password"], &options["candidate_of"]), (&"restored".into(), &1.into()));
    }
}

/// Where there is no administrative connection the directory would refuse; where there is one it need not be asked twice.
#[tokio::test]
async fn an_ordinary_owner_needs_an_administrative_connection() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let connection = rig.add("alice", &alice.upn, &alice.password);
    run(&request(&rig.store, &connection, endpoints(connection.ad().unwrap(), Limits::default()))).await.unwrap();
    let before = picture(&rig.store, &connection);
    let wanted = back(&rig, &connection, Which::Previous).unwrap();
    let witness = Witness::default();
    let error = rotate(&wanted, &witness).await.unwrap_err();
    assert_eq!(error.code(), "rotation.password_history");
    assert_eq!(
        error.message(),
        "the directory remembers the last 24 passwords of this account and lets its owner take none of them again"
    );
    assert!(error.remedy().unwrap().ends_with("libretto connections edit alice --via ADMIN"));
    assert_eq!((witness.told(), picture(&rig.store, &connection)), (vec!["preflight failed".to_owned()], before));
    assert_eq!(run(&Request { via: Some(rig.via()), ..wanted }).await.unwrap().restores, Some(1));
    assert_eq!(data(&rig.lab, 3, &alice.upn, alice.password.expose()).await, "");
}

#[tokio::test]
async fn a_version_that_cannot_come_back_is_refused_with_its_reason() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let refused = |connection: &Connection, which| {
        let error = back(&rig, connection, which).unwrap_err();
        assert!(error.remedy().is_some(), "{error}");
        (error.code(), error.message().to_owned())
    };
    let corp = &rig.connection;
    assert_eq!(
        refused(corp, Which::Previous),
        ("connection.no_former_version", "corp has no previous version that was proven".to_owned())
    );
    assert_eq!(refused(corp, Which::Version(7)), ("connection.unknown_version", "corp has no version 7".to_owned()));
    assert_eq!(
        refused(corp, Which::Version(1)),
        ("connection.version_in_use", "the password of version 1 is the one in use".to_owned())
    );
    let given = |given| Change { secret: Some(given), ..Change::default() };
    let edit = |given_now| connection::edit(&rig.store, "corp", &Scope::all(), &given(given_now)).unwrap();
    let command = libretto::secret::reference::Reference::parse("command:pw").unwrap();
    edit(Given::Kept(command));
    edit(Given::Secret(rig.lab.service_account().1.clone()));
    assert_eq!(
        refused(corp, Which::Version(1)),
        ("connection.version_unproven", "version 1 was never proven: no target has ever accepted it".to_owned())
    );
    assert_eq!(
        refused(corp, Which::Version(2)),
        (
            "connection.version_elsewhere",
            "version 2 is kept outside (command:), where it may have changed since".to_owned()
        )
    );
    // Insisted on, but it is the very password that version 3 has.
    let first = former::choose(&rig.store, corp, Which::Version(1), true).unwrap();
    let error = run(&Request { candidate_of: Some(first.id), ..rig.request() }).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("connection.version_in_use", "the password of version 1 is that of version 3, which is in use")
    );
    assert!(rig.events().is_empty());
}

/// The name that a version was stored under may be another account's by now.
#[tokio::test]
async fn a_version_whose_name_is_another_accounts_by_now_is_refused() {
    let rig = Rig::new(Flavour::Windows, &[]);
    run(&rig.request()).await.unwrap();
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let named = |name: &str| raw.execute("UPDATE credential SET username = ?1 WHERE version = 1", [name]).unwrap();
    named("alice@lab.test");
    let wanted = back(&rig, &rig.connection, Which::Previous).unwrap();
    let error = run(&wanted).await.unwrap_err();
    assert_eq!(error.code(), "rotation.other_account");
    named("LAB\\svc-libretto");
    let outcome = run(&wanted).await.unwrap();
    assert_eq!((outcome.restores, outcome.principal.as_str()), (Some(1), "svc-libretto@lab.test"));
}

/// After as many changes as the history is long a password is forgotten: then its owner has to wait like for any other.
#[tokio::test]
async fn a_password_that_is_forgotten_may_be_taken_again() {
    let rig = Rig::new(Flavour::Windows, &[]);
    let alice = rig.lab.accounts().iter().find(|account| account.name == "alice").unwrap();
    let connection = rig.add("alice", &alice.upn, &alice.password);
    run(&request(&rig.store, &connection, endpoints(connection.ad().unwrap(), Limits::default()))).await.unwrap();
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    for (version, code) in [(24, "rotation.password_history"), (25, "rotation.too_young")] {
        for version in 3..=version {
            let later = "INSERT OR IGNORE INTO credential (principal, version, state, username, kind, sealed, created_at, sent_at,
                    proven_at, retired_at)
                SELECT principal, ?1, 'retired', username, kind, sealed, created_at, created_at, created_at, created_at
                FROM credential WHERE version = 2";
            raw.execute(later, [version]).unwrap();
        }
        let error = run(&back(&rig, &connection, Which::Version(1)).unwrap()).await.unwrap_err();
        assert_eq!(error.code(), code, "with version {version}");
    }
}

/// Nobody can say whether it is remembered: the directory decides.
#[tokio::test]
async fn where_the_policy_cannot_be_read_the_directory_decides() {
    let rig = Rig::new(Flavour::Windows, &["policy=unreadable"]);
    run(&rig.request()).await.unwrap();
    let error = run(&back(&rig, &rig.connection, Which::Previous).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "ad.password_policy");
    assert_eq!(rig.picture(), "v3 retired sent, v2 current sent proven, v1 previous proven; change, ended failed");
}
