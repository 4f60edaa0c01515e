//! Secrets: redaction, the identity, references.

mod identity;
mod redaction;
mod references;
mod sinks;
