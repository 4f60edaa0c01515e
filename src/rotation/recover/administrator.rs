//! The administrative account of a recovery. Its own password may be out of date: the first refusal is the last sign-in of
//! it, or a look at twenty targets would lock it.

use tokio::sync::Mutex;

use super::Request;
use crate::{
    directory::{Session, outcome},
    error::{Error, Result},
    rotation::{
        books::Books,
        request::{Reader, Via},
    },
};

/// The account, where there is one, and who refused it.
pub(super) struct Administrator<'a> {
    via: Option<&'a Via>,
    /// Held during each sign-in.
    refused: Mutex<Option<String>>,
}

impl<'a> Administrator<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self { via: request.via.as_ref(), refused: Mutex::new(None) }
    }

    /// It as the one that reads, unless it was refused.
    pub(super) async fn unrefused(&self) -> Option<Reader> {
        let via = self.via?;
        if self.refused.lock().await.is_some() {
            return None;
        }
        Some(via.reader())
    }

    /// Signs in once; never again after a refusal, and not where its own new password may not have come to.
    ///
    /// # Errors
    /// `rotation.via_refused`, `rotation.not_converged` then: nothing was sent.
    pub(super) async fn sign_in(&self, books: &Books, session: &Session) -> Result<()> {
        let Some(via) = self.via else {
            return Err(Error::new("rotation.no_via", "no administrative connection is named"));
        };
        let mut refused = self.refused.lock().await;
        if let Some(by) = refused.as_ref() {
            return Err(Error::new(
                "rotation.via_refused",
                format!("{} refused the account of {}, which is not tried again", by, via.connection),
            )
            .hint(format!(
                "give its present password: libretto connections edit {} --password env:NAME",
                via.connection
            )));
        }
        let lagging = books.refuse_lagging(&session.target().to_string(), via.credential).await;
        lagging.map_err(|error| error.context(format!("the password of {}", via.connection)))?;
        let signed_in = books.sign_in(session, &via.identity, via.principal, Some(via.credential)).await;
        if signed_in.as_ref().is_err_and(outcome::refuses_credential) {
            *refused = Some(session.target().to_string());
        }
        signed_in
    }
}
