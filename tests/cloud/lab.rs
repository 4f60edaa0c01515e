//! The cloud client and the lab's cloud: two readings of Microsoft's pages that have to agree.

use std::time::{Duration, Instant};

use libretto::{
    cloud::{Cloud, Freshness, Graph, LicenceChange, NewUser, Options, Proof, SignIn, Waiting},
    error::Error,
    lab::cloud::{CloudFault, CloudOptions, LabCloud, Place, Retry},
    secret::Secret,
};
use time::OffsetDateTime;

use super::{NEXT, fact};

const DOMAINS: [&str; 3] = ["contoso.example", "fabrikam.example", "tailspin.example"];
const HOME: &str = DOMAINS[0];

struct World {
    lab: LabCloud,
    cloud: Cloud,
}

fn world(faults: &[(Place, CloudFault)]) -> World {
    let lab = LabCloud::start(CloudOptions { faults: faults.to_vec(), ..CloudOptions::default() }).unwrap();
    let options =
        Options { login: Some(lab.login().parse().unwrap()), ca_pem: Some(lab.ca_pem().into()), ..Options::default() };
    World { cloud: Cloud::new(options).unwrap(), lab }
}

impl World {
    async fn with(&self, domain: &str, proof: Proof) -> SignIn {
        let tenant = self.cloud.discover(domain).await.unwrap();
        SignIn { tenant, app: self.lab.client_id().to_owned(), proof, version: None }
    }

    async fn by_secret(&self, domain: &str) -> SignIn {
        self.with(domain, Proof::ClientSecret(self.lab.secret().clone())).await
    }

    async fn graph(&self, domain: &str) -> Graph {
        let sign_in = self.by_secret(domain).await;
        self.cloud.sign_in(&sign_in, Freshness::Cached).await.unwrap()
    }

    async fn refused(&self, domain: &str) -> Error {
        let sign_in = self.by_secret(domain).await;
        self.cloud.test(domain, &sign_in).await.unwrap_err()
    }

    fn administrator(&self, domain: &str) -> Proof {
        let (username, password) = self.lab.administrator(domain).unwrap();
        Proof::Password { username, password }
    }
}

#[tokio::test]
async fn each_domain_has_its_tenant_and_every_proof_is_taken() {
    let world = world(&[]);
    for tenant in world.lab.tenants() {
        assert_eq!(world.cloud.discover(&tenant.domain).await.unwrap().id, tenant.id);
        let proofs = [
            Proof::ClientSecret(world.lab.secret().clone()),
            Proof::Certificate(world.lab.certificate().unwrap()),
            Proof::Federated(world.lab.federated_assertion().unwrap()),
            Proof::RefreshToken {
                token: world.lab.refresh_token().unwrap(),
                client_secret: Some(world.lab.secret().clone()),
            },
            world.administrator(&tenant.domain),
        ];
        for proof in proofs {
            let sign_in = world.with(&tenant.domain, proof).await;
            let graph = world.cloud.sign_in(&sign_in, Freshness::Fresh).await;
            // Whom the partner has no relationship with it does not get into.
            if tenant.domain == DOMAINS[2] && matches!(sign_in.proof, Proof::RefreshToken { .. }) {
                assert_eq!(graph.unwrap_err().code(), "cloud.foreign_user");
                continue;
            }
            let graph = graph.unwrap_or_else(|error| panic!("{:?}: {error:?}", sign_in.proof));
            assert_eq!(graph.claims().tenant, tenant.id);
            assert_eq!(graph.organization().await.unwrap().id, tenant.id);
        }
    }
    assert_eq!(world.cloud.discover("nowhere.example").await.unwrap_err().code(), "cloud.unknown_tenant");
}

#[tokio::test]
async fn a_test_tells_what_the_domain_is() {
    let world = world(&[]);
    for domain in DOMAINS {
        let report = world.cloud.test(domain, &world.by_secret(domain).await).await.unwrap();
        assert_eq!(
            (report.id.as_str(), report.domain.as_str(), report.verified),
            (report.tenant.as_str(), domain, true)
        );
        assert!(!report.licences.is_empty() && !report.services.is_empty());
    }
    let sign_in = world.by_secret(DOMAINS[1]).await;
    assert_eq!(world.cloud.test(HOME, &sign_in).await.unwrap_err().code(), "cloud.unknown_domain");
}

