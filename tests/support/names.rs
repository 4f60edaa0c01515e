//! A DNS server that knows one name and leads it to another address each time, as the name of a domain does.

use std::net::Ipv4Addr;

use libretto::directory::Dns;
use tokio::net::UdpSocket;

/// Types of records: an IPv4 address (RFC 1035, 3.2.2).
const A: [u8; 2] = [0, 1];

/// The name has the first address when it is asked for the first time, and the others in turn from then on.
pub async fn leading_elsewhere(name: &str, addresses: Vec<Ipv4Addr>) -> Dns {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::server(socket.local_addr().unwrap()).unwrap();
    let known: Vec<u8> = name
        .split('.')
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat())
        .collect();
    tokio::spawn(async move {
        let (mut query, mut asked) = ([0; 512], 0);
        while let Ok((_, from)) = socket.recv_from(&mut query).await {
            // The question: labels, a zero, type and class.
            let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap();
            let is_known = query[12..end].eq_ignore_ascii_case(&known);
            let address = (is_known && query[end + 1..end + 3] == A).then(|| {
                asked += 1;
                if asked == 1 { addresses[0] } else { addresses[1 + asked % (addresses.len() - 1)] }
            });
            let flags = if is_known { [0x81, 0x80] } else { [0x81, 0x83] };
            let counts = [0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0];
            let mut answer = [&query[..2], &flags[..], &counts[..], &query[12..end + 5]].concat();
            if let Some(address) = address {
                // The name above, an address of the Internet, not to be kept, of four bytes.
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                answer.extend(address.octets());
            }
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    dns
}
