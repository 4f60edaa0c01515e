//! `check_agent_site` (article 1667): against Libretto's own agent as a process, an IIS Administration API, a systemd and an
//! appcmd that are programs of the test's.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use crate::{
    agent::served::Served,
    support::{
        iis::{Iis, Server, TOKEN},
        program::Output,
        world::{World, assert_nowhere},
    },
};

const HEALTHY: &str = "LoadState=loaded\\nActiveState=active\\nSubState=running\\nResult=success\\nExecMainStatus=0\\nNRestarts=0\\nUser=libretto\\nUnitFileState=enabled\\n";

/// A home with a connection to an agent, and a systemd that says what it is told to.
struct Place {
    world: World,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new(agent: &str, token: &str, more: &str) -> Self {
        let world = World::new();
        let path = format!("{}:/usr/bin:/bin", world.folder().join("bin").display());
        let world = world.env("PATH", &path).env("APP", "Canary-App-3!x").env("TOKEN", token).env("IIS", TOKEN);
        let place = Self { world, runtime: tokio::runtime::Runtime::new().unwrap() };
        place.systemd(HEALTHY);
        let add = "connections add msonline --name contoso --domain contoso.example --client-id app-1 --secret env:APP";
        place.world.run(&format!("{add} --agent {agent} --agent-token env:TOKEN {more}")).ok();
        place
    }

    fn systemd(&self, says: &str) {
        program(&self.world.folder().join("bin/systemctl"), &format!("printf '{says}'"));
    }

    fn iis(&self, server: Server) -> Iis {
        self.runtime.block_on(Iis::start(server))
    }

    fn run(&self, more: &str) -> Output {
        let output = self.world.run(&format!("run check_agent_site connection=contoso watch=0s --json {more}"));
        for secret in ["Canary-App-3!x", TOKEN] {
            assert_nowhere(secret, &self.world, std::slice::from_ref(&output));
        }
        output
    }

