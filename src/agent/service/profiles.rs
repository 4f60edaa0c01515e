//! The group `LicenceProfiles`: templates that say which service plans of a licence apply.
//!
//! They hold nothing secret and are few: one JSON file, `licence-profiles.json`, replaced as a whole.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{body::Bytes, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Agent;
use crate::{
    connection::syntax,
    error::{Error, Result},
    service::{
        Answer, Problem,
        body::{self, Members},
        keep::{self, Present},
    },
    store::files_failed,
};

const FILE: &str = "licence-profiles.json";
/// Nobody has so many; a client that makes them in a loop would fill the disk.
const MOST: usize = 10_000;

/// Which service plans of a licence apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Profile {
    /// Its name, without regard to case.
    #[schema(example = "staff")]
    pub(super) name: String,
    /// The licence, by its part number or its id.
    #[schema(example = "ENTERPRISEPACK")]
    pub(super) sku: String,
    /// The service plans that apply, by name or id; empty: all of the licence.
    #[serde(default)]
    #[schema(required = false, value_type = Option<Vec<String>>, example = json!(["EXCHANGE_S_ENTERPRISE"]))]
    pub(super) plans: Vec<String>,
}

/// A profile's name: as a text alone, or as the one member of an object.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code)] // the document's; what arrives is read by `body::one_text`
#[serde(untagged)]
pub(super) enum NameReq {
    /// The name.
    #[schema(example = "string")]
    Text(String),
    /// The same in an object.
    Object {
        /// The name.
        name: String,
    },
}

/// Lists the licence profiles
#[utoipa::path(get, path = "/api/LicenceProfiles/List", tag = "LicenceProfiles", operation_id = "LicenceProfiles_List",
    responses((status = 200, description = "All profiles, by name", body = [Profile])))]
pub(super) async fn list(State(agent): State<Agent>) -> Answer<Vec<Profile>> {
    Answer(agent.0.profiles.list())
}

/// Makes a licence profile, or puts it in the place of the one of that name
#[utoipa::path(post, path = "/api/LicenceProfiles/Set", tag = "LicenceProfiles", operation_id = "LicenceProfiles_Set",
    request_body = Profile, responses((status = 200, description = "The profile as it is now", body = Profile)))]
pub(super) async fn set(
    State(agent): State<Agent>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Answer<Profile>, Problem> {
    let mut members = Members::of(body::json(&headers, &bytes)?)?;
    let profile = Profile {
        name: named(&members.needed("name")?, "name")?,
        sku: named(&members.needed("sku")?, "sku")?,
        plans: members
            .texts("plans")?
            .unwrap_or_default()
            .iter()
            .map(|plan| named(plan, "plans"))
            .collect::<Result<_>>()?,
    };
    members.finish()?;
    agent.stored(move |inner| inner.profiles.set(profile)).await.map(Answer)
}

/// Removes a licence profile
#[utoipa::path(post, path = "/api/LicenceProfiles/Delete", tag = "LicenceProfiles", operation_id = "LicenceProfiles_Delete",
    request_body = NameReq, responses((status = 200, description = "The profile as it was", body = Profile)))]
pub(super) async fn delete(
    State(agent): State<Agent>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Answer<Profile>, Problem> {
    let name = named(&body::one_text(body::json(&headers, &bytes)?)?, "the name")?;
    agent.stored(move |inner| inner.profiles.delete(&name)).await.map(Answer)
}

fn named(text: &str, member: &str) -> Result<String> {
    syntax::username(text).map_err(|_| body::bad(format!("{member} must hold a name, and no control characters")))
}

/// The profiles that an agent has.
#[derive(Debug)]
pub(super) struct Profiles {
    folder: PathBuf,
    /// By name in lower case.
    all: Mutex<BTreeMap<String, Profile>>,
}

impl Profiles {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let wrong = |said: String| {
            Error::new("agent.profiles_unreadable", format!("{} cannot be read: {said}", path.display()))
                .hint("restore it from a backup, or remove it and make the profiles again")
        };
        let all: Vec<Profile> = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(wrong(e.to_string())),
        };
        let all = all.into_iter().map(|profile| (profile.name.to_lowercase(), profile)).collect();
        Ok(Self { folder: folder.to_path_buf(), all: Mutex::new(all) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Profile>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(&self) -> Vec<Profile> {
        self.lock().values().cloned().collect()
    }

    /// One by its name.
    ///
    /// # Errors
    /// `agent.unknown_profile`.
    pub(super) fn get(&self, name: &str) -> Result<Profile> {
        self.lock().get(&name.to_lowercase()).cloned().ok_or_else(unknown)
    }

    fn set(&self, profile: Profile) -> Result<Profile> {
        let mut all = self.lock();
        let mut after = all.clone();
        after.insert(profile.name.to_lowercase(), profile.clone());
        if after.len() > MOST {
            return Err(Error::new("agent.too_many_profiles", format!("there are {MOST} profiles already"))
                .hint("delete those that are not used"));
        }
        self.keep(&after)?;
        *all = after;
        Ok(profile)
    }

    fn delete(&self, name: &str) -> Result<Profile> {
        let mut all = self.lock();
        let mut after = all.clone();
        let gone = after.remove(&name.to_lowercase()).ok_or_else(unknown)?;
        self.keep(&after)?;
        *all = after;
        Ok(gone)
    }

    /// On the disk before anybody is told.
    fn keep(&self, all: &BTreeMap<String, Profile>) -> Result<()> {
        let text = serde_json::to_vec_pretty(&all.values().collect::<Vec<_>>())
            .map_err(|e| Error::new("agent.profiles_unreadable", format!("the profiles cannot be written: {e}")))?;
        keep::make(&self.folder, FILE, &text, Present::Goes).map_err(|e| files_failed(&self.folder, &e))
    }
}

fn unknown() -> Error {
    Error::new("agent.unknown_profile", "there is no licence profile of that name")
        .hint("LicenceProfiles_List shows those that there are")
}
