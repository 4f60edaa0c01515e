//! The command line of `libretto workflow`. The comments of this file are the help that users read.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueHint};

/// `libretto workflow`.
#[derive(Debug, Subcommand)]
pub enum WorkflowCommand {
    /// Serve until Ctrl-C or SIGTERM
    Serve(EngineArgs),
    /// Print the token that opens the engine's operations, alone as the last line; make it at first
    Token {
        /// Make another in place of the one that there is; a running engine takes it when it is started again
        #[arg(long)]
        new: bool,
    },
}

/// `libretto workflow serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
On loopback the engine serves HTTP, and HTTPS with a certificate that it makes itself, on one port. With --self-signed or
--tls-cert, and on any other address, it serves HTTPS alone. `[service]` in config.toml limits sizes and times; `[workflow]`
tells scripts where the engine is.

Exit codes: 0 stopped in order; 1 something was cut off when its time was up; 2 refused.")]
pub struct EngineArgs {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:40003")]
    pub listen: SocketAddr,
    /// Certificate and chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,
    /// Serve HTTPS alone, with a certificate that the engine makes itself and keeps
    #[arg(long, conflicts_with = "tls_cert")]
    pub self_signed: bool,
    /// A name or address for the certificate that the engine makes, beside loopback and where it listens
    #[arg(long, value_name = "NAME", conflicts_with = "tls_cert")]
    pub tls_name: Vec<String>,
}
