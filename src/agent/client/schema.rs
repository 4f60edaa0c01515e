//! JSON schemas, as far as bodies are filled from them: Swagger 2.0's, `OpenAPI` 3.0's and 3.1's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    net::{http::unescaped, words::in_one_line},
};

/// References that lead on to references; more are a circle.
const LONGEST_WAY: usize = 32;
/// References in one schema; more are of a document that is made to be never read to its end.
const MOST_PARTS: usize = 256;
/// What a [`Budget`] begins with. A body of two thousand members takes half of it.
const MOST_READ: usize = 1 << 20;
/// What each member takes of it beside its name.
const EACH: usize = 16;
/// As much of what a document says as is repeated.
const QUOTED: usize = 300;

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

/// How much of a document is looked at for one request: names and members in it, in bytes. Schemas may refer to each other in all
/// directions, so that a few of them unfold to more than anybody can read.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST_READ)
    }
}

impl Budget {
    /// Takes what is read next.
    ///
    /// # Errors
    /// `agent.bad_document` when nothing is left.
    pub fn take(&mut self, cost: usize) -> Result<()> {
        self.0 = self.0.checked_sub(cost).ok_or_else(|| bad("its schemas unfold to more than can be read"))?;
        Ok(())
    }
}

/// A schema with what it refers to and is put together from.
#[derive(Debug, Clone, Default)]
pub struct Whole<'a> {
    /// Its types.
    pub kind: Kinds,
    /// Its properties, those of `allOf` among them.
    pub properties: BTreeMap<&'a str, &'a Schema>,
    /// Those that must be there.
    pub required: BTreeSet<&'a str>,
    /// The choices that it leaves.
    pub choices: Vec<&'a Schema>,
    /// Names of the definitions on the way, for telling a circle.
    pub way: Vec<String>,
}

impl<'a> Whole<'a> {
    /// Puts a schema together.
    ///
    /// # Errors
    /// `agent.bad_document` for a reference that leads nowhere, out of the document, or in a circle without end, and when the
    /// budget is used up.
    pub fn of(schema: &'a Schema, schemas: &'a Schemas, budget: &mut Budget) -> Result<Self> {
        let mut whole = Self::default();
        whole.take_in(schema, schemas, &mut Vec::new(), budget)?;
        Ok(whole)
    }

    /// `from`: the definitions that led here. Two parts may have a third in common; one that leads back to itself is a circle.
    fn take_in(
        &mut self,
        schema: &'a Schema,
        schemas: &'a Schemas,
        from: &mut Vec<String>,
        budget: &mut Budget,
    ) -> Result<()> {
        let (mut schema, depth) = (schema, from.len());
        while let Some(reference) = &schema.reference {
            budget.take(reference.len())?;
            let name = name(reference)?;
            if from.len() >= LONGEST_WAY || self.way.len() >= MOST_PARTS || from.contains(&name) {
                return Err(bad(&format!("the schema {name} refers to itself and says nothing else")));
            }
            schema = schemas.get(&name).ok_or_else(|| bad(&format!("there is no schema {name}")))?;
            from.push(name.clone());
            self.way.push(name);
        }
        let names = schema.properties.keys().map(|name| EACH + name.len()).sum::<usize>();
        let others = schema.required.len() + schema.one_of.len() + schema.any_of.len() + schema.all_of.len();
        budget.take(EACH + names + EACH * others)?;
        if schema.kind != Kinds::Any {
            self.kind = schema.kind.clone();
        }
        self.properties.extend(schema.properties.iter().map(|(name, schema)| (name.as_str(), schema)));
        self.required.extend(schema.required.iter().map(String::as_str));
        self.choices.extend(schema.one_of.iter().chain(&schema.any_of));
        for part in &schema.all_of {
            self.take_in(part, schemas, from, budget)?;
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
    Error::new("agent.bad_document", format!("the agent's document is wrong: {}", in_one_line(said, QUOTED)))
        .hint("tell the agent's maker; until then use the agent's Swagger page")
}
