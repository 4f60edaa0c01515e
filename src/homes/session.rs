//! One conversation with one server: negotiate, sign in, connect to the share, and requests on files in it.

use std::time::Duration;

use smb2::{
    client::{Connection, Session},
    crypto::encryption::Cipher,
    msg::{
        create::{CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess},
        tree_connect::{TreeConnectRequest, TreeConnectRequestFlags, TreeConnectResponse},
    },
    pack::{Pack, ReadCursor, Unpack},
    types::{
        Command, Dialect, FileId, OplockLevel, TreeId,
        flags::{Capabilities, FileAccessMask, ShareCapabilities, ShareFlags},
        status::NtStatus,
    },
};
use tokio::time::{Instant, timeout};

use super::{
    HomeServer, Identity, Options, reach,
    refusal::{self, Doing},
    wire::Wire,
};
use crate::error::{Error, Result};

/// A negotiated connection. Dropping it closes the socket; the server then ends whatever was open on it.
pub(super) struct Client<'a> {
    server: &'a HomeServer,
    limit: Duration,
    wire: Wire,
    connection: Connection,
    session: Option<Session>,
}

/// A share that the signed-in account is connected to.
pub(super) struct Share {
    tree: TreeId,
    /// What a DFS share wants in front of each path (MS-SMB2 3.2.4.3).
    prefix: Option<String>,
    /// The most that this account may do in the share (2.2.10), as the share's own permissions tell.
    access: u32,
}

/// How a file is to be opened.
pub(super) struct Open {
    pub(super) access: u32,
    pub(super) disposition: CreateDisposition,
    pub(super) options: u32,
    pub(super) attributes: u32,
}

impl<'a> Client<'a> {
    /// Connects and agrees on a dialect.
    pub(super) async fn negotiate(server: &'a HomeServer, options: &Options) -> Result<Self> {
        let limits = options.limits;
        let stream = reach::connect(server, options.resolver.as_deref(), limits.connect).await?;
        let wire = Wire::new(stream);
        let mut connection = wire.connection(&server.server);
        let negotiated = timed(server, Doing::Negotiate, timeout(limits.operation, connection.negotiate()))
            .await
            .map_err(|_| refusal::timeout_of(server, Doing::Negotiate, limits.operation))?;
        negotiated.map_err(|error| refusal::library(server, Doing::Negotiate, &wire, &error))?;
        wire.rehash(&connection);
        tracing::info!("connected to {}", server.server);
        Ok(Self { server, limit: limits.operation, wire, connection, session: None })
    }

    /// Proves the account to the server by NTLM, once. Everything after it is signed, and encrypted if the server says so.
    pub(super) async fn sign_in(&mut self, identity: &Identity) -> Result<()> {
        let (user, domain) = identity.ntlm_names()?;
        tracing::info!("signs in on {} as {user}", self.server.server);
        let setup = Session::setup(&mut self.connection, user, identity.password.expose(), domain);
        let session = timed(self.server, Doing::SignIn, timeout(self.limit, setup))
            .await
            .map_err(|_| refusal::timeout_of(self.server, Doing::SignIn, self.limit))?
            .map_err(|error| refusal::library(self.server, Doing::SignIn, &self.wire, &error))
            .inspect_err(|error| tracing::info!("{} did not accept the sign-in: {error:?}", self.server.server))?;
        tracing::info!("{} accepted the sign-in of {user}", self.server.server);
        if session.should_encrypt && !self.connection.should_encrypt() {
            return Err(encryption_required(self.server));
        }
        self.session = Some(session);
        Ok(())
    }

    /// Connects to the server's share, and encrypts from there on if the share wants it.
    pub(super) async fn connect_share(&mut self) -> Result<Share> {
        let (host, name) = (&self.server.server, &self.server.share);
        let request =
            TreeConnectRequest { flags: TreeConnectRequestFlags::default(), path: format!("\\\\{host}\\{name}") };
        let (tree, answer) = self.ask_for_tree(&request).await?;
        if answer.share_flags.contains(ShareFlags::ENCRYPT_DATA) && !self.connection.should_encrypt() {
            self.encrypt()?;
        }
        let dfs = answer.capabilities.contains(ShareCapabilities::DFS);
        if dfs {
            self.connection.register_dfs_tree(tree);
        }
        Ok(Share { tree, prefix: dfs.then(|| format!("{host}\\{name}")), access: answer.maximal_access })
    }

    async fn ask_for_tree(&self, request: &TreeConnectRequest) -> Result<(TreeId, TreeConnectResponse)> {
        let execute = self.connection.execute(Command::TreeConnect, request, None);
        let frame = self.within(Doing::Share, execute).await?;
        self.check(Doing::Share, frame.header.status).map_err(|error| self.or_for_want_of_encryption(error))?;
        let answer = self.parse(Doing::Share, &frame.body)?;
        let tree = frame.header.tree_id.ok_or_else(|| self.senseless(Doing::Share))?;
        Ok((tree, answer))
    }

    /// A server denies access also to who cannot encrypt, with the same status (MS-SMB2 3.3.5.7).
    fn or_for_want_of_encryption(&self, error: Error) -> Error {
        if error.code() != "home.no_access" || self.can_encrypt() {
            return error;
        }
        error.hint(
            "grant the account access in the share's permissions; if the share requires encryption, enable SMB 3 with \
             AES-128 on the server, for this connection has none",
        )
    }

