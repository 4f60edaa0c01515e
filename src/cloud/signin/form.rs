//! The token request: a form (RFC 6749, 4.3, 4.4 and 6; RFC 7523 for assertions), and what its answer brings.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Proof, SignIn, certificate::Signer, jwt};
use crate::{
    cloud::{
        Cloud,
        answer::Object,
        claims::Claims,
        discovery::join,
        errors::{self, aadsts},
        http::{Answer, Effect},
        throttle::{MOST_REFUSALS, ONE, Patience, Scope, back_off, is_throttled},
        tokens::Token,
    },
    error::{Error, Result},
    secret::Secret,
};

/// The kind of assertion (RFC 7523, 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM: &str = "application/x-www-form-urlencoded";
/// How long an assertion is valid: long enough for a slow network, too short to be of use to a thief.
const VALID: i64 = 540;
/// How often a sign-in service that cannot answer now is asked.
const ATTEMPTS: u32 = 3;

/// What is asked for: all that the tenant has consented to.
pub(super) fn scope(sign_in: &SignIn) -> String {
    let graph = sign_in.tenant.graph.as_str().trim_end_matches('/');
    match sign_in.proof {
        // Without it no further refresh token comes back.
        Proof::RefreshToken { .. } => format!("{graph}/.default offline_access"),
        _ => format!("{graph}/.default"),
    }
}

