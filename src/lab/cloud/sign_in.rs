//! The token endpoint (RFC 6749, 4.3, 4.4 and 6, with Entra ID's checks and errors).

use serde_json::{Value, json};

use super::{
    app::{App, CLIENT_ID},
    credential::{Credential, Material},
    discovery::unknown,
    fault::CloudFault,
    http::{Answer, Call, pairs},
    refusal::Refused,
    tenant::Tenant,
    token::Whose,
    world::{Cloud, Refresh, Side, World},
};

/// Graph's address in the worldwide cloud, which the lab's Graph goes by too.
const GRAPH: &str = "https://graph.microsoft.com";
/// Azure PowerShell.
const CONSOLE: &str = "1950a258-227b-4e31-a9cf-719717771d80";
/// How long a refresh token lives.
const REFRESH_LIFETIME: time::Duration = time::Duration::days(90);

/// What was posted.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refused> {
        let text = || format!("The request body must contain the following parameter: '{name}'.");
        self.get(name).ok_or_else(|| Refused::new("invalid_request", 900_144, text()))
    }
}

impl Cloud {
    /// Answers a request for a token.
    pub(super) fn token(&self, tenant: &str, call: &Call) -> Result<Answer, Refused> {
        let form = Form(pairs(&String::from_utf8_lossy(&call.body)));
        let (grant, client) = (form.need("grant_type")?, form.need("client_id")?);
        if ["common", "consumers", "organizations"].contains(&tenant) {
            let text = "The grant type is not supported over the /common or /consumers endpoints. Please use the \
                        /organizations or tenant-specific endpoint.";
            return Err(Refused::new("invalid_request", 9_001_023, text));
        }
        let mut world = self.world();
        let found = world.tenants.iter().position(|one| one.is(tenant));
        let number = found.ok_or_else(|| unknown(tenant, "invalid_request"))?;
        // Microsoft's own app for consoles is in every tenant, for users.
        let is_console = grant == "password" && client == CONSOLE;
        self.app_known(&world.tenants[number], if is_console { CLIENT_ID } else { client })?;
        self.scope(form.need("scope")?, grant)?;
        let body = match grant {
            "client_credentials" => self.as_app(&world, number, &form)?,
            "password" => self.as_user(&mut world, number, &form)?,
            "refresh_token" => self.renewed(&mut world, number, &form)?,
            other => {
                let text = format!("The app requested an unsupported grant type '{other}'.");
                return Err(Refused::new("unsupported_grant_type", 70_003, text));
            }
        };
        Ok(Answer::ok(body))
    }

    fn app_known(&self, tenant: &Tenant, client: &str) -> Result<(), Refused> {
        if client != CLIENT_ID {
            let text = format!(
                "Application with identifier '{client}' was not found in the directory '{}'. This can happen if the \
                 application has not been installed by the administrator of the tenant or consented to by any user in \
                 the tenant. You may have sent your authentication request to the wrong tenant.",
                tenant.name
            );
            return Err(Refused::new("unauthorized_client", 700_016, text));
        }
        if self.has(Side::Login, Some(tenant.label), CloudFault::ConditionalAccess) {
            let text = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                        issuance.";
            return Err(Refused::new("invalid_grant", 53_003, text).with("suberror", "message_only"));
        }
        Ok(())
    }

    fn scope(&self, scope: &str, grant: &str) -> Result<(), Refused> {
        let extra = ["openid", "profile", "email", "offline_access"];
        let mut resources = scope.split_whitespace().filter(|one| !extra.contains(one)).peekable();
        let missing = || {
            let text =
                format!("The provided request must include a 'scope' input parameter, and {scope} names no resource.");
            Refused::new("invalid_scope", 70_011, text)
        };
        resources.peek().ok_or_else(missing)?;
        for one in resources {
            let Some((resource, name)) = one.rsplit_once('/') else { continue };
            if resource != self.base && resource != GRAPH {
                let text = format!("The resource principal named {resource} was not found in the tenant.");
                return Err(Refused::new("invalid_resource", 500_011, text));
            }
            if grant == "client_credentials" && name != ".default" {
                let text = format!(
                    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value \
                     with /.default suffixed to the resource identifier (application ID URI)."
                );
                return Err(Refused::new("invalid_scope", 1_002_012, text));
            }
        }
        Ok(())
    }

    fn as_app(&self, world: &World, number: usize, form: &Form) -> Result<Value, Refused> {
        let tenant = &world.tenants[number];
        let how = self.proven(&world.apps[0], tenant, form)?.ok_or_else(|| {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            Refused::new("invalid_client", 7_000_218, text)
        })?;
        let Some(principal) = &tenant.principal else {
            let text =
                format!("The client application {CLIENT_ID} is missing service principal in the tenant {}.", tenant.id);
            return Err(Refused::new("unauthorized_client", 7_000_229, text));
        };
        let roles: Vec<String> = tenant.roles_of(&principal.id).into_iter().map(str::to_owned).collect();
        let whose = Whose::App { principal: &principal.id, how, permissions: &principal.permissions, roles };
        Ok(self.access(world, number, &whose))
    }

