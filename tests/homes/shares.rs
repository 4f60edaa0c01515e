//! Each way in which a share can be reached, or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use libretto::{
    homes::{HomeServer, Identity, Options, Provider, test_server, test_servers},
    secret::Secret,
    verdict::Verdict,
};

use super::{PASSWORD, at, identity, keeper, own_folder, probe_files, told, with_probe};
use crate::support::samba::samba;

#[tokio::test]
async fn a_share_is_tested_without_a_write_unless_a_probe_is_asked_for() {
    let report = test_server(&at("homes$"), &identity(), &Options::default()).await;
    assert_eq!(told(&report), "ok 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok");
    let report = test_server(&at("nowrite"), &identity(), &Options::default()).await;
    assert_eq!(told(&report), "ok 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok");
}

#[tokio::test]
async fn a_probe_proves_a_folder_and_leaves_nothing_behind() {
    let (name, folder) = own_folder();
    let report = test_server(&at(&format!("homes$/{name}")), &identity(), &with_probe()).await;
    assert_eq!(told(&report), "ok 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok, probe ok");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    // The file was there: the folder's time of change is later than its birth.
    let about = std::fs::metadata(&folder).unwrap();
    assert!(about.modified().unwrap() > about.created().unwrap());
}

#[tokio::test]
async fn a_share_that_requires_encryption_gets_it() {
    let (name, folder) = own_folder();
    let report = test_server(&at(&format!("secret/{name}")), &identity(), &with_probe()).await;
    assert_eq!(told(&report), "ok 3.1.1 signed encrypted, negotiate ok, sign-in ok, tree-connect ok, probe ok");
    assert_eq!(probe_files(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn both_forms_of_the_name_sign_in() {
    for name in [format!("{}@{}", keeper(), samba().domain), format!("LAB\\{}", keeper())] {
        let identity = Identity::new(name, Secret::new(PASSWORD).unwrap()).unwrap();
        let report = test_server(&at("homes$"), &identity, &Options::default()).await;
        assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    }
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_share_has_its_own_error() {
    fill_the_full_share().await;
    let cases = [
        (
            "no-such-share",
            "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect failed, probe not-started\n\
             home.no_such_share: SERVER refused the connection to the share: there is no such share, or its folder is gone\n\
             check the share's name, and that its folder exists on the server",
        ),
        (
            "gone",
            "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect failed, probe not-started\n\
             home.no_such_share: SERVER refused the connection to the share: there is no such share, or its folder is gone\n\
             check the share's name, and that its folder exists on the server",
        ),
        (
            "denied",
            "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect failed, probe not-started\n\
             home.no_access: SERVER refused the connection to the share: the account may not use the share\n\
             grant the account access in the share's permissions",
        ),
        (
            "nowrite",
            "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok, probe failed\n\
             home.read_only: SERVER may only be read by this account\n\
             grant the account the right to change files in the share's permissions (Samba: read only = no)",
        ),
        (
            "full",
            "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok, probe failed\n\
             home.disk_full: SERVER refused the probe file: the disk is full\n\
             free space on the server",
        ),
        (
            "homes$/no such folder",
            "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect failed, probe not-started\n\
             home.no_such_folder: SERVER refused the folder: there is no such folder\n\
             check the path in the connection's home-directory server",
        ),
    ];
    for (share, expected) in cases {
        let report = test_server(&at(share), &identity(), &with_probe()).await;
        assert_eq!(told(&report), expected, "{share}");
    }
}

#[tokio::test]
async fn a_folder_that_the_account_may_not_write_to_is_told_from_a_read_only_share() {
    let (name, folder) = own_folder();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let report = test_server(&at(&format!("homes$/{name}")), &identity(), &with_probe()).await;
    assert_eq!(
        told(&report),
        "failed 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok, probe failed\n\
         home.no_access: SERVER refused the probe file: the account has no access to the folder\n\
         grant the account access in the folder's permissions"
    );
}

#[tokio::test]
async fn servers_are_found_by_the_resolver_that_is_given_and_reported_in_their_order() {
    let addresses = BTreeMap::from([("fs1.lab.test".to_owned(), samba().targets[0].1)]);
    let options = Options { resolver: Some(Arc::new(addresses)), ..Options::default() };
    let servers = ["//fs1.lab.test/homes$", "//unknown.lab.test/homes$", "//FS1.lab.test/secret"]
        .map(|path| HomeServer::parse(path).unwrap());
    let reports = test_servers(&servers, &identity(), &options).await;
    let told: Vec<String> = reports.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "ok 3.1.1 signed, negotiate ok, sign-in ok, tree-connect ok",
            "failed, negotiate failed, sign-in not-started, tree-connect not-started\n\
             home.unreachable: SERVER cannot be reached: the name unknown.lab.test is not known\n\
             check the name's spelling and this machine's DNS, or give the server's address",
            "ok 3.1.1 signed encrypted, negotiate ok, sign-in ok, tree-connect ok",
        ]
    );
}

#[tokio::test]
async fn other_providers_are_skipped_with_the_reason() {
    let server = HomeServer::of_provider(r"D:\homes", Provider::Local).unwrap();
    let report = test_server(&server, &identity(), &with_probe()).await;
    let mut json = serde_json::to_value(&report).unwrap();
    json["ms"] = 0.into();
    let expected = serde_json::json!({
        "server": r"D:\homes",
        "verdict": "skipped",
        "ms": 0,
        "dialect": null,
        "signed": false,
        "encrypted": false,
        "stages": [],
        "error": {
            "code": "home.provider",
            "message": r"D:\homes has the provider local; Libretto reaches UNC paths only",
            "hint": "share the folder and set the provider unc-direct with its path, //server/share",
            "retryable": false,
        },
    });
    assert_eq!(json, expected);
}

/// The share is 64 KiB of memory; a file of that size fills it.
async fn fill_the_full_share() {
    let samba = samba();
    let mut client =
        smb2::connect(&format!("{}:445", samba.targets[0].1), &samba.admin, &samba.admin_password).await.unwrap();
    let share = client.connect_share("full").await.unwrap();
    client.write_file(&share, "filler", &vec![1; 64 * 1024]).await.unwrap();
}
