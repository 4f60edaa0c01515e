//! The command line, as clap reads it. The comments of this file are the help that users read: they are not Markdown.
#![allow(clippy::doc_markdown, rustdoc::bare_urls)]

mod agent;
mod audit;
mod connections;
mod versions;
mod workflow;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint, builder::ValueParser};

pub use agent::{AgentCommand, InstallArgs, ServeArgs};
pub use audit::AuditCommand;
pub use connections::{
    AdFields, AddCommand, CommonFields, ConnectionsCommand, DirectoryFields, EditFields, MsOnlineFields, OnlineFields,
};
pub use versions::RollbackArgs;
pub use workflow::{EngineArgs, WorkflowCommand};

use super::complete;
use crate::lab::Fault;

const ABOUT: &str = "Performs and scripts the life of identity connections: credentials, tests, rotation";

const EXAMPLES: &str = "\
Examples:
  libretto run reset_ad_creds --lab
      see it work against an embedded directory, in a second
  libretto connections add ad --name corp --domain corp.example.com --username svc@corp.example.com --password prompt
      tell Libretto how to sign in at your directory
  libretto run reset_ad_creds connection=corp rotate=true password=generate
      change the service account's password and prove that the new one works
  libretto list
      the procedures that can be run";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "libretto", version, about = ABOUT, before_help = EXAMPLES, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Folder of the store, the identity and your scripts [default: $LIBRETTO_HOME, else the platform's data folder]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub home: Option<PathBuf>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Print only what went wrong, and the end
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log what is done, to standard error: -v steps, sign-ins and stages, -vv each request too, -vvv all there is
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Answer yes to every question
    #[arg(long, short, global = true)]
    pub yes: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Perform a script
    Run(RunArgs),
    /// List the scripts that can be run by name
    List,
    /// Show a script's purpose, parameters and grants
    Describe {
        /// A name, or a path that ends in .rhai
        #[arg(add = complete::scripts())]
        script: String,
    },
    /// Look for mistakes in scripts without running them
    Check {
        /// Scripts, or folders of scripts [default: all that `list` shows]
        #[arg(value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
    /// Show what scripts can call
    Doc {
        /// A function or a namespace, e.g. ad::test_targets, ad [default: everything]
        name: Option<String>,
    },
    /// Add, show, change and test connections
    #[command(subcommand)]
    Connections(ConnectionsCommand),
    /// Settle what was cut short: find out which password is valid, finish or undo
    Recover(RecoverArgs),
    /// Keep the embedded world up, and say how to reach it
    #[command(after_help = faults())]
    Lab {
        /// First port; the kernel chooses free ones unless told
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        port_base: Option<u16>,
        /// What is broken in it, e.g. target:2=down
        #[arg(long, value_name = "F")]
        fault: Vec<String>,
    },
    /// Look at what was run
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Verify and export the audit trail: who changed what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The Remote Agent: the service that holds Microsoft Online connections and talks to the cloud for them
    #[command(subcommand)]
    Agent(AgentCommand),
    /// The Workflow Engine: the service that sends connections' actions to their Remote Agents
    #[command(subcommand)]
    Workflow(WorkflowCommand),
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `libretto run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Parameters are name=value; `libretto describe SCRIPT` shows them. A secret is never given as it is but as a reference:
env:NAME, file:PATH, - (standard input), prompt, or generate.

Exit codes: 0 all ok; 1 something failed; 2 refused, nothing touched; 3 a write is in doubt; 4 inconclusive; 130 interrupted.")]
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
pub struct RunArgs {
    /// A name, or a path that ends in .rhai
    #[arg(add = complete::scripts())]
    pub script: String,
    /// Parameters
    #[arg(value_name = "NAME=VALUE", add = complete::parameters())]
    pub values: Vec<String>,
    /// Run against the embedded world
    #[arg(long)]
    pub lab: bool,
    /// What is broken in the lab, e.g. target:2=down, replication=5s
    #[arg(long, value_name = "F")]
    pub fault: Vec<String>,
    /// Not built yet: show what would be changed
    #[arg(long)]
    pub plan: bool,
    /// Ask before each step
    #[arg(long)]
    pub step: bool,
    /// Take a grant away from the script
    #[arg(long, value_name = "GRANT", add = complete::grants())]
    pub deny: Vec<String>,
    /// Let the script see this customer's connections only
    #[arg(long, value_name = "C")]
    pub customer: Option<String>,
    /// How long a change may take to reach every target
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = ValueParser::new(span))]
    pub wait: Duration,
    /// Sign in although the account's lockout budget is spent
    #[arg(long)]
    pub insist: bool,
}

/// `libretto recover`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is asked. At most one sign-in per password is sent to the target that was changed, and every password is kept until
one is proven. Starting Libretto only says that there is something to recover.

Exit codes: 0 all is settled, or there was nothing; 1 no password that is kept is valid; 3 still in doubt; 4 could not be told
now.")]
pub struct RecoverArgs {
    /// Only what concerns this connection's account
    #[arg(long, value_name = "NAME", add = complete::connections())]
    pub connection: Option<String>,
    /// A password that an administrator has set meanwhile: env:NAME, file:PATH, -, prompt; tried as well
    #[arg(long, value_name = "REF", requires = "connection")]
    pub password: Option<String>,
    /// Try again what was refused before, also where the lockout budget is spent
    #[arg(long)]
    pub insist: bool,
    /// How long a change may still take to reach every target
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = ValueParser::new(span))]
    pub wait: Duration,
}

/// The faults of the lab, for its help.
fn faults() -> String {
    let width = Fault::list().iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = Fault::list().iter().map(|(name, what)| format!("  {name:width$}  {what}")).collect();
    format!("Faults:\n{}", lines.join("\n"))
}

pub(super) fn span(text: &str) -> Result<Duration, String> {
    crate::script::value::parse_span(text)
}

/// `libretto runs`.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first
    List {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
    },
    /// Show one run: steps, items, what changed
    Show {
        /// Its id, or the beginning of it
        #[arg(add = complete::runs())]
        run: String,
    },
}

/// A shell that completions are made for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}
