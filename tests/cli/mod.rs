//! The command line: what is typed and everything that comes back, and how the program behaves on terminals and pipes.

mod cases {
    crate::support::case::cases!("cli": help, wrong_use, list_and_shadowing, module_shadowing, describe, check, declarations, doc, connections);
}
mod input {
    crate::support::case::cases!("input": unknown_names, parameters, literal_secrets, csv_import, config);
}
mod faults {
    crate::support::case::cases!("faults": targets, hanging, accounts, filters, own_ca);
}
mod asking;
mod bad_scripts;
mod completing;
mod connecting;
mod customers;
mod dumps;
mod ending;
mod escapes;
mod failing;
mod given;
mod homes;
mod identities;
mod lab;
mod lab_services;
mod logging;
mod permissions;
mod programs;
mod prompting;
mod proxies;
mod recovering;
mod renaming;
mod small;
mod streams;
mod terminal;
