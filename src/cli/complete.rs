//! What a shell offers when somebody presses Tab: scripts, their parameters, connections, runs, grants.
//!
//! A completion never complains: what cannot be read offers nothing.

use std::ffi::OsStr;

use clap_complete::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};

use crate::{
    api,
    connection::{self, Scope},
    host::Host,
    script::{GRANTS, library::Library, params::ParamType},
    store::Store,
};

/// Runs that are offered.
const RUNS: usize = 50;

pub(super) fn scripts() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some((library, _)) = surroundings() else { return Vec::new() };
        let listed = library.list().into_iter().filter_map(|script| Some((script.name, script.found.ok()?)));
        listed.map(|(name, found)| CompletionCandidate::new(name).help(Some(found.summary.into()))).collect()
    })
}

pub(super) fn connections() -> ArgValueCandidates {
    ArgValueCandidates::new(|| connection_names().into_iter().map(CompletionCandidate::new).collect())
}

pub(super) fn runs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(store) = store() else { return Vec::new() };
        let runs = store.runs(RUNS).unwrap_or_default();
        runs.into_iter().map(|run| CompletionCandidate::new(run.run).help(Some(run.script.into()))).collect()
    })
}

pub(super) fn grants() -> ArgValueCandidates {
    ArgValueCandidates::new(|| GRANTS.iter().map(|grant| CompletionCandidate::new(*grant)).collect())
}

/// `connection=` and the names of connections behind it; the script is found among the words before.
pub(super) fn parameters() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| parameter_candidates(current).unwrap_or_default())
}

fn parameter_candidates(current: &OsStr) -> Option<Vec<CompletionCandidate>> {
    let (library, host) = surroundings()?;
    let words: Vec<&str> = host.args.iter().filter_map(|word| word.to_str()).collect();
    let script = words.iter().skip_while(|word| **word != "run").skip(1).find(|word| !word.starts_with('-'))?;
    let source = library.script(script).ok()?;
    let script = api::interpreter(&crate::config::Limits::default()).read(&library, source).ok()?;
    let current = current.to_str()?;
    let params = script.declaration.params;
    let Some((name, _)) = current.split_once('=') else {
        let fitting = params.into_iter().filter(|param| param.name.starts_with(current));
        return Some(
            fitting
                .map(|param| CompletionCandidate::new(format!("{}=", param.name)).help(Some(param.help.into())))
                .collect(),
        );
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let param = params.iter().find(|param| param.name == name)?;
    let values: Vec<String> = match &param.takes {
        ParamType::Connection(_) | ParamType::Connections(_) => connection_names(),
        ParamType::Bool => words(&["true", "false"]),
        ParamType::Choice(choices) => choices.clone(),
        ParamType::Secret if param.can_be_generated => words(&["env:", "file:", "-", "prompt", "generate"]),
        ParamType::Secret => words(&["env:", "file:", "-", "prompt"]),
        _ => Vec::new(),
    };
    let candidates =
        values.into_iter().map(|value| format!("{name}={value}")).filter(|candidate| candidate.starts_with(current));
    Some(candidates.map(CompletionCandidate::new).collect())
}

fn connection_names() -> Vec<String> {
    store().and_then(|store| connection::all_names(&store, &Scope::all()).ok()).unwrap_or_default()
}

fn surroundings() -> Option<(Library, Host)> {
    let host = Host::real();
    let home = host.home(None).ok()?;
    Some((Library::new(&home, &host.working_folder), host))
}

/// The store, if there is one: Tab makes nothing.
fn store() -> Option<Store> {
    let home = Host::real().home(None).ok()?;
    home.join("store.db").exists().then(|| Store::open(&home).ok()).flatten()
}
