//! Where an item failed is told wherever its error is.

use crate::support::world::World;

#[test]
fn an_items_error_has_its_place_on_the_terminal_and_in_the_ledger() {
    let world = World::new();
    world.file("place.rhai", "batch::each([1, 0], #{}, |x| {\n    6 / x\n});\nprint(1);");
    let output = world.program().args(["run", "place.rhai"]).run();
    let line = "division by zero: 6 / 0 (place.rhai:2:7)";
    assert!(output.stdout.contains(line), "{}", output.text());
    let run = output.stdout.lines().last().and_then(|line| line.rsplit(' ').next()).unwrap().to_owned();
    let shown = world.program().args(["runs", "show", &run]).run();
    assert!(shown.stdout.contains(line), "{}", shown.text());
}
