//! What a server's refusal means: NTSTATUS codes (MS-ERREF 2.3.1) to named errors with a remedy.
//!
//! The same code says different things at different stages, so there is a table per stage.

use std::time::Duration;

use smb2::types::status::NtStatus;

use super::{
    HomeServer,
    wire::{Fault, Wire},
};
use crate::error::Error;

/// status, code, what it means, what to do
type Row = (u32, &'static str, &'static str, &'static str);

/// Refusals of the account. They are the same at every server, so the next server is not asked.
#[rustfmt::skip]
const ACCOUNT: &[Row] = &[
    (0xC000_006D, "home.wrong_password", "the user name or the password is wrong", "set the right password in the connection; it is not tried again by itself"),
    (0xC000_006A, "home.wrong_password", "the password is wrong", "set the right password in the connection; it is not tried again by itself"),
    (0xC000_0064, "home.wrong_password", "there is no such user", "check the user name in the connection"),
    // What Samba 4.17 answers to a wrong password that comes with a user principal name.
    (0xC000_0225, "home.wrong_password", "the user name or the password is wrong", "set the right password in the connection; it is not tried again by itself"),
    (0xC000_0234, "home.account_locked", "the account is locked", "unlock it in the directory, then find out what keeps using an old password"),
    (0xC000_0072, "home.account_disabled", "the account is disabled", "enable it in the directory"),
    (0xC000_0193, "home.account_expired", "the account has expired", "move its expiry date in the directory"),
    (0xC000_0071, "home.password_expired", "the password has expired", "set a new password in the directory"),
    (0xC000_0224, "home.must_change_password", "the password must be changed before it can be used", "set a new password without \"must change at next logon\""),
    (0xC000_006F, "home.logon_hours", "the account may not sign in at this hour", "allow the hour in the account's logon hours"),
    (0xC000_006E, "home.account_restricted", "a restriction of the account forbids it", "look at the account's restrictions in the directory; members of Protected Users cannot use NTLM"),
];

/// Refusals of a sign-in that say nothing about the password.
#[rustfmt::skip]
const SIGN_IN: &[Row] = &[
    (0xC000_0070, "home.logon_workstation", "the account may not sign in from this machine", "allow this machine in the account's logon workstations"),
    (0xC000_015B, "home.logon_type", "the account may not use this server over the network", "grant it \"Access this computer from the network\" on the server"),
    (0xC000_0418, "home.ntlm_refused", "the server takes no NTLM", "allow NTLM for this server; Libretto has no Kerberos for file servers yet"),
    (0xC000_005E, "home.no_domain_controller", "the server finds no domain controller to ask", "see that the server reaches its domain, then test again"),
    (0xC000_018D, "home.no_domain_controller", "the server's trust with its domain is broken", "repair the server's membership of its domain"),
    (0xC000_018C, "home.no_domain_controller", "the trust between the domains is broken", "repair the trust between the two domains"),
    (0xC000_0022, "home.encryption_required", "the server takes only connections that it can encrypt, or denies this account", "see that the server offers SMB 3 with encryption, and that the account may use it"),
];

#[rustfmt::skip]
const SHARE: &[Row] = &[
    (0xC000_00CC, "home.no_such_share", "there is no such share, or its folder is gone", "check the share's name, and that its folder exists on the server"),
    (0xC000_0022, "home.no_access", "the account may not use the share", "grant the account access in the share's permissions"),
    (0xC000_00CA, "home.no_access", "the account may not use the share", "grant the account access in the share's permissions"),
    (0xC000_00D0, "home.too_many_users", "the share has as many users as it allows", "raise the share's user limit, or try again later"),
];

#[rustfmt::skip]
const FOLDER: &[Row] = &[
    (0xC000_0022, "home.no_access", "the account has no access to the folder", "grant the account access in the folder's permissions"),
    (0xC000_0034, "home.no_such_folder", "there is no such folder", "check the path in the connection's home-directory server"),
    (0xC000_003A, "home.no_such_folder", "there is no such folder", "check the path in the connection's home-directory server"),
    (0xC000_0033, "home.no_such_folder", "the server has no such name", "check the path in the connection's home-directory server"),
    (0xC000_0103, "home.no_such_folder", "the path is a file, not a folder", "check the path in the connection's home-directory server"),
    (0xC000_0257, "home.dfs", "the path leads to another server through DFS", "give the server and share that the DFS link points to"),
    (0xC000_007F, "home.disk_full", "the disk is full", "free space on the server"),
    (0xC000_0044, "home.disk_full", "the account's disk quota is used up", "raise the account's quota on the server"),
    (0xC000_00A2, "home.read_only", "the disk is read-only", "make the server's disk writable"),
];

/// At any stage.
#[rustfmt::skip]
const ANYWHERE: &[Row] = &[
    (0xC000_00E5, "home.server_error", "the server has an internal error", "look at the server's log (on Samba, winbindd must run), then test again"),
    (0xC000_009A, "home.busy", "the server has no resources left", "try again later"),
    (0xC000_0205, "home.busy", "the server has no resources left", "try again later"),
    (0xC000_00BB, "home.protocol", "the server has no dialect in common with Libretto", "enable SMB 2 or 3 on the server"),
];

/// Troubles of the server that tell nothing about what was asked of it.
const PASSING: &[&str] = &["home.busy", "home.server_error", "home.no_domain_controller"];

/// Where a test stands, for the words and the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Negotiate,
    SignIn,
    Share,
    Folder,
    Probe,
}

