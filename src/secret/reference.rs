//! References: where a secret comes from, in words that may stand in arguments, files and the ledger.

mod command;

use std::{
    fmt,
    io::Read as _,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

pub use command::end_waiting;

use super::{LONGEST, Secret};
use crate::{
    error::{Error, Result},
    host::Host,
};

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `env:NAME`: an environment variable; read once and stored.
    Env(String),
    /// `file:PATH`: a file's text without its last line ending; read once and stored.
    File(PathBuf),
    /// `-`: standard input; read once and stored.
    Stdin,
    /// `prompt`: asked on the terminal, without echo; stored.
    Prompt,
    /// `generate`: made; only with `rotate=true`, else nobody would know it.
    Generate,
    /// `command:PROGRAM ARGS`: what the program prints; stays a reference, run at each use.
    Command(String),
    /// `vault:...`: stays a reference.
    Vault(String),
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// `secret.literal` for anything else: it may be the secret itself, so the message does not repeat it.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            Some(("command", line)) if !line.trim().is_empty() => Ok(Self::Command(line.to_owned())),
            Some(("vault", path)) if !path.is_empty() => Ok(Self::Vault(path.to_owned())),
            None if text == "-" => Ok(Self::Stdin),
            None if text == "prompt" => Ok(Self::Prompt),
            None if text == "generate" => Ok(Self::Generate),
            _ => Err(Error::new(
                "secret.literal",
                "a secret is not given as plain text: arguments and files are seen by others and kept in histories",
            )
            .hint("give a reference: env:NAME, file:PATH, - (standard input), prompt, generate or command:PROGRAM")),
        }
    }

    /// Whether the reference itself is kept and opened at each use, rather than read once and stored.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Vault(_))
    }

    /// Gets the secret. `what` says for whom, e.g. `password of corp`, in questions and messages. May block for as long as
    /// a person or a program takes (a program at most 30 s).
    ///
    /// # Errors
    /// `secret.env_unset`, `secret.file_unreadable`, `secret.empty`, `secret.too_long`, `secret.command_failed`, `secret.command_timeout`,
    /// `secret.generate_needs_rotate`, `secret.vault_unavailable`, and those of [`Host`] and [`Secret::new`].
    pub fn read(&self, host: &Host, what: &str) -> Result<Secret> {
        let text = match self {
            Self::Env(name) => Zeroizing::new(host.var(name).ok_or_else(|| unset(name, what))?.to_owned()),
            Self::File(path) => read_file(&host.working_folder.join(path), what)?,
            Self::Stdin => read_stdin(host)?,
            Self::Prompt => host.ask_secret(what)?,
            Self::Command(line) => {
                let at_terminal = host.stdin_is_terminal || host.stderr_is_terminal;
                command::run(host, line, at_terminal, what)?
            }
            Self::Generate => {
                return Err(Error::new(
                    "secret.generate_needs_rotate",
                    format!("the {what} cannot be generated here: no system would know it"),
                )
                .hint("generate works where the password is changed in the directory too: rotate=true"));
            }
            Self::Vault(_) => {
                return Err(Error::new(
                    "secret.vault_unavailable",
                    format!("the {what} is in a vault, and this version of Libretto opens none"),
                )
                .hint("use command: with the vault's own program, e.g. command:vault kv get -field=password kv/corp"));
            }
        };
        if text.len() > LONGEST {
            return Err(too_long(what, self));
        }
        if text.is_empty() {
            return Err(
                Error::new("secret.empty", format!("the {what} is empty in {self}")).hint("put the secret there")
            );
        }
        Secret::new(text.as_str())
    }
}

fn unset(name: &str, what: &str) -> Error {
    Error::new("secret.env_unset", format!("the environment variable {name}, for the {what}, is not set or empty"))
        .hint(format!("set {name} (and export it) before the command"))
}

fn read_stdin(host: &Host) -> Result<Zeroizing<String>> {
    let failed = |said: &str| Error::new("usage.stdin", format!("standard input cannot be read: {said}"));
    let bytes = at_most(host.stdin()).map_err(|e| failed(&e.to_string()))?;
    as_line(&bytes).ok_or_else(|| failed("it is not UTF-8 text"))
}

fn read_file(path: &Path, what: &str) -> Result<Zeroizing<String>> {
    let failed = |said: String| {
        let message = format!("{}, for the {what}, cannot be read: {said}", path.display());
        Error::new("secret.file_unreadable", message).hint("give the path of a text file that this account may read")
    };
    let bytes = std::fs::File::open(path).and_then(at_most).map_err(|e| failed(e.to_string()))?;
    // What some editors put before a text in UTF-8 is not a part of it.
    as_line(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes))
        .ok_or_else(|| failed("it is not UTF-8 text".to_owned()))
}

/// A secret, its line ending, and one more character, which tells that it is too long.
const ROOM: usize = LONGEST + 6;

/// All that there is, or more than a secret may have: some files never end.
fn at_most(source: impl std::io::Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // It does not grow, so that no part stays behind elsewhere in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    source.take(ROOM as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_long(what: &str, reference: &Reference) -> Error {
    Error::new(
        "secret.too_long",
        format!("the {what} in {reference} has more than {} KiB, the most that a secret may have", LONGEST >> 10),
    )
    .hint("see that the reference names the secret itself and not something else")
}

/// The text without its last line ending, which editors and `echo` add; `None` when it is not UTF-8.
fn as_line(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = match str::from_utf8(bytes) {
        // What is too long may be cut in the midst of a character.
        Err(e) if bytes.len() >= ROOM - 3 && e.error_len().is_none() => {
            str::from_utf8(&bytes[..e.valid_up_to()]).ok()?
        }
        text => text.ok()?,
    };
    let text = text.strip_suffix('\n').map_or(text, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    Some(Zeroizing::new(text.to_owned()))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Stdin => f.write_str("-"),
            Self::Prompt => f.write_str("prompt"),
            Self::Generate => f.write_str("generate"),
            Self::Command(line) => write!(f, "command:{line}"),
            Self::Vault(path) => write!(f, "vault:{path}"),
        }
    }
}
