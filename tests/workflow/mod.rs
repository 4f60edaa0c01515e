//! The Workflow Engine as a process of its own, with Remote Agents as processes behind it and scripts as processes before it.

mod actions;
mod clicked;
mod crash;
mod door;
pub mod engine;
mod fuzzed;
mod odd;
mod routes;
mod scripts;
mod secrets;
