//! `libretto doc [NAME]`: the script reference, made from the code.

use serde_json::json;

use super::Session;
use crate::{
    api,
    config::Limits,
    error::{Error, Result},
    names::nearest,
    script::{operation::Operation, reference},
};

fn for_machines(operation: &Operation) -> String {
    json!({ "name": operation.full_name(), "signature": operation.spec.signature, "grant": operation.spec.grant,
        "doc": operation.spec.doc, "example": operation.spec.example })
    .to_string()
}

/// Prints the reference of a function, of a namespace, or all of it (as Markdown).
pub(super) fn doc(session: &Session, name: Option<&str>) -> Result<u8> {
    let interpreter = api::interpreter(&Limits::default());
    let operations = interpreter.operations();
    let Some(name) = name else {
        if session.out.json {
            for operation in operations {
                session.out.line(&for_machines(operation));
            }
            return Ok(0);
        }
        session.out.say(&reference::page(operations));
        return Ok(0);
    };
    let fitting: Vec<_> =
        operations.iter().filter(|operation| operation.full_name() == name || operation.namespace == name).collect();
    if fitting.is_empty() {
        let names: Vec<String> = operations.iter().map(Operation::full_name).collect();
        let error = Error::new("usage.unknown_function", format!("there is no function {name}"));
        return Err(match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("`libretto doc` shows all"),
        });
    }
    for operation in fitting {
        if session.out.json {
            session.out.line(&for_machines(operation));
            continue;
        }
        session.out.say(&reference::entry(operation));
    }
    Ok(0)
}
