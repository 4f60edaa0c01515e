//! OpenID discovery: which tenant a domain belongs to, without signing in (OpenID Connect Discovery 1.0, 4).

use serde_json::json;

use super::{
    http::{Answer, Call},
    refusal::Refused,
    world::Cloud,
};

impl Cloud {
    /// Sign-in's paths.
    pub(super) fn login(&self, call: &Call) -> Answer {
        let now = self.now();
        let result = match (call.method.as_str(), call.segments().as_slice()) {
            ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => self.discover(tenant),
            ("POST", [tenant, "oauth2", "v2.0", "token"]) => self.token(tenant, call),
            (_, [_, "oauth2", "v2.0", "token"]) => {
                Err(Refused::new("invalid_request", 900_561, "The endpoint only accepts POST requests."))
            }
            _ => return Answer { status: 404, headers: Vec::new(), body: super::http::Body::Empty },
        };
        let answer = result.unwrap_or_else(|refused| refused.answer(call, now));
        answer.header("cache-control", "no-store, no-cache")
    }

    fn discover(&self, name: &str) -> Result<Answer, Refused> {
        let world = self.world();
        let tenant = world.tenant(name).ok_or_else(|| unknown(name, "invalid_tenant"))?;
        let (base, id) = (&self.base, &tenant.id);
        Ok(Answer::ok(json!({
            "token_endpoint": format!("{base}/{id}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/{id}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{base}/{id}/v2.0"),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{base}/oidc/userinfo"),
            "authorization_endpoint": format!("{base}/{id}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/{id}/oauth2/v2.0/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/{id}/oauth2/v2.0/logout"),
            "tenant_region_scope": "NA",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": base.trim_start_matches("https://"),
            "rbac_url": "https://pas.windows.net",
        })))
    }
}

/// The refusal of a tenant that nobody knows, or that cannot be one's name.
pub(super) fn unknown(name: &str, error: &'static str) -> Refused {
    let named = name.contains('.') || uuid::Uuid::try_parse(name).is_ok();
    if !named {
        let text =
            format!("Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain.");
        return Refused::new("invalid_request", 900_023, text);
    }
    let text = format!(
        "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
         cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for \
         the tenant."
    );
    Refused::new(error, 90_002, text)
}
