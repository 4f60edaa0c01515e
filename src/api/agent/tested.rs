//! The test of an agent's copy, and what it says of the version that the copy has.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    copies::{forget, hand, is_other},
    way::Way,
};
use crate::{
    agent::client::{
        Answer, NationalCloud, Which, answer::quotable, find::TEST_CONNECTION, may_not_be_known_yet, refuses_proof,
    },
    api::credentials,
    connection::{
        self, Connection,
        apps::{bind_app, home_tenant},
        credentials::{self as stored, Credential, directory_guid},
    },
    error::{Error, Result},
    script::{
        context::{Context, CredentialState},
        value::Record,
    },
    secret::Secret,
    verdict::Verdict,
};

/// Between two tests of a version that is not known everywhere yet.
const PAUSE: Duration = Duration::from_secs(5);
/// How many of them have to succeed one after the other.
const IN_A_ROW: u32 = 3;

pub(super) async fn test_connection(context: Context, (connection,): (Connection,)) -> Result<Record<Value>> {
    let way = Way::to(&context, &connection).await?;
    let (agent, domain, begun) = (way.agent.address().to_string(), way.connection.domain.clone(), Instant::now());
    let state = context.credential_state(way.connection.id);
    let is_new = is_to_be_proven(&way) && matches!(state, Some(CredentialState::Candidate(_)));
    let answer = ask(&context, &way, is_new).await;
    let took = begun.elapsed();
    let shown =
        |verdict, note: &str, error: Option<&Error>| context.check_finished(&domain, verdict, took, note, error);
    match answer {
        Ok((_, answer)) if is_to_be_proven(&way) && is_other(&context, &way, &answer.body) => {
            // What it has now was accepted: to give back another one would break it.
            forget(&context, &way).await?;
            let error = Error::inconclusive(
                "agent.copy_changed",
                format!("the agent {agent} has tested another version of {domain} than it was given here"),
            )
            .hint("somebody else gives it copies too, of this domain or of another one of the same app: see who, then `agent::update` again");
            shown(error.verdict(), "", Some(&error));
            Err(error)
        }
        Ok((id, answer)) => {
            shown(Verdict::Ok, &format!("{id}, by the agent {agent}"), None);
            accepted(&context, &way, &answer.body).await?;
            Ok(Record(report(&agent, &domain, (id, took), &answer)))
        }
        Err(error) => {
            shown(error.verdict(), "", Some(&error));
            Err(refused(&context, &way, error).await?)
        }
    }
}

/// Asks for the test. That the cloud does not know a candidate says nothing until it has had the time to hear of it; and where
/// one part of it has not, one success says little.
pub(super) async fn ask(context: &Context, way: &Way, is_new: bool) -> Result<(String, Answer)> {
    let (begun, mut was_unknown, mut row) = (Instant::now(), false, 0);
    loop {
        let answer = way.ask(Which::Wanted(&TEST_CONNECTION), &way.values()).await;
        let answer = answer.and_then(|answer| judge(&way.connection.domain, answer));
        match &answer {
            Ok(_) => row += 1,
            Err(error) if is_new && may_not_be_known_yet(error.code()) => {
                tracing::info!(
                    connection = way.connection.name,
                    "the cloud does not know the new version yet: {error}"
                );
                (was_unknown, row) = (true, 0);
            }
            Err(_) => return answer,
        }
        let is_over = begun.elapsed() + PAUSE > context.world.options.wait;
        if !was_unknown || row >= IN_A_ROW || (is_over && answer.is_err()) {
            return answer;
        }
        if is_over {
            return Err(not_yet("there was no time to see it accepted often enough"));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = context.hurry.cancelled() => {
                return Err(not_yet("was not waited for"));
            }
        }
    }
}

/// Some parts of the cloud know the new version, and it cannot be told whether all do.
fn not_yet(why: &str) -> Error {
    Error::inconclusive("cloud.not_yet", format!("the new version is not known everywhere yet, and {why}"))
        .hint("the earlier credential stays current; test the new one again later")
}

fn report(agent: &str, domain: &str, (id, took): (String, Duration), answer: &Answer) -> Value {
    json!({ "agent": agent, "domain": domain, "verdict": Verdict::Ok, "code": answer.status, "id": id,
        "ms": took.as_millis() as u64, "body": answer.body })
}

