//! Searches: hostile names stay names, pages are followed, limits are kept.

use futures_util::FutureExt;
use libretto::directory::{account, filter, find_user, resolve, search};

use super::world::{Admin, administrator};
use crate::support::samba::{samba, unique_name};

#[tokio::test]
async fn hostile_names_find_themselves_and_nothing_else() {
    let mut admin = Admin::new().await;
    let session = administrator().await;
    for evil in ["*", "*)(objectClass=*", "a)(|(cn=*", "\\2a", "admin*", "(", ")", "&", "Müller*"] {
        assert_eq!(resolve(&session, evil).await.unwrap_err().code(), "ad.not_found", "{evil}");
        assert_eq!(find_user(&session, evil).await.unwrap_err().code(), "ad.not_found", "{evil}");
        assert_eq!(resolve(&session, &format!("{evil}@lab.test")).await.unwrap_err().code(), "ad.not_found", "{evil}");
    }
    // A common name with everything that means something in filters and in DNs.
    let name = unique_name("evil");
    let common = format!("O'Brien (x)* \\ & {name}");
    let dn = format!("CN={},CN=Users,{}", common.replace('\\', "\\\\"), samba().base);
    let user = admin.user_at(&dn, &name).await;
    let found = find_user(&session, &common).await.unwrap();
    assert_eq!(found.sam_account_name.as_deref(), Some(name.as_str()));
    assert_eq!(resolve(&session, &found.dn).await.unwrap(), found);
    assert_eq!(account(&session, &found.dn).await.unwrap().principal, found);
    assert_eq!(find_user(&session, &user.upn()).await.unwrap(), found);
}

#[tokio::test]
async fn a_name_that_means_two_users_is_not_guessed() {
    let mut admin = Admin::new().await;
    let mail = format!("{}@example.com", unique_name("shared"));
    for _ in 0..2 {
        let user = admin.user("twin").await;
        admin.set(&user.dn, "mail", &mail).await;
    }
    let error = find_user(&administrator().await, &mail).await.unwrap_err();
    assert_eq!(error.code(), "ad.ambiguous");
    assert!(error.details().iter().any(|(key, value)| *key == "accounts" && value.matches("twin").count() >= 2));
}

#[tokio::test]
async fn a_search_keeps_its_limit_and_follows_pages() {
    let session = administrator().await;
    let schema = format!("CN=Schema,CN=Configuration,{}", samba().base);
    let few = search(&session, Some(&schema), "(objectClass=attributeSchema)", &["cn"], 7).await.unwrap();
    assert_eq!((few.entries.len(), few.more), (7, true));
    let all = search(&session, Some(&schema), "(objectClass=attributeSchema)", &["cn"], 100_000).await.unwrap();
    assert!(all.entries.len() > 1200 && !all.more, "{}", all.entries.len());

    let one =
        search(&session, None, &filter::equals("sAMAccountName", "krbtgt"), &["objectSid", "cn"], 10).await.unwrap();
    let record = serde_json::to_value(&one).unwrap();
    assert_eq!((record["entries"][0]["cn"].as_str(), record["more"].as_bool()), (Some("krbtgt"), Some(false)));
    assert!(record["entries"][0]["objectSid"].as_str().unwrap().starts_with("S-1-5-21-"));

    let bad = search(&session, None, "(cn=", &[], 1).await.unwrap_err();
    assert_eq!(bad.code(), "ad.bad_filter");
    let nowhere = search(&session, Some("CN=nowhere,DC=lab,DC=test"), "(cn=*)", &[], 1).await.unwrap_err();
    assert_eq!(nowhere.code(), "ad.not_found");
}

#[tokio::test]
async fn a_question_that_is_given_up_does_not_disturb_the_next() {
    let session = administrator().await;
    for _ in 0..20 {
        let given_up = resolve(&session, "krbtgt").now_or_never();
        assert!(given_up.is_none());
        assert_eq!(resolve(&session, "Guest").await.unwrap().sam_account_name.as_deref(), Some("Guest"));
    }
}
