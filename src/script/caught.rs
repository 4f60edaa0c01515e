//! The errors of the language itself: their codes, and how a script that catches one gets to see its code.

use std::collections::BTreeSet;

use rhai::{Dynamic, Engine, Map};

use super::{
    limits,
    outline::{Body, Outline},
};

/// The code of an error of the language, by its kind as the language calls it, e.g. `ErrorArithmetic`.
#[must_use]
pub(super) fn code_of(kind: &str) -> &'static str {
    match kind {
        "ErrorArithmetic" => "script.arithmetic",
        "ErrorArrayBounds" | "ErrorStringBounds" | "ErrorBitFieldBounds" | "ErrorIndexNotFound" => "script.index",
        "ErrorMismatchDataType" | "ErrorMismatchOutputType" | "ErrorIndexingType" | "ErrorFor" => "script.type",
        "ErrorPropertyNotFound" | "ErrorDotExpr" => "script.property",
        "ErrorFunctionNotFound" => "script.unknown_function",
        "ErrorVariableNotFound" => "script.unknown_variable",
        "ErrorAssignmentToConstant" | "ErrorNonPureMethodCallOnConstant" => "script.constant",
        "ErrorDataTooLarge" => "script.too_large",
        _ => "script.error",
    }
}

/// How the messages begin of what came up in a function that was called: of these the map tells no kind but that.
const BEGINNINGS: &[(&str, &str)] = &[
    ("Division by zero", "ErrorArithmetic"),
    ("Modulo division by zero", "ErrorArithmetic"),
    ("Addition overflow", "ErrorArithmetic"),
    ("Subtraction overflow", "ErrorArithmetic"),
    ("Multiplication overflow", "ErrorArithmetic"),
    ("Division overflow", "ErrorArithmetic"),
    ("Exponential overflow", "ErrorArithmetic"),
    ("Integer raised to a negative power", "ErrorArithmetic"),
    ("Negation overflow", "ErrorArithmetic"),
    ("Array index ", "ErrorArrayBounds"),
    ("String index ", "ErrorStringBounds"),
    ("Invalid index", "ErrorIndexNotFound"),
    ("Data type incorrect", "ErrorMismatchDataType"),
    ("Output type incorrect", "ErrorMismatchOutputType"),
    ("Indexer unavailable", "ErrorIndexingType"),
    ("For loop expects", "ErrorFor"),
    ("Unknown property", "ErrorDotExpr"),
    ("Property not found", "ErrorPropertyNotFound"),
    ("Function not found", "ErrorFunctionNotFound"),
    ("Variable not found", "ErrorVariableNotFound"),
    ("Cannot modify constant", "ErrorAssignmentToConstant"),
    ("Non-pure method", "ErrorNonPureMethodCallOnConstant"),
];

/// The code of a map that `catch` got of an error of the language; `None` for any other map.
#[must_use]
pub(super) fn code_in(caught: &Map) -> Option<&'static str> {
    let kind = caught.get("error")?.read_lock::<rhai::ImmutableString>()?;
    let message = caught.get("message")?.read_lock::<rhai::ImmutableString>()?;
    if !matches!(kind.as_str(), "ErrorInFunctionCall" | "ErrorInModule") {
        return kind.starts_with("Error").then(|| code_of(&kind));
    }
    let inner = BEGINNINGS.iter().find(|(beginning, _)| message.starts_with(beginning));
    Some(code_of(inner.map_or("", |(_, kind)| kind)))
}

/// Has the variables of `catch` hold a `code`, whatever was caught, and ends a script that is too deep in closures. The language makes that map itself and lets nobody add to
/// it, so it is added when the variable is first looked at.
#[allow(deprecated)] // the language's word for what may still change
pub(super) fn install<'a>(engine: &mut Engine, outlines: impl Iterator<Item = &'a Outline>) {
    let (mut names, mut nests) = (BTreeSet::new(), false);
    for outline in outlines {
        names.extend(outline.caught.iter().cloned());
        let makes = |body: &Body| !body.closures.is_empty() || body.calls.iter().any(|call| !call.closures.is_empty());
        // Only a function or a closure that makes closures can come to be deep in them.
        nests |= outline.bodies.iter().any(|body| !body.name.is_empty() && makes(body));
    }
    // It is called for every variable that is read, which takes time.
    if names.is_empty() && !nests {
        return;
    }
    engine.on_var(move |name, _, mut context| {
        limits::refuse_deep_closures(&context)?;
        if names.contains(name)
            && let Some(variable) = context.scope_mut().get_mut(name)
        {
            add_code(variable);
        }
        Ok(None)
    });
}

fn add_code(variable: &mut Dynamic) {
    let code = variable.read_lock::<Map>().filter(|caught| !caught.contains_key("code")).and_then(|map| code_in(&map));
    if let Some(code) = code
        && let Some(mut caught) = variable.write_lock::<Map>()
    {
        caught.insert("code".into(), code.into());
    }
}
