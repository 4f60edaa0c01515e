//! What scripts and servers put into names and texts moves no cursor, colours nothing and forges no line.

use crate::support::world::World;

const SCRIPT: &str = r#"//! A summary.
try { step("a\nb\u001b[31m", || throw "m\u001b]0;title\u0007\nFORGED"); } catch {}
step("ok\u009b2J", || ());
batch::each(["k\nFORGED\u001b[2J", "s"], #{ limit: 1 }, |k| if k == "s" { skip("why\nFORGED\u001b[2J") } else { throw "x\r\nFORGED" });
"#;

/// Whether there is anything in a text that only a terminal reads, but for the colours that Libretto itself uses.
fn controls(text: &str) -> Vec<char> {
    let text = ["\u{1b}[1m\u{1b}[31m", "\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[36m"]
        .iter()
        .fold(text.to_owned(), |text, style| text.replace(style, ""));
    text.chars().filter(|c| c.is_control() && *c != '\n').collect()
}

#[test]
fn nothing_that_a_script_says_controls_the_terminal_or_forges_a_line() {
    let world = World::new();
    world.file("odd.rhai", SCRIPT);
    for color in ["never", "always"] {
        let ran = world.run(&format!("run odd.rhai --color {color}"));
        assert_eq!(ran.code, Some(1), "{}", ran.text());
        let run = world.run("runs list --json").json_lines()[0]["run"].as_str().unwrap().to_owned();
        let shown = world.run(&format!("runs show {run} --color {color}")).ok();
        for text in [&ran.stdout, &ran.stderr, &shown.stdout] {
            assert_eq!(controls(text), Vec::<char>::new(), "{color}: {text:?}");
            assert!(text.lines().all(|line| !line.starts_with("FORGED")), "{color}: {text}");
        }
        assert!(
            shown.stdout.contains("m ]0;title  FORGED") && shown.stdout.contains("k FORGED [2J"),
            "{}",
            shown.stdout
        );
        assert!(ran.stdout.contains("a b [31m"), "{}", ran.stdout);
    }
}
