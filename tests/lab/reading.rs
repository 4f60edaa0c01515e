//! Reading: the rootDSE, filters, scopes, computed attributes, pages, what is hidden from whom.

use ldap3::{
    SearchOptions,
    adapters::{Adapter, EntriesOnly, PagedResults},
    ldap_escape,
};
use libretto::lab::Flavour;

use super::*;

#[tokio::test]
async fn the_root_is_open_to_all_also_over_starttls() {
    let lab = lab(Flavour::Windows, &[]);
    let url = format!("ldap://{}", lab.targets()[1].starttls);
    let mut ldap = open(trusting(&lab).set_starttls(true), &url).await.unwrap();
    for (name, value) in [
        ("defaultNamingContext", BASE),
        ("dnsHostName", "dc2.lab.test"),
        ("ldapServiceName", "lab.test:dc2$@LAB.TEST"),
        ("supportedControl", "1.2.840.113556.1.4.319"),
        ("supportedLDAPVersion", "3"),
        ("isGlobalCatalogReady", "TRUE"),
        ("domainFunctionality", "7"),
        ("supportedExtension", "1.3.6.1.4.1.1466.20037"),
    ] {
        assert_eq!(read(&mut ldap, "", name).await, value, "{name}");
    }
    assert_eq!(read(&mut ldap, "", "currentTime").await.len(), "20260101120000.0Z".len());
    let (name, password) = lab.service_account();
    ldap.simple_bind(name, password.expose()).await.unwrap().success().unwrap();
    assert_eq!(names(&mut ldap, "(sAMAccountName=alice)").await, ["alice"]);
}

#[tokio::test]
async fn filters_find_what_they_should() {
    let lab = lab(Flavour::Windows, &[]);
    let mut ldap = administrator(&lab, 1).await;
    let people = ["Administrator", "alice", "bob", "carol", "dave", "krbtgt", "svc-libretto"];
    for (filter, found) in [
        ("(&(objectCategory=person)(objectClass=user))", &people[..]),
        ("(&(objectClass=user)(!(objectClass=computer)))", &people[..]),
        ("(userPrincipalName=ALICE@lab.test)", &["alice"]),
        ("(|(sAMAccountName=alice)(sAMAccountName=bob))", &["alice", "bob"]),
        ("(displayName=*r*e*t*)", &["svc-libretto"]),
        ("(displayName=*be*m*)", &["bob"]),
        ("(displayName=Carol*)", &["carol"]),
        ("(displayName=*four)", &["dave"]),
        ("(&(primaryGroupID>=514)(primaryGroupID<=516))", &["DC1$", "DC2$", "DC3$"]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=532480)", &["DC1$", "DC2$", "DC3$"]),
        ("(userAccountControl:1.2.840.113556.1.4.804:=8192)", &["DC1$", "DC2$", "DC3$"]),
        ("(memberOf=cn=staff,cn=users,dc=lab,dc=test)", &["Helpdesk", "alice"]),
        ("(memberOf:1.2.840.113556.1.4.1941:=CN=Staff,CN=Users,DC=lab,DC=test)", &["Helpdesk", "alice", "bob"]),
        ("(member:1.2.840.113556.1.4.1941:=CN=Bob Bergmann,CN=Users,DC=lab,DC=test)", &["Helpdesk", "Staff"]),
        ("(objectSid=S-1-5-32-544)", &["Administrators"]),
        ("(sAMAccountName:1.2.3.4:=alice)", &[]),
        ("(!(sAMAccountName:1.2.3.4:=alice))", &[]),
        ("(&(objectCategory=group)(!(member=*)))", &["Domain Controllers", "Domain Users"]),
        ("(lockoutTime>=1)", &[]),
        ("(objectClass=msDS-GroupManagedServiceAccount)", &["gmsa-web$"]),
    ] {
        assert_eq!(names(&mut ldap, filter).await, found, "{filter}");
    }
}

/// Bytes as a filter writes them (RFC 4515, 3).
fn escape(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + format!("\\{byte:02x}").as_str())
}

#[tokio::test]
async fn an_object_is_found_by_its_identifier_in_every_form() {
    let lab = lab(Flavour::Windows, &[]);
    let mut ldap = administrator(&lab, 1).await;
    let found = find(&mut ldap, "(sAMAccountName=alice)", &["objectGUID", "objectSid"]).await;
    let guid = &found[0].bin_attrs["objectGUID"][0];
    let escaped = escape(guid);
    let plain = escaped.replace('\\', "");
    assert_eq!(names(&mut ldap, &format!("(objectGUID={escaped})")).await, ["alice"]);
    assert_eq!(read(&mut ldap, &format!("<GUID={plain}>"), "sAMAccountName").await, "alice");
    assert_eq!(read(&mut ldap, "<SID=S-1-5-32-544>", "sAMAccountName").await, "Administrators");
    let sid = escape(&found[0].bin_attrs["objectSid"][0]);
    assert_eq!(names(&mut ldap, &format!("(objectSid={sid})")).await, ["alice"]);
    assert_eq!(names(&mut ldap, &format!("(sAMAccountName={})", ldap_escape("a*"))).await, [""; 0]);
}

