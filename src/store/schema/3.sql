-- The audit trail: who did what, each entry with the hash of the one before it (docs/audit.md). Entries refer to nothing, so
-- that whatever else is tidied away leaves them as they are.
CREATE TABLE audit (
    number     INTEGER PRIMARY KEY,
    at         TEXT NOT NULL,
    operator   TEXT NOT NULL,
    run        TEXT,
    what       TEXT NOT NULL,
    principal  INTEGER,
    account    TEXT,
    connection TEXT,
    verdict    TEXT,
    data       TEXT NOT NULL,
    previous   TEXT NOT NULL,
    hash       TEXT NOT NULL
) STRICT;

-- They keep mistakes away, not an attacker: whoever can write the file can drop them. The hashes are for that.
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit trail is not changed');
END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit trail is not deleted');
END;
