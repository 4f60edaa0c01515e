//! Parameters: declared in a script as literals, given on the command line as `name=value`.

mod declaration;

use std::time::Duration;

pub use declaration::Declaration;

use super::value::parse_span;
use crate::{
    error::{Error, Result},
    secret::reference::Reference,
};

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamType {
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// A reference to a secret.
    Secret,
    /// One of a few words.
    Choice(Vec<String>),
    /// The name of a connection, of a kind if one is said.
    Connection(Option<String>),
    /// A selector of connections, of a kind if one is said.
    Connections(Option<String>),
    /// A DNS domain name.
    Domain,
    /// `30s`, `2m`, `7d`.
    Duration,
    /// The path of a file that exists.
    File,
    /// The path of a CSV file; the script sees an array of maps.
    Csv,
}

/// The parameter that says that a new password is set in the directory too.
pub const ROTATE: &str = "rotate";

impl ParamType {
    /// The word in `PARAMS`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Secret => "secret",
            Self::Choice(_) => "choice",
            Self::Connection(_) => "connection",
            Self::Connections(_) => "connections",
            Self::Domain => "domain",
            Self::Duration => "duration",
            Self::File => "file",
            Self::Csv => "csv",
        }
    }
}

/// One declared parameter.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name; the script reads it as `args::name`.
    pub name: String,
    /// What it takes.
    pub takes: ParamType,
    /// Whether it may be left out.
    pub optional: bool,
    /// What stands for it when it is left out.
    pub preset: Option<String>,
    /// One line for `describe`.
    pub help: String,
    /// Of a secret: whether `generate` may stand for it. Only a script that can also set it where it is used takes one.
    pub can_be_generated: bool,
}

/// A value that was given and fits its type; not yet looked up in the store.
#[derive(Debug, Clone)]
pub enum Given {
    /// Left out.
    Nothing,
    /// A text, a choice or a domain.
    Text(String),
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Where a secret is.
    Secret(Reference),
    /// A connection's name, and the kind that it must be of.
    Connection(String, Option<String>),
    /// A selector, and the kind that the connections must be of.
    Connections(String, Option<String>),
    /// A span of time.
    Duration(Duration),
    /// A path.
    File(String),
    /// A path.
    Csv(String),
}

impl Param {
    /// Whether a run cannot begin without it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.optional && self.preset.is_none()
    }

    /// Reads a value as it was given, without touching anything.
    ///
    /// # Errors
    /// `usage.parameter`; a literal where a secret is wanted is refused without being repeated.
    pub fn read(&self, text: &str) -> Result<Given> {
        let wrong =
            |what: String| Error::new("usage.parameter", format!("parameter {} {what}", self.name)).hint(self.usage());
        Ok(match &self.takes {
            ParamType::Text => Given::Text(text.to_owned()),
            ParamType::Int => {
                Given::Int(text.parse().map_err(|_| wrong(format!("must be a whole number, not \"{text}\"")))?)
            }
            ParamType::Bool => match text {
                "true" | "yes" => Given::Bool(true),
                "false" | "no" => Given::Bool(false),
                _ => return Err(wrong(format!("must be true or false, not \"{text}\""))),
            },
            ParamType::Secret => {
                Given::Secret(Reference::parse(text).map_err(|e| e.context(format!("parameter {}", self.name)))?)
            }
            ParamType::Choice(choices) if choices.iter().any(|choice| choice == text) => Given::Text(text.to_owned()),
            ParamType::Choice(choices) => {
                return Err(wrong(format!("must be one of {}, not \"{text}\"", choices.join(", "))));
            }
            ParamType::Connection(kind) => Given::Connection(text.to_owned(), kind.clone()),
            ParamType::Connections(kind) => Given::Connections(text.to_owned(), kind.clone()),
            ParamType::Domain if is_domain(text) => Given::Text(text.to_ascii_lowercase()),
            ParamType::Domain => {
                return Err(wrong(format!("must be a domain name like contoso.example, not \"{text}\"")));
            }
            ParamType::Duration => Given::Duration(parse_span(text).map_err(wrong)?),
            ParamType::File => Given::File(text.to_owned()),
            ParamType::Csv => Given::Csv(text.to_owned()),
        })
    }

    /// `password=env:NAME|file:PATH|-|prompt: what it is for`.
    #[must_use]
    pub fn usage(&self) -> String {
        let value = match &self.takes {
            ParamType::Text => "TEXT".to_owned(),
            ParamType::Int => "NUMBER".to_owned(),
            ParamType::Bool => "true|false".to_owned(),
            ParamType::Secret if self.can_be_generated => "env:NAME|file:PATH|-|prompt|generate".to_owned(),
            ParamType::Secret => "env:NAME|file:PATH|-|prompt".to_owned(),
            ParamType::Choice(choices) => choices.join("|"),
            ParamType::Connection(_) => "NAME".to_owned(),
            ParamType::Connections(_) => "SELECTOR".to_owned(),
            ParamType::Domain => "DOMAIN".to_owned(),
            ParamType::Duration => "30s|2m|1h|7d".to_owned(),
            ParamType::File | ParamType::Csv => "PATH".to_owned(),
        };
        if self.help.is_empty() {
            format!("{}={value}", self.name)
        } else {
            format!("{}={value}: {}", self.name, self.help)
        }
    }
}

/// A DNS name of at least two labels (RFC 1035, 2.3.1; digits first are common and allowed by RFC 1123, 2.1).
#[must_use]
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}
