//! Where scripts and modules come from: the home folder, the binary, the working folder.
//!
//! Only the home's `scripts/` and `stdlib/` may stand before a bundled name. A working folder may add names and never
//! shadow one: a hostile folder would be handed passwords.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};
use crate::names::nearest;

const SCRIPTS: &[(&str, &str)] = &[
    ("add_ad", include_str!("../../scripts/add_ad.rhai")),
    ("add_msonline", include_str!("../../scripts/add_msonline.rhai")),
    ("check_agent_site", include_str!("../../scripts/check_agent_site.rhai")),
    ("check_msonline_prereqs", include_str!("../../scripts/check_msonline_prereqs.rhai")),
    ("expiry_report", include_str!("../../scripts/expiry_report.rhai")),
    ("health_check", include_str!("../../scripts/health_check.rhai")),
    ("migrate_msonline", include_str!("../../scripts/migrate_msonline.rhai")),
    ("recover", include_str!("../../scripts/recover.rhai")),
    ("reset_ad_creds", include_str!("../../scripts/reset_ad_creds.rhai")),
    ("reset_msonline_creds", include_str!("../../scripts/reset_msonline_creds.rhai")),
    ("rollback", include_str!("../../scripts/rollback.rhai")),
    ("rotate_all", include_str!("../../scripts/rotate_all.rhai")),
    ("revoke_access", include_str!("../../scripts/revoke_access.rhai")),
    ("test_connections", include_str!("../../scripts/test_connections.rhai")),
];

const STDLIB: &[(&str, &str)] = &[
    ("accounts", include_str!("../../stdlib/accounts.rhai")),
    ("checks", include_str!("../../stdlib/checks.rhai")),
    ("expiry", include_str!("../../stdlib/expiry.rhai")),
    ("online", include_str!("../../stdlib/online.rhai")),
    ("prereqs", include_str!("../../stdlib/prereqs.rhai")),
];

/// Where a script or module was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the binary.
    Bundled,
    /// On disk.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A script or module.
#[derive(Debug, Clone)]
pub struct Source {
    /// As errors and the ledger call it: the name, or the path that was asked for.
    pub name: String,
    /// Where it was found.
    pub origin: Origin,
    /// Its text.
    pub text: String,
}

/// One line of `libretto list`.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The name to run it by.
    pub name: String,
    /// What is there; an error where it cannot be read.
    pub found: Result<Found>,
}

/// A script that is listed.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where the one that wins is.
    pub origin: Origin,
    /// Whether a bundled script of the same name stands behind it.
    pub shadows_bundled: bool,
    /// The first sentence of its documentation.
    pub summary: String,
}

/// The places that scripts are looked for in.
#[derive(Debug, Clone)]
pub struct Library {
    home: PathBuf,
    working_folder: PathBuf,
}

impl Library {
    /// The library of a home folder and a working folder; neither needs to exist.
    #[must_use]
    pub fn new(home: &Path, working_folder: &Path) -> Self {
        Self { home: home.to_path_buf(), working_folder: working_folder.to_path_buf() }
    }

