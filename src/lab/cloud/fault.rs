//! What can be made to go wrong in the cloud, as `--fault cloud=...` names it.

use std::time::Duration;

use super::super::fault::time;

/// How often a request is refused unless the fault says otherwise.
const TIMES: u32 = 2;

/// Where a fault of the cloud shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everywhere: `cloud=...`.
    Everywhere,
    /// At sign-in: `cloud:login=...`.
    Login,
    /// At Graph: `cloud:graph=...`.
    Graph,
    /// At sign-in and Graph of one tenant: `cloud:fabrikam=...`; the first label of its domain.
    Tenant(&'static str),
}

/// What is wrong with the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudFault {
    /// The first requests are refused, for there were too many: the sign-in service and Graph count each for themselves.
    Throttled(u32, Retry),
    /// The first requests are refused, for the service cannot serve now.
    Unavailable(u32, Retry),
    /// The app's client secret has expired.
    ExpiredSecret,
    /// Users have to show a second factor.
    Mfa,
    /// A policy keeps the app and users out.
    ConditionalAccess,
    /// Nobody has consented to the app.
    NoConsent,
    /// The app has neither directory role nor permissions.
    NoRoles,
    /// Tokens are of another tenant than asked for.
    WrongTenant,
    /// Each answer comes late.
    Slow(Duration),
    /// How long a new secret or certificate is not yet known.
    NewSecretDelay(Duration),
    /// A policy of the home tenant allows secrets of 90 days at most.
    SecretPolicy,
    /// Connections are refused.
    Down,
    /// Every answer is a web page.
    Html,
    /// Members of Graph's answers are of wrong types.
    WrongTypes,
}

/// How a refusal tells when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// In whole seconds.
    Seconds,
    /// In seconds with a fraction.
    Decimal,
    /// By a date.
    Date,
    /// Not at all.
    Absent,
}

impl Place {
    /// Reads what stands behind `cloud:`.
    pub(in crate::lab) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "login" => Self::Login,
            "graph" => Self::Graph,
            _ => Self::Tenant(super::tenant::LABELS.into_iter().find(|label| *label == text)?),
        })
    }
}

impl CloudFault {
    /// Whether the fault can show at that place alone: one that cannot would change nothing.
    pub(in crate::lab) fn fits(self, place: Place) -> bool {
        let busy = matches!(self, Self::Throttled(..) | Self::Unavailable(..) | Self::Slow(_) | Self::Html);
        match place {
            Place::Everywhere => true,
            Place::Login => busy,
            Place::Graph => busy || self == Self::WrongTypes,
            Place::Tenant(_) => {
                !matches!(self, Self::Down | Self::ExpiredSecret | Self::SecretPolicy | Self::NewSecretDelay(_))
            }
        }
    }

    /// Reads what stands behind `cloud=`.
    pub(in crate::lab) fn parse(text: &str) -> Option<Self> {
        let (what, detail) = text.split_once(':').map_or((text, None), |(what, detail)| (what, Some(detail)));
        Some(match (what, detail) {
            ("429", _) => refused(detail, Self::Throttled)?,
            ("503", _) => refused(detail, Self::Unavailable)?,
            ("slow", Some(detail)) => Self::Slow(time(detail)?),
            ("new-secret-delay", Some(detail)) => Self::NewSecretDelay(time(detail)?),
            ("expired-secret", None) => Self::ExpiredSecret,
            ("mfa", None) => Self::Mfa,
            ("conditional-access", None) => Self::ConditionalAccess,
            ("no-consent", None) => Self::NoConsent,
            ("no-roles", None) => Self::NoRoles,
            ("wrong-tenant", None) => Self::WrongTenant,
            ("secret-policy", None) => Self::SecretPolicy,
            ("down", None) => Self::Down,
            ("html", None) => Self::Html,
            ("wrong-types", None) => Self::WrongTypes,
            _ => return None,
        })
    }
}

/// `N`, `absent`, `date`, `decimal`, or `N:` and one of these.
fn refused(detail: Option<&str>, fault: fn(u32, Retry) -> CloudFault) -> Option<CloudFault> {
    let mut times = TIMES;
    let mut retry = Retry::Seconds;
    for part in detail.into_iter().flat_map(|detail| detail.split(':')) {
        match part {
            "absent" => retry = Retry::Absent,
            "date" => retry = Retry::Date,
            "decimal" => retry = Retry::Decimal,
            _ => times = part.parse().ok()?,
        }
    }
    Some(fault(times, retry))
}
