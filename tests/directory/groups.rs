//! Groups, direct and nested, joined and left.

use libretto::{
    directory::{Group, add_to_group, groups, remove_from_group},
    verdict::Verdict,
};

use super::world::{Admin, administrator};

fn names(groups: &[Group]) -> Vec<&str> {
    groups.iter().map(|group| group.name.as_str()).collect()
}

#[tokio::test]
async fn groups_are_joined_left_and_followed() {
    let mut admin = Admin::new().await;
    let user = admin.user("member").await;
    let (inner, outer) = (admin.group("a-inner").await, admin.group("b-outer").await);
    let session = administrator().await;

    assert!(add_to_group(&session, &inner.dn, &user.dn).await.unwrap());
    assert!(!add_to_group(&session, &inner.dn, &user.dn).await.unwrap());
    assert!(add_to_group(&session, &outer.dn, &inner.dn).await.unwrap());

    let direct = groups(&session, &user.dn, false).await.unwrap();
    assert_eq!(names(&direct), ["Domain Users", inner.name.as_str()]);
    assert_eq!(
        direct.iter().map(|group| (group.primary, group.security)).collect::<Vec<_>>(),
        [(true, true), (false, true)]
    );
    let nested = groups(&session, &user.dn, true).await.unwrap();
    assert_eq!(names(&nested), ["Domain Users", "Users", inner.name.as_str(), outer.name.as_str()]);

    assert!(remove_from_group(&session, &inner.dn, &user.dn).await.unwrap());
    assert!(!remove_from_group(&session, &inner.dn, &user.dn).await.unwrap());
    assert_eq!(names(&groups(&session, &user.dn, true).await.unwrap()), ["Domain Users", "Users"]);

    let users = direct.iter().find(|group| group.primary).unwrap();
    assert!(!add_to_group(&session, &users.dn, &user.dn).await.unwrap(), "it is in it without being listed");
    let primary = remove_from_group(&session, &users.dn, &user.dn).await.unwrap_err();
    assert_eq!((primary.code(), primary.verdict()), ("ad.primary_group", Verdict::Failed));
    assert!(primary.remedy().is_some_and(|remedy| remedy.contains("primaryGroupID")), "{primary:?}");

    let nobody = format!("CN=nobody,{}", user.dn);
    assert_eq!(add_to_group(&session, &inner.dn, &nobody).await.unwrap_err().code(), "ad.not_found");
    assert_eq!(groups(&session, &nobody, false).await.unwrap_err().code(), "ad.not_found");
}
