-- Facts about the store itself: created_at, and the recipient (public key) of the identity that seals its credentials.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The account that credentials belong to. directory_guid is its objectGUID, or cloud, tenant and app id of an app; empty
-- while nobody has asked the directory. A row that turned out to be another one's double points to it and stays.
CREATE TABLE principal (
    uid            INTEGER PRIMARY KEY,
    kind           TEXT NOT NULL,
    directory_guid TEXT UNIQUE,
    domain         TEXT NOT NULL,
    label          TEXT NOT NULL,
    lock_holder    TEXT,
    lock_since     TEXT,
    merged_into    INTEGER REFERENCES principal
) STRICT;

-- Certificates that connections trust, each once: ten thousand connections often share one.
CREATE TABLE trusted (
    hash TEXT PRIMARY KEY,
    pem  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- tags: sorted, separated by spaces (a tag has none); a table of their own made reading all connections twice as slow.
CREATE TABLE connection (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL COLLATE NOCASE UNIQUE,
    kind       TEXT NOT NULL,
    domain     TEXT NOT NULL COLLATE NOCASE,
    principal  INTEGER NOT NULL REFERENCES principal,
    username   TEXT NOT NULL,
    customer   TEXT COLLATE NOCASE,
    tags       TEXT NOT NULL,
    settings   TEXT NOT NULL,
    trusted    TEXT REFERENCES trusted,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX connection_principal ON connection (principal);
CREATE INDEX connection_domain ON connection (domain);

-- connection: the one that the version was recorded for.
CREATE TABLE credential (
    id         INTEGER PRIMARY KEY,
    principal  INTEGER NOT NULL REFERENCES principal,
    version    INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('candidate', 'current', 'previous', 'retiring', 'retired')),
    username   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    sealed     BLOB,
    reference  TEXT,
    connection INTEGER REFERENCES connection ON DELETE SET NULL,
    created_at TEXT NOT NULL,
    proven_at  TEXT,
    proven_on  TEXT,
    sent_at    TEXT,
    retired_at TEXT,
    why        TEXT,
    run        TEXT,
    UNIQUE (principal, version),
    CHECK ((sealed IS NULL) <> (reference IS NULL))
) STRICT;
CREATE UNIQUE INDEX credential_one_current ON credential (principal) WHERE state = 'current';

-- The directory may hold it: whatever is deleted, this is not, until it was retired for 30 days.
CREATE TRIGGER credential_kept BEFORE DELETE ON credential
WHEN OLD.state <> 'retired' OR OLD.retired_at IS NULL
     OR OLD.retired_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-30 days')
BEGIN
    SELECT RAISE(ABORT, 'a credential is kept until it was retired for 30 days');
END;

CREATE TABLE source (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id         TEXT PRIMARY KEY,
    script     TEXT NOT NULL,
    lab        INTEGER NOT NULL,
    params     TEXT NOT NULL,
    operator   TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    version    TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    verdict    TEXT,
    exit       INTEGER,
    counts     TEXT,
    changed    TEXT,
    unchanged  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX run_started ON run (started_at);

CREATE TABLE run_source (
    run  TEXT NOT NULL REFERENCES run,
    name TEXT NOT NULL,
    hash TEXT NOT NULL REFERENCES source,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE part (
    id         INTEGER PRIMARY KEY,
    run        TEXT NOT NULL REFERENCES run,
    path       TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('step', 'batch', 'item', 'check')),
    key        TEXT,
    verdict    TEXT,
    started_at TEXT NOT NULL,
    ms         INTEGER,
    value      TEXT,
    error      TEXT,
    UNIQUE (run, path, occurrence)
) STRICT;

CREATE TABLE write (
    run        TEXT NOT NULL REFERENCES run,
    number     INTEGER NOT NULL,
    path       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    target     TEXT NOT NULL,
    did        TEXT NOT NULL,
    did_not    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('sent', 'done', 'failed', 'in-doubt')),
    sent_at    TEXT NOT NULL,
    settled_at TEXT,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE rotation (
    id            TEXT PRIMARY KEY,
    principal     INTEGER NOT NULL REFERENCES principal,
    connection    TEXT NOT NULL,
    run           TEXT,
    stage         TEXT NOT NULL,
    pinned_target TEXT,
    candidate     INTEGER REFERENCES credential,
    before        TEXT NOT NULL,
    options       TEXT NOT NULL,
    started_at    TEXT NOT NULL,
    finished_at   TEXT,
    verdict       TEXT
) STRICT;
CREATE UNIQUE INDEX rotation_one_unfinished ON rotation (principal) WHERE finished_at IS NULL;

CREATE TABLE rotation_event (
    rotation TEXT NOT NULL REFERENCES rotation,
    number   INTEGER NOT NULL,
    at       TEXT NOT NULL,
    what     TEXT NOT NULL,
    target   TEXT,
    data     TEXT NOT NULL,
    PRIMARY KEY (rotation, number)
) STRICT, WITHOUT ROWID;

-- The lockout budget: a sign-in whose outcome could be a wrong password, written before it is sent.
CREATE TABLE attempt (
    id         INTEGER PRIMARY KEY,
    principal  INTEGER NOT NULL REFERENCES principal,
    target     TEXT NOT NULL,
    protocol   TEXT NOT NULL CHECK (protocol IN ('ldap', 'smb')),
    at         TEXT NOT NULL,
    cleared_at TEXT
) STRICT;
CREATE INDEX attempt_open ON attempt (principal, at) WHERE cleared_at IS NULL;
