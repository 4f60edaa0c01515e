//! Parses, calls the library, exits.

fn main() {}
