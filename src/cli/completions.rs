//! `libretto completions SHELL`, and the answers to that shell.

use clap_complete::{
    CompleteEnv,
    env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh},
};

use super::{Session, args::Shell, command};
use crate::{
    error::{Error, Result},
    host::Host,
};

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "LIBRETTO_COMPLETE";

/// Prints the script that teaches a shell to ask.
pub(super) fn print(session: &Session, shell: Shell) -> Result<u8> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Elvish => &Elvish,
        Shell::Powershell => &Powershell,
    };
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "libretto", "libretto", "libretto", &mut script)
        .map_err(|e| Error::new("usage.completions", format!("the script cannot be written: {e}")))?;
    session.out.say(&String::from_utf8_lossy(&script));
    Ok(0)
}

/// Answers a shell that asks; `None` when none does.
pub(super) fn answer_shell(host: &Host) -> Option<u8> {
    host.var(VARIABLE)?;
    let answered =
        CompleteEnv::with_factory(command).var(VARIABLE).try_complete(host.args.iter(), Some(&host.working_folder));
    Some(u8::from(!answered.unwrap_or(false)))
}
