//! Errors between Rust and scripts: an [`Error`] as a script catches it, and what ended a script as a [`Failure`].

use rhai::{Dynamic, EvalAltResult, Map, Position};

use super::{caught, library, outline::is_closure_name, task::Task, value};
use crate::{
    error::Error,
    secret::redact::redact,
    store::events::{Failure, Frame, Place},
    verdict::Verdict,
};

/// The error as a script gets it: a map of `code`, `message`, `hint`, `retryable`, `verdict`, `details` and `origin`.
#[must_use]
pub fn raise(error: &Error, operation: &str, script: Option<&str>, at: Position) -> Box<EvalAltResult> {
    let text = |text: &str| Dynamic::from(redact(text).into_owned());
    let details: Map = error.details().iter().map(|(key, value)| ((*key).into(), text(value))).collect();
    let origin = value::map([
        ("operation", operation.to_owned().into()),
        ("script", script.unwrap_or_default().to_owned().into()),
        ("line", (at.line().unwrap_or(0) as i64).into()),
        ("column", (at.position().unwrap_or(0) as i64).into()),
    ]);
    let map = value::map([
        ("code", error.code().into()),
        ("message", text(error.message())),
        ("hint", error.remedy().map_or(Dynamic::UNIT, text)),
        ("retryable", error.is_retryable().into()),
        ("verdict", error.verdict().as_str().into()),
        ("details", details.into()),
        ("origin", origin),
    ]);
    Box::new(EvalAltResult::ErrorRuntime(map, at))
}

/// What ended a script, an item or a step, with its place and the calls that led there.
#[must_use]
pub fn failure(error: &EvalAltResult, task: &Task, script: &str) -> Failure {
    let mut chain = Vec::new();
    let mut source = script.to_owned();
    let mut error = error;
    loop {
        let (function, inner_source, inner, at) = match error {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, at) => {
                (function_name(name), source.as_str(), inner, *at)
            }
            EvalAltResult::ErrorInModule(name, inner, at) => (format!("import \"{name}\""), name.as_str(), inner, *at),
            _ => break,
        };
        chain.insert(0, Frame { function, place: place(&source, at) });
        if !inner_source.is_empty() {
            inner_source.clone_into(&mut source);
        }
        error = inner;
    }
    let mut failure = match task.ending() {
        Some(why) => Failure::from(&why.error()),
        None => of_kind(error),
    };
    // An operation knows where it was called, also when closures and modules lie between.
    if failure.place.is_none() && !error.position().is_none() {
        failure.place = Some(place(&source, error.position()));
    }
    chain.retain(|frame| frame.place.line > 0);
    // What a bundled module throws is about its caller's line; nobody has to look into the module to understand it.
    if failure.place.as_ref().is_some_and(|place| library::is_bundled_module(&place.script)) && !chain.is_empty() {
        failure.place = Some(chain.remove(0).place);
    }
    failure.chain = chain;
    failure
}

fn place(script: &str, at: Position) -> Place {
    Place { script: script.to_owned(), line: at.line().unwrap_or(0), column: at.position().unwrap_or(0) }
}

fn function_name(name: &str) -> String {
    if is_closure_name(name) { "closure".to_owned() } else { name.to_owned() }
}

fn of_kind(error: &EvalAltResult) -> Failure {
    let plain = |code: &'static str, message: String, hint: Option<&str>| {
        let error = Error::new(code, redact(&message).into_owned());
        Failure::from(&match hint {
            Some(hint) => error.hint(hint),
            None => error,
        })
    };
    match error {
        EvalAltResult::ErrorRuntime(thrown, _) => match thrown.read_lock::<Map>() {
            Some(map) => thrown_map(&map),
            None => plain(
                "script.thrown",
                if thrown.is_unit() { "the script gave up".to_owned() } else { value_text(thrown) },
                Some(
                    "a thrown map with `code`, `message` and `hint` says more: throw #{ code: \"...\", message: \"...\" }",
                ),
            ),
        },
        EvalAltResult::ErrorFunctionNotFound(signature, _) if is_closure_name(signature) => plain(
            "script.wrong_arity",
            "a closure takes another number of arguments than it is called with".to_owned(),
            Some("what stands between its bars must fit the call: a step calls ||, a batch and `map` call |item|"),
        ),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => plain(
            "script.unknown_function",
            format!("there is no function {}", readable_signature(signature)),
            Some("`libretto check` finds such calls before a run; the types of the arguments count too"),
        ),
        EvalAltResult::ErrorVariableNotFound(name, _) => plain(
            "script.unknown_variable",
            format!("there is no variable `{name}` here"),
            Some("functions do not see the script's variables: pass them as arguments; parameters are args::name"),
        ),
        EvalAltResult::ErrorAssignmentToConstant(name, _)
        | EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => plain(
            "script.constant",
            format!("`{name}` would change what is constant: a const, or what an item of a batch has from around it"),
            Some("copy it first: let mine = list; mine.push(x)"),
        ),
        EvalAltResult::ErrorStackOverflow(_) => Failure::from(&super::task::Ending::TooDeep.error()),
        other => {
            let text = other.to_string();
            let text = match text.rfind(" (line ") {
                Some(end) => &text[..end],
                None => &text,
            };
            let text = in_words(text);
            let mut letters = text.chars();
            let text = letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default();
            let kind = format!("{other:?}");
            plain(caught::code_of(kind.split('(').next().unwrap_or_default()), text, None)
        }
    }
}

