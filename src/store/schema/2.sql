-- What a wrong password costs: seen in the directory, of one account (a fine-grained policy's) or of a whole domain.
CREATE TABLE lockout (
    principal INTEGER UNIQUE REFERENCES principal,
    domain    TEXT UNIQUE COLLATE NOCASE,
    threshold INTEGER NOT NULL,
    window    INTEGER NOT NULL,
    duration  INTEGER,
    seen_at   TEXT NOT NULL,
    CHECK ((principal IS NULL) <> (domain IS NULL))
) STRICT;

-- An attempt that was accepted has no row any more. answer: NULL while none came, then 'wrong', or 'none' when none will.
-- cleared_at: a target that had refused the account has accepted it since. domain and name (without its domain, in lower
-- case) say whose it was: several principals are one account while its objectGUID is unknown.
DROP INDEX attempt_open;
ALTER TABLE attempt ADD COLUMN credential INTEGER REFERENCES credential ON DELETE SET NULL;
ALTER TABLE attempt ADD COLUMN domain TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN answer TEXT CHECK (answer IN ('wrong', 'none'));
DELETE FROM attempt WHERE cleared_at IS NOT NULL;
CREATE INDEX attempt_principal ON attempt (principal, at);
CREATE INDEX attempt_account ON attempt (domain, name, at);

-- When a target accepted a version last, and when one refused it as wrong last.
ALTER TABLE credential ADD COLUMN accepted_at TEXT;
ALTER TABLE credential ADD COLUMN refused_at TEXT;
