//! Whether the policy lets a second change through; said before the first.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    connection::credentials::{self, GRACE, SKEW},
    directory::{Session, ticks},
    error::{Error, Result},
    rotation::{
        account::{self, Known},
        books::Books,
        preflight,
        request::{OnFailure, Request},
        rules,
        stored::Stored,
    },
    secret::Secret,
    store::rows,
};

/// Before anything is touched: whether the second change that may follow, or will, is one that the policy lets through.
pub(in crate::rotation) async fn refuse_impossible(
    known: &Known,
    request: &Request,
    session: &Session,
    stored: &Stored,
    books: &Books,
) -> Result<()> {
    let undo = request.on_failure == OnFailure::Undo;
    if undo && request.revoke {
        return Err(Error::new("rotation.undo_impossible", "a password that is revoked is not put back")
            .hint("leave out either revoke or on_failure=undo"));
    }
    if undo {
        refuse_former(known, stored, books).await?;
        refuse_replaced(known, session, stored, books).await?;
    }
    if request.via.is_some() || !(undo || request.revoke) {
        return Ok(());
    }
    let policy = known.policy.as_ref().filter(|policy| policy.is_certain()).map(|policy| &policy.rules);
    if policy.is_some_and(|rules| rules.min_age == 0 && (request.revoke || rules.history == 0))
        || account::is_administrator(session, &known.account.principal.dn).await?
    {
        return Ok(());
    }
    let what_forbids = match policy {
        None => "the policy that applies to it is not certain",
        Some(rules) if undo && rules.history > 0 => "the old password is in the history",
        Some(_) => "the minimum age of a password forbids a second change",
    };
    let hint = "name an administrative connection (via), whose reset skips history and minimum age";
    Err(if undo {
        let said = format!("the old password could not be put back by the account itself: {what_forbids}");
        Error::new("rotation.undo_impossible", said).hint(format!("{hint}; or rotate without on_failure=undo"))
    } else {
        let said = format!("the account itself cannot change its password twice: {what_forbids}");
        Error::new("rotation.revoke_impossible", said).hint(hint)
    })
}

/// A former password is put back only where it is known to be the one, and the policy still takes it.
async fn refuse_former(known: &Known, stored: &Stored, books: &Books) -> Result<()> {
    let refused = |said: String, hint: &str| Err(Error::new("rotation.undo_impossible", said).hint(hint.to_owned()));
    if known.other_account {
        return refused(
            format!("the present password of {} is not known, so it could not be put back", known.username),
            "rotate another account without on_failure=undo",
        );
    }
    match &stored.current {
        Some(current) if current.proven_at.is_some() => {}
        _ => {
            let said = "the stored password was never proven, so it may not be the one to put back";
            return refused(said.to_owned(), "test the connection first: libretto connections test NAME");
        }
    }
    let former = former(stored, books).await?;
    let broken = known.policy.as_ref().and_then(|policy| rules::broken(former.expose(), &policy.rules, &known.names));
    match broken {
        None => Ok(()),
        Some(why) => refused(
            format!("the old password could not be put back, for it breaks the policy: {why}"),
            "rotate without on_failure=undo",
        ),
    }
}

/// Refuses where somebody may have set another password since the stored one was set: for an hour after that both sign in.
async fn refuse_replaced(known: &Known, session: &Session, stored: &Stored, books: &Books) -> Result<()> {
    let Some(current) = stored.current.clone() else { return Ok(()) };
    let set = preflight::mark(session, &known.account.principal.dn).await?;
    let Some(set) = set.and_then(ticks::moment) else { return Ok(()) };
    let id = current.id;
    let accepted = books.with(move |books| books.store.read(|c| rows::credentials::accepted_at(c, id))).await?;
    let moment = |text: Option<&String>| text.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let claims = [moment(Some(&current.created_at)), moment(current.sent_at.as_ref())];
    let proofs = [moment(current.proven_at.as_ref()), moment(accepted.as_ref())];
    if is_the_last(set, claims, proofs) {
        return Ok(());
    }
    let at = ticks::text(set.replace_nanosecond(0).unwrap_or(set));
    Err(Error::new(
        "rotation.undo_impossible",
        format!("the account's password was set at {at}, later than the stored one, which may not be the one to put back"),
    )
    .hint("give the present one first: libretto connections edit NAME --password env:NAME; or rotate without on_failure=undo"))
}

/// Whether a version is the one that was set at that moment, or since: by when it was claimed to be, or signed in when no grace
/// let a former one in any more.
fn is_the_last(set: OffsetDateTime, claims: [Option<OffsetDateTime>; 2], proofs: [Option<OffsetDateTime>; 2]) -> bool {
    claims.into_iter().flatten().any(|at| at.saturating_add(SKEW) >= set)
        || proofs.into_iter().flatten().any(|at| at > set.saturating_add(GRACE + SKEW))
}

pub(super) async fn former(stored: &Stored, books: &Books) -> Result<Secret> {
    if let Some(old) = &stored.old {
        return Ok(old.password.clone());
    }
    let current = stored.current.clone();
    books
        .with(move |books| match &current {
            Some(current) => credentials::open(&books.store, &books.identity, current),
            None => Err(Error::new("connection.no_credential", "there is no former password")),
        })
        .await
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_password_that_was_set_at_the_end_of_the_calendar_is_later_than_any_proof() {
        let (last, now) = (datetime!(9999-12-31 23:59:59 UTC), datetime!(2026-03-01 12:00 UTC));
        assert!(!is_the_last(last, [Some(now), None], [Some(now), None]));
        assert!(is_the_last(now, [Some(last), None], [None, None]));
        assert!(is_the_last(last, [Some(last), None], [None, None]));
        assert!(is_the_last(now, [None, None], [None, Some(datetime!(2026-03-01 13:06 UTC))]));
        assert!(!is_the_last(now, [None, None], [None, Some(datetime!(2026-03-01 13:04 UTC))]));
    }
}
