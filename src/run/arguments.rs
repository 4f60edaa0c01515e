//! From `name=value` to what a script reads as `args::name`.

use rhai::{Array, Dynamic, Map};

use super::prepare::Request;
use crate::{
    connection::{self, Connection, Scope, Selector},
    error::{Error, Result},
    host::Host,
    names::nearest,
    script::params::{Given, Param, ParamType, ROTATE},
    secret::{Secret, reference::Reference},
    store::Store,
};

/// What stands for a parameter that is left out in a lab run. What means several connections unless told means them in the lab
/// too.
#[must_use]
pub fn lab_presets(param: &Param) -> Option<&'static str> {
    match (&param.takes, param.name.as_str()) {
        (ParamType::Connections(_), _) if param.preset.is_some() => None,
        (ParamType::Connection(kind) | ParamType::Connections(kind), _)
            if kind.as_deref().is_none_or(|kind| kind == "ad") =>
        {
            Some("lab-ad")
        }
        (ParamType::Connection(_), _) if param.optional => None,
        (ParamType::Connection(_) | ParamType::Connections(_), _) => Some("contoso"),
        (ParamType::Bool, "rotate") => Some("true"),
        _ => None,
    }
}

/// Matches what was given with what is declared. Asks for what is missing where somebody can answer.
///
/// # Errors
/// `usage.parameter`, with everything that is wrong or missing at once.
pub(super) fn read(host: &Host, request: &Request, params: &[Param]) -> Result<Vec<(Param, Given)>> {
    refuse_unknown(request, params)?;
    let mut values = Vec::new();
    let mut missing = Vec::new();
    for param in params {
        let given = request.values.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value.clone());
        let text = given
            .or_else(|| request.lab.then(|| lab_presets(param).map(str::to_owned)).flatten())
            .or_else(|| param.preset.clone());
        match text {
            Some(text) => values.push((param.clone(), param.read(&text)?)),
            None if param.optional => values.push((param.clone(), Given::Nothing)),
            None if host.stdin_is_terminal && !request.yes && !request.lab => {
                values.push((param.clone(), ask(host, param)?));
            }
            None => missing.push(param.usage()),
        }
    }
    if missing.is_empty() {
        return refuse_pointless_generation(values);
    }
    let names = if missing.len() == 1 { "a parameter is missing" } else { "parameters are missing" };
    Err(Error::new("usage.parameter", format!("{names}: {}", missing.join("; ")))
        .hint(format!("libretto describe {} shows them all", request.script)))
}

fn ask(host: &Host, param: &Param) -> Result<Given> {
    let help = if param.help.is_empty() { String::new() } else { format!(" ({})", param.help) };
    match param.takes {
        ParamType::Secret => Ok(Given::Secret(Reference::Prompt)),
        _ => param.read(&host.ask(&format!("{}{help}", param.name))?),
    }
}

fn refuse_unknown(request: &Request, params: &[Param]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for (name, _) in &request.values {
        if !seen.insert(name) {
            return Err(Error::new("usage.parameter", format!("parameter {name} is given twice")));
        }
        if params.iter().any(|param| param.name == *name) {
            continue;
        }
        let error = Error::new("usage.parameter", format!("{} has no parameter {name}", request.script));
        let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
        return Err(match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None if names.is_empty() => error.hint("it takes none"),
            None => error.hint(format!("it takes {}", names.join(", "))),
        });
    }
    Ok(())
}

/// A generated password that is not set in the directory would be known to nobody.
fn refuse_pointless_generation(values: Vec<(Param, Given)>) -> Result<Vec<(Param, Given)>> {
    let rotates = values.iter().any(|(param, given)| param.name == ROTATE && matches!(given, Given::Bool(true)));
    let generated = values.iter().find(|(_, given)| matches!(given, Given::Secret(Reference::Generate)));
    match generated {
        Some((param, _)) if !rotates => {
            Err(Error::new("usage.parameter", format!("{}=generate needs rotate=true", param.name))
                .hint("a generated password that is not set in the directory as well would work nowhere"))
        }
        _ => Ok(values),
    }
}

