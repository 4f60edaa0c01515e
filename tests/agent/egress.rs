//! `Agent_CheckEgress` goes the way that the agent itself goes: through the proxy where there is one.

use std::sync::{Arc, Mutex};

use libretto::{
    agent::{
        client::{Address, Agent, Options, Which, fill::Values},
        service,
    },
    cloud,
    secret::Secret,
    service::{Limits, Listener, token},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// A proxy that answers every request for a tunnel with this; what it was asked is kept.
async fn proxy(answer: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let keeps = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head).await.unwrap_or_default() == 0 {
                    break;
                }
            }
            keeps.lock().unwrap().push(head);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, asked)
}

/// What an agent with this proxy says of the way out.
async fn checked(proxy: String, no_proxy: Option<&str>) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (proxy, no_proxy) = (Some(Arc::from(proxy)), no_proxy.map(Arc::from));
    let options = cloud::Options { proxy, no_proxy, ..cloud::Options::default() };
    let agent = service::Agent::open(folder.path(), "tester", options).unwrap();
    let served = agent.service(Limits::default()).unwrap();
    let token = token::load_or_make(&service::store(folder.path(), "tester").unwrap()).unwrap();
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), None, true).unwrap();
    let port = listener.address().unwrap().port();
    tokio::spawn(listener.serve(served, std::future::pending(), std::future::pending()));
    let agent = Agent::new(Address { host: "127.0.0.1".to_owned(), port }, &Options::default()).unwrap();
    ask(&agent, &token).await
}

async fn ask(agent: &Agent, token: &Secret) -> Value {
    let values = Values { domain: "contoso.example".to_owned(), ..Values::default() };
    let values = Values { body: Some(json!({ "cloud": "dod" })), ..values };
    agent.ask(Which::Named("Agent_CheckEgress"), &values, Some(token)).await.unwrap().body
}

fn told(checked: &Value) -> Vec<Value> {
    let hosts = checked["hosts"].as_array().unwrap();
    hosts.iter().map(|host| json!([host["role"], host["host"], host["through"], host["failed"]])).collect()
}

#[tokio::test]
async fn it_goes_through_the_proxy_and_says_where_that_ends() {
    for (answer, stage) in [("HTTP/1.1 403 Forbidden\r\n\r\n", "proxy"), ("HTTP/1.1 200 OK\r\n\r\nno TLS", "tls")] {
        let (port, asked) = proxy(answer).await;
        let checked = checked(format!("http://alice:wonderland@127.0.0.1:{port}"), None).await;
        let through = format!("127.0.0.1:{port}");
        let hosts = [
            ("portal", "portal.azure.us"),
            ("sign-in", "login.microsoftonline.us"),
            ("graph", "dod-graph.microsoft.us"),
        ];
        assert_eq!(told(&checked), hosts.map(|(role, host)| json!([role, host, through, stage])), "{checked}");
        assert_eq!(checked["reached"], false);
        assert!(!checked.to_string().contains("wonderland"), "{checked}");
        let mut asked = asked.lock().unwrap().clone();
        asked.sort();
        let tunnel = |host: &str| {
            // alice:wonderland
            format!(
                "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nProxy-Authorization: Basic YWxpY2U6d29uZGVybGFuZA==\r\n\r\n"
            )
        };
        assert_eq!(asked, ["dod-graph.microsoft.us", "login.microsoftonline.us", "portal.azure.us"].map(tunnel));
    }
}
