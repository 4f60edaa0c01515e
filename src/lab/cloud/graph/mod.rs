//! Microsoft Graph: who asks, what for, and the answer.

mod company;

use serde_json::Value;

use super::{
    fault::CloudFault,
    http::{Answer, Body, Call},
    jwt::fresh_guid,
    refusal::Failure,
    token::Caller,
    world::{Cloud, Side, World},
};

/// A request that is being answered.
struct Request<'a> {
    cloud: &'a Cloud,
    world: &'a mut World,
    caller: Caller,
    call: &'a Call,
}

/// What comes of a request.
type Outcome = Result<Answer, Failure>;

impl Cloud {
    /// Answers a request to Graph.
    pub(super) fn graph(&self, call: &Call) -> Answer {
        let mut world = self.world();
        let caller = match self.caller(&world, call) {
            Ok(caller) => caller,
            Err(failure) => return failure.answer(call, self.now()),
        };
        let label = world.tenants[caller.tenant].label;
        if let Some(refused) = self.refused(Side::Graph, Some(label), call) {
            return refused;
        }
        let outcome = Request { cloud: self, world: &mut world, caller, call }.answer();
        let mut answer = outcome.unwrap_or_else(|failure| failure.answer(call, self.now()));
        if self.has(Side::Graph, Some(label), CloudFault::WrongTypes) && answer.status < 300 {
            if let Body::Json(body) = &mut answer.body {
                twist(body);
            }
        }
        if answer.headers.iter().all(|(name, _)| *name != "request-id") {
            answer = answer.header("request-id", fresh_guid());
        }
        answer
    }
}

impl Request<'_> {
    fn answer(&mut self) -> Outcome {
        let call = self.call;
        let segments = call.segments();
        match (call.method.as_str(), &segments[1..]) {
            ("GET", ["organization"]) => self.organizations(),
            ("GET", ["organization", id]) => self.organization(id),
            ("GET", ["domains"]) => self.domains(),
            ("GET", ["domains", name]) => self.domain(name),
            ("GET", ["domains", name, "federationConfiguration"]) => self.federation(name),
            ("GET", ["subscribedSkus"]) => self.licences(),
            _ => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Failure {
        let name = self.call.path.get(1).map_or("", String::as_str);
        Failure::new(400, "BadRequest", format!("Resource not found for the segment '{name}'."))
    }

    fn tenant(&self) -> &super::tenant::Tenant {
        &self.world.tenants[self.caller.tenant]
    }

    fn base(&self) -> &str {
        &self.cloud.base
    }
}

/// Gives every text within an answer's members another type, as no service should.
fn twist(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(twist),
        Value::Object(members) => {
            for (name, member) in members.iter_mut().filter(|(name, _)| !name.starts_with('@')) {
                match member {
                    Value::String(_) => *member = serde_json::json!({ "was": name }),
                    Value::Bool(_) => *member = "perhaps".into(),
                    _ => twist(member),
                }
            }
        }
        _ => {}
    }
}