/// A good answer has an ID (article 236), is about the domain that was meant, and tells of no failure.
fn judge(domain: &str, answer: Answer) -> Result<(String, Answer)> {
    let members = |names: &'static [&str]| {
        let all = answer.body.as_object().into_iter().flatten();
        all.filter(|(name, _)| names.iter().any(|one| name.eq_ignore_ascii_case(one))).map(|(_, value)| value)
    };
    let other = members(&["domain", "domainName"]).filter_map(Value::as_str).find(|text| !text.is_empty());
    if let Some(other) = other.filter(|other| !other.eq_ignore_ascii_case(domain)) {
        return Err(Error::new(
            "agent.wrong_domain",
            format!("the agent was asked about {domain} and answers about {}", quotable(other)),
        )
        .hint("see on the agent which connection it has for the domain"));
    }
    let failure = members(&["error", "errors", "errorMessage"]).find(|value| is_said(value));
    let is_none = members(&["success", "succeeded", "isSuccess"]).any(|value| value == &Value::Bool(false));
    if failure.is_some() || is_none {
        let said = failure.and_then(Value::as_str).map_or_else(String::new, |text| format!(": {}", quotable(text)));
        return Err(Error::new(
            "agent.test_failed",
            format!("the agent answers {}, and tells of a failure{said}", answer.status),
        )
        .hint("look at TestConnection on the agent's Swagger page, and into its log"));
    }
    match members(&["id", "objectId", "tenantId"]).find_map(id) {
        Some(id) => Ok((id, answer)),
        None => Err(Error::new("agent.bad_answer", format!("the agent answers {} without an ID", answer.status))
            .hint("look at TestConnection on the agent's Swagger page: a good answer has the code 200 and an ID")),
    }
}

/// Whether a member says anything.
fn is_said(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
    }
}

/// An ID: a text, or a number; none that is made of nothing.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.chars().any(|c| c.is_alphanumeric() && c != '0') => Some(text.clone()),
        Value::Number(number) if number.as_u64().is_some_and(|id| id > 0) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether the agent's copy has just the version that this run signs in with, and that has yet to be proven.
fn is_to_be_proven(way: &Way) -> bool {
    way.version.is_some_and(|(version, unproven)| unproven && way.copy == Some(version))
}

async fn accepted(context: &Context, way: &Way, body: &Value) -> Result<()> {
    if is_to_be_proven(way) {
        let sign_in = credentials::sign_in(context, &way.connection).await?;
        let on = format!("agent {}", way.agent.address());
        credentials::accepted(context, &way.connection, &sign_in, &on).await?;
    }
    // The test has passed; whose app it is can be learnt another time.
    if let Err(error) = learn(context, way, body).await {
        tracing::debug!(connection = way.connection.name, "the app's cloud is not known yet: {error}");
    }
    Ok(())
}

/// Which cloud an app is of, and, where this connection's tenant holds its registration, which tenant that is.
async fn learn(context: &Context, way: &Way, body: &Value) -> Result<()> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    // It becomes a part of what the app is called from here on: no agent's free text may.
    let cloud = text("cloud").filter(|word| NationalCloud::parse(word).is_some());
    let (Some(cloud), Some(_)) = (cloud, way.connection.settings.app()) else { return Ok(()) };
    let home = way.connection.msonline()?.app_home.as_ref();
    let tenant = home.filter(|home| home.eq_ignore_ascii_case(&way.connection.name)).and_then(|_| text("tenant"));
    let tenant = tenant.filter(|id| uuid::Uuid::try_parse(id).is_ok());
    let (id, principal) = (way.connection.id, way.connection.principal);
    context
        .blocking(move |context| {
            let store = &context.world.store;
            let is_known = directory_guid(store, principal)?.is_some();
            if is_known && (tenant.is_none() || home_tenant(store, principal)?.is_some()) {
                return Ok(());
            }
            bind_app(store, id, &cloud, tenant.as_deref()).map(|_| ())
        })
        .await
}

/// What a failure makes of the version, and of the agent's copy: an agent does not go on with a version that nothing has proven.
/// Answers the error, with what is left to do.
async fn refused(context: &Context, way: &Way, error: Error) -> Result<Error> {
    if !is_to_be_proven(way) || context.credential_state(way.connection.id).is_none() {
        return Ok(error);
    }
    let sign_in = credentials::sign_in(context, &way.connection).await?;
    let is_refused = refuses_proof(error.code());
    if is_refused {
        credentials::refused(context, &way.connection, &sign_in, &error).await?;
    } else {
        credentials::unasked(context, &way.connection, &sign_in).await?;
    }
    if !sign_in.is_candidate {
        return Ok(error);
    }
    let Err(why) = give_back(context, way).await else { return Ok(error) };
    let before = error.remedy().map_or_else(String::new, |remedy| format!("{remedy}; "));
    let hint = format!(
        "{before}the agent {} still has the version {} that {}, because {why}: `libretto recover` gives it the \
         current one",
        way.agent.address(),
        sign_in.credential.version,
        if is_refused { "was refused" } else { "is not proven" }
    );
    Ok(error.hint(hint))
}

/// The agent works with its copy, so it is to have the version that is current and not the one that was refused.
///
/// Answers its number.
pub(super) async fn give_back(context: &Context, way: &Way) -> Result<u32> {
    let id = way.connection.id;
    let open = move |context: &Context| -> Result<(Credential, Secret)> {
        let (store, host) = (&context.world.store, &context.world.host);
        let current = stored::current(store, &connection::by_id(store, id)?)?
            .ok_or_else(|| Error::new("connection.no_credential", "no version is current"))?;
        let secret = match current.reference {
            Some(_) => stored::fetch(store, host, &current)?,
            None => stored::open(store, context.identity()?, &current)?,
        };
        Ok((current, secret))
    };
    let (current, secret) = context.blocking(open).await?;
    hand(context, way, (&current, secret), " again").await?;
    Ok(current.version)
}
