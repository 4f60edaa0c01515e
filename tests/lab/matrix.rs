//! The error matrix: every row of what was measured on Samba and is known of Windows, in full text.

use libretto::lab::{Clock, Flavour, Lab, LabOptions};

use super::*;
use crate::support::samba::{create_user, samba, samba_tool, unique_name};

const GOOD: &str = "Correct-Horse-77";

/// Collects what a directory says to one case after the other.
struct Sheet(String);

impl Sheet {
    fn note(&mut self, case: &str, (code, text): (u32, String)) {
        // A target's GUID differs from lab to lab.
        let text = text.split_once("GUID ").map_or(text.clone(), |(before, _)| format!("{before}GUID ..."));
        self.0 += format!("{case}: {code} {}", text.replace('\n', "\\n").replace('\t', "\\t").replace('\0', "\\0"))
            .trim_end();
        self.0.push('\n');
    }
}

/// A directory to perform the matrix on: the lab's, or any real one with three such users and such a group.
struct Stage {
    settings: LdapConnSettings,
    ldaps: String,
    plain: String,
    administrator: (String, String),
    /// Name to sign in with, DN and password: one user for the binds, one for the passwords, one for the rest.
    users: [(String, String, String); 3],
    group: String,
    base: String,
}

impl Stage {
    fn of(lab: &Lab) -> Self {
        let user = |name: &str, display: &str| {
            (format!("{name}@lab.test"), format!("CN={display},CN=Users,{BASE}"), password_of(lab, name).to_owned())
        };
        let (name, password) = lab.administrator();
        Self {
            settings: trusting(lab),
            ldaps: ldaps(lab.targets()[0].address),
            plain: format!("ldap://{}", lab.targets()[0].starttls),
            administrator: (name.to_owned(), password.expose().to_owned()),
            users: [user("alice", "Alice Ahlgren"), user("bob", "Bob Bergmann"), user("dave", "Dave Dufour")],
            group: format!("CN=Staff,CN=Users,{BASE}"),
            base: BASE.to_owned(),
        }
    }

    async fn connect(&self) -> Ldap {
        open(self.settings.clone(), &self.ldaps).await.unwrap()
    }

    async fn signed_in(&self, name: &str, password: &str) -> Ldap {
        let mut ldap = self.connect().await;
        ldap.simple_bind(name, password).await.unwrap().success().unwrap();
        ldap
    }

    async fn administrator(&self) -> Ldap {
        self.signed_in(&self.administrator.0, &self.administrator.1).await
    }

    async fn bind(&self, name: &str, password: &str) -> (u32, String) {
        said(&self.connect().await.simple_bind(name, password).await.unwrap())
    }
}

async fn performed(stage: &Stage) -> String {
    let mut sheet = Sheet(String::new());
    binds(stage, &mut sheet).await;
    passwords(stage, &mut sheet).await;
    others(stage, &mut sheet).await;
    sheet.0
}

async fn binds(stage: &Stage, sheet: &mut Sheet) {
    let mut admin = stage.administrator().await;
    let (name, dn, right) = &stage.users[0];
    let (bare, _) = name.split_once('@').unwrap();
    sheet.note("bind, right password", stage.bind(name, right).await);
    sheet.note("bind, wrong password", stage.bind(name, "wrong").await);
    sheet.note("bind, unknown user", stage.bind("nobody@lab.test", "wrong").await);
    sheet.note("bind, bare name", stage.bind(bare, right).await);
    for (case, attribute, value, back) in [
        ("disabled", "userAccountControl", "514", "512"),
        ("account expired", "accountExpires", "116444736010000000", "0"),
        ("must change", "pwdLastSet", "0", "-1"),
    ] {
        set(&mut admin, dn, attribute, value).await.success().unwrap();
        sheet.note(&format!("bind, {case}"), stage.bind(name, right).await);
        sheet.note(&format!("bind, {case}, wrong password"), stage.bind(name, "wrong").await);
        set(&mut admin, dn, attribute, back).await.success().unwrap();
    }
    stage.bind(name, right).await;
    for _ in 0..5 {
        sheet.note("bind, wrong password until locked", stage.bind(name, "wrong").await);
    }
    sheet.note("bind, locked", stage.bind(name, right).await);
    sheet.note("bind, locked, wrong password", stage.bind(name, "wrong").await);
    sheet.note("change, locked", said(&change(&mut admin, dn, right, GOOD).await));
    let mut plain = open(LdapConnSettings::new(), &stage.plain).await.unwrap();
    sheet.note("bind, plain", said(&plain.simple_bind(&stage.users[1].0, &stage.users[1].2).await.unwrap()));
    sheet.note("reset, plain", said(&reset(&mut plain, dn, GOOD).await));
}

