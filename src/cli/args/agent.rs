//! The command line of `libretto agent`. The comments of this file are the help that users read.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueHint};

/// `libretto agent`.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Serve until Ctrl-C or SIGTERM
    Serve(ServeArgs),
    /// Print the token that opens the agent's operations, alone as the last line; make it at first
    Token {
        /// Make another in place of the one that there is; a running agent takes it when it is started again
        #[arg(long)]
        new: bool,
    },
    /// Print, or write, the definition that lets the system start the agent
    Install(InstallArgs),
}

/// `libretto agent serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
On loopback the agent serves HTTP, and HTTPS with a certificate that it makes itself, on one port. With --self-signed or
--tls-cert, and on any other address, it serves HTTPS alone. `[service]` in config.toml limits sizes and times.

Exit codes: 0 stopped in order; 1 something was cut off when its time was up; 2 refused.")]
pub struct ServeArgs {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:40002")]
    pub listen: SocketAddr,
    /// Certificate and chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,
    /// Serve HTTPS alone, with a certificate that the agent makes itself and keeps
    #[arg(long, conflicts_with = "tls_cert")]
    pub self_signed: bool,
    /// A name or address for the certificate that the agent makes, beside loopback and where it listens
    #[arg(long, value_name = "NAME", conflicts_with = "tls_cert")]
    pub tls_name: Vec<String>,
    /// Another sign-in host than Microsoft's, e.g. the lab's
    #[arg(long, value_name = "URL")]
    pub cloud_login: Option<url::Url>,
    /// What to trust as the cloud's certificates instead of the system's roots, PEM
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cloud_ca: Option<PathBuf>,
}

/// `libretto agent install`.
#[derive(Debug, Clone, Args)]
pub struct InstallArgs {
    #[command(flatten)]
    pub serve: ServeArgs,
    /// The account that the agent runs as
    #[arg(long, value_name = "NAME", default_value = "libretto")]
    pub user: String,
    /// Write it to /etc/systemd/system, or to this file
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = crate::cli::agent::UNIT, value_hint = ValueHint::FilePath)]
    pub write: Option<PathBuf>,
    /// The definition of a Windows service instead (untried)
    #[arg(long, conflicts_with = "write")]
    pub windows: bool,
}