#[tokio::test]
async fn a_user_lives_through_everything() {
    let world = world(&[]);
    let graph = world.graph(DOMAINS[2]).await;
    let name = "new.user@tailspin.example";
    assert_eq!(graph.find_user(name).await.unwrap(), None);
    let mut user = NewUser {
        user_principal_name: name.to_owned(),
        display_name: "New User".to_owned(),
        password: Secret::new("Canary-First-Pass-1").unwrap(),
        change_password: false,
        enabled: true,
        usage_location: Some("DE".to_owned()),
    };
    let made = graph.create_user(&user).await.unwrap();
    let found = graph.find_user(name).await.unwrap().unwrap();
    assert_eq!((&found.id, found.enabled, found.usage_location.as_deref()), (&made.id, Some(true), Some("DE")));
    assert_eq!(graph.create_user(&user).await.unwrap_err().code(), "cloud.exists");
    user.user_principal_name = "other@tailspin.example".to_owned();
    user.password = Secret::new("simple").unwrap();
    assert_eq!(graph.create_user(&user).await.unwrap_err().code(), "cloud.password_policy");

    let licence = graph.licences().await.unwrap().into_iter().find(|licence| licence.free() > 0).unwrap();
    let change = LicenceChange { add: vec![(licence.sku_id.clone(), Vec::new())], remove: Vec::new() };
    graph.assign_licences(&made.id, &change).await.unwrap();
    assert_eq!(graph.find_user(name).await.unwrap().unwrap().licences, change_of(&change));
    let change = LicenceChange { add: Vec::new(), remove: vec![licence.sku_id.clone()] };
    graph.assign_licences(&made.id, &change).await.unwrap();

    let signs_in =
        |password: &str| Proof::Password { username: name.to_owned(), password: Secret::new(password).unwrap() };
    let first = world.with(DOMAINS[2], signs_in("Canary-First-Pass-1")).await;
    world.cloud.sign_in(&first, Freshness::Fresh).await.unwrap();
    graph.reset_password(name, &Secret::new("Canary-Second-Pass-2").unwrap(), false).await.unwrap();
    let second = world.with(DOMAINS[2], signs_in("Canary-Second-Pass-2")).await;
    world.cloud.sign_in(&second, Freshness::Fresh).await.unwrap();
    assert_eq!(world.cloud.sign_in(&first, Freshness::Fresh).await.unwrap_err().code(), "cloud.wrong_password");
    graph.revoke_sessions(name).await.unwrap();
    graph.disable_user(name).await.unwrap();
    assert_eq!(world.cloud.sign_in(&second, Freshness::Fresh).await.unwrap_err().code(), "cloud.disabled_user");
    graph.enable_user(name).await.unwrap();
    assert_eq!(graph.disable_user("nobody@tailspin.example").await.unwrap_err().code(), "cloud.not_found");
}

/// The licences that a change adds.
fn change_of(change: &LicenceChange) -> Vec<String> {
    change.add.iter().map(|(sku, _)| sku.clone()).collect()
}

fn soon() -> Waiting {
    Waiting { at_most: Duration::from_mins(1), successes: 3, pause: Duration::from_millis(50) }
}

