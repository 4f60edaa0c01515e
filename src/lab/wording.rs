//! What the directory says when it refuses, in the words of Samba 4.17 (measured) and of Windows (public reports).
//!
//! Clients tell errors apart by operation, eight leading hex digits and result code, so these three must be right; the
//! `DSID` is a place in Microsoft's source and varies with the version. Windows ends its texts in `\n\0` or `\0`.

mod writes;

use ldap3_proto::LdapResultCode as Code;

pub(super) use self::writes::Broken;
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

    /// What a read-only controller answers whoever writes (MS-ADTS 3.1.1.1.9; `0000202B` is `ERROR_DS_REFERRAL`).
    pub(super) fn elsewhere<T>(self) -> Outcome<T> {
        let end = if self == Self::Windows { "\0" } else { "" };
        refusal(
            Code::Referral,
            format!("0000202B: RefErr: DSID-0310082F, data 0, 1 access points\n\tref 1: 'dc1.lab.test'\n{end}"),
        )
    }

    /// Everything that this directory does not do; `00002035` is `ERROR_DS_UNWILLING_TO_PERFORM`.
    pub(super) fn not_done<T>(self) -> Outcome<T> {
        match self {
            Self::Samba => refusal(Code::UnwillingToPerform, "00002035: the lab's directory does not do this"),
            Self::Windows => unwilling("00002035"),
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

/// A refusal that reads the same everywhere: of the protocol, not of the directory.
pub(super) fn protocol<T>(code: Code, text: &str) -> Outcome<T> {
    refusal(code, text)
}
