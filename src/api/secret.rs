//! `secret::`: new secrets for scripts, which they can hand on and never see.

use rhai::Dynamic;

use crate::{
    error::Result,
    script::{
        operation::{Namespace, Spec},
        value::{Fields, FromScript},
    },
    secret::{
        Secret,
        generate::{self, Policy, Recipe},
    },
};

pub(super) fn namespace() -> Namespace {
    Namespace::new("secret").immediate(
        Spec {
            signature: "generate(options?: map or int) -> secret",
            grant: None,
            doc: "Makes a password from the operating system's randomness: 24 characters of all four classes, none that look alike, about \
                  146 bits. Options: `length` (8 to 256; an int alone says the same), `alphabet` (a text of the characters to draw from, each \
                  as likely as the others), `ambiguous: true` (also 0 O o 1 l I, which are left out otherwise), `insist: true` (also fewer than \
                  16 characters or 80 bits, which is refused otherwise).",
            example: r#"print(secret::generate()); print(secret::generate(#{ length: 40, alphabet: "abcdefghijkmnpqrstuvwxyz23456789" }));"#,
        },
        generate,
    )
}

impl FromScript for Recipe {
    const TYPE: &'static str = "map";

    fn from_script(value: Dynamic) -> Result<Self, String> {
        if value.is_int() {
            return Ok(Self { length: Some(i64::from_script(value)?), ..Self::default() });
        }
        let mut fields = Fields::new(value)?;
        let recipe = Self {
            length: fields.take("length")?,
            alphabet: fields.take("alphabet")?,
            ambiguous: fields.take("ambiguous")?.unwrap_or(false),
            insist: fields.take("insist")?.unwrap_or(false),
        };
        fields.finish().map(|()| recipe)
    }
}

fn generate((recipe,): (Option<Recipe>,)) -> Result<Secret> {
    let recipe = recipe.unwrap_or_default();
    // No directory is asked here; where the alphabet is given, so is what it can satisfy.
    let policy = Policy { min_length: 0, complexity: recipe.alphabet.is_none() };
    generate::password(&policy, &recipe)
}