async fn passwords(stage: &Stage, sheet: &mut Sheet) {
    let mut admin = stage.administrator().await;
    let (name, dn, old) = &stage.users[1];
    let mut own = stage.signed_in(name, old).await;
    sheet.note("reset, no rights", said(&reset(&mut own, dn, GOOD).await));
    for (case, new) in [("too short", "Short-1"), ("no complexity", "onlysmallletters")] {
        sheet.note(&format!("reset, {case}"), said(&reset(&mut admin, dn, new).await));
        sheet.note(&format!("change, {case}"), said(&change(&mut own, dn, old, new).await));
    }
    sheet.note("change, wrong old password", said(&change(&mut own, dn, "wrong", GOOD).await));
    sheet.note("change, password of before", said(&change(&mut own, dn, old, old).await));
    sheet.note("change", said(&change(&mut own, dn, old, GOOD).await));
    sheet.note("change, too young", said(&change(&mut own, dn, GOOD, "Another-Horse-78").await));
    sheet.note("reset, password of before", said(&reset(&mut admin, dn, old).await));
    for (case, value) in [("not quoted", wide("x")[2..4].to_vec()), ("not UTF-16", b"\"Correct-Horse-77\"".to_vec())] {
        let changes = vec![Mod::Replace(b"unicodePwd".to_vec(), [value].into())];
        sheet.note(&format!("reset, {case}"), said(&write(&mut admin, dn, changes).await));
    }
    let nobody = format!("CN=Nobody,CN=Users,{}", stage.base);
    sheet.note("reset, no such user", said(&reset(&mut admin, &nobody, GOOD).await));
}

async fn others(stage: &Stage, sheet: &mut Sheet) {
    let mut nobody = stage.connect().await;
    let mut admin = stage.administrator().await;
    let (name, dn, password) = &stage.users[2];
    let mut own = stage.signed_in(name, password).await;
    let found = nobody.search(&stage.base, Scope::Subtree, "(cn=*)", vec!["cn"]).await.unwrap();
    sheet.note("search, nobody", said(&found.1));
    let missing = format!("CN=Nobody,{}", stage.base);
    let found = admin.search(&missing, Scope::Base, "(cn=*)", vec!["cn"]).await.unwrap();
    sheet.note("search, no such base", said(&found.1));
    sheet.note("unlock, no rights", said(&set(&mut own, dn, "lockoutTime", "0").await));
    sheet.note("pwdLastSet, a time", said(&set(&mut admin, dn, "pwdLastSet", "133000000000000000").await));
    for (case, old) in [("of another value", "514"), ("of the value", "512")] {
        let changes = vec![
            Mod::Delete(b"userAccountControl".to_vec(), [old.as_bytes().to_vec()].into()),
            Mod::Add(b"userAccountControl".to_vec(), [b"66048".to_vec()].into()),
        ];
        sheet.note(&format!("userAccountControl, instead {case}"), said(&write(&mut admin, dn, changes).await));
    }
    let changes = vec![Mod::Add(b"userAccountControl".to_vec(), [b"512".to_vec()].into())];
    sheet.note("userAccountControl, one more", said(&write(&mut admin, dn, changes).await));
    stale(stage, &mut admin, sheet).await;
    let (bare, _) = name.split_once('@').unwrap();
    sheet.note("reset, with the account's name", said(&reset(&mut admin, dn, &format!("My-{bare}-12345")).await));
    let member = || [dn.as_bytes().to_vec()].into();
    for case in ["member, add", "member, add again"] {
        let changes = vec![Mod::Add(b"member".to_vec(), member())];
        sheet.note(case, said(&write(&mut admin, &stage.group, changes).await));
    }
    for case in ["member, remove", "member, remove again"] {
        let changes = vec![Mod::Delete(b"member".to_vec(), member())];
        sheet.note(case, said(&write(&mut admin, &stage.group, changes).await));
    }
}

#[tokio::test]
async fn samba_says() {
    assert_eq!(performed(&Stage::of(&lab(Flavour::Samba, &[]))).await, include_str!("samba.txt"));
}

