//! The error matrix: every row of what was measured on Samba and is known of Windows, in full text.

use libretto::lab::{Clock, Flavour, Lab, LabOptions};

use super::*;

const GOOD: &str = "Correct-Horse-77";

/// Collects what a directory says to one case after the other.
struct Sheet(String);

impl Sheet {
    fn note(&mut self, case: &str, (code, text): (u32, String)) {
        self.0 += format!("{case}: {code} {}", text.escape_default()).trim_end();
        self.0.push('\n');
    }
}

async fn performed(flavour: Flavour) -> String {
    let mut sheet = Sheet(String::new());
    binds(flavour, &mut sheet).await;
    passwords(flavour, &mut sheet).await;
    others(flavour, &mut sheet).await;
    sheet.0
}

async fn binds(flavour: Flavour, sheet: &mut Sheet) {
    let lab = lab(flavour, &[]);
    let mut admin = administrator(&lab, 1).await;
    let alice = password_of(&lab, "alice");
    let name = "alice@lab.test";
    sheet.note("bind, right password", bind(&lab, 1, name, alice).await);
    sheet.note("bind, wrong password", bind(&lab, 1, name, "wrong").await);
    sheet.note("bind, unknown user", bind(&lab, 1, "nobody@lab.test", "wrong").await);
    sheet.note("bind, bare name", bind(&lab, 1, "alice", alice).await);
    for (case, attribute, value, back) in [
        ("disabled", "userAccountControl", "514", "512"),
        ("account expired", "accountExpires", "116444736000000000", "0"),
        ("must change", "pwdLastSet", "0", "-1"),
    ] {
        set(&mut admin, ALICE, attribute, value).await.success().unwrap();
        sheet.note(&format!("bind, {case}"), bind(&lab, 1, name, alice).await);
        sheet.note(&format!("bind, {case}, wrong password"), bind(&lab, 1, name, "wrong").await);
        set(&mut admin, ALICE, attribute, back).await.success().unwrap();
    }
    bind(&lab, 1, name, alice).await;
    for _ in 0..5 {
        sheet.note("bind, wrong password until locked", bind(&lab, 1, name, "wrong").await);
    }
    sheet.note("bind, locked", bind(&lab, 1, name, alice).await);
    sheet.note("bind, locked, wrong password", bind(&lab, 1, name, "wrong").await);
    sheet.note("change, locked", said(&change(&mut admin, ALICE, alice, GOOD).await));
    let url = format!("ldap://{}", lab.targets()[0].starttls);
    let mut plain = open(LdapConnSettings::new(), &url).await.unwrap();
    sheet.note("bind, plain", said(&plain.simple_bind("bob@lab.test", password_of(&lab, "bob")).await.unwrap()));
    sheet.note("reset, plain", said(&reset(&mut plain, ALICE, GOOD).await));
}

async fn passwords(flavour: Flavour, sheet: &mut Sheet) {
    let lab = lab(flavour, &[]);
    let mut admin = administrator(&lab, 1).await;
    let alice = password_of(&lab, "alice");
    let mut own = signed_in(&lab, 1, "alice@lab.test", alice).await;
    sheet.note("reset, no rights", said(&reset(&mut own, ALICE, GOOD).await));
    for (case, new) in [("too short", "Short-1"), ("no complexity", "onlysmallletters"), ("own name", "My-Alice-12345")]
    {
        sheet.note(&format!("reset, {case}"), said(&reset(&mut admin, ALICE, new).await));
        sheet.note(&format!("change, {case}"), said(&change(&mut own, ALICE, alice, new).await));
    }
    sheet.note("change, wrong old password", said(&change(&mut own, ALICE, "wrong", GOOD).await));
    sheet.note("change, password of before", said(&change(&mut own, ALICE, alice, alice).await));
    sheet.note("change", said(&change(&mut own, ALICE, alice, GOOD).await));
    sheet.note("change, too young", said(&change(&mut own, ALICE, GOOD, "Another-Horse-78").await));
    sheet.note("reset, password of before", said(&reset(&mut admin, ALICE, alice).await));
    for (case, value) in [("not quoted", wide("x")[2..4].to_vec()), ("not UTF-16", b"\"Correct-Horse-77\"".to_vec())] {
        let changes = vec![Mod::Replace(b"unicodePwd".to_vec(), [value].into())];
        sheet.note(&format!("reset, {case}"), said(&write(&mut admin, ALICE, changes).await));
    }
    sheet.note("reset, no such user", said(&reset(&mut admin, "CN=Nobody,CN=Users,DC=lab,DC=test", GOOD).await));
}

async fn others(flavour: Flavour, sheet: &mut Sheet) {
    let lab = lab(flavour, &[]);
    let mut nobody = connect(&lab, 1).await;
    let mut admin = administrator(&lab, 1).await;
    let mut own = signed_in(&lab, 1, "alice@lab.test", password_of(&lab, "alice")).await;
    let found = nobody.search(BASE, Scope::Subtree, "(cn=*)", vec!["cn"]).await.unwrap();
    sheet.note("search, nobody", said(&found.1));
    let found = admin.search("CN=Nobody,DC=lab,DC=test", Scope::Base, "(cn=*)", vec!["cn"]).await.unwrap();
    sheet.note("search, no such base", said(&found.1));
    sheet.note("unlock, no rights", said(&set(&mut own, ALICE, "lockoutTime", "0").await));
    sheet.note("pwdLastSet, a time", said(&set(&mut admin, ALICE, "pwdLastSet", "133000000000000000").await));
    let group = "CN=Helpdesk,CN=Users,DC=lab,DC=test";
    for case in ["member, add", "member, add again"] {
        let changes = vec![Mod::Add(b"member".to_vec(), [ALICE.as_bytes().to_vec()].into())];
        sheet.note(case, said(&write(&mut admin, group, changes).await));
    }
    for case in ["member, remove", "member, remove again"] {
        let changes = vec![Mod::Delete(b"member".to_vec(), [ALICE.as_bytes().to_vec()].into())];
        sheet.note(case, said(&write(&mut admin, group, changes).await));
    }
    sheet.note("delete", said(&admin.delete(ALICE).await.unwrap()));
    sheet.note("compare", said(&admin.compare(ALICE, "cn", "x").await.unwrap().0));
}

#[tokio::test]
async fn samba_says() {
    assert_eq!(performed(Flavour::Samba).await, include_str!("samba.txt"));
}

#[tokio::test]
async fn windows_says() {
    assert_eq!(performed(Flavour::Windows).await, include_str!("windows.txt"));
}

#[tokio::test]
async fn a_password_ends_by_the_policy() {
    let clock = Clock::default();
    let lab = Lab::start(LabOptions { clock: clock.clone(), ..LabOptions::default() }).unwrap();
    let alice = password_of(&lab, "alice");
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "");
    clock.advance(Duration::from_secs(13 * 24 * 3600));
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "532");
    assert_eq!(data(&lab, 1, "alice@lab.test", "wrong").await, "52e");
}
