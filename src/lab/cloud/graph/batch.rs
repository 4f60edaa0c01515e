//! `$batch`: up to twenty requests in one. That the whole is answered with 200 says nothing of its parts.
//!
//! Source: learn.microsoft.com, "Combine multiple HTTP requests using JSON batching".

use serde_json::{Map, Value, json};

use super::super::{
    http::{Answer, Body, Call, pairs, segments},
    refusal::Failure,
    world::Cloud,
};

/// So many requests fit in.
const MOST: usize = 20;

impl Cloud {
    pub(super) fn batch(&self, call: &Call) -> Result<Answer, Failure> {
        let invalid = |why: &str| Failure::new(400, "BadRequest", format!("Invalid batch payload format. {why}"));
        let body: Value = serde_json::from_slice(&call.body).map_err(|_| invalid("It is no JSON."))?;
        let requests = body["requests"].as_array().ok_or_else(|| invalid("It has no requests."))?;
        if requests.len() > MOST {
            return Err(invalid(&format!("Number of batch request steps exceeds the maximum value of {MOST}.")));
        }
        let mut responses = Vec::new();
        let mut failed: Vec<&str> = Vec::new();
        for request in requests {
            let id = request["id"].as_str().ok_or_else(|| invalid("A request has no id."))?;
            let needed = request["dependsOn"].as_array().into_iter().flatten();
            let nested = request["url"].as_str().is_some_and(|url| url.contains("$batch"));
            let answer = if nested {
                invalid("A batch holds no batch.").answer(call, self.now())
            } else if needed.filter_map(Value::as_str).any(|id| failed.contains(&id)) {
                Failure::new(424, "FailedDependency", "A request that this one depends on failed.")
                    .answer(call, self.now())
            } else {
                self.graph(&inner(request, call).ok_or_else(|| invalid("A request has no method or url."))?)
            };
            if answer.status >= 400 {
                failed.push(id);
            }
            responses.push(part(id, answer));
        }
        // Answers come in any order (learn.microsoft.com, same page), so nobody shall rely on one.
        responses.reverse();
        Ok(Answer::ok(json!({ "responses": responses })))
    }
}

fn inner(request: &Value, outer: &Call) -> Option<Call> {
    let (method, address) = (request["method"].as_str()?, request["url"].as_str()?);
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    let version = outer.path.first()?;
    let raw_path = format!("/{version}/{}", path.trim_start_matches('/'));
    let body = request.get("body").filter(|body| !body.is_null());
    Some(Call {
        method: method.to_uppercase(),
        path: segments(&raw_path),
        raw_path,
        query: query.map(pairs).unwrap_or_default(),
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        bearer: outer.bearer.clone(),
        client_request_id: outer.client_request_id.clone(),
    })
}

fn part(id: &str, answer: Answer) -> Value {
    let mut headers: Map<String, Value> =
        answer.headers.into_iter().map(|(name, value)| (title(name), value.into())).collect();
    let mut part = json!({ "id": id, "status": answer.status });
    if let Body::Json(body) = answer.body {
        headers.insert("Content-Type".to_owned(), "application/json".into());
        part["body"] = body;
    }
    part["headers"] = Value::Object(headers);
    part
}

/// A header's name as services write it: `Retry-After`.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
