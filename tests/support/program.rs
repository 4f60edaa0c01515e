//! The built program in a world of its own: a home folder, a working folder, its environment, its standard input; what it
//! says, with what differs each time made equal; and a search for secrets in all that it leaves behind.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::normal::normal;

/// No program of a test may take longer; one that does is killed, and its test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at again.
const LOOK: Duration = Duration::from_millis(3);

/// A temporary folder with the program's home (`home/`) and its working folder.
pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let world = Self { folder: tempfile::Builder::new().prefix("libretto-test-").tempdir().unwrap() };
        fs::create_dir(world.home()).unwrap();
        world
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn home(&self) -> PathBuf {
        self.folder().join("home")
    }

    /// Writes a file, named from the working folder on; folders on the way are made.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// The program in this world.
    pub fn program(&self) -> Program {
        Program::new().home(self.home()).folder(self.folder())
    }

    /// Runs the program with a command line as a person writes it.
    pub fn run(&self, line: &str) -> Output {
        self.program().args(words(line)).run()
    }
}

/// Splits a command line at spaces; single quotes keep what is between them together.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted, mut begun) = (String::new(), false, false);
    for character in line.chars() {
        match character {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// A call of the program under construction.
pub struct Program {
    command: Command,
    home: Option<PathBuf>,
    folder: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
}

impl Program {
    pub fn new() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_libretto"));
        // Nothing of the tester's own world: what a test relies on, it says.
        command
            .env_clear()
            .env("LOGNAME", "tester")
            .env("TERM", "xterm")
            .env("PATH", std::env::var_os("PATH").unwrap());
        Self { command, home: None, folder: None, stdin: None }
    }

    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        self.command.env("LIBRETTO_HOME", &home);
        self.home = Some(home);
        self
    }

    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        self.command.current_dir(&folder);
        self.folder = Some(folder);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.as_bytes().to_vec());
        self
    }

    pub fn args<S: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Output {
        self.start().finish()
    }

    /// Starts it; it goes on while the test does other things.
    pub fn start(mut self) -> Started {
        self.command
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut started = Started::of(self.command, self.home, self.folder);
        if let (Some(text), Some(mut stdin)) = (self.stdin, started.stdin.take()) {
            // A program that does not read its input closes it, which is no fault.
            let _ = stdin.write_all(&text);
        }
        started
    }

    /// Starts it on a terminal of its own, by `script` of util-linux; both streams come as one.
    pub fn start_on_terminal(self) -> Started {
        let quote = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
        let line: Vec<String> =
            std::iter::once(self.command.get_program()).chain(self.command.get_args()).map(quote).collect();
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--flush", "--command", &line.join(" "), "/dev/null"]).env_clear();
        script.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("SHELL", "/bin/sh");
        if let Some(folder) = &self.folder {
            script.current_dir(folder);
        }
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Started::of(script, self.home, self.folder)
    }
}

/// A program that runs.
pub struct Started {
    child: Child,
    stdin: Option<ChildStdin>,
    streams: [Stream; 2],
    deadline: Instant,
    home: Option<PathBuf>,
    folder: Option<PathBuf>,
}

/// What came out of a stream so far, and the thread that reads on.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut part) {
                sink.lock().unwrap().extend_from_slice(&part[..count]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

impl Started {
    fn of(mut command: Command, home: Option<PathBuf>, folder: Option<PathBuf>) -> Self {
        let mut child = command.spawn().unwrap();
        let streams = [Stream::of(child.stdout.take().unwrap()), Stream::of(child.stderr.take().unwrap())];
        Self { stdin: child.stdin.take(), child, streams, deadline: Instant::now() + PATIENCE, home, folder }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard output so far.
    pub fn said(&self) -> String {
        self.streams[0].text()
    }

    /// Waits until it has said `text`, on either stream.
    pub fn wait_for(&mut self, text: &str) -> &mut Self {
        self.poll(&format!("to say {text:?}"), |this| this.streams.iter().any(|stream| stream.text().contains(text)))
    }

    fn poll(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) -> &mut Self {
        while !done(self) {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() && done(self) {
                break;
            }
            if ended.is_some() || Instant::now() > self.deadline {
                let _ = self.child.kill();
                panic!("waited for the program {what}\n{}\n{}", self.streams[0].text(), self.streams[1].text());
            }
            std::thread::sleep(LOOK);
        }
        self
    }

    /// Types a line.
    pub fn type_line(&mut self, text: &str) -> &mut Self {
        writeln!(self.stdin.as_mut().unwrap(), "{text}").unwrap();
        self
    }

    /// On a terminal: waits for a question that is answered without echo, and types the answer.
    pub fn answer_secret(&mut self, question: &str, answer: &str) -> &mut Self {
        self.wait_for(question);
        self.poll("to turn the echo off", |this| {
            let terminal = terminal_of(this.pid());
            let stty = terminal.and_then(|path| Command::new("stty").arg("-F").arg(path).arg("-a").output().ok());
            stty.is_some_and(|output| String::from_utf8_lossy(&output.stdout).contains(" -echo "))
        });
        self.type_line(answer)
    }

    /// Sends a signal, e.g. `INT`, to the program.
    pub fn signal(&mut self, name: &str) -> &mut Self {
        assert!(Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap().success());
        self
    }

    /// Waits until it ends.
    pub fn finish(mut self) -> Output {
        let mut code = None;
        self.poll("to end", |this| {
            code = this.child.try_wait().unwrap();
            code.is_some()
        });
        drop(self.stdin.take());
        for stream in &mut self.streams {
            stream.reader.take().unwrap().join().unwrap();
        }
        let raw = [self.streams[0].text(), self.streams[1].text()];
        let normal = |text: &str| normal(text, self.home.as_deref(), self.folder.as_deref());
        Output { code: code.and_then(|status| status.code()), stdout: normal(&raw[0]), stderr: normal(&raw[1]), raw }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The terminal that the child of `script` stands on.
fn terminal_of(script: u32) -> Option<PathBuf> {
    let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).ok()?;
    fs::read_link(format!("/proc/{}/fd/0", children.split_whitespace().next()?)).ok()
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Output {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// Normalised.
    pub stdout: String,
    /// Normalised.
    pub stderr: String,
    /// As it was.
    pub raw: [String; 2],
}

impl Output {
    /// Exit code and both streams as one text: `exit 2`, lines of standard output behind `1| `, of standard error behind `2| `.
    pub fn text(&self) -> String {
        let mut text = match self.code {
            Some(code) => format!("exit {code}\n"),
            None => "killed\n".to_owned(),
        };
        for (mark, stream) in [("1|", &self.stdout), ("2|", &self.stderr)] {
            for line in stream.lines() {
                text.push_str(format!("{mark} {line}").trim_end());
                text.push('\n');
            }
        }
        text
    }

    /// Compares everything.
    #[track_caller]
    pub fn is(&self, expected: &str) -> &Self {
        super::normal::assert_same(&self.text(), expected);
        self
    }

    /// Ended well; for the steps on the way to what a test is about.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text());
        self
    }

    /// Standard output, each line of it as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.raw[0].lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}
