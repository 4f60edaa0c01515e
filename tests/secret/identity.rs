//! The store's identity: made once, never replaced while anything depends on it.

use std::{fs, os::unix::fs::PermissionsExt, sync::Barrier, thread};

use libretto::{
    connection::{self, AdSettings, Given, NewConnection, Scope, Settings, credentials},
    secret::{Secret, seal::Identity},
    store::Store,
};

fn add(store: &Store) {
    let new = NewConnection {
        name: "corp".to_owned(),
        domain: "lab.test".to_owned(),
        username: "svc@lab.test".to_owned(),
        customer: None,
        tags: Vec::new(),
        settings: Settings::Ad(AdSettings::default()),
        secret: Some(Given::Secret(Secret::new("a stored password").unwrap())),
        agent_token: None,
    };
    connection::add(store, &new).unwrap();
}

#[test]
fn eight_make_it_at_once_and_all_have_the_same() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        let start = Barrier::new(8);
        let sealed: Vec<(Identity, Vec<u8>)> = thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let store = Store::open(folder.path()).unwrap();
                        start.wait();
                        let identity = Identity::load_or_make(&store).unwrap();
                        let sealed = identity.seal(&Secret::new("the same for all").unwrap()).unwrap();
                        (identity, sealed)
                    })
                })
                .collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        for ((identity, _), (_, sealed)) in sealed.iter().zip(sealed.iter().rev()) {
            assert_eq!(identity.open(sealed).unwrap().expose(), "the same for all");
        }
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("identity"))
            .collect();
        assert_eq!(left, ["identity.age"], "no temporary file stays");
        let mode = fs::metadata(folder.path().join("identity.age")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_temporary_file_of_a_killed_maker_is_in_nobodys_way() {
    let store = Store::temporary().unwrap();
    fs::write(store.home().join(".identity-0123"), "AGE-SECRET-KEY-half").unwrap();
    let made = Identity::load_or_make(&store).unwrap();
    assert_eq!(Identity::load(&store).unwrap().recipient(), made.recipient());
}

#[test]
fn a_lost_identity_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(Identity::load(&store).unwrap_err().code(), "store.identity_lost");
    add(&store);
    let file = folder.path().join("identity.age");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let error = Identity::load_or_make(&store).unwrap_err();
    assert_eq!(error.code(), "store.identity_lost");
    assert_eq!(
        error.message(),
        format!("{} is missing, and the store's credentials cannot be opened without it", file.display())
    );
    assert!(!file.exists(), "none was made");
    fs::write(&file, kept).unwrap();
    let corp = connection::get(&store, "corp", &Scope::all()).unwrap();
    let credential = credentials::current(&store, &corp).unwrap().unwrap();
    let secret = credentials::open(&store, &Identity::load(&store).unwrap(), &credential).unwrap();
    assert_eq!(secret.expose(), "a stored password");
}

#[test]
fn a_foreign_identity_is_refused() {
    let (mine, theirs) = (Store::temporary().unwrap(), Store::temporary().unwrap());
    add(&mine);
    Identity::load_or_make(&theirs).unwrap();
    fs::copy(theirs.home().join("identity.age"), mine.home().join("identity.age")).unwrap();
    for refused in [Identity::load(&mine), Identity::load_or_make(&mine)] {
        assert_eq!(refused.unwrap_err().code(), "store.identity_foreign");
    }
}

#[test]
fn a_file_that_is_no_identity() {
    let store = Store::temporary().unwrap();
    for text in ["", "hello", "AGE-SECRET-KEY-1QQQQ"] {
        fs::write(store.home().join("identity.age"), text).unwrap();
        let error = Identity::load_or_make(&store).unwrap_err();
        assert_eq!(error.code(), "store.identity_unreadable");
        assert!(text.is_empty() || !error.message().contains(text), "the file's text is not repeated");
    }
}

#[test]
fn an_empty_stores_lost_identity_is_made_again() {
    let store = Store::temporary().unwrap();
    let first = Identity::load_or_make(&store).unwrap();
    fs::remove_file(store.home().join("identity.age")).unwrap();
    let second = Identity::load_or_make(&store).unwrap();
    assert_ne!(first.recipient(), second.recipient());
    add(&store);
}

#[test]
fn damaged_bytes_are_not_opened() {
    let store = Store::temporary().unwrap();
    let identity = Identity::load_or_make(&store).unwrap();
    let mut sealed = identity.seal(&Secret::new("a stored password").unwrap()).unwrap();
    assert!(!sealed.windows(8).any(|part| b"a stored password".windows(8).any(|secret| secret == part)));
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    assert_eq!(identity.open(&sealed).unwrap_err().code(), "secret.not_opened");
    assert!(!format!("{identity:?}").contains("SECRET"));
}

#[test]
fn one_that_others_may_read_is_made_private_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    add(&store);
    let path = folder.path().join("identity.age");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Identity::load(&store).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
