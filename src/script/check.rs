//! What can be said against a script before it runs: unknown names, wrong numbers of arguments, undeclared grants, and
//! the few constructs that this version of Rhai gets wrong. Nothing is executed.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Engine, Position};

use super::{
    Script,
    names::nearest,
    operation::Operation,
    outline::{Body, FunctionCall, Outline, is_closure_name},
};
use crate::store::events::Place;

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

/// Numbers of arguments that a function takes.
type Arities = BTreeSet<usize>;

/// Words of the language that look like functions.
const KEYWORDS: &[&str] = &["curry", "call", "print", "debug", "type_of", "Fn", "is_shared", "is_def_var", "is_def_fn"];

/// Names that the engine knows: by namespace, then by function.
struct Known {
    functions: BTreeMap<String, BTreeMap<String, Arities>>,
}

impl Known {
    fn of(engine: &Engine) -> Self {
        let all = engine.collect_fn_metadata(
            None,
            |f| Some((f.namespace.to_string(), f.metadata.name.to_string(), f.metadata.num_params)),
            true,
        );
        let mut functions: BTreeMap<String, BTreeMap<String, Arities>> = BTreeMap::new();
        for (namespace, name, parameters) in all {
            functions.entry(namespace).or_default().entry(name).or_default().insert(parameters);
        }
        Self { functions }
    }

    fn global(&self, name: &str) -> Option<&Arities> {
        self.functions.get("").and_then(|all| all.get(name))
    }
}

