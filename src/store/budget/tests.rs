use super::*;
use crate::store::{lockout, moment, rows::principals};

const MINUTE: time::Duration = time::Duration::MINUTE;

struct Rig {
    store: Store,
    ask: Ask,
    start: OffsetDateTime,
}

impl Rig {
    fn new(threshold: u32) -> Self {
        let store = Store::temporary().unwrap();
        let principal = store.write(|t| principals::insert(t, "ad", "lab.test", "svc@lab.test")).unwrap();
        lockout::learn_principal(&store, principal, Rules { threshold, ..Rules::ASSUMED }).unwrap();
        let ask = Ask::ldap(principal, "svc@lab.test", "dc1");
        Self { store, ask, start: OffsetDateTime::now_utc().replace_nanosecond(0).unwrap() - MINUTE * 600 }
    }

    /// Tries at a minute: whether it was written.
    fn tries(&self, minute: i32) -> Option<AttemptId> {
        match spend_at(&self.store, &self.ask, self.start + MINUTE * minute) {
            Ok(Spent::Written(attempt)) => Some(attempt),
            Ok(Spent::Wait) => panic!("nothing is in flight"),
            Err(error) => {
                assert_eq!(error.code(), "rotation.budget_spent");
                None
            }
        }
    }

    fn wrong(&self, minute: i32) -> bool {
        let attempt = self.tries(minute);
        if let Some(attempt) = attempt {
            answered(&self.store, attempt, Answer::Wrong).unwrap();
        }
        attempt.is_some()
    }
}

#[test]
fn wrong_ones_count_until_a_whole_window_has_passed_without_one() {
    let rig = Rig::new(5);
    assert_eq!([0, 10, 20, 21].map(|minute| rig.wrong(minute)), [true, true, true, false]);
    assert!(!rig.wrong(31), "the one of minute 0 still counts: no pause was as long as the window");
    assert!(!rig.wrong(50), "exactly the window");
    assert!(rig.wrong(51));
    assert!(rig.wrong(52), "the count has begun anew");
    assert!(rig.wrong(53));
    assert!(!rig.wrong(20), "a clock that was set back makes no room");
}

#[test]
fn what_a_clock_that_was_ahead_has_dated_counts_from_now() {
    let days = 3 * 24 * 60;
    let rig = Rig::new(3);
    assert!(rig.wrong(days), "sent while the clock was days ahead");
    assert!(!rig.wrong(0), "the clock is right again: it may have been sent just now");
    assert!(!rig.wrong(30), "exactly the window");
    assert!(rig.wrong(31));
    // One whose answer never came is not waited for until then either.
    let rig = Rig::new(3);
    rig.tries(days).unwrap();
    let spent = spend_at(&rig.store, &rig.ask, rig.start).unwrap();
    assert_eq!(spent, Spent::Wait);
    assert!(spend_at(&rig.store, &rig.ask, rig.start + MINUTE).is_err(), "nobody answers it any more");
    assert!(rig.tries(31).is_some());
    // What is only shown is not told to last for days.
    let rig = Rig::new(3);
    let ahead = begin(&rig.store, &rig.ask).unwrap();
    answered(&rig.store, ahead, Answer::Wrong).unwrap();
    let late = moment::text(OffsetDateTime::now_utc() + time::Duration::DAY);
    rig.store.write(|t| Ok(t.execute("UPDATE attempt SET at = ?1", [late]).unwrap())).unwrap();
    let until = standing(&rig.store, rig.ask.principal, &rig.ask.name, Rules::ASSUMED).unwrap().until.unwrap();
    assert!(OffsetDateTime::parse(&until, &Rfc3339).unwrap() <= OffsetDateTime::now_utc() + MINUTE * 31, "{until}");
}

