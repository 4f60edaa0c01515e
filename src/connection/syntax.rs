//! What the parts of a connection may look like. Pure: nothing is asked or read here.

use std::net::Ipv6Addr;

use super::{HomeServer, Provider};
use crate::{
    error::{Error, Result},
    names,
};

/// A connection's name: letters, digits and `. _ - @`, so that it needs no quotes in a shell, a selector or a script.
pub(crate) fn name(text: &str) -> Result<String> {
    let fits = text.chars().all(|c| c.is_alphanumeric() || ".-_@".contains(c));
    if fits && !text.is_empty() && !text.starts_with('-') && text.chars().count() <= 128 {
        return Ok(text.to_owned());
    }
    Err(Error::new("connection.bad_name", format!("{text:?} cannot be a connection's name"))
        .hint("use up to 128 letters, digits, dots, hyphens, underscores and @, and no hyphen in front"))
}

/// A tag, or a customer's label: no character that a selector or a list gives a meaning.
pub(super) fn label(text: &str) -> Result<String> {
    let fits = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !",&*?[]{}:;".contains(c));
    if fits && !text.is_empty() && text.chars().count() <= 128 {
        return Ok(text.to_owned());
    }
    Err(Error::new("connection.bad_label", format!("{text:?} cannot be a tag or a customer"))
        .hint("use up to 128 characters, no spaces and none of , & * ? [ ] { } : ;"))
}

/// A domain's DNS name, in lower case.
pub(crate) fn domain(text: &str) -> Result<String> {
    names::domain(text).ok_or_else(|| {
        Error::new("connection.bad_domain", format!("{text:?} is not a domain's DNS name"))
            .hint("give the full name, e.g. corp.example.com; one with other than ASCII letters in its xn-- form")
    })
}

/// The name of a script, not its path: a path would be looked up in whatever folder somebody works in.
pub(super) fn script(text: &str) -> Result<String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Ok(text.to_owned());
    }
    Err(Error::new("connection.bad_dependent", format!("{text:?} is not the name of a script"))
        .hint("give the name of one in the home's scripts folder, or of a bundled one: `libretto list`"))
}

/// An account's name as it goes to the server; its form (UPN, `DOMAIN\user`, DN) is the server's to judge.
pub(crate) fn username(text: &str) -> Result<String> {
    let text = text.trim();
    if !text.is_empty() && text.chars().count() <= 1024 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Error::new("connection.bad_username", format!("{text:?} cannot be a user name"))
        .hint("give user@domain, DOMAIN\\user or the distinguished name"))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; answers host (without brackets) and port.
pub(crate) fn host_port(text: &str) -> Result<(String, Option<u16>)> {
    let bad = || {
        Error::new("connection.bad_target", format!("{text:?} is not a host name or address with an optional port"))
            .hint("give e.g. dc1.corp.example.com, dc1.corp.example.com:636, 10.0.0.5 or [fd00::5]:636")
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            host.parse::<Ipv6Addr>().map_err(|_| bad())?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(bad)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if !host.contains(':') && !names::is_dns_name(host.strip_suffix('.').unwrap_or(host)) {
        return Err(bad());
    }
    let digits = |port: &&str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let number = |port: &str| Some(port).filter(digits).and_then(|port| port.parse().ok()).filter(|port| *port != 0);
    match port.map(number) {
        None => Ok((host.to_owned(), None)),
        Some(Some(port)) => Ok((host.to_owned(), Some(port))),
        Some(None) => Err(bad()),
    }
}

/// A target as it is stored: as it was written, checked.
pub(super) fn target(text: &str) -> Result<String> {
    host_port(text).map(|_| text.to_ascii_lowercase())
}

/// `//fs1/homes$`, `\\fs1\homes$`, either with a folder below; `wmi:` in front for that provider, `local:/srv/homes` for a
/// folder of this machine.
pub(super) fn home_server(text: &str) -> Result<HomeServer> {
    let bad = || {
        Error::new("connection.bad_home_server", format!("{text:?} is not the path of a home-directory server"))
            .hint("give e.g. //fs1/homes$ or \\\\fs1\\homes$, or local:/srv/homes")
    };
    if let Some(path) = text.strip_prefix("local:") {
        let fits = !path.is_empty() && !path.chars().any(char::is_control);
        return if fits { Ok(HomeServer { path: path.to_owned(), provider: Provider::Local }) } else { Err(bad()) };
    }
    let (provider, path) = text.strip_prefix("wmi:").map_or((Provider::UncDirect, text), |path| (Provider::Wmi, path));
    let path = path.replace('\\', "/");
    let mut parts = path.strip_prefix("//").ok_or_else(bad)?.trim_end_matches('/').split('/');
    let (host, share) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.chars().any(|c| c.is_control() || "\"*:<>?|;".contains(c))
    };
    if host_port(host).is_err() || !plain(share) || !parts.all(plain) {
        return Err(bad());
    }
    Ok(HomeServer { path: path.trim_end_matches('/').to_owned(), provider })
}

/// A home server in the words that [`home_server`] reads.
pub(super) fn home_server_text(server: &HomeServer) -> String {
    match server.provider {
        Provider::UncDirect => server.path.clone(),
        Provider::Local => format!("local:{}", server.path),
        Provider::Wmi => format!("wmi:{}", server.path),
    }
}

