//! `secret::`: new secrets for scripts, which they can hand on and never see.

use crate::{
    error::Result,
    script::operation::{Namespace, Spec},
    secret::{Secret, generate},
};

pub(super) fn namespace() -> Namespace {
    Namespace::new("secret").immediate(
        Spec {
            signature: "generate(length?: int) -> secret",
            grant: None,
            doc: "Makes a password from the operating system's randomness: at least 24 characters, of all four classes, none that look alike.",
            example: r"print(secret::generate());",
        },
        generate,
    )
}

fn generate((length,): (Option<i64>,)) -> Result<Secret> {
    let usual = generate::Policy::default();
    let min_length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usual.min_length);
    generate::password(&generate::Policy { min_length, ..usual })
}
