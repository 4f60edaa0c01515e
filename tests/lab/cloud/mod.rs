//! The lab's cloud, seen from outside: HTTPS requests as any client makes them, answers held against Microsoft's description.

mod batch;
mod client;
mod credentials;
mod faults;
mod reading;
mod schema;
mod sign_in;
mod users;

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use libretto::lab::{
    Clock, Fault,
    cloud::{CloudOptions, LabCloud},
};
use reqwest::{Client, Method, header::HeaderMap};
use ring::{rand::SystemRandom, signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A certificate and key that no app of the lab knows.
const STRANGER: &str = include_str!("stranger.pem");
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A cloud and a client that trusts it.
pub struct Sky {
    pub cloud: LabCloud,
    pub clock: Clock,
    client: Client,
}

/// What came back.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

/// A cloud with these faults.
pub fn sky(faults: &[&str]) -> Sky {
    let read = |text: &&str| match Fault::parse(text).unwrap() {
        Fault::Cloud(place, fault) => (place, fault),
        other => panic!("{other:?} is no fault of the cloud"),
    };
    let faults = faults.iter().map(read).collect();
    let clock = Clock::default();
    let cloud = LabCloud::start(CloudOptions { port: None, faults, clock: clock.clone() }).unwrap();
    let tls = super::tls(cloud.ca_pem().as_bytes());
    let client = Client::builder().tls_backend_preconfigured((*tls).clone()).no_proxy().build().unwrap();
    Sky { cloud, clock, client }
}

impl Sky {
    /// A request to any address of the cloud; `path` begins with a slash.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<String>,
    ) -> reqwest::Result<Said> {
        let url = format!("{}{}", self.cloud.login().trim_end_matches('/'), path);
        let mut request = self.client.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Said { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    /// A request to Graph. Whatever is answered has to be as Microsoft describes it.
    pub async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Said {
        let body = body.map(|body| body.to_string());
        let said = self.send(method.parse().unwrap(), &format!("/v1.0{path}"), Some(token), body).await.unwrap();
        if said.status != 204 {
            schema::check(method, path.split('?').next().unwrap(), said.status, &said.body);
        }
        if said.status >= 400 {
            let error = &said.body["error"];
            assert_eq!(said.headers["request-id"], *error["innerError"]["request-id"].as_str().unwrap(), "{error}");
        }
        assert!(said.headers.contains_key("request-id"), "{said:?}");
        said
    }

    pub async fn get(&self, path: &str, token: &str) -> Value {
        let said = self.ask("GET", path, token, None).await;
        assert_eq!(said.status, 200, "{path}: {}", said.text);
        said.body
    }

    /// Status and code of a refusal of Graph.
    pub async fn refusal(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> (u16, String, String) {
        let said = self.ask(method, path, token, body).await;
        let text = |name: &str| said.body["error"][name].as_str().unwrap_or_default().to_owned();
        (said.status, text("code"), text("message"))
    }

    /// A form to a tenant's token endpoint. A refusal has to have its shape.
    pub async fn form(&self, tenant: &str, form: &[(&str, &str)]) -> Said {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let said = self.send(Method::POST, &format!("/{tenant}/oauth2/v2.0/token"), None, Some(body)).await.unwrap();
        if said.status != 200 {
            said.is_refusal();
        }
        said
    }

    /// The same with the members that every request has.
    pub async fn grant(&self, tenant: &str, grant: &str, more: &[(&str, &str)]) -> Said {
        let scope = format!("{}.default", self.cloud.login());
        let usual = [("client_id", self.cloud.client_id()), ("scope", &scope), ("grant_type", grant)];
        self.form(tenant, &[&usual, more].concat()).await
    }

    pub async fn by_secret(&self, tenant: &str, secret: &str) -> Said {
        self.grant(tenant, "client_credentials", &[("client_secret", secret)]).await
    }

    pub async fn by_assertion(&self, tenant: &str, assertion: &str) -> Said {
        let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
        self.grant(tenant, "client_credentials", &proof).await
    }

    /// A token of the app for a tenant.
    pub async fn token(&self, tenant: &str) -> String {
        self.by_secret(tenant, self.cloud.secret().expose()).await.token()
    }

    /// The token of a tenant's administrator.
    pub async fn administrator(&self, tenant: &str) -> String {
        let (name, password) = self.cloud.administrator(tenant).unwrap();
        let proof = [("username", name.as_str()), ("password", password.expose())];
        self.grant(tenant, "password", &proof).await.token()
    }

    /// A good assertion's claims.
    pub fn claims(&self, tenant: &str) -> Value {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let audience = format!("{}{tenant}/oauth2/v2.0/token", self.cloud.login());
        let app = self.cloud.client_id();
        json!({ "aud": audience, "iss": app, "sub": app, "jti": uuid::Uuid::new_v4().to_string(), "nbf": now, "exp": now + 300 })
    }

    /// The id of a tenant.
    pub fn tenant(&self, domain: &str) -> String {
        self.cloud.tenants().into_iter().find(|tenant| tenant.domain == domain).unwrap().id
    }
}

impl Said {
    pub fn token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body["access_token"].as_str().unwrap().to_owned()
    }

    /// Status, OAuth's word and Entra ID's number of a refusal to sign in.
    pub fn refused(&self) -> (u16, &str, i64) {
        self.is_refusal();
        (self.status, self.body["error"].as_str().unwrap(), self.body["error_codes"][0].as_i64().unwrap())
    }

    fn is_refusal(&self) {
        let text = |name: &str| self.body[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.text));
        let code = self.body["error_codes"][0].as_i64().unwrap();
        let (trace, correlation) = (text("trace_id"), text("correlation_id"));
        let description = text("error_description");
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        let end = format!(" Trace ID: {trace} Correlation ID: {correlation} Timestamp: {}", text("timestamp"));
        assert!(description.ends_with(&end), "{description}");
        assert!(regex::Regex::new(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$").unwrap().is_match(text("timestamp")));
        for id in [trace, correlation] {
            assert!(uuid::Uuid::try_parse(id).is_ok(), "{id}");
        }
        assert_eq!(self.headers["x-ms-request-id"], *trace);
    }
}

/// What stands in an access token.
pub fn read(token: &str) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap()).unwrap()
}

/// Signs claims as `algorithm` with the key in a PEM, naming the certificate in `named`.
pub fn sign(pem: &str, named: &str, algorithm: &str, claims: &Value) -> String {
    let certificate = CertificateDer::from_pem_slice(named.as_bytes()).unwrap();
    let print = BASE64URL_NOPAD.encode(&Sha256::digest(&certificate));
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = json!({ "alg": algorithm, "typ": "JWT", "x5t#S256": print });
    let signed = format!("{}.{}", part(&header), part(claims));
    let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut bytes = vec![0; key.public().modulus_len()];
    let way: &dyn signature::RsaEncoding =
        if algorithm == "PS256" { &signature::RSA_PSS_SHA256 } else { &signature::RSA_PKCS1_SHA256 };
    key.sign(way, &SystemRandom::new(), signed.as_bytes(), &mut bytes).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&bytes))
}

/// A list's values of one member.
pub fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let values = list["value"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    values.iter().map(|value| value[member].as_str().unwrap()).collect()
}

pub const MINUTE: Duration = Duration::from_mins(1);
