//! Parameters: declared in a script as literals, given on the command line as `name=value`.

use std::{collections::BTreeSet, time::Duration};

use rhai::{AST, Array, Dynamic, Expr, Map, Stmt};

use super::value::parse_span;
use crate::{
    error::{Error, Result},
    names::nearest,
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

const TYPES: &[&str] =
    &["text", "int", "bool", "secret", "choice", "connection", "connections", "domain", "duration", "file", "csv"];
/// The parameter that says that a new password is set in the directory too.
pub const ROTATE: &str = "rotate";
const FIELDS: &[&str] = &["type", "kind", "optional", "preset", "help", "choices"];

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

/// What a script declares about itself.
#[derive(Debug, Clone, Default)]
pub struct Declaration {
    /// `PARAMS`, in the order in which they are declared.
    pub params: Vec<Param>,
    /// `GRANTS`.
    pub grants: BTreeSet<String>,
}

impl Declaration {
    /// Reads `PARAMS` and `GRANTS`. All that is wrong is told at once.
    ///
    /// # Errors
    /// Sentences, each about one fault.
    pub fn read(ast: &AST, known_grants: &[&'static str]) -> Result<Self, Vec<String>> {
        let mut declaration = Self::default();
        let mut faults = Vec::new();
        let mut literals: std::collections::BTreeMap<&str, Dynamic> =
            ast.iter_literal_variables(true, false).map(|(name, _, value)| (name, value)).collect();
        for name in ["PARAMS", "GRANTS"] {
            if !literals.contains_key(name) && declares(ast, name) {
                faults.push(format!(
                    "{name} must be a constant of literals: `const {name} = ...` without calls or variables in it"
                ));
            }
        }
        match literals.remove("PARAMS").map(Dynamic::try_cast::<Map>) {
            Some(Some(mut map)) => {
                let values = written_order(ast).into_iter().filter_map(|name| map.remove_entry(name.as_str()));
                let values: Vec<_> = values.collect();
                for (name, value) in values.into_iter().chain(map) {
                    match param(&name, &value) {
                        Ok(param) => declaration.params.push(param),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Some(None) => faults.push("PARAMS must be a map: #{ name: #{ type: \"text\" } }".to_owned()),
            None => {}
        }
        let rotates = declaration.params.iter().any(|param| param.name == ROTATE);
        declaration.params.iter_mut().for_each(|param| param.can_be_generated = rotates);
        match literals.remove("GRANTS").map(Dynamic::try_cast::<Array>) {
            Some(Some(list)) => {
                for grant in list {
                    match grant.into_string() {
                        Ok(grant) if known_grants.contains(&grant.as_str()) => {
                            declaration.grants.insert(grant);
                        }
                        Ok(grant) => faults.push(match nearest(&grant, known_grants.iter().copied()) {
                            Some(near) => format!("there is no grant \"{grant}\"; did you mean \"{near}\"?"),
                            None => format!("there is no grant \"{grant}\"; known are {}", known_grants.join(", ")),
                        }),
                        Err(_) => faults.push("GRANTS must be an array of texts".to_owned()),
                    }
                }
            }
            Some(None) => faults.push("GRANTS must be an array of texts".to_owned()),
            None => {}
        }
        if faults.is_empty() { Ok(declaration) } else { Err(faults) }
    }
}

/// A constant that is not made of literals alone is a variable of the tree and not among its literals.
fn declares(ast: &AST, name: &str) -> bool {
    declared(ast, name).is_some()
}

fn declared<'a>(ast: &'a AST, name: &str) -> Option<&'a Expr> {
    ast.statements().iter().find_map(|statement| match statement {
        Stmt::Var(variable, ..) if variable.0.name == name => Some(&variable.1),
        _ => None,
    })
}

/// The names in `PARAMS` as they are written: the value itself, a map, has them by the alphabet.
fn written_order(ast: &AST) -> Vec<String> {
    match declared(ast, "PARAMS") {
        Some(Expr::Map(entries, _)) => entries.0.iter().map(|(name, _)| name.name.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn param(name: &str, value: &Dynamic) -> Result<Param, String> {
    let Some(map) = value.read_lock::<Map>() else {
        return Err(format!("PARAMS.{name} must be a map: #{{ type: \"text\", help: \"...\" }}"));
    };
    if let Some(unknown) = map.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let near = nearest(unknown, FIELDS.iter().copied())
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        return Err(format!("PARAMS.{name} has no field `{unknown}`{near}"));
    }
    let text = |key: &str| {
        map.get(key).filter(|v| !v.is_unit()).map(|v| v.clone().into_string().unwrap_or_else(|_| v.to_string()))
    };
    let choices = map.get("choices").and_then(|v| v.clone().try_cast::<Array>()).unwrap_or_default();
    let choices: Vec<String> = choices.into_iter().map(|choice| choice.to_string()).collect();
    let word = text("type").unwrap_or_else(|| "text".to_owned());
    let takes = match word.as_str() {
        "text" => ParamType::Text,
        "int" => ParamType::Int,
        "bool" => ParamType::Bool,
        "secret" => ParamType::Secret,
        "choice" if choices.is_empty() => return Err(format!("PARAMS.{name} is a choice without `choices: [...]`")),
        "choice" => ParamType::Choice(choices),
        "connection" => ParamType::Connection(text("kind")),
        "connections" => ParamType::Connections(text("kind")),
        "domain" => ParamType::Domain,
        "duration" => ParamType::Duration,
        "file" => ParamType::File,
        "csv" => ParamType::Csv,
        other => {
            let near = nearest(other, TYPES.iter().copied()).map(|near| format!("; did you mean \"{near}\"?"));
            return Err(format!(
                "PARAMS.{name} has no type \"{other}\"{}",
                near.unwrap_or_else(|| format!("; types are {}", TYPES.join(", ")))
            ));
        }
    };
    if takes == ParamType::Secret && map.contains_key("preset") {
        return Err(format!("PARAMS.{name} is a secret and must not have a preset: a script holds no secrets"));
    }
    let optional = map.get("optional").and_then(|v| v.as_bool().ok()).unwrap_or(false);
    let param = Param {
        name: name.to_owned(),
        takes,
        optional,
        preset: text("preset"),
        help: text("help").unwrap_or_default(),
        can_be_generated: false,
    };
    if let Some(preset) = &param.preset {
        param.read(preset).map_err(|e| format!("PARAMS.{name}: the preset does not fit: {}", e.message()))?;
    }
    Ok(param)
}