/// SHA-256 in hexadecimal, as `openssl x509 -fingerprint` prints it (with colons) or without; answers it plain, lower case.
pub(super) fn pin(text: &str) -> Result<String> {
    let plain: String = text.chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect();
    if plain.len() == 64 && plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(plain);
    }
    Err(Error::new("connection.bad_pin", "the pin is not a SHA-256 fingerprint of 64 hexadecimal digits")
        .hint("`openssl x509 -noout -fingerprint -sha256 -in ca.pem` prints it"))
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of a PEM file, at least one and all of them readable, and nothing else of it: what is kept of a server's
/// trust is not sealed, and a file may hold the server's private key too.
pub(crate) fn certificates(pem: &[u8]) -> Result<String> {
    let bad = |said: &str| {
        Error::new("connection.bad_certificate", format!("no certificate can be read from it: {said}"))
            .hint("give a PEM file: one or more blocks that begin with -----BEGIN CERTIFICATE-----")
    };
    let mut found = 0;
    for block in x509_parser::pem::Pem::iter_from_buffer(pem) {
        let block = block.map_err(|e| bad(&e.to_string()))?;
        if block.label == "CERTIFICATE" {
            block.parse_x509().map_err(|e| bad(&e.to_string()))?;
            found += 1;
        }
    }
    let text = str::from_utf8(pem).map_err(|_| bad("it is not text"))?;
    let mut kept = String::with_capacity(text.len());
    for (begin, _) in text.match_indices(BEGIN) {
        let block = &text[begin..];
        let end = block.find(END).ok_or_else(|| bad("a block has no end"))? + END.len();
        kept.push_str(&block[..end]);
        kept.push('\n');
    }
    if found == 0 { Err(bad("it has no CERTIFICATE block")) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_hosts_with_an_optional_port() {
        for (text, host, port) in [
            ("dc1.lab.test", "dc1.lab.test", None),
            ("dc1:636", "dc1", Some(636)),
            ("127.0.0.2:3269", "127.0.0.2", Some(3269)),
            ("[::1]", "::1", None),
            ("[fd00::5]:636", "fd00::5", Some(636)),
        ] {
            assert_eq!(host_port(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for text in
            ["", ":636", "dc1:", "dc1:0", "dc1:65536", "dc1:+1", "::1", "[::1", "[::1]x", "[dc1]", "dc 1", "ldap://dc1"]
        {
            assert_eq!(host_port(text).unwrap_err().code(), "connection.bad_target", "{text}");
        }
    }

    #[test]
    fn home_servers_are_unc_paths_in_either_slash() {
        for (text, path, provider) in [
            ("//fs1/homes$", "//fs1/homes$", Provider::UncDirect),
            (r"\\fs1\homes$", "//fs1/homes$", Provider::UncDirect),
            (r"\\fs1.lab.test\All Users\staff\", "//fs1.lab.test/All Users/staff", Provider::UncDirect),
            ("wmi://fs1/homes$", "//fs1/homes$", Provider::Wmi),
            ("local:/srv/homes", "/srv/homes", Provider::Local),
        ] {
            let server = home_server(text).unwrap();
            assert_eq!((server.path.as_str(), server.provider), (path, provider), "{text}");
            assert_eq!(home_server(&home_server_text(&server)).unwrap(), server, "{text}");
        }
        for text in [
            "",
            "//",
            "//fs1",
            "//fs1/",
            "/fs1/homes",
            "fs1/homes",
            "//fs 1/homes",
            "//fs1/../x",
            "//fs1/a*b",
            "local:",
        ] {
            assert_eq!(home_server(text).unwrap_err().code(), "connection.bad_home_server", "{text}");
        }
    }

    #[test]
    fn names_labels_domains_and_pins() {
        assert!(["corp", "Müller.AG-2", "svc@lab"].iter().all(|text| name(text).is_ok()));
        assert!(["", "-x", "a b", "a,b", "kind:ad", "corp*", "a&b", "a\n"].iter().all(|text| name(text).is_err()));
        assert!(["", "a b", "a,b", "a:b", "*"].iter().all(|text| label(text).is_err()));
        assert_eq!(domain("Lab.TEST.").unwrap(), "lab.test");
        assert!(
            ["", "lab..test", "-lab.test", "lab test", "10.0.0.1", "läb.test"].iter().all(|text| domain(text).is_err())
        );
        assert_eq!(pin(&"AB:".repeat(32)).unwrap(), "ab".repeat(32));
        assert_eq!(pin("ab12").unwrap_err().code(), "connection.bad_pin");
        assert_eq!(certificates(b"hello").unwrap_err().code(), "connection.bad_certificate");
    }

    #[test]
    fn of_a_file_with_a_key_only_the_certificates_are_kept() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(["dc1.lab.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (key, certificate) = (key.serialize_pem(), certificate.pem().replace("\r\n", "\n"));
        let file = format!("the key first\n{key}{certificate}and the certificate again\n{certificate}");
        assert_eq!(certificates(file.as_bytes()).unwrap(), format!("{certificate}{certificate}"));
        assert_eq!(certificates(key.as_bytes()).unwrap_err().code(), "connection.bad_certificate");
    }
}