#[test]
fn what_is_sent_counts_however_the_clock_is_put() {
    let rig = Rig::new(3);
    assert!(rig.wrong(500));
    assert!(!rig.wrong(0), "the clock is put back");
    assert!(!rig.wrong(505), "and right again: five minutes have passed");
    assert!(!rig.wrong(0) && !rig.wrong(530), "exactly the window");
    assert!(rig.wrong(531));
    // So does what is sent meanwhile.
    let rig = Rig::new(4);
    assert_eq!([500, 0, 1].map(|minute| rig.wrong(minute)), [true, true, false]);
    assert!(!rig.wrong(505), "both count");
    assert!(rig.wrong(531));
    // It was the first clock that was wrong where this one goes on.
    let rig = Rig::new(3);
    assert!(rig.wrong(500));
    assert!(!rig.wrong(0));
    assert!(rig.wrong(31), "a window later");
    assert!(rig.wrong(501), "nothing was sent in the last hours");
}

#[test]
fn what_was_accepted_counts_no_more_and_forgives_what_the_target_had_refused() {
    let rig = Rig::new(4);
    assert!(rig.wrong(0));
    let right = rig.tries(1).unwrap();
    assert_eq!(rig.tries(2), None);
    clear(&rig.store, right).unwrap();
    assert!(rig.wrong(3), "the target begins anew");
    assert!(rig.wrong(4));
    let elsewhere = Ask { target: "dc2".to_owned(), ..rig.ask.clone() };
    clear(&rig.store, begin(&rig.store, &elsewhere).unwrap()).unwrap();
    assert!(!rig.wrong(5), "another target forgives nothing of this one");
}

#[test]
fn forgiveness_never_leads_to_the_threshold() {
    let rig = Rig::new(3);
    for minute in [0, 2] {
        assert!(rig.wrong(minute));
        clear(&rig.store, begin(&rig.store, &rig.ask).unwrap()).unwrap();
    }
    assert!(!rig.wrong(4), "two wrong ones: the PDC emulator may remember both, and a third would lock");
}

#[test]
fn what_is_in_flight_is_waited_for() {
    let rig = Rig::new(3);
    let Ok(Spent::Written(first)) = spend(&rig.store, &rig.ask) else { panic!() };
    assert_eq!(spend(&rig.store, &rig.ask).unwrap(), Spent::Wait);
    answered(&rig.store, first, Answer::NotCounted).unwrap();
    let Ok(Spent::Written(second)) = spend(&rig.store, &rig.ask) else { panic!() };
    answered(&rig.store, second, Answer::Wrong).unwrap();
    let refused = spend(&rig.store, &rig.ask).unwrap_err();
    assert_eq!(
        refused.message(),
        "not tried: in the last 30 minutes 1 sign-in of svc@lab.test was not accepted, and Libretto allows no more than 1, \
         because 3 wrong passwords lock the account"
    );
    let late = OffsetDateTime::now_utc() + MINUTE;
    let rig = Rig::new(3);
    begin(&rig.store, &rig.ask).unwrap();
    assert!(spend_at(&rig.store, &rig.ask, late).is_err(), "one whose process is gone counts as a wrong one");
}

#[test]
fn without_lockout_nothing_is_refused_and_with_the_strictest_nothing_unproven_goes() {
    let rig = Rig::new(0);
    assert!((0..100).all(|minute| rig.wrong(minute)));
    for threshold in [1, 2] {
        let rig = Rig::new(threshold);
        assert!(!rig.wrong(0));
    }
    let rig = Rig::new(1);
    assert_eq!(
        spend(&rig.store, &rig.ask).unwrap_err().message(),
        "not tried: 1 wrong password locks svc@lab.test, so no password is tried there that is not proven"
    );
}

#[test]
fn a_proven_version_goes_one_at_a_time_until_it_is_refused() {
    let mut rig = Rig::new(1);
    rig.ask.credential = Some(proven_version(&rig));
    let first = rig.tries(0).unwrap();
    clear(&rig.store, first).unwrap();
    let second = rig.tries(1).unwrap();
    answered(&rig.store, second, Answer::Wrong).unwrap();
    assert_eq!(rig.tries(2), None);
    assert_eq!(rig.tries(120), None, "contradicted: the window has passed, and it is unproven now");
}

