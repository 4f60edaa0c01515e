//! Several faults in one error (`checks::all_ok`): the message tells one of them, and here are the others, a line each.

use serde_json::Value;

use super::look::{Look, Paint, plain};
use crate::verdict::Verdict;

/// Where the faults stand among an error's details.
pub const DETAIL: &str = "failing";

/// The faults of an error beside the one that its message tells; `failing` is that detail of the error.
#[must_use]
pub fn beside(look: Look, message: &str, failing: Option<&Value>) -> Vec<String> {
    let failing = failing.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    failing.iter().filter_map(|fault| line(look, message, fault)).collect()
}

fn line(look: Look, message: &str, fault: &Value) -> Option<String> {
    let (key, said) = (fault["key"].as_str()?, fault["message"].as_str().unwrap_or_default());
    if message.contains(&format!("{key}: {said}")) {
        return None;
    }
    let verdict = fault["verdict"].as_str().and_then(Verdict::parse).unwrap_or(Verdict::Failed);
    // Most messages begin with what they are about.
    let rest = said.strip_prefix(key).map_or_else(|| format!("  {}", plain(said)), plain);
    let key = look.paint(Paint::Heading, plain(key));
    Some(format!("{}{key}{rest}", look.verdict(verdict)).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_but_the_one_that_the_message_tells() {
        let fault = |key: &str, verdict: &str| json!({"key": key, "verdict": verdict, "message": "is down"});
        let odd = json!({"key": 5});
        let named = json!({"key": "dc4", "verdict": "failed", "message": "dc4 is down"});
        let failing = json!([fault("dc1", "failed"), fault("dc2\n", "inconclusive"), odd, fault("dc3", "no"), named]);
        let lines = beside(Look { color: false }, "3 of 4 did not pass; dc1: is down", Some(&failing));
        assert_eq!(lines, ["inconclusive  dc2   is down", "failed        dc3  is down", "failed        dc4 is down"]);
        assert_eq!(beside(Look { color: false }, "dc1: is down", None), Vec::<String>::new());
    }
}
