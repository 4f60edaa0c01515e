//! `libretto describe SCRIPT`.

use serde_json::{Value, json};

use super::Session;
use crate::{
    api,
    config::Config,
    connection,
    error::Result,
    report::{Paint, plain},
    run::{Refusal, lab_presets, lab_words},
    script::{Script, params::Param},
};

/// Connections whose dependents are named; `--json` has all.
const MOST_DEPENDENTS: usize = 20;

/// Prints what a script says of itself; nothing of it runs.
pub(super) fn describe(session: &Session, name: &str) -> Result<u8, Refusal> {
    let library = session.library();
    let source = library.script(name)?;
    let text = (source.name.clone(), source.text.clone());
    let interpreter = api::interpreter(&Config::load(&session.home)?.limits);
    let script =
        interpreter.read(&library, source).map_err(|findings| Refusal::Script(findings, vec![text.clone()]))?;
    if !script.faults.is_empty() {
        return Err(Refusal::Script(script.faults, vec![text]));
    }
    let dependents = dependents(session, &script)?;
    if session.out.json {
        session.out.line(&as_json(&script, &dependents).to_string());
    } else {
        print(session, &script, &dependents);
    }
    Ok(0)
}

/// What connections declare to depend on their accounts, where the script may change these; of a home that has a store.
fn dependents(session: &Session, script: &Script) -> Result<Vec<(String, Vec<String>)>> {
    if !script.declaration.grants.contains("directory:write") || !session.home.join("store.db").exists() {
        return Ok(Vec::new());
    }
    connection::declared_dependents(&session.store()?)
}

fn documentation(script: &Script) -> String {
    let lines = script.source.text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn as_json(script: &Script, dependents: &[(String, Vec<String>)]) -> Value {
    let params: Vec<Value> = script
        .declaration
        .params
        .iter()
        .map(|param| {
            json!({ "name": param.name, "type": param.takes.word(), "optional": param.optional, "preset": param.preset,
                    "required": param.is_required(), "help": param.help })
        })
        .collect();
    let steps: Vec<&str> = script.outline.steps.iter().map(|step| step.name.as_str()).collect();
    let dependents: serde_json::Map<String, Value> =
        dependents.iter().map(|(connection, names)| (connection.clone(), json!(names))).collect();
    json!({ "name": script.source.name, "doc": documentation(script), "params": params, "grants": script.declaration.grants,
            "steps": steps, "dependents": dependents })
}

fn print(session: &Session, script: &Script, dependents: &[(String, Vec<String>)]) {
    let (out, look) = (session.out, session.out.look);
    out.line(&look.paint(Paint::Heading, plain(&script.source.name)));
    for line in documentation(script).lines() {
        out.line(format!("  {}", plain(line)).trim_end());
    }
    if !script.declaration.params.is_empty() {
        out.line(&look.paint(Paint::Heading, "\nparameters"));
        for param in &script.declaration.params {
            out.line(&format!("  {}", plain(&param.usage())));
            if let Some(note) = note(param, &script.declaration.params) {
                out.line(&format!("      {}", look.paint(Paint::Faint, plain(&note))));
            }
        }
    }
    if !script.outline.steps.is_empty() {
        out.line(&look.paint(Paint::Heading, "\nsteps"));
        for (index, step) in script.outline.steps.iter().enumerate() {
            out.line(&format!("  {}. {}", index + 1, plain(&step.name)));
        }
    }
    if !dependents.is_empty() {
        out.line(&look.paint(Paint::Heading, "\ndeclared dependents"));
        for (connection, names) in dependents.iter().take(MOST_DEPENDENTS) {
            out.line(&format!("  {}: {}", plain(connection), plain(&names.join(", "))));
        }
        if let Some(more) = dependents.len().checked_sub(MOST_DEPENDENTS).filter(|more| *more > 0) {
            out.line(&format!("  and of {more} more connections: `libretto connections show NAME`"));
        }
    }
    out.line(&look.paint(Paint::Heading, "\ngrants"));
    let grants: Vec<&str> = script.declaration.grants.iter().map(String::as_str).collect();
    out.line(&format!("  {}", if grants.is_empty() { "none: it only reads".to_owned() } else { grants.join(", ") }));
}

fn note(param: &Param, all: &[Param]) -> Option<String> {
    let usual = match (&param.preset, param.optional) {
        (Some(preset), _) => Some(format!("{preset} unless told")),
        (None, true) => Some("may be left out".to_owned()),
        (None, false) => None,
    };
    let lab = lab_presets(param).or_else(|| lab_words(all, &param.name)).map(|value| format!("in the lab {value}"));
    let both: Vec<String> = usual.into_iter().chain(lab).collect();
    (!both.is_empty()).then(|| both.join(", "))
}
