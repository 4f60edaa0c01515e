//! Operations by what they are called: agents differ in paths and names, and their documents say which they use.

use super::document::{Document, Operation};
use crate::{
    error::{Error, Result},
    names::nearest,
    net::words::in_one_line,
};

/// What is looked for, in this order: operation ids, then a group with the end of a path, then the body's name in the group.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Ids that it may have, e.g. `Connections_TestConnection`; case, `_`, `-` and `.` do not count.
    pub ids: &'a [&'a str],
    /// Its group, e.g. `Connections`.
    pub tag: &'a str,
    /// The last part of its path that is no parameter, e.g. `TestConnection`.
    pub suffix: &'a str,
    /// What its body is called, e.g. `req`.
    pub body: Option<&'a str>,
    /// Whether asking for it changes something.
    pub writes: bool,
}

/// `TestConnection` of the group `Connections`, with one body parameter called `req` (article 236).
pub const TEST_CONNECTION: Wanted<'static> = Wanted {
    ids: &["Connections_TestConnection", "TestConnection"],
    tag: "Connections",
    suffix: "TestConnection",
    body: Some("req"),
    writes: false,
};

/// Adding a connection.
pub const ADD: Wanted<'static> = Wanted {
    ids: &[
        "Connections_Add",
        "Connections_AddConnection",
        "AddConnection",
        "Connections_Create",
        "CreateConnection",
        "Connections_Post",
    ],
    tag: "Connections",
    suffix: "Add",
    body: None,
    writes: true,
};

/// Changing a connection.
pub const UPDATE: Wanted<'static> = Wanted {
    ids: &[
        "Connections_Update",
        "Connections_UpdateConnection",
        "UpdateConnection",
        "Connections_AddOrUpdate",
        "AddOrUpdateConnection",
        "Connections_Put",
    ],
    tag: "Connections",
    suffix: "Update",
    body: None,
    writes: true,
};

/// Listing connections.
pub const LIST: Wanted<'static> = Wanted {
    ids: &[
        "Connections_List",
        "Connections_ListConnections",
        "ListConnections",
        "Connections_GetAll",
        "GetConnections",
    ],
    tag: "Connections",
    suffix: "List",
    body: None,
    writes: false,
};

/// Removing a connection.
pub const DELETE: Wanted<'static> = Wanted {
    ids: &[
        "Connections_Delete",
        "Connections_DeleteConnection",
        "DeleteConnection",
        "Connections_Remove",
        "RemoveConnection",
    ],
    tag: "Connections",
    suffix: "Delete",
    body: None,
    writes: true,
};

/// How the agent is.
pub const STATUS: Wanted<'static> = Wanted {
    ids: &["Agent_Status", "Agent_GetStatus", "GetStatus"],
    tag: "Agent",
    suffix: "Status",
    body: None,
    writes: false,
};

/// Operations that change nothing although they are posted, by their ids.
const READS: [&str; 9] = [
    "Agent_CheckEgress",
    "Agent_Status",
    "Connections_Get",
    "Connections_GetAll",
    "Connections_List",
    "Connections_TestConnection",
    "LicenceProfiles_List",
    "TestConnection",
    "Users_Find",
];

