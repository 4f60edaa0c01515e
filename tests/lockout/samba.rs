//! On real controllers, over LDAP and SMB.

use crate::support::{
    domain::{attribute, bad_password_count, create_user, lock_after},
    program::Program,
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
