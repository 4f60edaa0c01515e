//! Passwords: an administrator's reset, a user's own change, and the mark by which replication is followed.

use zeroize::Zeroizing;

use super::{account::gone, outcome::Operation, session::Session, wire::Change};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// The attribute that a password is written to; it can never be read (MS-ADTS 3.1.1.3.1.5).
const ATTRIBUTE: &str = "unicodePwd";

/// Sets a new password as an administrator does: needs the right to reset, not the old password, and skips history and
/// minimum age.
///
/// # Errors
/// `ad.password_policy`, `ad.no_rights`, `ad.not_found`: surely not changed. `ad.write_in_doubt`: nobody knows.
pub async fn set_password(session: &Session, dn: &str, new: &Secret) -> Result<()> {
    session.modify(Operation::Reset, dn, &[Change::Replace(ATTRIBUTE, quoted(new))]).await
}

/// Changes a password as its owner does: the old one proves the right, and the whole policy applies. A wrong old
/// password counts towards lockout.
///
/// # Errors
/// `ad.wrong_old_password`, `ad.password_policy`, `ad.password_history`, `ad.password_too_young`: surely not changed.
/// `ad.write_in_doubt`: nobody knows.
pub async fn change_password(session: &Session, dn: &str, old: &Secret, new: &Secret) -> Result<()> {
    let changes = [Change::Delete(ATTRIBUTE, quoted(old)), Change::Add(ATTRIBUTE, quoted(new))];
    session.modify(Operation::Change, dn, &changes).await
}

/// The password in quotation marks, in UTF-16LE.
fn quoted(secret: &Secret) -> Zeroizing<Vec<u8>> {
    let text = secret.expose();
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text.len() + 4));
    for unit in "\"".encode_utf16().chain(text.encode_utf16()).chain("\"".encode_utf16()) {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// When the password was last set, in ticks, on this controller: the same number on another one means that the change
/// has arrived there. 0 while the password must be changed. Reads over the session as it is; nobody signs in.
///
/// # Errors
/// `ad.not_found`, and `ad.no_rights` when the attribute may not be read.
pub async fn pwd_last_set(session: &Session, dn: &str) -> Result<i64> {
    let entry = session.read(dn, &["pwdLastSet"]).await?.ok_or_else(|| gone(dn))?;
    entry.number("pwdLastSet").ok_or_else(|| {
        Error::new("ad.no_rights", format!("when the password of {dn} was set may not be read"))
            .hint("give the connection's account the right to read pwdLastSet")
            .with("target", session.target().to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_quoted_and_in_utf_16() {
        let bytes = quoted(&Secret::new("Pä\"𝄞").unwrap());
        assert_eq!(bytes.as_slice(), b"\"\0P\0\xe4\0\"\0\x34\xd8\x1e\xdd\"\0");
    }
}
