//! Sign-ins of one account go one by one, and a refused one is the last.
//!
//! The first server that gets so far is the canary. Serialising costs some milliseconds a server; letting a wrong password
//! out to many servers at once would lock the account.

use tokio::sync::Mutex;

use super::{Gate, Identity, SignIn, refusal, report::Stop, session::Client};
use crate::error::{Error, Result};

/// The turn to sign in, shared by the tests of one account. It holds the first refusal.
#[derive(Default)]
pub(super) struct Turn(Mutex<Option<Refused>>);

struct Refused {
    server: String,
    code: &'static str,
}

impl Turn {
    /// Waits for its turn, asks the gate, signs in.
    pub(super) async fn sign_in(
        &self,
        client: &mut Client<'_>,
        identity: &Identity,
        gate: Option<&dyn Gate>,
    ) -> Result<(), Stop> {
        identity.ntlm_names()?;
        let mut refused = self.0.lock().await;
        if let Some(first) = refused.as_ref() {
            return Err(Stop::not_started(first.stops(client)));
        }
        if let Some(gate) = gate {
            gate.before_sign_in(client.server()).await.map_err(Stop::not_started)?;
        }
        let outcome = client.sign_in(identity).await;
        let word = match &outcome {
            Ok(()) => SignIn::Accepted,
            Err(error) if refusal::may_be_wrong(error) => SignIn::Refused,
            Err(error) if refusal::is_of_the_account(error) => SignIn::Barred,
            Err(_) => SignIn::Unknown,
        };
        if let Some(gate) = gate {
            gate.after_sign_in(client.server(), word).await;
        }
        if let (SignIn::Refused | SignIn::Barred, Err(error)) = (word, &outcome) {
            *refused = Some(Refused { server: client.server().to_string(), code: error.code() });
        }
        Ok(outcome?)
    }
}

impl Refused {
    fn stops(&self, client: &Client<'_>) -> Error {
        let here = client.server();
        Error::new(
            "home.not_tried",
            format!("no sign-in was sent to {here}: {} refused the account ({})", self.server, self.code),
        )
        .hint("mend what that server reports, then test again; trying the same password further could lock the account")
        .with("refused_by", self.server.clone())
        .with("refused_with", self.code)
    }
}
