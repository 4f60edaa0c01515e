//! The overlap, and who ends it.

use serde_json::json;

use super::{House, a_week_later, faults, registered, versions};
use crate::cloud_scripts::Office;

const ROTATE: &str = r#"cloud::rotate(conn::get("contoso"))"#;

#[test]
fn a_recovery_removes_what_its_overlap_is_over_of() {
    let house = House::new();
    let office = &house.office;
    office.result("", ROTATE);
    assert!(office.libretto("recover").ok().stdout.contains("nothing to recover"));
    a_week_later(office);
    let told = office.result("", "cloud::unfinished().map(|one| [one.connection, one.plan])");
    assert_eq!(told, json!([["contoso", "removes version 1 from the registration of Libretto"]]));
    let recovered = office.libretto("recover").ok().stdout;
    assert!(recovered.contains("version 1 is removed from the registration"), "{recovered}");
    assert_eq!((versions(office), registered(office).len()), (vec!["2 current".to_owned(), "1 retired".to_owned()], 1));
    assert!(office.libretto("recover").ok().stdout.contains("nothing to recover"));
    assert_eq!(faults(office), Vec::<String>::new());
    house.assert_agent_works();
}

#[test]
fn the_next_rotation_removes_it_too() {
    let office = Office::new();
    office.result("", ROTATE);
    office.result("", ROTATE);
    assert_eq!(versions(&office), ["3 current", "2 retiring", "1 retiring"]);
    a_week_later(&office);
    let note = office.result("", &format!("{ROTATE}.stages.find(|one| one.stage == \"retire\").note"));
    assert!(
        note.as_str().unwrap().contains("version 1, whose overlap is over, is removed; version 2")
            || note.as_str().unwrap().contains("version 2, whose overlap is over, is removed"),
        "{note}"
    );
    assert_eq!(versions(&office), ["4 current", "3 retiring", "2 retired", "1 retired"]);
    assert_eq!(faults(&office), Vec::<String>::new());
}

#[test]
fn one_that_an_agent_has_stays() {
    let house = House::new();
    let office = &house.office;
    // the agent is not given the new one
    let (code, end) = office.script(&format!("{ROTATE};"));
    assert_eq!(code, Some(0), "{end}");
    let raw = rusqlite::Connection::open(office.world.home().join("store.db")).unwrap();
    raw.execute("UPDATE agent SET copy = (SELECT id FROM credential WHERE version = 1)", []).unwrap();
    drop(raw);
    a_week_later(office);
    assert!(office.libretto("recover").ok().stdout.contains("nothing to recover"));
    assert_eq!(versions(office), ["2 current", "1 retiring"]);
}

#[test]
fn an_overlap_that_is_too_short_is_refused() {
    let office = Office::new();
    let error = office.error(r#"cloud::rotate(conn::get("contoso"), #{ overlap: "2h" })"#);
    assert_eq!(error["code"], "rotation.short_overlap");
    let error = office.error(r#"cloud::rotate(conn::get("contoso"), #{ overlap: "2d", revoke: "now" })"#);
    assert_eq!(error["code"], "script.argument");
    assert_eq!(registered(&office).len(), 1, "nothing was added");
}
