//! Users: find, make, change, licences, sessions.

use serde_json::{Map, Value, json};

use super::{
    super::{
        credential::stamp,
        http::Answer,
        jwt::fresh_guid,
        refusal::Failure,
        roles::{HELPDESK_ADMINISTRATOR, LICENSE_ADMINISTRATOR, USER_ADMINISTRATOR},
        users::{User, new},
    },
    Outcome, Request,
};

/// What Graph shows of a user unless asked for more (learn.microsoft.com, "Get a user").
const USUAL: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];
/// Whether a value is of a member's type.
type Fits = fn(&Value) -> bool;
/// What may be changed, and what the change has to be.
const CHANGEABLE: &[(&str, Fits)] = &[
    ("accountEnabled", Value::is_boolean),
    ("displayName", Value::is_string),
    ("givenName", text_or_null),
    ("surname", text_or_null),
    ("jobTitle", text_or_null),
    ("department", text_or_null),
    ("mobilePhone", text_or_null),
    ("officeLocation", text_or_null),
    ("preferredLanguage", text_or_null),
    ("mailNickname", Value::is_string),
    ("usageLocation", text_or_null),
    ("userPrincipalName", Value::is_string),
    ("businessPhones", Value::is_array),
    ("passwordProfile", Value::is_object),
];

fn text_or_null(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

impl Request<'_> {
    pub(super) fn users(&self) -> Outcome {
        self.caller.read(&["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"])?;
        let all = self.tenant().users.iter().map(|user| Value::Object(user.object.clone())).collect();
        self.list_of("users", all, USUAL)
    }

    pub(super) fn user(&self, key: &str) -> Outcome {
        self.caller.read(&["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"])?;
        let user = self.find(key)?;
        Ok(self.one("users", Value::Object(user.object.clone()), USUAL))
    }

    pub(super) fn create_user(&mut self) -> Outcome {
        self.caller.need(&["User.ReadWrite.All", "Directory.ReadWrite.All"], &[USER_ADMINISTRATOR])?;
        let body = self.body()?;
        for name in ["accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"] {
            if body.get(name).is_none_or(Value::is_null) {
                return Err(required(name));
            }
        }
        checked(&body)?;
        let name = body["userPrincipalName"].as_str().unwrap_or_default().to_owned();
        self.free(&name)?;
        let profile = &body["passwordProfile"];
        let password = profile["password"].as_str().ok_or_else(|| required("password"))?;
        strong(password)?;
        let now = self.cloud.now();
        let mut object = json!({
            "id": fresh_guid(), "givenName": null, "surname": null, "jobTitle": null, "mail": null, "usageLocation": null,
            "userType": "Member", "businessPhones": [], "mobilePhone": null, "officeLocation": null,
            "preferredLanguage": null, "onPremisesSyncEnabled": null, "createdDateTime": stamp(now),
            "lastPasswordChangeDateTime": stamp(now), "assignedLicenses": [],
        });
        for (member, value) in body.iter().filter(|(member, _)| *member != "passwordProfile") {
            object[member] = value.clone();
        }
        let mut user = new(object.clone(), password, now);
        user.must_change = must_change(profile);
        let number = self.caller.tenant;
        self.world.tenants[number].users.push(user);
        let location = format!("{}/v1.0/users/{}", self.base(), object["id"].as_str().unwrap_or_default());
        let mut made = self.one("users", object, USUAL);
        made.status = 201;
        Ok(made.header("location", location))
    }

    pub(super) fn change_user(&mut self, key: &str) -> Outcome {
        let mut body = self.body()?;
        let profile = body.remove("passwordProfile").filter(|profile| !profile.is_null());
        if profile.is_some() {
            self.caller.need(&["User-PasswordProfile.ReadWrite.All"], &[USER_ADMINISTRATOR, HELPDESK_ADMINISTRATOR])?;
        }
        if !body.is_empty() || profile.is_none() {
            self.caller.need(&["User.ReadWrite.All", "Directory.ReadWrite.All"], &[USER_ADMINISTRATOR])?;
        }
        checked(&body)?;
        if let Some(name) = body.get("userPrincipalName").and_then(Value::as_str) {
            let same = self.find(key)?.name().eq_ignore_ascii_case(name);
            if !same {
                self.free(name)?;
            }
        }
        let password = profile.as_ref().and_then(|profile| profile["password"].as_str());
        password.map_or(Ok(()), strong)?;
        let now = self.cloud.now();
        let user = self.find_mut(key)?;
        if let Some(password) = password {
            user.password = password.to_owned().into();
            user.wrong = 0;
            // Refresh tokens of before end with the password.
            user.sessions_from = now;
            user.object.insert("lastPasswordChangeDateTime".to_owned(), stamp(now).into());
        }
        if let Some(profile) = profile {
            user.must_change = must_change(&profile);
        }
        user.object.extend(body);
        Ok(Answer::done())
    }

    pub(super) fn remove_user(&mut self, key: &str) -> Outcome {
        self.caller.need(&["User.ReadWrite.All", "Directory.ReadWrite.All"], &[USER_ADMINISTRATOR])?;
        let id = self.find(key)?.id().to_owned();
        let tenant = &mut self.world.tenants[self.caller.tenant];
        tenant.users.retain(|user| user.id() != id);
        tenant.assignments.retain(|(_, who)| *who != id);
        Ok(Answer::done())
    }

    pub(super) fn licence_details(&self, key: &str) -> Outcome {
        self.caller.read(&["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"])?;
        let user = self.find(key)?;
        let has = |sku: &str| user.licences().iter().any(|one| one["skuId"] == sku);
        let all = self.tenant().licences.iter().filter(|licence| has(licence.sku)).map(|licence| {
            json!({
                "id": format!("{}-{}", user.id(), licence.sku),
                "servicePlans": licence.services(),
                "skuId": licence.sku,
                "skuPartNumber": licence.part,
            })
        });
        self.list(&format!("users('{}')/licenseDetails", user.id()), all.collect())
    }

    pub(super) fn assign_licence(&mut self, key: &str) -> Outcome {
        self.caller.need(
            &["LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"],
            &[USER_ADMINISTRATOR, LICENSE_ADMINISTRATOR],
        )?;
        let body = self.body()?;
        let list = |name: &str| body.get(name).and_then(Value::as_array).cloned().ok_or_else(|| required(name));
        let (add, remove) = (list("addLicenses")?, list("removeLicenses")?);
        let user = self.find(key)?;
        let mut licences = user.licences().to_vec();
        for sku in &remove {
            let before = licences.len();
            licences.retain(|one| one["skuId"] != *sku);
            if licences.len() == before {
                return Err(Failure::bad("User does not have a corresponding license."));
            }
        }
        for one in &add {
            self.assignable(user, one)?;
            licences.retain(|had| had["skuId"] != one["skuId"]);
            let without = one.get("disabledPlans").cloned().unwrap_or_else(|| json!([]));
            licences.push(json!({ "skuId": one["skuId"], "disabledPlans": without }));
        }
        let user = self.find_mut(key)?;
        user.object.insert("assignedLicenses".to_owned(), licences.into());
        let object = Value::Object(user.object.clone());
        Ok(self.one("users", object, USUAL))
    }

    /// Whether a licence can be given to a user.
    fn assignable(&self, user: &User, wanted: &Value) -> Result<(), Failure> {
        let tenant = self.tenant();
        let sku = wanted["skuId"].as_str().unwrap_or_default();
        let Some(licence) = tenant.licences.iter().find(|one| one.sku == sku) else {
            return Err(Failure::bad(format!("License {sku} does not correspond to a valid company License.")));
        };
        for plan in wanted["disabledPlans"].as_array().into_iter().flatten() {
            if !licence.plans.iter().any(|(_, id)| plan == id) {
                return Err(Failure::bad(format!("Plan {plan} does not correspond to a valid service plan of {sku}.")));
            }
        }
        if user.text("usageLocation").is_empty() {
            return Err(Failure::bad("License assignment cannot be done for user with invalid usage location."));
        }
        let has = user.licences().iter().any(|one| one["skuId"] == sku);
        if !has && tenant.consumed(sku) >= licence.bought {
            return Err(Failure::bad(format!("Subscription with SKU {sku} does not have any available licenses.")));
        }
        Ok(())
    }

    pub(super) fn revoke_sessions(&mut self, key: &str) -> Outcome {
        self.caller.need(&["User.RevokeSessions.All", "User.ReadWrite.All"], &[USER_ADMINISTRATOR])?;
        let now = self.cloud.now();
        self.find_mut(key)?.sessions_from = now;
        Ok(Answer::ok(json!({ "@odata.context": self.context("Edm.Boolean"), "value": true })))
    }

    fn find(&self, key: &str) -> Result<&User, Failure> {
        self.tenant().users.iter().find(|user| user.is(key)).ok_or_else(|| Failure::missing(key))
    }

    fn find_mut(&mut self, key: &str) -> Result<&mut User, Failure> {
        let users = &mut self.world.tenants[self.caller.tenant].users;
        users.iter_mut().find(|user| user.is(key)).ok_or_else(|| Failure::missing(key))
    }

    /// Whether a name can be given to a user.
    fn free(&self, name: &str) -> Result<(), Failure> {
        let verified = |domain: &str| self.tenant().domain(domain).is_some_and(|one| one["isVerified"] == true);
        if !name.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && verified(domain)) {
            return Err(Failure::bad(
                "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain \
                 names in your organization.",
            ));
        }
        if self.find(name).is_ok() {
            return Err(Failure::bad(
                "Another object with the same value for property userPrincipalName already exists.",
            ));
        }
        Ok(())
    }
}

