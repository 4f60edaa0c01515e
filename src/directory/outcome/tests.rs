//! The table of wordings: Samba's as measured, Windows' as public issue threads quote them.

use super::*;
use crate::verdict::Verdict;

fn classify(operation: Operation, code: u32, text: &str) -> Error {
    error_of(operation, &LdapResult { code, text: text.to_owned() }, &Target::new("dc1.lab.test"))
}

#[test]
fn every_wording_has_its_name() {
    use Operation::{Bind, Change, Modify, Reset, Search};
    let windows_bind = |data: &str| {
        format!("80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {data}, v4563")
    };
    let samba = |reason: &str| format!("0000052D: Constraint violation - check_password_restrictions: {reason}");
    let table = [
        (Bind, 49, windows_bind("52e"), "ad.wrong_password"),
        (Bind, 49, windows_bind("525"), "ad.wrong_password"),
        (Bind, 49, windows_bind("530"), "ad.logon_hours"),
        (Bind, 49, windows_bind("531"), "ad.logon_workstation"),
        (Bind, 49, windows_bind("532"), "ad.password_expired"),
        (Bind, 49, windows_bind("533"), "ad.account_disabled"),
        (Bind, 49, windows_bind("568"), "ad.too_many_groups"),
        (Bind, 49, windows_bind("701"), "ad.account_expired"),
        (Bind, 49, windows_bind("773"), "ad.must_change_password"),
        (Bind, 49, windows_bind("775"), "ad.account_locked"),
        (Bind, 49, windows_bind("80090346"), "ad.bad_channel_binding"),
        (Bind, 49, windows_bind("99"), "ad.sign_in_refused"),
        (Bind, 49, "80090346: LdapErr: DSID-0C09058A".into(), "ad.bad_channel_binding"),
        (Bind, 49, "Simple Bind Failed: NT_STATUS_ACCOUNT_LOCKED_OUT".into(), "ad.account_locked"),
        (Bind, 49, "Simple Bind Failed: NT_STATUS_WRONG_PASSWORD".into(), "ad.wrong_password"),
        (Bind, 49, windows_bind("c0000234"), "ad.account_locked"),
        (Bind, 49, String::new(), "ad.sign_in_refused"),
        (Bind, 8, "00002028: LdapErr: DSID-0C090276, comment: integrity checking".into(), "ad.stronger_auth_required"),
        (Bind, 51, "00002024: LdapErr: busy".into(), "ad.busy"),
        (Search, 1, "000004DC: LdapErr: DSID-0C090A5C, a bind must be completed".into(), "ad.not_signed_in"),
        (Search, 32, "0000208D: NameErr: DSID-03100245".into(), "ad.not_found"),
        (Search, 10, "0000202B: RefErr: DSID-0310084A".into(), "ad.referral"),
        (Reset, 53, "0000052D: SvcErr: DSID-031A124C".into(), "ad.password_policy"),
        (Reset, 19, samba("the password is too short."), "ad.password_policy"),
        (Change, 19, "0000052D: AtrErr: DSID-03191083".into(), "ad.password_policy"),
        (Change, 19, samba("the password was already used (in history)!"), "ad.password_history"),
        (Change, 19, samba("password is too young to change!"), "ad.password_too_young"),
        (Change, 19, "00000056: AtrErr: DSID-03191083".into(), "ad.wrong_old_password"),
        (Change, 19, "00000056: The old password specified doesn't match!".into(), "ad.wrong_old_password"),
        (Change, 19, "00000775: Password change not permitted, account locked out! at".into(), "ad.account_locked"),
        (Change, 19, "00000775: AtrErr: DSID-03191083".into(), "ad.account_locked"),
        (Change, 53, "00000533: SvcErr: DSID-031A124C".into(), "ad.account_disabled"),
        (Change, 53, "00000701: SvcErr: DSID-031A124C".into(), "ad.account_expired"),
        (Reset, 53, "0000001F: SvcErr: DSID-031A12D2".into(), "ad.insecure_channel"),
        (Reset, 53, "00002035: setup_io: only cleartext attributes".into(), "ad.password_malformed"),
        (Reset, 32, "00002030: No such object".into(), "ad.not_found"),
        (Reset, 50, "00002098: SecErr: DSID-031514A0".into(), "ad.no_rights"),
        (Modify, 50, "insufficient access rights".into(), "ad.no_rights"),
        (Modify, 68, "00000562: UpdErr: DSID-031A11C3".into(), "ad.already_there"),
        (Modify, 53, "Attribute member already deleted for target GUID a269aefd".into(), "ad.not_there"),
        (Modify, 53, "Attribute member doesn't exist for target GUID a269aefd".into(), "ad.not_there"),
        (Modify, 53, "00000561: SvcErr: DSID-031A120C".into(), "ad.not_there"),
        (Modify, 53, "0000052D: SvcErr: DSID-031A12D2".into(), "ad.password_policy"),
    ];
    for (operation, code, text, expected) in table {
        let error = classify(operation, code, &text);
        assert_eq!(error.code(), expected, "{operation:?} {code} {text}");
        assert!(!error.message().ends_with('.') && !error.message().is_empty());
        assert_eq!(error.remedy().is_none(), matches!(expected, "ad.already_there" | "ad.not_there"), "{error:?}");
        assert!(error.details().contains(&("server_says", format!("{code} {text}"))));
    }
}

