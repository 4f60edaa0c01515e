//! A home and a working folder with files in them, in which a test calls the program several times by command lines, and
//! what came of a call as one text.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    canary::canary,
    program::{Output, Program, Running},
    terminal::Terminal,
    text::assert_same,
};

/// The folders, and the program in them.
pub struct World(Program);

impl World {
    pub fn new() -> Self {
        let program = Program::new();
        fs::create_dir(program.home_path()).unwrap();
        Self(program)
    }

    /// The same with a variable in the environment of whatever it runs.
    pub fn env(self, name: &str, value: &str) -> Self {
        Self(self.0.env(name, value))
    }

    pub fn folder(&self) -> &Path {
        self.0.folder_path()
    }

    pub fn home(&self) -> PathBuf {
        self.0.home_path().to_path_buf()
    }

    /// Writes a file into the working folder, or into the home folder when its name begins with `home/`.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        let path = match name.strip_prefix("home/") {
            Some(name) => self.home().join(name),
            None => self.folder().join(name),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn program(&self) -> Program {
        self.0.clone()
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

impl Output {
    /// Exit code and both streams as one text, normalised: `exit 2`, lines of standard output behind `1|`, of standard
    /// error behind `2|`.
    pub fn text(&self) -> String {
        let mut text = self.code.map_or_else(|| "killed\n".to_owned(), |code| format!("exit {code}\n"));
        for (mark, stream) in [("1|", &self.stdout), ("2|", &self.stderr)] {
            for line in self.program.normalised(stream).lines() {
                text.push_str(format!("{mark} {line}").trim_end());
                text.push('\n');
            }
        }
        text
    }

    /// Compares everything with such a text.
    #[track_caller]
    pub fn is(&self, expected: &str) {
        assert_same("what came", expected.trim_end(), self.text().trim_end());
    }

    /// Ended well; for the steps on the way to what a test is about.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text());
        self
    }
}

impl Running {
    /// What it has said on standard output so far.
    pub fn said(&self) -> String {
        self.stdout.text()
    }
}

impl Terminal {
    /// Waits for a question that is answered without echo, and answers it once the echo is off.
    pub fn answer_secret(&mut self, question: &str, answer: &str) {
        self.await_screen(question);
        self.await_silence();
        self.type_line(answer);
    }

    /// Waits until the terminal does not show what is typed.
    pub fn await_silence(&mut self) {
        self.running.poll("turn the echo off", |running| {
            let terminal = terminal_of(first_child(running.child.id())?)?;
            let state = Command::new("stty").arg("-F").arg(terminal).arg("-a").output().ok()?;
            String::from_utf8_lossy(&state.stdout).contains(" -echo ").then_some(())
        });
    }

    /// Sends a signal to the program that a shell on the terminal has started.
    pub fn signal(&mut self, name: &str) {
        let script = self.running.child.id();
        let program = first_child(script).and_then(first_child).unwrap();
        let sent = Command::new("kill").args(["-s", name, &program.to_string()]).status().unwrap();
        assert!(sent.success(), "the signal {name} was not sent");
    }
}

/// The terminal of a process: a number in its status, for who is not root cannot look at the files of the program.
fn terminal_of(process: u32) -> Option<PathBuf> {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let device: u32 = status.rsplit_once(") ")?.1.split(' ').nth(4)?.parse().ok()?;
    // 136 is the first of the majors of pseudoterminals, each of which has 256 (proc(5), makedev(3)).
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    Some(format!("/dev/pts/{}", major.checked_sub(136)? * 256 + minor).into())
}

fn first_child(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Fails when `secret` stands in an output, or in a file of the world's home folder.
#[track_caller]
pub fn assert_nowhere(secret: &str, world: &World, outputs: &[Output]) {
    let canary = canary(secret);
    for output in outputs {
        canary.assert_absent("standard output", &output.stdout);
        canary.assert_absent("standard error", &output.stderr);
    }
    assert!(fs::read_dir(world.home()).unwrap().count() > 0, "there is nothing to look into");
    canary.assert_absent_below(&world.home());
}