fn required(name: &str) -> Failure {
    Failure::bad(format!("A value is required for property '{name}' of resource 'User'."))
}

fn must_change(profile: &Value) -> bool {
    // It is so unless told (learn.microsoft.com, "passwordProfile").
    profile["forceChangePasswordNextSignIn"].as_bool().unwrap_or(true)
}

/// Refuses members that there are not, and values of wrong types.
fn checked(body: &Map<String, Value>) -> Result<(), Failure> {
    for (name, value) in body.iter().filter(|(name, _)| !name.starts_with('@')) {
        let Some((_, fits)) = CHANGEABLE.iter().find(|(known, _)| known == name) else {
            return Err(Failure::bad(format!("Invalid property '{name}'.")));
        };
        if !fits(value) {
            return Err(Failure::bad(format!("Invalid value specified for property '{name}' of resource 'User'.")));
        }
    }
    Ok(())
}

/// Entra ID's rule: 8 to 256 characters, three of four kinds.
fn strong(password: &str) -> Result<(), Failure> {
    let kinds: [fn(char) -> bool; 4] =
        [|c| c.is_lowercase(), |c| c.is_uppercase(), |c| c.is_ascii_digit(), |c| !c.is_alphanumeric()];
    let has = kinds.iter().filter(|kind| password.chars().any(*kind)).count();
    if (8..=256).contains(&password.chars().count()) && has >= 3 {
        return Ok(());
    }
    Err(Failure::bad(
        "The specified password does not comply with password complexity requirements. Please provide a different password.",
    ))
}
