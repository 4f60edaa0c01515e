//! Three copies that catch up with each other: seen by polling, and the trap for who binds too early.

use libretto::lab::Flavour;

use super::*;

const NEW: &str = "Correct-Horse-77";

#[tokio::test]
async fn a_write_arrives_on_the_other_targets_after_the_delay() {
    let delay = Duration::from_millis(500);
    let lab = lab(Flavour::Windows, &["replication=500ms"]);
    let mut first = administrator(&lab, 1).await;
    let third = administrator(&lab, 3).await;
    let before = read(&mut third.clone(), ALICE, "pwdLastSet").await;
    let written = tokio::time::Instant::now();
    reset(&mut first, ALICE, NEW).await.success().unwrap();
    let after = read(&mut first, ALICE, "pwdLastSet").await;
    assert_ne!(before, after);
    until("pwdLastSet arrives", || {
        let (mut third, before, after) = (third.clone(), before.clone(), after.clone());
        async move {
            let seen = read(&mut third, ALICE, "pwdLastSet").await;
            assert!(seen == after || seen == before, "{seen}");
            assert!(seen == before || written.elapsed() >= delay, "too early");
            seen == after
        }
    })
    .await;
    assert_eq!(data(&lab, 3, "alice@lab.test", NEW).await, "");
}

#[tokio::test]
async fn the_new_password_on_a_lagging_target_counts_and_locks() {
    for flavour in [Flavour::Samba, Flavour::Windows] {
        let lab = lab(flavour, &["replication=off"]);
        let mut first = administrator(&lab, 1).await;
        let mut second = administrator(&lab, 2).await;
        reset(&mut first, ALICE, NEW).await.success().unwrap();
        for count in 1..=5 {
            assert_eq!(data(&lab, 2, "alice@lab.test", NEW).await, "52e");
            assert_eq!(read(&mut second, ALICE, "badPwdCount").await, count.to_string());
        }
        assert_eq!(data(&lab, 2, "alice@lab.test", password_of(&lab, "alice")).await, "775");
        // The count is each target's own.
        assert_eq!(read(&mut first, ALICE, "badPwdCount").await, "0");
        assert_eq!(data(&lab, 1, "alice@lab.test", NEW).await, "");
    }
}

#[tokio::test]
async fn a_lockout_arrives_on_the_other_targets() {
    let lab = lab(Flavour::Samba, &[]);
    for _ in 0..5 {
        assert_eq!(data(&lab, 2, "alice@lab.test", "wrong").await, "52e");
    }
    let right = password_of(&lab, "alice");
    until("the lockout arrives", || async { data(&lab, 1, "alice@lab.test", right).await == "775" }).await;
    let mut third = administrator(&lab, 3).await;
    assert_eq!(read(&mut third, ALICE, "badPwdCount").await, "0");
}

#[tokio::test]
async fn a_target_that_asks_the_pdc_emulator_takes_the_new_password_at_once() {
    let lab = lab(Flavour::Windows, &["replication=off", "pdc=forward"]);
    let mut first = administrator(&lab, 1).await;
    reset(&mut first, ALICE, NEW).await.success().unwrap();
    assert_eq!(data(&lab, 2, "alice@lab.test", NEW).await, "");
    assert_eq!(data(&lab, 2, "alice@lab.test", "wrong").await, "52e");
    assert_eq!(read(&mut first, ALICE, "badPwdCount").await, "1");
}

#[tokio::test]
async fn two_labs_know_nothing_of_each_other() {
    let (one, other) = (lab(Flavour::Windows, &[]), lab(Flavour::Samba, &[]));
    let ports =
        |lab: &Lab| lab.targets().iter().flat_map(|t| [t.address.port(), t.starttls.port()]).collect::<Vec<_>>();
    assert!(ports(&one).iter().all(|port| !ports(&other).contains(port)));
    let (name, password) = one.service_account();
    assert_eq!(data(&one, 2, name, password.expose()).await, "");
    assert_eq!(data(&other, 2, name, password.expose()).await, "52e");
    assert!(open(trusting(&one), &ldaps(other.targets()[0].address)).await.is_err(), "another authority");
    let address = one.targets()[0].address;
    one.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(data(&other, 1, other.service_account().0, other.service_account().1.expose()).await, "");
}

#[tokio::test]
async fn ports_can_be_asked_for() {
    // Six free ports in a row, as the kernel has them: tried until nobody else has taken one.
    let mut tries = 0;
    let lab = loop {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        match Lab::start(LabOptions { port_base: Some(free), ..LabOptions::default() }) {
            Ok(lab) => {
                assert_eq!(lab.targets()[2].starttls.port(), free + 5);
                break lab;
            }
            Err(error) => assert_eq!(error.code(), "lab.port"),
        }
        tries += 1;
        assert!(tries < 50, "no six ports in a row");
    };
    let base = lab.targets()[0].address.port();
    let error = Lab::start(LabOptions { port_base: Some(base), ..LabOptions::default() }).unwrap_err();
    assert_eq!(error.code(), "lab.port");
    assert_eq!(
        Lab::start(LabOptions { port_base: Some(65_533), ..LabOptions::default() }).unwrap_err().code(),
        "lab.port"
    );
}

#[tokio::test]
async fn a_dropped_lab_closes_its_sockets_and_its_text_form_tells_no_password() {
    let lab = lab(Flavour::Windows, &[]);
    let address = lab.targets()[0].address;
    let text = format!("{lab:?}");
    assert!(lab.accounts().iter().all(|account| !text.contains(account.password.expose())));
    drop(lab);
    until("the port is closed", || async { tokio::net::TcpStream::connect(address).await.is_err() }).await;
}
