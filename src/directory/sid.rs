//! Security identifiers and object identifiers: bytes on the wire, text for people.

/// A SID as text, `S-1-5-21-...-500` (MS-DTYP 2.4.2); `None` when the bytes are not one.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<String> {
    let [1, count, authority @ ..] = bytes else { return None };
    let (authority, parts) = authority.split_at_checked(6)?;
    if parts.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let mut text = format!("S-1-{authority}");
    for part in parts.as_chunks::<4>().0 {
        text.push('-');
        text.push_str(&u32::from_le_bytes(*part).to_string());
    }
    Some(text)
}

/// The relative identifier: the last number of a SID's text, e.g. 500 for the built-in Administrator.
#[must_use]
pub fn relative(sid: &str) -> Option<u32> {
    sid.rsplit('-').next()?.parse().ok()
}

/// An objectGUID as text; its first three parts are little-endian (MS-DTYP 2.3.4.2).
#[must_use]
pub fn guid(bytes: &[u8]) -> Option<String> {
    Some(uuid::Uuid::from_bytes_le(bytes.try_into().ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read() {
        let administrator = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xf4, 1, 0, 0];
        assert_eq!(text(&administrator).as_deref(), Some("S-1-5-21-1-2-3-500"));
        assert_eq!(relative("S-1-5-21-1-2-3-500"), Some(500));
        assert_eq!(text(&administrator[..27]), None);
        assert_eq!(text(&[]), None);
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(guid(&bytes).as_deref(), Some("03020100-0504-0706-0809-0a0b0c0d0e0f"));
    }
}
