//! IIS as `appcmd.exe` tells of it on its own host. Its output is read as Microsoft's documentation shows it; it was never run on
//! Windows.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    program,
    web::{App, Pool, Site},
};
use crate::{
    error::{Error, Result},
    host::Host,
};

/// The program.
#[derive(Debug, Clone)]
pub struct AppCmd(PathBuf);

impl AppCmd {
    /// Where this host has it; `None` on others than Windows, and without IIS.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        let folder = Path::new(host.var("windir").or_else(|| host.var("SystemRoot"))?);
        Some(Self(folder.join("System32/inetsrv/appcmd.exe"))).filter(|it| it.0.is_file())
    }

    pub(super) fn sites(&self) -> Result<Vec<Site>> {
        let apps = self.run(&["list", "app"])?;
        let folders = self.run(&["list", "vdir"])?;
        let root = |lines: &[Line], name: &str, what: &str| {
            lines
                .iter()
                .find(|line| line.name == format!("{name}/"))
                .and_then(|line| line.get(what))
                .unwrap_or_default()
        };
        let site = |line: Line| Site {
            id: line.name.clone(),
            status: line.get("state").unwrap_or_default().to_lowercase(),
            ports: ports(&line.get("bindings").unwrap_or_default()),
            pool: root(&apps, &line.name, "applicationPool"),
            path: root(&folders, &line.name, "physicalPath"),
            name: line.name,
        };
        Ok(self.run(&["list", "site"])?.into_iter().map(site).collect())
    }

    pub(super) fn pool(&self, name: &str) -> Result<Pool> {
        let pools = self.run(&["list", "apppool"])?;
        let line =
            pools.iter().find(|line| line.name.eq_ignore_ascii_case(name)).ok_or_else(|| super::web::no_pool(name))?;
        let told = |what: &str| self.text(&["list", "apppool", &line.name, what]).map(|text| text.trim().to_owned());
        let kind = told("/text:processModel.identityType")?;
        let identity = if kind == "SpecificUser" { told("/text:processModel.userName")? } else { kind };
        Ok(Pool { status: line.get("state").unwrap_or_default().to_lowercase(), identity, name: line.name.clone() })
    }

    pub(super) fn apps(&self, site: &Site) -> Result<Vec<App>> {
        let apps = self.run(&["list", "app"])?;
        let of_site = |line: Line| {
            let path = line.name.strip_prefix(&site.name).filter(|path| path.starts_with('/'))?.to_owned();
            Some(App { path, pool: line.get("applicationPool").unwrap_or_default() })
        };
        Ok(apps.into_iter().filter_map(of_site).collect())
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<Line>> {
        Ok(self.text(arguments)?.lines().filter_map(Line::read).collect())
    }

    fn text(&self, arguments: &[&str]) -> Result<String> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        program::output(&self.0, &arguments)?.ok_or_else(|| Error::inconclusive("iis.no_appcmd", "appcmd.exe is gone"))
    }
}

/// `SITE "Default Web Site" (id:1,bindings:http/*:80:,state:Started)`.
struct Line {
    name: String,
    facts: String,
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once('"')?;
        let (name, rest) = rest.rsplit_once("\" (")?;
        Some(Self { name: name.to_owned(), facts: rest.trim_end().strip_suffix(')')?.to_owned() })
    }

    /// A value may hold commas (bindings), a path colons: it ends where the next of the known names begins.
    fn get(&self, name: &str) -> Option<String> {
        const NAMES: [&str; 7] =
            ["id:", "bindings:", "state:", "applicationPool:", "physicalPath:", "MgdVersion:", "MgdMode:"];
        let facts = format!(",{}", self.facts);
        let begin = facts.find(&format!(",{name}:"))? + name.len() + 2;
        let rest = &facts[begin..];
        let end = NAMES.iter().filter_map(|next| rest.find(&format!(",{next}"))).min().unwrap_or(rest.len());
        Some(rest[..end].to_owned())
    }
}

/// The ports in `http/*:80:,https/*:40002:agent1`.
fn ports(bindings: &str) -> Vec<u16> {
    bindings.split(',').filter_map(|one| one.rsplit(':').nth(1)?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_documented() {
        let line =
            Line::read("SITE \"Remote \"Agent\"\" (id:2,bindings:http/*:80:,https/*:40002:a.example,state:Started)\r")
                .unwrap();
        assert_eq!((line.name.as_str(), line.get("state").as_deref()), ("Remote \"Agent\"", Some("Started")));
        assert_eq!(ports(&line.get("bindings").unwrap()), [80, 40002]);
        let line = Line::read(r#"VDIR "Remote Agent/" (physicalPath:C:\Agents, new\api)"#).unwrap();
        assert_eq!(line.get("physicalPath").as_deref(), Some(r"C:\Agents, new\api"));
    }
}
