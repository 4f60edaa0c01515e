//! Import from CSV and JSON: everything or nothing, and all that is wrong at once.

mod file;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    thread,
};

use file::Line;
pub(crate) use file::unclosed_quote;
use rusqlite::Transaction;
use serde::Serialize;

use super::{
    Change, Connection, Fault, Fields, Given, NewConnection, Scope, Selector, change, credentials,
    fields::interruption, query, trail,
};
use crate::{
    error::{Error, Result},
    host::Host,
    secret::{reference::Reference, seal::Identity},
    store::{Store, rows::credentials::Kept},
};

/// More faults than this are counted, not listed.
const LISTED: usize = 1000;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Names of connections that are new.
    pub added: Vec<String>,
    /// Names of connections that were there and got the file's values.
    pub changed: Vec<String>,
    /// Names of connections that were as the file says already.
    pub unchanged: Vec<String>,
}

/// A row that is right.
enum Checked {
    New(NewConnection),
    Edit(Box<Connection>, Change),
}

/// Imports a `.csv`, `.json` or `.jsonl` file. A name that exists is edited: what its row leaves empty stays.
///
/// # Errors
/// `connection.import` with a detail `fault` (`row 3, column targets: ...`) for each; nothing was imported then.
/// `rotation.unfinished` when a row touches a principal whose transaction has not ended.
pub fn import(store: &Store, host: &Host, path: &Path) -> Result<Imported> {
    let lines = file::read(&host.working_folder.join(path))?;
    let there: HashMap<String, Connection> = query::list(store, &Selector::all(), &Scope::all())?
        .into_iter()
        .map(|connection| (connection.name.to_ascii_lowercase(), connection))
        .collect();
    let mut faults = Vec::new();
    let mut checked = Vec::with_capacity(lines.len());
    let mut seen = HashSet::new();
    for line in lines {
        let (row, name) = (line.row, line.fields.name.clone().unwrap_or_default().to_ascii_lowercase());
        match check(store, host, line, &there) {
            Ok(_) if !seen.insert(name) => faults.push((row, twice())),
            Ok(right) => checked.push((row, right)),
            Err(wrong) => {
                // Whoever breaks off at one row's question is not asked those of the rows after it.
                if let Some(interrupted) = interruption(&wrong) {
                    return Err(interrupted.clone());
                }
                faults.extend(wrong.into_iter().map(|fault| (row, fault)));
            }
        }
    }
    if !faults.is_empty() {
        return Err(refuse(path, &faults));
    }
    leave_known_secrets(store, &mut checked)?;
    let kept = seal_all(store, &checked)?;
    write(store, path, &checked, &kept)
}

fn check(store: &Store, host: &Host, line: Line, there: &HashMap<String, Connection>) -> Result<Checked, Vec<Fault>> {
    let Line { fields, mut faults, .. } = line;
    let before = fields.name.as_ref().and_then(|name| there.get(&name.to_ascii_lowercase()));
    faults.extend(refuse_reference("password", &fields));
    faults.extend(refuse_reference("secret", &fields));
    if !faults.is_empty() {
        // Secrets are not read for a row that is refused anyway; its other columns are looked at all the same.
        let rest = Fields { password: None, secret: None, certificate: None, ..fields };
        let wrong = match before {
            None => rest.check(host).err(),
            Some(before) => rest.check_change(host, before).err(),
        };
        faults.extend(wrong.unwrap_or_default());
        return Err(faults);
    }
    match before {
        None => fields.check(host).map(Checked::New),
        Some(before) => {
            let change = fields.check_change(host, before)?;
            // Before anything is sealed, and with whatever is wrong in other rows.
            store
                .read(|c| change::refuse_name_alone(c, before, &change))
                .map_err(|error| vec![Fault { column: "username", error }])?;
            Ok(Checked::Edit(Box::new(before.clone()), change))
        }
    }
}

/// A file from elsewhere must not run programs here, and one standard input cannot answer for many rows.
fn refuse_reference(column: &'static str, fields: &Fields) -> Option<Fault> {
    let text = if column == "password" { fields.password.as_deref() } else { fields.secret.as_deref() }?;
    let said = match Reference::parse(text) {
        Ok(Reference::Command(_)) => "command: is not taken from a file: it would run a program at each use",
        Ok(Reference::Stdin) => "standard input cannot answer for a row of a file",
        _ => return None,
    };
    let error = Error::new("connection.import_reference", said)
        .hint("give env:NAME or file:PATH, or set it afterwards with `libretto connections edit`");
    Some(Fault { column, error })
}

fn twice() -> Fault {
    let error = Error::new("connection.exists", "the name stands in an earlier row already").hint("name each row once");
    Fault { column: "name", error }
}