/// Whether an operation changes nothing, as far as its name tells: its id, or `GET /path`.
#[must_use]
pub fn only_reads(name: &str) -> bool {
    name.get(..5).is_some_and(|method| method.eq_ignore_ascii_case("GET /"))
        || READS.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// Finds what is wanted.
///
/// # Errors
/// `agent.no_operation`, which says what was looked for and what there is; `agent.ambiguous_operation`.
pub fn find<'a>(document: &'a Document, wanted: &Wanted<'_>) -> Result<&'a Operation> {
    let all = || document.operations.iter();
    for id in wanted.ids {
        let found: Vec<_> = all().filter(|one| one.id.as_deref().is_some_and(|its| plain(its) == plain(id))).collect();
        if !found.is_empty() {
            return only(&found, &format!("the id {id}"));
        }
    }
    let of_group: Vec<_> = all().filter(|one| is_of(one, wanted.tag)).collect();
    let ends = of_group
        .iter()
        .copied()
        .filter(|one| last_part(&one.path).is_some_and(|part| plain(part) == plain(wanted.suffix)));
    let found: Vec<_> = ends.collect();
    if !found.is_empty() {
        return only(&found, &format!("a path that ends in {}", wanted.suffix));
    }
    if let Some(body) = wanted.body {
        let named = |one: &&Operation| {
            one.body.as_ref().and_then(|body| body.name.as_deref()).is_some_and(|its| plain(its) == plain(body))
        };
        let found: Vec<_> = of_group.into_iter().filter(named).collect();
        if !found.is_empty() {
            return only(&found, &format!("a body called {body}"));
        }
    }
    Err(none(document, wanted))
}

/// Finds an operation by whatever a person calls it: its id, `Group_End`, `Group/End`, or `METHOD /path`.
///
/// # Errors
/// As [`find`].
pub fn named<'a>(document: &'a Document, name: &str) -> Result<&'a Operation> {
    let exact = document.operations.iter().find(|one| one.to_string().eq_ignore_ascii_case(name) || one.path == name);
    if let Some(found) = exact {
        return Ok(found);
    }
    // An operation that is called by its method is that one and no other: what only reads is known by it.
    if name.split_once(' ').is_some_and(|(_, path)| path.starts_with('/')) {
        return Err(none(document, &Wanted { ids: &[name], tag: "", suffix: name, body: None, writes: true }));
    }
    let (tag, suffix) = name.rsplit_once(['_', '.', '/', ':']).unwrap_or(("", name));
    find(document, &Wanted { ids: &[name], tag, suffix, body: None, writes: true })
}

fn only<'a>(found: &[&'a Operation], by: &str) -> Result<&'a Operation> {
    match found {
        [one] => Ok(one),
        // Reading and doing under one path: what is looked for by name is the one that does.
        several => {
            let posts: Vec<_> = several.iter().filter(|one| one.method == reqwest::Method::POST).collect();
            if let [post] = posts.as_slice() {
                return Ok(post);
            }
            let all: Vec<_> = several.iter().map(ToString::to_string).collect();
            Err(Error::new(
                "agent.ambiguous_operation",
                format!("the agent's document has several operations with {by}"),
            )
            .hint(format!("name one with `agent::invoke`: {}", all.join(", "))))
        }
    }
}

fn none(document: &Document, wanted: &Wanted<'_>) -> Error {
    let mut looked = vec![format!("an operation called {}", wanted.ids.join(" or "))];
    let group = if wanted.tag.is_empty() { "in any group".to_owned() } else { format!("in the group {}", wanted.tag) };
    looked.push(format!("{group} a path that ends in {}", wanted.suffix));
    looked.extend(wanted.body.map(|body| format!("{group} a body called {body}")));
    let known: Vec<String> =
        document.operations.iter().map(|one| one.id.clone().unwrap_or_else(|| one.to_string())).collect();
    let near = wanted.ids.iter().find_map(|id| nearest(id, known.iter().map(String::as_str)));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => "see on the agent's Swagger page what it has; `agent::invoke` asks for an operation by its own name"
            .to_owned(),
    };
    let error = Error::new("agent.no_operation", format!("the agent's document has nothing of: {}", looked.join("; ")))
        .hint(hint)
        .with("document", format!("{} {} ({})", document.title, document.version, document.format))
        .with("operations", first(&known, 50).join(", "));
    first(&document.broken, 10).into_iter().fold(error, |error, said| error.with("unreadable", said))
}

/// The first of many, and how many more there are.
fn first(all: &[String], most: usize) -> Vec<String> {
    let mut some: Vec<String> = all.iter().take(most).map(|one| in_one_line(one, 200)).collect();
    if all.len() > most {
        some.push(format!("and {} more", all.len() - most));
    }
    some
}

/// In the group by its tag, or, where it has none, by its path.
fn is_of(operation: &Operation, tag: &str) -> bool {
    if tag.is_empty() || operation.tags.iter().any(|its| plain(its) == plain(tag)) {
        return true;
    }
    operation.tags.is_empty() && operation.path.split('/').any(|part| plain(part) == plain(tag))
}

fn last_part(path: &str) -> Option<&str> {
    path.split('/').rev().find(|part| !part.is_empty() && !part.starts_with('{'))
}

/// A name without what names are decorated with.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
