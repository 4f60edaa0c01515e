//! What the figures of docs/benchmarks.md come from; `benches/run` calls it. Each figure is taken of the built program,
//! as a user runs it, beside a peer that does the same work. Prints Markdown.
//!
//! The same binary is also the peers' side of two figures (`stub`, `plain`), in processes of their own, so that what they use
//! is not counted.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_macros, missing_docs)]

mod batch;
mod calls;
mod ldap;
mod process;
mod program;
mod start;
mod stub;

fn main() {
    // cargo adds `--bench`
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["stub"] => stub::serve(),
        ["plain", url] => batch::plain(url),
        ref figures => {
            for figure in figures {
                match *figure {
                    "start" => start::figure(),
                    "batch" => batch::figure(),
                    "calls" => calls::figure(),
                    "ldap" => ldap::figure(),
                    other => panic!("no figure is called {other}: start, batch, calls, ldap"),
                }
            }
        }
    }
}

/// Prints a table: a heading, the columns' names, the rows.
fn print_table(heading: &str, columns: &[&str], rows: &[Vec<String>]) {
    println!("\n### {heading}\n\n| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}
