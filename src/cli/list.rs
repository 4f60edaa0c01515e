//! `libretto list`.

use serde_json::json;

use super::{Session, out::Out};
use crate::{
    report::{Paint, plain},
    script::library::{Found, Origin},
    store::events::Failure,
};

/// Prints the scripts that can be run by name, and where the one that wins is.
pub(super) fn list(session: &Session) -> u8 {
    let (out, listed) = (session.out, session.library().list());
    let width = listed.iter().map(|script| script.name.len()).max().unwrap_or(0);
    for script in listed {
        let name = out.look.paint(Paint::Heading, format!("{:width$}", script.name));
        let line = match script.found {
            Ok(found) if out.json => {
                let path = path(&found.origin);
                json!({ "name": script.name, "summary": found.summary, "path": path, "shadows_bundled": found.shadows_bundled }).to_string()
            }
            Err(error) if out.json => json!({ "name": script.name, "error": Failure::from(&error) }).to_string(),
            Ok(found) => format!("{name}  {}{}", plain(&found.summary), note(out, &found)),
            Err(error) => format!("{name}  {}", out.look.paint(Paint::Error, plain(error.message()))),
        };
        out.line(line.trim_end());
    }
    0
}

fn path(origin: &Origin) -> Option<&std::path::Path> {
    match origin {
        Origin::Bundled => None,
        Origin::File(path) => Some(path),
    }
}

/// Where a script lies that is not bundled.
fn note(out: Out, found: &Found) -> String {
    let Some(path) = path(&found.origin) else { return String::new() };
    let instead = if found.shadows_bundled { ", in place of the bundled one" } else { "" };
    let note = format!(" ({}{instead})", plain(&path.display().to_string()));
    out.look.paint(Paint::Faint, note)
}
