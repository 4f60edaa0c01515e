//! Reading answers: a member that is missing or of another type than promised is an error with its name, never a panic.

use serde_json::{Map, Value};

use super::errors::bad_answer;
use crate::error::Result;

/// A JSON object, and whose it is, for errors.
pub(super) struct Object<'a> {
    members: &'a Map<String, Value>,
    whose: &'a str,
    /// Where in the answer it stands, e.g. `value[0].`.
    place: String,
}

impl<'a> Object<'a> {
    /// The answer as a whole. `whose` is how people call it, e.g. `the organization`.
    pub(super) fn of(answer: &'a Value, whose: &'a str) -> Result<Self> {
        match answer.as_object() {
            Some(members) => Ok(Self { members, whose, place: String::new() }),
            None => Err(bad_answer(whose, "(the whole)", &format!("is {}, no object", kind(answer)))),
        }
    }

    /// A text that has to be there.
    pub(super) fn text(&self, member: &str) -> Result<String> {
        self.need(member, self.maybe_text(member)?)
    }

    /// A text that may be absent or null.
    pub(super) fn maybe_text(&self, member: &str) -> Result<Option<String>> {
        self.maybe(member, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A number that has to be there.
    pub(super) fn number(&self, member: &str) -> Result<i64> {
        self.need(member, self.maybe_number(member)?)
    }

    /// A number that may be absent or null.
    pub(super) fn maybe_number(&self, member: &str) -> Result<Option<i64>> {
        self.maybe(member, "a whole number", Value::as_i64)
    }

    /// True or false, which has to be there.
    pub(super) fn flag(&self, member: &str) -> Result<bool> {
        self.need(member, self.maybe_flag(member)?)
    }

    /// True or false, absent or null.
    pub(super) fn maybe_flag(&self, member: &str) -> Result<Option<bool>> {
        self.maybe(member, "true or false", Value::as_bool)
    }

    /// An object that has to be there.
    pub(super) fn object(&self, member: &str) -> Result<Object<'a>> {
        self.need(member, self.maybe_object(member)?)
    }

    /// An object that may be absent or null.
    pub(super) fn maybe_object(&self, member: &str) -> Result<Option<Object<'a>>> {
        let inner = self.maybe(member, "an object", Value::as_object)?;
        let place = format!("{}{member}.", self.place);
        Ok(inner.map(|members| Object { members, whose: self.whose, place }))
    }

    /// A list of objects that has to be there.
    pub(super) fn objects(&self, member: &str) -> Result<Vec<Object<'a>>> {
        self.each(member, self.list(member)?)
    }

    /// A list of objects; none when it is absent or null.
    pub(super) fn maybe_objects(&self, member: &str) -> Result<Vec<Object<'a>>> {
        let list = self.maybe(member, "a list", Value::as_array)?;
        list.map_or_else(|| Ok(Vec::new()), |list| self.each(member, list))
    }

    /// A list of texts; none when it is absent or null.
    pub(super) fn texts(&self, member: &str) -> Result<Vec<String>> {
        let list = self.maybe(member, "a list", Value::as_array)?;
        let mut texts = Vec::new();
        for (i, item) in list.into_iter().flatten().enumerate() {
            let Some(text) = item.as_str() else {
                return Err(self.bad(&format!("{member}[{i}]"), &format!("is {}, not a text", kind(item))));
            };
            texts.push(text.to_owned());
        }
        Ok(texts)
    }

    /// A list that has to be there.
    pub(super) fn list(&self, member: &str) -> Result<&'a [Value]> {
        let list = self.need(member, self.maybe(member, "a list", Value::as_array)?)?;
        Ok(list.as_slice())
    }

    /// A member as it is.
    pub(super) fn raw(&self, member: &str) -> Option<&'a Value> {
        self.members.get(member).filter(|value| !value.is_null())
    }

    fn each(&self, member: &str, list: &'a [Value]) -> Result<Vec<Object<'a>>> {
        let one = |(i, item): (usize, &'a Value)| {
            let place = format!("{}{member}[{i}].", self.place);
            match item.as_object() {
                Some(members) => Ok(Object { members, whose: self.whose, place }),
                None => Err(self.bad(&format!("{member}[{i}]"), &format!("is {}, not an object", kind(item)))),
            }
        };
        list.iter().enumerate().map(one).collect()
    }

    fn maybe<T>(&self, member: &str, wanted: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>> {
        match self.members.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(found) => Ok(Some(found)),
                None => Err(self.bad(member, &format!("is {}, not {wanted}", kind(value)))),
            },
        }
    }

    fn need<T>(&self, member: &str, found: Option<T>) -> Result<T> {
        found.ok_or_else(|| self.bad(member, "is missing"))
    }

    fn bad(&self, member: &str, what: &str) -> crate::error::Error {
        bad_answer(self.whose, &format!("{}{member}", self.place), what)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
