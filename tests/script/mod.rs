//! The engine as scripts meet it: errors, limits, imports, grants, batches, steps, secrets.

mod cases {
    crate::support::case::cases!("script": errors_drawn, caught, runaways, imports, grants, batches, steps);
}
mod secrets {
    crate::support::case::cases!("secrets": in_scripts);
}
