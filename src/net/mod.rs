//! What the clients of several rooms have in common: whom they trust, how they speak HTTP, what a failure was at its root.
//!
//! What goes wrong is told as a reason, without code and remedy: those belong to the room that asks.

pub(crate) mod cause;
pub(crate) mod deadline;
pub(crate) mod http;
pub(crate) mod trust;
pub(crate) mod words;
