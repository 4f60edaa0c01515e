//! Libretto: a scriptable automation engine for identity connections.
//!
//! Each room has one job; `ARCHITECTURE.md` says which, and which way the arrows point.

pub mod agent;
pub mod api;
pub mod cli;
pub mod cloud;
pub mod config;
pub mod connection;
pub mod directory;
pub mod error;
pub mod homes;
pub mod host;
pub mod lab;
pub mod names;
pub(crate) mod net;
pub mod report;
pub mod rotation;
pub mod run;
pub mod script;
pub mod secret;
pub mod service;
pub mod store;
pub mod verdict;
pub mod workflow;
