//! Who may come in.

use serde_json::json;

use super::served::{Served, request, token};
use crate::support::{text::assert_same, world::World};

#[test]
fn nothing_but_the_pages_is_to_be_had_without_the_token() {
    let served = Served::new();
    let document = served.open("/openapi.json").json();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let reply = served.say(&request(&method.to_uppercase(), path, &[], ""));
            assert_eq!(reply.problem(), (401, "service.no_token".to_owned()), "{method} {path}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
            operations += 1;
        }
    }
    assert!(operations > 15, "{operations}");
    // what there is not is not told either
    assert_eq!(served.open("/api/Connections/Nothing").problem().0, 401);
    assert_eq!(served.get("/api/Connections/Nothing").problem(), (404, "service.unknown_path".to_owned()));
    assert_eq!(served.get("/api/Connections/Add").problem(), (405, "service.wrong_method".to_owned()));
    assert_eq!(served.get("/api/Connections/Add").header("allow"), Some("POST"));
}

#[test]
fn a_refusal_is_said_whole_and_repeats_nothing() {
    let served = Served::new();
    let reply = served.say(&request("GET", "/api/hush?hush=hush", &[("Authorization", "Bearer hush")], ""));
    assert_same(
        "the refusal",
        r#"{"title":"Unauthorized","status":401,"code":"service.wrong_token","detail":"the token is wrong","remedy":"send the header Authorization: Bearer TOKEN; the service's `token` command on its host prints the token","retryable":false,"verdict":"failed"}
"#,
        &format!("{}\n", reply.body),
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[test]
fn a_peer_with_wrong_tokens_is_not_listened_to_but_the_right_token_is() {
    let served = Served::new();
    let wrong = |text: &str| served.say(&request("GET", "/api/Agent/Status", &[("Authorization", text)], ""));
    let almost = format!("Bearer {}x", served.token);
    let codes: Vec<u16> = (0..12).map(|_| wrong(&almost).status).collect();
    assert_eq!(&codes[..10], [401; 10]);
    assert_eq!(codes[11], 429, "{codes:?}");
    let refused = wrong(&almost);
    assert_eq!(refused.problem(), (429, "service.too_many_attempts".to_owned()));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=7).contains(&wait), "{wait}");
    // who shows none guesses nothing
    assert_eq!(wrong("Basic YTpi").problem(), (401, "service.no_token".to_owned()));
    assert_eq!(served.get("/api/Agent/Status").status, 200);
}

#[test]
fn the_scheme_is_read_without_regard_to_case() {
    let served = Served::new();
    for scheme in ["bearer ", "BEARER ", "Bearer   "] {
        let shown = format!("{scheme}{}", served.token);
        assert_eq!(served.say(&request("GET", "/api/Agent/Status", &[("Authorization", &shown)], "")).status, 200);
    }
    for shown in ["", "Bearer", "Bearer ", "Bearer  ", &served.token] {
        assert_eq!(served.say(&request("GET", "/api/Agent/Status", &[("Authorization", shown)], "")).status, 401);
    }
}

#[test]
fn the_token_is_made_once_printed_alone_and_kept_encrypted() {
    let world = World::new();
    let first = world.program().args(["agent", "token"]).run();
    assert_eq!((first.code, first.stderr.as_str(), first.stdout.lines().count()), (Some(0), "", 1));
    let secret = first.stdout.trim();
    assert!(secret.len() == 43 && secret.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{secret}");
    assert_eq!(token(&world, &[]), secret);
    crate::support::canary::canary(secret).assert_absent_below(&world.home());
    let served = Served::with(world, &[]);
    assert_eq!(served.token, secret);
    let other = token(&served.world, &["--new"]);
    assert_ne!(other, secret);
    // the one that runs goes on with what it was started with
    assert_eq!(served.get("/api/Agent/Status").status, 200);
    let (world, _) = served.stop();
    let served = Served::with(world, &[]);
    assert_eq!(served.token, other);
    let status = served.get("/api/Agent/Status").json();
    assert_eq!(
        json!([status["status"], status["version"], status["connections"], status["licenceProfiles"]]),
        json!(["up", env!("CARGO_PKG_VERSION"), 0, 0])
    );
}

#[test]
fn a_token_that_cannot_be_opened_is_not_replaced_by_itself() {
    let world = World::new();
    token(&world, &[]);
    std::fs::write(world.home().join("agent/token.age"), "rubbish").unwrap();
    let output = world.program().args(["agent", "token"]).run();
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert!(output.stderr.starts_with("error[service.token_unreadable]"), "{}", output.stderr);
    assert_eq!(token(&world, &["--new"]).len(), 43);
}

#[test]
fn many_that_make_the_token_at_once_get_the_same() {
    let world = World::new();
    let running: Vec<_> = (0..6).map(|_| world.program().args(["agent", "token"]).start()).collect();
    let mut tokens = Vec::new();
    for one in running {
        let ended = one.finish();
        assert_eq!((ended.code, ended.stderr.as_str(), ended.stdout.trim_end().len()), (Some(0), "", 43));
        tokens.push(ended.stdout);
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
}
