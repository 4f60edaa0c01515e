//! The way to the cloud: TLS, proxies, servers that do not answer.

use std::time::Duration;

use libretto::{
    cloud::{Cloud, Freshness, Options, Tenant, clouds::NationalCloud},
    error::Error,
    verdict::Verdict,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::told;
use crate::support::cloud::{
    FakeCloud, Reply,
    front::{HOST, LOGINS, encrypted, proxy, watched},
    world,
};

fn options(login: &str, ca: Option<&str>) -> Options {
    Options {
        login: Some(login.parse().unwrap()),
        ca_pem: ca.map(Into::into),
        timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_ca_of_ones_own_is_trusted_when_it_is_named() {
    let fake = FakeCloud::start().await;
    let (port, ca) = encrypted(&fake).await;
    let login = format!("https://localhost:{port}/");
    let tenant = Cloud::new(options(&login, Some(&ca))).unwrap().discover(world::DOMAIN).await.unwrap();
    assert_eq!(tenant.login.as_str(), login);
    let error = Cloud::new(options(&login, None)).unwrap().discover(world::DOMAIN).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.tls", Verdict::Inconclusive));
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(Cloud::new(options(&login, Some(pem))).unwrap_err().code(), "cloud.bad_ca");
    }
}

#[tokio::test]
async fn a_proxy_is_gone_through() {
    let fake = FakeCloud::start().await;
    let (port, ca) = encrypted(&fake).await;
    let login = format!("https://{HOST}/");
    let open = proxy(port, None).await;
    let through = |proxy: &str| Options { proxy: Some(proxy.into()), ..options(&login, Some(&ca)) };
    for way in [format!("http://{open}"), open.clone()] {
        assert_eq!(Cloud::new(through(&way)).unwrap().discover(world::DOMAIN).await.unwrap().id, world::TENANT);
    }
    let closed = proxy(port, Some("bWU6Q2FuYXJ5LVBy")).await;
    let signed = Cloud::new(through(&format!("http://me:Canary-Pr@{closed}"))).unwrap();
    assert_eq!(signed.discover(world::DOMAIN).await.unwrap().id, world::TENANT);
    let error = Cloud::new(through(&closed)).unwrap().discover(world::DOMAIN).await.unwrap_err();
    assert_eq!(
        told(&error),
        format!(
            "[cloud.proxy_refused] {HOST} cannot be reached through the proxy {closed}: the proxy wants a user and a password; put them \
             into HTTPS_PROXY: http://user:password@host:port"
        )
    );
    // What NO_PROXY names, and this machine, is reached without it.
    let here =
        Options { proxy: Some(closed.as_str().into()), ..options(&format!("https://localhost:{port}/"), Some(&ca)) };
    assert_eq!(Cloud::new(here).unwrap().discover(world::DOMAIN).await.unwrap().id, world::TENANT);
    for odd in ["http://", "://", "http://a b"] {
        let error = Cloud::new(through(odd)).unwrap_err();
        assert_eq!(error.code(), "cloud.bad_proxy", "{odd}");
    }
}

/// Discovers a domain at Microsoft's hosts, all of them played by the test's cloud; answers whom it asked.
async fn at_microsofts(fake: &FakeCloud) -> (Result<Tenant, Error>, Vec<String>) {
    let (port, ca) = encrypted(fake).await;
    let (proxy, mut told) = watched(port, None).await;
    let options = Options { login: None, proxy: Some(proxy.into()), ..options(&format!("https://{HOST}/"), Some(&ca)) };
    let found = Cloud::new(options).unwrap().discover(world::DOMAIN).await;
    let mut asked = Vec::new();
    while let Ok(host) = told.try_recv() {
        asked.push(host);
    }
    (found, asked)
}

#[tokio::test]
async fn a_national_cloud_is_found_by_what_the_sign_in_hosts_say() {
    let path = format!("/{}/v2.0/.well-known/openid-configuration", world::DOMAIN);
    let not_here = || world::refused(400, "invalid_tenant", 90002, "Tenant not found.");
    let elsewhere = || world::refused(400, "invalid_tenant", 90038, "The tenant is in another cloud.");
    let here = |graph: &str| {
        let mut body = world::configuration(graph);
        body["issuer"] = format!("https://login.microsoftonline.com/{}/v2.0", world::TENANT).into();
        Reply::json(200, &body)
    };
    let cases = [
        (vec![here("graph.microsoft.com")], 1, NationalCloud::Global, LOGINS[0], "graph.microsoft.com"),
        // The worldwide host knows the tenants of the US government and says where they are.
        (vec![here("graph.microsoft.us")], 1, NationalCloud::UsGovernment, LOGINS[1], "graph.microsoft.us"),
        (
            vec![elsewhere(), here("dod-graph.microsoft.us")],
            2,
            NationalCloud::UsDefense,
            LOGINS[1],
            "dod-graph.microsoft.us",
        ),
        (
            vec![not_here(), not_here(), here("microsoftgraph.chinacloudapi.cn")],
            3,
            NationalCloud::China,
            LOGINS[2],
            "microsoftgraph.chinacloudapi.cn",
        ),
    ];
    for (replies, hosts, cloud, login, graph) in cases {
        let fake = FakeCloud::start().await;
        fake.on("GET", &path, replies);
        let (tenant, asked) = at_microsofts(&fake).await;
        let tenant = tenant.unwrap();
        assert_eq!(
            (tenant.cloud, tenant.id.as_str(), asked.as_slice()),
            (cloud, world::TENANT, &LOGINS.map(str::to_owned)[..hosts])
        );
        assert_eq!(
            (tenant.login.as_str(), tenant.graph.as_str()),
            (format!("https://{login}/").as_str(), format!("https://{graph}/").as_str())
        );
    }
    // Known nowhere; and a Graph that is not Microsoft's.
    let fake = FakeCloud::start().await;
    fake.on("GET", &path, [not_here(), not_here(), not_here(), here("graph.evil.example")]);
    assert_eq!(at_microsofts(&fake).await.0.unwrap_err().code(), "cloud.unknown_tenant");
    let error = at_microsofts(&fake).await.0.unwrap_err();
    assert!(error.message().ends_with("msgraph_host names a host that is none of Microsoft's Graphs"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let options = Options {
        proxy: Some(format!("http://me:Canary-Gone@{gone}").into()),
        ..options(&format!("https://{HOST}/"), None)
    };
    let error = Cloud::new(options).unwrap().discover(world::DOMAIN).await.unwrap_err();
    assert_eq!(error.code(), "cloud.unreachable");
    assert!(error.message().starts_with(&format!("{HOST} cannot be reached through the proxy {gone}: ")), "{error}");
    assert!(!serde_json::to_string(&error).unwrap().contains("Canary"));
}

#[tokio::test]
async fn a_proxys_password_is_known_as_it_is_and_as_it_was_written() {
    let options = Options {
        proxy: Some("http://me:Canary%2DProxy%40%2F9@proxy.example:3128".into()),
        ..options(&format!("https://{HOST}/"), None)
    };
    assert!(!format!("{options:?}").contains("Canary"), "{options:?}");
    Cloud::new(options).unwrap();
    for form in ["Canary-Proxy@/9", "Canary%2DProxy%40%2F9"] {
        assert_eq!(libretto::secret::redact::redact(&format!("it is {form}.")), "it is [secret].");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_told_from_who_is_not_there() {
    let fake = FakeCloud::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error =
        Cloud::new(options(&format!("http://{gone}/"), None)).unwrap().discover(world::DOMAIN).await.unwrap_err();
    assert_eq!(
        (error.code(), error.verdict(), error.is_retryable()),
        ("cloud.unreachable", Verdict::Inconclusive, true)
    );

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut short = options(&format!("http://{address}/"), None);
    short.timeout = Duration::from_millis(300);
    let error = Cloud::new(short).unwrap().discover(world::DOMAIN).await.unwrap_err();
    assert_eq!(
        told(&error),
        format!("[cloud.timeout] {address} did not answer in time; try again; look at the way to the cloud")
    );

    // One that hangs up in the midst of an answer, each time.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await;
        }
    });
    let mut sign_in = fake.sign_in();
    sign_in.tenant.login = format!("http://{address}/").parse().unwrap();
    let error = fake.cloud().sign_in(&sign_in, Freshness::Fresh).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.broken", Verdict::Inconclusive));
}

/// It may have been looked at, and wrong ones are counted.
#[tokio::test]
async fn a_password_is_not_sent_again_when_its_answer_is_lost() {
    let fake = FakeCloud::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (counted, mut count) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.send(()).unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    let mut sign_in = fake.sign_in();
    sign_in.tenant.login = format!("http://{address}/").parse().unwrap();
    let password = libretto::secret::Secret::new("a user's password").unwrap();
    sign_in.proof = libretto::cloud::Proof::Password { username: "ada@contoso.example".to_owned(), password };
    let error = fake.cloud().sign_in(&sign_in, Freshness::Fresh).await.unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("cloud.broken", Verdict::Inconclusive));
    count.recv().await.unwrap();
    assert!(count.try_recv().is_err());
}

#[tokio::test]
async fn a_secret_goes_to_microsoft_alone_unless_another_host_was_set() {
    let fake = FakeCloud::start().await;
    let cloud = Cloud::new(Options::default()).unwrap();
    let mut sign_in = fake.sign_in();
    let mixed = [
        "https://login.microsoftonline.com/",
        "https://login.microsoftonline.us/",
        "https://login.microsoftonline.com:8443/",
    ];
    let graphs = ["https://graph.microsoft.us/", "https://graph.microsoft.com/", "https://graph.microsoft.com/"];
    let hosts = mixed.into_iter().zip(graphs).map(|(login, graph)| (login.parse().unwrap(), graph.parse().unwrap()));
    let here = (sign_in.tenant.login.clone(), sign_in.tenant.graph.clone());
    for (login, graph) in hosts.chain([here]) {
        (sign_in.tenant.login, sign_in.tenant.graph) = (login, graph);
        let error = cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap_err();
        assert_eq!(error.code(), "cloud.foreign_host");
    }
    sign_in.tenant.graph = "http://graph.example/".parse().unwrap();
    assert_eq!(fake.cloud().sign_in(&sign_in, Freshness::Fresh).await.unwrap_err().code(), "cloud.in_the_clear");
    assert_eq!(fake.lines(), [""; 0]);
}

#[tokio::test]
async fn sockets_are_used_again() {
    let fake = FakeCloud::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (front, behind) = (listener.local_addr().unwrap(), fake.address());
    let (counted, mut count) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (counted, behind) = (counted.clone(), behind.clone());
            tokio::spawn(async move {
                counted.send(()).unwrap();
                let mut inner = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut inner).await;
            });
        }
    });
    let mut sign_in = fake.sign_in();
    sign_in.tenant.graph = format!("http://{front}/").parse().unwrap();
    let graph = fake.cloud().sign_in(&sign_in, Freshness::Cached).await.unwrap();
    for _ in 0..20 {
        graph.organization().await.unwrap();
    }
    let mut connections = 0;
    while count.try_recv().is_ok() {
        connections += 1;
    }
    assert_eq!(connections, 1);
}
