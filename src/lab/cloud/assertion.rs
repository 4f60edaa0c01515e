//! Proofs by assertion: what an app's certificate signed, and what another identity provider says (RFC 7523).
//!
//! Source: learn.microsoft.com, "Microsoft identity platform application authentication certificate credentials".

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::{
    app::{App, EXCHANGE, WORKLOAD},
    credential::{Credential, Material},
    jwt::Parts,
    refusal::Refused,
    sign_in::Form,
    tenant::Tenant,
    world::Cloud,
};

/// The only kind of assertion there is.
const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What clocks may differ by.
const SKEW: i64 = 300;
/// Microsoft's directory, as the audience of a proof of possession.
const DIRECTORY: &str = "00000002-0000-0000-c000-000000000000";

fn refused(code: u32, text: impl Into<String>) -> Refused {
    Refused::new("invalid_client", code, text)
}

impl Cloud {
    /// Judges a client assertion.
    pub(super) fn asserted(&self, app: &App, tenant: &Tenant, form: &Form, assertion: &str) -> Result<(), Refused> {
        if form.get("client_assertion_type") != Some(KIND) {
            let text = format!("The value of 'client_assertion_type' must be '{KIND}'.");
            return Err(Refused::new("invalid_request", 900_144, text));
        }
        let parts = Parts::read(assertion).ok_or_else(|| refused(50_027, "JWT token is invalid or malformed."))?;
        if parts.text("iss") == Some(&self.workload_issuer()) {
            return self.federated(assertion, &parts);
        }
        let certificate = self.certificate(app, &parts)?;
        self.timely(&parts)?;
        for claim in ["iss", "sub"] {
            if parts.text(claim) != Some(app.client) {
                let text =
                    format!("Client assertion application identifier does not match 'client_id' parameter: '{claim}'.");
                return Err(refused(700_021, text));
            }
        }
        let audience = parts.text("aud").unwrap_or_default();
        if !self.is_ours(audience, tenant) {
            let text = format!("Client assertion audience claim does not match Realm issuer: '{audience}'.");
            return Err(refused(700_023, text));
        }
        if parts.text("jti").is_none() {
            return Err(refused(50_027, "JWT token is invalid or malformed: it has no 'jti'."));
        }
        if certificate.end <= self.now() {
            return Err(refused(700_027, "Client assertion failed signature validation: the certificate has expired."));
        }
        Ok(())
    }

    /// The app's certificate that an assertion names and that signed it.
    fn certificate<'a>(&self, app: &'a App, parts: &Parts) -> Result<&'a Credential, Refused> {
        let now = self.now();
        if parts.header["alg"] != "PS256" {
            return Err(refused(50_027, "JWT token is invalid or malformed: the lab takes PS256 alone."));
        }
        let print = parts.header["x5t#S256"].as_str().unwrap_or_default();
        let der = |one: &Credential| match &one.material {
            Material::Certificate(der) => Some(der.clone()),
            Material::Secret(_) => None,
        };
        let named = |one: &&Credential| {
            one.known_from <= now && der(one).is_some_and(|der| BASE64URL_NOPAD.encode(&Sha256::digest(der)) == print)
        };
        let failed = |reason: &str| {
            let text = format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. \
                 [Reason - {reason}, Thumbprint of key used by client: '{print}', Please visit the Azure Portal, Graph \
                 Explorer or directly use MS Graph to see configured keys for app Id '{}'.]",
                app.client
            );
            refused(700_027, text)
        };
        let found = app.credentials.iter().find(named).ok_or_else(|| failed("The key was not found."))?;
        let signed = der(found).is_some_and(|der| parts.signed_by(&der));
        if signed {
            Ok(found)
        } else {
            Err(failed("The key was found, but use of the key to verify the signature failed."))
        }
    }

    fn timely(&self, parts: &Parts) -> Result<(), Refused> {
        let now = self.now().unix_timestamp();
        let until = parts.number("exp").unwrap_or_default();
        let from = parts.number("nbf").or_else(|| parts.number("iat")).unwrap_or(now);
        if until + SKEW <= now || from > now + SKEW {
            let text = format!(
                "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, \
                 expiry time of assertion {until}."
            );
            return Err(refused(700_024, text));
        }
        Ok(())
    }

    /// Whether this is the tenant's token endpoint, or its issuer.
    fn is_ours(&self, audience: &str, tenant: &Tenant) -> bool {
        let rest = audience.strip_prefix(&self.base).and_then(|rest| rest.strip_prefix('/'));
        let Some((name, path)) = rest.and_then(|rest| rest.split_once('/')) else { return false };
        tenant.is(name) && ["oauth2/v2.0/token", "v2.0"].contains(&path)
    }

    /// An assertion of the workload identity that the app trusts.
    fn federated(&self, assertion: &str, parts: &Parts) -> Result<(), Refused> {
        if self.key.claims(assertion).is_none() {
            return Err(refused(50_013, "Assertion failed signature validation."));
        }
        self.timely(parts)?;
        let given = |claim: &str| parts.text(claim).unwrap_or_default().to_owned();
        if given("sub") != WORKLOAD {
            let text = format!(
                "No matching federated identity record found for presented assertion subject '{}'.",
                given("sub")
            );
            return Err(refused(700_213, text));
        }
        if given("aud") != EXCHANGE {
            let text = format!(
                "No matching federated identity record found for presented assertion audience '{}'.",
                given("aud")
            );
            return Err(refused(700_212, text));
        }
        Ok(())
    }

    /// Whether a proof of possession holds: signed by a valid certificate of this app, for the directory, of now.
    ///
    /// Source: learn.microsoft.com, "Generate proof-of-possession tokens for rolling keys".
    pub(super) fn possesses(&self, app: &App, proof: &str) -> bool {
        let Some(parts) = Parts::read(proof) else { return false };
        let now = self.now();
        let signed = app.credentials.iter().any(|one| match &one.material {
            Material::Certificate(der) => one.end > now && parts.signed_by(der),
            Material::Secret(_) => false,
        });
        signed
            && self.timely(&parts).is_ok()
            && parts.text("aud") == Some(DIRECTORY)
            && parts.text("iss") == Some(app.object)
    }
}
