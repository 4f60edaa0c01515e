//! Replication metadata: how many times an attribute of an object was changed, as one controller knows. Of two changes that
//! meet the one stays that comes after more of them (MS-ADTS 3.1.1.3.1.5.2).

use super::{account::gone, session::Session};
use crate::error::Result;

/// As Windows shows it, one text for each attribute (MS-ADTS 3.1.1.4.5: computed when it is asked for by name).
const TEXTS: &str = "msDS-ReplAttributeMetaData";

/// As it is stored, and as Samba shows it: all attributes' stamps in one value.
const STAMPS: &str = "replPropertyMetaData";

const PASSWORD: &str = "unicodePwd";

/// Its number in the schema, 1.2.840.113556.1.4.90, by the prefix that every forest has for it (MS-DRSR 5.16.4).
const PASSWORD_NUMBER: u32 = 0x0009_005a;

/// The head of [`STAMPS`], and each stamp: number, version, time, who, and two serial numbers.
const HEAD: usize = 16;
const STAMP: usize = 48;

/// How many times an account's password was set, as far as this controller has heard; `None` where that may not be read.
/// Reads over the session as it is; nobody signs in.
///
/// # Errors
/// `ad.not_found`.
pub async fn password_version(session: &Session, dn: &str) -> Result<Option<u32>> {
    let entry = session.read(dn, &[TEXTS, STAMPS]).await?.ok_or_else(|| gone(dn))?;
    let told = entry.values(TEXTS).iter().find_map(|text| in_text(&String::from_utf8_lossy(text)));
    Ok(told.or_else(|| entry.values(STAMPS).first().and_then(|stamps| in_stamps(stamps))))
}

fn in_text(text: &str) -> Option<u32> {
    let of = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value.trim())
    };
    of("pszAttributeName").filter(|name| *name == PASSWORD)?;
    of("dwVersion")?.parse().ok()
}

fn in_stamps(bytes: &[u8]) -> Option<u32> {
    let number = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    number(bytes, 0).filter(|form| *form == 1)?;
    let stamps = bytes.get(HEAD..)?.chunks_exact(STAMP);
    stamps.clone().find(|stamp| number(stamp, 0) == Some(PASSWORD_NUMBER)).and_then(|stamp| number(stamp, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_windows_are_read() {
        let text = |name: &str| {
            format!(
                "<DS_REPL_ATTR_META_DATA>\n\t<pszAttributeName>{name}</pszAttributeName>\n\t<dwVersion>7</dwVersion>\n\t\
                 <ftimeLastOriginatingChange>2026-03-01T10:00:00Z</ftimeLastOriginatingChange>\n</DS_REPL_ATTR_META_DATA>\n\0"
            )
        };
        assert_eq!(in_text(&text("unicodePwd")), Some(7));
        assert_eq!(in_text(&text("pwdLastSet")), None);
        assert_eq!(in_text("<pszAttributeName>unicodePwd</pszAttributeName>"), None);
        assert_eq!(in_text(""), None);
    }

    #[test]
    fn the_stored_stamps_are_read() {
        let stamps: Vec<u8> = [(0u32, 1u32), (0x0009_005a, 4), (0x0009_0060, 5)]
            .into_iter()
            .flat_map(|(number, version)| [&number.to_le_bytes()[..], &version.to_le_bytes(), &[0xff; 40]].concat())
            .collect();
        let head = [1u32, 0, 3, 0].map(u32::to_le_bytes).concat();
        assert_eq!(in_stamps(&[head.clone(), stamps.clone()].concat()), Some(4));
        assert_eq!(in_stamps(&[head.clone(), stamps[..48].to_vec()].concat()), None);
        assert_eq!(in_stamps(&[head.clone(), stamps[..90].to_vec()].concat()), None);
        assert_eq!(in_stamps(&head[..7]), None);
        let other = [2u32, 0, 3, 0].map(u32::to_le_bytes).concat();
        assert_eq!(in_stamps(&[other, stamps].concat()), None);
    }
}
