//! The Remote Agent as a process of its own, on a real socket: its door, its limits, its pages, its connections, its end.

pub mod clicked;
mod cloud;
mod connections;
mod crash;
mod door;
mod egress;
mod ending;
mod fuzzed;
mod installing;
mod limits;
mod pages;
mod renewing;
mod secrets;
pub mod served;
mod tls;
