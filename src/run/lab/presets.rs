//! What stands in a lab run for the parameters of a procedure that describes a Microsoft Online connection: the tenant without a
//! connection, the lab's app, its Remote Agent.

use super::LabWorld;
use crate::{
    script::params::{Given, Param},
    secret::reference::Reference,
};

/// The lab's tenant that has no connection.
pub(in crate::run) const DOMAIN: &str = "tailspin.example";

/// Parameters by which such a procedure is known.
const KNOWN_BY: [&str; 2] = ["client_id", "agent_token"];
/// Parameters that say in another way which domains are meant.
const OTHERS: [&str; 2] = ["domains", "connection"];

/// What a parameter of such a procedure is in the lab, in words.
#[must_use]
pub fn in_words(params: &[Param], name: &str) -> Option<&'static str> {
    if !describes_connection(params.iter()) {
        return None;
    }
    Some(match name {
        "domain" => DOMAIN,
        "client_id" => "the lab's app",
        "agent" => "the lab's agent",
        "agent_token" => "its token",
        "agent_ca" => "its CA",
        _ => return None,
    })
}

fn describes_connection<'a>(params: impl Iterator<Item = &'a Param>) -> bool {
    params.filter(|param| KNOWN_BY.contains(&param.name.as_str())).count() == KNOWN_BY.len()
}

/// Fills in what was left out.
pub(in crate::run) fn fill(world: &LabWorld, values: &mut [(Param, Given)]) {
    if !describes_connection(values.iter().map(|(param, _)| param)) {
        return;
    }
    let is_given = |names: &[&str]| {
        values.iter().any(|(param, given)| names.contains(&param.name.as_str()) && !matches!(given, Given::Nothing))
    };
    let (others, is_user, elsewhere) = (is_given(&OTHERS), is_given(&["username"]), is_given(&["agent"]));
    for (param, given) in values.iter_mut().filter(|(_, given)| matches!(given, Given::Nothing)) {
        *given = match param.name.as_str() {
            "domain" if !others => Given::Text(DOMAIN.to_owned()),
            "client_id" if !is_user => Given::Text(world.lab.cloud().client_id().to_owned()),
            "agent" => Given::Text(world.agent().0),
            "agent_token" if !elsewhere => Given::Secret(Reference::File(world.services.folder.join("agent.token"))),
            "agent_ca" if !elsewhere => Given::File(world.services.folder.join("ca.pem").display().to_string()),
            _ => continue,
        };
    }
}