impl Doing {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Negotiate => "the first exchange",
            Self::SignIn => "the sign-in",
            Self::Share => "the connection to the share",
            Self::Folder => "the folder",
            Self::Probe => "the probe file",
        }
    }

    fn tables(self) -> [&'static [Row]; 3] {
        match self {
            Self::Negotiate => [ANYWHERE, &[], &[]],
            Self::SignIn => [ACCOUNT, SIGN_IN, ANYWHERE],
            Self::Share => [SHARE, FOLDER, ANYWHERE],
            Self::Folder | Self::Probe => [FOLDER, ANYWHERE, &[]],
        }
    }
}

/// Whether the sign-in was refused for the account's sake, so that no other server may be asked with the same password.
/// An unknown status and a guest session in the account's place count as well: a server may answer a wrong password so.
pub(super) fn is_of_the_account(error: &Error) -> bool {
    ["home.guest_only", "home.refused"].contains(&error.code()) || ACCOUNT.iter().any(|row| row.1 == error.code())
}

/// Whether a refusal of the account leaves its password in doubt. The other reasons are only given to who knows the
/// password, or to nobody whose attempt counts (a locked account).
pub(super) fn may_be_wrong(error: &Error) -> bool {
    ["home.guest_only", "home.refused", "home.wrong_password"].contains(&error.code())
}

/// The named error for a server's status.
pub(super) fn status(server: &HomeServer, doing: Doing, status: NtStatus) -> Error {
    let words = doing.words();
    let row = doing.tables().into_iter().flatten().find(|row| row.0 == status.0);
    let error = match row {
        Some((_, code, meaning, remedy)) => {
            let said = format!("{server} refused {words}: {meaning}");
            let error = if PASSING.contains(code) { Error::inconclusive(code, said) } else { Error::new(code, said) };
            error.hint(*remedy)
        }
        None => Error::new("home.refused", format!("{server} refused {words} with status {:08X}", status.0))
            .hint("look the status up in Microsoft's list of NTSTATUS values, and in the server's log"),
    };
    error.with("status", format!("{:08X}", status.0))
}

/// The named error for whatever the SMB library says; the wire knows more about a lost connection.
pub(super) fn library(server: &HomeServer, doing: Doing, wire: &Wire, error: &smb2::Error) -> Error {
    match error {
        smb2::Error::Protocol { status: code, .. } => status(server, doing, *code),
        smb2::Error::GuestSessionRefused { .. } => Error::new(
            "home.guest_only",
            format!("{server} made the sign-in a guest session instead of checking the account"),
        )
        .hint("check the user name and the password; on the server, switch off guest access (Samba: map to guest = never)"),
        smb2::Error::SignatureInvalid { .. } => {
            Error::new("home.bad_signature", format!("{server} answered with a wrong or missing signature"))
                .hint("something between here and the server alters the traffic, or the server is broken; do not use it")
        }
        smb2::Error::ShareRedirected { .. } => {
            Error::new("home.dfs", format!("{server} says that another node of its cluster holds the share"))
                .hint("give the node that holds the share")
        }
        smb2::Error::Timeout | smb2::Error::SendTimeout { .. } | smb2::Error::ServerUnresponsive { .. } => {
            Error::inconclusive("home.timeout", format!("{server} stopped answering during {}", doing.words()))
                .hint("see whether the server is overloaded or its disk hangs, then test again")
        }
        other => match wire.fault() {
            Some(fault) => of_wire(server, doing, fault),
            None => protocol(server, &format!("its answer to {} makes no sense ({other})", doing.words())),
        },
    }
}

fn of_wire(server: &HomeServer, doing: Doing, fault: Fault) -> Error {
    match fault {
        Fault::Closed => {
            Error::inconclusive("home.closed", format!("{server} closed the connection during {}", doing.words()))
                .hint("look at the server's log; a firewall or a server that refuses this machine does this too")
        }
        Fault::NotSmb => protocol(server, "what answers there does not speak SMB"),
        Fault::Smb1 => Error::new("home.protocol", format!("{server} speaks SMB 1 only"))
            .hint("enable SMB 2 or 3 on the server; SMB 1 is not safe and Libretto does not speak it"),
    }
}

/// An answer that is not what the protocol allows.
pub(super) fn protocol(server: &HomeServer, what: &str) -> Error {
    Error::new("home.protocol", format!("{server}: {what}")).hint("check the server's address and port")
}

/// No answer within `limit`.
pub(super) fn timeout(server: &HomeServer, what: &str, limit: Duration) -> Error {
    let seconds = limit.as_secs_f32();
    Error::inconclusive("home.timeout", format!("{server} did not answer within {seconds} s: {what} timed out"))
        .hint("see whether the server is up and reachable, and whether a firewall drops the traffic, then test again")
}

/// No answer within `limit` at a stage of the protocol.
pub(super) fn timeout_of(server: &HomeServer, doing: Doing, limit: Duration) -> Error {
    timeout(server, doing.words(), limit)
}
