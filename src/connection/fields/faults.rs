//! What is wrong with what was written, column by column.

use crate::{
    error::{Error, Result},
    host::INTERRUPTED,
};

/// What is wrong with one column.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The column's name, as in a CSV header.
    pub column: &'static str,
    /// What is wrong and what to do.
    pub error: Error,
}

/// Gathers faults while columns are checked.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, column: &'static str, error: Error) {
        self.0.push(Fault { column, error });
    }

    pub(super) fn of<'a, T>(
        &mut self,
        column: &'static str,
        given: Option<&'a str>,
        check: impl FnOnce(&'a str) -> Result<T>,
    ) -> Option<T> {
        check(given?).map_err(|error| self.add(column, error)).ok()
    }

    pub(super) fn needed<'a, T>(
        &mut self,
        column: &'static str,
        given: Option<&'a str>,
        check: impl FnOnce(&'a str) -> Result<T>,
    ) -> Option<T> {
        if given.is_none_or(str::is_empty) {
            let error = Error::new("connection.missing", format!("{column} is missing")).hint("it is needed");
            self.add(column, error);
            return None;
        }
        self.of(column, given, check)
    }

    /// What was there stays unless something is given; an empty text takes it away.
    pub(super) fn optional(
        &mut self,
        column: &'static str,
        given: Option<&str>,
        before: Option<String>,
        check: impl FnOnce(&str) -> Result<String>,
    ) -> Option<String> {
        match given {
            None => before,
            Some("") => None,
            given => self.of(column, given, check),
        }
    }

    pub(super) fn all<T>(
        &mut self,
        column: &'static str,
        given: Option<&[String]>,
        check: impl Fn(&str) -> Result<T>,
    ) -> Option<Vec<T>> {
        Some(given?.iter().filter_map(|text| self.of(column, Some(text), &check)).collect())
    }
}

/// The fault that says that somebody does not want to go on.
pub(in crate::connection) fn interruption(faults: &[Fault]) -> Option<&Error> {
    faults.iter().map(|fault| &fault.error).find(|error| error.code() == INTERRUPTED)
}

/// One error for the faults of one connection: a single one as it is; of several all messages, and a hint for each.
#[must_use]
pub fn as_error(faults: &[Fault]) -> Error {
    if let Some(interrupted) = interruption(faults) {
        return interrupted.clone();
    }
    let mut parts = faults.iter();
    let (Some(first), None) = (parts.next(), parts.next()) else {
        let all: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.column, fault.error.message())).collect();
        let hints: Vec<_> = faults.iter().filter_map(|fault| fault.error.remedy()).collect();
        return Error::new("connection.bad", all.join("; ")).hint(hints.join("; "));
    };
    first.error.clone().with("column", first.column)
}
