//! The script reference: a page made from what the operations say of themselves.

use std::fmt::Write as _;

use super::operation::Operation;

/// The whole page, in Markdown.
#[must_use]
pub fn page(operations: &[Operation]) -> String {
    let mut page = String::from(
        "# What scripts can call\n\n\
         Made from the code by `libretto doc`; a test fails when this page is stale. A question mark ends what may be left out.\n\
         An operation without a grant only reads.\n",
    );
    let mut namespace = None;
    for operation in operations {
        if namespace != Some(operation.namespace) {
            namespace = Some(operation.namespace);
            let heading = if operation.namespace.is_empty() {
                "Everywhere".to_owned()
            } else {
                format!("`{}::`", operation.namespace)
            };
            let _ = write!(page, "\n## {heading}\n");
        }
        let _ = write!(page, "\n{}", entry(operation));
    }
    page
}

/// One operation, in Markdown.
#[must_use]
pub fn entry(operation: &Operation) -> String {
    let before = if operation.namespace.is_empty() { String::new() } else { format!("{}::", operation.namespace) };
    let grant = operation.spec.grant.map(|grant| format!("Needs the grant `{grant}`.\n\n")).unwrap_or_default();
    format!(
        "### `{before}{}`\n\n{}\n\n{grant}```rhai\n{}\n```\n",
        operation.spec.signature, operation.spec.doc, operation.spec.example
    )
}
