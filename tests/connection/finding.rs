//! Selectors, scopes, suggestions.

use libretto::{
    connection::{self, NewConnection, Scope, Selector},
    store::{
        Store,
        ledger::{EndPart, Ledger, NewPart, NewRun},
        runs::PartKind,
    },
    verdict::Verdict,
};
use serde_json::json;

use super::{ad, add};

fn labelled(name: &str, customer: Option<&str>, tags: &[&str]) -> NewConnection {
    NewConnection {
        customer: customer.map(str::to_owned),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..ad(name)
    }
}

fn store() -> Store {
    let store = Store::temporary().unwrap();
    add(&store, &labelled("corp", None, &["gold", "eu"]));
    add(&store, &labelled("corp-test", None, &[]));
    add(&store, &labelled("contoso-1", Some("contoso"), &["gold"]));
    add(&store, &labelled("contoso-2", Some("Contoso"), &["silver"]));
    store
}

fn names(store: &Store, selector: &str, scope: &Scope) -> String {
    let found = connection::list(store, &Selector::parse(selector).unwrap(), scope).unwrap();
    found.into_iter().map(|connection| connection.name).collect::<Vec<_>>().join(" ")
}

#[test]
fn selectors() {
    let store = store();
    for (selector, expected) in [
        ("corp", "corp"),
        ("CORP", "corp"),
        ("corp*", "corp corp-test"),
        ("*", "contoso-1 contoso-2 corp corp-test"),
        ("kind:ad & tag:gold", "contoso-1 corp"),
        ("tag:gold & tag:eu, contoso-2", "contoso-2 corp"),
        ("customer:contoso", "contoso-1 contoso-2"),
        ("customer:contoso & tag:g*", "contoso-1"),
        ("kind:msonline", ""),
        ("corp & tag:silver", ""),
    ] {
        assert_eq!(names(&store, selector, &Scope::all()), expected, "{selector}");
    }
    for bad in ["", "corp,", "a & & b", "kind:azure", "colour:red", "tag:", "[a"] {
        assert_eq!(Selector::parse(bad).unwrap_err().code(), "connection.bad_selector", "{bad}");
    }
}

#[test]
fn what_failed_in_a_run() {
    let store = store();
    let ledger = Ledger::start(&store).unwrap();
    let run = NewRun {
        id: "feed00000001".to_owned(),
        script: "test".to_owned(),
        lab: false,
        insist: false,
        params: json!({}),
        operator: "me".to_owned(),
        sources: Vec::new(),
    };
    ledger.begin_run(run).wait().unwrap();
    for (at, (key, verdict)) in
        [("Corp", Verdict::Failed), ("contoso-1", Verdict::Ok), ("contoso-2", Verdict::InDoubt)].into_iter().enumerate()
    {
        let (path, occurrence) = ("each".to_owned(), at as u32);
        ledger.begin_part(NewPart { path: path.clone(), occurrence, kind: PartKind::Item, key: Some(key.to_owned()) });
        ledger.end_part(EndPart { path, occurrence, verdict, ms: 1, value: None, error: None });
    }
    ledger.flush().wait().unwrap();
    assert_eq!(names(&store, "failed-in:feed", &Scope::all()), "contoso-2 corp");
    assert_eq!(names(&store, "failed-in:feed & customer:contoso", &Scope::all()), "contoso-2");
    let error = connection::list(&store, &Selector::parse("failed-in:0000").unwrap(), &Scope::all()).unwrap_err();
    assert_eq!(error.code(), "run.unknown");
}

#[test]
fn a_customers_scope_hides_all_others() {
    let store = store();
    let scope = Scope { customer: Some("contoso".to_owned()) };
    assert_eq!(names(&store, "*", &scope), "contoso-1 contoso-2");
    let hidden = connection::get(&store, "corp", &scope).unwrap_err();
    assert_eq!(hidden.code(), "connection.unknown");
    assert!(!hidden.remedy().unwrap().contains("corp-"), "no other customer's name is suggested: {hidden:?}");
    assert_eq!(connection::all_names(&store, &scope).unwrap(), ["contoso-1", "contoso-2"]);
    assert_eq!(connection::remove(&store, "corp", &scope).unwrap_err().code(), "connection.unknown");
}

#[test]
fn an_unknown_name_gets_a_suggestion() {
    let store = store();
    let error = connection::get(&store, "copr-test", &Scope::all()).unwrap_err();
    assert_eq!(
        (error.message(), error.remedy()),
        ("there is no connection copr-test", Some("did you mean corp-test?"))
    );
    let error = connection::list(&store, &Selector::parse("corp, zzz").unwrap(), &Scope::all()).unwrap_err();
    assert_eq!(error.remedy(), Some("`libretto connections list` shows those that there are"));
}