#[test]
fn an_answer_that_never_came_does_not_count_once_the_version_was_accepted() {
    let mut rig = Rig::new(3);
    rig.ask.credential = Some(proven_version(&rig));
    rig.start = OffsetDateTime::now_utc() - MINUTE * 2;
    let lost = rig.tries(0).unwrap();
    answered(&rig.store, lost, Answer::None).unwrap();
    assert_eq!(rig.tries(1), None);
    clear(&rig.store, begin(&rig.store, &rig.ask).unwrap()).unwrap();
    assert!(rig.tries(2).is_some());
}

#[test]
fn principals_that_may_be_one_account_share_a_count() {
    let rig = Rig::new(3);
    assert!(rig.wrong(0));
    let other = |domain, name| {
        let principal = rig.store.write(|t| principals::insert(t, "ad", domain, name)).unwrap();
        spend_at(&rig.store, &Ask::ldap(principal, name, "dc1"), rig.start + MINUTE).is_ok()
    };
    assert!(!other("LAB.test", "LAB\\SVC"));
    assert!(other("lab.test", "svc2@lab.test"));
    assert!(other("other.test", "svc@other.test"));
}

#[test]
fn a_name_that_may_be_anybodys_shares_one_wrong_password_with_all_that_are_unknown() {
    const DN: &str = "CN=svc,CN=Users,DC=lab,DC=test";
    let rig = Rig::new(10);
    let asks = |domain, name| {
        let principal = rig.store.write(|t| principals::insert(t, "ad", domain, name)).unwrap();
        Ask { assumed: Rules { threshold: 10, ..Rules::ASSUMED }, ..Ask::ldap(principal, name, "dc1") }
    };
    let goes = |ask: &Ask, minute: i32| match spend_at(&rig.store, ask, rig.start + MINUTE * minute) {
        Ok(Spent::Written(attempt)) => answered(&rig.store, attempt, Answer::Wrong).is_ok(),
        Ok(Spent::Wait) => panic!("nothing is in flight"),
        Err(_) => false,
    };
    let known = asks("lab.test", "known@lab.test");
    rig.store.write(|t| principals::learn(t, known.principal, "g-1")).unwrap();
    assert!(goes(&known, 0));
    assert!(goes(&asks("lab.test", DN), 0), "what is known to be another one does not count");
    assert!(!goes(&asks("lab.test", "cn=svc, cn=users, dc=lab, dc=test"), 1));
    assert!(!goes(&asks("lab.test", "CN=other,CN=Users,DC=lab,DC=test"), 1), "nor another DN");
    assert!(goes(&asks("other.test", DN), 1), "but in another domain");
    assert!(goes(&known, 1), "and an account that is known is not hindered");
    let strict = Ask { assumed: Rules::ASSUMED, ..rig.ask.clone() };
    lockout::learn_principal(&rig.store, strict.principal, Rules::ASSUMED).unwrap();
    let refused = spend_at(&rig.store, &strict, rig.start + MINUTE).unwrap_err();
    assert_eq!(
        refused.message(),
        "not tried: in the last 30 minutes 1 sign-in of svc@lab.test (or of an account that may be the same: the directory \
         has not been asked yet) was not accepted, and Libretto allows no more than 1, because 3 wrong passwords lock the \
         account"
    );
}

fn proven_version(rig: &Rig) -> CredentialId {
    rig.store
        .write(|t| {
            t.execute(
                "INSERT INTO credential (principal, version, state, username, kind, reference, created_at, proven_at)
                 VALUES (?1, 1, 'current', 'svc', 'password', 'vault:x', ?2, ?2)",
                (rig.ask.principal, moment::text(rig.start - MINUTE)),
            )
            .map_err(crate::store::failed)?;
            Ok(CredentialId(t.last_insert_rowid()))
        })
        .unwrap()
}
