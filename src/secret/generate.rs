//! New passwords, from the operating system's randomness.
//!
//! Each character is drawn evenly from an alphabet of n, so a password of k characters has k * log2(n) bits. Drawing again until
//! the classes that a policy asks for are there takes away less than a bit of that. Fewer than 16 characters or 80 bits are
//! made only where somebody insists: a directory's hashes are attacked offline, at some 2^40 guesses a second (NT hashes on
//! a rack of graphics cards), and 80 bits hold that for tens of thousands of years.

use rand::{TryRng, rngs::SysRng};
use zeroize::Zeroizing;

use super::Secret;
use crate::error::{Error, Result};

/// No `0 O o 1 l I |`, no quotes, no space, nothing that a shell, a CSV or an XML file gives a meaning that people trip over.
const CLASSES: [&str; 4] = ["ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", "!#%+-.:=?@_~"];

/// What the four classes leave out because people take one for the other; which class each is of shows itself.
const AMBIGUOUS: &str = "0Oo1lI";

/// A password's usual length; a policy may ask for more.
const USUAL_LENGTH: usize = 24;
/// Windows takes 256 characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=256;

/// The floor that only insisting goes below.
const FEWEST_CHARACTERS: usize = 16;
const FEWEST_BITS: f64 = 80.0;

/// Passwords that are drawn until one has the classes that are asked for. Even where an alphabet has but one digit in 94 the
/// chance of so many in vain is nil.
const DRAWS: usize = 100_000;

/// What a password has to satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// At least so many characters.
    pub min_length: usize,
    /// Active Directory asks for three of five classes; of the usual alphabet all four are there.
    pub complexity: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { min_length: USUAL_LENGTH, complexity: true }
    }
}

/// How a password is to look; what is not said is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Exactly so many characters, 8 to 256; 24, or what the policy and the alphabet ask for, when it is left out.
    pub length: Option<i64>,
    /// The characters that it is drawn from; 68 of four classes when it is left out.
    pub alphabet: Option<String>,
    /// Also those that people take for one another: 0 O o 1 l I.
    pub ambiguous: bool,
    /// Also below 16 characters or 80 bits.
    pub insist: bool,
}

/// Makes a password: of 24 characters of 68, about 146 bits, unless policy or recipe say otherwise.
///
/// # Errors
/// `secret.recipe` for a recipe that makes no sense, `secret.too_weak` for one below the floor, `secret.policy_impossible`
/// where it cannot satisfy the policy, `secret.no_randomness` when the system gives none.
pub fn password(policy: &Policy, recipe: &Recipe) -> Result<Secret> {
    let alphabet = alphabet(recipe)?;
    let length = length(policy, recipe, alphabet.len())?;
    let wanted = classes_wanted(policy, recipe, &alphabet, length)?;
    for _ in 0..DRAWS {
        // Drawing again keeps every password that fits equally likely; putting one of each class would not.
        let mut text = Zeroizing::new(String::with_capacity(length * 3));
        for _ in 0..length {
            text.push(alphabet[below(alphabet.len())?]);
        }
        if classes(&text) >= wanted {
            return Secret::new(text.as_str());
        }
    }
    Err(impossible("no password of the alphabet has the classes that the policy asks for".to_owned()))
}

/// The characters, each once.
fn alphabet(recipe: &Recipe) -> Result<Vec<char>> {
    let given = recipe.alphabet.as_deref();
    let mut characters: Vec<char> = given.map_or_else(|| CLASSES.concat(), str::to_owned).chars().collect();
    if given.is_none() && recipe.ambiguous {
        characters.extend(AMBIGUOUS.chars());
    }
    if !recipe.ambiguous {
        characters.retain(|c| !AMBIGUOUS.contains(*c) || *c == 'o' && given.is_some());
    }
    characters.sort_unstable();
    characters.dedup();
    // Windows counts UTF-16 units; a character of two would make a password longer than it looks.
    if characters.iter().any(|c| c.is_control() || c.is_whitespace() || c.len_utf16() > 1) {
        return Err(Error::new("secret.recipe", "the alphabet holds spaces, control characters or rare signs")
            .hint("give letters, digits and signs that can be typed"));
    }
    if !(2..=256).contains(&characters.len()) {
        return Err(Error::new(
            "secret.recipe",
            format!("the alphabet has {} different characters, and 2 to 256 can be drawn from", characters.len()),
        )
        .hint("0 O 1 l I are left out of it unless `ambiguous: true`"));
    }
    Ok(characters)
}

