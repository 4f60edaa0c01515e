//! Microsoft Graph: who asks, what for, and the answer.

mod applications;
mod batch;
mod company;
mod directory;
mod filter;
mod query;
mod users;

use serde_json::{Map, Value};

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
        // Of a batch each part is judged and throttled by itself.
        let batch = call.method == "POST" && call.segments().get(1) == Some(&"$batch");
        let answer = if batch {
            self.batch(call).unwrap_or_else(|failure| failure.answer(call, self.now()))
        } else {
            self.single(call)
        };
        if answer.headers.iter().any(|(name, _)| *name == "request-id") {
            return answer;
        }
        answer.header("request-id", fresh_guid())
    }

    fn single(&self, call: &Call) -> Answer {
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
        let wrong = answer.status < 300 && self.has(Side::Graph, Some(label), CloudFault::WrongTypes);
        if let Body::Json(body) = &mut answer.body
            && wrong
        {
            twist(body);
        }
        answer
    }
}

impl Request<'_> {
    fn answer(&mut self) -> Outcome {
        let call = self.call;
        let segments = call.segments();
        let path = keyed(&segments[1..]);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        match (method, path.as_slice()) {
            ("GET", ["organization"]) => self.organizations(),
            ("GET", ["organization", id]) => self.organization(id),
            ("GET", ["domains"]) => self.domains(),
            ("GET", ["domains", name]) => self.domain(name),
            ("GET", ["domains", name, "federationConfiguration"]) => self.federation(name),
            ("GET", ["subscribedSkus"]) => self.licences(),
            ("GET", ["me"]) => self.me(),
            (_, ["users", ..]) => self.users_path(method, &path[1..]),
            (_, ["applications", ..]) => self.applications_path(method, &path[1..]),
            ("GET", ["servicePrincipals"]) => self.principals(),
            ("GET", ["servicePrincipals", key]) => self.principal(key),
            ("GET", ["servicePrincipals", key, "appRoleAssignments"]) => self.app_roles(key, false),
            ("GET", ["servicePrincipals", key, "appRoleAssignedTo"]) => self.app_roles(key, true),
            ("GET", ["roleManagement", "directory", "roleAssignments"]) => self.assignments(),
            ("GET", ["roleManagement", "directory", "roleDefinitions"]) => self.definitions(),
            ("GET", ["roleManagement", "directory", "roleDefinitions", id]) => self.definition(id),
            ("GET", ["directoryRoles"]) => self.directory_roles(),
            ("GET", ["directoryRoles", key]) => self.directory_role(key),
            ("GET", ["directoryRoles", key, "members"]) => self.members(key),
            ("GET", ["tenantRelationships", "delegatedAdminRelationships"]) => self.relationships(),
            ("GET", ["tenantRelationships", "delegatedAdminRelationships", id]) => self.relationship(id),
            ("GET", ["tenantRelationships", "delegatedAdminCustomers"]) => self.customers(),
            ("GET", ["policies", "defaultAppManagementPolicy"]) => self.default_policy(),
            ("GET", ["policies", "appManagementPolicies"]) => self.policies(),
            _ => Err(self.unknown()),
        }
    }

    fn users_path(&mut self, method: &str, path: &[&str]) -> Outcome {
        match (method, path) {
            ("GET", []) => self.users(),
            ("POST", []) => self.create_user(),
            ("GET", [key]) => self.user(key),
            ("PATCH", [key]) => self.change_user(key),
            ("DELETE", [key]) => self.remove_user(key),
            ("GET", [key, "licenseDetails"]) => self.licence_details(key),
            ("POST", [key, "assignLicense"]) => self.assign_licence(key),
            ("POST", [key, "revokeSignInSessions"]) => self.revoke_sessions(key),
            _ => Err(self.unknown()),
        }
    }

    fn applications_path(&mut self, method: &str, path: &[&str]) -> Outcome {
        match (method, path) {
            ("GET", []) => self.applications(),
            ("GET", [key]) => self.application(key),
            ("POST", [key, "addPassword"]) => self.add_password(key),
            ("POST", [key, "removePassword"]) => self.remove_password(key),
            ("POST", [key, "addKey"]) => self.add_key(key),
            ("POST", [key, "removeKey"]) => self.remove_key(key),
            ("GET", [_, "appManagementPolicies"]) => self.policies(),
            _ => Err(self.unknown()),
        }
    }

    /// The body, which has to be a JSON object; none is an empty one.
    fn body(&self) -> Result<Map<String, Value>, Failure> {
        if self.call.body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.call.body) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(Failure::new(400, "BadRequest", "Unable to read JSON request payload.")),
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

/// Segments with their keys apart: `users('x')` is two, `applications(appId='x')` too.
fn keyed(segments: &[&str]) -> Vec<String> {
    let apart = |segment: &&str| match segment.split_once('(').zip(segment.strip_suffix(')')) {
        Some(((name, _), whole)) if !name.is_empty() => {
            let key = &whole[name.len() + 1..];
            let plain = key.strip_prefix('\'').and_then(|key| key.strip_suffix('\''));
            vec![name.to_owned(), plain.unwrap_or(key).replace("''", "'")]
        }
        _ => vec![(*segment).to_owned()],
    };
    segments.iter().flat_map(apart).collect()
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
