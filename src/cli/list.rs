//! `libretto list`.

use serde_json::json;

use super::Session;
use crate::{
    error::Result,
    report::{Paint, plain},
    script::library::Origin,
};

/// Prints the scripts that can be run by name, and where the one that wins is.
pub(super) fn list(session: &Session) -> Result<u8> {
    let (out, listed) = (session.out, session.library().list()?);
    let width = listed.iter().map(|script| script.name.len()).max().unwrap_or(0);
    for script in listed {
        let (place, path) = match &script.origin {
            Origin::Bundled => ("bundled".to_owned(), None),
            Origin::File(path) => (plain(&path.display().to_string()), Some(path)),
        };
        if out.json {
            out.line(&json!({ "name": script.name, "summary": script.summary, "path": path, "shadows_bundled": script.shadows_bundled }).to_string());
            continue;
        }
        let note = match (path, script.shadows_bundled) {
            (None, _) => String::new(),
            (Some(_), false) => format!(" ({place})"),
            (Some(_), true) => format!(" ({place}, in place of the bundled one)"),
        };
        let name = out.look.paint(Paint::Heading, format!("{:width$}", script.name));
        out.line(format!("{name}  {}{}", plain(&script.summary), out.look.paint(Paint::Faint, note)).trim_end());
    }
    Ok(0)
}
