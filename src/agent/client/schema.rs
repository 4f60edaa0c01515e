//! JSON schemas, as far as bodies are filled from them: Swagger 2.0's, `OpenAPI` 3.0's and 3.1's.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    net::http::unescaped,
};

/// References that lead on to references; more are a circle.
const LONGEST_WAY: usize = 32;
/// References in one schema; more are of a document that is made to be never read to its end.
const MOST_PARTS: usize = 256;

/// A schema. What is of another type than it should be reads as absent: only what is needed has to be right.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Schema {
    /// `#/definitions/Name`, `#/components/schemas/Name`.
    #[serde(rename = "$ref", deserialize_with = "lenient")]
    pub reference: Option<String>,
    /// `string`, `object` ...; in `OpenAPI` 3.1 perhaps several.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: Kinds,
    /// Of an object.
    #[serde(deserialize_with = "lenient")]
    pub properties: BTreeMap<String, Schema>,
    /// Names of properties.
    #[serde(deserialize_with = "lenient")]
    pub required: Vec<String>,
    /// All of these at once.
    #[serde(rename = "allOf", deserialize_with = "lenient")]
    pub all_of: Vec<Schema>,
    /// One of these.
    #[serde(rename = "oneOf", deserialize_with = "lenient")]
    pub one_of: Vec<Schema>,
    /// Any of these.
    #[serde(rename = "anyOf", deserialize_with = "lenient")]
    pub any_of: Vec<Schema>,
}

/// The types of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Kinds {
    /// None is told.
    #[default]
    Any,
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Kinds {
    /// Whether a value of this type fits.
    #[must_use]
    pub fn takes(&self, kind: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == kind,
            Self::Several(several) => several.iter().any(|one| one == kind),
        }
    }

    /// Whether it says so itself.
    #[must_use]
    pub fn names(&self, kind: &str) -> bool {
        *self != Self::Any && self.takes(kind)
    }
}

/// What is not as it should be is as if it were not there.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).unwrap_or_default())
}

/// The schemas of a document by name.
pub type Schemas = BTreeMap<String, Schema>;

/// A schema with what it refers to and is put together from.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    /// Its types.
    pub kind: Kinds,
    /// Its properties, those of `allOf` among them.
    pub properties: BTreeMap<String, Schema>,
    /// Those that must be there.
    pub required: Vec<String>,
    /// The choices that it leaves.
    pub choices: Vec<Schema>,
    /// Names of the definitions on the way, for telling a circle.
    pub way: Vec<String>,
}

impl Whole {
    /// Puts a schema together.
    ///
    /// # Errors
    /// `agent.bad_document` for a reference that leads nowhere, out of the document, or in a circle without end.
    pub fn of(schema: &Schema, schemas: &Schemas) -> Result<Self> {
        let mut whole = Self::default();
        whole.take_in(schema, schemas, &mut Vec::new())?;
        Ok(whole)
    }

    /// `from`: the definitions that led here. Two parts may have a third in common; one that leads back to itself is a circle.
    fn take_in(&mut self, schema: &Schema, schemas: &Schemas, from: &mut Vec<String>) -> Result<()> {
        let (mut schema, depth) = (schema, from.len());
        while let Some(reference) = &schema.reference {
            let name = name(reference)?;
            if from.len() >= LONGEST_WAY || self.way.len() >= MOST_PARTS || from.contains(&name) {
                return Err(bad(&format!("the schema {name} refers to itself and says nothing else")));
            }
            schema = schemas.get(&name).ok_or_else(|| bad(&format!("there is no schema {name}")))?;
            from.push(name.clone());
            self.way.push(name);
        }
        if schema.kind != Kinds::Any {
            self.kind = schema.kind.clone();
        }
        self.properties.extend(schema.properties.iter().map(|(name, schema)| (name.clone(), schema.clone())));
        self.required.extend(schema.required.iter().cloned());
        self.choices.extend(schema.one_of.iter().chain(&schema.any_of).cloned());
        for part in &schema.all_of {
            self.take_in(part, schemas, from)?;
        }
        from.truncate(depth);
        Ok(())
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        !self.properties.is_empty() || self.kind.names("object")
    }
}

/// The name at the end of a reference inside the document (RFC 6901 escapes undone).
pub(super) fn name(reference: &str) -> Result<String> {
    let inside = reference.strip_prefix("#/").and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty());
    let name = inside.ok_or_else(|| bad(&format!("the reference {reference} leads out of the document")))?;
    // Names of generic types come as `Page%5BUser%5D`.
    Ok(unescaped(name).replace("~1", "/").replace("~0", "~"))
}

pub(super) fn bad(said: &str) -> Error {
    Error::new("agent.bad_document", format!("the agent's document is wrong: {said}"))
        .hint("tell the agent's maker; until then use the agent's Swagger page")
}
