//! On real controllers, over LDAP and SMB.

use crate::support::{
    domain::{User, attribute, bad_password_count, create_user, lock_after},
    program::{Output, Program},
    samba::{samba, unique_name},
};

/// Every controller under several names, and every share: a wrong password for all of them, three processes at once, twice.
#[test]
fn a_wrong_password_locks_nobody_on_real_controllers() {
    for form in ["upn", "nt4"] {
        let user = create_user(&unique_name("budget"), "First-Password-1!");
        lock_after(&user, 3);
        let name = if form == "upn" { user.upn.clone() } else { format!("LAB\\{}", user.name) };
        let program = Program::new().env("WRONG", "Wrong-Password-9!");
        let (ca, mut args) = (samba().ca.to_string_lossy().into_owned(), Vec::new());
        args.extend(["connections", "add", "ad", "--name", "corp", "--domain", "lab.test"].map(str::to_owned));
        args.extend(["--username", &name, "--password", "env:WRONG", "--ca", &ca].map(str::to_owned));
        for (host, address) in &samba().targets {
            for target in [address.to_string(), format!("{address}:3269"), host.clone(), format!("{host}:3269")] {
                args.extend(["--target".to_owned(), target]);
            }
            for share in ["homes$", "nowrite", "secret", "denied"] {
                args.extend(["--home-server".to_owned(), format!("//{address}/{share}")]);
            }
        }
        let added = program.clone().args(&args).run();
        assert_eq!((added.code, added.stderr.as_str()), (Some(0), ""));
        let dns = format!("[dns]\nserver = \"{}\"\n", samba().controller(1).1);
        std::fs::write(program.home_path().join("config.toml"), dns).unwrap();
        let homes_only = program.folder_path().join("homes.rhai");
        std::fs::write(&homes_only, "const GRANTS = [\"home:test\"];\nhome::test_servers(conn::get(\"corp\"))\n")
            .unwrap();
        let runs = [&["run", "./homes.rhai"][..], &["connections", "test"], &["connections", "test"]];
        for _ in 0..2 {
            let started: Vec<_> = runs.iter().map(|run| program.clone().args(*run).start()).collect();
            for one in started {
                assert_ne!(one.finish().code, Some(0));
            }
        }
        let counted: u32 = (1..=samba().targets.len()).map(|number| bad_password_count(&user, number)).sum();
        assert!(counted <= 1, "{form}: {counted}");
        for number in 1..=samba().targets.len() {
            let locked = attribute(number, &user.dn, "lockoutTime").filter(|since| since != "0");
            assert_eq!(locked, None, "{form} on controller {number}");
        }
    }
}

/// A program whose home has a connection to the user's account on all controllers.
fn with_connection(user: &User) -> Program {
    let program = Program::new().env("PW", &user.password).env("WRONG", "Wrong-Password-9!");
    let (ca, mut args) = (samba().ca.to_string_lossy().into_owned(), Vec::new());
    args.extend(["connections", "add", "ad", "--name", "g", "--domain", "lab.test"].map(str::to_owned));
    args.extend(["--username", &user.upn, "--password", "env:PW", "--ca", &ca].map(str::to_owned));
    args.extend(samba().targets.iter().flat_map(|(_, address)| ["--target".to_owned(), address.to_string()]));
    let added = program.clone().args(&args).run();
    assert_eq!((added.code, added.stderr.as_str()), (Some(0), ""));
    program
}

fn counted(user: &User) -> u32 {
    (1..=samba().targets.len()).map(|number| bad_password_count(user, number)).sum()
}

fn run(program: &Program, line: &str) -> Output {
    program.clone().args(line.split(' ')).run()
}

/// The domain never locks; the account's own policy does, and the account may not read it.
#[test]
fn a_policy_that_may_not_be_read_locks_nobody() {
    let user = create_user(&unique_name("hidden"), "First-Password-1!");
    lock_after(&user, 3);
    let program = with_connection(&user);
    assert_eq!(run(&program, "connections test g").code, Some(0));
    let tried: Vec<Output> =
        (0..3).map(|_| run(&program, "run reset_ad_creds connection=g password=env:WRONG")).collect();
    assert_eq!(counted(&user), 1, "{}", tried[2].text());
    assert!(
        tried[1].stdout.contains(
            "3 wrong passwords lock the account (assumed: there may be a fine-grained policy, which the account may not read)"
        ),
        "{}",
        tried[1].text()
    );
    for number in 1..=samba().targets.len() {
        let locked = attribute(number, &user.dn, "lockoutTime").filter(|since| since != "0");
        assert_eq!(locked, None, "on controller {number}");
    }
    // Its minimum age is 0, and the domain's a day: the directory decides.
    assert_eq!(run(&program, "connections test g --insist").code, Some(0));
    let rotated = run(&program, "run reset_ad_creds connection=g rotate=true");
    assert_eq!(rotated.code, Some(0), "{}", rotated.text());
    assert!(
        rotated.stdout.contains(
            "the fine-grained policy that applies to it; by that policy its owner may change the password from"
        )
    );
}

/// An account that no fine-grained policy applies to sees that itself: its domain's rules are known to be its own.
#[test]
fn an_account_without_a_policy_of_its_own_goes_by_its_domains() {
    let user = create_user(&unique_name("plain"), "First-Password-1!");
    let program = with_connection(&user);
    assert_eq!(run(&program, "connections test g").code, Some(0));
    for _ in 0..3 {
        let tried = run(&program, "run reset_ad_creds connection=g password=env:WRONG --json");
        assert!(tried.stdout.contains("ad.wrong_password"), "{}", tried.text());
    }
}
