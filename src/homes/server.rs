//! A home-directory server as a connection names it: a UNC path and the provider that the original product used for it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};

/// The port of SMB over TCP (MS-SMB2 2.1).
pub const SMB_PORT: u16 = 445;

/// How the original product reached a home-directory server. Libretto reaches [`Provider::UncDirect`] alone; the others
/// are kept so that an imported connection loses nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Over SMB, by the UNC path.
    #[default]
    UncDirect,
    /// A folder of the machine that the product itself ran on.
    Local,
    /// Over Windows Management Instrumentation.
    Wmi,
}

impl Provider {
    /// The word as users see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UncDirect => "unc-direct",
            Self::Local => "local",
            Self::Wmi => "wmi",
        }
    }

    /// Reads `unc-direct`, `UNC Direct`, `Local`, `WMI` and the like.
    pub fn parse(word: &str) -> Result<Self> {
        let plain: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_lowercase().as_str() {
            "uncdirect" | "unc" => Ok(Self::UncDirect),
            "local" => Ok(Self::Local),
            "wmi" => Ok(Self::Wmi),
            _ => Err(Error::new("home.bad_provider", format!("\"{word}\" is no home-directory provider"))
                .hint("use one of unc-direct, local, wmi")),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One home-directory server: `//server[:port]/share[/path]`.
///
/// With a provider other than [`Provider::UncDirect`] a text that is no UNC path (`D:\homes`) is kept whole in `path`, with
/// `server` and `share` empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HomeServer {
    /// Host name or address, without brackets.
    pub server: String,
    /// TCP port, [`SMB_PORT`] unless the path says another.
    pub port: u16,
    /// The share's name, e.g. `homes$`.
    pub share: String,
    /// The folder in the share, with `/` between the names; empty for the share itself.
    pub path: String,
    /// How the server is reached.
    pub provider: Provider,
}

impl HomeServer {
    /// Reads a UNC path with slashes of either kind: `//fs1/homes$`, `\\fs1\homes$\sub dir`, `//fs1:1445/homes$`,
    /// `//[fd00::1]/homes$`.
    pub fn parse(text: &str) -> Result<Self> {
        let slashes = text.trim().replace('\\', "/");
        let rest = slashes.strip_prefix("//").ok_or_else(|| bad_path(text, "it does not start with two slashes"))?;
        let mut names = rest.split('/');
        let (server, port) = host_and_port(names.next().unwrap_or_default()).map_err(|why| bad_path(text, why))?;
        let share =
            names.next().filter(|share| !share.is_empty()).ok_or_else(|| bad_path(text, "it names no share"))?;
        let folders: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        for name in folders.iter().chain([&share]) {
            check_name(name).map_err(|why| bad_path(text, why))?;
        }
        Ok(Self { server, port, share: share.to_owned(), path: folders.join("/"), provider: Provider::UncDirect })
    }

    /// Reads a server of any provider; only [`Provider::UncDirect`] insists on a UNC path.
    pub fn of_provider(text: &str, provider: Provider) -> Result<Self> {
        match Self::parse(text) {
            Ok(server) => Ok(Self { provider, ..server }),
            Err(error) if provider == Provider::UncDirect => Err(error),
            Err(_) => Ok(Self {
                server: String::new(),
                port: SMB_PORT,
                share: String::new(),
                path: text.trim().to_owned(),
                provider,
            }),
        }
    }
}

impl fmt::Display for HomeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.server.is_empty() {
            return f.write_str(&self.path);
        }
        let (open, close) = if self.server.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "//{open}{}{close}", self.server)?;
        if self.port != SMB_PORT {
            write!(f, ":{}", self.port)?;
        }
        write!(f, "/{}", self.share)?;
        if !self.path.is_empty() {
            write!(f, "/{}", self.path)?;
        }
        Ok(())
    }
}

impl Serialize for HomeServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn bad_path(text: &str, why: &str) -> Error {
    Error::new("home.bad_path", format!("\"{text}\" is no home-directory path: {why}"))
        .hint("write it as //server/share or //server/share/folder")
}

