//! A secret that must be nowhere: looked for in outputs and in every file of a folder, however it may be written.

use std::path::Path;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// A secret and all the forms that it is looked for in.
#[derive(Debug)]
pub struct Canary {
    forms: Vec<(String, Vec<u8>)>,
}

/// The forms of `secret`, which should be long and like nothing else.
pub fn canary(secret: &str) -> Canary {
    assert!(secret.len() >= 8, "a short secret is found by chance");
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = Vec::new();
    for (charset, bytes) in [("UTF-8", secret.as_bytes()), ("UTF-16LE", &utf16)] {
        let mut add = |encoding: &str, form: &[u8]| forms.push((format!("{charset}{encoding}"), form.to_vec()));
        add("", bytes);
        add(" in hex", HEXLOWER.encode(bytes).as_bytes());
        add(" in hex", HEXUPPER.encode(bytes).as_bytes());
        for shift in 0..3 {
            add(" in base64", base64_inside(&BASE64, bytes, shift).as_bytes());
            add(" in base64", base64_inside(&BASE64URL, bytes, shift).as_bytes());
        }
        let percent = percent_encode(bytes, NON_ALPHANUMERIC).to_string();
        add(" percent-encoded", percent.to_lowercase().as_bytes());
        add(" percent-encoded", percent.as_bytes());
    }
    let json = serde_json::to_string(secret).unwrap();
    forms.push(("JSON-escaped".into(), json.trim_matches('"').as_bytes().to_vec()));
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    forms.push(("HTML-escaped".into(), html.into_bytes()));
    let twice = serde_json::to_string(&json).unwrap();
    forms.push(("JSON-escaped twice".into(), twice.trim_matches(['"', '\\']).as_bytes().to_vec()));
    // As it would be shown on one line, and as a text of several lines would be told line by line.
    for (tab, how) in [(" ", "with spaces for what is no character"), ("    ", "with its tabs spread")] {
        let shown = secret.replace('\t', tab).replace(char::is_control, " ");
        forms.push((how.into(), shown.into_bytes()));
        for line in secret.lines().filter(|line| line.len() >= 8) {
            let line = line.replace('\t', tab).replace(char::is_control, " ");
            forms.push((format!("{how}, one line of it"), line.into_bytes()));
        }
    }
    Canary { forms }
}

/// What of `bytes` is the same in the base64 of any text that holds them `shift` bytes after a group's start.
fn base64_inside(base64: &data_encoding::Encoding, bytes: &[u8], shift: usize) -> String {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(bytes);
    let whole_groups = padded.len() / 3 * 3;
    let text = base64.encode(&padded[..whole_groups]);
    // a group that begins with other bytes is not the secret's own
    text[if shift == 0 { 0 } else { 4 }..].to_owned()
}

impl Canary {
    /// The first form that `bytes` hold.
    pub fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let holds = |form: &[u8]| bytes.windows(form.len()).any(|window| window == form);
        self.forms.iter().find(|(_, form)| holds(form)).map(|(name, _)| name.as_str())
    }

    /// Fails when `bytes` hold it.
    #[track_caller]
    pub fn assert_absent(&self, place: &str, bytes: impl AsRef<[u8]>) {
        if let Some(form) = self.found_in(bytes.as_ref()) {
            panic!("the secret is in {place}, as {form}");
        }
    }

    /// Fails when a file below `folder` holds it, or a file's name.
    #[track_caller]
    pub fn assert_absent_below(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            self.assert_absent(&format!("the name {}", path.display()), path.as_os_str().as_encoded_bytes());
            if path.is_dir() {
                self.assert_absent_below(&path);
            } else if path.is_file() {
                self.assert_absent(&path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
}