#[tokio::test]
async fn scopes_and_selection() {
    let lab = lab(Flavour::Windows, &[]);
    let mut ldap = administrator(&lab, 1).await;
    let mut count = async |base: &str, scope| {
        let (found, _) = ldap.search(base, scope, "(objectClass=*)", vec!["1.1"]).await.unwrap().success().unwrap();
        assert!(found.iter().all(|entry| SearchEntry::construct(entry.clone()).attrs.is_empty()));
        found.len()
    };
    assert_eq!(count("CN=Users,DC=lab,DC=test", Scope::Base).await, 1);
    assert_eq!(count("CN=Users,DC=lab,DC=test", Scope::OneLevel).await, 12);
    assert_eq!(count("CN=Users,DC=lab,DC=test", Scope::Subtree).await, 13);
    assert_eq!(count("CN=Sites,CN=Configuration,DC=lab,DC=test", Scope::Subtree).await, 9);
    let partitions = "CN=Partitions,CN=Configuration,DC=lab,DC=test";
    let of_domain = "(&(objectClass=crossRef)(nCName=dc=lab,dc=test))";
    let (found, _) =
        ldap.search(partitions, Scope::OneLevel, of_domain, vec!["nETBIOSName"]).await.unwrap().success().unwrap();
    assert_eq!(first(&SearchEntry::construct(found[0].clone()), "nETBIOSName"), "LAB");
    let all = &find(&mut ldap, "(sAMAccountName=alice)", &["*"]).await[0];
    assert!(all.attrs.contains_key("memberOf") && all.attrs.contains_key("badPwdCount"));
    assert!(!all.attrs.contains_key("msDS-User-Account-Control-Computed") && !all.attrs.contains_key("unicodePwd"));
    let limited = ldap
        .with_search_options(SearchOptions::new().sizelimit(2))
        .search(BASE, Scope::Subtree, "(objectClass=user)", vec!["cn"])
        .await
        .unwrap();
    assert_eq!((limited.0.len(), limited.1.rc), (2, 4));
}

#[tokio::test]
async fn policies_are_read_and_the_fine_grained_one_by_administrators_only() {
    let lab = lab(Flavour::Windows, &[]);
    let mut admin = administrator(&lab, 1).await;
    for (name, value) in [
        ("minPwdLength", "12"),
        ("pwdProperties", "1"),
        ("pwdHistoryLength", "24"),
        ("minPwdAge", "-864000000000"),
        ("maxPwdAge", "-36288000000000"),
        ("lockoutThreshold", "5"),
        ("lockoutDuration", "-18000000000"),
        ("lockOutObservationWindow", "-18000000000"),
    ] {
        assert_eq!(read(&mut admin, BASE, name).await, value, "{name}");
    }
    let carol = "CN=Carol Castillo,CN=Users,DC=lab,DC=test";
    let fine = read(&mut admin, carol, "msDS-ResultantPSO").await;
    assert_eq!(fine, "CN=Long Passwords Policy,CN=Password Settings Container,CN=System,DC=lab,DC=test");
    assert_eq!(read(&mut admin, &fine, "msDS-MinimumPasswordLength").await, "20");
    assert_eq!(read(&mut admin, ALICE, "msDS-ResultantPSO").await, "");
    assert_eq!(read(&mut admin, carol, "msDS-UserPasswordExpiryTimeComputed").await, i64::MAX.to_string());
    let mut alice = signed_in(&lab, 1, "alice@lab.test", password_of(&lab, "alice")).await;
    assert_eq!(find(&mut alice, "(objectClass=msDS-PasswordSettings)", &["cn"]).await.len(), 0);
    assert_eq!(read(&mut alice, BASE, "minPwdLength").await, "12");
}

#[tokio::test]
async fn a_policy_may_be_strict_or_unreadable() {
    let strict = lab(Flavour::Windows, &["policy=strict"]);
    assert_eq!(read(&mut administrator(&strict, 1).await, BASE, "minPwdLength").await, "64");
    let unreadable = lab(Flavour::Windows, &["policy=unreadable"]);
    let mut admin = administrator(&unreadable, 1).await;
    assert_eq!(read(&mut admin, BASE, "minPwdLength").await, "");
    assert_eq!(find(&mut admin, "(objectClass=msDS-PasswordSettings)", &["cn"]).await.len(), 0);
    assert_eq!(reset(&mut admin, ALICE, "Short-1").await.rc, 53, "unreadable is not absent");
}

#[tokio::test]
async fn pages_give_everything_once() {
    let lab = lab(Flavour::Windows, &[]);
    let mut ldap = administrator(&lab, 1).await;
    let whole = names(&mut ldap, "(sAMAccountName=*)").await;
    for size in [1, 4, i32::try_from(whole.len()).unwrap(), 500] {
        let adapters: Vec<Box<dyn Adapter<_, _>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(size))];
        let mut search = ldap
            .streaming_search_with(adapters, BASE, Scope::Subtree, "(sAMAccountName=*)", vec!["sAMAccountName"])
            .await
            .unwrap();
        let mut found = Vec::new();
        while let Some(entry) = search.next().await.unwrap() {
            found.push(first(&SearchEntry::construct(entry), "sAMAccountName"));
        }
        search.finish().await.success().unwrap();
        found.sort();
        assert_eq!(found, whole, "{size}");
    }
}