    /// What is not as it should be: place and code; and the exit code. Each has a remedy.
    fn faults(&self, more: &str) -> (Vec<(String, String)>, Option<i32>) {
        let output = self.run(more);
        let events = output.json_lines();
        let failed = events.iter().filter(|event| event["event"] == "check-finished" && event["error"] != Value::Null);
        let begun = failed.filter(|event| event["verdict"] != "not-started");
        let fault = |event: &Value| {
            assert!(event["error"]["hint"].is_string(), "{event}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&event["key"]), text(&event["error"]["code"]))
        };
        (begun.map(fault).collect(), output.code)
    }

    #[track_caller]
    fn has(&self, more: &str, key: &str, code: &str) {
        let (faults, exit) = self.faults(more);
        assert!(faults.iter().any(|fault| fault.0 == key && fault.1 == code), "{key}, {code}: {faults:?}");
        assert!(matches!(exit, Some(1 | 4)), "{exit:?}");
    }
}

fn program(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn port(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn everything_as_it_should_be_is_told_place_by_place() {
    let agent = Served::new();
    let place = Place::new(&agent.address, &agent.token, "");
    let iis = place.iis(Server::healthy(port(&agent.address)));
    let output = place.run(&format!("iis={} iis_token=env:IIS identity=corp\\svc applications=2", iis.address));
    let events = output.json_lines();
    let told = events.iter().filter(|event| event["event"] == "check-finished");
    let told: Vec<String> =
        told.map(|event| format!("{} {} {}", event["key"], event["verdict"], event["note"])).collect();
    let told = told
        .join("\n")
        .replace('"', "")
        .replace(&agent.address, "[agent]")
        .replace(env!("CARGO_PKG_VERSION"), "[version]");
    assert_eq!(
        told,
        "name ok it is given by its address
port ok [agent] answers
TLS skipped on this machine, without a CA given, plain HTTP is tried first
HTTP ok Libretto Remote Agent ([version]) at http://[agent]
token ok the agent accepts the connection's token
site ok site Remote Agent is started
pool ok pool AgentPool is started
stays started ok both are still started 0 s later
identity ok the pool AgentPool runs as CORP\\\\svc
physical path ok CORP\\\\svc serves C:\\\\inetpub\\\\agent
applications ok 2 applications: /, /api
unit ok libretto-agent.service runs as libretto, and starts with the host
stays started ok started again 0 times since the host started it"
    );
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[test]
fn each_fault_on_the_way_is_the_first_that_is_told() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    Place::new(&gone, "no token", "").has("", "port", "agent.port_closed");
    Place::new("nowhere.invalid:40002", "no token", "").has("", "name", "agent.unknown_host");
    let agent = Served::new();
    Place::new(&agent.address, "another token", "").has("", "token", "agent.wrong_token");
    let key = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::CertificateParams::new(vec!["other.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let ca = agent.world.folder().join("other.pem");
    fs::write(&ca, other.pem()).unwrap();
    let trusting = format!("--agent-ca {}", ca.display());
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_address = plain.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let _ = std::io::Write::write_all(
                &mut stream.unwrap(),
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
            );
        }
    });
    Place::new(&plain_address, "no token", &trusting).has("", "TLS", "agent.protocol");
    let over_tls = Served::with(World::new(), &["--self-signed"]);
    Place::new(&over_tls.address, &over_tls.token, &trusting).has("", "TLS", "agent.tls");
    let own = over_tls.world.home().join("agent/certificate.pem");
    let right = Place::new(&over_tls.address, &over_tls.token, &format!("--agent-ca {}", own.display()));
    assert_eq!(right.faults(""), (vec![], Some(0)));
    // The agent ends: what was known of it does not hide that.
    over_tls.stop();
    right.has("", "port", "agent.port_closed");
}

#[test]
fn what_is_wrong_in_the_web_server_has_its_place() {
    let agent = Served::new();
    let place = Place::new(&agent.address, &agent.token, "");
    let healthy = Server::healthy(port(&agent.address));
    let iis = place.iis(healthy.clone());
    let asked = format!("iis={} iis_token=env:IIS", iis.address);
    let wrong = |server: Server, more: &str, key: &str, code: &str| {
        iis.set(server);
        place.has(&format!("{asked} {more}"), key, code);
    };
    wrong(Server { site_status: "stopped", ..healthy.clone() }, "", "site", "iis.stopped");
    wrong(Server { pool_status: vec!["stopped"], ..healthy.clone() }, "", "pool", "iis.stopped");
    wrong(Server { pool_status: vec!["started", "stopped"], ..healthy.clone() }, "", "stays started", "iis.pool_stops");
    let built_in = json!({ "identity_type": "ApplicationPoolIdentity" });
    wrong(Server { identity: built_in, ..healthy.clone() }, "identity=CORP\\svc", "identity", "iis.wrong_identity");
    wrong(Server { path_is_there: false, ..healthy.clone() }, "", "physical path", "iis.path_gone");
    wrong(healthy.clone(), "applications=3", "applications", "iis.applications");
    wrong(Server { other_pool: "stopped", ..healthy.clone() }, "", "applications", "iis.stopped");
    wrong(Server { binding: 1, ..healthy.clone() }, "", "site", "iis.no_site");
    wrong(healthy.clone(), "site=Gone", "site", "iis.no_site");
    iis.set(Server { binding: 1, ..healthy });
    assert_eq!(place.faults(&format!("{asked} site='remote agent'")), (vec![], Some(0)));
    place.has(&format!("iis={} iis_token=env:APP", iis.address), "site", "iis.wrong_token");
    place.has("iis=127.0.0.1:1 iis_token=env:IIS", "site", "iis.unreachable");
    // A token goes to no other host in the clear.
    let last = place.run("iis=http://iis.example iis_token=env:IIS").json_lines();
    assert!(last.iter().any(|event| event["error"]["code"] == "iis.in_the_clear"), "{last:?}");
}

#[test]
fn the_address_may_stand_in_the_configuration() {
    let agent = Served::new();
    let place = Place::new(&agent.address, &agent.token, "");
    let iis = place.iis(Server { pool_status: vec!["stopped"], ..Server::healthy(port(&agent.address)) });
    let config = format!("[iis.\"{}\"]\nat = \"{}\"\ntoken = \"env:IIS\"\n", agent.address, iis.address);
    place.world.file("home/config.toml", &config);
    place.has("", "pool", "iis.stopped");
}

#[test]
fn systemd_is_asked_twice() {
    let agent = Served::new();
    let place = Place::new(&agent.address, &agent.token, "");
    place.systemd(&HEALTHY.replace("active", "failed").replace("Result=success", "Result=exit-code"));
    place.has("", "unit", "agent.unit_failed");
    place.systemd("LoadState=not-found\\n");
    assert_eq!(place.faults(""), (vec![], Some(0)));
    // Each look finds one start more.
    let counting = "echo >> \"$0.times\"; printf 'LoadState=loaded\\nActiveState=active\\nNRestarts=%s\\n' $(wc -l < \"$0.times\")";
    program(&place.world.folder().join("bin/systemctl"), counting);
    place.has("", "stays started", "agent.unit_restarts");
}

#[test]
fn appcmd_tells_on_the_agents_own_host() {
    let agent = Served::new();
    let place = Place::new(&agent.address, &agent.token, "");
    let windows = place.world.folder().join("windows");
    fs::create_dir_all(place.world.folder().join("agent files")).unwrap();
    let port = port(&agent.address);
    let folder = place.world.folder().join("agent files");
    let body = format!(
        r#"case "$*" in
"list site") echo 'SITE "Agent" (id:2,bindings:http/*:80:,https/*:{port}:,state:Started)' ;;
"list app") echo 'APP "Agent/" (applicationPool:AgentPool)' ;;
"list vdir") echo 'VDIR "Agent/" (physicalPath:{})' ;;
"list apppool") echo 'APPPOOL "AgentPool" (MgdVersion:v4.0,MgdMode:Integrated,state:Started)' ;;
"list apppool AgentPool /text:processModel.identityType") echo SpecificUser ;;
"list apppool AgentPool /text:processModel.userName") echo 'CORP\svc' ;;
*) exit 1 ;;
esac"#,
        folder.display()
    );
    program(&windows.join("System32/inetsrv/appcmd.exe"), &body);
    let place = Place { world: place.world.env("windir", windows.to_str().unwrap()), ..place };
    assert_eq!(place.faults("identity=CORP\\svc applications=1"), (vec![], Some(0)));
    fs::remove_dir(folder).unwrap();
    place.has("", "physical path", "iis.path_gone");
}
