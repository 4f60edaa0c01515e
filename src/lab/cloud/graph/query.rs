//! What a list's query asks for: `$filter`, `$select`, `$top` and the next page.

use serde_json::{Map, Value, json};

use super::{
    super::{http::Answer, refusal::Failure},
    Outcome, Request,
    filter::Filter,
};

/// How much a page holds unless told, and at most (learn.microsoft.com, "List users").
const PAGE: usize = 100;
const LARGEST: usize = 999;

impl Request<'_> {
    /// A list, filtered, paged and cut to what was selected.
    pub(super) fn list(&self, context: &str, values: Vec<Value>) -> Outcome {
        self.list_of(context, values, &[])
    }

    /// The same for objects of which only some members are shown unless others are asked for.
    pub(super) fn list_of(&self, context: &str, mut values: Vec<Value>, usual: &[&str]) -> Outcome {
        if let Some(filter) = self.call.option("$filter") {
            let filter = Filter::parse(filter)
                .map_err(|why| Failure::new(400, "BadRequest", format!("Invalid filter clause: {why}")))?;
            values.retain(|value| filter.holds(value));
        }
        let size = self.size()?;
        let start = match self.call.option("$skiptoken") {
            None => 0,
            Some(token) => token.parse().map_err(|_| {
                Failure::new(400, "Directory_ExpiredPageToken", "The specified page token value has expired.")
            })?,
        };
        let more = values.len() > start + size;
        let page: Vec<Value> =
            values.into_iter().skip(start).take(size).map(|value| self.select(value, usual)).collect();
        let mut body = json!({ "@odata.context": self.context(context), "value": page });
        if more {
            body["@odata.nextLink"] = json!(self.next(start + size));
        }
        Ok(Answer::ok(body))
    }

    /// One object, cut to what was selected.
    pub(super) fn one(&self, context: &str, value: Value, usual: &[&str]) -> Answer {
        let mut body = json!({ "@odata.context": self.context(&format!("{context}/$entity")) });
        if let (Some(body), Value::Object(members)) = (body.as_object_mut(), self.select(value, usual)) {
            body.extend(members);
        }
        Answer::ok(body)
    }

    pub(super) fn context(&self, context: &str) -> String {
        format!("{}/v1.0/$metadata#{context}", self.cloud.base)
    }

    fn size(&self) -> Result<usize, Failure> {
        let Some(top) = self.call.option("$top") else { return Ok(PAGE) };
        match top.parse() {
            Ok(size) if (1..=LARGEST).contains(&size) => Ok(size),
            _ => {
                let message =
                    format!("Invalid page size specified: '{top}'. Must be between 1 and {LARGEST} inclusive.");
                Err(Failure::new(400, "Request_UnsupportedQuery", message))
            }
        }
    }

    fn select(&self, value: Value, usual: &[&str]) -> Value {
        let told: Option<Vec<&str>> =
            self.call.option("$select").map(|names| names.split(',').map(str::trim).collect());
        let wanted = told.as_deref().unwrap_or(usual);
        match value {
            Value::Object(members) if !wanted.is_empty() => {
                let keep = |name: &str| name.starts_with('@') || wanted.contains(&name);
                Value::Object(members.into_iter().filter(|(name, _)| keep(name)).collect::<Map<_, _>>())
            }
            other => other,
        }
    }

    /// The address of the next page.
    fn next(&self, start: usize) -> String {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let kept = self.call.query.iter().filter(|(name, _)| name != "$skiptoken");
        let mut query: Vec<String> = kept.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        query.push(format!("$skiptoken={start}"));
        let query = query.join("&");
        format!("{}{}?{query}", self.cloud.base, self.call.raw_path)
    }
}
