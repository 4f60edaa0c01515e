//! The new password against the policy, before the directory sees it.

use crate::{
    directory::{PasswordPolicy, Policy},
    error::{Error, Result},
    secret::{
        Secret,
        generate::{self, Policy as Wanted, Recipe},
    },
};

/// Passwords that are drawn until one does not hold a part of the account's name by chance.
const DRAWS: usize = 100;

/// The names that a complex password may not hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// sAMAccountName.
    pub(super) account: Option<String>,
    /// displayName.
    pub(super) display: Option<String>,
}

/// A new password after `recipe` that satisfies `policy`; one for the strictest usual policy where that is unknown.
///
/// # Errors
/// `secret.policy_impossible` where the recipe cannot satisfy the policy; those of a recipe that makes no sense or is weak.
pub(super) fn generate(policy: Option<&Policy>, names: &Names, recipe: &Recipe) -> Result<Secret> {
    let min_length = policy.map_or(0, |policy| policy.rules.min_length as usize);
    // The usual alphabet always brings all classes; another one only where they are asked for, or may be.
    let complexity = recipe.alphabet.is_none() || policy.is_none_or(|policy| policy.rules.complexity);
    let wanted = Wanted { min_length, complexity };
    for _ in 0..DRAWS {
        let secret = generate::password(&wanted, recipe)?;
        if holds_name(secret.expose(), names).is_none() {
            return Ok(secret);
        }
    }
    Err(Error::new("rotation.no_password", "no password without a part of the account's name could be made")
        .hint("shorten the account's display name, or give a password"))
}

/// What is wrong with a password, in words that do not show it; `None` when the rules take it.
pub(super) fn broken(text: &str, rules: &PasswordPolicy, names: &Names) -> Option<String> {
    // Windows counts UTF-16 units (MS-SAMR 3.1.1.7.1).
    let length = text.encode_utf16().count();
    if length < rules.min_length as usize {
        return Some(format!("it has {length} characters, and {} are the fewest", rules.min_length));
    }
    if !rules.complexity {
        return None;
    }
    if generate::classes(text) < 3 {
        return Some("it needs three of: upper case, lower case, digits, other signs, letters without case".to_owned());
    }
    holds_name(text, names).map(str::to_owned)
}

/// Neither the account's name nor a word of its display name, without regard to case; shorter ones than three characters
/// do not count (MS-SAMR 3.1.1.7.2).
fn holds_name(text: &str, names: &Names) -> Option<&'static str> {
    let text = text.to_lowercase();
    let holds = |name: &str| name.chars().count() >= 3 && text.contains(&name.to_lowercase());
    if names.account.as_deref().is_some_and(holds) {
        return Some("it holds the account's name");
    }
    let words = names.display.as_deref().unwrap_or_default().split([',', '.', '-', '_', ' ', '#', '\t']);
    words.into_iter().any(holds).then_some("it holds a part of the account's display name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(min_length: u32, complexity: bool) -> PasswordPolicy {
        PasswordPolicy {
            min_length,
            complexity,
            history: 0,
            min_age: 0,
            max_age: None,
            lockout_threshold: 0,
            lockout_duration: None,
            lockout_window: 0,
        }
    }

    fn names() -> Names {
        Names { account: Some("svc-app".to_owned()), display: Some("App Al Server".to_owned()) }
    }

    #[test]
    fn the_rules_are_those_of_the_directory() {
        let says = |text: &str, rules: &PasswordPolicy| broken(text, rules, &names());
        assert_eq!(says("Abc-1", &rules(7, true)).as_deref(), Some("it has 5 characters, and 7 are the fewest"));
        assert_eq!(says("Abc-1", &rules(5, true)), None);
        assert_eq!(says("abcdefgh", &rules(7, false)), None);
        assert!(says("abcdefg1", &rules(7, true)).unwrap().starts_with("it needs three of"));
        assert_eq!(says("漢字abc1", &rules(5, true)), None, "letters without case are a class of their own");
        assert_eq!(says("xSVC-APP1", &rules(7, true)).as_deref(), Some("it holds the account's name"));
        assert_eq!(
            says("xServer1!", &rules(7, true)).as_deref(),
            Some("it holds a part of the account's display name")
        );
        assert_eq!(says("xAl1234!", &rules(7, true)), None, "two letters do not count");
    }

    #[test]
    fn a_generated_password_satisfies_the_rules_that_it_was_made_for() {
        for min_length in [0, 40] {
            let policy = Policy { rules: rules(min_length, true), fine_grained: crate::directory::FineGrained::None };
            let secret = generate(Some(&policy), &names(), &Recipe::default()).unwrap();
            assert_eq!(broken(secret.expose(), &policy.rules, &names()), None);
            assert_eq!(secret.expose().len(), (min_length as usize).max(24));
        }
        assert_eq!(generate(None, &names(), &Recipe::default()).unwrap().expose().len(), 24);
    }
}
