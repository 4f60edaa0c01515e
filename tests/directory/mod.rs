//! `libretto::directory` against three real Samba controllers, and against small servers that misbehave on purpose.

mod discovery;
mod faults;
mod flooding;
mod groups;
mod passwords;
mod policies;
mod scripted;
mod searching;
mod sign_in;
mod targets;
mod trust;
mod world;
