//! The candidate on the disk: it is opened again before anything is sent.

use super::*;

/// Something of the machine's that spoils each candidate as it is stored.
fn spoil_with(rig: &Rig, sealed: &str) {
    let raw = rusqlite::Connection::open(rig.store.home().join("store.db")).unwrap();
    let trigger = format!(
        "CREATE TRIGGER spoil AFTER INSERT ON credential WHEN new.state = 'candidate'
         BEGIN UPDATE credential SET sealed = {sealed} WHERE id = new.id; END"
    );
    raw.execute_batch(&trigger).unwrap();
}

#[tokio::test]
async fn a_candidate_that_cannot_be_opened_again_is_not_sent() {
    let garbled = "randomblob(length(new.sealed))";
    let of_another = "(SELECT sealed FROM credential WHERE state = 'current')";
    for (sealed, said) in [(garbled, "cannot be decrypted"), (of_another, "reads back as another secret")] {
        let rig = Rig::new(Flavour::Windows, &[]);
        spoil_with(&rig, sealed);
        let witness = Witness::default();
        let error = rotate(&rig.request(), &witness).await.unwrap_err();
        assert_eq!(error.code(), "secret.not_opened", "{error}");
        assert!(error.message().contains(said), "{error}");
        assert_eq!(witness.told(), ["preflight ok", "record failed"]);
        assert!(witness.announced.lock().unwrap().is_empty());
        assert_eq!(rig.picture(), "v2 candidate, v1 current proven; no journal");
        assert_eq!(rig.events(), Vec::<String>::new());
        assert!(rig.has(1, rig.old()).await, "the directory was not asked for anything");
    }
}