    /// How the app proved itself, as `appidacr` counts it: 1 by a secret, 2 by an assertion. `None`: not at all.
    fn proven(&self, app: &App, tenant: &Tenant, form: &Form) -> Result<Option<&'static str>, Refused> {
        if let Some(assertion) = form.get("client_assertion") {
            return self.asserted(app, tenant, form, assertion).map(|()| Some("2"));
        }
        let Some(secret) = form.get("client_secret") else { return Ok(None) };
        let now = self.now();
        let is = |one: &&Credential| matches!(&one.material, Material::Secret(text) if text.as_str() == secret);
        let found = app.credentials.iter().find(is).filter(|one| one.known_from <= now);
        let Some(found) = found else {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
                 not the client secret ID, for a secret added to app '{}'.",
                app.client
            );
            return Err(Refused::new("invalid_client", 7_000_215, text));
        };
        if found.end <= now {
            let text = format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for \
                 your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security.",
                app.client
            );
            return Err(Refused::new("invalid_client", 7_000_222, text));
        }
        Ok(Some("1"))
    }

    fn as_user(&self, world: &mut World, number: usize, form: &Form) -> Result<Value, Refused> {
        let (name, password) = (form.need("username")?, form.need("password")?);
        self.proven(&world.apps[0], &world.tenants[number], form)?;
        let tenant = &mut world.tenants[number];
        let label = tenant.label;
        let Some(user) = tenant.users.iter_mut().find(|user| user.name().eq_ignore_ascii_case(name)) else {
            let text = format!(
                "The user account {name} does not exist in the {} directory. To sign into this application, the account \
                 must be added to the directory.",
                tenant.id
            );
            return Err(Refused::new("invalid_grant", 50_034, text));
        };
        let refused = |code, text: &str| Err(Refused::new("invalid_grant", code, text));
        if user.locked() {
            let text =
                "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.";
            return refused(50_053, text);
        }
        if user.password.as_str() != password {
            user.wrong += 1;
            return refused(50_126, "Error validating credentials due to invalid username or password.");
        }
        user.wrong = 0;
        if !user.enabled() {
            return refused(50_057, "The user account is disabled.");
        }
        if user.must_change {
            return refused(50_055, "The password is expired.");
        }
        let id = user.id().to_owned();
        if self.has(Side::Login, Some(label), CloudFault::Mfa) {
            return Err(second_factor());
        }
        self.for_user(world, number, Refresh { tenant: number, user: id, since: self.now() })
    }

    fn renewed(&self, world: &mut World, number: usize, form: &Form) -> Result<Value, Refused> {
        let token = form.need("refresh_token")?;
        self.proven(&world.apps[0], &world.tenants[number], form)?;
        let refused = |code, text: &str| Refused::new("invalid_grant", code, text);
        let refresh = world.refresh.get(token).cloned();
        let refresh = refresh.ok_or_else(|| refused(9_002_313, "Invalid request. Request is malformed or invalid."))?;
        if refresh.since + REFRESH_LIFETIME < self.now() {
            return Err(refused(700_082, "The refresh token has expired due to inactivity."));
        }
        let user = world.tenants[refresh.tenant].users.iter().find(|user| user.id() == refresh.user);
        match user {
            Some(user) if !user.enabled() => return Err(refused(50_057, "The user account is disabled.")),
            Some(user) if user.sessions_from > refresh.since => {
                let text = "The provided grant has expired due to it being revoked, a fresh auth token is needed.";
                return Err(refused(50_173, text));
            }
            Some(_) => {}
            None => return Err(refused(50_034, "The user account does not exist in the directory.")),
        }
        if self.has(Side::Login, Some(world.tenants[number].label), CloudFault::Mfa) {
            return Err(second_factor());
        }
        self.for_user(world, number, Refresh { since: self.now(), ..refresh })
    }

    /// A token for a user, in the user's own tenant or, by delegated administration, in a customer's.
    fn for_user(&self, world: &mut World, number: usize, refresh: Refresh) -> Result<Value, Refused> {
        let (home, tenant) = (&world.tenants[refresh.tenant], &world.tenants[number]);
        let user = home.users.iter().find(|user| user.id() == refresh.user);
        let name = user.map(|user| user.name().to_owned()).unwrap_or_default();
        if tenant.principal.is_none() {
            let text = format!(
                "The user or administrator has not consented to use the application with ID '{CLIENT_ID}' named \
                 'Libretto'. Send an interactive authorization request for this user and resource."
            );
            return Err(Refused::new("invalid_grant", 65_001, text).with("suberror", "consent_required"));
        }
        let roles: Vec<String> = if refresh.tenant == number {
            tenant.roles_of(&refresh.user).into_iter().map(str::to_owned).collect()
        } else {
            let roles = Tenant::delegated(home, &tenant.id, self.now());
            if roles.is_empty() {
                let text = format!(
                    "User account '{name}' from identity provider 'https://sts.windows.net/{}/' does not exist in tenant \
                     '{}' and cannot access the application '{CLIENT_ID}' in that tenant.",
                    home.id, tenant.name
                );
                return Err(Refused::new("invalid_grant", 50_020, text));
            }
            roles
        };
        let mut body = self.access(world, number, &Whose::User { id: &refresh.user, name: &name, roles });
        body["refresh_token"] = json!(world.fresh_token(refresh));
        Ok(body)
    }
}

fn second_factor() -> Refused {
    let text = "Due to a configuration change made by your administrator, or because you moved to a new location, you must \
                use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.";
    let claims =
        r#"{"access_token":{"capolids":{"essential":true,"values":["b9c6d0f3-2a41-4e5b-8d7c-0f1e2d3c4b5a"]}}}"#;
    Refused::new("invalid_grant", 50_076, text).with("suberror", "basic_action").with("claims", claims)
}
