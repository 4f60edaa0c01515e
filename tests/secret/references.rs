//! References to secrets.

use std::fs;

use libretto::{
    host::Host,
    secret::{LONGEST, reference::Reference},
};

fn code(text: &str, host: &Host) -> String {
    Reference::parse(text).and_then(|reference| reference.read(host, "password of corp")).unwrap_err().code().to_owned()
}

#[test]
fn a_literal_is_refused_and_not_repeated() {
    for literal in ["hunter2hunter2", "pass:word:x", "env:", "ENV:NAME", "https://u:p4ssw0rd@host", ""] {
        let error = Reference::parse(literal).unwrap_err();
        assert_eq!(error.code(), "secret.literal");
        assert!(literal.len() < 8 || !format!("{error} {:?}", error.remedy()).contains(literal), "{literal}");
    }
}

#[test]
fn references_keep_their_words() {
    for text in ["env:PW", "file:/run/pw", "-", "prompt", "generate", "command:pass show corp", "vault:kv/corp#pw"] {
        let reference = Reference::parse(text).unwrap();
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.is_kept(), text.starts_with("command:") || text.starts_with("vault:"));
    }
}

#[test]
fn each_source_gives_its_secret_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::real();
    host.stdin_is_terminal = false;
    host.working_folder = folder.path().to_path_buf();
    for (name, bytes) in [
        ("pw", &b"with a space \r\n"[..]),
        ("two", b"line one\nline two\n\n"),
        ("empty", b"\n"),
        ("latin1", b"p\xe4ss"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let longest = "x".repeat(LONGEST);
    for (name, text) in [
        ("longest", format!("{longest}\r\n")),
        ("long", format!("{longest}x")),
        // A character stands where reading ends.
        ("cut", "\u{20ac}".repeat(LONGEST)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let read = |text: &str| Reference::parse(text).unwrap().read(&host, "password of corp").unwrap();
    assert_eq!(read("file:longest").expose(), longest);
    assert_eq!(read("command:cat longest").expose(), longest);
    assert_eq!(read("file:pw").expose(), "with a space ");
    assert_eq!(read("file:two").expose(), "line one\nline two\n", "one line ending goes");
    assert_eq!(read("command:printf 'from a program\\n'").expose(), "from a program");
    assert_eq!(read("command:cat pw").expose(), "with a space ");
    assert_eq!(read("env:PATH").expose(), host.var("PATH").unwrap());
    for (text, expected) in [
        ("file:/dev/zero", "secret.too_long"),
        ("file:long", "secret.too_long"),
        ("file:cut", "secret.too_long"),
        ("command:cat /dev/zero", "secret.too_long"),
        ("command:cat long", "secret.too_long"),
        ("env:LIBRETTO_SURELY_UNSET", "secret.env_unset"),
        ("file:gone", "secret.file_unreadable"),
        ("file:latin1", "secret.file_unreadable"),
        ("file:empty", "secret.empty"),
        ("command:false", "secret.command_failed"),
        ("command:/no/such/program", "secret.command_failed"),
        ("command:true", "secret.empty"),
        ("command:printf abc", "secret.too_short"),
        ("prompt", "usage.no_terminal"),
        ("generate", "secret.generate_needs_rotate"),
        ("vault:kv/corp", "secret.vault_unavailable"),
    ] {
        assert_eq!(code(text, &host), expected, "{text}");
    }
}
