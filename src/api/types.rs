//! The types of Libretto's own that scripts hold: secrets, which show nothing, and connections, which show what they are.
//! And the one function of the language that scripts must not have.

use rhai::{Array, Dynamic, Engine, EvalAltResult, NativeCallContext};
use serde_json::Value;

use crate::{
    connection::{Connection, Settings},
    error::Error,
    script::{
        diagnose::raise,
        value::{self, FromScript},
    },
    secret::Secret,
};

pub(super) fn register(engine: &mut Engine) {
    register_secret(engine);
    forbid_exit(engine);
    register_connection(engine);
}

/// A secret prints as `[secret]` and compares with nothing: a script that could compare could guess.
fn register_secret(engine: &mut Engine) {
    engine.register_type_with_name::<Secret>("Secret");
    for name in ["to_string", "to_debug", "print", "debug"] {
        engine.register_fn(name, |_: &mut Secret| "[secret]");
    }
    engine.register_fn("to_json", |_: &mut Secret| "\"[secret]\"");
    // Rhai's own writes a value that it does not know as the name of its type.
    engine.register_fn("to_json", |map: &mut rhai::Map| value::to_json(&map.clone().into()).to_string());
    engine.register_fn("+", |text: &str, _: Secret| format!("{text}[secret]"));
    engine.register_fn("+", |_: Secret, text: &str| format!("[secret]{text}"));
    for operator in ["==", "!=", "<", ">", "<=", ">="] {
        engine.register_fn(operator, |at: NativeCallContext, _: Secret, _: Secret| incomparable(&at));
        engine.register_fn(operator, |at: NativeCallContext, _: Secret, _: &str| incomparable(&at));
        engine.register_fn(operator, |at: NativeCallContext, _: &str, _: Secret| incomparable(&at));
    }
}

fn incomparable(at: &NativeCallContext) -> Result<bool, Box<EvalAltResult>> {
    let error = Error::new("secret.compared", "a secret cannot be compared")
        .hint("to see whether one was given, write `args::name != ()`");
    Err(raise(&error, at.fn_name(), at.call_source(), at.call_position()))
}

/// The language's own `exit` ends a script wherever it is, also out of a step and an item, without a word on how it went.
fn forbid_exit(engine: &mut Engine) {
    fn refuse(at: &NativeCallContext) -> Result<Dynamic, Box<EvalAltResult>> {
        let error = Error::new("script.exit", "a script does not end by exit()").hint(
            "it ends at its end; `throw` ends it as failed, `skip(\"reason\")` ends a step or an item as skipped",
        );
        Err(raise(&error, "exit", at.call_source(), at.call_position()))
    }
    engine.register_fn("exit", |at: NativeCallContext| refuse(&at));
    engine.register_fn("exit", |at: NativeCallContext, _: Dynamic| refuse(&at));
}

fn register_connection(engine: &mut Engine) {
    engine.register_type_with_name::<Connection>("Connection");
    engine.register_fn("to_string", |c: &mut Connection| c.name.clone());
    engine.register_fn("to_debug", |c: &mut Connection| format!("connection {}", c.name));
    engine.register_fn("==", |a: Connection, b: Connection| a.id == b.id);
    engine.register_fn("!=", |a: Connection, b: Connection| a.id != b.id);
    engine.register_get("name", |c: &mut Connection| c.name.clone());
    engine.register_get("kind", |c: &mut Connection| c.kind.as_str());
    engine.register_get("domain", |c: &mut Connection| c.domain.clone());
    engine.register_get("username", |c: &mut Connection| c.username.clone());
    engine.register_get("customer", |c: &mut Connection| c.customer.clone().map_or(Dynamic::UNIT, Dynamic::from));
    for column in ["via", "ad", "app_home"] {
        engine.register_get(column, move |c: &mut Connection| {
            let named = c.settings.links().find(|(its, ..)| *its == column);
            named.map_or(Dynamic::UNIT, |(_, _, name)| name.to_owned().into())
        });
    }
    engine.register_get("client_id", |c: &mut Connection| {
        c.settings.app().map_or(Dynamic::UNIT, |app| app.to_owned().into())
    });
    engine.register_get("agent", |c: &mut Connection| match &c.settings {
        Settings::Ad(_) => Dynamic::UNIT,
        Settings::MsOnline(online) => online.agent().into(),
    });
    engine.register_get("tags", |c: &mut Connection| texts(&c.tags));
    engine.register_get("targets", |c: &mut Connection| match &c.settings {
        Settings::Ad(ad) => texts(&ad.targets),
        Settings::MsOnline(_) => Array::new(),
    });
    engine.register_get("home_servers", |c: &mut Connection| match &c.settings {
        Settings::Ad(ad) => ad.home_servers.iter().map(|server| server.path.clone().into()).collect(),
        Settings::MsOnline(_) => Array::new(),
    });
}

fn texts(texts: &[String]) -> Array {
    texts.iter().map(|text| text.clone().into()).collect()
}

/// Anything that a script gives, e.g. the body of a request: as JSON, secrets in it opened.
pub(super) struct Anything(pub(super) Value);

impl FromScript for Anything {
    const TYPE: &'static str = "any";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        value::outgoing(&value).map(|(json, _)| Self(json))
    }
}
