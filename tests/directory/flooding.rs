//! Servers that never stop answering: a search takes what it asked for and no more, and the memory stays what it was.

use std::time::Duration;

use libretto::{
    directory::{Endpoint, Limits, Session, search},
    error::Error,
};

use super::{
    scripted::{Does, serve},
    world::identity,
};

/// An entry with one value of `size` bytes as the answer to request `id`, many times if it is small.
fn entries(id: u8, size: usize) -> &'static [u8] {
    let element = |tag: u8, content: &[u8]| [&[tag, 0x84][..], &(content.len() as u32).to_be_bytes(), content].concat();
    let value = element(0x31, &element(0x04, &vec![b'x'; size]));
    let attribute = element(0x30, &[element(0x04, b"description"), value].concat());
    let entry = element(0x64, &[element(0x04, b"CN=one"), element(0x30, &attribute)].concat());
    let message = element(0x30, &[vec![0x02, 1, id], entry].concat());
    message.repeat((1 << 16) / message.len() + 1).leak()
}

/// Patient, so that it is not the clock that ends it.
fn patient(endpoint: Endpoint) -> Endpoint {
    endpoint.with_limits(Limits { connect: Duration::from_secs(30), operation: Duration::from_secs(50) })
}

async fn signed_in(does: Does) -> Session {
    Session::connect(&patient(serve(does).await), &identity("somebody@lab.test", "Correct-Horse-1!")).await.unwrap()
}

fn is_too_much(error: &Error, what: &str) {
    assert_eq!(error.code(), "ad.too_much", "{error:?}");
    assert!(error.message().contains(what), "{error:?}");
    assert!(error.remedy().is_some_and(|hint| hint.contains("limit")), "{error:?}");
}

#[tokio::test]
async fn a_root_dse_without_end_is_refused_before_anybody_signs_in() {
    let endpoint = patient(serve(Does::Flood(entries(1, 10))).await).of_domain("lab.test");
    let error = Session::connect(&endpoint, &identity("somebody@lab.test", "Correct-Horse-1!")).await.unwrap_err();
    is_too_much(&error, "several entries where one object was asked for");
}

#[tokio::test]
async fn a_search_stops_at_its_limit_whatever_else_comes() {
    let session = signed_in(Does::SignInThenFlood(entries(2, 10))).await;
    let found = search(&session, Some("DC=lab,DC=test"), "(cn=*)", &[], 5).await.unwrap();
    assert_eq!((found.entries.len(), found.more), (5, true));
}

#[tokio::test]
async fn a_search_for_very_much_ends_where_the_memory_would() {
    for size in [10, 1 << 20] {
        let session = signed_in(Does::SignInThenFlood(entries(2, size))).await;
        let error = search(&session, Some("DC=lab,DC=test"), "(cn=*)", &[], usize::MAX).await.unwrap_err();
        is_too_much(&error, "more than 64 MiB");
        // What still comes is not waited out.
        let error = search(&session, Some("DC=lab,DC=test"), "(cn=*)", &[], 5).await.unwrap_err();
        is_too_much(&error, "more than 64 MiB");
    }
}
