//! Cases: text files that hold what a person types and everything that must come back, to the letter.
//!
//! A case begins with words for the reader. Then, in the order in which things happen:
//!
//! ```text
//! file loop.rhai              a file, its lines behind `| `; home/... lies in the home folder
//! | loop { }
//! env SVC_PW=Tr0ub4dor        the environment of the commands below
//! stdin secret-from-a-pipe    standard input of the next command
//! $ libretto run loop.rhai    a command; below it the exit code and both streams, `1| ` and `2| `
//! exit 1
//! 2| error[...]
//! ```
//!
//! `LIBRETTO_BLESS=1 tests/run cases` writes what comes into the files: look at the difference before you commit it.

use std::path::{Path, PathBuf};

use super::{
    text::assert_same,
    world::{World, words},
};

/// Performs the case `name` (`script/endless_loop`) and compares everything.
#[track_caller]
pub fn case(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let actual = perform(&expected);
    if std::env::var_os("LIBRETTO_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    } else {
        assert_same(name, &expected, &actual);
    }
}

/// Where the cases lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The case with what really came below each command.
fn perform(case: &str) -> String {
    let world = World::new();
    let mut env: Vec<(String, String)> = Vec::new();
    let mut stdin: Option<String> = None;
    let mut actual = String::new();
    let mut lines = case.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("exit ") || line.starts_with("killed") || line.starts_with("1|") || line.starts_with("2|") {
            continue;
        }
        actual.push_str(line);
        actual.push('\n');
        if let Some(name) = line.strip_prefix("file ") {
            let mut text = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                text.push_str(line[1..].strip_prefix(' ').unwrap_or(&line[1..]));
                text.push('\n');
                actual.push_str(line);
                actual.push('\n');
            }
            world.file(name, &text);
        } else if let Some((name, value)) = line.strip_prefix("env ").and_then(|pair| pair.split_once('=')) {
            env.push((name.to_owned(), value.to_owned()));
        } else if let Some(text) = line.strip_prefix("stdin ") {
            stdin = Some(format!("{text}\n"));
        } else if let Some(command) = line.strip_prefix("$ libretto") {
            let mut program = world.program().args(words(command));
            for (name, value) in &env {
                program = program.env(name, value);
            }
            if let Some(text) = stdin.take() {
                program = program.stdin(&text);
            }
            actual.push_str(&program.run().text());
        } else {
            assert!(!line.starts_with('$'), "a command begins with `$ libretto`: {line}");
        }
    }
    actual
}

/// One test per case, so that they run beside each other, and one that sees that no case is forgotten.
macro_rules! cases {
    ($folder:literal: $($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            $crate::support::case::case(concat!($folder, "/", stringify!($name)));
        })*

        #[test]
        fn every_case_is_performed() {
            let mut here = vec![$(stringify!($name).to_owned()),*];
            here.sort();
            let listed = std::fs::read_dir($crate::support::case::folder().join($folder)).unwrap();
            let mut there: Vec<String> =
                listed.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
            there.sort();
            assert_eq!(here, there);
        }
    };
}
pub(crate) use cases;
