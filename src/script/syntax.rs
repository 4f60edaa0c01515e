//! Parsing: a script's text to its tree, or to everything that the parser has against it.

use rhai::{AST, Engine, ParseErrorType, Position, Scope};

use super::{
    check::{self, Finding},
    library::Source,
};
use crate::names::nearest;

/// Unknown variables that are told of one text. Each costs another reading of it.
const MOST: usize = 20;

/// Parses a script or a module. The parser stops at the first variable that it does not know, so the text is read again with
/// that one known, until nothing is said against it or something else is.
///
/// # Errors
/// Each unknown variable, where it stands first; the first mistake of any other kind.
pub(super) fn compile(engine: &Engine, source: &Source) -> Result<AST, Vec<Finding>> {
    let (mut unknown, mut findings) = (Scope::new(), Vec::new());
    loop {
        let error = match engine.compile_with_scope(&unknown, &source.text) {
            Ok(mut ast) if findings.is_empty() => {
                ast.set_source(source.name.as_str());
                return Ok(ast);
            }
            Ok(_) => break,
            Err(error) => error,
        };
        findings.push(syntax_error(engine, source, &error));
        match error.err_type() {
            ParseErrorType::VariableUndefined(name) if findings.len() < MOST && !unknown.contains(name) => {
                unknown.push(name.clone(), ());
            }
            _ => break,
        }
    }
    findings.sort_by_key(|finding| (finding.place.line, finding.place.column));
    Err(findings)
}

fn syntax_error(engine: &Engine, source: &Source, error: &rhai::ParseError) -> Finding {
    let at = drawable(&source.text, error.position());
    let (code, message, hint) = match error.err_type() {
        ParseErrorType::ModuleUndefined(name) => {
            let modules = check::namespaces(engine);
            let near = nearest(name, modules.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("namespaces are {}; a module needs its import before it", modules.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            ("script.unknown_module", format!("there is no namespace `{name}`"), hint)
        }
        ParseErrorType::VariableUndefined(name) => (
            "script.unknown_variable",
            format!("there is no variable `{name}` here"),
            "declare it with let before its first use; parameters are read as args::name".to_owned(),
        ),
        ParseErrorType::ExprTooDeep => (
            "script.syntax",
            "the expression is nested too deeply".to_owned(),
            "split it into several statements, with a variable for each part".to_owned(),
        ),
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            let message = letters.next().map(|first| first.to_lowercase().chain(letters).collect());
            let hint = "the language is described at https://rhai.rs/book";
            ("script.syntax", message.unwrap_or_default(), hint.to_owned())
        }
    };
    Finding { place: check::place(&source.name, at), is_error: true, code, message, hint: Some(hint) }
}

/// What is missing at the end of a text is missing after its last sign: there is no line behind that to show.
fn drawable(text: &str, at: Position) -> Position {
    let lines = text.trim_end().lines().count().max(1);
    match at.line() {
        Some(line) if line <= lines => at,
        Some(_) => {
            let last = text.trim_end().lines().last().map_or(0, |line| line.chars().count());
            Position::new(lines as u16, (last + 1) as u16)
        }
        None => Position::new(1, 1),
    }
}
