//! `cloud::` in scripts, run by the program, against the lab's cloud on a socket of the test's.

mod apps;
mod migrating;
mod tenants;
mod users;

use libretto::lab::cloud::{CloudFault, CloudOptions, LabCloud, Place};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{
    program::Output,
    world::{World, assert_nowhere, words},
};

/// A home whose connections go to a cloud of its own.
pub struct Office {
    pub world: World,
    pub cloud: LabCloud,
    /// What its scripts declare.
    pub grants: &'static str,
    /// What the cloud runs on.
    _runtime: Runtime,
}

/// Without those for agents and engine: then these are left out of a rotation.
pub const GRANTS: &str = "const GRANTS = [\"cloud:write\", \"connection:write\"];";
pub const ALL_GRANTS: &str = "const GRANTS = [\"cloud:write\", \"connection:write\", \"agent:write\", \"we:write\"];";

impl Office {
    /// With `contoso`, which is the app's home, and `fabrikam`, which sign in by the app's secret.
    pub fn new() -> Self {
        Self::with(&[])
    }

    pub fn with(faults: &[CloudFault]) -> Self {
        let office = Self::empty(faults);
        let (app, agent) = (office.cloud.client_id(), "--app-home contoso");
        office.libretto(&format!(
            "connections add msonline --name contoso --domain contoso.example --client-id {app} --secret env:APP_SECRET {agent}"
        ))
        .ok();
        office
            .libretto(&format!(
                "connections add msonline --name fabrikam --domain fabrikam.example --client-id {app} {agent}"
            ))
            .ok();
        office
    }

    /// Without a connection.
    pub fn empty(faults: &[CloudFault]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let cloud = {
            let _inside = runtime.enter();
            let faults = faults.iter().map(|fault| (Place::Everywhere, *fault)).collect();
            LabCloud::start(CloudOptions { faults, ..CloudOptions::default() }).unwrap()
        };
        let world = World::new();
        world.file(
            "home/config.toml",
            &format!(
                "[cloud]\nlogin = \"{}\"\nca = \"cloud.pem\"\npause_seconds = 0.05\n[recover]\nlate_seconds = 2\n",
                cloud.login()
            ),
        );
        world.file("home/cloud.pem", cloud.ca_pem());
        Self { world, cloud, grants: GRANTS, _runtime: runtime }
    }

    /// The program; what it prints and keeps shows no secret of the app.
    pub fn libretto(&self, line: &str) -> Output {
        let secret = self.cloud.secret().expose();
        let output = self.world.program().env("APP_SECRET", secret).args(words(line)).run();
        assert_nowhere(secret, &self.world, std::slice::from_ref(&output));
        output
    }

    /// Adds to `config.toml`.
    pub fn config(&self, more: &str) {
        let path = self.world.home().join("config.toml");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{before}{more}")).unwrap();
    }

    /// Runs a script; the exit code and the last event.
    pub fn script(&self, body: &str) -> (Option<i32>, Value) {
        self.world.file("it.rhai", &format!("{}\n{body}\n", self.grants));
        let output = self.libretto("run it.rhai --json");
        (output.code, output.json_lines().pop().unwrap())
    }

    /// What an expression of a script is, after some statements.
    #[track_caller]
    pub fn result(&self, before: &str, expression: &str) -> Value {
        let script = format!("{}\n{before}\nlet it = {expression};\nprint(#{{ it: it }}.to_json());\n", self.grants);
        self.world.file("it.rhai", &script);
        let lines = self.libretto("run it.rhai --json").ok().json_lines();
        let said = lines.iter().rev().find_map(|line| line["text"].as_str()).unwrap_or_else(|| panic!("{lines:?}"));
        serde_json::from_str::<Value>(said).unwrap()["it"].take()
    }

    /// What a script ends with.
    #[track_caller]
    pub fn error(&self, body: &str) -> Value {
        let (code, last) = self.script(body);
        assert_ne!(code, Some(0), "{last}");
        last["error"].clone()
    }

    pub fn tenant(&self, domain: &str) -> String {
        self.cloud.tenants().into_iter().find(|tenant| tenant.domain == domain).unwrap().id
    }
}
