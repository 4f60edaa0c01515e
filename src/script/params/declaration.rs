//! What a script declares about itself, read from its tree: `PARAMS` and `GRANTS`.

use std::collections::BTreeSet;

use rhai::{AST, Array, Dynamic, Expr, Map, Stmt};

use super::{Param, ParamType, ROTATE};
use crate::{error::Result, names::nearest};

const TYPES: &[&str] =
    &["text", "int", "bool", "secret", "choice", "connection", "connections", "domain", "duration", "file", "csv"];
const FIELDS: &[&str] = &["type", "kind", "optional", "preset", "help", "choices"];

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
