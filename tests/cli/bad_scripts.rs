//! What lies among the scripts and is none: each is told at its place, and everything else goes on.

use std::{fs, os::unix::fs::symlink};

use crate::support::world::World;

#[test]
fn a_link_that_leads_nowhere_ends_nothing() {
    for in_home in [true, false] {
        let world = World::new();
        let scripts = if in_home { world.home() } else { world.folder().to_path_buf() }.join("scripts");
        fs::create_dir_all(&scripts).unwrap();
        symlink("/nowhere/x.rhai", scripts.join("dang.rhai")).unwrap();
        for command in ["list", "run dang", "run dnag", "describe dang", "check"] {
            let output = world.run(command);
            assert!(matches!(output.code, Some(0 | 2)), "in home {in_home}, {command}: {:?} {}", output.code, output.stderr);
        }
        let said = world.run("run dang").stderr;
        assert!(said.contains("script.unreadable") && said.contains("a link to a file that is not there"), "{said}");
        let said = world.run("run dnag").stderr;
        assert!(said.contains("did you mean `dang`?"), "{said}");
    }
}
