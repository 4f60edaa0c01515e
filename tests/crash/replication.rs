//! A target that takes no changes from the others in mid-rotation: the rotation says so and goes on, nothing signs in there
//! with the new password, and `recover` settles it once the target takes changes again.

use super::subject::Subject;
use crate::support::{
    domain::bad_password_count,
    samba::{repl_now, repl_off},
};

fn held_back_and_released(subject: &Subject) {
    let held = repl_off(2);
    let rotation = subject.perform("run reset_ad_creds connection=corp rotate=true --wait 2s", None, None);
    // The password is changed, current, and proven where it is; what lags is named and left for later.
    assert_eq!(rotation.code, Some(4), "{}{}", rotation.stdout, rotation.stderr);
    let lagging = subject.address(2);
    assert!(rotation.stdout.contains(&format!("1 of 2 targets are not proven ({lagging})")), "{}", rotation.stdout);
    assert_eq!(bad_password_count(&subject.user, 2), 0);

    let still = subject.perform("recover --wait 1s", None, None);
    assert_eq!(still.code, Some(4), "{}{}", still.stdout, still.stderr);
    assert!(still.stdout.contains(&lagging), "{}", still.stdout);
    assert_eq!(bad_password_count(&subject.user, 2), 0, "a target that lags is not signed in on");

    held.undo();
    repl_now(1, 2);
    let settled = subject.recover(None, false);
    assert_eq!(settled.code, Some(0), "{}{}", settled.stdout, settled.stderr);
    let nothing = subject.recover(None, false);
    assert_eq!(nothing.code, Some(0), "{}{}", nothing.stdout, nothing.stderr);
    let tested = subject.perform("connections test corp", None, None);
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    assert_eq!([1, 2].map(|number| bad_password_count(&subject.user, number)), [0, 0]);
}

#[test]
fn recover_settles_a_target_that_replication_had_left_behind_over_the_administrator() {
    held_back_and_released(&Subject::new(2));
}

#[test]
fn recover_settles_a_target_that_replication_had_left_behind_with_the_previous_password() {
    held_back_and_released(&Subject::new(3));
}
