//! Apps: their one secret while somebody is at it, a file that brings nothing new, and a store of before.

use libretto::{
    connection::{self, Fields, Scope, credentials},
    store::{Store, locks::PrincipalLock},
};
use rusqlite::Connection as Raw;

use super::msonline::{APP, Desk, app, text};

#[test]
fn an_apps_secret_is_not_changed_while_somebody_is_at_it() {
    let desk = Desk::new();
    let contoso = desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    let other = Fields { client_id: text("app-2"), secret: text("file:one"), ..app("other", "other.example") };
    desk.add(&other).unwrap();
    let lock = PrincipalLock::take(&desk.store, contoso.principal, "alice").unwrap();
    let head = "name,kind,domain,client_id,secret\n";
    let refused = [
        desk.edit("contoso", &Fields { secret: text("file:two"), ..Fields::default() }).map(drop),
        desk.edit("other", &Fields { client_id: text(APP), secret: text("file:two"), ..Fields::default() }).map(drop),
        desk.add(&Fields { secret: text("file:two"), ..app("fabrikam", "fabrikam.example") }).map(drop),
        desk.import(&format!("{head}contoso,,,,file:two\n")).map(drop),
        desk.import(&format!("{head}fabrikam,msonline,fabrikam.example,{APP},file:two\n")).map(drop),
        connection::remove(&desk.store, "contoso", &Scope::all()),
    ];
    let codes = refused.map(|result| result.unwrap_err().code());
    assert_eq!(codes, ["rotation.busy"; 6]);
    // What brings no other secret is in nobody's way.
    desk.add(&Fields { secret: text("file:one"), ..app("fabrikam", "fabrikam.example") }).unwrap();
    drop(lock);
    desk.edit("contoso", &Fields { secret: text("file:two"), ..Fields::default() }).unwrap();
    assert_eq!(desk.stands("fabrikam").1, text("app secret number 2"));
}

#[test]
fn a_file_that_brings_nothing_new_changes_nothing() {
    let desk = Desk::new();
    let file = format!(
        "name,kind,domain,client_id,secret,agent,agent_token\n\
         a,msonline,a.example,{APP},file:one,agent1:40002,file:token\n\
         b,msonline,b.example,{APP},file:one,agent1:40002,\n"
    );
    assert_eq!(desk.import(&file).unwrap().added, ["a", "b"]);
    let before = (desk.get("a").changed_at, desk.stands("a"));
    let again = desk.import(&file).unwrap();
    assert_eq!((again.added.len(), again.changed.len(), again.unchanged), (0, 0, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((desk.get("a").changed_at, desk.stands("a")), before);
    desk.file("token", "agent token 0816");
    assert_eq!(desk.import(&file).unwrap().changed, ["a"]);
}

#[test]
fn an_edit_that_brings_the_same_secret_is_told_as_none() {
    let desk = Desk::new();
    desk.add(&Fields { secret: text("file:one"), ..app("contoso", "contoso.example") }).unwrap();
    let same = Fields { secret: text("file:one"), agent: text("agent2"), ..Fields::default() };
    desk.edit("contoso", &same).unwrap();
    let mut told = Vec::new();
    libretto::store::audit::each(&desk.store, None, |link| {
        told.push(link.line());
        Ok(())
    })
    .unwrap();
    let edited = told.iter().find(|line| line.contains("connection-edited")).unwrap();
    assert!(edited.contains("agent_host") && !edited.contains("secret"), "{edited}");
    assert_eq!(desk.stands("contoso").0.len(), 1);
}

/// Before the fifth schema each connection of an app had a principal of its own. The first one's becomes the app's.
#[test]
fn a_store_of_before_learns_its_apps() {
    let folder = tempfile::tempdir().unwrap();
    let old = Raw::open(folder.path().join("store.db")).unwrap();
    for sql in [
        include_str!("../../src/store/schema/1.sql"),
        include_str!("../../src/store/schema/2.sql"),
        include_str!("../../src/store/schema/3.sql"),
        include_str!("../../src/store/schema/4.sql"),
        "PRAGMA user_version = 4; PRAGMA application_id = 0x4c627274;",
    ] {
        old.execute_batch(sql).unwrap();
    }
    let settings = format!("'{{\"client_id\":\"{APP}\",\"agent_host\":\"127.0.0.1\",\"agent_port\":40002}}'");
    for (number, name) in [(1, "a"), (2, "b")] {
        old.execute_batch(&format!(
            "INSERT INTO principal (uid, kind, domain, label) VALUES ({number}, 'msonline', '{name}.example', '{APP}');
             INSERT INTO connection VALUES ({number}, '{name}', 'msonline', '{name}.example', {number}, '{APP}', NULL, '',
                {settings}, NULL, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');"
        ))
        .unwrap();
    }
    drop(old);
    let store = Store::open(folder.path()).unwrap();
    let get = |name| connection::get(&store, name, &Scope::all()).unwrap();
    assert_eq!((get("a").principal.0, get("b").principal.0), (1, 2));
    for name in ["a", "b"] {
        connection::apps::bind_app(&store, get(name).id, "global", None).unwrap();
    }
    assert_eq!(credentials::connections_of(&store, get("b").principal).unwrap(), ["a", "b"]);
}
