//! Libretto's own agent, its cloud the lab's.
