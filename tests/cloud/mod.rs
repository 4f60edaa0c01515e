//! Entra ID and Graph over real sockets, against a cloud on loopback.

mod discovery;
mod graph;
mod lab;
mod limits;
mod much;
mod odd_answers;
mod refusals;
mod rotating;
mod signing_in;
mod tokens;
mod users;
mod ways;

use libretto::{
    cloud::{Cloud, Freshness, Graph},
    error::Error,
};

use crate::support::cloud::FakeCloud;

/// A PEM text with certificate and key, made for these tests alone.
const PEM: &str = include_str!("keys/app.pem");
/// Another one.
const NEXT: &str = include_str!("keys/next.pem");

/// A cloud, and its Graph for the world's app.
async fn signed_in() -> (FakeCloud, Graph) {
    let fake = FakeCloud::start().await;
    let graph = fake.cloud().sign_in(&fake.sign_in(), Freshness::Cached).await.unwrap();
    (fake, graph)
}

/// What a failure says: code, sentence, remedy.
fn told(error: &Error) -> String {
    format!("[{}] {}; {}", error.code(), error.message(), error.remedy().unwrap_or("NO REMEDY"))
}

/// A fact of a failure.
fn fact<'a>(error: &'a Error, name: &str) -> Option<&'a str> {
    error.details().iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

async fn refusal(cloud: &Cloud, sign_in: &libretto::cloud::SignIn) -> Error {
    cloud.sign_in(sign_in, Freshness::Fresh).await.unwrap_err()
}
