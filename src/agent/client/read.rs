//! Where an agent's document is looked for, and over what.

use super::{
    Address,
    document::{self, Document},
    http::{Http, Reply},
};
use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// Swashbuckle's place, which the articles' agent has, then those of its successors and of others.
const PLACES: [&str; 5] =
    ["/swagger/docs/v1", "/swagger/v1/swagger.json", "/openapi.json", "/openapi/v1.json", "/swagger.json"];

/// A document, and the root of the address that it was found under.
#[derive(Debug)]
pub struct Found {
    /// `https://agent1:40002`.
    pub base: String,
    /// Where: `/swagger/docs/v1`.
    pub place: &'static str,
    /// What it says.
    pub document: Document,
}

/// Looks for the document: over TLS; on this machine, where no CA is given, without TLS first.
pub(super) async fn find(http: &Http, address: &Address, token: Option<&Secret>) -> Result<Found> {
    let mut first = None;
    for scheme in http.schemes() {
        match at(http, &format!("{scheme}://{address}"), token).await {
            Ok(found) => return Ok(found),
            // What does not speak the one may speak the other; what is down does neither.
            Err(error)
                if first.is_none()
                    && matches!(error.code(), "agent.protocol" | "agent.broken" | "agent.no_document") =>
            {
                first = Some(error);
            }
            Err(error) => {
                let other_is_none = matches!(error.code(), "agent.protocol");
                return Err(first.filter(|_| other_is_none).unwrap_or(error));
            }
        }
    }
    Err(first.unwrap_or_else(|| nowhere(address)))
}

async fn at(http: &Http, base: &str, token: Option<&Secret>) -> Result<Found> {
    let mut fault = None;
    for place in PLACES {
        let mut reply = http.get(base, place, None).await?;
        if matches!(reply.status, 401 | 403) && token.is_some() {
            reply = http.get(base, place, token).await?;
        }
        match look(&reply, token.is_some()) {
            Ok(Some(document)) => return Ok(Found { base: base.to_owned(), place, document }),
            Ok(None) => {}
            // The first place that has something says best what is wrong.
            Err(error) => drop(fault.get_or_insert(error.with("url", format!("{base}{place}")))),
        }
    }
    Err(fault.unwrap_or_else(|| nowhere(http.address())))
}

fn look(reply: &Reply, has_token: bool) -> Result<Option<Document>> {
    match reply.status {
        200 if reply.is_html() => Err(Error::new("agent.html", "a web page is where the agent's document should be")
            .hint(
                "see that host and port are the Remote Agent's, and on its host that its web application is started",
            )),
        200 => document::read(&reply.body).map(Some),
        401 | 403 => Err(super::answer::no_entry(reply.status, has_token)),
        404 | 405 | 410 => Ok(None),
        status if status >= 500 => {
            Err(Error::inconclusive("agent.failed", format!("the agent's web server answers {status}"))
                .hint("see on its host whether pool and site are started, and in its log why it fails"))
        }
        status => {
            Err(Error::new("agent.foreign_document", format!("where the document should be it answers {status}"))
                .hint("see that host and port are the Remote Agent's"))
        }
    }
}

fn nowhere(address: &Address) -> Error {
    Error::new(
        "agent.no_document",
        format!("{address} publishes no document of its operations; looked at {}", PLACES.join(", ")),
    )
    .hint("see that host and port are the Remote Agent's, and that its Swagger page is switched on")
}
