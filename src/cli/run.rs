//! `libretto run`.

use std::{io::Write as _, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::runtime::Runtime;

use super::{Session, args::RunArgs, complain, recover};
use crate::{
    error::{Error, Result},
    host::StopSignals,
    report::{self, Human, Progress},
    run::{self, Finished, Refusal, Request, exit_code},
    script::context::Interrupt,
    secret::reference::end_waiting,
    store::events::{EventStream, Failure},
    verdict::Verdict,
};

/// Nothing moves on the terminal before that: most runs are over by then.
const QUIET_TIME: Duration = Duration::from_millis(250);
/// How often the moving line is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// Performs a script.
pub(super) fn run(session: &Session, args: RunArgs) -> Result<u8, Refusal> {
    if args.plan {
        return Err(Error::new("usage.plan", "plan mode is not built yet")
            .hint("try the script with --lab: nothing outside is touched there")
            .into());
    }
    let request = Request {
        values: pairs(&args.script, &args.values)?,
        script: args.script,
        lab: args.lab,
        faults: args.fault,
        deny: args.deny,
        customer: args.customer,
        wait: args.wait,
        insist: args.insist,
        yes: session.global.yes,
        ask_each_step: args.step,
        home: session.home.clone(),
    };
    perform(session, &request)
}

/// Splits parameters. What is none is not repeated, as the reader of arguments would: it may be a secret that somebody gave
/// without its name.
fn pairs(script: &str, values: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |value: &String| match value.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Error::new("usage.parameter", "a parameter is written name=value, and one of those given is not")
            .hint(format!("`libretto describe {script}` shows the parameters"))),
    };
    values.iter().map(pair).collect()
}

/// Performs a request from its preparation to its exit code.
pub(super) fn perform(session: &Session, request: &Request) -> Result<u8, Refusal> {
    let prepared = run::prepare(&session.host, request)?;
    recover::remind_before(session, request, prepared.store());
    let sources = prepared.texts().into();
    let runtime = runtime()?;
    // Heard from before the script begins: an interrupt must never end the program in the middle of a write.
    let mut signals = runtime.block_on(async { StopSignals::listen() });
    let Some(running) = runtime.block_on(begin(run::start(prepared, runtime.handle()), &mut signals, request.lab))
    else {
        runtime.shutdown_background();
        let error = Error::new("script.interrupted", "the run was interrupted before it began; nothing was done");
        complain(session.out, &sources, &Failure::from(&error));
        return Ok(exit_code(Verdict::Inconclusive, true));
    };
    let running = running?;
    let finished = runtime.block_on(follow(session, running, signals, &sources));
    // Whatever still blocks (a name look-up of the system's) must not hold up the exit, nor outlive it.
    end_waiting();
    runtime.shutdown_background();
    match finished {
        Ok(finished) => Ok(finished.exit),
        // The script has begun: whatever this is, it is no refusal.
        Err(error) => {
            complain(session.out, &sources, &Failure::from(&error));
            Ok(exit_code(Verdict::Failed, false))
        }
    }
}

/// Begins the run; `None` when somebody asks to stop while it waits for a secret, or for a store that another process has
/// locked.
async fn begin(
    start: impl Future<Output = Result<run::Running>>,
    signals: &mut StopSignals,
    lab: bool,
) -> Option<Result<run::Running>> {
    let mut start = Box::pin(start);
    tokio::select! { biased;
        begun = &mut start => return Some(begun),
        () = signals.next() => {}
    }
    end_waiting();
    if !lab {
        // Dropping it would wait for the ledger's thread, which waits for the lock. The program ends now, and a transaction
        // that has not begun leaves nothing behind.
        std::mem::forget(start);
        return None;
    }
    // The lab's folder goes with it.
    let running = start.await.ok()?;
    running.interrupt.stop.cancel();
    Some(Ok(running))
}

/// The runtime that does the input and output of operations.
///
/// Half of the processors, for the script's thread and what it talks to need the others; each worker costs memory.
pub(super) fn runtime() -> Result<Runtime> {
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get() / 2).clamp(1, 4);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|e| Error::new("run.no_thread", format!("the system gives no threads: {e}")))
}

/// Shows what happens until the run has ended.
async fn follow(
    session: &Session,
    mut running: run::Running,
    signals: StopSignals,
    sources: &report::Sources,
) -> Result<Finished> {
    let interrupt = running.interrupt.clone();
    let listening = tokio::spawn(async move { listen(signals, &interrupt).await });
    if session.out.json {
        while let Some(event) = running.events.recv().await {
            session.out.event(&report::json_line(&event));
        }
    } else {
        show(session, &mut running.events, sources).await;
    }
    listening.abort();
    running.finish()
}

/// First Ctrl-C: stop. Second: at once.
async fn listen(mut signals: StopSignals, interrupt: &Interrupt) {
    for token in [&interrupt.stop, &interrupt.at_once] {
        signals.next().await;
        token.cancel();
    }
}

async fn show(session: &Session, events: &mut EventStream, sources: &report::Sources) {
    let mut human = Human::new(session.out.look, session.out.quiet, sources);
    let mut progress = Progress::default();
    let mut bar: Option<ProgressBar> = None;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + QUIET_TIME, TICK);
    loop {
        tokio::select! { biased;
            event = events.recv() => {
                let Some(event) = event else { break };
                progress.event(&event.event);
                let text = human.event(&event);
                if !text.is_empty() {
                    // What is drawn again below the text is what goes on now, not what has just ended.
                    reword(&mut bar, &progress);
                }
                match &bar {
                    _ if text.is_empty() => {}
                    Some(bar) => bar.suspend(|| session.out.say(&text)),
                    None => session.out.say(&text),
                }
            }
            _ = ticks.tick() => {
                if progress.line().is_some() {
                    bar.get_or_insert_with(|| moving_line(session));
                }
                reword(&mut bar, &progress);
                bar.iter().for_each(ProgressBar::tick);
            }
        }
    }
    bar.iter().for_each(ProgressBar::finish_and_clear);
    let _ = std::io::stdout().flush();
}

/// Puts what goes on now into the moving line, if there is one.
fn reword(bar: &mut Option<ProgressBar>, progress: &Progress) {
    match (progress.line(), &bar) {
        (Some(line), Some(bar)) => bar.set_message(line),
        // A line without words would stand over a question.
        (None, _) => bar.take().iter().for_each(ProgressBar::finish_and_clear),
        _ => {}
    }
}

/// The line that moves, on a terminal; elsewhere it is never drawn.
fn moving_line(session: &Session) -> ProgressBar {
    let drawn = session.host.stderr_is_terminal && session.host.stdout_is_terminal && !session.out.quiet;
    let target = if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    match ProgressStyle::with_template("{spinner} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