/// The language's own message with the names that scripts know for types, not those of the program.
fn in_words(text: &str) -> String {
    let text = text
        .replace("a setter is not registered for type", "it cannot be set on")
        .replace(" to handle ", " to a value of type ")
        .replace("a getter is not registered for type", "there is none on")
        .replace("&str | ImmutableString | String", "text");
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let (mut words, mut rest) = (String::with_capacity(text.len()), text.as_str());
    while let Some(start) = rest.find(is_name) {
        words.push_str(&rest[..start]);
        let end = rest[start..].find(|c| !is_name(c)).map_or(rest.len(), |end| start + end);
        let word = &rest[start..end];
        words.push_str(&match word {
            "i64" => "integer".into(),
            "f64" => "float".into(),
            "ImmutableString" => "text".into(),
            _ if word.starts_with("libretto::") => last_part(word).to_lowercase(),
            _ if word.starts_with("alloc::") || word.starts_with("core::") || word.starts_with("rhai::") => {
                last_part(word).to_owned()
            }
            _ => word.to_owned(),
        });
        rest = &rest[end..];
    }
    words + rest
}

fn last_part(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// `ad::test_target (i64, string)` reads better than the interpreter's `&str | ImmutableString | String`.
fn readable_signature(signature: &str) -> String {
    let text = signature.replace("&str | ImmutableString | String", "text").replace("i64", "integer");
    match text.split_once(' ') {
        Some((name, types)) => format!("`{name}` for {types}"),
        None => format!("`{text}`"),
    }
}

fn value_text(value: &Dynamic) -> String {
    match value::to_json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A map that an operation raised or a script threw.
fn thrown_map(map: &Map) -> Failure {
    let text = |key: &str| map.get(key).filter(|value| !value.is_unit()).map(value_text);
    // Whatever a script throws ends it: only `skip` leaves something out, and nothing thrown is fine.
    let verdict = match text("verdict").and_then(|word| Verdict::parse(&word)) {
        Some(Verdict::Skipped) if text("code").as_deref() == Some("script.skipped") => Verdict::Skipped,
        None | Some(Verdict::Ok | Verdict::Skipped | Verdict::Partial) => Verdict::Failed,
        Some(verdict) => verdict,
    };
    let details = match map.get("details").map(value::to_json) {
        Some(serde_json::Value::Object(details)) => details,
        _ => serde_json::Map::new(),
    };
    // A record of a batch has the place of the language's own errors, which have no origin.
    let origin = map.get("origin").or_else(|| map.get("place")).and_then(Dynamic::read_lock::<Map>);
    let number = |map: &Map, key: &str| {
        map.get(key).and_then(|v| v.as_int().ok()).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    };
    let place = origin.as_ref().filter(|origin| number(origin, "line") > 0).map(|origin| Place {
        script: origin.get("script").map(value_text).unwrap_or_default(),
        line: number(origin, "line"),
        column: number(origin, "column"),
    });
    Failure {
        code: text("code").unwrap_or_else(|| caught::code_in(map).unwrap_or("script.thrown").to_owned()),
        message: text("message").unwrap_or_else(|| "the script gave up".to_owned()),
        hint: text("hint"),
        verdict,
        retryable: map.get("retryable").and_then(|value| value.as_bool().ok()).unwrap_or(false),
        details,
        operation: origin.as_ref().and_then(|origin| origin.get("operation").map(value_text)),
        place: place.filter(|place| !place.script.is_empty()),
        chain: Vec::new(),
    }
}

/// What a step's or item's value says of itself: a record with a `verdict`, or an array of such records, is as good as its
/// heaviest part; any other value is `ok`.
#[must_use]
pub fn verdict_of(value: &Dynamic) -> (Verdict, Option<Failure>) {
    if let Some(map) = value.read_lock::<Map>() {
        return verdict_of_record(&map).unwrap_or((Verdict::Ok, None));
    }
    let Some(array) = value.read_lock::<rhai::Array>() else { return (Verdict::Ok, None) };
    // One by one: of ten thousand records no second copy is made.
    let mut heaviest: Option<(Verdict, Option<Failure>)> = None;
    for item in array.iter() {
        let Some(next) = item.read_lock::<Map>().and_then(|record| verdict_of_record(&record)) else { continue };
        if heaviest.as_ref().is_none_or(|worst| next.0 > worst.0) {
            heaviest = Some(next);
        }
    }
    heaviest.unwrap_or((Verdict::Ok, None))
}

fn verdict_of_record(record: &Map) -> Option<(Verdict, Option<Failure>)> {
    let word = record.get("verdict")?.clone().into_string().ok()?;
    let Some(verdict) = Verdict::parse(&word) else {
        let error = Error::new("script.verdict", format!("\"{}\" is no verdict", redact(&word)))
            .hint("verdicts are ok, failed, inconclusive, in-doubt, skipped and not-started");
        return Some((Verdict::Failed, Some(Failure::from(&error))));
    };
    let error = record.get("error").and_then(Dynamic::read_lock::<Map>).map(|error| thrown_map(&error));
    Some((verdict, error))
}
