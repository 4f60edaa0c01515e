//! Why a sign-in is refused: the sub-codes of MS-ADTS 5.1.1.1.1 and MS-ERREF, by number and by name.

/// One reason why a bind is refused.
pub(super) struct Refusal {
    /// The sub-code, as in `data 52e`.
    pub(super) data: &'static str,
    /// The NT status that Samba names where it gives no sub-code.
    pub(super) status: &'static str,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

/// All of them.
pub(super) const REFUSALS: &[Refusal] = &[
    Refusal {
        data: "52e",
        status: "NT_STATUS_LOGON_FAILURE",
        code: "ad.wrong_password",
        message: "the name or the password is wrong",
        hint: "check both before trying again, for each attempt counts towards lockout; write the name as user@domain",
    },
    Refusal {
        data: "525",
        status: "NT_STATUS_NO_SUCH_USER",
        code: "ad.wrong_password",
        message: "there is no such account",
        hint: "write the name as user@domain, DOMAIN\\user or a DN",
    },
    Refusal {
        data: "530",
        status: "NT_STATUS_INVALID_LOGON_HOURS",
        code: "ad.logon_hours",
        message: "the account may not sign in at this hour",
        hint: "widen the account's logon hours, or wait for them",
    },
    Refusal {
        data: "531",
        status: "NT_STATUS_INVALID_WORKSTATION",
        code: "ad.logon_workstation",
        message: "the account may not sign in from this computer",
        hint: "clear or widen the account's list of workstations (userWorkstations)",
    },
    Refusal {
        data: "532",
        status: "NT_STATUS_PASSWORD_EXPIRED",
        code: "ad.password_expired",
        message: "the password is right, but has expired",
        hint: "have an administrator reset the password, or let it never expire if the account is a service's",
    },
    Refusal {
        data: "533",
        status: "NT_STATUS_ACCOUNT_DISABLED",
        code: "ad.account_disabled",
        message: "the account is disabled",
        hint: "enable the account (ad::enable), if it is meant to be used",
    },
    Refusal {
        data: "568",
        status: "NT_STATUS_TOO_MANY_CONTEXT_IDS",
        code: "ad.too_many_groups",
        message: "the account is in too many groups to sign in",
        hint: "take the account out of groups; 1,015 are the most",
    },
    Refusal {
        data: "701",
        status: "NT_STATUS_ACCOUNT_EXPIRED",
        code: "ad.account_expired",
        message: "the account has expired",
        hint: "set a later expiry date for the account, or none",
    },
    Refusal {
        data: "773",
        status: "NT_STATUS_PASSWORD_MUST_CHANGE",
        code: "ad.must_change_password",
        message: "the password is right, but must be changed before the account can sign in",
        hint: "reset the password over a service connection, and clear 'must change password at next logon'",
    },
    Refusal {
        data: "775",
        status: "NT_STATUS_ACCOUNT_LOCKED_OUT",
        code: "ad.account_locked",
        message: "the account is locked out",
        hint: "find what keeps trying an old password, then unlock the account (ad::unlock) or wait",
    },
    Refusal {
        data: "80090346",
        status: "SEC_E_BAD_BINDINGS",
        code: "ad.bad_channel_binding",
        message: "the controller demands channel binding, which a simple sign-in cannot give",
        hint: "set LdapEnforceChannelBinding to 1 (when supported) on the controllers",
    },
];

/// NT statuses by their other names and by their numbers, where Samba writes these.
pub(super) const STATUS_ALIASES: &[(&str, &str)] = &[
    ("NT_STATUS_WRONG_PASSWORD", "52e"),
    ("c000006a", "52e"),
    ("c000006d", "52e"),
    ("c0000064", "525"),
    ("c000006f", "530"),
    ("c0000070", "531"),
    ("c0000071", "532"),
    ("c0000072", "533"),
    ("c0000193", "701"),
    ("c0000224", "773"),
    ("c0000234", "775"),
];