#[tokio::test]
async fn a_secret_is_rotated_for_all_tenants() {
    let world = world(&[]);
    let home = world.graph(HOME).await;
    let application = home.application(world.lab.client_id()).await.unwrap();
    assert_eq!(application.id, world.lab.application_id());
    let ends = OffsetDateTime::now_utc() + time::Duration::days(30);
    let (made, secret) = home.add_secret(&application.id, "libretto tx-1", ends).await.unwrap();
    let mut after = world.by_secret(DOMAINS[2]).await;
    after.proof = Proof::ClientSecret(secret);
    let proven = world.cloud.prove(&after, &soon()).await.unwrap();
    assert!(proven.not_yet >= 1, "{proven:?}");
    let listed = home.application(world.lab.client_id()).await.unwrap().credentials;
    assert!(listed.iter().any(|one| one.key_id == made.key_id && one.display_name.as_deref() == Some("libretto tx-1")));
    for old in
        listed.iter().filter(|one| one.kind == libretto::cloud::CredentialKind::Secret && one.key_id != made.key_id)
    {
        home.remove_secret(&application.id, &old.key_id).await.unwrap();
        home.remove_secret(&application.id, &old.key_id).await.unwrap();
    }
    for domain in DOMAINS {
        assert_eq!(world.refused(domain).await.code(), "cloud.wrong_secret");
        let mut sign_in = world.by_secret(domain).await;
        sign_in.proof.clone_from(&after.proof);
        world.cloud.test(domain, &sign_in).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_is_rotated_with_a_proof_of_possession() {
    let world = world(&[]);
    let home = world.graph(HOME).await;
    let (object, present) = (world.lab.application_id(), world.lab.certificate().unwrap());
    let certificate = &NEXT[NEXT.find("-----BEGIN CERT").unwrap()..];
    let stranger = Secret::new(NEXT).unwrap();
    let error = home.add_certificate(object, "libretto tx-2", certificate, &stranger).await.unwrap_err();
    assert_eq!(error.verdict(), libretto::verdict::Verdict::Failed);
    home.add_certificate(object, "libretto tx-2", certificate, &present).await.unwrap();
    let next = world.with(DOMAINS[1], Proof::Certificate(stranger.clone())).await;
    world.cloud.prove(&next, &soon()).await.unwrap();
    let listed = home.application(world.lab.client_id()).await.unwrap().credentials;
    let named = |one: &&libretto::cloud::AppCredential| one.display_name.as_deref() == Some("libretto tx-2");
    let made = listed.iter().find(named).unwrap();
    home.remove_certificate(object, &made.key_id, &present).await.unwrap();
    home.remove_certificate(object, &made.key_id, &present).await.unwrap();
    assert_eq!(world.cloud.sign_in(&next, Freshness::Fresh).await.unwrap_err().code(), "cloud.wrong_certificate");
}

#[tokio::test]
async fn roles_and_relationships_are_read() {
    let world = world(&[]);
    let administrator = world.with(HOME, world.administrator(HOME)).await;
    let graph = world.cloud.sign_in(&administrator, Freshness::Cached).await.unwrap();
    assert_eq!(graph.roles().await.unwrap().global_administrator, Some(true));
    let app = world.graph(HOME).await;
    let roles = app.roles().await.unwrap();
    assert!(!roles.app.is_empty());
    let customers: Vec<String> =
        app.relationships().await.unwrap().into_iter().filter_map(|one| one.customer).collect();
    let tenants = world.lab.tenants();
    assert!(
        !customers.is_empty() && customers.iter().all(|id| tenants.iter().any(|tenant| tenant.id == *id)),
        "{customers:?}"
    );
}

#[tokio::test]
async fn services_with_too_much_to_do_are_waited_for() {
    for retry in [Retry::Seconds, Retry::Decimal, Retry::Date, Retry::Absent] {
        for fault in [CloudFault::Throttled(1, retry), CloudFault::Unavailable(1, retry)] {
            let world = world(&[(Place::Everywhere, fault)]);
            let began = Instant::now();
            let sign_in = world.by_secret(HOME).await;
            world.cloud.test(HOME, &sign_in).await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            assert!(began.elapsed() >= Duration::from_millis(400), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let cases = [
        (CloudFault::ExpiredSecret, "cloud.expired_secret"),
        (CloudFault::ConditionalAccess, "cloud.conditional_access"),
        (CloudFault::NoConsent, "cloud.app_absent"),
        (CloudFault::NoRoles, "cloud.permission_missing"),
        (CloudFault::WrongTenant, "cloud.wrong_tenant"),
        (CloudFault::WrongTypes, "cloud.bad_answer"),
    ];
    for (fault, code) in cases {
        let world = world(&[(Place::Everywhere, fault)]);
        let error = world.refused(HOME).await;
        assert_eq!(error.code(), code, "{fault:?}: {error:?} {:?}", error.details());
        assert!(error.remedy().is_some());
    }
    let html = world(&[(Place::Everywhere, CloudFault::Html)]);
    let error = html.cloud.discover(HOME).await.unwrap_err();
    assert_eq!((error.code(), fact(&error, "member")), ("cloud.bad_answer", Some("(the whole)")));
    let down = world(&[(Place::Everywhere, CloudFault::Down)]);
    assert_eq!(down.cloud.discover(HOME).await.unwrap_err().code(), "cloud.unreachable");
    let mfa = world(&[(Place::Everywhere, CloudFault::Mfa)]);
    let sign_in = mfa.with(HOME, mfa.administrator(HOME)).await;
    assert_eq!(mfa.cloud.sign_in(&sign_in, Freshness::Fresh).await.unwrap_err().code(), "cloud.mfa_required");
    let policy = world(&[(Place::Everywhere, CloudFault::SecretPolicy)]);
    let ends = OffsetDateTime::now_utc() + time::Duration::days(180);
    let error = policy.graph(HOME).await.add_secret(policy.lab.application_id(), "x", ends).await.unwrap_err();
    assert_eq!(error.code(), "cloud.app_policy");
    let foreseen = policy.graph(HOME).await.app_policy(policy.lab.application_id()).await.unwrap();
    assert_eq!((foreseen.secrets, foreseen.longest_secret.as_deref()), (true, Some("P90D")));
}

#[tokio::test]
async fn one_tenants_trouble_is_not_anothers() {
    let world = world(&[(Place::Tenant("fabrikam"), CloudFault::Throttled(1000, Retry::Seconds))]);
    let options = Options {
        login: Some(world.lab.login().parse().unwrap()),
        ca_pem: Some(world.lab.ca_pem().into()),
        patience: Duration::from_millis(500),
        ..Options::default()
    };
    let world = World { cloud: Cloud::new(options).unwrap(), lab: world.lab };
    assert_eq!(world.cloud.discover(DOMAINS[1]).await.unwrap_err().code(), "cloud.throttled");
    for domain in [HOME, DOMAINS[2]] {
        let began = Instant::now();
        // The discovery of all domains is one scope, which has been told to pause.
        let tenant = loop {
            match world.cloud.discover(domain).await {
                Ok(tenant) => break tenant,
                Err(error) => assert!(error.code() == "cloud.throttled" && began.elapsed() < Duration::from_mins(1)),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let proof = Proof::ClientSecret(world.lab.secret().clone());
        let sign_in = SignIn { tenant, app: world.lab.client_id().to_owned(), proof, version: None };
        world.cloud.test(domain, &sign_in).await.unwrap();
    }
}
