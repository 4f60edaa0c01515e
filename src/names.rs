//! Names: "did you mean", the known one that is nearest to an unknown one; and what one in DNS may look like.

use std::net::IpAddr;

/// The nearest of `known` to `name`, when it is near enough to be a slip of the keyboard.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    known
        .into_iter()
        // Names that strangers made up may be of any length and number.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether a text, without a dot at its end, may be a name in DNS: RFC 1035, 2.3.1, and underscores, which Active Directory
/// takes. Other letters than ASCII ones have an `xn--` form.
#[must_use]
pub fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A domain's DNS name, in lower case and without a dot at its end; `None` for what is none, an address among it.
#[must_use]
pub fn domain(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    (is_dns_name(name) && name.parse::<IpAddr>().is_err()).then(|| name.to_ascii_lowercase())
}

/// `host:port`, an IPv6 address in brackets.
#[must_use]
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_slips_and_nothing_else() {
        let known = ["test_target", "test_targets", "unlock"];
        assert_eq!(super::nearest("test_tragets", known), Some("test_targets"));
        assert_eq!(super::nearest("Unlok", known), Some("unlock"));
        assert_eq!(super::nearest("discover", known), None);
    }

    #[test]
    fn a_domains_name_is_one_of_dns_and_no_address() {
        assert_eq!(super::domain("Corp.Example.com.").as_deref(), Some("corp.example.com"));
        assert_eq!(super::domain("_msdcs.xn--bcher-kva.test").as_deref(), Some("_msdcs.xn--bcher-kva.test"));
        let long = "a".repeat(64);
        for none in
            ["", ".", "corp..test", "-corp.test", "corp-.test", "bücher.test", "not a domain", "10.0.0.1", &long]
        {
            assert_eq!(super::domain(none), None, "{none}");
        }
    }
}
