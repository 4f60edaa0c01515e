//! A program of this machine that tells something: run without a shell, within a time, its output bounded.

use std::{
    ffi::OsStr,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::error::{Error, Result};

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is read of its output.
const ROOM: u64 = 1 << 20;

/// What it printed on standard output. `None` where there is no such program.
///
/// # Errors
/// `agent.program_failed` when it does not end in time, or ends badly.
pub(super) fn output(program: &Path, arguments: &[&OsStr]) -> Result<Option<String>> {
    let name = program.display();
    let failed = |said: String| {
        Error::inconclusive("agent.program_failed", format!("{name} {said}"))
            .hint("run it by hand on this host, and see what it says")
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(format!("cannot be started: {e}"))),
    };
    let (done, printed) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.take(ROOM).read_to_end(&mut bytes);
            let _ = done.send(bytes);
        });
    }
    let until = Instant::now() + PATIENCE;
    let bytes = printed.recv_timeout(PATIENCE);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if bytes.is_ok() && Instant::now() < until => thread::sleep(Duration::from_millis(10)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed("did not end in time".to_owned()));
            }
        }
    };
    let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    if status.success() { Ok(Some(text)) } else { Err(failed(format!("ended with {status}"))) }
}
