//! The command line of `libretto connections`. The comments of this file are the help that users read.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{complete, versions::RollbackArgs};

/// `libretto connections`.
#[derive(Debug, Subcommand)]
pub enum ConnectionsCommand {
    /// Add a connection
    #[command(subcommand)]
    Add(AddCommand),
    /// List connections
    List {
        /// Which: a name, a glob, kind:ad, tag:gold, customer:contoso, failed-in:RUN; comma is "or", & is "and"
        #[arg(add = complete::connections())]
        selector: Option<String>,
    },
    /// Show one connection
    Show {
        /// Its name
        #[arg(add = complete::connections())]
        name: String,
    },
    /// Change a connection
    Edit {
        /// Its name
        #[arg(add = complete::connections())]
        name: String,
        #[command(flatten)]
        fields: Box<EditFields>,
    },
    /// Test connections: every target and every home-directory server
    Test {
        /// Which
        #[arg(add = complete::connections())]
        selector: Option<String>,
        /// Sign in although an account's lockout budget is spent
        #[arg(long)]
        insist: bool,
    },
    /// Show all versions of a connection's credential, newest first; never a secret
    History {
        /// Its name
        #[arg(add = complete::connections())]
        name: String,
    },
    /// Bring an earlier password of a connection's account back, in the directory too
    Rollback(RollbackArgs),
    /// Remove a connection; its credentials are kept
    Remove {
        /// Its name
        #[arg(add = complete::connections())]
        name: String,
    },
    /// Add or change many connections, from CSV or JSON; all of them or none
    Import {
        /// A file that ends in .csv, .json or .jsonl
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print connections as JSON, without secrets: a list, or with --json one object per line; import reads both
    Export {
        /// Which
        #[arg(add = complete::connections())]
        selector: Option<String>,
    },
}

/// `libretto connections add`.
#[derive(Debug, Subcommand)]
pub enum AddCommand {
    /// Active Directory
    Ad(Box<AdFields>),
    /// Microsoft Online
    Msonline(Box<MsOnlineFields>),
}

/// What both kinds of connection have.
#[derive(Debug, Args)]
pub struct CommonFields {
    /// What to call it
    #[arg(long)]
    pub name: String,
    /// DNS domain
    #[arg(long)]
    pub domain: String,
    /// A label; may be repeated
    #[arg(long)]
    pub tag: Vec<String>,
    /// Whose connection it is
    #[arg(long)]
    pub customer: Option<String>,
}

/// `connections add ad`.
#[derive(Debug, Args)]
pub struct AdFields {
    #[command(flatten)]
    pub common: CommonFields,
    /// Service account: user@domain, DOMAIN\user or a DN
    #[arg(long)]
    pub username: String,
    /// Its password: env:NAME, file:PATH, -, prompt, command:PROGRAM
    #[arg(long, value_name = "REF")]
    pub password: Option<String>,
    #[command(flatten)]
    pub directory: DirectoryFields,
}

/// How a directory is reached.
#[derive(Debug, Args)]
pub struct DirectoryFields {
    /// Domain controller, host or host:port; may be repeated; in edit '' for none [default: found by DNS]
    #[arg(long)]
    pub target: Vec<String>,
    /// Home-directory share, e.g. //fs1/homes$; may be repeated; in edit '' for none
    #[arg(long)]
    pub home_server: Vec<String>,
    /// LDAPS, or LDAP with StartTLS
    #[arg(long, value_parser = ["ldaps", "starttls"])]
    pub tls: Option<String>,
    /// Certificates to trust instead of the system's (PEM); '' for none
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub ca: Option<String>,
    /// SHA-256 of a certificate to trust; '' for none
    #[arg(long)]
    pub pin: Option<String>,
    /// Administrative connection that changes are made over; '' for none
    #[arg(long, add = complete::connections())]
    pub via: Option<String>,
    /// Script to perform when the account has a new password; may be repeated; in edit '' for none
    #[arg(long, value_name = "SCRIPT", add = complete::scripts())]
    pub dependent: Vec<String>,
}

/// `connections add msonline`.
#[derive(Debug, Args)]
pub struct MsOnlineFields {
    #[command(flatten)]
    pub common: CommonFields,
    #[command(flatten)]
    pub online: OnlineFields,
    /// User that signs in where no app does
    #[arg(long)]
    pub username: Option<String>,
    /// That user's password: a reference
    #[arg(long, value_name = "REF")]
    pub password: Option<String>,
}

/// How Microsoft Online is reached.
#[derive(Debug, Args)]
pub struct OnlineFields {
    /// Active Directory connection that hosts the accounts
    #[arg(long, add = complete::connections())]
    pub ad: Option<String>,
    /// App that signs in
    #[arg(long)]
    pub client_id: Option<String>,
    /// The app's secret: a reference
    #[arg(long, value_name = "REF")]
    pub secret: Option<String>,
    /// The app's certificate with its key (PEM)
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub certificate: Option<String>,
    /// Remote Agent, host or host:port [port: 40002]
    #[arg(long)]
    pub agent: Option<String>,
    /// The agent's token: a reference
    #[arg(long, value_name = "REF")]
    pub agent_token: Option<String>,
    /// Certificates to trust as the agent's instead of the system's (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub agent_ca: Option<String>,
    /// Connection of the tenant that holds the app's registration; its own name, if it is that one
    #[arg(long, value_name = "NAME", add = complete::connections())]
    pub app_home: Option<String>,
}

/// `connections edit`: what is not given stays.
#[derive(Debug, Args)]
pub struct EditFields {
    /// A new name
    #[arg(long = "name", value_name = "NEW")]
    pub new_name: Option<String>,
    /// DNS domain
    #[arg(long)]
    pub domain: Option<String>,
    /// Another account; its password has to be given with it
    #[arg(long)]
    pub username: Option<String>,
    /// Its password: a reference; stored as not yet proven
    #[arg(long, value_name = "REF")]
    pub password: Option<String>,
    /// Labels, in place of those there are; may be repeated; '' for none
    #[arg(long)]
    pub tag: Vec<String>,
    /// Whose connection it is; '' for none
    #[arg(long)]
    pub customer: Option<String>,
    #[command(flatten)]
    pub directory: DirectoryFields,
    #[command(flatten)]
    pub online: OnlineFields,
}
