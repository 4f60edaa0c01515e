//! None of the kept passwords is valid: an administrator sets another one and gives it.

use libretto::store::lockout::Rules;

use super::*;

const INSIST: LockoutOptions = LockoutOptions { assumed: Rules::ASSUMED, insist: true };
const SET: &str = "Set-By-An-Administrator-1";

/// The write was lost, and somebody set two passwords since: neither of the kept ones signs in any more.
async fn neither_valid() -> Rig {
    let rig = unanswered(Flavour::Samba, "lose:modify").await;
    let mut second = administrator(&rig.lab, 2).await;
    for password in ["In-Between-Password-1", SET] {
        crate::lab::reset(&mut second, SERVICE, password).await.success().unwrap();
    }
    crate::lab::until("it is replicated", || async { rig.says(1, SET).await.is_empty() }).await;
    rig
}

#[tokio::test]
async fn neither_is_valid_until_the_new_one_is_given() {
    let rig = neither_valid().await;
    let error = settle(&recovery(&rig)).await.unwrap_err();
    assert_eq!((error.code(), error.verdict().as_str()), ("rotation.no_valid_secret", "failed"));
    let remedy = error.remedy().unwrap();
    assert!(remedy.ends_with("libretto recover --connection corp --password env:NAME"), "{remedy}");
    assert_eq!(tried(&rig), ["2 refused", "1 refused"]);
    assert_eq!(rig.picture(), "v2 candidate sent, v1 current proven; change, unfinished", "everything is kept");

    // Again: nothing is sent, for nothing has changed.
    let error = settle(&recovery(&rig)).await.unwrap_err();
    assert_eq!((error.code(), tried(&rig).len()), ("rotation.no_valid_secret", 2));

    // A wrong one is recorded, tried once, and no more.
    let wrong = Recovery { password: Some(Secret::new("Mistyped-Password-1").unwrap()), ..recovery(&rig) };
    for _ in 0..2 {
        assert_eq!(settle(&wrong).await.unwrap_err().code(), "rotation.no_valid_secret");
        assert_eq!(tried(&rig).last().unwrap(), "3 refused");
    }
    assert_eq!(tried(&rig).len(), 3);

    // Three wrong ones are all that the lockout threshold of five lets be sent unasked.
    let given = Recovery { password: Some(Secret::new(SET).unwrap()), ..recovery(&rig) };
    assert_eq!(settle(&given).await.unwrap_err().code(), "rotation.budget_spent");
    let given = Recovery { lockout: INSIST, ..given };
    let recovered = settle(&given).await.unwrap();
    assert_eq!((recovered.verdict.as_str(), recovered.valid), ("ok", Some(4)));
    assert_eq!(tried(&rig)[3..], ["4 accepted"]);
    let picture = rig.picture();
    assert!(picture.starts_with("v4 current proven, v3 retired, "), "{picture}");
    assert!(picture.ends_with("v2 retired sent, v1 previous proven; change, ended failed"), "{picture}");
    assert_eq!(rig.events().last().unwrap(), "superseded");
    assert_eq!(rig.password(4).expose(), SET);
    assert_settled(&rig).await;
}

#[tokio::test]
async fn a_given_password_that_is_kept_already_is_no_new_version() {
    let rig = unanswered(Flavour::Samba, "hang:modify").await;
    let given = Recovery { password: Some(rig.password(2)), ..recovery(&rig) };
    assert_eq!(settle(&given).await.unwrap().valid, Some(2));
    assert_eq!(credentials::history(&rig.store, &rig.connection).unwrap().len(), 2);
}

#[tokio::test]
async fn insisting_tries_again_what_was_refused() {
    let rig = neither_valid().await;
    settle(&recovery(&rig)).await.unwrap_err();
    settle(&Recovery { insist: true, lockout: INSIST, ..recovery(&rig) }).await.unwrap_err();
    assert_eq!(tried(&rig), ["2 refused", "1 refused", "2 refused", "1 refused"]);
}

/// For an hour the candidate, which was set before it, signs in as well: it is not asked, where the time tells.
#[tokio::test]
async fn what_was_set_after_the_write_goes_before_the_candidate() {
    for over_admin in [false, true] {
        let rig = unanswered(Flavour::Windows, "hang:modify").await;
        let via = over_admin.then(|| rig.via());
        let mut second = administrator(&rig.lab, 2).await;
        crate::lab::until("it has landed", || async { rig.says(2, rig.password(2).expose()).await.is_empty() }).await;
        earlier(&rig, 6);
        crate::lab::reset(&mut second, SERVICE, SET).await.success().unwrap();
        crate::lab::until("it is replicated", || async { rig.says(1, SET).await.is_empty() }).await;
        assert_eq!(rig.says(1, rig.password(2).expose()).await, "", "the hour of grace");
        let given = Recovery { via, password: Some(Secret::new(SET).unwrap()), ..recovery(&rig) };
        assert_eq!(settle(&given).await.unwrap().valid, Some(3));
        assert_eq!(tried(&rig), ["3 accepted"]);
        assert_eq!(rig.events().last().unwrap(), "superseded");
        assert_settled(&rig).await;
    }
}
