//! One connection's conversation: who is signed in, and which operation answers which request.

use std::sync::Arc;

use ldap3_proto::{
    LdapMsg, LdapResultCode,
    control::LdapControl,
    proto::{
        LdapBindCred, LdapBindRequest, LdapBindResponse, LdapExtendedRequest, LdapExtendedResponse, LdapModifyRequest,
        LdapOp, LdapResult, LdapSearchRequest,
    },
};
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use super::{
    Flavour, NETBIOS,
    fault::Stage,
    search::{MOST, Pages},
    state::Directory,
    wording::{Outcome, protocol},
};

/// The extended operation that turns TLS on (RFC 4511, 4.14).
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The extended operation that tells who is signed in (RFC 4532).
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// The unsolicited message before the server hangs up (RFC 4511, 4.4.1).
const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// One connection to one target.
pub(super) struct Session {
    directory: Arc<Directory>,
    target: usize,
    identity: Option<Uuid>,
    pub encrypted: bool,
    pages: Pages,
}

/// What happens after a request.
pub(super) enum Reply {
    Messages(Vec<LdapMsg>),
    StartTls(LdapMsg),
    /// The client has said goodbye.
    End,
}

impl Session {
    pub(super) fn new(directory: Arc<Directory>, target: usize, encrypted: bool) -> Self {
        Self { directory, target, identity: None, encrypted, pages: Pages::default() }
    }

    /// Performs a request.
    pub(super) fn answer(&mut self, message: LdapMsg) -> Reply {
        let LdapMsg { msgid, op, ctrl } = message;
        let one = |op| Reply::Messages(vec![LdapMsg::new(msgid, op)]);
        match op {
            LdapOp::BindRequest(request) => {
                let res = result(self.bind(request));
                one(LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }))
            }
            LdapOp::SearchRequest(request) => Reply::Messages(self.search(msgid, &request, &ctrl)),
            LdapOp::ModifyRequest(request) => {
                let mut res = result(self.modify(request));
                if res.code == LdapResultCode::Success {
                    self.directory.flavour.done().clone_into(&mut res.message);
                }
                one(LdapOp::ModifyResponse(res))
            }
            LdapOp::ExtendedRequest(request) => self.extended(msgid, &request),
            LdapOp::AddRequest(_) => one(LdapOp::AddResponse(self.not_done())),
            LdapOp::DelRequest(_) => one(LdapOp::DelResponse(self.not_done())),
            LdapOp::ModifyDNRequest(_) => one(LdapOp::ModifyDNResponse(self.not_done())),
            LdapOp::CompareRequest(_) => one(LdapOp::CompareResult(self.not_done())),
            // An abandoned operation is not answered, and all are done by the time this is read.
            LdapOp::AbandonRequest(_) => Reply::Messages(Vec::new()),
            _ => Reply::End,
        }
    }

    fn bind(&mut self, request: LdapBindRequest) -> Outcome<()> {
        // Whatever comes of it, the earlier identity is gone (RFC 4511, 4.2.1).
        self.identity = None;
        if request.version != 3 {
            return protocol(LdapResultCode::ProtocolError, "only version 3 is spoken here");
        }
        let LdapBindCred::Simple(password) = request.cred else {
            return protocol(LdapResultCode::AuthMethodNotSupported, "00002027: only simple binds are done here");
        };
        let password = Zeroizing::new(password);
        if password.is_empty() {
            // An unauthenticated bind (RFC 4513, 5.1.2) "succeeds" and is nobody, as on real directories.
            return Ok(());
        }
        if !self.encrypted {
            return self.directory.flavour.no_encryption();
        }
        let signed_in = self.directory.bind(self.target, &request.dn, &password);
        self.directory.sign_ins.add(self.target + 1, password, signed_in.is_ok());
        self.identity = Some(signed_in?);
        Ok(())
    }

    fn modify(&self, mut request: LdapModifyRequest) -> Outcome<()> {
        let outcome = self.directory.modify(self.target, self.identity, self.encrypted, &request);
        request.changes.iter_mut().flat_map(|change| &mut change.modification.vals).for_each(Zeroize::zeroize);
        outcome
    }

    fn search(&mut self, msgid: i32, request: &LdapSearchRequest, controls: &[LdapControl]) -> Vec<LdapMsg> {
        let done = |outcome| LdapMsg::new(msgid, LdapOp::SearchResultDone(result(outcome)));
        if controls.iter().any(is_unknown) {
            let refused =
                protocol(LdapResultCode::UnavailableCriticalExtension, "00000057: a critical control is not known");
            return vec![done(refused)];
        }
        let paged = controls.iter().find_map(|control| match control {
            LdapControl::SimplePagedResults { size, cookie } => Some((*size, cookie)),
            _ => None,
        });
        let found = match paged {
            Some((_, cookie)) if !cookie.is_empty() => self.pages.resume(cookie),
            _ => self.directory.search(self.target, self.identity, request),
        };
        let mut found = match found {
            Ok(found) => found,
            Err(refusal) => return vec![done(Err(refusal))],
        };
        let mut last = done(Ok(()));
        if let Some((size, _)) = paged {
            let (page, cookie) = self.pages.cut(found, size);
            found = page;
            last.ctrl.push(LdapControl::SimplePagedResults { size: 0, cookie });
        } else {
            let most = usize::try_from(request.sizelimit).ok().filter(|limit| *limit > 0).unwrap_or(MOST).min(MOST);
            if found.len() > most {
                found.truncate(most);
                last = done(protocol(
                    LdapResultCode::SizeLimitExceeded,
                    "00002023: there are more objects than the limit",
                ));
            }
        }
        let entries = found.into_iter().map(|entry| LdapMsg::new(msgid, LdapOp::SearchResultEntry(entry)));
        entries.chain([last]).collect()
    }

    fn extended(&self, msgid: i32, request: &LdapExtendedRequest) -> Reply {
        let response = |outcome, value| {
            let name = Some(request.name.clone()).filter(|name| name == START_TLS);
            LdapMsg::new(msgid, LdapOp::ExtendedResponse(LdapExtendedResponse { res: result(outcome), name, value }))
        };
        let one = |outcome, value| Reply::Messages(vec![response(outcome, value)]);
        match request.name.as_str() {
            START_TLS if self.encrypted => {
                one(protocol(LdapResultCode::OperationsError, "TLS is already in effect on this connection"), None)
            }
            START_TLS => Reply::StartTls(response(Ok(()), None)),
            WHO_AM_I if self.directory.flavour == Flavour::Windows => one(Ok(()), Some(self.who().into_bytes())),
            _ => one(protocol(LdapResultCode::ProtocolError, "the extended operation is not known"), None),
        }
    }

    /// `u:LAB\name`, as Windows says it; empty for nobody.
    fn who(&self) -> String {
        let world = self.directory.world();
        let account = world.copies[self.target].iter().find(|entry| Some(entry.guid) == self.identity);
        let name = account.and_then(|entry| entry.text("samaccountname"));
        name.map_or_else(String::new, |name| format!("u:{NETBIOS}\\{name}"))
    }

    fn not_done(&self) -> LdapResult {
        result(if self.identity.is_some() {
            self.directory.flavour.not_done()
        } else {
            self.directory.flavour.bind_first()
        })
    }
}