fn length(policy: &Policy, recipe: &Recipe, alphabet: usize) -> Result<usize> {
    let bits_each = (alphabet as f64).log2();
    let Some(asked) = recipe.length else {
        let strong = (FEWEST_BITS / bits_each).ceil() as usize;
        let length = USUAL_LENGTH.max(policy.min_length).max(strong);
        return if LENGTHS.contains(&length) { Ok(length) } else { Err(too_long(length)) };
    };
    let Some(length) = usize::try_from(asked).ok().filter(|length| LENGTHS.contains(length)) else {
        return Err(Error::new(
            "secret.recipe",
            format!("a length of {asked} is asked for, and 8 to 256 are possible"),
        )
        .hint("leave it out for 24 characters, or what the policy asks for"));
    };
    if length < policy.min_length {
        return Err(impossible(format!(
            "a password of {length} characters is asked for, and the policy wants {} at least",
            policy.min_length
        )));
    }
    let bits = bits_each * length as f64;
    if !recipe.insist && (length < FEWEST_CHARACTERS || bits < FEWEST_BITS) {
        return Err(Error::new(
            "secret.too_weak",
            format!("{length} characters of {alphabet} are {bits:.0} bits; {FEWEST_CHARACTERS} characters and 80 bits are the fewest"),
        )
        .hint("ask for more characters or a larger alphabet, or insist (`insist: true`)"));
    }
    Ok(length)
}

/// How many classes a password must have.
fn classes_wanted(policy: &Policy, recipe: &Recipe, alphabet: &[char], length: usize) -> Result<usize> {
    if !policy.complexity {
        return Ok(0);
    }
    if recipe.alphabet.is_none() {
        return Ok(CLASSES.len().min(length));
    }
    let there = classes(&alphabet.iter().collect::<String>());
    if there < 3 {
        return Err(impossible(format!(
            "the alphabet has {there} of the five classes, and the policy wants three: upper case, lower case, digits, \
             other signs, letters without case"
        )));
    }
    Ok(3)
}

fn impossible(message: String) -> Error {
    Error::new("secret.policy_impossible", message).hint("ask for what fits the policy, or leave it out")
}

fn too_long(length: usize) -> Error {
    let message = format!("a password of {length} characters would be needed, and no directory takes more than 256");
    Error::new("secret.policy_impossible", message).hint("lower the policy's minimum length, or use a larger alphabet")
}

/// How many of the five classes of MS-SAMR 3.1.1.7.2 are there: upper case, lower case, digits, other signs, letters without
/// case.
#[must_use]
pub fn classes(text: &str) -> usize {
    let present = [
        text.chars().any(char::is_uppercase),
        text.chars().any(char::is_lowercase),
        text.chars().any(|c| c.is_ascii_digit()),
        text.chars().any(|c| !c.is_alphanumeric()),
        text.chars().any(|c| c.is_alphabetic() && !c.is_uppercase() && !c.is_lowercase()),
    ];
    present.into_iter().filter(|there| *there).count()
}

