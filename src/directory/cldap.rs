//! The CLDAP ping: a search of the rootDSE over UDP that a living controller answers with its roles and its site
//! (MS-ADTS 6.3.3). Nobody signs in for it and nothing secret is said.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::UdpSocket, time::timeout};

use super::{
    filter,
    wire::{self, Scope, Search, op},
};
use crate::error::Result;

/// How long an answer is awaited each time, and how often it is asked: a datagram may get lost.
const PATIENCE: Duration = Duration::from_millis(700);
const ATTEMPTS: i32 = 3;

/// `NETLOGON_NT_VERSION_5` and `_5EX`: ask for the extended answer (MS-ADTS 6.3.1.1).
const EXTENDED: &str = "\\06\\00\\00\\00";

/// `LOGON_SAM_LOGON_RESPONSE_EX` (MS-ADTS 6.3.1.3); a paused controller answers 24.
const LOGON_RESPONSE: u16 = 23;

/// What a living controller says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pong {
    pub(super) pdc: bool,
    pub(super) writable: bool,
    pub(super) host: String,
    pub(super) domain: String,
    /// The controller's site.
    pub(super) site: String,
    /// The site that the asking machine is in, as the controller sees it; empty when it knows none.
    pub(super) client_site: String,
}

/// Asks the controller at `address` whether it serves `domain`; `None` when no sensible answer comes.
pub(super) async fn ping(address: SocketAddr, domain: &str) -> Result<Option<Pong>> {
    let filter = filter::parse(&format!("(&{}(NtVer={EXTENDED}))", filter::equals("DnsDomain", domain)))?;
    let here: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let Ok(socket) = UdpSocket::bind(SocketAddr::new(here, 0)).await else { return Ok(None) };
    if socket.connect(address).await.is_err() {
        return Ok(None);
    }
    for id in 1..=ATTEMPTS {
        let search =
            Search { base: "", scope: Scope::Base, filter: filter.clone(), attributes: &["Netlogon"], page: None };
        if socket.send(&wire::search(id, search)).await.is_err() {
            return Ok(None);
        }
        if let Ok(Some(answer)) = timeout(PATIENCE, answer(&socket)).await {
            return Ok(Some(answer).filter(|pong| pong.domain.eq_ignore_ascii_case(domain)));
        }
    }
    Ok(None)
}

/// The first datagram that makes sense; `None` when the other side says that nothing listens there.
async fn answer(socket: &UdpSocket) -> Option<Pong> {
    let mut datagram = vec![0; 4096];
    loop {
        let length = socket.recv(&mut datagram).await.ok()?;
        if let Some(pong) = read(&datagram[..length]) {
            return Some(pong);
        }
    }
}

/// A datagram holds the entry and the end of the search, one message after the other.
fn read(mut datagram: &[u8]) -> Option<Pong> {
    while let Ok(Some(length)) = wire::frame(datagram) {
        let message = wire::decode(datagram.get(..length)?).ok()?;
        if message.operation == op::ENTRY {
            let (_, attributes) = message.entry().ok()?;
            let (_, values) = attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case("netlogon"))?;
            return pong(values.first()?);
        }
        datagram = &datagram[length..];
    }
    None
}

/// Reads `NETLOGON_SAM_LOGON_RESPONSE_EX` (MS-ADTS 6.3.1.9).
fn pong(bytes: &[u8]) -> Option<Pong> {
    const PDC: u32 = 0x1;
    const WRITABLE: u32 = 0x100;
    let (opcode, rest) = bytes.split_first_chunk::<2>()?;
    if u16::from_le_bytes(*opcode) != LOGON_RESPONSE {
        return None;
    }
    let flags = u32::from_le_bytes(*rest.get(2..)?.first_chunk::<4>()?);
    let mut place = 24;
    let mut names = [const { String::new() }; 8];
    for name in &mut names {
        (*name, place) = compressed_name(bytes, place)?;
    }
    let [_forest, domain, host, _netbios_domain, _netbios_host, _user, site, client_site] = names;
    Some(Pong { pdc: flags & PDC != 0, writable: flags & WRITABLE != 0, host, domain, site, client_site })
}

/// A name in DNS form with its compression (RFC 1035, 4.1.4; pointers count from the start of the value), and where the
/// next thing begins. Pointers must lead backwards, so that a hostile one cannot go round in circles.
fn compressed_name(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut place, mut end, mut lowest) = (start, None, start);
    let mut labels: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*bytes.get(place)?);
        match length {
            0 => break,
            0xc0.. => {
                let to = (length & 0x3f) << 8 | usize::from(*bytes.get(place + 1)?);
                end.get_or_insert(place + 2);
                if to >= lowest {
                    return None;
                }
                (place, lowest) = (to, to);
            }
            64.. => return None,
            _ => {
                let label = bytes.get(place + 1..place + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                place += 1 + length;
            }
        }
    }
    Some((labels.join("."), end.unwrap_or(place + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(flags: u32, names: &[u8]) -> Vec<u8> {
        let mut bytes = vec![23, 0, 0, 0];
        bytes.extend(flags.to_le_bytes());
        bytes.extend([7; 16]);
        bytes.extend(names);
        bytes
    }

    #[test]
    fn an_answer_is_read_with_its_compressed_names() {
        let names = b"\x03lab\x04test\x00\xc0\x18\x03dc1\xc0\x18\x03LAB\x00\x03DC1\x00\x00\x05Paris\x00\xc0\x35rest";
        let expected = Pong {
            pdc: true,
            writable: true,
            host: "dc1.lab.test".to_owned(),
            domain: "lab.test".to_owned(),
            site: "Paris".to_owned(),
            client_site: "Paris".to_owned(),
        };
        assert_eq!(pong(&response(0x0000_f3fd, names)), Some(expected));
    }

    #[tokio::test]
    async fn who_does_not_answer_is_not_alive() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(ping(silent.local_addr().unwrap(), "lab.test").await.unwrap(), None);
        let asked = silent.recv(&mut [0; 512]).await.unwrap();
        assert!(asked > 40);
        let address = silent.local_addr().unwrap();
        drop(silent);
        assert_eq!(ping(address, "lab.test").await.unwrap(), None);
    }

    #[test]
    fn hostile_answers_end() {
        for names in [b"\xc0\x18".as_slice(), b"\xc0\x19\xc0\x18", b"\x40", b"\x05a", b"", b"\xc0"] {
            assert_eq!(pong(&response(1, names)), None);
        }
        let mut paused = response(1, b"\0\0\0\0\0\0\0\0");
        assert!(pong(&paused).is_some());
        paused[0] = 24;
        assert_eq!(pong(&paused), None);
        assert_eq!(read(b"not LDAP"), None);
    }
}
