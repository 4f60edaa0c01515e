//! The files that connections are imported from, as rows of fields.

use std::{fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    connection::{Fault, Fields},
    error::{Error, Result},
    names::nearest,
};

/// One row, numbered as a person counts: in CSV the header is row 1, in JSON the first entry is.
pub(super) struct Line {
    pub(super) row: usize,
    pub(super) fields: Fields,
    /// Cells that are not of the kind that their column holds.
    pub(super) faults: Vec<Fault>,
}

const COLUMNS: [&str; 24] = [
    "name",
    "kind",
    "domain",
    "username",
    "password",
    "targets",
    "home_servers",
    "tags",
    "customer",
    "ca",
    "ca_pem",
    "tls",
    "pin",
    "via",
    "dependents",
    "ad",
    "client_id",
    "secret",
    "certificate",
    "agent",
    "agent_token",
    "agent_ca",
    "agent_ca_pem",
    "app_home",
];

/// Reads a `.csv`, `.json` or `.jsonl` file.
pub(super) fn read(path: &Path) -> Result<Vec<Line>> {
    let bytes = std::fs::read(path).map_err(|e| {
        Error::new("connection.import_file", format!("{} cannot be read: {e}", path.display()))
            .hint("give the path of a .csv or .json file")
    })?;
    let text = str::from_utf8(&bytes).map_err(|e| {
        Error::new("connection.import_file", format!("{} is not UTF-8 text: {e}", path.display()))
            .hint("save it as UTF-8 (in Excel: CSV UTF-8)")
    })?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(Error::new("connection.import_file", format!("{} is empty", path.display())).hint(
            "see that it was written to its end; a CSV file begins with a header such as name,kind,domain,username",
        ));
    }
    match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => csv(text),
        Some("json" | "jsonl") => json(text),
        _ => {
            Err(Error::new("connection.import_file", format!("{} is neither .csv nor .json or .jsonl", path.display()))
                .hint("give the file the ending that says what it is"))
        }
    }
    .map_err(|e| e.with("file", path.display().to_string()))
}

fn csv(text: &str) -> Result<Vec<Line>> {
    let bad = |said: String| Error::new("connection.import_file", said);
    if let Some(line) = unclosed_quote(text) {
        let said = format!("the double quote that begins a cell in line {line} is never closed");
        return Err(
            bad(said).hint("close it, and see that the file is whole; a quote inside of quotes is written twice")
        );
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| bad(format!("the header cannot be read: {e}")))?.clone();
    if let (Some(only), 1) = (header.get(0), header.len())
        && let Some(other) = only.chars().find(|c| matches!(c, ';' | '\t'))
    {
        let name = if other == ';' { "semicolons" } else { "tabs" };
        return Err(bad(format!("the columns are separated by {name}, not by commas")).hint(
            "save the file with commas between the columns (in Excel that depends on the system's list separator)",
        ));
    }
    let columns = header.iter().map(column).collect::<Result<Vec<_>>>()?;
    for (at, name) in columns.iter().enumerate() {
        if columns[..at].contains(name) {
            return Err(bad(format!("the header has the column {name} twice")).hint("name each column once"));
        }
    }
    let mut lines = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let row = at + 2;
        let record = record.map_err(|e| bad(format!("row {row} cannot be read: {e}")))?;
        let mut line = Line { row, fields: Fields::default(), faults: Vec::new() };
        if record.len() != columns.len() {
            let said = format!("the row has {} cells, the header has {}", record.len(), columns.len());
            let error = Error::new("connection.import_row", said)
                .hint("put cells that hold a comma in double quotes, and leave empty cells in");
            line.faults.push(Fault { column: columns.last().copied().unwrap_or("name"), error });
        }
        for (name, cell) in columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()) {
            set(&mut line.fields, name, Cell::Text(cell));
        }
        lines.push(line);
    }
    Ok(lines)
}

/// The line of a quoted cell that is not closed before the file ends: all that follows would count as its text.
pub(crate) fn unclosed_quote(text: &str) -> Option<usize> {
    let (mut line, mut opened, mut at_start) = (1, None, true);
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        if opened.is_some() {
            // Two of them are one in the text.
            if character == '"' && characters.next_if_eq(&'"').is_none() {
                opened = None;
            }
            continue;
        }
        opened = (character == '"' && at_start).then_some(line);
        at_start = matches!(character, ',' | '\n' | '\r');
    }
    opened
}

