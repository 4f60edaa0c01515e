//! Three processes and a home: a lab (directory and cloud), a Remote Agent and a Workflow Engine that a test may kill and start
//! again, and the connections in the home.

use serde_json::{Value, json};

use crate::{
    agent::served::Served,
    support::{
        program::{Output, Program, Running},
        world::{World, words},
    },
};

/// All of them.
pub struct Office {
    pub world: World,
    pub agent: Service,
    pub engine: Service,
    pub lab: Value,
    _lab: Running,
}

/// A service that may be down.
pub struct Service {
    command: &'static str,
    more: Vec<String>,
    served: Option<Served>,
    world: Option<World>,
    pub address: String,
    pub token: String,
}

impl Service {
    fn new(command: &'static str, more: &[&str]) -> Self {
        let served = Served::of(command, World::new(), more);
        let (address, token) = (served.address.clone(), served.token.clone());
        let more = more.iter().map(|&text| text.to_owned()).collect();
        Self { command, more, served: Some(served), world: None, address, token }
    }

    /// Ends it at once, in whatever it is doing.
    pub fn kill(&mut self) {
        let served = self.served.take().unwrap();
        served.running.signal("KILL");
        drop(served.running.finish());
        self.world = Some(served.world);
    }

    /// Starts it again, where it was, with what it has on its disk.
    pub fn start(&mut self) {
        let mut more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        more.extend(["--listen", &self.address]);
        self.served = Some(Served::of(self.command, self.world.take().unwrap(), &more));
    }

    /// Sends its process a signal: `STOP` lets it hang, `CONT` go on.
    pub fn signal(&self, name: &str) {
        self.served.as_ref().unwrap().running.signal(name);
    }

    pub fn get(&self, path: &str) -> Value {
        self.served.as_ref().unwrap().get(path).json()
    }
}

impl Office {
    pub fn new() -> Self {
        let world = World::new();
        let mut running = world.program().args(["lab", "--json"]).start();
        running.await_output("}\n");
        let lab: Value = serde_json::from_str(running.said().lines().next().unwrap()).unwrap();
        let (login, ca) = (text(&lab["cloud"]["login"]), text(&lab["ca"]));
        let agent = Service::new("agent", &["--cloud-login", &login, "--cloud-ca", &ca]);
        let engine = Service::new("workflow", &[]);
        let config = format!(
            "[workflow]\nurl = \"http://{}\"\ntoken = \"file:workflow.token\"\n[cloud]\nlogin = \"{login}\"\nca = \"{ca}\"\n",
            engine.address
        );
        world.file("home/config.toml", &config).file("home/workflow.token", &engine.token);
        let office = Self { world, agent, engine, lab, _lab: running };
        let targets = office.lab["targets"].as_array().unwrap().iter();
        let targets: Vec<String> = targets.map(|target| format!("--target {}", text(&target["ldaps"]))).collect();
        let directory = format!(
            "connections add ad --name corp --domain lab.test --username {} --password {} --ca {ca} {}",
            text(&office.lab["username"]),
            text(&office.lab["password"]),
            targets.join(" ")
        );
        office.run(&directory).ok();
        office
    }

    pub fn program(&self) -> Program {
        self.world.program().env("AGENT_TOKEN", &self.agent.token)
    }

    pub fn run(&self, line: &str) -> Output {
        self.program().args(words(line)).run()
    }

    /// The command line of `add_msonline` for a domain.
    pub fn add(&self, domain: &str) -> String {
        let cloud = &self.lab["cloud"];
        format!(
            "run add_msonline domain={domain} client_id={} secret={} agent={} agent_token=env:AGENT_TOKEN --json",
            text(&cloud["clientId"]),
            text(&cloud["secret"]),
            self.agent.address
        )
    }

    /// What there is of Microsoft Online connections: here, at the agent, in the engine.
    pub fn held(&self) -> Value {
        let here: Vec<Value> = self.run("connections list kind:msonline --json").ok().json_lines();
        let here: Vec<&Value> = here.iter().map(|one| &one["domain"]).collect();
        let agent = self.agent.get("/api/Connections/List");
        let agent: Vec<Value> =
            agent.as_array().unwrap().iter().map(|one| json!([one["domain"], one["version"]])).collect();
        let routes = self.engine.get("/api/Routes");
        let routes: Vec<&Value> = routes.as_array().unwrap().iter().map(|one| &one["domain"]).collect();
        json!({ "here": here, "agent": agent, "routes": routes })
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
