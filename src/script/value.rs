//! Values between scripts and operations: Rhai's `Dynamic` on one side, plain Rust types on the other.

mod json;
mod span;

use std::collections::BTreeMap;

use rhai::{Array, Dynamic, Map};
use serde::Serialize;

use crate::{
    connection::Connection,
    error::{Error, Result},
    secret::Secret,
};

pub use json::{for_ledger, outgoing, to_json};
pub use span::{Span, parse_span};

/// Levels of nesting that a value from outside may have: deeper ones overflow the stack when dropped.
const DEEPEST: usize = 64;

/// A type that an operation takes.
pub trait FromScript: Sized + Send + 'static {
    /// What the type is called in errors and in the reference.
    const TYPE: &'static str;

    /// Reads a value; the error says what it was instead.
    fn from_script(value: Dynamic) -> Result<Self, String>;
}

/// A type that an operation returns.
pub trait IntoScript: Send + 'static {
    /// The value as scripts see it.
    fn into_script(self) -> Result<Dynamic>;
}

/// What a value is, in words for a person; never its content, which may be secret.
fn what_it_is(value: &Dynamic) -> String {
    if value.is_unit() {
        return "nothing".to_owned();
    }
    match value.type_name() {
        "string" => "a text",
        "i64" => "an integer",
        "f64" => "a number",
        "bool" => "true or false",
        "array" => "an array",
        "map" => "a map",
        "Fn" => "a function",
        name if name.ends_with("Secret") => "a secret",
        name if name.ends_with("Connection") => "a connection",
        other => return other.to_owned(),
    }
    .to_owned()
}

fn wrong(expected: &str, value: &Dynamic) -> String {
    format!("must be {expected}, not {}", what_it_is(value))
}

impl FromScript for String {
    const TYPE: &'static str = "text";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        // In Rhai 'x' is a character; a script means a text by it.
        if let Ok(character) = value.as_char() {
            return Ok(character.to_string());
        }
        value.into_immutable_string().map(Into::into).map_err(|_| "must be a text".to_owned())
    }
}

impl FromScript for bool {
    const TYPE: &'static str = "bool";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        value.as_bool().map_err(|_| wrong("true or false", &value))
    }
}

impl FromScript for i64 {
    const TYPE: &'static str = "int";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        value.as_int().map_err(|_| wrong("an integer", &value))
    }
}

impl FromScript for Secret {
    const TYPE: &'static str = "secret";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if value.is_string() {
            return Err("must be a secret: a parameter of type \"secret\", not a text in the script".to_owned());
        }
        let text = wrong("a secret", &value);
        value.try_cast().ok_or(text)
    }
}

impl FromScript for Connection {
    const TYPE: &'static str = "connection";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let text = wrong("a connection (see conn::get)", &value);
        value.try_cast().ok_or(text)
    }
}

impl<T: FromScript> FromScript for Option<T> {
    const TYPE: &'static str = T::TYPE;

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if value.is_unit() { Ok(None) } else { T::from_script(value).map(Some) }
    }
}

impl<T: FromScript> FromScript for Vec<T> {
    const TYPE: &'static str = "array";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        let text = wrong("an array", &value);
        let Some(array) = value.try_cast::<Array>() else { return Err(text) };
        array
            .into_iter()
            .enumerate()
            .map(|(i, item)| T::from_script(item.flatten()).map_err(|e| format!("element {i} {e}")))
            .collect()
    }
}

/// The options map of an operation, read field by field; what nobody took is refused.
pub struct Fields {
    map: Map,
    known: Vec<&'static str>,
}

impl Fields {
    /// Takes the map; nothing reads as an empty one.
    pub fn new(value: Dynamic) -> Result<Self, String> {
        if value.is_unit() {
            return Ok(Self { map: Map::new(), known: Vec::new() });
        }
        let text = wrong("a map of options", &value);
        value.try_cast::<Map>().map(|map| Self { map, known: Vec::new() }).ok_or(text)
    }

    /// One field; `None` when it is absent or `()`.
    pub fn take<T: FromScript>(&mut self, name: &'static str) -> Result<Option<T>, String> {
        self.known.push(name);
        match self.map.remove(name) {
            Some(value) => Option::<T>::from_script(value.flatten()).map_err(|e| format!("{name} {e}")),
            None => Ok(None),
        }
    }

    /// Refuses fields that nobody took.
    pub fn finish(self) -> Result<(), String> {
        let Some(unknown) = self.map.keys().next() else { return Ok(()) };
        let known: Vec<String> = self.known.iter().map(|name| format!("`{name}`")).collect();
        Err(match crate::names::nearest(unknown, self.known.iter().copied()) {
            Some(near) => format!("has no option `{unknown}`; did you mean `{near}`?"),
            None if known.is_empty() => format!("has no option `{unknown}`; it takes none"),
            None => format!("has no option `{unknown}`; it takes {}", known.join(", ")),
        })
    }
}

impl IntoScript for () {
    fn into_script(self) -> Result<Dynamic> {
        Ok(Dynamic::UNIT)
    }
}

impl IntoScript for bool {
    fn into_script(self) -> Result<Dynamic> {
        Ok(self.into())
    }
}

impl IntoScript for i64 {
    fn into_script(self) -> Result<Dynamic> {
        Ok(self.into())
    }
}

impl IntoScript for String {
    fn into_script(self) -> Result<Dynamic> {
        Ok(self.into())
    }
}

impl IntoScript for Secret {
    fn into_script(self) -> Result<Dynamic> {
        Ok(Dynamic::from(self))
    }
}

impl IntoScript for Connection {
    fn into_script(self) -> Result<Dynamic> {
        Ok(Dynamic::from(self))
    }
}

impl<T: IntoScript> IntoScript for Option<T> {
    fn into_script(self) -> Result<Dynamic> {
        self.map_or(Ok(Dynamic::UNIT), T::into_script)
    }
}

impl<T: IntoScript> IntoScript for Vec<T> {
    fn into_script(self) -> Result<Dynamic> {
        Ok(self.into_iter().map(T::into_script).collect::<Result<Array>>()?.into())
    }
}

/// Anything that serde can write, as maps, arrays, texts and numbers.
pub struct Record<T>(pub T);

impl<T: Serialize + Send + 'static> IntoScript for Record<T> {
    fn into_script(self) -> Result<Dynamic> {
        let json = serde_json::to_value(self.0)
            .map_err(|e| Error::new("script.value", format!("a result cannot be shown to the script: {e}")))?;
        from_json(json, 0)
    }
}

/// JSON as a script sees it: `null` is `()`, whole numbers beyond 64 bits with sign are numbers with a fraction.
///
/// # Errors
/// `script.value` when it is nested too deeply.
pub fn from_json(json: serde_json::Value, depth: usize) -> Result<Dynamic> {
    use serde_json::Value;
    if depth > DEEPEST {
        return Err(Error::new("script.value", format!("the answer is nested more than {DEEPEST} levels deep")));
    }
    Ok(match json {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => value.into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().unwrap_or(f64::INFINITY).into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => {
            items.into_iter().map(|item| from_json(item, depth + 1)).collect::<Result<Array>>()?.into()
        }
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| Ok((name.into(), from_json(value, depth + 1)?)))
            .collect::<Result<Map>>()?
            .into(),
    })
}

/// A map for a script from names and values.
pub fn map<const N: usize>(fields: [(&str, Dynamic); N]) -> Dynamic {
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<BTreeMap<rhai::Identifier, Dynamic>>().into()
}
