//! The reference: every example runs in the lab, and the page is what the code says.

use std::path::Path;

use libretto::{api, config::Limits};

use crate::support::{text::assert_same, world::World};

#[test]
fn every_example_runs_in_the_lab() {
    let interpreter = api::interpreter(&Limits::default());
    let grants = libretto::script::GRANTS.iter().map(|grant| format!("\"{grant}\"")).collect::<Vec<_>>().join(", ");
    // Each in a world of its own, a few at a time.
    std::thread::scope(|scope| {
        for part in interpreter.operations().chunks(interpreter.operations().len().div_ceil(4)) {
            let scripts: Vec<(String, String)> = part
                .iter()
                .map(|operation| {
                    (operation.full_name(), format!("const GRANTS = [{grants}];\n{}\n", operation.spec.example))
                })
                .collect();
            scope.spawn(move || {
                for (name, script) in scripts {
                    let world = World::new();
                    world.file("example.rhai", &script);
                    let output = world.run("run example.rhai --lab");
                    assert_eq!(output.code, Some(0), "the example of {name}:\n{script}\n{}", output.text());
                }
            });
        }
    });
}

#[test]
fn the_page_is_what_the_code_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let said = World::new().run("doc").ok().stdout;
    let written = std::fs::read_to_string(page).unwrap_or_default();
    // To write it again: cargo run -- doc > docs/reference.md
    assert_same("docs/reference.md", &written, &said);
}