fn refuse(path: &Path, faults: &[(usize, Fault)]) -> Error {
    let text = |(row, fault): &(usize, Fault)| format!("row {row}, column {}: {}", fault.column, fault.error.message());
    let count = match faults.len() {
        1 => "1 fault".to_owned(),
        count => format!("{count} faults"),
    };
    let mut error = Error::new("connection.import", format!("{} has {count}, nothing was imported", path.display()));
    error = match faults {
        [(_, only)] => error.hint(only.error.remedy().unwrap_or("correct it, then import the file again")),
        _ => error.hint("correct them, then import the file again"),
    };
    for fault in faults.iter().take(LISTED) {
        error = error.with("fault", text(fault));
    }
    if faults.len() > LISTED {
        error = error.with("fault", format!("and {} more", faults.len() - LISTED));
    }
    error
}

/// A secret that a connection has already is not another version of it, which would have to be proven anew.
fn leave_known_secrets(store: &Store, checked: &mut [(usize, Checked)]) -> Result<()> {
    let mut identity = None;
    for (_, row) in checked {
        let Checked::Edit(before, change) = row else { continue };
        let Some(Given::Secret(given)) = &change.secret else { continue };
        let same_name = change.username.as_ref().is_none_or(|username| *username == before.username);
        let Some(current) = credentials::current(store, before)?.filter(|_| same_name) else { continue };
        let identity = match &identity {
            Some(identity) => identity,
            None => identity.insert(Identity::load_or_make(store)?),
        };
        if credentials::open(store, identity, &current).is_ok_and(|known| known.expose() == given.expose()) {
            change.secret = None;
        }
    }
    Ok(())
}

/// Seals what was given, on all cores: one X25519 exchange each adds up over ten thousand rows.
fn seal_all(store: &Store, checked: &[(usize, Checked)]) -> Result<Vec<Option<Kept>>> {
    let given: Vec<Option<&Given>> = checked
        .iter()
        .map(|(_, row)| match row {
            Checked::New(new) => new.secret.as_ref(),
            Checked::Edit(_, change) => change.secret.as_ref(),
        })
        .collect();
    let mut identity = None;
    if let Some(first) = given.iter().flatten().next() {
        // Made here, once, if it has to be made.
        credentials::keep(&mut identity, store, first)?;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = given.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = given
            .chunks(share)
            .map(|part| {
                let mut identity = identity.clone();
                scope.spawn(move || {
                    part.iter()
                        .map(|given| given.map(|given| credentials::keep(&mut identity, store, given)).transpose())
                        .collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let mut kept = Vec::with_capacity(given.len());
        for worker in workers {
            let part = worker.join().map_err(|_| Error::new("secret.not_sealed", "sealing the secrets ended early"))?;
            kept.extend(part?);
        }
        Ok(kept)
    })
}

fn write(store: &Store, path: &Path, checked: &[(usize, Checked)], kept: &[Option<Kept>]) -> Result<Imported> {
    for (row, line) in checked {
        if let Checked::Edit(before, edit) = line {
            change::refuse_held(store, before, edit).map_err(|e| at_row(path, *row, "name", e))?;
        }
    }
    store.write(|t| {
        let mut done = Imported { added: Vec::new(), changed: Vec::new(), unchanged: Vec::new() };
        for ((row, line), kept) in checked.iter().zip(kept) {
            match line {
                Checked::New(new) => {
                    change::insert(t, store.actor(), new, kept.as_ref()).map_err(|e| at_row(path, *row, "name", e))?;
                    done.added.push(new.name.clone());
                }
                Checked::Edit(before, edit) if !edit.changes(before) => done.unchanged.push(before.name.clone()),
                Checked::Edit(before, edit) => {
                    let name = change::update(t, store.actor(), before, edit, kept.as_ref())
                        .map_err(|e| at_row(path, *row, "name", e))?;
                    done.changed.push(name);
                }
            }
        }
        let faults = broken_links(t, checked);
        if !faults.is_empty() {
            return Err(refuse(path, &faults));
        }
        let file = path.to_string_lossy();
        trail::imported(t, store.actor(), &file, done.added.len(), done.changed.len())?;
        Ok(done)
    })
}

/// Links are looked at when all rows are there: they may name each other in any order.
fn broken_links(t: &Transaction<'_>, checked: &[(usize, Checked)]) -> Vec<(usize, Fault)> {
    let mut faults = Vec::new();
    let mut known = HashSet::new();
    for (row, line) in checked {
        let settings = match line {
            Checked::New(new) => &new.settings,
            Checked::Edit(before, edit) => edit.settings.as_ref().unwrap_or(&before.settings),
        };
        let Some((column, link)) = settings.link() else { continue };
        if known.contains(link) {
            continue;
        }
        match change::check_links(t, settings, &Scope::all()) {
            Ok(()) => drop(known.insert(link.to_owned())),
            Err(error) => faults.push((*row, Fault { column, error })),
        }
    }
    faults
}

/// Only what the row itself is to blame for becomes a fault; a full disk or an unfinished transaction stays what it is.
fn at_row(path: &Path, row: usize, column: &'static str, error: Error) -> Error {
    if error.code().starts_with("connection.") { refuse(path, &[(row, Fault { column, error })]) } else { error }
}