/// Checks a script and every module that it imports.
#[must_use]
pub fn check(engine: &Engine, operations: &[Operation], script: &Script) -> Vec<Finding> {
    let checker = Checker { known: Known::of(engine), operations, script };
    let mut findings = script.faults.clone();
    checker.check_outline(&script.source.name, &script.outline, &mut findings);
    for (name, module) in &script.imports.0 {
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

struct Checker<'a> {
    known: Known,
    operations: &'a [Operation],
    script: &'a Script,
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

    fn check_call(&self, script: &str, outline: &Outline, call: &FunctionCall) -> Option<Finding> {
        if call.namespace.is_empty() {
            return self.check_plain_call(script, outline, call);
        }
        let full = format!("{}::{}", call.namespace, call.name);
        let imported = self.imported(outline, &call.namespace);
        let functions = match (&imported, self.known.functions.get(&call.namespace)) {
            (Some(Some(functions)), _) => functions,
            (Some(None), _) => return None, // the import itself was found faulty
            (None, Some(functions)) => functions,
            (None, None) if call.namespace == "global" => return None,
            (None, None) => {
                let all = self
                    .known
                    .functions
                    .keys()
                    .map(String::as_str)
                    .chain(outline.imports.iter().map(|i| i.alias.as_str()));
                let near = nearest(&call.namespace, all.filter(|name| !name.is_empty()));
                return Some(error(
                    script,
                    call.at,
                    "script.unknown_module",
                    format!("there is no namespace `{}`", call.namespace),
                    did_you_mean(near),
                ));
            }
        };
        match functions.get(&call.name) {
            None => {
                let near = nearest(&call.name, functions.keys().map(String::as_str))
                    .map(|near| format!("{}::{near}", call.namespace));
                Some(error(
                    script,
                    call.at,
                    "script.unknown_function",
                    format!("there is no function `{full}`"),
                    did_you_mean(near.as_deref()),
                ))
            }
            Some(arities) if !arities.contains(&call.arguments) => Some(wrong_arity(script, call, &full, arities)),
            Some(_) => None,
        }
    }

    fn check_plain_call(&self, script: &str, outline: &Outline, call: &FunctionCall) -> Option<Finding> {
        let name = call.name.as_str();
        if name == "Fn" {
            return Some(Finding {
                is_error: false,
                ..error(
                    script,
                    call.at,
                    "script.by_name",
                    "Fn(\"name\") is looked up where it is called, perhaps in another module".to_owned(),
                    Some("pass a closure: |x| name(x)".to_owned()),
                )
            });
        }
        if KEYWORDS.contains(&name) || is_closure_name(name) {
            return None;
        }
        let mut arities: Arities = outline.functions(name).map(|body| body.parameters.len()).collect();
        let before_the_dot = usize::from(call.method);
        arities.extend(self.known.global(name).into_iter().flatten().filter_map(|n| n.checked_sub(before_the_dot)));
        if arities.is_empty() {
            let own = outline
                .bodies
                .iter()
                .map(|body| body.name.as_str())
                .filter(|name| !name.is_empty() && !is_closure_name(name));
            let near = nearest(
                name,
                own.chain(self.known.functions.get("").into_iter().flat_map(|all| all.keys().map(String::as_str))),
            );
            // A map may hold a function under that name, so an unknown method is only suspicious.
            let what = if call.method { "method" } else { "function" };
            let finding = error(
                script,
                call.at,
                "script.unknown_function",
                format!("there is no {what} `{name}`"),
                did_you_mean(near),
            );
            return Some(Finding { is_error: !call.method, ..finding });
        }
        if arities.contains(&call.arguments) {
            return None;
        }
        Some(Finding { is_error: !call.method, ..wrong_arity(script, call, name, &arities) })
    }

    fn check_value(
        &self,
        script: &str,
        outline: &Outline,
        namespace: &str,
        name: &str,
        at: Position,
    ) -> Option<Finding> {
        if namespace == "args" {
            let params = &self.script.declaration.params;
            if params.iter().any(|param| param.name == name) {
                return None;
            }
            let near =
                nearest(name, params.iter().map(|param| param.name.as_str())).map(|near| format!("args::{near}"));
            let hint = did_you_mean(near.as_deref())
                .unwrap_or_else(|| format!("declare it: const PARAMS = #{{ {name}: #{{ type: \"text\" }} }};"));
            return Some(error(
                script,
                at,
                "script.unknown_parameter",
                format!("the script declares no parameter `{name}`"),
                Some(hint),
            ));
        }
        if namespace == "global" || self.imported(outline, namespace).is_some() {
            return None;
        }
        let hint = self
            .known
            .functions
            .get(namespace)
            .map(|_| "namespaces of operations hold functions: call it with ()".to_owned());
        Some(error(script, at, "script.unknown_variable", format!("there is no `{namespace}::{name}`"), hint))
    }

    /// The public functions of the module behind an alias; `Some(None)` when the alias exists and its module does not.
    fn imported(&self, outline: &Outline, alias: &str) -> Option<Option<BTreeMap<String, Arities>>> {
        let import = outline.imports.iter().find(|import| import.alias == alias)?;
        let module = import.name.as_ref().and_then(|name| self.script.imports.0.get(name));
        Some(module.map(|module| {
            let mut functions: BTreeMap<String, Arities> = BTreeMap::new();
            for body in module.outline.bodies.iter().filter(|body| body.public && !is_closure_name(&body.name)) {
                functions.entry(body.name.clone()).or_default().insert(body.parameters.len());
            }
            functions
        }))
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
        for body in outline
            .bodies
            .iter()
            .filter(|body| self.operations.iter().any(|o| o.namespace.is_empty() && o.name == body.name))
        {
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

    /// Follows calls from the script's own code into modules, and names every grant that is needed and not declared.
    fn check_grants(&self, findings: &mut Vec<Finding>) {
        let mut queue: Vec<(&str, &Outline, &Body, Option<(String, Position)>)> = self
            .script
            .outline
            .bodies
            .iter()
            .map(|body| (self.script.source.name.as_str(), &self.script.outline, body, None))
            .collect();
        let mut seen = BTreeSet::new();
        while let Some((script, outline, body, via)) = queue.pop() {
            for call in &body.calls {
                let from = via.clone().unwrap_or((script.to_owned(), call.at));
                if let Some(operation) =
                    self.operations.iter().find(|o| o.namespace == call.namespace && o.name == call.name)
                {
                    findings.extend(self.undeclared(operation, &from));
                } else if let Some((name, module)) = self.module_of(outline, &call.namespace) {
                    for body in module.functions(&call.name) {
                        if seen.insert((name, body.name.as_str(), body.parameters.len())) {
                            queue.push((name, module, body, Some(from.clone())));
                        }
                    }
                }
            }
            if let Some(from) = via {
                let local = body
                    .calls
                    .iter()
                    .filter(|call| call.namespace.is_empty())
                    .map(|call| &call.name)
                    .chain(&body.closures);
                for body in local.flat_map(|name| outline.functions(name)) {
                    if seen.insert((script, body.name.as_str(), body.parameters.len())) {
                        queue.push((script, outline, body, Some(from.clone())));
                    }
                }
            }
        }
    }

    fn module_of(&self, outline: &Outline, alias: &str) -> Option<(&str, &Outline)> {
        let import = outline.imports.iter().find(|import| import.alias == alias)?;
        let (name, module) = self.script.imports.0.get_key_value(import.name.as_ref()?)?;
        Some((name.as_str(), &module.outline))
    }

    fn undeclared(&self, operation: &Operation, (script, at): &(String, Position)) -> Option<Finding> {
        let grant = operation.spec.grant.filter(|grant| !self.script.declaration.grants.contains(*grant))?;
        Some(error(
            script,
            *at,
            "script.grant_undeclared",
            format!("`{}` needs the grant {grant}, which the script does not declare", operation.full_name()),
            Some(format!("add \"{grant}\" to the script's GRANTS")),
        ))
    }
}

fn wrong_arity(script: &str, call: &FunctionCall, name: &str, arities: &Arities) -> Finding {
    let takes = arities.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let plural = if takes == "1" { "" } else { "s" };
    let message = format!("`{name}` takes {takes} argument{plural}, not {}", call.arguments);
    error(script, call.at, "script.wrong_arity", message, None)
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
        for body in outline.functions(closure) {
            for (name, at) in body.changes.iter().filter(|(name, _)| captured.contains(name)) {
                findings.push(error(script, *at, "script.lost_change",
                    format!("`{name}` belongs to the code around the batch: each item has a copy of it, so this change would be lost"),
                    Some("return a value from the item and look at the results".to_owned())));
            }
        }
    }
}