/// Fetches a token, and sees that it is for the tenant that was meant.
pub(super) async fn fetch(cloud: &Cloud, sign_in: &SignIn) -> Result<Token> {
    let url = join(&sign_in.tenant.login, &format!("{}/oauth2/v2.0/token", sign_in.tenant.id))?;
    let scope = Scope::SignIn {
        login: crate::cloud::http::authority(&url),
        app: sign_in.app.clone(),
        tenant: sign_in.tenant.id.clone(),
    };
    let scopes = [scope];
    let patience = Patience::new(cloud.0.options.patience);
    let mut attempt = 0;
    loop {
        cloud.0.limits.admit(&scopes, ONE, &patience).await?;
        // Anew each time: an assertion is used once.
        let form = form(sign_in, &url)?;
        let request = cloud.0.http.client().post(url.clone()).header(CONTENT_TYPE, FORM).body(form.text());
        // A token that is fetched and lost harms nobody.
        let result = match cloud.0.http.send(request, Effect::Repeatable).await {
            Ok(answer) if is_throttled(answer.status, &answer.headers) => {
                let pause = cloud.0.limits.pause(&scopes, &answer.headers, attempt);
                attempt += 1;
                if attempt < MOST_REFUSALS {
                    continue;
                }
                return Err(errors::throttled("the sign-in service", pause.as_secs()));
            }
            Ok(answer) => read(&answer, sign_in, &form),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if attempt + 1 < ATTEMPTS && may_pass(&error, &sign_in.proof) => {
                // Why it was to be tried again says more than that there was no time to.
                if patience.wait(back_off(attempt), "the sign-in service").await.is_err() {
                    return Err(error);
                }
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// A second attempt is of use, and of no harm: a password whose answer was lost may have been looked at, and wrong ones are
/// counted.
fn may_pass(error: &Error, proof: &Proof) -> bool {
    let looping = error.details().iter().any(|(key, value)| *key == "aadsts" && value == "50196");
    match error.code() {
        "cloud.unavailable" => !looping,
        "cloud.broken" => !matches!(proof, Proof::Password { .. }),
        _ => false,
    }
}

fn read(answer: &Answer, sign_in: &SignIn, form: &Form) -> Result<Token> {
    if answer.status != 200 {
        let confidential = form.confidential();
        let subject = aadsts::Subject {
            app: &sign_in.app,
            tenant: &sign_in.tenant.id,
            user: match &sign_in.proof {
                Proof::Password { username, .. } => username,
                _ => "",
            },
            confidential: &confidential,
        };
        let refusal = answer.maybe_json().and_then(|body| aadsts::refusal(&body, answer.status, &subject));
        let error = match refusal {
            Some(error) => error,
            None if answer.status >= 500 => Error::inconclusive(
                "cloud.unavailable",
                format!("{} cannot answer now (status {})", answer.host(), answer.status),
            )
            .hint("try again in a minute; status.cloud.microsoft tells of outages"),
            None => answer.no_json(),
        };
        return Err(match answer.header("x-ms-request-id") {
            Some(id) => error.with("request_id", errors::quotable(id, &[])),
            None => error,
        });
    }
    let body = answer.json()?;
    let object = Object::of(&body, answer.host())?;
    let kind = object.text("token_type")?;
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(errors::bad_answer(answer.host(), "token_type", "is not Bearer"));
    }
    let text = object.text("access_token")?;
    let lifetime = Duration::from_secs(u64::try_from(object.number("expires_in")?).unwrap_or_default());
    let claims = Claims::read(&text, &sign_in.tenant.id, OffsetDateTime::now_utc())?;
    Ok(Token::new(text, claims, lifetime, object.maybe_text("refresh_token")?))
}

/// What is sent: names, and what is said in confidence.
struct Form {
    app: String,
    scope: String,
    grant: &'static str,
    assertion: Option<Zeroizing<String>>,
    client_secret: Option<Secret>,
    refresh_token: Option<Secret>,
    user: Option<(String, Secret)>,
}

impl Form {
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let mut pairs = vec![("client_id", self.app.as_str()), ("scope", &self.scope), ("grant_type", self.grant)];
        if let Some(assertion) = &self.assertion {
            pairs.push(("client_assertion_type", JWT_BEARER));
            pairs.push(("client_assertion", assertion));
        }
        if let Some(secret) = &self.client_secret {
            pairs.push(("client_secret", secret.expose()));
        }
        if let Some(token) = &self.refresh_token {
            pairs.push(("refresh_token", token.expose()));
        }
        if let Some((user, password)) = &self.user {
            pairs.push(("username", user));
            pairs.push(("password", password.expose()));
        }
        pairs
    }

    fn text(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }

    fn confidential(&self) -> Vec<&str> {
        let secrets = [&self.client_secret, &self.refresh_token];
        let mut all: Vec<&str> = secrets.into_iter().flatten().map(Secret::expose).collect();
        all.extend(self.assertion.as_ref().map(|assertion| assertion.as_str()));
        all.extend(self.user.as_ref().map(|(_, password)| password.expose()));
        all
    }
}

fn form(sign_in: &SignIn, url: &Url) -> Result<Form> {
    let mut form = Form {
        app: sign_in.app.clone(),
        scope: scope(sign_in),
        grant: "client_credentials",
        assertion: None,
        client_secret: None,
        refresh_token: None,
        user: None,
    };
    match &sign_in.proof {
        Proof::ClientSecret(secret) => form.client_secret = Some(secret.clone()),
        Proof::Certificate(pem) => form.assertion = Some(Zeroizing::new(assertion(pem, &sign_in.app, url)?)),
        Proof::Federated(assertion) => form.assertion = Some(Zeroizing::new(assertion.expose().trim().to_owned())),
        Proof::RefreshToken { token, client_secret } => {
            form.grant = "refresh_token";
            form.refresh_token = Some(token.clone());
            form.client_secret.clone_from(client_secret);
        }
        Proof::Password { username, password } => {
            // Entra ID takes no such password in this way, and a wrong one would count.
            if password.expose().trim() != password.expose() {
                return Err(Error::new(
                    "cloud.password_edges",
                    "a password that begins or ends with a space cannot sign in this way",
                )
                .hint("set another password, or sign in by app"));
            }
            form.grant = "password";
            form.user = Some((username.clone(), password.clone()));
        }
    }
    Ok(form)
}

/// Who the app is, signed with its certificate (learn.microsoft.com, "Microsoft identity platform application authentication
/// certificate credentials").
fn assertion(pem: &Secret, app: &str, url: &Url) -> Result<String> {
    let now = OffsetDateTime::now_utc();
    let signer = Signer::read(pem, now)?;
    let now = now.unix_timestamp();
    let claims = json!({
        "aud": url.as_str(),
        "iss": app,
        "sub": app,
        "jti": Uuid::new_v4().to_string(),
        "nbf": now,
        "iat": now,
        "exp": now + VALID,
    });
    jwt::sign(&signer, jwt::Algorithm::Ps256, &claims)
}
