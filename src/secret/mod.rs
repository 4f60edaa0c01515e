//! Secrets: the opaque type, redaction at every sink, encryption at rest, references to where a secret comes from.

mod escapes;
mod forms;
pub mod generate;
mod memory;
pub mod redact;
pub mod reference;
pub mod seal;
mod stream;

use std::{fmt, sync::Arc};

pub use stream::Redacting;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Shorter secrets could not be told from ordinary text in an output, so they are refused.
pub const SHORTEST: usize = 4;

/// Longer ones are taken for what they are, a wrong file. A private key of 16,384 bits with a chain of certificates has some
/// 25 KiB; and each secret is kept out of every output in some hundred forms that are up to ten times as long.
pub const LONGEST: usize = 64 << 10;

/// A secret text, e.g. a password. Printing it in any way yields `[secret]`; only operations that need it open it.
///
/// There is deliberately no `PartialEq`, `Serialize` or `Deref`. The memory is wiped when the last copy goes.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a secret and registers it for redaction before anybody else can see it.
    ///
    /// # Errors
    /// `secret.too_short` below [`SHORTEST`] bytes: it could not be kept out of outputs. An empty password above all is
    /// refused because a directory answers it as an anonymous sign-in that "succeeds" (RFC 4513, 5.1.2).
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        if text.len() < SHORTEST {
            return Err(Error::new(
                "secret.too_short",
                format!("a secret of fewer than {SHORTEST} characters cannot be kept out of outputs"),
            )
            .hint("use a longer secret"));
        }
        let text = Arc::new(text);
        redact::register(&text);
        Ok(Self(text))
    }

    /// Opens the secret. Call it where the bytes go to the wire or into the encryption, nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
