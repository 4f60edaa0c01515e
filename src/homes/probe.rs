//! The probe: a file is made in the home folder, written, flushed, read back, compared and deleted.
//!
//! It is opened to be deleted when its handle closes (`FILE_DELETE_ON_CLOSE`, MS-SMB2 2.2.13). So the server itself removes
//! it in every case: after a refused write, when the connection breaks, and when Libretto is killed in the middle.

use smb2::{
    msg::{
        close::{CloseRequest, CloseResponse},
        create::CreateDisposition,
        flush::{FlushRequest, FlushResponse},
        read::{ReadRequest, ReadResponse, SMB2_CHANNEL_NONE},
        write::{WriteRequest, WriteResponse},
    },
    types::{
        Command, FileId,
        flags::{FileAccessMask, FileAttributes},
        status::NtStatus,
    },
};
use uuid::Uuid;

use super::{
    refusal::{self, Doing},
    session::{Client, Open, Share},
};
use crate::{
    error::{Error, Result},
    verdict::Verdict,
};

/// What every probe file's name begins with.
pub const PROBE_PREFIX: &str = "libretto-probe-";

/// Enough to need a block of the disk.
const PROBE_BYTES: usize = 4096;

const FILE_NON_DIRECTORY_FILE: u32 = 0x0000_0040;
const FILE_DELETE_ON_CLOSE: u32 = 0x0000_1000;
const FILE_DIRECTORY_FILE: u32 = 0x0000_0001;

/// Sees that the folder exists and that the account may look at it.
pub(super) async fn folder(client: &Client<'_>, share: &Share) -> Result<()> {
    let how = Open {
        access: FileAccessMask::FILE_READ_ATTRIBUTES,
        disposition: CreateDisposition::FileOpen,
        options: FILE_DIRECTORY_FILE,
        attributes: 0,
    };
    let path = client.server().path.replace('/', "\\");
    let folder = client.open(share, Doing::Folder, &path, &how).await?;
    close(client, share, Doing::Folder, folder).await
}

/// Does it all; the error says so when the file may still be there.
pub(super) async fn probe(client: &Client<'_>, share: &Share) -> Result<()> {
    if !share.is_writable() {
        return Err(Error::new("home.read_only", format!("{} may only be read by this account", client.server()))
            .hint("grant the account the right to change files in the share's permissions (Samba: read only = no)"));
    }
    let mark = Uuid::new_v4().simple().to_string();
    let name = format!("{PROBE_PREFIX}{mark}");
    let path = path_of(client, &name);
    let file = client.open(share, Doing::Probe, &path, &made_anew()).await.map_err(|error| {
        if error.verdict() == Verdict::Inconclusive { perhaps_made(client, &name, error) } else { error }
    })?;
    let used = write_and_read(client, share, file, &content(&mark)).await;
    let removed = remove(client, share, file, &path).await.map_err(|why| left_behind(client, &name, &why));
    match (used, removed) {
        (used, Ok(())) => used,
        (Ok(()), Err(left)) => Err(left),
        (Err(error), Err(left)) => Err(error.with("left_behind", left.message())),
    }
}

fn made_anew() -> Open {
    Open {
        access: FileAccessMask::FILE_READ_DATA
            | FileAccessMask::FILE_WRITE_DATA
            | FileAccessMask::FILE_READ_ATTRIBUTES
            | FileAccessMask::DELETE
            | FileAccessMask::SYNCHRONIZE,
        disposition: CreateDisposition::FileCreate,
        options: FILE_NON_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE,
        attributes: FileAttributes::TEMPORARY,
    }
}

fn path_of(client: &Client<'_>, name: &str) -> String {
    let folder = client.server().path.replace('/', "\\");
    if folder.is_empty() { name.to_owned() } else { format!("{folder}\\{name}") }
}

/// Words for whoever finds the file, then the mark, repeated.
fn content(mark: &str) -> Vec<u8> {
    let line = format!("Libretto's probe {mark}: it may be deleted\n");
    line.bytes().cycle().take(PROBE_BYTES).collect()
}

async fn write_and_read(client: &Client<'_>, share: &Share, file: FileId, content: &[u8]) -> Result<()> {
    let write = WriteRequest {
        data_offset: 0x70, // 64 bytes of header, 48 of the request (MS-SMB2 2.2.21)
        offset: 0,
        file_id: file,
        channel: SMB2_CHANNEL_NONE,
        remaining_bytes: 0,
        write_channel_info_offset: 0,
        write_channel_info_length: 0,
        flags: 0,
        data: content.to_vec(),
    };
    let written: WriteResponse = client.ask(share, Doing::Probe, Command::Write, &write).await?;
    // Without it a full disk may show only after the handle is closed.
    let _: FlushResponse = client.ask(share, Doing::Probe, Command::Flush, &FlushRequest { file_id: file }).await?;
    let read = ReadRequest {
        padding: 0x50,
        flags: 0,
        length: content.len() as u32,
        offset: 0,
        file_id: file,
        minimum_count: 0,
        channel: SMB2_CHANNEL_NONE,
        remaining_bytes: 0,
        read_channel_info: Vec::new(),
    };
    let read: ReadResponse = client.ask(share, Doing::Probe, Command::Read, &read).await?;
    if written.count as usize != content.len() || read.data != content {
        return Err(Error::new(
            "home.wrong_content",
            format!("{} gave back something else than was written to it", client.server()),
        )
        .hint("check the server's disk and any software that filters its files"));
    }
    Ok(())
}

/// Closes the file, at which the server deletes it, and sees that it is gone.
async fn remove(client: &Client<'_>, share: &Share, file: FileId, path: &str) -> Result<()> {
    close(client, share, Doing::Probe, file).await?;
    let how = Open {
        access: FileAccessMask::FILE_READ_ATTRIBUTES,
        disposition: CreateDisposition::FileOpen,
        options: FILE_NON_DIRECTORY_FILE,
        attributes: 0,
    };
    // DELETE_PENDING: somebody else (a virus scanner, say) looks at it; it goes with their handle.
    match client.try_open(share, Doing::Probe, path, &how).await? {
        (NtStatus::OBJECT_NAME_NOT_FOUND | NtStatus::DELETE_PENDING, _) => Ok(()),
        (NtStatus::SUCCESS, _) => Err(Error::new("home.probe_left", "it is still there after its deletion")),
        (status, _) => Err(refusal::status(client.server(), Doing::Probe, status)),
    }
}

async fn close(client: &Client<'_>, share: &Share, doing: Doing, file: FileId) -> Result<()> {
    let request = CloseRequest { flags: 0, file_id: file };
    let _: CloseResponse = client.ask(share, doing, Command::Close, &request).await?;
    Ok(())
}

/// The answer to the request that makes the file was lost.
fn perhaps_made(client: &Client<'_>, name: &str, error: Error) -> Error {
    let left = left_behind(client, name, &error);
    error.with("left_behind", left.message())
}

fn left_behind(client: &Client<'_>, name: &str, why: &Error) -> Error {
    let at = client.server();
    Error::new("home.probe_left", format!("the probe file {at}/{name} may have been left behind: {why}"))
        .hint(
            "delete it by hand if it is still there; the server removes it by itself when it ends a broken connection",
        )
        .with("file", format!("{at}/{name}"))
}