#[test]
fn every_refusal_has_a_remedy() {
    for refusal in REFUSALS {
        assert!(!refusal.hint.is_empty());
        assert_eq!(refuses_credential(&Error::new(refusal.code, "")), refusal.code != "ad.bad_channel_binding");
    }
}

#[test]
fn a_write_is_in_doubt_unless_it_was_surely_refused() {
    for (code, text, verdict) in [
        (19, "0000052D: AtrErr", Verdict::Failed),
        (50, "", Verdict::Failed),
        (53, "0000001F: SvcErr", Verdict::Failed),
        (1, "000004DC: LdapErr: a successful bind must be completed", Verdict::Failed),
        (1, "00002020: operations error", Verdict::InDoubt),
        (3, "", Verdict::InDoubt),
        (51, "", Verdict::InDoubt),
        (52, "", Verdict::InDoubt),
        (80, "00002077: other", Verdict::InDoubt),
        (4711, "", Verdict::InDoubt),
    ] {
        let error = classify(Operation::Reset, code, text);
        assert_eq!(error.verdict(), verdict, "{code} {text}");
        assert_eq!(error.code() == "ad.write_in_doubt", verdict == Verdict::InDoubt);
        assert_ne!(classify(Operation::Search, code, text).verdict(), Verdict::InDoubt);
    }
}

/// Where a password may still go after a target's error.
#[derive(Debug, PartialEq)]
enum Then {
    /// Nowhere: it was refused.
    Nowhere,
    /// To other targets, and to no file server.
    Targets,
    /// To other targets and to file servers.
    Anywhere,
}

#[test]
fn where_a_password_may_go_after_a_targets_error() {
    use Then::{Anywhere, Nowhere, Targets};
    let table = [
        ("ad.wrong_password", Nowhere),
        ("ad.sign_in_refused", Nowhere),
        ("ad.password_expired", Nowhere),
        ("ad.must_change_password", Nowhere),
        ("ad.account_disabled", Nowhere),
        ("ad.account_expired", Nowhere),
        ("ad.account_locked", Nowhere),
        ("ad.logon_hours", Nowhere),
        ("ad.logon_workstation", Nowhere),
        ("ad.too_many_groups", Nowhere),
        ("ad.wrong_domain", Targets),
        ("ad.not_active_directory", Targets),
        ("ad.tls_failed", Targets),
        ("ad.tls_expired", Targets),
        ("ad.tls_wrong_name", Targets),
        ("ad.tls_untrusted", Targets),
        ("ad.bad_ca", Targets),
        ("ad.bad_pin", Targets),
        ("ad.no_roots", Targets),
        ("ad.bad_channel_binding", Targets),
        ("ad.stronger_auth_required", Targets),
        ("ad.protocol", Targets),
        ("ad.too_much", Targets),
        ("ad.no_rights", Targets),
        ("ad.refused_by_server", Targets),
        ("ad.of_tomorrow", Targets),
        ("ad.unreachable", Anywhere),
        ("ad.refused", Anywhere),
        ("ad.timeout", Anywhere),
        ("ad.closed", Anywhere),
        ("ad.busy", Anywhere),
        ("ad.dns_failed", Anywhere),
        ("ad.no_controllers", Anywhere),
        ("ad.not_tried", Anywhere),
        // These two have a gate of their own before each sign-in.
        ("rotation.not_converged", Anywhere),
        ("rotation.budget_spent", Anywhere),
    ];
    for (code, expected) in table {
        let error = Error::new(code, "it");
        let then = match (refuses_credential(&error), casts_doubt(&error)) {
            (true, _) => Nowhere,
            (false, true) => Targets,
            (false, false) => Anywhere,
        };
        assert_eq!(then, expected, "{code}");
    }
}
