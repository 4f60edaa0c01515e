//! A service fuzzed by its own OpenAPI document: `schemathesis` sends it what the document allows and what it forbids.

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::canary::canary;
use crate::agent::served::Served;

/// What `tests/run` has installed, as `tests/schemathesis.txt` says.
const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/schemathesis/bin/schemathesis");
/// All that it can look at but: that every text of the document's type is taken (domains and names have a syntax of their own), and
/// that each wrong token is answered 401 (who sends many is answered 429).
const NOT_CHECKED: &str = "positive_data_acceptance,ignored_auth";

/// Fails when an answer is a fault of the service's own, is not as the document says or holds one of `secrets`, or when something
/// that the document forbids is done.
pub fn fuzz(served: &Served, secrets: &[&str]) {
    assert!(Path::new(PROGRAM).exists(), "{PROGRAM} is not there: tests/run installs it, or\n{INSTALL}");
    let document = format!("http://{}/openapi.json", served.address);
    let token = format!("Authorization: {}", served.bearer());
    let report = served.world.folder().join("answers.har");
    let args = ["run", &document, "--header", &token, "--seed", "236", "--max-examples", "25"]
        .into_iter()
        .chain(["--phases", "examples,coverage,fuzzing", "--exclude-checks", NOT_CHECKED, "--continue-on-failure"])
        .chain(["--generation-database", "none", "--no-color", "--report-preserve-bytes", "--output-sanitize", "false"])
        .chain(["--warnings", "off", "--suppress-health-check", "all", "--report-har-path", report.to_str().unwrap()]);
    let output = served.world.program().executable(PROGRAM).limit(Duration::from_mins(3)).args(args).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{}", output.stdout);
    let answers: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let answers = answers["log"]["entries"].as_array().unwrap();
    let operations = served.open("/openapi.json").json()["paths"].as_object().unwrap().len();
    assert!(answers.len() > 20 * operations, "{} answers of {operations} operations", answers.len());
    let mut all = String::new();
    for answer in answers {
        let answer = &answer["response"];
        assert!(answer["status"].as_u64().is_some_and(|status| (200..500).contains(&status)), "{answer}");
        all.push_str(&answer.to_string());
    }
    for secret in secrets.iter().copied().chain([served.token.as_str()]) {
        canary(secret).assert_absent("an answer", &all);
    }
}

const INSTALL: &str =
    "python3 -m venv target/tmp/schemathesis && target/tmp/schemathesis/bin/pip install -r tests/schemathesis.txt";
