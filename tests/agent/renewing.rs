//! The certificate that a service makes for itself: remade when clients would not take it any more, and nothing left behind.

use std::{
    fs::{self, File},
    path::Path,
    time::SystemTime,
};

use libretto::service::tls::own;
use rcgen::{CertificateParams, KeyPair};
use time::{Duration, OffsetDateTime};

/// Puts a pair there that is valid from and until so many days from now.
fn keep(folder: &Path, from: i64, until: i64) {
    let key = KeyPair::generate().unwrap();
    let names = ["localhost", "127.0.0.1", "::1", "agent1.corp.example"].map(str::to_owned).to_vec();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = OffsetDateTime::now_utc() + Duration::days(from);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(until);
    let pair = format!("{}{}", params.self_signed(&key).unwrap().pem(), key.serialize_pem());
    fs::write(folder.join("tls.pem"), pair).unwrap();
}

#[test]
fn one_that_is_not_valid_now_or_for_long_makes_place_for_another() {
    for (from, until, stays) in [(-20_000, -16_000, false), (2, 3_650, false), (-3_640, 10, false), (-1, 90, true)] {
        let folder = tempfile::tempdir().unwrap();
        keep(folder.path(), from, until);
        let before = fs::read_to_string(folder.path().join("tls.pem")).unwrap();
        let (first, public) = own(folder.path(), &[]).unwrap();
        let now = fs::read_to_string(folder.path().join("tls.pem")).unwrap();
        assert_eq!(now == before, stays, "{from} {until}");
        assert!(now.starts_with(&fs::read_to_string(public).unwrap()));
        let (again, _) = own(folder.path(), &["agent1.corp.example".to_owned()]).unwrap();
        assert_eq!(again.fingerprint, first.fingerprint, "the names are kept, and so is the new one");
    }
}

#[test]
fn what_is_damaged_is_said_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tls.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let error = own(folder.path(), &[]).unwrap_err();
    assert_eq!(error.code(), "service.bad_certificate");
    assert!(error.remedy().unwrap().contains("makes another"), "{error:?}");
}

#[test]
fn a_key_that_was_left_behind_half_made_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let hour_ago = SystemTime::now() - std::time::Duration::from_hours(1);
    for (name, is_old) in
        [(".tls.pem-0a", true), (".certificate.pem-0b", true), (".tls.pem-0c", false), (".other-0d", true)]
    {
        let file = File::create(folder.path().join(name)).unwrap();
        if is_old {
            file.set_modified(hour_ago).unwrap();
        }
    }
    own(folder.path(), &[]).unwrap();
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".other-0d", ".tls.pem-0c", "certificate.pem", "tls.pem"]);
}
