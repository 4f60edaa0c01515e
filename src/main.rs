//! Parses, calls the library, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(libretto::cli::main(libretto::host::Host::of_program()))
}
