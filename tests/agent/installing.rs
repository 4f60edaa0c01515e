//! `libretto agent install`.

use crate::support::{text::assert_same, world::World};

/// With the program's own place replaced: where that is in somebody's home, it has to be read there.
fn said(text: &str) -> String {
    let program = env!("CARGO_BIN_EXE_libretto");
    let text = text.replace(program, "/usr/bin/libretto");
    if program.starts_with("/home/") || program.starts_with("/root/") {
        return text.replace("ProtectHome=read-only", "ProtectHome=yes");
    }
    text
}

const UNIT: &str = "\
[Unit]
Description=Libretto Remote Agent
Documentation=https://127.0.0.1:40002/swagger
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User=libretto
StateDirectory=libretto
StateDirectoryMode=0700
Environment=LIBRETTO_HOME=/var/lib/libretto
ExecStart=/usr/bin/libretto agent serve --listen 127.0.0.1:40002
KillSignal=SIGTERM
TimeoutStopSec=40
Restart=on-failure
RestartSec=2
LimitNOFILE=16384
CapabilityBoundingSet=
AmbientCapabilities=
ProtectHome=yes
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
";

#[test]
fn the_unit_is_printed_and_nothing_is_touched() {
    let world = World::new();
    let output = world.program().args(["agent", "install"]).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_same("the unit", UNIT, &said(&output.stdout));
    assert_eq!(std::fs::read_dir(world.home()).unwrap().count(), 0);
}

#[test]
fn the_unit_is_written_with_what_was_asked_for() {
    let world = World::new();
    let args = [
        "agent",
        "install",
        "--write",
        "agent.service",
        "--user",
        "svc",
        "--listen",
        "0.0.0.0:443",
        "--tls-name",
        "a $b%\"c",
    ];
    let output = world.program().args(args).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let unit = said(&std::fs::read_to_string(world.folder().join("agent.service")).unwrap());
    let expected = UNIT
        .replace("127.0.0.1:40002/swagger", "127.0.0.1:443/swagger")
        .replace("User=libretto", "User=svc")
        .replace("Capabilities=\n", "Capabilities=CAP_NET_BIND_SERVICE\n")
        .replace("BoundingSet=\n", "BoundingSet=CAP_NET_BIND_SERVICE\n")
        .replace("--listen 127.0.0.1:40002", "--listen 0.0.0.0:443 --tls-name \"a $$b%%\\\"c\"");
    assert_same("the unit", &expected, &unit);
    assert!(output.stdout.starts_with("written: ") && output.stdout.contains("agent token"), "{}", output.stdout);
}

#[test]
fn a_certificate_in_somebodys_home_can_be_read() {
    let pair = ["--tls-cert", "/home/svc/agent.pem", "--tls-key", "/home/svc/agent.key"];
    let output = World::new().program().args(["agent", "install"].into_iter().chain(pair)).run();
    assert_eq!(output.code, Some(0));
    assert!(output.stdout.contains("\nProtectHome=read-only\n"), "{}", output.stdout);
}

#[test]
fn the_definition_for_windows_says_that_it_is_untried() {
    let output = World::new().program().args(["agent", "install", "--windows"]).run();
    assert_eq!(output.code, Some(0));
    assert!(output.stdout.starts_with("<!-- UNTRIED"), "{}", output.stdout);
    assert!(output.stdout.contains("<arguments>agent serve --listen 127.0.0.1:40002</arguments>"), "{}", output.stdout);
}
