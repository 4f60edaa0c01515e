//! Targets that no connection names any more, also of connections that take theirs from DNS, and those that are named again.

use std::sync::Arc;

use libretto::rotation::Dependent;

use super::{gone::keep, *};
use crate::rotation::dependents::{Stand, found, latest, retry};

/// Over an administrative connection, with the other two targets behind.
async fn behind(rig: &Rig, request: Request) -> Outcome {
    let outcome = run(&Request { wait: Duration::from_millis(150), via: Some(rig.via()), ..request }).await.unwrap();
    assert_eq!(verdicts(&outcome), ["ok", "inconclusive", "inconclusive"]);
    outcome
}

/// What DNS names, or the connection: these targets of the lab.
fn naming(rig: &Rig, targets: &[usize]) -> Vec<Target> {
    targets.iter().map(|number| target(rig, *number)).map(|name| Target::parse(&name).unwrap()).collect()
}

fn target(rig: &Rig, number: usize) -> String {
    rig.lab.targets()[number - 1].address.to_string()
}

fn recovery_naming(rig: &Rig, targets: impl Into<Option<Vec<Target>>>) -> Recovery {
    Recovery { named: targets.into(), wait: Duration::from_millis(150), ..recovery(rig) }
}

/// Open targets of the only transaction, and what the journal has of those that may lack the version.
fn stand(rig: &Rig) -> (Vec<String>, Option<(usize, usize)>) {
    let open = open(rig).into_iter().flat_map(|one| one.targets).collect();
    let version = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().id;
    let lagging = journal::lagging(&rig.store, version).unwrap();
    (open, lagging.map(|lagging| (lagging.targets.len(), lagging.gone.len())))
}

#[tokio::test]
async fn a_target_that_dns_names_no_more_is_waited_for_no_more_until_it_is_named_again() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    behind(&rig, rig.request()).await;
    keep(&rig, &[]);
    let (second, third) = (target(&rig, 2), target(&rig, 3));
    // DNS has not answered: nothing is gone for that.
    let unknown = settle(&recovery_naming(&rig, None)).await.unwrap();
    assert_eq!(unknown.verdict, Verdict::Inconclusive);
    assert_eq!(stand(&rig), (vec![second.clone(), third.clone()], Some((2, 0))));
    // The pinned one is not gone, whatever DNS says.
    let without = settle(&recovery_naming(&rig, naming(&rig, &[2]))).await.unwrap();
    assert_eq!(without.targets.len(), 1, "{without:?}");
    assert_eq!(stand(&rig), (vec![second.clone()], Some((1, 1))));
    // It is named again, while another one is waited for.
    let again = settle(&recovery_naming(&rig, naming(&rig, &[1, 2, 3]))).await.unwrap();
    assert_eq!(again.targets.len(), 2, "{again:?}");
    assert!(rig.events().contains(&"target-again".to_owned()), "{:?}", rig.events());
    assert_eq!(stand(&rig), (vec![second.clone(), third], Some((2, 0))));
    let alone = settle(&recovery_naming(&rig, naming(&rig, &[1]))).await.unwrap();
    assert_eq!((alone.verdict, alone.error), (Verdict::Ok, None));
    assert_eq!(stand(&rig), (Vec::new(), Some((0, 2))), "nothing is to be done, and nobody signs in there");
    assert_eq!(rig.events().last().unwrap(), "settled");
    // Whoever is about to sign in on one has it again.
    let refused = run(&rig.request()).await.unwrap_err();
    assert_eq!((refused.code(), refused.verdict()), ("rotation.not_converged", Verdict::Inconclusive));
    assert_eq!(stand(&rig), (vec![second], Some((1, 1))));
    assert_eq!(rig.bad_counts(&[1, 2, 3]).await, ["0", "0", "0"]);
    assert_eq!(latest(&rig).verdict, Some(Verdict::Inconclusive));
}

/// Somebody insists and is right, so the rotation is settled: a target that was taken from the connection meanwhile is known all
/// the same as one that may lack the password, until it accepts that.
#[tokio::test]
async fn a_sign_in_that_settles_a_rotation_forgets_no_target_that_is_gone() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    behind(&rig, rig.request()).await;
    keep(&rig, &[1, 2]);
    let version = credentials::current(&rig.store, &rig.connection).unwrap().unwrap().id;
    libretto::rotation::recover::arrived(&rig.store, version, &target(&rig, 2), "somebody").unwrap();
    assert_eq!((latest(&rig).verdict, stand(&rig)), (Some(Verdict::Ok), (Vec::new(), Some((0, 1)))));
    libretto::rotation::recover::arrived(&rig.store, version, &target(&rig, 3), "somebody").unwrap();
    assert_eq!((latest(&rig).verdict, stand(&rig)), (Some(Verdict::Ok), (Vec::new(), None)));
}

/// An administrative account signs in on the targets of the connections that go over its own.
#[tokio::test]
async fn a_target_of_a_connection_that_goes_over_this_one_is_not_gone() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    behind(&rig, rig.request()).await;
    rig.add("other", "LAB\\other", &Secret::new("Some-Password-1!").unwrap());
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let over = "UPDATE connection SET settings = json_set(settings, '$.via', 'corp', '$.targets', json_array(?1)) WHERE name = 'other'";
    assert_eq!(raw.execute(over, [target(&rig, 3)]).unwrap(), 1);
    keep(&rig, &[1]);
    assert_eq!(stand(&rig).0, [target(&rig, 3)]);
}

#[tokio::test]
async fn a_target_is_the_same_however_it_is_written() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    behind(&rig, rig.request()).await;
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let written = |table: &str, column: &str, from: &str, to: &str| {
        let sql = format!("UPDATE {table} SET {column} = replace({column}, ?1, ?2)");
        raw.execute(&sql, (format!("\"{from}\""), format!("\"{to}\""))).unwrap();
    };
    for (in_journal, in_connection) in
        [("DC2.lab.test", "dc2.lab.test.:389"), ("2001:db8::7", "[2001:db8:0:0::7]:636"), ("dc2", "DC2.:636")]
    {
        let second = target(&rig, 2);
        written("rotation", "before", &second, in_journal);
        written("connection", "settings", &second, in_connection);
        assert_eq!(open(&rig)[0].targets, [in_journal.to_owned(), target(&rig, 3)]);
        written("rotation", "before", in_journal, &second);
        written("connection", "settings", in_connection, &second);
    }
}

/// What is not handed over yet keeps nobody from seeing that a target is gone, and such a target keeps it from nobody.
#[tokio::test]
async fn a_target_that_was_taken_from_the_connection_is_gone_while_a_dependent_is_open() {
    let rig = Rig::new(Flavour::Windows, &["replication=off"]);
    let pool = Stand::well("pool");
    let outcome = behind(&rig, Request { dependents: found(&[&pool]), ..rig.request() }).await;
    assert_eq!((outcome.verdict, pool.took().len()), (Verdict::Inconclusive, 0));
    keep(&rig, &[1]);
    let recovered = settle(&recovery(&rig)).await.unwrap();
    assert_eq!(recovered.verdict, Verdict::Ok);
    // Nothing that may ask a target is left out for the sake of these.
    assert_eq!(stand(&rig), (Vec::new(), Some((0, 2))));
    let pool: Arc<dyn Dependent> = pool;
    assert_eq!(retry(&rig, &[pool]).await[0].verdict, Verdict::Ok);
    assert!(rig.picture().ends_with("ended ok"), "{}", rig.picture());
    assert_eq!(open(&rig), []);
}