/// A number below `limit` (at most 256), each equally likely.
fn below(limit: usize) -> Result<usize> {
    let fair = 256 - 256 % limit;
    loop {
        let mut byte = [0_u8];
        SysRng.try_fill_bytes(&mut byte).map_err(|e| {
            Error::new("secret.no_randomness", format!("the operating system gives no randomness: {e}"))
        })?;
        if usize::from(byte[0]) < fair {
            return Ok(usize::from(byte[0]) % limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_POLICY: Policy = Policy { min_length: 0, complexity: false };

    fn of(alphabet: &str) -> Recipe {
        Recipe { alphabet: Some(alphabet.to_owned()), ..Recipe::default() }
    }

    #[test]
    fn a_password_has_all_classes_and_nothing_ambiguous() {
        for _ in 0..200 {
            let secret = password(&Policy::default(), &Recipe::default()).unwrap();
            let text = secret.expose();
            assert_eq!(text.len(), 24);
            assert!(CLASSES.iter().all(|class| text.chars().any(|c| class.contains(c))));
            assert!(!text.contains(['0', 'O', 'o', '1', 'l', 'I', '|', '"', '\'', ' ', ',', ';', '&', '<', '\\', '$']));
        }
        let long = Policy { min_length: 40, complexity: true };
        assert_eq!(password(&long, &Recipe::default()).unwrap().expose().len(), 40);
        let longest = Policy { min_length: 300, complexity: true };
        assert_eq!(password(&longest, &Recipe::default()).unwrap_err().code(), "secret.policy_impossible");
    }

    #[test]
    fn a_recipe_is_followed() {
        let text = |recipe: &Recipe| password(&NO_POLICY, recipe).unwrap().expose().to_owned();
        assert_eq!(text(&Recipe { length: Some(40), ..Recipe::default() }).len(), 40);
        assert_eq!(text(&Recipe { length: Some(16), ..Recipe::default() }).len(), 16);
        let digits = text(&of("0123456789"));
        assert!(digits.len() == 27 && digits.chars().all(|c| "23456789".contains(c)), "as long as 80 bits need");
        let coins = text(&Recipe { ambiguous: true, ..of("01") });
        assert!(coins.len() == 80 && coins.chars().all(|c| "01".contains(c)));
        let many = text(&Recipe { ambiguous: true, length: Some(256), ..Recipe::default() });
        assert!(AMBIGUOUS.chars().any(|c| many.contains(c)));
        assert!(text(&of("äöüß漢字abcd")).chars().count() >= 24);
    }

    #[test]
    fn what_makes_no_sense_or_is_weak_is_refused() {
        let code = |policy: &Policy, recipe: &Recipe| password(policy, recipe).map_or_else(|e| e.code(), |_| "");
        let long = |length| Recipe { length: Some(length), ..Recipe::default() };
        for (length, expected) in [
            (-1, "secret.recipe"),
            (7, "secret.recipe"),
            (8, "secret.too_weak"),
            (15, "secret.too_weak"),
            (256, ""),
            (257, "secret.recipe"),
        ] {
            assert_eq!(code(&NO_POLICY, &long(length)), expected, "{length}");
        }
        assert_eq!(code(&NO_POLICY, &Recipe { insist: true, ..long(8) }), "");
        assert_eq!(code(&NO_POLICY, &Recipe { length: Some(20), ..of("23456789") }), "secret.too_weak");
        for alphabet in ["", "a", "aaa", "01lIO", "ab c", "ab\u{7}", "ab\u{1f600}"] {
            assert_eq!(code(&NO_POLICY, &of(alphabet)), "secret.recipe", "{alphabet:?}");
        }
        let complex = Policy { min_length: 20, complexity: true };
        assert_eq!(code(&complex, &long(16)), "secret.policy_impossible");
        assert_eq!(code(&complex, &of("abcdefghijk23456789")), "secret.policy_impossible");
        assert_eq!(code(&complex, &of("abcdefghijkABC23456789")), "");
    }

    /// Each character of the alphabet as often as the others, within what chance allows (six standard deviations).
    #[test]
    fn characters_are_drawn_evenly() {
        let recipe = Recipe { length: Some(256), ..of("abcdefghij") };
        let mut counts = [0_u32; 10];
        for _ in 0..100 {
            for byte in password(&NO_POLICY, &recipe).unwrap().expose().bytes() {
                counts[usize::from(byte - b'a')] += 1;
            }
        }
        assert!(counts.iter().all(|count| (2270..=2850).contains(count)), "{counts:?}");
    }
}
