//! An engine that runs, and the agent behind it.

use serde_json::{Value, json};

use crate::{
    agent::served::{Reply, Served, request},
    support::world::World,
};

/// An engine with a home of its own.
pub struct Engine(pub Served);

impl Engine {
    pub fn new() -> Self {
        Self::with(World::new(), &[])
    }

    pub fn with(world: World, more: &[&str]) -> Self {
        Self(Served::of("workflow", world, more))
    }

    pub fn put(&self, connection: &str, route: &Value) -> Reply {
        let headers = [("Authorization", self.0.bearer())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.0.say(&request("PUT", &format!("/api/Routes/{connection}"), &headers, &route.to_string()))
    }

    pub fn delete(&self, connection: &str) -> Reply {
        let bearer = self.0.bearer();
        self.0.say(&request("DELETE", &format!("/api/Routes/{connection}"), &[("Authorization", &bearer)], ""))
    }

    pub fn compare(&self, connection: &str, route: &Value) -> Value {
        self.0.post(&format!("/api/Routes/{connection}/Compare"), &route.to_string()).json()
    }

    pub fn act(&self, connection: &str, operation: &str, body: &Value) -> Reply {
        let action = json!({ "connection": connection, "operation": operation, "body": body });
        self.0.post("/api/Actions", &action.to_string())
    }
}

/// The route to an agent that runs.
pub fn route_to(agent: &Served) -> Value {
    json!({ "domain": "contoso.example", "host": "127.0.0.1", "port": port(agent), "token": agent.token, "writtenBy": "alice" })
}

pub fn port(agent: &Served) -> u16 {
    agent.address.rsplit(':').next().unwrap().parse().unwrap()
}

/// A port that nobody listens on.
pub fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
