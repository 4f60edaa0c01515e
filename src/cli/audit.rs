//! `libretto audit`.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use serde_json::{Value, json};

use super::{Session, args::AuditCommand, complain};
use crate::{
    error::{Error, Result},
    report::Sources,
    run::exit_code,
    store::{
        audit::{self, Chain},
        events::Failure,
    },
    verdict::Verdict,
};

/// Lines that go out at once.
const GROUP: usize = 500;

pub(super) fn audit(session: &Session, command: &AuditCommand) -> Result<u8> {
    match command {
        AuditCommand::Verify { file, head } => verify(session, file.as_deref(), head.as_deref()),
        AuditCommand::Export { since } => export(session, since.as_deref()),
    }
}

/// A trail that is not sound is a finding, exit 1; one that cannot be read is a refusal.
fn verify(session: &Session, file: Option<&Path>, head: Option<&str>) -> Result<u8> {
    if let Some(head) = head.filter(|head| head.len() != 64 || !head.chars().all(|c| c.is_ascii_hexdigit())) {
        return Err(Error::new("audit.no_hash", format!("\"{head}\" is no hash of an entry"))
            .hint("it has 64 hexadecimal digits; `libretto audit verify` shows the present one"));
    }
    let chain = Chain::new(head);
    let walked = match file {
        None => of_store(session, chain),
        Some(file) => of_file(&session.host.working_folder.join(file), chain),
    };
    match walked.and_then(Chain::finish) {
        Ok(chain) => {
            tell(session, &chain);
            Ok(0)
        }
        Err(error) if matches!(error.code(), "audit.broken" | "audit.head_missing") => {
            complain(session.out, &Sources::default(), &Failure::from(&error));
            Ok(exit_code(Verdict::Failed, false))
        }
        Err(error) => Err(error),
    }
}

fn of_store(session: &Session, mut chain: Chain) -> Result<Chain> {
    audit::each(&session.store()?, None, |link| chain.take(link))?;
    Ok(chain)
}

fn of_file(path: &Path, mut chain: Chain) -> Result<Chain> {
    let unreadable =
        |e: std::io::Error| Error::new("audit.unreadable", format!("{} cannot be read: {e}", path.display()));
    for line in BufReader::new(File::open(path).map_err(unreadable)?).lines() {
        chain.take_line(&line.map_err(unreadable)?)?;
    }
    Ok(chain)
}

fn tell(session: &Session, chain: &Chain) {
    let end = |end: &Option<(i64, String)>| {
        end.as_ref().map_or(Value::Null, |(number, at)| json!({"number": number, "at": at}))
    };
    if session.out.json {
        let said = json!({"event": "audit-verified", "entries": chain.entries, "first": end(&chain.first),
            "last": end(&chain.last), "head": chain.head});
        session.out.line(&said.to_string());
        return;
    }
    if session.out.quiet {
        return;
    }
    match (&chain.first, &chain.last) {
        (Some((first, from)), Some((last, to))) => {
            let entries = if chain.entries == 1 { "entry" } else { "entries" };
            session.out.line(&format!("ok: {} {entries}, {first} of {from} to {last} of {to}", chain.entries));
            session.out.line(&format!("head {}", chain.head));
        }
        _ => session.out.line("ok: the trail is empty"),
    }
}

fn export(session: &Session, since: Option<&str>) -> Result<u8> {
    // Not through the redactor once more, which could take a part of a hash for a secret: entries were redacted when they
    // were written.
    let mut lines = Vec::with_capacity(GROUP);
    audit::each(&session.store()?, since, |link| {
        lines.push(link.line());
        if lines.len() == GROUP {
            session.out.event(&lines.join("\n"));
            lines.clear();
        }
        Ok(())
    })?;
    if !lines.is_empty() {
        session.out.event(&lines.join("\n"));
    }
    Ok(0)
}
