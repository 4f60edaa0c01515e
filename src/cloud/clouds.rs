//! Microsoft's national clouds: where each signs in and where its Graph is. Their tokens are not interchangeable.
//!
//! Source: learn.microsoft.com, "Microsoft Graph and Graph Explorer service root endpoints" and "National clouds".

use serde::{Deserialize, Serialize};
use url::Url;

/// Which of Microsoft's clouds a tenant lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NationalCloud {
    /// The worldwide one, GCC included.
    Global,
    /// US government, GCC High.
    UsGovernment,
    /// US government, Department of Defense.
    UsDefense,
    /// China, operated by 21Vianet.
    China,
    /// None of Microsoft's: a lab, or somebody's stand-in.
    Other,
}

/// Where a cloud is.
pub(super) struct Place {
    pub(super) cloud: NationalCloud,
    /// The sign-in host.
    pub(super) login: &'static str,
    /// The Graph host.
    pub(super) graph: &'static str,
}

/// In the order in which a domain is looked for.
pub(super) const PLACES: [Place; 4] = [
    Place { cloud: NationalCloud::Global, login: "login.microsoftonline.com", graph: "graph.microsoft.com" },
    Place { cloud: NationalCloud::UsGovernment, login: "login.microsoftonline.us", graph: "graph.microsoft.us" },
    Place { cloud: NationalCloud::UsDefense, login: "login.microsoftonline.us", graph: "dod-graph.microsoft.us" },
    Place {
        cloud: NationalCloud::China,
        login: "login.partner.microsoftonline.cn",
        graph: "microsoftgraph.chinacloudapi.cn",
    },
];

impl NationalCloud {
    /// The word as users see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGovernment => "us-government",
            Self::UsDefense => "us-defense",
            Self::China => "china",
            Self::Other => "other",
        }
    }

    /// Its sign-in host and its Graph host; `None` for one that is none of Microsoft's.
    #[must_use]
    pub fn hosts(self) -> Option<(&'static str, &'static str)> {
        PLACES.iter().find(|place| place.cloud == self).map(|place| (place.login, place.graph))
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Global, Self::UsGovernment, Self::UsDefense, Self::China, Self::Other];
        all.into_iter().find(|cloud| cloud.as_str() == word)
    }
}

impl std::fmt::Display for NationalCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether these are the sign-in host and the Graph of one of Microsoft's clouds.
pub(super) fn are_microsofts(login: &Url, graph: &Url) -> bool {
    let is = |url: &Url, host: &str| url.scheme() == "https" && url.host_str() == Some(host) && url.port().is_none();
    PLACES.iter().any(|place| is(login, place.login) && is(graph, place.graph))
}

/// The cloud whose Graph host this is.
pub(super) fn by_graph_host(host: &str) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.graph.eq_ignore_ascii_case(host))
}
