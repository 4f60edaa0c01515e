//! What can be said against a script before it runs: unknown names, wrong numbers of arguments, undeclared grants, and
//! the few constructs that this version of Rhai gets wrong. Nothing is executed.

mod calls;
mod grants;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use rhai::{Engine, Position};

use self::calls::{Known, public_functions};
use super::{
    Script,
    operation::Operation,
    outline::{FunctionCall, Outline},
};
use crate::{
    error::Error,
    store::events::{Failure, Place},
};

/// One thing that the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// Whether the script is refused for it; otherwise it is advice.
    pub is_error: bool,
    /// `script.unknown_function` and the like.
    pub code: &'static str,
    /// What.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<&Finding> for Failure {
    fn from(finding: &Finding) -> Self {
        let error = Error::new(finding.code, finding.message.as_str());
        let error = match &finding.hint {
            Some(hint) => error.hint(hint),
            None => error,
        };
        Self { place: Some(finding.place.clone()), ..Self::from(&error) }
    }
}

/// Numbers of arguments that a function takes.
type Arities = BTreeSet<usize>;

/// Functions by name.
type Functions = BTreeMap<String, Arities>;

/// Names that are compared with unknown ones, in all.
const MOST_COMPARISONS: usize = 200_000;

/// Checks a script and every module that it imports.
#[must_use]
pub fn check(engine: &Engine, operations: &[Operation], script: &Script) -> Vec<Finding> {
    let checker = Checker::new(engine, operations, script);
    let mut findings = script.faults.clone();
    checker.check_outline(&script.source.name, &script.outline, &mut findings);
    for (name, module) in &script.imports.modules {
        checker.check_outline(name, &module.outline, &mut findings);
    }
    checker.check_grants(&mut findings);
    findings.sort_by(|a, b| {
        (a.place.script != script.source.name, &a.place.script, a.place.line, a.place.column).cmp(&(
            b.place.script != script.source.name,
            &b.place.script,
            b.place.line,
            b.place.column,
        ))
    });
    findings.dedup();
    findings
}

/// The namespaces of operations, sorted.
#[must_use]
pub fn namespaces(engine: &Engine) -> Vec<String> {
    Known::of(engine).functions.into_keys().filter(|name| !name.is_empty()).collect()
}

/// The place of something in a script.
#[must_use]
pub fn place(script: &str, at: Position) -> Place {
    Place { script: script.to_owned(), line: at.line().unwrap_or(1), column: at.position().unwrap_or(0) }
}

fn error(script: &str, at: Position, code: &'static str, message: String, hint: Option<String>) -> Finding {
    Finding { place: place(script, at), is_error: true, code, message, hint }
}

fn did_you_mean(near: Option<&str>) -> Option<String> {
    near.map(|near| format!("did you mean `{near}`?"))
}

/// What every call is looked up in stands here by name: a script may have 50,000 lines.
struct Checker<'a> {
    known: Known,
    operations: HashMap<(&'a str, &'a str), &'a Operation>,
    script: &'a Script,
    /// What each module lets others call.
    modules: BTreeMap<&'a str, Functions>,
    params: HashSet<&'a str>,
    /// How many names may still be compared with unknown ones.
    comparisons: Cell<usize>,
}

impl<'a> Checker<'a> {
    fn new(engine: &Engine, operations: &'a [Operation], script: &'a Script) -> Self {
        let modules = script.imports.modules.iter();
        Self {
            known: Known::of(engine),
            operations: operations.iter().map(|operation| ((operation.namespace, operation.name), operation)).collect(),
            script,
            modules: modules.map(|(name, module)| (name.as_str(), public_functions(&module.outline))).collect(),
            params: script.declaration.params.iter().map(|param| param.name.as_str()).collect(),
            comparisons: Cell::new(MOST_COMPARISONS),
        }
    }

    fn operation(&self, call: &FunctionCall) -> Option<&'a Operation> {
        self.operations.get(&(call.namespace.as_str(), call.name.as_str())).copied()
    }
}

impl Checker<'_> {
    fn check_outline(&self, script: &str, outline: &Outline, findings: &mut Vec<Finding>) {
        for body in &outline.bodies {
            for call in &body.calls {
                findings.extend(self.check_call(script, outline, call));
            }
            for (namespace, name, at) in &body.values {
                findings.extend(self.check_value(script, outline, namespace, name, *at));
            }
        }
        self.check_shadowing(script, outline, findings);
        for import in outline.imports.iter().filter(|import| import.name.is_none()) {
            findings.push(error(
                script,
                import.at,
                "script.import_computed",
                "an import needs its module's name as a plain text".to_owned(),
                Some(
                    "write import \"name\" as alias, so that the module can be checked before anything runs".to_owned(),
                ),
            ));
        }
        for (name, at) in outline.switches.iter().filter(|(name, _)| outline.captured.contains(name)) {
            findings.push(error(
                script,
                *at,
                "script.switch_on_captured",
                format!("`switch {name}` would take the wrong arm: a closure captures `{name}`"),
                Some(format!("copy it first: let value = {name}; switch value {{ ... }}")),
            ));
        }
        check_batches(script, outline, findings);
    }

    /// A script's own names stand silently before the host's: refused, for the reader's sake and for safety's.
    fn check_shadowing(&self, script: &str, outline: &Outline, findings: &mut Vec<Finding>) {
        for import in outline
            .imports
            .iter()
            .filter(|import| self.known.functions.contains_key(&import.alias) || import.alias == "args")
        {
            findings.push(error(
                script,
                import.at,
                "script.shadows",
                format!("the alias `{}` would hide the operations of that name", import.alias),
                Some("choose another alias".to_owned()),
            ));
        }
        for body in outline.bodies.iter().filter(|body| self.operations.contains_key(&("", body.name.as_str()))) {
            let at = Position::NONE;
            findings.push(error(
                script,
                at,
                "script.shadows",
                format!("the function `{}` would hide the operation of that name", body.name),
                Some("choose another name".to_owned()),
            ));
        }
    }
}

/// Items of a batch get copies of what they capture, so a change to it would be lost.
fn check_batches(script: &str, outline: &Outline, findings: &mut Vec<Finding>) {
    let handed_over = outline
        .bodies
        .iter()
        .flat_map(|body| &body.calls)
        .filter(|call| call.namespace == "batch")
        .flat_map(|call| &call.closures);
    for (closure, captured) in handed_over {
        let captured: HashSet<&str> = captured.iter().map(String::as_str).collect();
        for body in outline.functions(closure) {
            for (name, at) in body.changes.iter().filter(|(name, _)| captured.contains(name.as_str())) {
                findings.push(error(script, *at, "script.lost_change",
                    format!("`{name}` belongs to the code around the batch: each item has a copy of it, so this change would be lost"),
                    Some("return a value from the item and look at the results".to_owned())));
            }
        }
    }
}