/// The hour of grace: the previous password works, the one before it does not, and whether that counts.
async fn stale(stage: &Stage, admin: &mut Ldap, sheet: &mut Sheet) {
    let (name, dn, oldest) = &stage.users[2];
    for new in [GOOD, "Another-Horse-78"] {
        reset(admin, dn, new).await.success().unwrap();
    }
    sheet.note("bind, previous password", stage.bind(name, GOOD).await);
    sheet.note("bind, password before the previous", stage.bind(name, oldest).await);
    sheet.note("badPwdCount after that", (0, read(admin, dn, "badPwdCount").await));
    sheet.note("bind, wrong password", stage.bind(name, "wrong").await);
    sheet.note("badPwdCount after that", (0, read(admin, dn, "badPwdCount").await));
}

/// A real Samba controller says the same, word for word. Its policy for these users is the lab's, but for the minimum age:
/// they are new, and have to change their passwords all the same.
#[tokio::test]
async fn samba_itself_says_the_same() {
    const PASSWORD: &str = "First-Horse-11";
    let (samba, group, policy) = (samba(), unique_name("rows"), unique_name("rules"));
    let rules = "--complexity=on --history-length=24 --min-pwd-length=12 --min-pwd-age=0 --max-pwd-age=42 \
                 --account-lockout-threshold=5 --account-lockout-duration=30 --reset-account-lockout-after=30";
    let create = ["domain", "passwordsettings", "pso", "create", policy.as_str(), "7"];
    samba_tool(&create.into_iter().chain(rules.split_whitespace()).collect::<Vec<_>>());
    samba_tool(&["group", "add", &group]);
    let users = ["bind", "word", "rest"].map(|kind| {
        let name = unique_name(kind);
        create_user(&name, PASSWORD);
        samba_tool(&["domain", "passwordsettings", "pso", "apply", &policy, &name]);
        (format!("{name}@{}", samba.domain), format!("CN={name},CN=Users,{}", samba.base), PASSWORD.to_owned())
    });
    let (last, address) = (users[2].1.clone(), samba.targets[0].1);
    let stage = Stage {
        settings: LdapConnSettings::new().set_config(tls(&std::fs::read(&samba.ca).unwrap())),
        ldaps: format!("ldaps://{address}"),
        plain: format!("ldap://{address}"),
        administrator: (samba.admin.clone(), samba.admin_password.clone()),
        users,
        group: format!("CN={group},CN=Users,{}", samba.base),
        base: samba.base.clone(),
    };
    let but_the_age = |sheet: &str| -> Vec<String> {
        sheet.lines().filter(|row| !row.starts_with("change, too young")).map(str::to_owned).collect()
    };
    let lab =
        include_str!("samba.txt").replace(&format!("CN=Dave Dufour,CN=Users,{BASE}"), &last).replace(BASE, &samba.base);
    assert_eq!(but_the_age(&performed(&stage).await), but_the_age(&lab));
}

#[tokio::test]
async fn windows_says() {
    assert_eq!(performed(&Stage::of(&lab(Flavour::Windows, &[]))).await, include_str!("windows.txt"));
}

#[tokio::test]
async fn a_password_ends_by_the_policy() {
    let clock = Clock::default();
    let lab = Lab::start(LabOptions { clock: clock.clone(), ..LabOptions::default() }).unwrap();
    let alice = password_of(&lab, "alice");
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "");
    clock.advance(Duration::from_hours(13 * 24));
    assert_eq!(data(&lab, 1, "alice@lab.test", alice).await, "532");
    assert_eq!(data(&lab, 1, "alice@lab.test", "wrong").await, "52e");
}

#[tokio::test]
async fn what_the_lab_does_not_do_is_refused() {
    let lab = lab(Flavour::Windows, &[]);
    let mut admin = administrator(&lab, 1).await;
    assert_eq!(admin.delete(ALICE).await.unwrap().rc, 53);
    assert_eq!(admin.compare(ALICE, "cn", "x").await.unwrap().0.rc, 53);
    assert_eq!(admin.modifydn(ALICE, "CN=Alicia", true, None).await.unwrap().rc, 53);
    assert_eq!(admin.add("CN=New,DC=lab,DC=test", vec![("objectClass", ["user"].into())]).await.unwrap().rc, 53);
    assert_eq!(set(&mut admin, ALICE, "objectSid", "x").await.rc, 53);
    assert_eq!(connect(&lab, 1).await.delete(ALICE).await.unwrap().rc, 1);
}
