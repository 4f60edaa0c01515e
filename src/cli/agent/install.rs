//! `libretto agent install`: what lets systemd, or Windows, start the agent.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        Session,
        args::{InstallArgs, ServeArgs},
    },
    error::{Error, Result},
};

/// Where systemd looks for what an administrator adds (systemd.unit(5)).
pub(in crate::cli) const UNIT: &str = "/etc/systemd/system/libretto-agent.service";

/// What the agent does without. It reads and writes its home, speaks TCP, and nothing else.
const HARDENING: &str = "\
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
";

pub(super) fn install(session: &Session, args: &InstallArgs) -> Result<u8> {
    let program = program(session)?;
    if args.windows {
        session.out.say(&windows(session, &program, &args.serve));
        return Ok(0);
    }
    let unit = unit(session, &program, args)?;
    let Some(path) = &args.write else {
        session.out.say(&unit);
        return Ok(0);
    };
    let path = session.host.working_folder.join(path);
    write(&path, &unit).map_err(|e| {
        Error::new("service.not_written", format!("{} cannot be written: {e}", path.display()))
            .hint("do it as root, or leave --write out and put the text where it belongs")
    })?;
    session.out.line(&format!("written: {}", path.display()));
    session.out.line(&format!(
        "then: useradd --system {}; systemctl daemon-reload; systemctl enable --now libretto-agent",
        args.user
    ));
    session
        .out
        .line(&format!("token: sudo -u {} env LIBRETTO_HOME=/var/lib/libretto {program} agent token", args.user));
    Ok(0)
}

/// Anybody may read it: there is nothing secret in it.
fn write(path: &Path, unit: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(unit.as_bytes())?;
    file.sync_all()
}

/// This program by its full path.
fn program(session: &Session) -> Result<String> {
    let path = session.host.program();
    let text = path.as_deref().and_then(Path::to_str).filter(|text| !text.chars().any(char::is_control));
    text.map(str::to_owned).ok_or_else(|| {
        Error::new("service.no_program", "the system does not tell where this program is")
            .hint("start it by its full path, one of plain characters")
    })
}

fn unit(session: &Session, program: &str, args: &InstallArgs) -> Result<String> {
    let plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.$@\\".contains(c));
    if !plain(&args.user) {
        return Err(Error::new("usage.user", "the account's name cannot stand in a unit").hint("give a plain name"));
    }
    let command: String = std::iter::once(program.to_owned())
        .chain(["agent".to_owned(), "serve".to_owned()])
        .chain(options(session, &args.serve))
        .map(|word| quoted(&word))
        .collect::<Vec<_>>()
        .join(" ");
    Ok(format!(
        "[Unit]\n\
         Description=Libretto Remote Agent\n\
         Documentation=https://127.0.0.1:{port}/swagger\n\
         After=network-online.target\n\
         Wants=network-online.target\n\n\
         [Service]\n\
         Type=exec\n\
         User={user}\n\
         StateDirectory=libretto\n\
         StateDirectoryMode=0700\n\
         Environment=LIBRETTO_HOME=/var/lib/libretto\n\
         ExecStart={command}\n\
         KillSignal=SIGTERM\n\
         TimeoutStopSec=40\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         LimitNOFILE=16384\n\
         CapabilityBoundingSet={capability}\n\
         AmbientCapabilities={capability}\n\
         ProtectHome={homes}\n\
         {HARDENING}\n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        port = args.serve.listen.port(),
        user = args.user,
        // Ports below are for those who may (capabilities(7)).
        capability = if args.serve.listen.port() < 1024 { "CAP_NET_BIND_SERVICE" } else { "" },
        homes = if needs_homes(session, program, &args.serve) { "read-only" } else { "yes" },
    ))
}

/// Whether the agent, or a file that it reads, lies where `ProtectHome=yes` hides all (systemd.exec(5)).
fn needs_homes(session: &Session, program: &str, args: &ServeArgs) -> bool {
    let files = [&args.tls_cert, &args.tls_key, &args.cloud_ca].into_iter().flatten();
    let mut all = files.map(|path| session.host.working_folder.join(path)).chain([PathBuf::from(program)]);
    all.any(|path| ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home)))
}

/// The options of `serve` that are not as usual.
fn options(session: &Session, args: &ServeArgs) -> Vec<String> {
    let text = |path: &Path| session.host.working_folder.join(path).display().to_string();
    let mut options = vec!["--listen".to_owned(), args.listen.to_string()];
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        options.extend(["--tls-cert".to_owned(), text(certificate), "--tls-key".to_owned(), text(key)]);
    }
    if args.self_signed {
        options.push("--self-signed".to_owned());
    }
    if let Some(login) = &args.cloud_login {
        options.extend(["--cloud-login".to_owned(), login.to_string()]);
    }
    if let Some(ca) = &args.cloud_ca {
        options.extend(["--cloud-ca".to_owned(), text(ca)]);
    }
    options.extend(args.tls_name.iter().flat_map(|name| ["--tls-name".to_owned(), name.clone()]));
    options
}

/// A word as systemd.service(5), "Command lines", has it.
fn quoted(word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:[]=".contains(c)) {
        return word.to_owned();
    }
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}

/// A definition for `WinSW`, which makes a Windows service of a console program.
fn windows(session: &Session, program: &str, args: &ServeArgs) -> String {
    let escaped =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut arguments = String::from("agent serve");
    for option in options(session, args) {
        let _ = if option.contains(' ') { write!(arguments, " \"{option}\"") } else { write!(arguments, " {option}") };
    }
    format!(
        "<!-- UNTRIED: nobody has run this on Windows yet. For WinSW (github.com/winsw/winsw): save it as libretto-agent.xml \
         beside the WinSW program, renamed to libretto-agent.exe; then: libretto-agent.exe install -->\n\
         <service>\n  <id>libretto-agent</id>\n  <name>Libretto Remote Agent</name>\n  \
         <description>Holds Microsoft Online connections and talks to the cloud for them</description>\n  \
         <executable>{}</executable>\n  <arguments>{}</arguments>\n  \
         <env name=\"LIBRETTO_HOME\" value=\"%ProgramData%\\Libretto\"/>\n  \
         <serviceaccount>\n    <username>NT SERVICE\\libretto-agent</username>\n  </serviceaccount>\n  \
         <onfailure action=\"restart\" delay=\"2 sec\"/>\n  <stoptimeout>40 sec</stoptimeout>\n  <log mode=\"roll\"/>\n\
         </service>\n",
        escaped(program),
        escaped(&arguments)
    )
}
