//! A secret that a script gets hold of by other ways and puts wherever a script can put a text: nobody sees it, and nothing
//! keeps it.

use data_encoding::{BASE64, HEXLOWER};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::support::{
    program::Output,
    world::{World, assert_nowhere, words},
};

/// What is replaced before it is shown (a tab, a line's end), what is escaped in JSON and URLs, what is not ASCII.
const CANARY: &str = "Kanari\tGelbes\n\"Gefieder\"+ünï'Käfig";

const SCRIPT: &str = r#"
const PARAMS = #{ pw: #{ type: "secret" }, rows: #{ type: "csv" } };
const LITERAL = "Kanari\tGelbes\n\"Gefieder\"+ünï'Käfig";
fn everywhere(s) {
    print(s);
    print(`a${s}b`);
    debug(s);
    debug([s, #{ s: s }]);
    step(s, || print(s));
    step(`with ${s} inside`, || step(s, || s));
    let record = #{ verdict: "ok" };
    record[s] = s;
    step("A record", || record);
    try { step(`throws ${s}`, || throw s) } catch {}
    try { step("Throws a map", || throw #{ code: s, message: `m ${s}`, hint: `h ${s}`, details: record }) } catch {}
    try { step("No verdict", || #{ verdict: s }) } catch {}
    step("Skips", || skip(`why ${s}`));
    let told = batch::each([s, `x${s}`, record, [s]], #{}, |item| if type_of(item) == "string" { throw item } else { item });
    print(told);
    print(told.to_json());
    try { conn::get(s) } catch (e) { print(e); step(`no ${s}`, || throw e) }
}
fn tried(s) { try { everywhere(s) } catch (e) { print(e) } }
tried(LITERAL);
for row in args::rows { tried(row.form) }
step("The last", || ());
throw #{ message: `the end of ${LITERAL}`, hint: LITERAL };
"#;

fn world() -> World {
    let world = World::new();
    let escaped = serde_json::to_string(CANARY).unwrap();
    let forms = [
        CANARY.to_owned(),
        CANARY.replace(['\t', '\n'], " and ") + CANARY,
        BASE64.encode(CANARY.as_bytes()),
        BASE64.encode(format!("svc:{CANARY}").as_bytes()),
        HEXLOWER.encode(CANARY.as_bytes()),
        utf8_percent_encode(CANARY, NON_ALPHANUMERIC).to_string(),
        escaped[1..escaped.len() - 1].to_owned(),
        serde_json::to_string(&escaped).unwrap(),
    ];
    let rows: Vec<String> = forms.iter().map(|form| format!("\"{}\"", form.replace('"', "\"\""))).collect();
    world.file("everywhere.rhai", SCRIPT).file("rows.csv", &format!("form\n{}\n", rows.join("\n")));
    world
}

/// What is shown of the run on a terminal as a line that is replaced again and again is a sink too.
fn on_terminal(world: &World) -> Output {
    world.file(
        "slow.rhai",
        "const PARAMS = #{ pw: #{ type: \"secret\" }, rows: #{ type: \"csv\" } };\nlet s = args::rows[0].form;\nstep(`waits ${s}`, || sleep(0.6));\nbatch::each([s, 2], #{ limit: 1 }, |item| sleep(0.4));\n",
    );
    let mut terminal = world.program().env("PW", CANARY).args(run("slow.rhai", &[])).on_terminal();
    terminal.await_screen("waits");
    terminal.await_screen("2 items");
    let sent = String::from_utf8_lossy(&terminal.sent()).into_owned();
    let mut output = terminal.finish();
    output.stdout.push_str(&sent);
    output
}

fn run<'a>(script: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&["run", script, "pw=env:PW", "rows=rows.csv"], options].concat()
}

#[test]
fn a_secret_is_in_no_sink_in_whatever_form() {
    let world = world();
    let mut outputs = Vec::new();
    for options in [&[][..], &["--json", "-vvv"], &["-vv"], &["--color", "always", "-v"], &["--quiet"]] {
        let ran = world.program().env("PW", CANARY).args(run("everywhere.rhai", options)).run();
        assert_eq!(ran.code, Some(1), "{}", ran.text());
        outputs.push(ran);
    }
    // The script came to its end: what it did on the way was done in every form.
    let events = outputs[1].json_lines();
    let steps = |name: &str| events.iter().filter(|one| one["event"] == "step-finished" && one["step"] == name).count();
    assert_eq!((steps("Skips"), steps("The last"), steps("[secret]")), (9, 1, 6), "{}", outputs[1].text());
    outputs.push(on_terminal(&world));
    let runs = world.run("runs list --json").ok();
    let ids: Vec<String> = runs.json_lines().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 6);
    for id in &ids {
        outputs.push(world.run(&format!("runs show {id}")).ok());
        outputs.push(world.run(&format!("runs show {id} --json")).ok());
    }
    outputs.push(world.run("audit export").ok());
    assert_nowhere(CANARY, &world, &outputs);
}

/// What is looked at inside a step has rows of its own in the ledger, with the name of what was looked at and what went wrong.
#[test]
fn a_secret_is_in_no_check_of_the_ledger() {
    const HOST: &str = "half-secret-9.invalid";
    let world = World::new();
    let added = "connections add ad --name corp --domain lab.test --username svc --password env:OTHER --target ";
    world.program().env("OTHER", "Another-9!").args(words(&format!("{added}{HOST}"))).run().ok();
    world.file(
        "test.rhai",
        "const PARAMS = #{ pw: #{ type: \"secret\" }, conn: #{ type: \"connection\" } };\nconst GRANTS = [\"directory:test\"];\n\
         step(\"Test\", || ad::test_targets(args::conn));\n",
    );
    let ran = world.program().env("PW", HOST).args(["run", "test.rhai", "pw=env:PW", "conn=corp"]).run();
    let raw = rusqlite::Connection::open(world.home().join("store.db")).unwrap();
    let sql = "SELECT path || ' ' || key || ' ' || coalesce(value, '') || ' ' || error FROM part WHERE kind = 'check'";
    let row: String = raw.query_row(sql, (), |row| row.get(0)).unwrap();
    assert!(row.starts_with("Test/check [secret] ") && row.matches("[secret]").count() > 2, "{row}");
    assert!(!row.contains(HOST) && !ran.text().contains(HOST), "{row}\n{}", ran.text());
}

/// The lines of the script that an error is drawn in are looked at together: of a secret of several short lines none is known.
#[test]
fn a_secret_that_goes_on_in_the_next_line_is_not_drawn() {
    let world = World::new();
    world.file("drawn.rhai", "const PARAMS = #{ pw: #{ type: \"secret\" } };\nthrow `abcde\nfghij`;\n");
    world.program().env("PW", "abcde\nfghij").args(["run", "drawn.rhai", "pw=env:PW"]).run().is("exit 1
1| drawn.rhai run [run]
1|
1|
1| error[script.thrown]: [secret]
1|   --> drawn.rhai:2:1
1|   |
1| 2 | [secret]
1|   | ^
1|   help: a thrown map with `code`, `message` and `hint` says more: throw #{ code: \"...\", message: \"...\" }
1|
1| failed in [time]
1| nothing was changed
1| next: libretto runs show [run]");
}
