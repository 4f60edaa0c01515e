//! New passwords, from the operating system's randomness.

use rand::{TryRng, rngs::SysRng};
use zeroize::Zeroizing;

use super::Secret;
use crate::error::{Error, Result};

/// No `0 O o 1 l I |`, no quotes, no space, nothing that a shell, a CSV or an XML file gives a meaning that people trip over.
const CLASSES: [&[u8]; 4] = [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnpqrstuvwxyz", b"23456789", b"!#%+-.:=?@_~"];

/// What a password has to satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// At least so many characters; never fewer than 24 are made, nor more than 256 (Windows takes 256).
    pub min_length: usize,
    /// Of each of the four classes at least one (Active Directory asks for three of five).
    pub complexity: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { min_length: 24, complexity: true }
    }
}

/// Makes a password: 24 characters of 68, about 146 bits, unless the policy asks for more.
///
/// # Errors
/// `secret.policy_impossible` above 256 characters, `secret.no_randomness` when the system gives none.
pub fn password(policy: &Policy) -> Result<Secret> {
    if policy.min_length > 256 {
        return Err(Error::new(
            "secret.policy_impossible",
            "no directory takes a password of more than 256 characters",
        )
        .hint("lower the policy's minimum length"));
    }
    let alphabet: Vec<u8> = CLASSES.concat();
    let length = policy.min_length.max(24);
    loop {
        let mut text = Zeroizing::new(String::with_capacity(length));
        while text.len() < length {
            text.push(char::from(alphabet[below(alphabet.len())?]));
        }
        // Drawing again keeps every password that satisfies the policy equally likely; putting one of each class would not.
        if !policy.complexity || CLASSES.iter().all(|class| text.bytes().any(|byte| class.contains(&byte))) {
            return Secret::new(text.as_str());
        }
    }
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

    #[test]
    fn a_password_has_all_classes_and_nothing_ambiguous() {
        for _ in 0..200 {
            let secret = password(&Policy::default()).unwrap();
            let text = secret.expose();
            assert_eq!(text.len(), 24);
            assert!(CLASSES.iter().all(|class| text.bytes().any(|byte| class.contains(&byte))));
            assert!(!text.contains(['0', 'O', 'o', '1', 'l', 'I', '|', '"', '\'', ' ', ',', ';', '&', '<', '\\', '$']));
        }
        assert_eq!(password(&Policy { min_length: 40, complexity: true }).unwrap().expose().len(), 40);
        assert_eq!(
            password(&Policy { min_length: 300, complexity: true }).unwrap_err().code(),
            "secret.policy_impossible"
        );
    }
}
