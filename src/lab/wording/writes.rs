//! What the directory says when it refuses a password or another write.

use ldap3_proto::LdapResultCode as Code;
use uuid::Uuid;

use super::{Flavour, Outcome, refusal, unwilling};

/// Which rule of the password policy a new password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lab) enum Broken {
    Length(i64),
    Complexity,
    Current,
    History,
    MinimumAge,
    /// A password filter of the controllers; the text says no more than that of any other rule.
    Filter,
}

impl Flavour {
    /// A reset (by an administrator) or a change (by who knows the old password) that breaks the policy.
    pub(in crate::lab) fn password_policy<T>(self, reset: bool, broken: Broken) -> Outcome<T> {
        match self {
            Self::Samba => {
                let reason = match broken {
                    Broken::Length(min) => {
                        format!("the password is too short. It should be equal or longer than {min} characters!")
                    }
                    // The filter: `check password script` of smb.conf.
                    Broken::Complexity | Broken::Filter => {
                        "the password does not meet the complexity criteria!".to_owned()
                    }
                    Broken::Current => "the password was already used (previous password)!".to_owned(),
                    Broken::History => "the password was already used (in history)!".to_owned(),
                    Broken::MinimumAge => "password is too young to change!".to_owned(),
                };
                refusal(
                    Code::ConstraintViolation,
                    format!("0000052D: Constraint violation - check_password_restrictions: {reason}"),
                )
            }
            Self::Windows if reset => unwilling("0000052D"),
            Self::Windows => constraint("0000052D"),
        }
    }

    pub(in crate::lab) fn wrong_old_password<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::ConstraintViolation,
                "00000056: Constraint violation - check_password_restrictions: The old password specified doesn't match!",
            ),
            Self::Windows => constraint("00000056"),
        }
    }

    /// A change while the account is locked.
    pub(in crate::lab) fn change_while_locked<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::ConstraintViolation,
                "00000775: Password change not permitted, account locked out! at \
                 ../../source4/dsdb/samdb/ldb_modules/password_hash.c:3929:setup_io",
            ),
            Self::Windows => constraint("00000775"),
        }
    }

    /// A `unicodePwd` that is not a quoted text in UTF-16LE.
    pub(in crate::lab) fn not_quoted<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::UnwillingToPerform,
                "00002035: setup_io: it's not allowed to set the NT hash password directly'",
            ),
            Self::Windows => unwilling("00002035"),
        }
    }

    pub(in crate::lab) fn no_secure_channel<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => self.bind_first(),
            Self::Windows => unwilling("0000001F"),
        }
    }

    /// The member is in the group already; `member` is its GUID.
    pub(in crate::lab) fn already_member<T>(self, member: Uuid) -> Outcome<T> {
        refusal(
            Code::EntryAlreadyExists,
            match self {
                Self::Samba => format!("Attribute member already exists for target GUID {member}"),
                Self::Windows => "00000562: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0\n\0".to_owned(),
            },
        )
    }

    /// The member to be removed is not in the group; `member` is its GUID.
    pub(in crate::lab) fn not_a_member<T>(self, member: Uuid) -> Outcome<T> {
        match self {
            Self::Samba => {
                refusal(Code::UnwillingToPerform, format!("Attribute member already deleted for target GUID {member}"))
            }
            Self::Windows => unwilling("00000561"),
        }
    }

    pub(in crate::lab) fn bad_value<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(Code::UnwillingToPerform, "00000057: the value is not allowed for this attribute"),
            Self::Windows => unwilling("00000057"),
        }
    }

    /// `pwdLastSet` takes 0 and -1.
    pub(in crate::lab) fn bad_password_time<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::Other,
                "00000057: setup_last_set_field: pwdLastSet must be 0 or -1 only! at \
                 ../../source4/dsdb/samdb/ldb_modules/password_hash.c:2436:setup_last_set_field",
            ),
            Self::Windows => unwilling("00000057"),
        }
    }

    /// A value is to be deleted that is not there.
    pub(in crate::lab) fn no_such_value<T>(self, name: &str, object: &str) -> Outcome<T> {
        let text = match self {
            Self::Samba => {
                format!("attribute '{name}': no matching attribute value while deleting attribute on '{object}'")
            }
            Self::Windows => constraint_text("00002085", "1001 (NO_ATTRIBUTE_OR_VAL)", name),
        };
        refusal(Code::NoSuchAttribute, text)
    }

    /// A second value is to be added where there can be one only.
    pub(in crate::lab) fn second_value<T>(self, name: &str, object: &str) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::AttributeOrValueExists,
                format!("0000200D: SINGLE-VALUE attribute {name} on {object} specified more than once"),
            ),
            Self::Windows => {
                refusal(Code::ConstraintViolation, constraint_text("00002081", "1005 (CONSTRAINT_ATT_TYPE)", name))
            }
        }
    }

    /// The text of a write that was done.
    pub(in crate::lab) fn done(self) -> &'static str {
        match self {
            Self::Samba => "00000000: Success",
            Self::Windows => "",
        }
    }
}

/// Windows: the new password violates a constraint, and which by number.
fn constraint<T>(number: &str) -> Outcome<T> {
    refusal(Code::ConstraintViolation, constraint_text(number, "1005 (CONSTRAINT_ATT_TYPE)", "unicodePwd"))
}

/// Windows' text for an attribute that is not as it must be; `Att` is the attribute's number in the schema.
fn constraint_text(number: &str, problem: &str, name: &str) -> String {
    let att = match name {
        "unicodePwd" => "9005a",
        "userAccountControl" => "90008",
        "pwdLastSet" => "90060",
        "accountExpires" => "9009f",
        _ => "90296",
    };
    format!(
        "{number}: AtrErr: DSID-03191083, #1:\n\t0: {number}: DSID-03191083, problem {problem}, data 0, Att {att} ({name})\n\0"
    )
}
