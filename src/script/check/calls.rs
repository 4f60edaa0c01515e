//! Calls and values whose names or numbers of arguments do not fit.

use std::collections::BTreeMap;

use rhai::{Engine, Position};

use super::{Arities, Checker, Finding, Functions, did_you_mean, error};
use crate::{
    names::nearest,
    script::outline::{FunctionCall, Outline, is_closure_name},
};

/// Words of the language that look like functions.
const KEYWORDS: &[&str] = &["curry", "call", "print", "debug", "type_of", "Fn", "is_shared", "is_def_var", "is_def_fn"];

/// Names that the engine knows: by namespace, then by function.
pub(super) struct Known {
    pub(super) functions: BTreeMap<String, Functions>,
}

impl Known {
    pub(super) fn of(engine: &Engine) -> Self {
        let all = engine.collect_fn_metadata(
            None,
            |f| Some((f.namespace.to_string(), f.metadata.name.to_string(), f.metadata.num_params)),
            true,
        );
        let mut functions: BTreeMap<String, Functions> = BTreeMap::new();
        for (namespace, name, parameters) in all {
            functions.entry(namespace).or_default().entry(name).or_default().insert(parameters);
        }
        Self { functions }
    }

    fn global(&self, name: &str) -> Option<&Arities> {
        self.functions.get("").and_then(|all| all.get(name))
    }
}

/// What stands behind an alias.
enum Alias<'a> {
    /// Nothing: no import has it.
    Unknown,
    /// An import that was found faulty.
    Faulty,
    /// A module, with its public functions.
    Module(&'a Functions),
}

impl Checker<'_> {
    pub(super) fn check_call(&self, script: &str, outline: &Outline, call: &FunctionCall) -> Option<Finding> {
        if call.namespace.is_empty() {
            return self.check_plain_call(script, outline, call);
        }
        let full = format!("{}::{}", call.namespace, call.name);
        let imported = match self.imported(outline, &call.namespace) {
            Alias::Faulty => return None,
            Alias::Module(functions) => Some(functions),
            Alias::Unknown => None,
        };
        let Some(functions) = imported.or_else(|| self.known.functions.get(&call.namespace)) else {
            return (call.namespace != "global").then(|| self.unknown_namespace(script, outline, call));
        };
        match functions.get(&call.name) {
            None => {
                let near = self
                    .nearest(&call.name, functions.keys().map(String::as_str))
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
            Some(_) if imported.is_none() && full == "batch::each" => closure_arity(script, outline, call, &full, 1),
            Some(_) => None,
        }
    }

    fn unknown_namespace(&self, script: &str, outline: &Outline, call: &FunctionCall) -> Finding {
        let aliases = outline.imports.iter().map(|import| import.alias.as_str());
        let all = self.known.functions.keys().map(String::as_str).chain(aliases).filter(|name| !name.is_empty());
        let message = format!("there is no namespace `{}`", call.namespace);
        error(script, call.at, "script.unknown_module", message, did_you_mean(self.nearest(&call.namespace, all)))
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
            let near = self.nearest_function(outline, name);
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
            let is_step = name == "step" && !call.method;
            return is_step.then(|| closure_arity(script, outline, call, name, 0)).flatten();
        }
        Some(Finding { is_error: !call.method, ..wrong_arity(script, call, name, &arities) })
    }

    /// The function that an unknown one was meant to be, of those that are called without a namespace.
    fn nearest_function<'a>(&'a self, outline: &'a Outline, name: &str) -> Option<&'a str> {
        let own = outline.bodies.iter().map(|body| body.name.as_str());
        let own = own.filter(|name| !name.is_empty() && !is_closure_name(name));
        let known = self.known.functions.get("").into_iter().flat_map(|all| all.keys().map(String::as_str));
        self.nearest(name, own.chain(known))
    }

    /// [`nearest`] for as long as not too many names have been compared: a long script may get many of them wrong.
    fn nearest<'a>(&self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let left = &self.comparisons;
        nearest(name, known.take(left.get()).inspect(|_| left.set(left.get().saturating_sub(1))))
    }

    pub(super) fn check_value(
        &self,
        script: &str,
        outline: &Outline,
        namespace: &str,
        name: &str,
        at: Position,
    ) -> Option<Finding> {
        if namespace == "args" {
            if self.params.contains(name) {
                return None;
            }
            let params = self.script.declaration.params.iter().map(|param| param.name.as_str());
            let near = self.nearest(name, params).map(|near| format!("args::{near}"));
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
        if namespace == "global" || !matches!(self.imported(outline, namespace), Alias::Unknown) {
            return None;
        }
        let hint = self
            .known
            .functions
            .get(namespace)
            .map(|_| "namespaces of operations hold functions: call it with ()".to_owned());
        Some(error(script, at, "script.unknown_variable", format!("there is no `{namespace}::{name}`"), hint))
    }

    fn imported(&self, outline: &Outline, alias: &str) -> Alias<'_> {
        let Some(import) = outline.import(alias) else { return Alias::Unknown };
        import.name.as_ref().and_then(|name| self.modules.get(name.as_str())).map_or(Alias::Faulty, Alias::Module)
    }
}

/// What a module lets others call.
pub(super) fn public_functions(outline: &Outline) -> Functions {
    let mut functions = Functions::new();
    for body in outline.bodies.iter().filter(|body| body.public && !is_closure_name(&body.name)) {
        functions.entry(body.name.clone()).or_default().insert(body.parameters.len());
    }
    functions
}

/// A closure that stands in a call and takes another number of arguments than the operation gives it.
fn closure_arity(script: &str, outline: &Outline, call: &FunctionCall, name: &str, given: usize) -> Option<Finding> {
    let (closure, captured) = call.closures.last()?;
    let takes = outline.functions(closure).next()?.parameters.len().checked_sub(captured.len())?;
    let form = if given == 0 { "|| { ... }" } else { "|item| { ... }" };
    let plural = if takes == 1 { "" } else { "s" };
    (takes != given).then(|| {
        let message = format!("the closure of `{name}` takes {takes} argument{plural}, not {given}");
        error(script, call.at, "script.wrong_arity", message, Some(format!("write it as {form}")))
    })
}

fn wrong_arity(script: &str, call: &FunctionCall, name: &str, arities: &Arities) -> Finding {
    let takes = arities.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let plural = if takes == "1" { "" } else { "s" };
    let message = format!("`{name}` takes {takes} argument{plural}, not {}", call.arguments);
    error(script, call.at, "script.wrong_arity", message, None)
}
