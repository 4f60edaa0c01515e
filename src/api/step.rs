//! The words that need no namespace: `step`, `skip`, `sleep`.

use std::{sync::Arc, time::Instant};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use rhai::{Dynamic, EvalAltResult, FnPtr};

use crate::{
    error::{Error, Result},
    script::{
        context::Context,
        diagnose::{failure, verdict_of},
        operation::{Call, Namespace, Spec, block},
        value::{FromScript, Span},
    },
    secret::redact::redact,
    store::{
        events::{Event, Failure},
        ledger::{EndPart, NewPart},
        runs::PartKind,
    },
    verdict::Verdict,
};

/// Characters of a step's name: it stands in every path and event of what is inside.
const LONGEST_NAME: usize = 200;

pub(super) fn namespace() -> Namespace {
    Namespace::new("")
        .native(
            Spec {
                signature: "step(name: text, body: closure) -> what the closure returns",
                grant: None,
                doc: "Performs a named step of the procedure. Its name is what the terminal, the report and the ledger show. A step \
                      whose closure throws has failed, and ends the script unless the throw is caught; one that returns a record with a \
                      `verdict`, or an array of such records, is as good as the heaviest of them.",
                example: r#"let sum = step("Add two numbers", || 1 + 2); print(sum);"#,
            },
            step,
        )
        .native(
            Spec {
                signature: "skip(reason: text) -> never returns",
                grant: None,
                doc: "Ends the step or item around it as `skipped`, which keeps a run `ok`.",
                example: r#"step("Test what is not there", || skip("nothing to test"));"#,
            },
            |call, values| {
                let reason = argument::<String>(call, values.into_iter().next(), "reason")?;
                Err(call.fail(&Error::skipped("script.skipped", reason)))
            },
        )
        .operation(
            Spec {
                signature: "sleep(time: seconds or duration)",
                grant: None,
                doc: "Waits, e.g. `sleep(2)`, `sleep(0.5)`, `sleep(\"5m\")`. Only this script or item waits.",
                example: "sleep(0.01);",
            },
            sleep,
        )
        .immediate(
            Spec {
                signature: "days_until(time: text) -> int",
                grant: None,
                doc: "Whole days from now until a time (RFC 3339, as operations answer it); negative when it is over.",
                example: r#"print(days_until("2020-02-29T00:00:00Z") < 0);"#,
            },
            days_until,
        )
}

fn days_until((time,): (String,)) -> Result<i64> {
    let time = OffsetDateTime::parse(&time, &Rfc3339).map_err(|_| {
        Error::new("script.argument", format!("{time:?} is not a time")).hint("as in 2026-01-31T12:00:00Z (RFC 3339)")
    })?;
    Ok((time - OffsetDateTime::now_utc()).whole_seconds().div_euclid(86_400))
}

async fn sleep(_: Context, (time,): (Span,)) -> Result<()> {
    if time.0.is_zero() {
        // The timer counts in milliseconds; nothing at all is not one of them.
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(time.0).await;
    }
    Ok(())
}

fn argument<T: FromScript>(call: &Call, value: Option<Dynamic>, name: &str) -> Result<T, Box<EvalAltResult>> {
    T::from_script(value.unwrap_or(Dynamic::UNIT)).map_err(|e| call.wrong_argument(format!("`{name}` {e}")))
}

fn step(call: &Call, values: Vec<Dynamic>) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut values = values.into_iter();
    let name = argument::<String>(call, values.next(), "name")?;
    if name.chars().nth(LONGEST_NAME).is_some() {
        return Err(call.wrong_argument(format!("`name` must not be longer than {LONGEST_NAME} characters")));
    }
    // Of what a script knows by other ways (a file, an answer) a part may be a secret.
    let name = redact(&name).into_owned();
    let Some(body) = values.next().and_then(Dynamic::try_cast::<FnPtr>) else {
        return Err(call.wrong_argument("`body` must be a closure: step(\"name\", || { ... })"));
    };
    let world = &call.task.world;
    let (path, occurrence) = call.task.next_part(&name);
    if world.options.ask_each_step && !world.options.yes {
        let question = format!("Perform the step \"{path}\"? [y/N]");
        let context = Context::new(Arc::clone(world), call.task.part());
        // Where it holds up nobody else, and Ctrl-C ends the waiting.
        let call_context = context.clone();
        let asked = async move {
            call_context.world.events.are_shown().await;
            call_context.blocking(move |context| context.world.host.ask(&question)).await
        };
        let answer = block(&call.task, &context, asked)?.map_err(|e| call.fail(&e))?;
        if !answer.eq_ignore_ascii_case("y") && !answer.eq_ignore_ascii_case("yes") {
            let error = Error::inconclusive("script.stopped", format!("stopped before the step \"{path}\""));
            return Err(call.fail(&error));
        }
    }
    world.ledger.begin_part(NewPart { path: path.clone(), occurrence, kind: PartKind::Step, key: None });
    world.events.emit(Event::StepStarted { step: path.clone() });
    tracing::info!("step \"{path}\" begins");
    let begun = Instant::now();
    let result = call.task.inside(&path, || body.call_within_context::<Dynamic>(&call.context, ()));
    let result = call.task.conclude(result);
    let (verdict, error) = match &result {
        Ok(value) => verdict_of(value),
        Err(error) => {
            let failure = failure(error, &call.task, call.context.call_source().unwrap_or_default());
            (failure.verdict, Some(failure))
        }
    };
    end_step(call, path, occurrence, verdict, begun.elapsed().as_millis() as u64, result.as_ref().ok(), error);
    match result {
        Err(_) if verdict == Verdict::Skipped && call.task.ending().is_none() => Ok(Dynamic::UNIT),
        result => result,
    }
}

fn end_step(
    call: &Call,
    path: String,
    occurrence: u32,
    verdict: Verdict,
    ms: u64,
    value: Option<&Dynamic>,
    error: Option<Failure>,
) {
    let world = &call.task.world;
    tracing::info!("step \"{path}\" ended {verdict} after {ms} ms");
    world.ledger.end_part(EndPart {
        path: path.clone(),
        occurrence,
        verdict,
        ms,
        value: value.map(crate::script::value::for_ledger),
        error: error.as_ref().and_then(|error| serde_json::to_value(error).ok()),
    });
    world.events.emit(Event::StepFinished { step: path, verdict, ms, error });
}
