//! A secret that must not be found: looked for in every form, in all that a program said and left behind.

use std::path::Path;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};

use super::program::{Output, World};

/// Panics when `secret` stands in an output, or in a file of the world's home folder or its folders.
#[track_caller]
pub fn assert_nowhere(secret: &str, world: &World, outputs: &[&Output]) {
    let forms = forms(secret);
    for output in outputs {
        for (stream, text) in ["standard output", "standard error"].iter().zip(&output.raw) {
            assert_absent(&forms, text.as_bytes(), stream);
        }
    }
    let mut files = 0;
    look_into(&world.home(), &mut |path| {
        files += 1;
        assert_absent(&forms, &std::fs::read(path).unwrap(), &path.display().to_string());
    });
    assert!(files > 0, "there was nothing to look into");
}

fn look_into(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { look_into(&path, look) } else { look(&path) }
    }
}

#[track_caller]
fn assert_absent(forms: &[(String, Vec<u8>)], bytes: &[u8], place: &str) {
    for (name, form) in forms {
        let found = bytes.windows(form.len()).any(|window| window == form);
        assert!(!found, "the secret stands in {place}, as {name}");
    }
}

/// The secret as it is, and in the encodings that protocols and logs use.
fn forms(secret: &str) -> Vec<(String, Vec<u8>)> {
    let plain = secret.as_bytes().to_vec();
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let escaped = serde_json::to_string(secret).unwrap();
    let percent: String = plain
        .iter()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let mut forms = vec![
        ("JSON".to_owned(), escaped.trim_matches('"').as_bytes().to_vec()),
        ("percent".to_owned(), percent.into_bytes()),
    ];
    for (name, bytes) in [("text", plain), ("UTF-16LE", wide)] {
        forms.push((format!("{name} in hex"), HEXLOWER.encode(&bytes).into_bytes()));
        forms.push((format!("{name} in HEX"), HEXUPPER.encode(&bytes).into_bytes()));
        for shift in 0..3 {
            // What stands before and after decides the first and last letters: only those between are the secret's own.
            let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(bytes.iter().copied()).collect();
            let whole = BASE64.encode(&shifted);
            let first = if shift == 0 { 0 } else { 4 };
            let last = whole.trim_end_matches('=').len() - usize::from(shifted.len() % 3 != 0);
            forms.push((format!("{name} in base64, shifted by {shift}"), whole.as_bytes()[first..last].to_vec()));
        }
        forms.push((name.to_owned(), bytes));
    }
    forms
}
