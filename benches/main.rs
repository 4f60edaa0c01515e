//! The figures of `docs/benchmarks.md`. `benches/run` starts this; a part's name chooses what is measured.
//!
//! Whatever a user would start is started as they would: the release binary, in a process of its own, with its ledger on.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_macros, missing_docs)]

mod agent;
mod batch;
mod calls;
mod cloud;
mod home;
mod ldap;
mod measure;
mod plain;
mod start;
mod stub;
mod table;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["start"] => start::figures(),
        ["batch"] => batch::figures(),
        ["calls"] => calls::figures(),
        ["agent"] => agent::figures(),
        ["ldap"] => ldap::figures(),
        // The parts start these as processes of their own.
        ["stub", "http", ms] => stub::http(ms.parse().unwrap()),
        ["stub", "cloud", ms] => cloud::serve(ms.parse().unwrap()),
        ["plain", "http", url, items, limit] => plain::http(url, items.parse().unwrap(), limit.parse().unwrap()),
        ["plain", "ldap", how, items, limit] => plain::ldap(how, items.parse().unwrap(), limit.parse().unwrap()),
        _ => {
            eprintln!("benches/run [start|batch|calls|agent|ldap]");
            std::process::exit(2);
        }
    }
}
