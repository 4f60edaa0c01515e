//! The Rhai host: engine, limits, fibers, modules, parameters, diagnostics, check, docs.
