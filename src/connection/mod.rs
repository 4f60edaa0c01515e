//! Connections and their kinds.
