//! A question whose answer is not shown.
//!
//! `rpassword` reads the answer. On Unix the terminal is ours: with its own handling of Ctrl-C the process would be gone before
//! the echo is back.

#[cfg(unix)]
pub(super) use unix::secret;

/// Asks on the console.
#[cfg(not(unix))]
pub(super) fn secret(question: &str) -> std::io::Result<String> {
    rpassword::prompt_password(format!("{question}: "))
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::File,
        io::{Error, ErrorKind, Read, Result, Write},
        time::{Duration, Instant},
    };

    use nix::sys::termios::{LocalFlags, SpecialCharacterIndices, Termios, tcgetattr};
    use rpassword::{ConfigBuilder, read_password_with_config};

    use crate::host::terminal::{Borrowed, is_over};

    /// How long the terminal is waited for before the reader looks whether it is to go on, in tenths of a second.
    const TURN: u8 = 1;

    /// What Ctrl-C sends while the terminal makes no signal of it.
    const CTRL_C: u8 = 3;

    /// Asks on the terminal; `Interrupted` when the answer is Ctrl-C, or the process is told to end meanwhile.
    pub(in crate::host) fn secret(question: &str) -> Result<String> {
        let borrowed = Borrowed::new()?;
        let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
        terminal.write_all(format!("{question}: ").as_bytes())?;
        let _silent = Silent::begin(&borrowed, terminal.try_clone()?)?;
        let config = ConfigBuilder::new().input_reader(Keys(terminal)).output_discard().build();
        read_password_with_config(config).map_err(|e| if is_ctrl_c(&e) { ErrorKind::Interrupted.into() } else { e })
    }

    /// The terminal without echo, key by key. Dropped it is what it was before, on a line of its own.
    struct Silent<'a> {
        terminal: File,
        before: Termios,
        borrowed: &'a Borrowed,
    }

    impl<'a> Silent<'a> {
        fn begin(borrowed: &'a Borrowed, terminal: File) -> Result<Self> {
            let before = tcgetattr(&terminal)?;
            let mut silent = before.clone();
            // Not line by line, for the system cuts long lines off.
            silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
            silent.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
            silent.control_chars[SpecialCharacterIndices::VTIME as usize] = TURN;
            borrowed.change(&terminal, &silent)?;
            Ok(Self { terminal, before, borrowed })
        }
    }

    impl Drop for Silent<'_> {
        fn drop(&mut self) {
            self.borrowed.end_line(&mut self.terminal, &self.before);
        }
    }

    /// Keys up to Ctrl-C, which is an error, for `rpassword` would answer it with a signal. So is the end of the process.
    struct Keys(File);

    impl Read for Keys {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            loop {
                let begun = Instant::now();
                let read = self.0.read(buffer);
                if is_over() {
                    return Err(Error::other(CtrlC));
                }
                match read {
                    Ok(count) if buffer[..count].contains(&CTRL_C) => return Err(Error::other(CtrlC)),
                    // The end of a turn; a terminal that is gone answers at once.
                    Ok(0) if begun.elapsed() > Duration::from_millis(50 * u64::from(TURN)) => {}
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    read => return read,
                }
            }
        }
    }

    #[derive(Debug)]
    struct CtrlC;

    impl std::fmt::Display for CtrlC {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("interrupted")
        }
    }

    impl std::error::Error for CtrlC {}

    fn is_ctrl_c(error: &Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<CtrlC>)
    }
}
