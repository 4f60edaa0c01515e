//! Grants: what a script's calls need, also through the modules that it imports, and what it declares.

use std::collections::BTreeSet;

use rhai::Position;

use super::{Checker, Finding, error};
use crate::script::{
    operation::Operation,
    outline::{Body, Outline},
};

/// A place in the script's own text: what it calls there leads to an operation.
type From = (String, Position);

impl Checker<'_> {
    /// Follows calls from the script's own code into modules, and names every grant that is needed and not declared.
    pub(super) fn check_grants(&self, findings: &mut Vec<Finding>) {
        let mut queue: Vec<(&str, &Outline, &Body, Option<From>)> = self
            .script
            .outline
            .bodies
            .iter()
            .map(|body| (self.script.source.name.as_str(), &self.script.outline, body, None))
            .collect();
        let mut seen = BTreeSet::new();
        while let Some((script, outline, body, via)) = queue.pop() {
            for call in &body.calls {
                let from = via.clone().unwrap_or((script.to_owned(), call.at));
                if let Some(operation) = self.operation(call) {
                    findings.extend(self.undeclared(operation, &from));
                } else if let Some((name, module)) = self.module_of(outline, &call.namespace) {
                    for body in module.functions(&call.name) {
                        if seen.insert((name, body.name.as_str(), body.parameters.len())) {
                            queue.push((name, module, body, Some(from.clone())));
                        }
                    }
                }
            }
            if let Some(from) = via {
                let local = body
                    .calls
                    .iter()
                    .filter(|call| call.namespace.is_empty())
                    .map(|call| &call.name)
                    .chain(&body.closures);
                for body in local.flat_map(|name| outline.functions(name)) {
                    if seen.insert((script, body.name.as_str(), body.parameters.len())) {
                        queue.push((script, outline, body, Some(from.clone())));
                    }
                }
            }
        }
    }

    fn module_of(&self, outline: &Outline, alias: &str) -> Option<(&str, &Outline)> {
        let import = outline.import(alias)?;
        let (name, module) = self.script.imports.modules.get_key_value(import.name.as_ref()?)?;
        Some((name.as_str(), &module.outline))
    }

    fn undeclared(&self, operation: &Operation, (script, at): &From) -> Option<Finding> {
        let grant = operation.spec.grant.filter(|grant| !self.script.declaration.grants.contains(*grant))?;
        Some(error(
            script,
            *at,
            "script.grant_undeclared",
            format!("`{}` needs the grant {grant}, which the script does not declare", operation.full_name()),
            Some(format!("add \"{grant}\" to the script's GRANTS")),
        ))
    }
}