/// Sees that the connections that parameters name exist and are of the right kind.
///
/// # Errors
/// `connection.unknown`, `connection.wrong_kind`.
pub(super) fn look_up(store: &Store, scope: &Scope, values: &[(Param, Given)]) -> Result<()> {
    for (_, given) in values {
        match given {
            Given::Connection(name, kind) => {
                of_kind(connection::get(store, name, scope)?, kind.as_deref())?;
            }
            Given::Connections(selector, _) => {
                Selector::parse(selector)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn of_kind(connection: Connection, kind: Option<&str>) -> Result<Connection> {
    match kind {
        Some(kind) if connection.kind.as_str() != kind => Err(Error::new(
            "connection.wrong_kind",
            format!("{} is of kind {}, not {kind}", connection.name, connection.kind.as_str()),
        )
        .hint(format!("`libretto connections list kind:{kind}` shows those that fit"))),
        _ => Ok(connection),
    }
}

/// A parameter's value, read and looked up, on its way to the script's thread.
pub(super) enum Value {
    Nothing,
    Text(String),
    Int(i64),
    Bool(bool),
    Seconds(f64),
    Secret(Secret),
    Connection(Box<Connection>),
    Connections(Vec<Connection>),
    Rows(Vec<Vec<(String, String)>>),
}

impl Value {
    /// The value as scripts see it.
    pub(super) fn into_dynamic(self) -> Dynamic {
        match self {
            Self::Nothing => Dynamic::UNIT,
            Self::Text(text) => text.into(),
            Self::Int(number) => number.into(),
            Self::Bool(value) => value.into(),
            Self::Seconds(seconds) => seconds.into(),
            Self::Secret(secret) => Dynamic::from(secret),
            Self::Connection(connection) => Dynamic::from(*connection),
            Self::Connections(connections) => connections.into_iter().map(Dynamic::from).collect::<Array>().into(),
            Self::Rows(rows) => rows
                .into_iter()
                .map(|row| row.into_iter().map(|(name, cell)| (name.into(), cell.into())).collect::<Map>().into())
                .collect::<Array>()
                .into(),
        }
    }
}

/// Reads secrets, files and connections.
///
/// # Errors
/// Of whatever cannot be read; nothing was touched.
pub(super) fn resolve(
    host: &Host,
    store: &Store,
    scope: &Scope,
    given: &[(Param, Given)],
) -> Result<Vec<(String, Value)>> {
    given.iter().map(|(param, given)| Ok((param.name.clone(), value(host, store, scope, param, given)?))).collect()
}

fn value(host: &Host, store: &Store, scope: &Scope, param: &Param, given: &Given) -> Result<Value> {
    let wrong = |e: Error| e.context(format!("parameter {}", param.name));
    Ok(match given {
        // The rotation makes the password itself, by the policy that it reads.
        Given::Nothing | Given::Secret(Reference::Generate) => Value::Nothing,
        Given::Text(text) => Value::Text(text.clone()),
        Given::Int(number) => Value::Int(*number),
        Given::Bool(value) => Value::Bool(*value),
        Given::Secret(reference) => Value::Secret(reference.read(host, &param.name).map_err(wrong)?),
        Given::Connection(name, kind) => {
            Value::Connection(Box::new(of_kind(connection::get(store, name, scope)?, kind.as_deref())?))
        }
        Given::Connections(selector, kind) => {
            let mut connections = connection::list(store, &Selector::parse(selector)?, scope)?;
            connections.retain(|connection| kind.as_deref().is_none_or(|kind| connection.kind.as_str() == kind));
            Value::Connections(connections)
        }
        Given::Duration(duration) => Value::Seconds(duration.as_secs_f64()),
        Given::File(path) => {
            let file = host.working_folder.join(path);
            std::fs::metadata(&file).map_err(|e| {
                wrong(
                    Error::new("usage.file", format!("{path} cannot be read: {e}"))
                        .hint("give the path of a file that is there and that you may read"),
                )
            })?;
            Value::Text(file.to_string_lossy().into_owned())
        }
        Given::Csv(path) => Value::Rows(rows(host, path).map_err(wrong)?),
    })
}

fn rows(host: &Host, path: &str) -> Result<Vec<Vec<(String, String)>>> {
    let wrong = |e: &csv::Error| {
        let line = e.position().map_or_else(String::new, |at| format!(", line {}", at.line()));
        Error::new("usage.csv", format!("{path}{line} cannot be read: {e}"))
            .hint("save it as UTF-8, with commas between the cells and as many of them in each row as in the header")
    };
    let bytes = std::fs::read(host.working_folder.join(path)).map_err(|e| {
        Error::new("usage.csv", format!("{path} cannot be read: {e}"))
            .hint("give the path of a CSV file that is there and that you may read")
    })?;
    if let Some(line) = connection::unclosed_quote(&String::from_utf8_lossy(&bytes)) {
        let said = format!("{path}, line {line}: the double quote that begins a cell is never closed");
        return Err(Error::new("usage.csv", said).hint("close it, and see that the file is whole"));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
    let header = reader.headers().map_err(|e| wrong(&e))?.clone();
    reader
        .records()
        .map(|row| {
            let row = row.map_err(|e| wrong(&e))?;
            Ok(header.iter().zip(row.iter()).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect())
        })
        .collect()
}

/// The parameters for the ledger: secrets as references.
pub(super) fn for_ledger(given: &[(Param, Given)]) -> serde_json::Value {
    use serde_json::Value;
    given
        .iter()
        .map(|(param, given)| {
            let value = match given {
                Given::Nothing => Value::Null,
                Given::Text(text)
                | Given::File(text)
                | Given::Csv(text)
                | Given::Connection(text, _)
                | Given::Connections(text, _) => Value::from(crate::secret::redact::redact(text).into_owned()),
                Given::Int(number) => Value::from(*number),
                Given::Bool(value) => Value::from(*value),
                Given::Secret(reference) => Value::from(reference.to_string()),
                Given::Duration(duration) => Value::from(duration.as_secs_f64()),
            };
            (param.name.clone(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
