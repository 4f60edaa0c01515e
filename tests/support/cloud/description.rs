//! Microsoft's own description of Graph, as a judge of requests and answers. It is reference data that lies beside the project;
//! where it does not, nothing is judged.

use std::{path::Path, sync::LazyLock};

use serde_json::{Map, Value, json};

use super::{Asked, Reply};

static DESCRIPTION: LazyLock<Option<Value>> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places =
        ["../shared/graph", "../../shared/graph"].map(|place| here.join(place).join("graph-v1-subset.openapi.json"));
    let text = places.iter().find_map(|place| std::fs::read_to_string(place).ok())?;
    let mut description = serde_json::from_str(&text).unwrap();
    as_json_schema(&mut description);
    Some(description)
});

/// `nullable` is `OpenAPI` 3.0's; JSON Schema says the same with a list of types. Of a reference it cannot be said at all there,
/// though Microsoft's pages do ("Set it to null otherwise").
fn as_json_schema(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                for property in properties.values_mut().filter(|property| property.get("$ref").is_some()) {
                    *property = json!({ "anyOf": [property.take(), { "type": "null" }] });
                }
            }
            members.values_mut().for_each(as_json_schema);
            if members.remove("nullable") == Some(json!(true))
                && let Some(Value::String(kind)) = members.get("type").cloned()
            {
                members.insert("type".to_owned(), json!([kind, "null"]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_json_schema),
        _ => {}
    }
}

/// What is wrong with a request or its answer; `None` also for what is not described.
pub fn disagreement(asked: &Asked, reply: &Reply) -> Option<String> {
    let description = DESCRIPTION.as_ref()?;
    let path = asked.path.strip_prefix("/v1.0")?;
    let operation = operation(description, &asked.method, path)?;
    let whom = format!("{} {}", asked.method, asked.path);
    let wrong = request(description, operation, asked)
        .or_else(|| if reply.odd { None } else { answer(description, operation, reply) });
    wrong.map(|wrong| format!("{whom}: {wrong}"))
}

fn operation<'a>(description: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let paths = description["paths"].as_object()?;
    // The template with the fewest blanks is the one that is meant.
    let found = paths
        .iter()
        .filter(|(template, _)| fits(template, path))
        .min_by_key(|(template, _)| template.matches('{').count());
    found.and_then(|(_, item)| item.get(method.to_lowercase()))
}

fn fits(template: &str, path: &str) -> bool {
    let (wanted, found): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| part_fits(wanted, found))
}

fn part_fits(wanted: &str, found: &str) -> bool {
    match (wanted.find('{'), wanted.find('}')) {
        (Some(from), Some(to)) => {
            let (before, after) = (&wanted[..from], &wanted[to + 1..]);
            found.len() >= before.len() + after.len()
                && found.starts_with(before)
                && found.ends_with(after)
                && (!before.is_empty() || !found.contains('('))
        }
        _ => wanted == found,
    }
}

fn request(description: &Value, operation: &Value, asked: &Asked) -> Option<String> {
    let answer = schema_of(description, &operation["responses"]["2XX"]);
    if let (Some(select), Some(schema)) = (asked.query("$select"), &answer) {
        let item = deep(description, schema).remove("value").map_or(schema.clone(), |list| list["items"].clone());
        let known = deep(description, &item);
        if let Some(unknown) = select.split(',').find(|name| !known.contains_key(*name)) {
            return Some(format!("$select names {unknown}, which there is not"));
        }
    }
    let body = schema_of(description, &operation["requestBody"]);
    match body {
        Some(schema) => judge(description, &schema, &asked.json()).map(|wrong| format!("the request: {wrong}")),
        None => None,
    }
}

fn answer(description: &Value, operation: &Value, reply: &Reply) -> Option<String> {
    let which = if (200..300).contains(&reply.status) { "2XX" } else { "default" };
    let described = resolve(description, &operation["responses"][which]);
    if described.is_null() {
        return Some(format!("status {} is not described", reply.status));
    }
    let schema = schema_of(description, &operation["responses"][which])?;
    if reply.body.is_empty() {
        return None;
    }
    let body = serde_json::from_str(&reply.body).ok()?;
    judge(description, &schema, &body).map(|wrong| format!("the answer: {wrong}"))
}

/// The schema of a request's or an answer's JSON.
fn schema_of(description: &Value, item: &Value) -> Option<Value> {
    let schema = &resolve(description, item)["content"]["application/json"]["schema"];
    (!schema.is_null()).then(|| schema.clone())
}

fn resolve<'a>(description: &'a Value, item: &'a Value) -> &'a Value {
    match item.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            resolve(description, description.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null))
        }
        None => item,
    }
}

/// All properties of a schema, those of its bases among them.
fn deep(description: &Value, schema: &Value) -> Map<String, Value> {
    let schema = resolve(description, schema);
    let mut all = schema["properties"].as_object().cloned().unwrap_or_default();
    for base in ["allOf", "anyOf"].iter().filter_map(|of| schema[*of].as_array()).flatten() {
        all.extend(deep(description, base));
    }
    all
}

fn judge(description: &Value, schema: &Value, value: &Value) -> Option<String> {
    let mut whole = schema.clone();
    whole["components"] = description["components"].clone();
    let validator =
        jsonschema::options().with_draft(jsonschema::Draft::Draft7).should_validate_formats(false).build(&whole);
    let validator = validator.unwrap_or_else(|error| panic!("{error}"));
    if let Some(error) = validator.iter_errors(value).next() {
        return Some(format!("{} at {}", error, error.instance_path()));
    }
    unknown(description, schema, value, "")
}

/// A member that the description has not: a typing error passes every schema that allows more members.
fn unknown(description: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    let schema = resolve(description, schema);
    match value {
        Value::Object(members) => {
            let known = deep(description, schema);
            if known.is_empty() {
                return None;
            }
            members.iter().filter(|(name, _)| !name.starts_with('@')).find_map(|(name, value)| match known.get(name) {
                None => Some(format!("there is no member {place}{name}")),
                Some(schema) => unknown(description, schema, value, &format!("{place}{name}.")),
            })
        }
        Value::Array(items) => items.iter().find_map(|item| unknown(description, &schema["items"], item, place)),
        _ => None,
    }
}
