//! Whether the account is in a state to be rotated: its switches, its lockout count, the age of its password.

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    directory::{Account, PasswordPolicy, Principal},
    error::{Error, Result},
    store::lockout::Rules,
};

/// So many wrong passwords must be left before the account locks: one that goes wrong, and one for somebody else.
const TRIES_NEEDED: i64 = 2;

/// Refuses accounts that no password opens. Over an administrative account (`reset`) an expired password is no obstacle:
/// resetting it is the remedy.
pub(super) fn refuse_barred(account: &Account, reset: bool) -> Result<()> {
    let refused = |code, what: &str, hint: &str| {
        Err(Error::new(code, format!("the account {what}: nothing was changed")).hint(hint))
    };
    if account.disabled == Some(true) {
        return refused(
            "ad.account_disabled",
            "is disabled",
            "enable it first (ad::enable), if it is meant to be used",
        );
    }
    if account.locked == Some(true) {
        let hint = "find out what keeps trying an old password, then unlock it (ad::unlock) or wait";
        return refused("ad.account_locked", "is locked out", hint);
    }
    if account.expired {
        return refused("ad.account_expired", "has expired", "set a later expiry date for it, or none");
    }
    if account.smartcard_required == Some(true) {
        let hint = "its password is random and nobody's; let it sign in with a password first";
        return refused("rotation.smartcard_required", "signs in with a smart card only", hint);
    }
    if !reset && (account.must_change_password == Some(true) || account.password_expired == Some(true)) {
        let hint = "name an administrative connection (via), over which the password can be reset";
        return refused("ad.must_change_password", "must change its password before it can sign in", hint);
    }
    Ok(())
}

/// Refuses accounts that are never rotated, unless the run insists.
pub(super) fn refuse_never_rotated(account: &Principal, username: &str, insist: bool) -> Result<()> {
    match account.never_rotate() {
        Some(instead) if !insist => {
            Err(Error::new("rotation.never_rotated", format!("the password of {username} is not rotated: {instead}"))
                .hint("follow the procedure that is named; `insist: true` rotates it all the same"))
        }
        _ => Ok(()),
    }
}

/// Refuses where the next wrong passwords would lock the account. `spares`: the run insists, or no password of the account's
/// own is tried that is not proven, so one wrong password that locks it is no reason.
pub(super) fn refuse_near_lockout(
    account: &Account,
    rules: &Rules,
    target: &str,
    (now, spares): (OffsetDateTime, bool),
) -> Result<()> {
    if i64::from(rules.threshold) < TRIES_NEEDED && tries_left(account, rules, now) == Some(rules.threshold.into()) {
        return if spares { Ok(()) } else { Err(hair_trigger(rules, target)) };
    }
    let Some(left) = tries_left(account, rules, now).filter(|left| *left < TRIES_NEEDED) else { return Ok(()) };
    Err(Error::new(
        "rotation.near_lockout",
        format!(
            "{} of {} wrong passwords that lock the account are counted on {target}: {left} left, and {TRIES_NEEDED} \
             are needed",
            i64::from(rules.threshold) - left,
            rules.threshold
        ),
    )
    .hint("find out what keeps trying a wrong password; unlock the account (ad::unlock) or wait for the count to end")
    .with("target", target))
}

fn hair_trigger(rules: &Rules, target: &str) -> Error {
    Error::new(
        "rotation.near_lockout",
        format!(
            "the lockout threshold is {}: a single wrong password locks the account, whoever sends it, and {TRIES_NEEDED} are \
             to be left",
            rules.threshold
        ),
    )
    .hint("name an administrative connection (via), which signs in instead; or insist with --insist if the stored password surely is right")
    .with("target", target)
}

/// Wrong passwords that the account can take on this controller; `None` where nothing locks it. A controller that never met
/// a wrong one has no count at all, which cannot be told from one that may not be read. A count outlives its window in the directory, but counts no more (MS-ADTS 3.1.1.5.2.4 via MS-SAMR 3.1.1.7.1).
fn tries_left(account: &Account, rules: &Rules, now: OffsetDateTime) -> Option<i64> {
    if rules.threshold == 0 {
        return None;
    }
    let counted = account.bad_pwd_count.unwrap_or(0);
    let over = account.bad_password_time.as_deref().and_then(moment).is_some_and(|last| now - last > rules.window);
    Some(i64::from(rules.threshold) - if over { 0 } else { counted })
}

