//! The engine as scripts meet it: errors, limits, imports, grants, batches, steps, secrets.

mod cases {
    crate::support::case::cases!("script": errors_drawn, caught, runaways, imports, grants, batches, steps);
}
mod secret_cases {
    crate::support::case::cases!("secrets": in_scripts);
}
mod deadlines;
mod depth;
mod http;
mod interrupting;
mod limits;
mod places;
mod reference;
mod rhai_gate;
mod secrets;
mod words;
