//! Which domain controller: a host, a port, and an address when the caller already knows it.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use crate::{
    error::{Error, Result},
    names::is_dns_name,
};

/// The port of LDAP over TLS.
pub const LDAPS_PORT: u16 = 636;

/// The port of plain LDAP, on which StartTLS begins.
pub const LDAP_PORT: u16 = 389;

/// One domain controller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Host name, IPv4 or IPv6 address (without brackets); the server's certificate must be for it.
    pub host: String,
    /// TCP port, 636 unless given. With StartTLS 636 means 389: nobody speaks StartTLS on the LDAPS port.
    pub port: u16,
    /// Where to connect when it is known; names are not looked up then.
    pub address: Option<IpAddr>,
}

impl Target {
    /// A target on the LDAPS port.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into(), port: LDAPS_PORT, address: None }
    }

    /// Reads `dc1.corp.test`, `dc1.corp.test:636`, `192.0.2.1`, `[2001:db8::1]:636` or a bare IPv6 address.
    ///
    /// # Errors
    /// `ad.bad_target` for anything else, a URL above all: the scheme is a setting of the connection, not of a target.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bad = |why: &str| {
            Error::new("ad.bad_target", format!("'{text}' is not a target: {why}"))
                .hint("write a target as host, host:port or [IPv6 address]:port, for example dc1.corp.example.com:636")
        };
        if text.contains("://") {
            return Err(bad("it is a URL"));
        }
        let (host, port) = split(text).ok_or_else(|| bad("a bracket is not closed"))?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.parse().ok();
        if address.is_none() && !is_dns_name(host) {
            return Err(bad("there is no valid host name in it"));
        }
        let port = match port {
            None => LDAPS_PORT,
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(bad("the port is not a number from 1 to 65535")),
                Ok(port) => port,
            },
        };
        Ok(Self { host: host.to_owned(), port, address })
    }
}

impl Target {
    /// Whether both are written for one controller: the same host in any case, or the same address, and the same port. The two
    /// usual ports are one, for it depends on the connection which of them is meant.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let port = |one: &Self| if one.port == LDAP_PORT { LDAPS_PORT } else { one.port };
        let host = match (self.host.parse::<IpAddr>(), other.host.parse::<IpAddr>()) {
            (Ok(one), Ok(other)) => one.to_canonical() == other.to_canonical(),
            _ => self.host.trim_end_matches('.').eq_ignore_ascii_case(other.host.trim_end_matches('.')),
        };
        host && port(self) == port(other)
    }
}

/// Whether two texts are written for one controller, by [`Target::is_same`]; what is no target is the same in its own spelling.
#[must_use]
pub fn is_same_target(one: &str, other: &str) -> bool {
    match (Target::parse(one), Target::parse(other)) {
        (Ok(one), Ok(other)) => one.is_same(&other),
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// Host and port of a target's text; `None` when a bracket is open.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return if rest.is_empty() { Some((host, None)) } else { Some((host, Some(rest.strip_prefix(':')?))) };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.host.contains(':');
        match (v6, self.port) {
            (_, LDAPS_PORT) => f.write_str(&self.host),
            (true, port) => write!(f, "[{}]:{port}", self.host),
            (false, port) => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_back() {
        for (text, host, port, shown) in [
            ("dc1.lab.test", "dc1.lab.test", 636, "dc1.lab.test"),
            ("dc1.lab.test.", "dc1.lab.test", 636, "dc1.lab.test"),
            (" dc1.lab.test:636 ", "dc1.lab.test", 636, "dc1.lab.test"),
            ("dc_1:3269", "dc_1", 3269, "dc_1:3269"),
            ("127.0.0.2", "127.0.0.2", 636, "127.0.0.2"),
            ("::1", "::1", 636, "::1"),
            ("[::1]", "::1", 636, "::1"),
            ("[2001:db8::7]:1636", "2001:db8::7", 1636, "[2001:db8::7]:1636"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.host.as_str(), target.port, target.to_string().as_str()), (host, port, shown));
            assert_eq!(Target::parse(&target.to_string()).unwrap(), target);
        }
    }

    #[test]
    fn one_controller_may_be_written_in_several_ways() {
        let is_same = |one, other| Target::parse(one).unwrap().is_same(&Target::parse(other).unwrap());
        for other in ["DC1.Lab.test", "dc1.lab.test.", "dc1.lab.test:636", "dc1.lab.test:389"] {
            assert!(is_same("dc1.lab.test", other), "{other}");
        }
        assert!(is_same("2001:db8::7", "[2001:db8:0:0::7]:636"));
        assert!(!is_same("dc1.lab.test", "dc1.lab.test:3269") && !is_same("dc1.lab.test", "dc1"));
    }

    #[test]
    fn what_is_not_a_target_is_refused() {
        for text in [
            "",
            " ",
            ":636",
            "ldaps://dc1",
            "dc1:0",
            "dc1:70000",
            "dc1:ldaps",
            "[::1",
            "[::1]636",
            "a b",
            "dc..1",
            "-x",
            "u@dc1",
        ] {
            assert_eq!(Target::parse(text).unwrap_err().code(), "ad.bad_target", "{text}");
        }
    }
}
