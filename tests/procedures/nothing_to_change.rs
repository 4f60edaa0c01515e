//! What was so already when a script asked for it is told as no change.

use super::Service;

/// The script's answers, and what the run says that it changed and did not.
fn said(service: &Service, script: &str) -> (Vec<String>, String, Option<i32>) {
    let text = format!(
        "const GRANTS = [\"directory:write\"];\nlet conn = conn::get(\"corp\");\nlet me = \"{}\";\n{script}",
        service.name
    );
    std::fs::write(service.program.folder_path().join("change.rhai"), text).unwrap();
    let run = service.run(&["run", "change.rhai"]);
    let printed = run.stdout.lines().filter_map(|line| line.strip_prefix("| ")).map(str::to_owned).collect();
    let end = run.stdout.split_once("\nchanged:\n").map_or_else(
        || run.stdout.lines().filter(|line| line.starts_with("nothing")).collect(),
        |(_, end)| end.split("\nnext:").next().unwrap().trim_end().to_owned(),
    );
    let runs = service.run(&["runs", "list", "--json"]).json_lines();
    let shown = service.run(&["runs", "show", runs[0]["run"].as_str().unwrap()]).stdout;
    let shown = shown.split_once("\nchanged:\n").map(|(_, end)| end.split("\n\n").next().unwrap().to_owned());
    assert_eq!(shown.unwrap_or_else(|| "nothing was changed".to_owned()), end, "`runs show` tells the same");
    (printed, end, run.code)
}

#[test]
fn what_was_so_already_is_neither_changed_nor_unchanged() {
    let service = Service::new("noc");
    let script = r#"
print(`${ad::enable(conn, me)} ${ad::add_to_group(conn, me, "Domain Users")} ${ad::add_to_group(conn, me, "Domain Admins")}`);
print(`${ad::remove_from_group(conn, me, "Backup Operators")} ${ad::unlock(conn, me)}`);"#;
    let nothing =
        (vec!["false false false".to_owned(), "false false".to_owned()], "nothing was changed".to_owned(), Some(0));
    assert_eq!(said(&service, script), nothing);

    let script = r#"print(`${ad::add_to_group(conn, me, "Backup Operators")} ${ad::add_to_group(conn, me, "Backup Operators")}`);"#;
    let once = format!("  {} added to Backup Operators", service.name);
    assert_eq!(
        said(&service, script),
        (vec!["true false".to_owned()], once, Some(0)),
        "the first of two is told, once"
    );
}
