//! What `rotate` says that it may answer with is what the code answers with.

use std::{collections::BTreeSet, fs, path::Path};

/// It never leaves the room: of a dependent only the message is told.
const INNER: &str = "rotation.stopped";

/// The codes of this room in a text, between two of `mark`.
fn codes(text: &str, mark: char) -> BTreeSet<String> {
    let quoted = text.split(mark).filter(|part| part.starts_with("rotation.") && part.len() > "rotation.".len());
    quoted.filter(|part| part.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c))).map(str::to_owned).collect()
}

/// What says itself what it answers with: recoveries, what they begin from, and the room of apps within that of accounts.
const OTHERS: [&str; 4] = ["recover", "app", "recover.rs", "unfinished.rs"];

/// Those of every file of the folder, save of the others.
fn used(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if OTHERS.iter().any(|other| path.ends_with(other)) {
            continue;
        }
        if path.is_dir() {
            used(&path, found);
        } else {
            found.extend(codes(&fs::read_to_string(path).unwrap(), '"'));
        }
    }
}

#[test]
fn every_code_that_a_rotation_answers_with_is_documented() {
    for room in ["src/rotation", "src/rotation/app"] {
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join(room);
        let mut used_codes = BTreeSet::new();
        used(&room, &mut used_codes);
        let text = fs::read_to_string(room.join("mod.rs")).unwrap();
        let (_, documented) = text.split_once("/// # Errors").unwrap();
        let (documented, _) = documented.split_once("pub async fn rotate(").unwrap();
        let documented = codes(documented, '`');
        let untold: Vec<&String> = used_codes.difference(&documented).filter(|code| *code != INNER).collect();
        assert!(untold.is_empty(), "not documented: {untold:?}");
    }
}
