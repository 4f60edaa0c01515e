//! Selectors: which connections a command or a script means.

use crate::error::Result;

/// Which connections: names, globs, `kind:ad`, `tag:gold`, `customer:contoso`, `failed-in:RUN`; `,` is "or", `&` is "and" and
/// binds tighter.
#[derive(Debug, Clone)]
pub struct Selector {}

impl Selector {
    /// All connections.
    #[must_use]
    pub fn all() -> Self {
        Self {}
    }

    /// Reads a selector, e.g. `kind:ad & tag:gold, corp*`.
    ///
    /// # Errors
    /// `connection.bad_selector`.
    pub fn parse(text: &str) -> Result<Self> {
        let _ = text;
        Ok(Self {})
    }
}
