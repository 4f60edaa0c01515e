//! The names that accounts sign in with, as they are compared: one account has many spellings.

use std::iter::Peekable;

/// A name without its domain, in lower case: the same whether it is written `LAB\svc` or `svc@lab.test`. A DN, of which only
/// the directory can tell whose it is, is brought into one form (RFC 4514): without regard to escapes, spaces and case.
pub(crate) fn bare(name: &str) -> String {
    let name = name.trim();
    if let Some(opaque) = opaque(name) {
        return opaque;
    }
    let name = name.rsplit('\\').next().unwrap_or(name);
    name.split('@').next().unwrap_or(name).to_lowercase()
}

/// Whether a bare name does not tell whose it is: any account of the domain may be meant. No account's name holds a `=`.
pub(crate) fn is_opaque(bare: &str) -> bool {
    bare.contains('=')
}

/// The form of a DN, a canonical name, a GUID or a SID (MS-ADTS 5.1.1.1.1 says what a bind takes); `None` of other names.
fn opaque(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if uuid::Uuid::parse_str(name).is_ok() {
        return Some(format!("guid={}", lower.trim_matches(['{', '}'])));
    }
    if lower.starts_with("s-1-") {
        return Some(format!("sid={lower}"));
    }
    if lower.starts_with('<') {
        return Some(format!("dn={lower}"));
    }
    let attribute = lower.split_once('=').map_or("", |(attribute, _)| attribute.trim());
    let is_attribute =
        !attribute.is_empty() && attribute.chars().all(|one| one.is_ascii_alphanumeric() || "-.".contains(one));
    if is_attribute {
        // What is no valid DN signs in nowhere; it is compared as it is.
        return Some(distinguished(name).unwrap_or(lower));
    }
    (lower.contains('/') || lower.contains('=')).then(|| format!("canonical={lower}"))
}

fn distinguished(dn: &str) -> Option<String> {
    let mut rest = dn.bytes().peekable();
    let mut names = Vec::new();
    loop {
        let mut pairs = vec![pair(&mut rest)?];
        while rest.next_if_eq(&b'+').is_some() {
            pairs.push(pair(&mut rest)?);
        }
        pairs.sort();
        names.push(pairs.join("+"));
        if rest.next_if(|one| b",;".contains(one)).is_none() {
            return rest.next().is_none().then(|| names.join(","));
        }
    }
}

/// `type=value`, up to the sign that ends it.
fn pair(rest: &mut Peekable<impl Iterator<Item = u8>>) -> Option<String> {
    let mut attribute = Vec::new();
    loop {
        match rest.next()? {
            b'=' => break,
            b',' | b';' | b'+' => return None,
            other => attribute.push(other),
        }
    }
    let attribute = String::from_utf8_lossy(&attribute).trim().to_lowercase();
    let attribute = attribute.strip_prefix("oid.").unwrap_or(&attribute);
    let attribute = match attribute {
        "2.5.4.3" => "cn",
        "2.5.4.11" => "ou",
        "0.9.2342.19200300.100.1.25" => "dc",
        other => other,
    };
    // What a value holds that ends values elsewhere is told apart from what does.
    let value = value(rest)?.replace('\\', "\\\\").replace(',', "\\,").replace('+', "\\+");
    Some(format!("{attribute}={value}"))
}

/// The text of a value, in lower case, its spaces as the directory compares them.
fn value(rest: &mut Peekable<impl Iterator<Item = u8>>) -> Option<String> {
    let (mut text, mut quoted) = (Vec::new(), false);
    while let Some(one) = rest.next_if(|one| quoted || !b",;+".contains(one)) {
        match one {
            b'"' => quoted = !quoted,
            b'\\' => text.push(escaped(rest)?),
            other => text.push(other),
        }
    }
    let text = String::from_utf8_lossy(&text).to_lowercase();
    (!quoted).then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn escaped(rest: &mut Peekable<impl Iterator<Item = u8>>) -> Option<u8> {
    let digit = |one: u8| char::from(one).to_digit(16);
    let first = rest.next()?;
    let (Some(high), Some(low)) = (digit(first), rest.peek().copied().and_then(digit)) else { return Some(first) };
    rest.next();
    u8::try_from(16 * high + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_has_many_spellings() {
        for spelling in ["svc@lab.test", "LAB\\SVC", "svc", " Svc@other.test"] {
            assert_eq!(bare(spelling), "svc");
        }
        let form = "cn=t4g,cn=users,dc=lab,dc=test";
        for spelling in [
            "CN=t4g,CN=Users,DC=lab,DC=test",
            "cn=T4G, cn=users , dc=LAB,dc=test",
            "CN=\\74 4g,CN=Users,DC=lab,DC=test".replace(' ', "").as_str(),
            "CN=\\744g;CN=Users;DC=lab;DC=test",
            "CN=\"t4g\",CN=Users,DC=lab,DC=test",
            "OID.2.5.4.3 = t4g,2.5.4.3=Users,DC=lab,DC=test",
        ] {
            assert_eq!(bare(spelling), form, "{spelling}");
        }
        assert_eq!(bare("CN=a\\,b,DC=x"), bare("CN=\"A,B\", DC=x"));
        assert_ne!(bare("CN=a\\,cn=b,DC=x"), bare("CN=a,CN=b,DC=x"));
        assert_eq!(bare("CN=M\\C3\\BCller,DC=x"), "cn=müller,dc=x");
        assert_eq!(bare("CN=a+OU=b,DC=x"), bare("ou=b + cn=a,dc=x"));
        assert_eq!(bare("CN=two  words\\20,DC=x"), "cn=two words,dc=x");
    }

    #[test]
    fn a_name_that_does_not_tell_whose_it_is_is_known() {
        for name in [
            "CN=a,DC=x",
            "CN=a,DC",
            "CN=a\\",
            "<GUID=03020100-0504-0706-0809-0a0b0c0d0e0f>",
            "{03020100-0504-0706-0809-0a0b0c0d0e0f}",
            "S-1-5-21-1-2-3-1104",
            "lab.test/Users/svc",
        ] {
            assert!(is_opaque(&bare(name)), "{name}");
        }
        assert!(!["svc@lab.test", "LAB\\svc", "svc"].iter().any(|name| is_opaque(&bare(name))));
    }
}
