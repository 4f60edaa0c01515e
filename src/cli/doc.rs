//! `libretto doc [NAME]`: the script reference, made from the code.

use super::Session;
use crate::{
    api,
    config::Limits,
    error::{Error, Result},
    names::nearest,
    script::reference,
};

/// Prints the reference of a function, of a namespace, or all of it (as Markdown).
pub(super) fn doc(session: &Session, name: Option<&str>) -> Result<u8> {
    let interpreter = api::interpreter(&Limits::default());
    let operations = interpreter.operations();
    let Some(name) = name else {
        session.out.say(&reference::page(operations));
        return Ok(0);
    };
    let fitting: Vec<_> =
        operations.iter().filter(|operation| operation.full_name() == name || operation.namespace == name).collect();
    if fitting.is_empty() {
        let names: Vec<String> = operations.iter().map(crate::script::operation::Operation::full_name).collect();
        let error = Error::new("usage.unknown_function", format!("there is no function {name}"));
        return Err(match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("`libretto doc` shows all"),
        });
    }
    for operation in fitting {
        session.out.say(&reference::entry(operation));
    }
    Ok(0)
}
