//! What a script can call: one thin file per namespace.