    /// A script by path (it ends in `.rhai`) or by name.
    ///
    /// # Errors
    /// `script.unknown`, with the nearest name; `script.unreadable`.
    pub fn script(&self, asked: &str) -> Result<Source> {
        if has_extension(Path::new(asked)) {
            return match read(&self.working_folder.join(asked), asked)? {
                Some(source) => Ok(source),
                None => Err(Error::new("script.unknown", format!("there is no file {asked}"))
                    .hint("`libretto list` shows the scripts that can be run by name")),
            };
        }
        if !is_plain_name(asked) {
            return Err(Error::new(
                "script.unknown",
                format!("\"{asked}\" is neither the name of a script nor a path that ends in .rhai"),
            )
            .hint("`libretto list` shows the scripts that can be run by name"));
        }
        let file = format!("{asked}.rhai");
        if let Some(source) = read(&self.home.join("scripts").join(&file), asked)? {
            return Ok(source);
        }
        if let Some(source) = bundled(SCRIPTS, asked) {
            return Ok(source);
        }
        if let Some(source) = read(&self.working_folder.join("scripts").join(&file), asked)? {
            return Ok(source);
        }
        let mut names = self.names();
        // It may have gone since it was listed.
        names.retain(|name| name != asked);
        let error = Error::new("script.unknown", format!("there is no script \"{asked}\""));
        Err(match nearest(asked, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`? `libretto list` shows all")),
            None => error.hint("`libretto list` shows all; a script of your own is named by its path, ending in .rhai"),
        })
    }

    /// A module that a script imports: the home's `stdlib/`, the bundled ones, then the folder of the script itself.
    ///
    /// # Errors
    /// `script.unknown_module`, `script.unreadable`.
    pub fn module(&self, name: &str, script_folder: Option<&Path>) -> Result<Source> {
        if !name.split('/').all(is_plain_name) {
            return Err(Error::new("script.unknown_module", format!("a module cannot be called \"{name}\""))
                .hint("modules are named like `checks` or `tenants/contoso`: no `..`, no absolute paths, no ending"));
        }
        let file = format!("{name}.rhai");
        if let Some(source) = read(&self.home.join("stdlib").join(&file), name)? {
            return Ok(source);
        }
        if let Some(source) = bundled(STDLIB, name) {
            return Ok(source);
        }
        if let Some(folder) = script_folder
            && let Some(source) = read(&folder.join(&file), name)?
        {
            return Ok(source);
        }
        let error = Error::new("script.unknown_module", format!("there is no module \"{name}\""));
        Err(match nearest(name, STDLIB.iter().map(|(name, _)| *name)) {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => {
                error.hint("modules are looked for in the home's stdlib/, in the bundled ones and beside the script")
            }
        })
    }

    /// Every script that can be run by name, sorted. One that cannot be read is listed with the reason.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let listed = self.names().into_iter().filter_map(|name| {
            let found = match self.script(&name) {
                // Somebody took it away meanwhile.
                Err(error) if error.code() == "script.unknown" => return None,
                Err(error) => Err(error),
                Ok(source) => {
                    let is_bundled = source.origin == Origin::Bundled;
                    let shadows_bundled = !is_bundled && SCRIPTS.iter().any(|(bundled, _)| *bundled == name);
                    Ok(Found { summary: summary(&source.text), origin: source.origin, shadows_bundled })
                }
            };
            Some(Listed { name, found })
        });
        listed.collect()
    }

    /// The names of the scripts that can be run by name, sorted; none of them is read.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = SCRIPTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for folder in [self.home.join("scripts"), self.working_folder.join("scripts")] {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let paths = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| has_extension(path));
            names.extend(
                paths
                    .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
                    .filter(|name| is_plain_name(name)),
            );
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names of all bundled scripts and modules with their texts, for tests and for `check` without arguments.
    #[must_use]
    pub fn bundled_scripts() -> Vec<Source> {
        SCRIPTS.iter().filter_map(|(name, _)| bundled(SCRIPTS, name)).collect()
    }

    /// The bundled modules.
    #[must_use]
    pub fn bundled_modules() -> Vec<Source> {
        STDLIB.iter().filter_map(|(name, _)| bundled(STDLIB, name)).collect()
    }
}

impl Source {
    /// The folder that the source lies in; none for a bundled one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => path.parent(),
            Origin::Bundled => None,
        }
    }
}

/// Whether a module's name is one of the bundled ones.
#[must_use]
pub fn is_bundled_module(name: &str) -> bool {
    STDLIB.iter().any(|(bundled, _)| *bundled == name)
}

/// The first sentence of a script's `//!` lines.
#[must_use]
pub fn summary(text: &str) -> String {
    let doc: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let doc = doc.join(" ");
    doc.split_once(". ").map_or_else(|| doc.clone(), |(first, _)| format!("{first}."))
}

fn bundled(all: &[(&str, &str)], name: &str) -> Option<Source> {
    let (name, text) = all.iter().find(|(known, _)| *known == name)?;
    Some(Source { name: (*name).to_owned(), origin: Origin::Bundled, text: (*text).to_owned() })
}

fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

fn has_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rhai")
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn read(path: &Path, name: &str) -> Result<Option<Source>> {
    let unreadable = |why: &str| {
        Error::new("script.unreadable", format!("{} cannot be read: {why}", path.display()))
            .hint("a script is a text file in UTF-8 that this account may read")
    };
    match std::fs::read_to_string(path) {
        // What some editors put before a text in UTF-8 is not a part of it.
        Ok(text) => Ok(Some(Source {
            name: name.to_owned(),
            origin: Origin::File(path.to_path_buf()),
            text: without_mark(text),
        })),
        // A bundled script of that name is not what somebody meant who has put a link in its place.
        Err(_) if path.is_symlink() && !path.exists() => Err(unreadable("it is a link to a file that is not there")),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(unreadable(&e.to_string())),
    }
}
