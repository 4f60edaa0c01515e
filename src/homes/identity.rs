//! Who signs in to a home-directory server.

use crate::{
    error::{Error, Result},
    secret::Secret,
};

/// An account and its password.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `user@domain` or `DOMAIN\user`.
    pub name: String,
    /// The password. It is opened while a sign-in is sent; the SMB library keeps a copy of it for that long, not wiped.
    pub password: Secret,
}

impl Identity {
    /// Checks the name's form: a bare name would be an account of the file server itself, a DN is LDAP's.
    pub fn new(name: impl Into<String>, password: Secret) -> Result<Self> {
        let identity = Self { name: name.into(), password };
        identity.ntlm_names().map(|_| ()).map(|()| identity)
    }

    /// User and domain as NTLM sends them (MS-NLMP 2.2.1.3). A user principal name goes whole into the user's field, with
    /// an empty domain: the server's controller resolves it, also where its suffix is no domain.
    pub(super) fn ntlm_names(&self) -> Result<(&str, &str)> {
        let name = self.name.as_str();
        let names = match name.split_once('\\') {
            Some((domain, user)) if !domain.is_empty() && !user.is_empty() && !user.contains('\\') => (user, domain),
            None if is_upn(name) => (name, ""),
            _ => {
                return Err(Error::new("home.bad_name", format!("\"{name}\" cannot sign in to a file server"))
                    .hint("write the account as user@domain or DOMAIN\\user"));
            }
        };
        Ok(names)
    }
}

fn is_upn(name: &str) -> bool {
    !name.contains('=') && name.split_once('@').is_some_and(|(user, suffix)| !user.is_empty() && !suffix.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_name_are_understood_and_others_refused() {
        let secret = Secret::new("Home-Test-1!").unwrap();
        let names = |name: &str| Identity { name: name.into(), password: secret.clone() };
        assert_eq!(names("svc@lab.test").ntlm_names().unwrap(), ("svc@lab.test", ""));
        assert_eq!(names("LAB\\svc").ntlm_names().unwrap(), ("svc", "LAB"));
        assert_eq!(names("LAB\\odd@name").ntlm_names().unwrap(), ("odd@name", "LAB"));
        for bad in ["svc", "", "\\svc", "LAB\\", "@lab.test", "svc@", "CN=svc,DC=lab", "A\\B\\c"] {
            assert_eq!(names(bad).ntlm_names().unwrap_err().code(), "home.bad_name", "{bad}");
        }
    }
}
