//! The built program, run as a user would: its own home, its own environment, whole outputs, never longer than its limit.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::text::{assert_same, normalised};

/// A run of the program to be.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) executable: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) vars: BTreeMap<OsString, OsString>,
    pub(super) folder: PathBuf,
    pub(super) limit: Duration,
    stdin: Vec<u8>,
    home: PathBuf,
    /// Holds `home` and `folder` where the test gave none; goes with the last run that uses it.
    world: Arc<TempDir>,
}

impl Program {
    /// `libretto` with an empty home and an empty working folder of its own, nothing on standard input and 60 s of time.
    pub fn new() -> Self {
        let world = TempDir::new().unwrap();
        let (home, folder) = (world.path().join("home"), world.path().join("work"));
        std::fs::create_dir(&folder).unwrap();
        let mut program = Self {
            executable: env!("CARGO_BIN_EXE_libretto").into(),
            args: Vec::new(),
            vars: BTreeMap::new(),
            folder,
            limit: Duration::from_mins(1),
            stdin: Vec::new(),
            home: home.clone(),
            world: Arc::new(world),
        };
        // none of the environment of whoever runs the tests, but what any login has
        let path = std::env::var_os("PATH").unwrap_or_default();
        let fixed = [("LANG", "C.UTF-8"), ("TZ", "UTC"), ("USER", "tester"), ("TERM", "xterm-256color")];
        program.vars.extend(fixed.map(|(name, value)| (name.into(), value.into())));
        program.vars.insert("PATH".into(), path);
        program.vars.insert("HOME".into(), program.world.path().into());
        program.home(home)
    }

    /// Another program, for tests of this module.
    pub fn executable(mut self, path: &str) -> Self {
        self.executable = path.into();
        self
    }

    /// Another home folder (`LIBRETTO_HOME`): one that an earlier run has filled.
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = home.into();
        self.vars.insert("LIBRETTO_HOME".into(), self.home.clone().into());
        self
    }

    /// Another working folder.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    pub fn stdin(mut self, text: impl AsRef<[u8]>) -> Self {
        self.stdin = text.as_ref().to_vec();
        self
    }

    /// Instead of the 60 s: the program is killed and the test fails when it takes longer.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The arguments, in place of those of an earlier call.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        self
    }

    pub fn home_path(&self) -> &Path {
        &self.home
    }

    pub fn folder_path(&self) -> &Path {
        &self.folder
    }

    /// Runs it to its end. The same `Program` can be run again, with the home as the last run left it.
    pub fn run(&self) -> Output {
        self.start().finish()
    }

    /// Starts it and returns at once, for a test that interrupts it or looks at it while it runs.
    pub fn start(&self) -> Running {
        // Whoever runs the tests may ignore signals (a job in the background, `nohup`), and that is inherited.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP,INT,TERM").arg(&self.executable);
        command.args(&self.args).current_dir(&self.folder).env_clear().envs(&self.vars);
        let mut running = self.spawn(command);
        let mut input = running.child.stdin.take().unwrap();
        let text = self.stdin.clone();
        // a program that does not read is no failure of the test's
        std::thread::spawn(move || drop(input.write_all(&text)));
        running
    }

    pub(super) fn spawn(&self, mut command: Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{} did not start: {e}", self.executable.display()));
        Running {
            stdout: Stream::of(child.stdout.take().unwrap()),
            stderr: Stream::of(child.stderr.take().unwrap()),
            deadline: Instant::now() + self.limit,
            child,
            program: self.clone(),
        }
    }

    /// What a text of this program's becomes for comparison.
    pub fn normalised(&self, text: &str) -> String {
        let world = self.world.path();
        normalised(text, &[(&self.home, "[home]"), (&self.folder, "[work]"), (world, "[temp]")])
    }
}

/// What a stream has brought so far.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Stream {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, reader }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn read_out(self, deadline: Instant) -> String {
        // a grandchild may hold the pipe open
        while !self.reader.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.text()
    }
}

/// The program while it runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    pub(super) child: Child,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    pub(super) deadline: Instant,
    program: Program,
}

impl Drop for Running {
    fn drop(&mut self) {
        // fails where it has ended already, which is well
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Running {
    /// Waits until standard output or standard error holds `text`.
    pub fn await_output(&mut self, text: &str) {
        self.poll(&format!("print \"{text}\""), |running| {
            (running.stdout.text().contains(text) || running.stderr.text().contains(text)).then_some(())
        });
    }

    /// Sends a signal by its name: `INT`, `TERM`, `KILL`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "the signal {name} was not sent");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Output {
        let status = self.poll("end", |running| running.child.try_wait().unwrap());
        let program = self.program.clone();
        let deadline = self.deadline;
        let take = |stream: &mut Stream| std::mem::replace(stream, Stream::of(std::io::empty())).read_out(deadline);
        let (stdout, stderr) = (take(&mut self.stdout), take(&mut self.stderr));
        Output { code: status.code(), stdout, stderr, program }
    }

    /// Asks until there is an answer; fails the test, and kills the program, when the time is up.
    pub(super) fn poll<T>(&mut self, what: &str, mut ask: impl FnMut(&mut Self) -> Option<T>) -> T {
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            if Instant::now() >= self.deadline {
                let (args, limit) = (&self.program.args, self.program.limit);
                let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
                panic!("{args:?} did not {what} within {limit:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// How a run ended and what it printed.
#[derive(Debug)]
pub struct Output {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What was run; its home and its working folder live as long as this value.
    pub program: Program,
}

/// What a run is to print, whole: with `[time]`, `[when]`, `[run]`, `[port]`, `[home]`, `[work]` in place of what differs
/// each time.
#[derive(Debug, Default, Clone, Copy)]
pub struct Expect<'a> {
    pub code: i32,
    pub stdout: &'a str,
    pub stderr: &'a str,
}

impl Output {
    /// Compares everything; fails with the lines that differ.
    #[track_caller]
    pub fn expect(self, expected: Expect<'_>) -> Self {
        let (stdout, stderr) = (self.program.normalised(&self.stdout), self.program.normalised(&self.stderr));
        let about = format!("of {:?} (exit code {:?})", self.program.args, self.code);
        assert_same(&format!("standard error {about}"), expected.stderr, &stderr);
        assert_same(&format!("standard output {about}"), expected.stdout, &stdout);
        assert_eq!(self.code, Some(expected.code), "exit code of {:?}", self.program.args);
        self
    }

    /// Standard output as JSON, one value a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}"));
        self.stdout.lines().map(parse).collect()
    }
}
