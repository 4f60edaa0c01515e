//! `libretto check [PATH ...]`.

use std::path::{Path, PathBuf};

use super::{REFUSED, Session, complain};
use crate::{
    api,
    config::Config,
    error::{Error, Result},
    report,
    script::{Interpreter, library::Source},
    store::events::Failure,
};

/// Looks for mistakes in scripts; exit 2 when there is one, as a run of the script would.
pub(super) fn check(session: &Session, paths: &[PathBuf]) -> Result<u8> {
    let library = session.library();
    let names: Vec<Result<String>> = if paths.is_empty() {
        library.list().into_iter().map(|script| Ok(script.name)).collect()
    } else {
        scripts_in(session, paths)?
    };
    let limits = Config::load(&session.home)?.limits;
    let mut errors = 0;
    for name in &names {
        errors += match name.as_ref().map_err(Clone::clone).and_then(|name| library.script(name)) {
            Ok(source) => check_one(session, &api::interpreter(&limits), source),
            Err(error) => unreadable(session, name.as_ref().ok(), &error),
        };
    }
    if session.out.json {
        let said = serde_json::json!({ "event": "checked", "scripts": names.len(), "errors": errors });
        session.out.line(&said.to_string());
    } else if !session.out.quiet {
        let scripts = if names.len() == 1 { "1 script".to_owned() } else { format!("{} scripts", names.len()) };
        let found = match errors {
            0 => "no errors".to_owned(),
            1 => "1 error".to_owned(),
            _ => format!("{errors} errors"),
        };
        session.out.line(&format!("{scripts} checked, {found}"));
    }
    Ok(if errors == 0 { 0 } else { REFUSED })
}

fn check_one(session: &Session, interpreter: &Interpreter, source: Source) -> usize {
    let text = (source.name.clone(), source.text.clone());
    let (findings, sources) = match interpreter.read(&session.library(), source) {
        Err(findings) => (findings, vec![text]),
        Ok(script) => (interpreter.check(&script), script.texts()),
    };
    let (out, sources) = (session.out, report::Sources::from(sources));
    for finding in &findings {
        let failure = Failure::from(finding);
        if out.json {
            out.line(&serde_json::json!({ "script": failure.place.as_ref().map(|place| &place.script), "is_error": finding.is_error, "finding": failure }).to_string());
        } else if finding.is_error {
            complain(out, &sources, &failure);
        } else {
            out.complain(&report::warning(out.error_look, &sources, &failure));
        }
    }
    findings.iter().filter(|finding| finding.is_error).count()
}

/// Says what cannot be checked, in its place; the others are.
fn unreadable(session: &Session, name: Option<&String>, error: &Error) -> usize {
    let failure = Failure::from(error);
    if session.out.json {
        session.out.line(&serde_json::json!({ "script": name, "is_error": true, "finding": failure }).to_string());
    } else {
        complain(session.out, &report::Sources::default(), &failure);
    }
    1
}

/// Files as they are, folders by the scripts in them; a folder that cannot be read is an error in its place.
fn scripts_in(session: &Session, paths: &[PathBuf]) -> Result<Vec<Result<String>>> {
    let mut names = Vec::new();
    for path in paths {
        let full = session.host.working_folder.join(path);
        if !full.is_dir() {
            names.push(Ok(path.to_string_lossy().into_owned()));
            continue;
        }
        let mut found = Vec::new();
        collect(&full, &mut found);
        if found.is_empty() {
            return Err(Error::new("script.none_found", format!("there are no scripts in {}", path.display()))
                .hint("name a folder with files that end in .rhai, or the files themselves"));
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        names.extend(found.into_iter().map(|(path, problem)| match problem {
            None => Ok(path.to_string_lossy().into_owned()),
            Some(problem) => Err(problem),
        }));
    }
    Ok(names)
}

/// The scripts below a folder, and the folders there that cannot be read.
fn collect(folder: &Path, found: &mut Vec<(PathBuf, Option<Error>)>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            let error = Error::new("script.unreadable", format!("{} cannot be read: {e}", folder.display()))
                .hint("give this account the right to read the folder, or name the files");
            return found.push((folder.to_path_buf(), Some(error)));
        }
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rhai") {
            found.push((path, None));
        }
    }
}