fn host_and_port(authority: &str) -> std::result::Result<(String, u16), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("the address lacks its closing bracket")?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or("its port is not a port")?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || "@?*\"<>|".contains(c)) {
        return Err("it names no server");
    }
    let port = match port {
        None => SMB_PORT,
        Some(text) => text.parse().ok().filter(|port| *port != 0).ok_or("its port is not a port")?,
    };
    Ok((host.to_owned(), port))
}

/// What Windows forbids in a name (MS-FSCC 2.1.5), and the two names that would lead out of the folder.
fn check_name(name: &str) -> std::result::Result<(), &'static str> {
    if name == "." || name == ".." {
        return Err("\".\" and \"..\" are not allowed in it");
    }
    if name.contains(|c: char| c.is_control() || ":*?\"<>|".contains(c)) {
        return Err("it holds a character that no share or folder can have");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_in_every_spelling_and_written_in_one() {
        for (text, shown) in [
            ("//fs1/homes$", "//fs1/homes$"),
            (r"\\fs1\homes$\sub dir", "//fs1/homes$/sub dir"),
            ("//fs1:1445/homes$", "//fs1:1445/homes$"),
            ("//fs1:445/homes$/", "//fs1/homes$"),
            (" //fs1.lab.test/a//b/c ", "//fs1.lab.test/a/b/c"),
            ("//[fd00::1]/homes$", "//[fd00::1]/homes$"),
            ("//[fd00::1]:1445/homes$/x", "//[fd00::1]:1445/homes$/x"),
        ] {
            let server = HomeServer::parse(text).unwrap();
            assert_eq!(server.to_string(), shown);
            assert_eq!(HomeServer::parse(shown).unwrap(), server);
        }
        let server = HomeServer::parse(r"\\fs1\homes$\sub dir\x").unwrap();
        assert_eq!((server.server.as_str(), server.port), ("fs1", 445));
        assert_eq!((server.share.as_str(), server.path.as_str()), ("homes$", "sub dir/x"));
    }

    #[test]
    fn a_path_that_is_none_says_why() {
        for (text, why) in [
            ("fs1/homes", "it does not start with two slashes"),
            ("/fs1/homes", "it does not start with two slashes"),
            ("", "it does not start with two slashes"),
            ("//fs1", "it names no share"),
            ("//fs1/", "it names no share"),
            ("///homes", "it names no server"),
            ("//user@fs1/homes", "it names no server"),
            ("//fs1:0/homes", "its port is not a port"),
            ("//fs1:smb/homes", "its port is not a port"),
            ("//fs1:70000/homes", "its port is not a port"),
            ("//[fd00::1/homes", "the address lacks its closing bracket"),
            ("//[fd00::1]445/homes", "its port is not a port"),
            ("//fs1/homes/../c$", "\".\" and \"..\" are not allowed in it"),
            ("//fs1/homes/a:b", "it holds a character that no share or folder can have"),
            ("//fs1/ho*", "it holds a character that no share or folder can have"),
        ] {
            let error = HomeServer::parse(text).unwrap_err();
            assert_eq!(error.message(), format!("\"{text}\" is no home-directory path: {why}"));
            assert_eq!(error.code(), "home.bad_path");
        }
    }

    #[test]
    fn other_providers_keep_what_they_were_given() {
        let local = HomeServer::of_provider(r"D:\homes", Provider::Local).unwrap();
        assert_eq!((local.to_string().as_str(), local.provider), (r"D:\homes", Provider::Local));
        let wmi = HomeServer::of_provider("//fs1/homes$", Provider::Wmi).unwrap();
        assert_eq!((wmi.to_string().as_str(), wmi.provider), ("//fs1/homes$", Provider::Wmi));
        assert!(HomeServer::of_provider(r"D:\homes", Provider::UncDirect).is_err());
        for (word, provider) in
            [("UNC Direct", Provider::UncDirect), ("unc-direct", Provider::UncDirect), ("WMI", Provider::Wmi)]
        {
            assert_eq!(Provider::parse(word).unwrap(), provider);
        }
        assert_eq!(Provider::parse("ftp").unwrap_err().code(), "home.bad_provider");
    }
}