/// At which stage a fault meets a request; `None` for those that are not one of the three.
pub(super) fn stage(message: &LdapMsg) -> Option<Stage> {
    match message.op {
        LdapOp::BindRequest(_) => Some(Stage::Bind),
        LdapOp::SearchRequest(_) => Some(Stage::Search),
        LdapOp::ModifyRequest(_) => Some(Stage::Modify),
        _ => None,
    }
}

/// What a server says before it hangs up on what it cannot read.
pub(super) fn disconnection() -> LdapMsg {
    let res = result(protocol(LdapResultCode::ProtocolError, "the request cannot be read"));
    let name = Some(DISCONNECTION.to_owned());
    LdapMsg::new(0, LdapOp::ExtendedResponse(LdapExtendedResponse { res, name, value: None }))
}

fn is_unknown(control: &LdapControl) -> bool {
    match control {
        LdapControl::SimplePagedResults { .. } => false,
        LdapControl::Unknown { criticality, .. }
        | LdapControl::ManageDsaIT { criticality }
        | LdapControl::SearchOptions { criticality, .. }
        | LdapControl::ShowDeleted { criticality }
        | LdapControl::SdFlags { criticality, .. }
        | LdapControl::ExtendedDn { criticality, .. } => *criticality,
        _ => true,
    }
}

fn result(outcome: Outcome<()>) -> LdapResult {
    let (code, message) = match outcome {
        Ok(()) => (LdapResultCode::Success, String::new()),
        Err(refusal) => (refusal.code, refusal.text),
    };
    LdapResult { code, matcheddn: String::new(), message, referral: Vec::new() }
}
