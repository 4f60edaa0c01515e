//! Arguments, subcommands, terminal look, exit codes. Only here is anything printed.
