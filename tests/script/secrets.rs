//! A secret goes through everything that a run does and is found nowhere afterwards: not in an output, not in the home.

use crate::support::world::{World, assert_nowhere};

const CANARY: &str = "Kn0wn/to+no\"one\\else&<Ä>";

#[test]
fn nothing_that_a_script_does_shows_a_secret() {
    let world = World::new();
    world.file(
        "tries.rhai",
        r#"const PARAMS = #{ pw: #{ type: "secret" }, how: #{ type: "text" } };
const GRANTS = ["connection:write", "directory:test", "directory:write"];
let pw = args::pw;
print(`${pw} ${[pw]} ${#{ pw: pw }}`);
debug(pw);
print(#{ pw: pw }.to_json());
print(batch::each([pw, [pw]], #{}, |x| { print(x); x }));
try { print(pw == pw) } catch (e) { print(e); }
try { throw pw } catch (e) { print(e); }
try { conn::get(pw) } catch (e) { print(e); }
try { ad::account(conn::get("lab-ad"), pw) } catch (e) { print(e); }
step("A step", || #{ verdict: "ok", value: pw });
let conn = conn::add(#{ name: "second", domain: "lab.test", username: "svc@lab.test", password: pw, targets: conn::get("lab-ad").targets });
print(conn);
step("Refused", || ad::test_targets(conn));
step("Set", || ad::set_password(conn::get("lab-ad"), "alice", pw));
if args::how == "throw" { throw #{ code: "x.y", message: `with ${pw}`, hint: pw, details: #{ pw: [pw] } } }
if args::how == "text" { throw pw }
if args::how == "type" { pw.len() }
"#,
    );
    let mut outputs = Vec::new();
    for how in ["well", "throw", "text", "type"] {
        for more in [&["-vvv"][..], &["--json", "-vvv"], &["--quiet"]] {
            let how = format!("how={how}");
            let args = [&["run", "tries.rhai", "--lab", "pw=env:PW", &how], more].concat();
            outputs.push(world.program().env("PW", CANARY).args(args).run());
        }
    }
    assert!(outputs.iter().all(|output| output.code == Some(1)), "{}", outputs[0].text());
    let runs = world.run("runs list --json").ok();
    for run in runs.json_lines() {
        let id = run["run"].as_str().unwrap();
        outputs.push(world.run(&format!("runs show {id}")).ok());
        outputs.push(world.run(&format!("runs show {id} --json")).ok());
    }
    outputs.push(runs);
    assert_nowhere(CANARY, &world, &outputs);
}

#[test]
fn a_stored_password_is_found_nowhere() {
    let world = World::new();
    let line = "connections add ad --name corp --domain lab.test --username svc@lab.test --target 127.0.0.1:9 --password env:PW -vvv";
    let mut outputs = vec![world.program().env("PW", CANARY).args(line.split(' ')).run().ok()];
    world.file("rows.csv", "name,kind,domain,username,password\nsecond,ad,lab.test,svc@lab.test,env:PW\n");
    outputs.push(world.program().env("PW", CANARY).args(["connections", "import", "rows.csv", "-vvv"]).run().ok());
    for line in [
        "connections show corp",
        "connections show corp --json",
        "connections export",
        "connections list --json",
        "connections test corp -vvv",
    ] {
        outputs.push(world.run(line));
    }
    assert_nowhere(CANARY, &world, &outputs);
}
