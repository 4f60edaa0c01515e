//! The Workflow Engine: the service that knows which Remote Agent each connection's actions go to and sends them there, and
//! the client that speaks to it.
//!
//! This is its first part: routes and actions. Jobs, schedules and more machines come to stand beside `service::routes` and
//! `service::actions`, on the same store.

pub mod client;
pub mod records;
pub mod service;