fn json(text: &str) -> Result<Vec<Line>> {
    let rows = objects(text).map_err(|e| {
        Error::new(
            "connection.import_file",
            format!("the file is neither a JSON list of objects nor one object per line: {e}"),
        )
        .hint("`libretto connections export` shows the form")
    })?;
    let mut lines = Vec::new();
    for (at, object) in rows.iter().enumerate() {
        let mut line = Line { row: at + 1, fields: Fields::default(), faults: Vec::new() };
        let mut seen = Vec::new();
        for (key, value) in &object.0 {
            let name = column(key).map_err(|e| e.context(format!("entry {}", at + 1)))?;
            if seen.contains(&name) {
                let said = format!("entry {}: {name} is given twice", at + 1);
                return Err(Error::new("connection.import_file", said).hint("give it once"));
            }
            seen.push(name);
            let items: Option<Vec<String>> = match value {
                Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
                _ => None,
            };
            match (value, items) {
                (Value::Null, _) => {}
                (Value::String(text), _) => set(&mut line.fields, name, Cell::Text(text)),
                (_, Some(items)) if is_list(name) => set(&mut line.fields, name, Cell::Items(items)),
                _ => {
                    let error = Error::new("connection.import_row", "the value is not a text or, for a list, texts")
                        .hint("write texts in double quotes, lists in brackets");
                    line.faults.push(Fault { column: name, error });
                }
            }
        }
        lines.push(line);
    }
    Ok(lines)
}

/// The objects of a list, or of a file with one per line.
fn objects(text: &str) -> serde_json::Result<Vec<Object>> {
    if text.trim_start().starts_with('{') {
        return serde_json::Deserializer::from_str(text).into_iter().collect();
    }
    serde_json::from_str(text)
}

/// A JSON object with all that was written, also what was written twice, of which a map keeps the last.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

enum Cell<'a> {
    Text(&'a str),
    Items(Vec<String>),
}

fn is_list(column: &str) -> bool {
    matches!(column, "targets" | "home_servers" | "tags" | "dependents")
}

fn column(name: &str) -> Result<&'static str> {
    COLUMNS.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().ok_or_else(|| {
        let error = Error::new("connection.import_column", format!("there is no column {name:?}"));
        match nearest(name, COLUMNS.iter().copied()) {
            Some(known) => error.hint(format!("did you mean {known}?")),
            None => error.hint(format!("the columns are {}", COLUMNS.join(", "))),
        }
    })
}

fn set(fields: &mut Fields, column: &str, cell: Cell<'_>) {
    let list = |cell: Cell<'_>| match cell {
        Cell::Items(items) => items,
        // A path may hold spaces.
        Cell::Text(text) if column == "home_servers" => {
            text.split(';').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        }
        Cell::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
    };
    let text = match (column, cell) {
        ("targets", cell) => return fields.targets = Some(list(cell)),
        ("home_servers", cell) => return fields.home_servers = Some(list(cell)),
        ("tags", cell) => return fields.tags = Some(list(cell)),
        ("dependents", cell) => return fields.dependents = Some(list(cell)),
        (_, Cell::Text(text)) => Some(text.to_owned()),
        (_, Cell::Items(_)) => return,
    };
    match column {
        "name" => fields.name = text,
        "kind" => fields.kind = text,
        "domain" => fields.domain = text,
        "username" => fields.username = text,
        "password" => fields.password = text,
        "customer" => fields.customer = text,
        "ca" => fields.ca = text,
        "ca_pem" => fields.ca_pem = text,
        "tls" => fields.tls = text,
        "pin" => fields.pin = text,
        "via" => fields.via = text,
        "ad" => fields.ad = text,
        "client_id" => fields.client_id = text,
        "secret" => fields.secret = text,
        "certificate" => fields.certificate = text,
        "agent_token" => fields.agent_token = text,
        "agent_ca" => fields.agent_ca = text,
        "agent_ca_pem" => fields.agent_ca_pem = text,
        "app_home" => fields.app_home = text,
        _ => fields.agent = text,
    }
}
