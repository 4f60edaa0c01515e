//! Events to terminal and JSON lines.
