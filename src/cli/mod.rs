//! Arguments, one file per subcommand, the terminal's look, exit codes. Only here is anything printed.
//!
//! Kinds of failure, their hints and the exit codes meet in this file: everything that a subcommand refuses before it
//! touches anything is exit 2; what a run makes of itself is its own code.

mod agent;
mod args;
mod audit;
mod check;
mod complete;
mod completions;
mod connections;
mod describe;
mod doc;
mod lab;
mod list;
mod out;
mod recover;
mod run;
mod runs;
mod serving;
mod stopping;
mod verbose;
mod workflow;

use std::{path::PathBuf, sync::Arc};

use clap::{CommandFactory, Parser};

use self::{
    args::{Cli, Command, Global},
    out::Out,
};
use crate::{
    connection::draft,
    error::{Error, Result},
    host::{Host, INTERRUPTED, dumps},
    report,
    run::{Refusal, exit_code},
    script::library::Library,
    store::{Store, events::Failure, refuse_file},
    verdict::Verdict,
};

/// Wrong use, a bad script, a bad configuration: nothing was touched.
const REFUSED: u8 = 2;

/// A program that this one was to become cannot be started; a shell answers the same.
const NOT_STARTED: u8 = 127;

/// What every subcommand gets.
struct Session {
    host: Host,
    out: Out,
    global: Global,
    home: PathBuf,
}

impl Session {
    fn store(&self) -> Result<Store> {
        let store = Store::open(&self.home)?.acting_as(&self.host.operator(), None);
        draft::sweep(&store);
        Ok(store)
    }

    fn library(&self) -> Library {
        Library::new(&self.home, &self.host.working_folder)
    }
}

/// Does what the command line says; the answer is the exit code.
#[must_use]
pub fn main(host: Host) -> u8 {
    if let Some(why) = host.become_other() {
        plain(false).complain(&format!("it cannot be started: {why}\n"));
        return NOT_STARTED;
    }
    dumps::forbid();
    redact_panics();
    if let Some(code) = completions::answer_shell(&host) {
        return code;
    }
    let json = host.args.iter().any(|arg| arg == "--json");
    let code = answer(host);
    let Some(said) = out::lost() else { return code };
    let error = Error::new("usage.stdout", format!("standard output is not complete: {said}"))
        .hint("make room where it goes, or send it elsewhere; what a run did is in `libretto runs show`");
    complain(plain(json), &report::Sources::default(), &Failure::from(&error));
    // What is missing was asked for; another code says more than this one.
    if code == 0 { exit_code(Verdict::Failed, false) } else { code }
}

/// For what is said before it is known how, and after.
fn plain(json: bool) -> Out {
    let look = report::Look { color: false };
    Out { look, error_look: look, json, quiet: false }
}

fn answer(host: Host) -> u8 {
    let cli = match Cli::try_parse_from(&host.args) {
        Ok(cli) => cli,
        Err(error) => return usage(&host, &error),
    };
    let out = Out::new(&host, &cli.global);
    verbose::install(cli.global.verbose);
    let home = match host.home(cli.global.home.as_deref()) {
        Ok(home) => home,
        Err(error) => return refuse(out, &error),
    };
    if let Err(error) = host.refuse_clock().and_then(|()| refuse_file(&home)) {
        return refuse(out, &error);
    }
    let session = Arc::new(Session { host, out, global: cli.global, home });
    match perform(&session, cli.command) {
        Ok(code) => code,
        Err(Refusal::Error(error)) => refuse(session.out, &error),
        Err(Refusal::Script(findings, sources)) => {
            let sources = sources.into();
            for finding in &findings {
                complain(session.out, &sources, &Failure::from(finding));
            }
            REFUSED
        }
    }
}

fn perform(session: &Arc<Session>, command: Command) -> Result<u8, Refusal> {
    match command {
        Command::Run(args) => run::run(session, args),
        Command::List => Ok(list::list(session)),
        Command::Describe { script } => describe::describe(session, &script),
        Command::Check { paths } => Ok(check::check(session, &paths)?),
        Command::Doc { name } => Ok(doc::doc(session, name.as_deref())?),
        Command::Connections(command) => connections::connections(session, command),
        Command::Recover(args) => recover::recover(session, args),
        Command::Lab { port_base, fault } => Ok(lab::lab(session, port_base, &fault)?),
        Command::Runs(command) => Ok(runs::runs(session, &command)?),
        Command::Audit(command) => Ok(audit::audit(session, &command)?),
        Command::Agent(command) => Ok(agent::agent(session, command)?),
        Command::Workflow(command) => Ok(workflow::workflow(session, command)?),
        Command::Completions { shell } => Ok(completions::print(session, shell)?),
    }
}

/// Help and version are asked for; everything else is wrong use. It is told before `--json` is read as an option, so the
/// arguments are looked at for it.
fn usage(host: &Host, error: &clap::Error) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(REFUSED);
    if error.use_stderr() && host.args.iter().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        let mut parts = text.trim_start_matches("error: ").split("\n\n").map(|part| part.trim().replace('\n', " "));
        let said = Error::new("usage.arguments", parts.next().unwrap_or_default());
        let said = match parts.next() {
            Some(tip) => said.hint(tip.trim_start_matches("tip: ").to_owned()),
            None => said,
        };
        complain(plain(true), &report::Sources::default(), &Failure::from(&said));
        return code;
    }
    out::note(error.print());
    code
}

/// A refusal: exit 2, but for a write in doubt, which stays what it is, and a question that was answered with Ctrl-C.
fn refuse(out: Out, error: &Error) -> u8 {
    complain(out, &report::Sources::default(), &Failure::from(error));
    match error.verdict() {
        _ if error.code() == INTERRUPTED => exit_code(Verdict::Inconclusive, true),
        Verdict::InDoubt => exit_code(Verdict::InDoubt, false),
        _ => REFUSED,
    }
}

/// One failure on standard error: drawn for people, one line of JSON for machines.
fn complain(out: Out, sources: &report::Sources, failure: &Failure) {
    if out.json {
        let json = serde_json::json!({ "error": failure });
        out.complain(&format!("{json}\n"));
    } else {
        out.complain(&report::failure(out.error_look, sources, failure));
    }
}

/// Advice on standard error, after which the command goes on.
fn advise(out: Out, advice: &Failure) {
    if out.json {
        out.complain(&format!("{}\n", serde_json::json!({ "warning": advice })));
    } else {
        out.complain(&report::warning(out.error_look, &report::Sources::default(), advice));
    }
}

/// Times in lists are told to the second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((time, _)) => format!("{time}Z"),
        None => time.to_owned(),
    }
}

/// A fault of our own is told without what it had in its hands.
fn redact_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let text = info.payload_as_str().unwrap_or("no message");
        let text = format!("internal fault{place}: {text}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), report::shown(&text, false).as_bytes());
    }));
}

fn command() -> clap::Command {
    Cli::command()
}
