//! Secrets: redaction, the identity, references.

mod identity;
mod misread;
mod redaction;
mod references;
mod sinks;
