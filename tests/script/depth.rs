//! How deep a script may call itself.

use crate::support::world::World;

#[test]
fn a_tree_of_a_hundred_levels_is_walked() {
    let world = World::new();
    world.file(
        "walk.rhai",
        "fn walk(node) { let count = 1; for child in node.children { if true { count += walk(child); } } count }
         let tree = #{ children: [] };
         for level in 0..99 { tree = #{ children: [tree] }; }
         print(walk(tree));
         print(batch::each([1], #{}, |x| walk(tree))[0].value);",
    );
    let output = world.run("run walk.rhai").ok();
    assert_eq!(output.stdout.matches("| 100\n").count(), 2, "{}", output.text());
}

#[test]
fn the_limit_is_told_in_numbers() {
    let world = World::new();
    for text in [
        "fn down(n) { 1 + down(n + 1) } down(0);",
        "fn down(n) { [n].map(|x| down(x + 1)) } down(0);",
        "fn down(n) { step(`${n}`, || down(n + 1)) } down(0);",
    ] {
        world.file("deep.rhai", text);
        let output = world.run("run deep.rhai");
        assert_eq!(output.code, Some(1), "{}", output.text());
        assert!(output.text().contains("error[script.too_deep]"), "{}", output.text());
        assert!(output.text().contains("about 120 levels deep"), "{}", output.text());
    }
    world.file(
        "closures.rhai",
        "fn down(n) { if n == 0 { return 0; } [n].map(|x| down(x - 1) + 1)[0] } print(down(14));",
    );
    assert!(world.run("run closures.rhai").ok().stdout.contains("| 14\n"));
}
