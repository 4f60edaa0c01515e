//! A disk that is full in the middle of a run, as whoever has started it sees it.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use super::disk::Disk;
use crate::{lab, lockout::Rig, support::program::Running};

/// What a script does once the disk is full: it waits for the answer of a server of the test's.
const SCRIPTS: [(&str, &str); 2] = [
    ("a write of its own", "ad::disable(conn::get(\"corp\"), \"bob\")"),
    ("a rotation", "ad::rotate(conn::get(\"corp\"))"),
];

/// The first connection to the server.
fn asked(server: &TcpListener, running: &mut Running) -> TcpStream {
    server.set_nonblocking(true).unwrap();
    loop {
        if let Ok((asking, _)) = server.accept() {
            asking.set_nonblocking(false).unwrap();
            return asking;
        }
        assert!(!running.has_ended(), "it ended before it asked: {}", running.said());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_write_is_not_sent_and_the_run_has_failed() {
    for (about, write) in SCRIPTS {
        let (mut rig, disk) = (Rig::new(3, &[]), Disk::new("size=16m"));
        rig.program = rig.program.clone().home(disk.home());
        rig.add("corp", rig.lab.service_account().0, "env:SERVICE", &rig.addresses());
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let grants = "const GRANTS = [\"http\", \"directory:write\", \"connection:write\"];";
        let script = rig.program.folder_path().join("full.rhai");
        std::fs::write(
            &script,
            format!("{grants}\nstep(\"Wait\", || http::get(\"http://{address}/\"));\nstep(\"Write\", || {write});\n"),
        )
        .unwrap();
        let mut running = rig.program.clone().args(["run", "full.rhai"]).start();
        let mut asking = asked(&server, &mut running);
        assert!(asking.read(&mut [0; 1024]).unwrap() > 0);
        disk.fill();
        asking.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        drop(asking);
        let output = running.finish();
        assert_eq!(output.code, Some(1), "{about}: {}", output.text());
        let told = "error[store.full]: ";
        assert!(
            output.stdout.contains(told) && output.stdout.contains("make room on it"),
            "{about}: {}",
            output.text()
        );
        assert!(!output.stdout.contains("nobody knows"), "{about}: {}", output.text());
        let mut session = lab::administrator(&rig.lab, 1).await;
        let bob = lab::read(&mut session, "CN=Bob Bergmann,CN=Users,DC=lab,DC=test", "userAccountControl").await;
        let (name, old) = rig.lab.service_account();
        assert_eq!(
            (bob.parse::<u32>().unwrap() & 2, lab::data(&rig.lab, 1, name, old.expose()).await),
            (0, String::new())
        );
        disk.make_room();
        let tested = rig.run(&["connections", "test", "corp"]);
        assert_eq!(tested.code, Some(0), "{about}: {}", tested.text());
    }
}
