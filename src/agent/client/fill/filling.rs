//! A body, filled member by member from its schema, as far as the schema can be read at all.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{DOMAIN, Values, is_secret};
use crate::{
    agent::client::{
        document::Document,
        find::plain,
        schema::{Budget, Schema, Whole},
    },
    error::Result,
};

/// Objects in objects that are filled, and choices in choices; deeper ones are left out.
const DEEPEST: usize = 4;

/// A body that is being filled.
pub(super) struct Filling<'a> {
    document: &'a Document,
    values: &'a Values,
    budget: Budget,
    /// What is needed and not known.
    pub(super) missing: Vec<String>,
    pub(super) took_secret: bool,
}

impl<'a> Filling<'a> {
    pub(super) fn new(document: &'a Document, values: &'a Values) -> Self {
        Self { document, values, budget: Budget::default(), missing: Vec::new(), took_secret: false }
    }

    fn whole(&mut self, schema: &'a Schema) -> Result<Whole<'a>> {
        Whole::of(schema, &self.document.schemas, &mut self.budget)
    }

    /// The whole body: a bare text, an object with one text, or an object whose members are known by name.
    pub(super) fn root(&mut self, schema: &'a Schema) -> Result<Option<Value>> {
        self.choice(schema, 0)
    }

    /// `depth`: the choices that led here.
    fn choice(&mut self, schema: &'a Schema, depth: usize) -> Result<Option<Value>> {
        let whole = self.whole(schema)?;
        if whole.is_object() {
            if let Some(name) = self.only_text(&whole) {
                return Ok(Some(Value::Object(Map::from_iter([(name, self.values.domain.as_str().into())]))));
            }
            return self.object(&whole, "", &mut Vec::new());
        }
        if !whole.choices.is_empty() {
            return if depth < DEEPEST { self.first_choice(&whole.choices, depth + 1) } else { Ok(None) };
        }
        // What a document leaves open is a text, as it is in the article.
        let fits = whole.kind.takes("string") && self.values.credential.is_none();
        Ok(fits.then(|| self.values.domain.as_str().into()))
    }

    fn first_choice(&mut self, choices: &[&'a Schema], depth: usize) -> Result<Option<Value>> {
        for choice in choices {
            let missing = self.missing.len();
            if let Some(filled) = self.choice(choice, depth)?
                && self.missing.len() == missing
            {
                return Ok(Some(filled));
            }
            self.missing.truncate(missing);
        }
        Ok(None)
    }

    /// The one text of an object, where it has no other member that is needed or known.
    fn only_text(&mut self, whole: &Whole<'a>) -> Option<String> {
        let mut texts = BTreeSet::new();
        for (name, schema) in &whole.properties {
            if self.whole(schema).is_ok_and(|it| !it.is_object() && it.kind.names("string")) {
                texts.insert(*name);
            }
        }
        let others = !whole.required.is_subset(&texts);
        let is_for_secrets = self.values.credential.is_some();
        texts.first().filter(|_| texts.len() == 1 && !others && !is_for_secrets).map(|one| (*one).to_owned())
    }

    fn object(&mut self, whole: &Whole<'a>, path: &str, way: &mut Vec<String>) -> Result<Option<Value>> {
        let alone = !whole.properties.keys().any(|name| DOMAIN.contains(&plain(name).as_str()));
        let mut filled = Map::new();
        let depth = way.len();
        way.extend(whole.way.iter().cloned());
        for (&name, &schema) in &whole.properties {
            self.budget.take(path.len() + name.len())?;
            let place = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let value = self.member(name, schema, (alone && path.is_empty(), &place), way)?;
            match value {
                Some(value) => drop(filled.insert(name.to_owned(), value)),
                None if whole.required.contains(&name) => self.missing.push(place),
                None => {}
            }
        }
        way.truncate(depth);
        Ok((!filled.is_empty()).then_some(Value::Object(filled)))
    }

    fn member(
        &mut self,
        name: &str,
        schema: &'a Schema,
        (alone, place): (bool, &str),
        way: &mut Vec<String>,
    ) -> Result<Option<Value>> {
        let whole = self.whole(schema)?;
        if whole.is_object() {
            let circle = whole.way.iter().any(|name| way.contains(name)) || place.split('.').count() > DEEPEST;
            // What a left-out object would have needed is nobody's fault.
            let missing = self.missing.len();
            let filled = if circle { None } else { self.object(&whole, place, way)? };
            if filled.is_none() {
                self.missing.truncate(missing);
            }
            return Ok(filled);
        }
        let Some(text) = self.values.known(name, alone) else { return Ok(None) };
        self.took_secret |= is_secret(name);
        Ok(if whole.kind.takes("string") || !whole.choices.is_empty() {
            Some(text.into())
        } else if whole.kind.takes("integer") {
            text.parse::<i64>().ok().map(Value::from)
        } else {
            None
        })
    }

    /// A body that somebody wrote: a text where an object with one text is wanted becomes that, and the other way round.
    pub(super) fn fitted(&mut self, schema: &'a Schema, given: Value) -> Result<Value> {
        let whole = self.whole(schema)?;
        match (&given, whole.is_object()) {
            (Value::String(_), true) => Ok(match self.only_text(&whole) {
                Some(name) => Value::Object(Map::from_iter([(name, given)])),
                None => given,
            }),
            (Value::Object(map), false) if whole.kind.names("string") && map.len() == 1 => {
                Ok(map.values().next().cloned().unwrap_or_default())
            }
            _ => Ok(given),
        }
    }
}
