//! What a script can call: one thin file per namespace. A file converts and delegates; what it delegates to knows nothing
//! of Rhai.
//!
//! An operation is one place: its signature, grant, documentation and example stand beside the function. The reference is
//! made from them, and a test runs every example in the lab.

mod ad;
mod agent;
mod batch;
mod cloud;
mod conn;
mod credentials;
mod gate;
mod handed;
mod home;
mod http;
mod made;
mod secret;
mod step;
mod types;
mod we;

use crate::{
    config::Limits,
    script::{Interpreter, operation::Namespace},
};

/// An interpreter with everything that scripts can call.
#[must_use]
pub fn interpreter(limits: &Limits) -> Interpreter {
    let mut interpreter = Interpreter::new(limits, namespaces());
    types::register(interpreter.engine_mut());
    interpreter
}

fn namespaces() -> Vec<Namespace> {
    vec![
        step::namespace(),
        batch::namespace(),
        conn::namespace(),
        ad::namespace(),
        home::namespace(),
        agent::namespace(),
        we::namespace(),
        cloud::namespace(),
        http::namespace(),
        secret::namespace(),
    ]
}