    fn can_encrypt(&self) -> bool {
        self.connection.params().is_some_and(|params| match params.dialect {
            Dialect::Smb3_1_1 => params.cipher.is_some(),
            Dialect::Smb3_0 | Dialect::Smb3_0_2 => params.capabilities.contains(Capabilities::ENCRYPTION),
            _ => false,
        })
    }

    fn encrypt(&mut self) -> Result<()> {
        let keys = self.session.as_ref().and_then(|s| Some((s.encryption_key.clone()?, s.decryption_key.clone()?)));
        let (mine, theirs) = keys.ok_or_else(|| encryption_required(self.server))?;
        // SMB 3.0 and 3.0.2 negotiate no cipher: theirs is AES-128-CCM (3.1.4.3).
        let cipher = self.connection.params().and_then(|params| params.cipher).unwrap_or(Cipher::Aes128Ccm);
        self.connection.activate_encryption(mine, theirs, cipher);
        Ok(())
    }

    /// Opens a file or folder; `path` has `\` between its names and is empty for the share's own folder.
    pub(super) async fn open(&self, share: &Share, doing: Doing, path: &str, how: &Open) -> Result<FileId> {
        let (status, body) = self.try_open(share, doing, path, how).await?;
        self.check(doing, status)?;
        self.parse::<CreateResponse>(doing, &body).map(|answer| answer.file_id)
    }

    /// As [`Client::open`], for a caller to whom a refusal may be good news.
    pub(super) async fn try_open(
        &self,
        share: &Share,
        doing: Doing,
        path: &str,
        how: &Open,
    ) -> Result<(NtStatus, Vec<u8>)> {
        let name = match &share.prefix {
            Some(prefix) if path.is_empty() => prefix.clone(),
            Some(prefix) => format!("{prefix}\\{path}"),
            None => path.to_owned(),
        };
        let request = CreateRequest {
            requested_oplock_level: OplockLevel::None,
            impersonation_level: ImpersonationLevel::Impersonation,
            desired_access: FileAccessMask::new(how.access),
            file_attributes: how.attributes,
            share_access: ShareAccess(
                ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_WRITE | ShareAccess::FILE_SHARE_DELETE,
            ),
            create_disposition: how.disposition,
            create_options: how.options,
            name,
            create_contexts: Vec::new(),
        };
        let execute = self.connection.execute(Command::Create, &request, Some(share.tree));
        let frame = self.within(doing, execute).await?;
        Ok((frame.header.status, frame.body))
    }

    /// Sends one request about a file of the share and reads its answer.
    pub(super) async fn ask<A: Unpack>(
        &self,
        share: &Share,
        doing: Doing,
        command: Command,
        request: &dyn Pack,
    ) -> Result<A> {
        let frame = self.within(doing, self.connection.execute(command, request, Some(share.tree))).await?;
        self.check(doing, frame.header.status)?;
        self.parse(doing, &frame.body)
    }

    /// The dialect's number, e.g. `3.1.1`.
    pub(super) fn dialect(&self) -> Option<&'static str> {
        self.connection.params().map(|params| match params.dialect {
            Dialect::Smb2_0_2 => "2.0.2",
            Dialect::Smb2_1 => "2.1",
            Dialect::Smb3_0 => "3.0",
            Dialect::Smb3_0_2 => "3.0.2",
            Dialect::Smb3_1_1 => "3.1.1",
        })
    }

    pub(super) fn is_signed(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.should_sign)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.connection.should_encrypt()
    }

    pub(super) fn server(&self) -> &HomeServer {
        self.server
    }

    async fn within<T>(&self, doing: Doing, request: impl Future<Output = smb2::Result<T>>) -> Result<T> {
        timed(self.server, doing, timeout(self.limit, request))
            .await
            .map_err(|_| refusal::timeout_of(self.server, doing, self.limit))?
            .map_err(|error| refusal::library(self.server, doing, &self.wire, &error))
    }

    fn check(&self, doing: Doing, status: NtStatus) -> Result<()> {
        if status == NtStatus::SUCCESS { Ok(()) } else { Err(refusal::status(self.server, doing, status)) }
    }

    fn parse<A: Unpack>(&self, doing: Doing, body: &[u8]) -> Result<A> {
        A::unpack(&mut ReadCursor::new(body)).map_err(|error| refusal::library(self.server, doing, &self.wire, &error))
    }

    fn senseless(&self, doing: Doing) -> Error {
        let nonsense = smb2::Error::invalid_data("no tree id");
        refusal::library(self.server, doing, &self.wire, &nonsense)
    }
}

impl Share {
    /// Whether the share's own permissions let the account make a file in it (`FILE_ADD_FILE`, MS-SMB2 2.2.13.1.2).
    pub(super) fn is_writable(&self) -> bool {
        self.access & FileAccessMask::FILE_WRITE_DATA != 0
    }
}

/// Logs how long an exchange took, whatever came of it.
async fn timed<T>(server: &HomeServer, doing: Doing, exchange: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let outcome = exchange.await;
    tracing::debug!("SMB {} on {server}: {} ms", doing.words(), begun.elapsed().as_millis());
    outcome
}

fn encryption_required(server: &HomeServer) -> Error {
    Error::new("home.encryption_required", format!("{server} requires encryption, and its dialect of SMB has none"))
        .hint("enable SMB 3 on the server")
}
