//! A connection's Remote Agent, as far as the store knows it: the token that it asks for, and what its copy was given last.

use super::{Connection, Given, credentials};
pub use crate::store::rows::agents::Copied;
use crate::{
    error::Result,
    host::Host,
    secret::{Secret, reference::Reference, seal::Identity},
    store::{
        Store,
        rows::agents::{self, Token},
    },
};

/// The agent's token, opened; `None` when none was given. May block, see [`Reference::read`].
///
/// # Errors
/// Of a token that cannot be decrypted, or of its reference.
pub fn token(store: &Store, host: &Host, connection: &Connection) -> Result<Option<Secret>> {
    match store.read(|c| agents::token(c, connection.id))? {
        None => Ok(None),
        Some(Token::Sealed(bytes)) => Identity::load(store)?.open(&bytes).map(Some),
        Some(Token::Reference(text)) => {
            Reference::parse(&text)?.read(host, &format!("agent token of {}", connection.name)).map(Some)
        }
    }
}

/// Whether this is the agent's token already, or none is and none there was.
pub(super) fn has(
    identity: &mut Option<Identity>,
    store: &Store,
    connection: &Connection,
    given: Option<&Given>,
) -> Result<bool> {
    match (store.read(|c| agents::token(c, connection.id))?, given) {
        (None, None) => Ok(true),
        (Some(Token::Reference(text)), Some(Given::Kept(reference))) => Ok(text == reference.to_string()),
        (Some(Token::Sealed(bytes)), Some(Given::Secret(secret))) => {
            let known = credentials::made(identity, store)?.open(&bytes);
            Ok(known.is_ok_and(|known| known.expose() == secret.expose()))
        }
        _ => Ok(false),
    }
}

/// Where the token is: `sealed` in the store, or the scheme of its reference, e.g. `command:`; `None` when there is none.
pub fn token_kept(store: &Store, connection: &Connection) -> Result<Option<String>> {
    Ok(store.read(|c| agents::token(c, connection.id))?.map(|token| match token {
        Token::Sealed(_) => "sealed".to_owned(),
        Token::Reference(text) => format!("{}:", text.split(':').next().unwrap_or_default()),
    }))
}

/// Which version the agent's copy was given last; `None` when that is not known.
pub fn copy(store: &Store, connection: &Connection) -> Result<Option<Copied>> {
    store.read(|c| agents::copy(c, connection.id))
}
