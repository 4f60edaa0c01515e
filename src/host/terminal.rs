//! The terminal's settings while a question or a program may change them: whatever ends that, they are put back.

#[cfg(not(unix))]
pub use elsewhere::{Borrowed, give_back};
#[cfg(unix)]
pub(super) use unix::is_over;
#[cfg(unix)]
pub use unix::{Borrowed, give_back};

#[cfg(unix)]
mod unix {
    use std::{
        fs::File,
        io::{ErrorKind, Result, Write},
        sync::{Mutex, MutexGuard, PoisonError},
    };

    use nix::{
        sys::termios::{SetArg, Termios, tcgetattr, tcsetattr},
        unistd::{getpgrp, tcgetpgrp},
    };

    static LENT: Mutex<Lent> = Mutex::new(Lent { to: 0, before: None, line_is_open: false, is_over: false });

    /// The one terminal. Several may borrow it at a time: a program for one secret runs while another is asked for.
    struct Lent {
        to: usize,
        /// The settings from before the first of them.
        before: Option<(File, Termios)>,
        /// Whether the cursor stands behind a question whose answer is not shown.
        line_is_open: bool,
        /// Whether the process is about to end: nobody borrows any more.
        is_over: bool,
    }

    fn lent() -> MutexGuard<'static, Lent> {
        LENT.lock().unwrap_or_else(PoisonError::into_inner)
    }

    impl Lent {
        fn restore(&mut self) {
            let Some((mut terminal, before)) = self.before.take() else { return };
            // Who is in the background may not change them, and would be stopped for it.
            let is_ours = tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp());
            if is_ours && tcgetattr(&terminal).is_ok_and(|now| now != before) {
                // The first half of an answer must not be the beginning of what is typed next.
                let _ = tcsetattr(&terminal, SetArg::TCSAFLUSH, &before);
            }
            if std::mem::take(&mut self.line_is_open) {
                // A terminal that is gone needs no line's end.
                let _ = terminal.write_all(b"\n");
            }
        }
    }

    /// The terminal in the hands of somebody who may change its settings. When the last of these is dropped, or
    /// [`give_back`] is called, they are what they were before the first.
    #[derive(Debug)]
    pub struct Borrowed(());

    // Who changes the settings has to hold what puts them back.
    #[allow(clippy::unused_self)]
    impl Borrowed {
        /// Borrows the terminal of this process.
        ///
        /// # Errors
        /// That there is none; `Interrupted` after [`give_back`].
        pub fn new() -> Result<Self> {
            let mut lent = lent();
            if lent.is_over {
                return Err(ErrorKind::Interrupted.into());
            }
            if lent.before.is_none() {
                let terminal = File::options().read(true).write(true).open("/dev/tty")?;
                let before = tcgetattr(&terminal)?;
                lent.before = Some((terminal, before));
            }
            lent.to += 1;
            Ok(Self(()))
        }

        /// Changes the settings for a question that stands on the terminal, unless [`give_back`] was called meanwhile.
        ///
        /// # Errors
        /// The terminal's; `Interrupted` after [`give_back`].
        pub(in crate::host) fn change(&self, terminal: &File, settings: &Termios) -> Result<()> {
            let mut lent = lent();
            if lent.is_over {
                return Err(ErrorKind::Interrupted.into());
            }
            tcsetattr(terminal, SetArg::TCSANOW, settings)?;
            lent.line_is_open = true;
            Ok(())
        }

        /// Ends the line of a question and puts back `settings`, unless [`give_back`] has done so.
        pub(in crate::host) fn end_line(&self, terminal: &mut File, settings: &Termios) {
            let mut lent = lent();
            if std::mem::take(&mut lent.line_is_open) {
                let _ = tcsetattr(&*terminal, SetArg::TCSANOW, settings);
                let _ = terminal.write_all(b"\n");
            }
        }
    }

    /// Whether [`give_back`] was called.
    pub(in crate::host) fn is_over() -> bool {
        lent().is_over
    }

    impl Drop for Borrowed {
        fn drop(&mut self) {
            let mut lent = lent();
            lent.to -= 1;
            if lent.to == 0 {
                lent.restore();
            }
        }
    }

    /// Puts the settings back for good, for a process that is about to end: a question that is open ends unanswered. Answers
    /// whether anybody had borrowed the terminal.
    #[must_use]
    pub fn give_back() -> bool {
        let mut lent = lent();
        lent.is_over = true;
        lent.restore();
        lent.to > 0
    }
}

/// No call of the standard library tells a terminal's settings here.
#[cfg(not(unix))]
mod elsewhere {
    /// Nothing.
    #[derive(Debug)]
    pub struct Borrowed(());

    impl Borrowed {
        /// Never succeeds.
        ///
        /// # Errors
        /// Always.
        pub fn new() -> std::io::Result<Self> {
            Err(std::io::ErrorKind::Unsupported.into())
        }
    }

    /// Nothing was borrowed.
    #[must_use]
    pub fn give_back() -> bool {
        false
    }
}