/// When the owner may change the password again; `None` when that is now or unknown.
pub(super) fn not_before(account: &Account, rules: &PasswordPolicy, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let set = account.pwd_last_set.as_deref().and_then(moment)?;
    let age = Duration::seconds(i64::try_from(rules.min_age).ok()?);
    set.checked_add(age).filter(|from| *from > now)
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::directory::PrincipalKind;

    const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

    fn account() -> Account {
        Account {
            principal: Principal {
                guid: "g".to_owned(),
                sid: None,
                dn: "CN=a".to_owned(),
                sam_account_name: None,
                user_principal_name: None,
                kind: PrincipalKind::User,
            },
            disabled: Some(false),
            locked: Some(false),
            lockout_time: None,
            expired: false,
            expires: None,
            must_change_password: Some(false),
            password_expired: Some(false),
            password_expires: None,
            password_never_expires: None,
            password_not_required: None,
            smartcard_required: None,
            password_age: None,
            pwd_last_set: Some("2026-02-28T18:00:00Z".to_owned()),
            bad_pwd_count: Some(4),
            bad_password_time: Some("2026-03-01T11:45:00Z".to_owned()),
        }
    }

    fn rules() -> PasswordPolicy {
        PasswordPolicy {
            min_length: 7,
            complexity: true,
            history: 24,
            min_age: 86_400,
            max_age: None,
            lockout_threshold: 5,
            lockout_duration: None,
            lockout_window: 1800,
        }
    }

    fn of(lockout_threshold: u32) -> Rules {
        Rules::from(&PasswordPolicy { lockout_threshold, ..rules() })
    }

    #[test]
    fn the_last_tries_are_left_alone() {
        let refused = refuse_near_lockout(&account(), &of(5), "dc1", (NOW, false)).unwrap_err();
        assert_eq!(
            refused.message(),
            "4 of 5 wrong passwords that lock the account are counted on dc1: 1 left, and 2 are needed"
        );
        let three = Account { bad_pwd_count: Some(3), ..account() };
        assert!(refuse_near_lockout(&three, &of(5), "dc1", (NOW, false)).is_ok());
        let long_ago = Account { bad_password_time: Some("2026-03-01T11:00:00Z".to_owned()), ..account() };
        assert!(refuse_near_lockout(&long_ago, &of(5), "dc1", (NOW, false)).is_ok());
        assert!(refuse_near_lockout(&account(), &of(0), "dc1", (NOW, false)).is_ok());
        let untried = Account { bad_pwd_count: Some(0), ..account() };
        let refused = refuse_near_lockout(&untried, &of(1), "dc1", (NOW, false)).unwrap_err();
        assert!(
            refused.message().starts_with("the lockout threshold is 1: a single wrong password locks"),
            "{refused}"
        );
        assert!(refuse_near_lockout(&untried, &of(1), "dc1", (NOW, true)).is_ok());
        let locked = Account { bad_pwd_count: Some(1), ..account() };
        assert!(refuse_near_lockout(&locked, &of(1), "dc1", (NOW, true)).is_err());
        let never_met = Account { bad_pwd_count: None, ..account() };
        assert!(refuse_near_lockout(&never_met, &of(5), "dc1", (NOW, false)).is_ok());
    }

    #[test]
    fn a_young_password_may_be_changed_later() {
        assert_eq!(not_before(&account(), &rules(), NOW), Some(datetime!(2026-03-01 18:00 UTC)));
        assert_eq!(not_before(&account(), &PasswordPolicy { min_age: 60, ..rules() }, NOW), None);
        assert_eq!(not_before(&Account { pwd_last_set: None, ..account() }, &rules(), NOW), None);
    }

    #[test]
    fn what_bars_an_account_has_its_own_code() {
        let code = |account: Account, reset| refuse_barred(&account, reset).err().map(|error| error.code());
        assert_eq!(code(account(), false), None);
        assert_eq!(code(Account { disabled: Some(true), ..account() }, true), Some("ad.account_disabled"));
        assert_eq!(code(Account { locked: Some(true), ..account() }, true), Some("ad.account_locked"));
        assert_eq!(code(Account { expired: true, ..account() }, true), Some("ad.account_expired"));
        assert_eq!(
            code(Account { smartcard_required: Some(true), ..account() }, true),
            Some("rotation.smartcard_required")
        );
        let must_change = Account { must_change_password: Some(true), ..account() };
        assert_eq!(code(must_change.clone(), false), Some("ad.must_change_password"));
        assert_eq!(code(must_change, true), None);
    }
}
