//! What the directory says when it refuses, in the words of Samba 4.17 (measured) and of Windows (public reports).
//!
//! Clients tell errors apart by operation, eight leading hex digits and result code, so these three must be right; the
//! `DSID` is a place in Microsoft's source and varies with the version. Windows ends its texts in `\n\0` or `\0`.

use ldap3_proto::LdapResultCode as Code;

use uuid::Uuid;

use super::Flavour;

/// A refusal: LDAP result code and diagnostic text.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub code: Code,
    pub text: String,
}

/// What an operation of the directory gives.
pub(super) type Outcome<T> = Result<T, Refusal>;

fn refusal<T>(code: Code, text: impl Into<String>) -> Outcome<T> {
    Err(Refusal { code, text: text.into() })
}

/// Why a bind is refused: the number after `data`, a Win32 error (MS-ERREF 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindData {
    WrongPassword = 0x52e,
    PasswordExpired = 0x532,
    Disabled = 0x533,
    AccountExpired = 0x701,
    MustChange = 0x773,
    Locked = 0x775,
}

/// Which rule of the password policy a new password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    Length(i64),
    Complexity,
    Current,
    History,
    MinimumAge,
}

impl Flavour {
    pub(super) fn bind_refused<T>(self, data: BindData) -> Outcome<T> {
        let data = data as u32;
        refusal(
            Code::InvalidCredentials,
            match self {
                Self::Samba => format!(
                    "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data:x}, v1db1"
                ),
                Self::Windows => {
                    format!(
                        "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {data:x}, v4563\0"
                    )
                }
            },
        )
    }

    pub(super) fn no_encryption<T>(self) -> Outcome<T> {
        refusal(
            Code::StrongerAuthRequired,
            match self {
                Self::Samba => "BindSimple: Transport encryption required.",
                Self::Windows => {
                    "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking \
                     if SSL\\TLS are not already active on the connection, data 0, v4563\0"
                }
            },
        )
    }

    pub(super) fn bind_first<T>(self) -> Outcome<T> {
        refusal(
            Code::OperationsError,
            match self {
                Self::Samba => "00002020: Operation unavailable without authentication",
                Self::Windows => {
                    "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must \
                     be completed on the connection., data 0, v4563\0"
                }
            },
        )
    }

    /// A reset (by an administrator) or a change (by who knows the old password) that breaks the policy.
    pub(super) fn password_policy<T>(self, reset: bool, broken: Broken) -> Outcome<T> {
        match self {
            Self::Samba => {
                let reason = match broken {
                    Broken::Length(min) => {
                        format!("the password is too short. It should be equal or longer than {min} characters!")
                    }
                    Broken::Complexity => "the password does not meet the complexity criteria!".to_owned(),
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

    pub(super) fn wrong_old_password<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::ConstraintViolation,
                "00000056: Constraint violation - check_password_restrictions: The old password specified doesn't match!",
            ),
            Self::Windows => constraint("00000056"),
        }
    }

    /// A change while the account is locked.
    pub(super) fn change_while_locked<T>(self) -> Outcome<T> {
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
    pub(super) fn not_quoted<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::UnwillingToPerform,
                "00002035: setup_io: it's not allowed to set the NT hash password directly'",
            ),
            Self::Windows => unwilling("00002035"),
        }
    }

    pub(super) fn no_secure_channel<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => self.bind_first(),
            Self::Windows => unwilling("0000001F"),
        }
    }

    /// A reset, or a write of another attribute of the object named.
    pub(super) fn no_rights<T>(self, password: bool, name: &str) -> Outcome<T> {
        refusal(
            Code::InsufficentAccessRights,
            match self {
                Self::Samba if password => {
                    "error in module acl: insufficient access rights during LDB_MODIFY (50)".to_owned()
                }
                Self::Samba => format!("00002098: Object {name} has no write property access\n"),
                Self::Windows => {
                    "00002098: SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0".to_owned()
                }
            },
        )
    }

    /// The base of a search is not there; Samba says it in other words than for a write.
    pub(super) fn no_such_base<T>(self, name: &str, matched: &str) -> Outcome<T> {
        match self {
            Self::Samba => refusal(
                Code::NoSuchObject,
                "acl_read: Error retrieving instanceType for base. at \
                 ../../source4/dsdb/samdb/ldb_modules/acl_read.c:967",
            ),
            Self::Windows => self.no_such_object(name, matched),
        }
    }

    pub(super) fn no_such_object<T>(self, name: &str, matched: &str) -> Outcome<T> {
        refusal(
            Code::NoSuchObject,
            match self {
                Self::Samba => format!("00002030: No such Base DN: {name}"),
                Self::Windows => {
                    format!(
                        "0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{matched}'\n\0"
                    )
                }
            },
        )
    }

    pub(super) fn bad_name<T>(self, name: &str) -> Outcome<T> {
        refusal(
            Code::InvalidDNSyntax,
            match self {
                Self::Samba => format!("invalid DN: {name}"),
                Self::Windows => {
                    "0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350, best match of:\n\t''\n\0"
                        .to_owned()
                }
            },
        )
    }

    /// The member is in the group already; `member` is its GUID.
    pub(super) fn already_member<T>(self, member: Uuid) -> Outcome<T> {
        refusal(
            Code::EntryAlreadyExists,
            match self {
                Self::Samba => format!("Attribute member already exists for target GUID {member}"),
                Self::Windows => "00000562: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0\n\0".to_owned(),
            },
        )
    }

    /// The member to be removed is not in the group; `member` is its GUID.
    pub(super) fn not_a_member<T>(self, member: Uuid) -> Outcome<T> {
        match self {
            Self::Samba => {
                refusal(Code::UnwillingToPerform, format!("Attribute member already deleted for target GUID {member}"))
            }
            Self::Windows => unwilling("00000561"),
        }
    }

    /// Everything that this directory does not do; `00002035` is `ERROR_DS_UNWILLING_TO_PERFORM`.
    pub(super) fn not_done<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(Code::UnwillingToPerform, "00002035: the lab's directory does not do this"),
            Self::Windows => unwilling("00002035"),
        }
    }

    pub(super) fn bad_value<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(Code::UnwillingToPerform, "00000057: the value is not allowed for this attribute"),
            Self::Windows => unwilling("00000057"),
        }
    }

    /// `pwdLastSet` takes 0 and -1.
    pub(super) fn bad_password_time<T>(self) -> Outcome<T> {
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
    pub(super) fn no_such_value<T>(self, name: &str, object: &str) -> Outcome<T> {
        let text = match self {
            Self::Samba => {
                format!("attribute '{name}': no matching attribute value while deleting attribute on '{object}'")
            }
            Self::Windows => constraint_text("00002085", "1001 (NO_ATTRIBUTE_OR_VAL)", name),
        };
        refusal(Code::NoSuchAttribute, text)
    }

    /// A second value is to be added where there can be one only.
    pub(super) fn second_value<T>(self, name: &str, object: &str) -> Outcome<T> {
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
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Samba => "00000000: Success",
            Self::Windows => "",
        }
    }
}

/// Windows: the directory will not do it, and why by number.
fn unwilling<T>(number: &str) -> Outcome<T> {
    refusal(
        Code::UnwillingToPerform,
        format!("{number}: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\0"),
    )
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

/// A refusal that reads the same everywhere: of the protocol, not of the directory.
pub(super) fn protocol<T>(code: Code, text: &str) -> Outcome<T> {
    refusal(code, text)
}
