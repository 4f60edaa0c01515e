//! Microsoft's own description of Graph, where it lies beside the repository: every answer of the lab is held against it.

use std::{path::Path, sync::LazyLock};

use serde_json::{Value, json};

/// The description, and its schemas as JSON Schema has them.
static DESCRIPTION: LazyLock<Option<(Value, Value)>> = LazyLock::new(|| {
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
    let mut files = places.map(|place| place.join("shared/graph/graph-v1-subset.openapi.json"));
    let text = std::fs::read_to_string(files.find(|file| file.exists())?).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let mut schemas = description["components"]["schemas"].clone();
    schemas.as_object_mut().unwrap().values_mut().for_each(modernise);
    Some((description, schemas))
});

/// `OpenAPI` 3.0 says `nullable` where JSON Schema lists the type `null`.
fn modernise(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(modernise),
        Value::Object(members) => {
            members.values_mut().for_each(modernise);
            let nullable = members.remove("nullable") == Some(true.into());
            if let Some(kind) = members.get_mut("type").filter(|_| nullable) {
                *kind = json!([kind.take(), "null"]);
            }
        }
        _ => {}
    }
}

/// Holds an answer of Graph against the description. `path` is what follows `/v1.0`, without a query.
pub fn check(method: &str, path: &str, status: u16, body: &Value) {
    let Some((description, schemas)) = DESCRIPTION.as_ref() else { return };
    let schema = if status >= 400 {
        json!({ "$ref": "#/components/schemas/microsoft.graph.ODataErrors.ODataError" })
    } else {
        let Some(schema) = success(description, method, path) else { return };
        schema
    };
    let root = json!({ "allOf": [schema.clone()], "components": { "schemas": schemas } });
    let validator = jsonschema::validator_for(&root).unwrap();
    // The description leaves annotations out, and lets them be objects only where anything may stand.
    let mut plain = body.clone();
    plain.as_object_mut().unwrap().retain(|name, _| !name.starts_with("@odata.context"));
    let wrong: Vec<String> = validator.iter_errors(&plain).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(wrong, Vec::<String>::new(), "{method} {path}: {body}");
    let mut unknown = Vec::new();
    names(schemas, &schema, body, "", &mut unknown);
    assert_eq!(unknown, Vec::<String>::new(), "{method} {path}: members that Microsoft does not describe in {body}");
}

/// The schema of a success: `None` for an operation that the description does not hold, or that answers nothing.
fn success(description: &Value, method: &str, path: &str) -> Option<Value> {
    let paths = description["paths"].as_object().unwrap();
    let (_, operations) = paths.iter().find(|(template, _)| fits(template, path))?;
    let mut response = &operations[method.to_lowercase()]["responses"]["2XX"];
    if let Some(name) = response["$ref"].as_str() {
        response = &description["components"]["responses"][name.rsplit('/').next().unwrap()];
    }
    let mut schema = response["content"]["application/json"].get("schema")?.clone();
    modernise(&mut schema);
    Some(schema)
}

/// Whether a path is one of a template's, e.g. `/users/{user-id}`.
fn fits(template: &str, path: &str) -> bool {
    let mut pattern = String::new();
    for part in template.split_inclusive('}') {
        let (fixed, variable) = part.split_once('{').map_or((part, ""), |(fixed, _)| (fixed, "[^/()]+"));
        pattern += &regex::escape(fixed);
        pattern += variable;
    }
    regex::Regex::new(&format!("^{pattern}$")).unwrap().is_match(path)
}

/// Collects members that no schema names: JSON Schema itself lets them pass.
fn names(schemas: &Value, schema: &Value, value: &Value, place: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for item in items {
                names(schemas, &schema["items"], item, place, unknown);
            }
        }
        Value::Object(members) => {
            // An object of a type below the described one says which.
            let named = members.get("@odata.type").and_then(Value::as_str).map(|name| &schemas[&name[1..]]);
            let known = properties(schemas, named.unwrap_or(schema));
            for (name, member) in members.iter().filter(|(name, _)| !name.starts_with('@')) {
                match known.iter().find(|(known, _)| known == name) {
                    Some((_, schema)) => names(schemas, schema, member, &format!("{place}/{name}"), unknown),
                    None if known.is_empty() => {}
                    None => unknown.push(format!("{place}/{name}")),
                }
            }
        }
        _ => {}
    }
}

fn properties<'a>(schemas: &'a Value, schema: &'a Value) -> Vec<(&'a str, &'a Value)> {
    let mut all = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        all.extend(properties(schemas, &schemas[name.rsplit('/').next().unwrap()]));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        all.extend(properties(schemas, part));
    }
    all.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
    all
}
