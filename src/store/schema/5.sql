-- An app is one principal for all connections that sign in as it. app: its id; an app id is of one cloud (directory_guid has
-- that, once it is known). home_tenant: the tenant that holds the application object, by its GUID.
ALTER TABLE principal ADD COLUMN app TEXT COLLATE NOCASE;
ALTER TABLE principal ADD COLUMN home_tenant TEXT;
UPDATE principal SET app = (SELECT max(settings ->> '$.client_id') FROM connection WHERE principal = uid)
WHERE uid IN (SELECT min(principal) FROM connection WHERE kind = 'msonline' AND settings ->> '$.client_id' IS NOT NULL
              GROUP BY lower(settings ->> '$.client_id'));
CREATE UNIQUE INDEX principal_app ON principal (app) WHERE app IS NOT NULL;

-- The Remote Agent of an msonline connection: the token that it asks for (sealed to the store's identity, or a reference), and
-- which version of the credential its copy of the connection was given last, and where.
CREATE TABLE agent (
    connection INTEGER PRIMARY KEY REFERENCES connection ON DELETE CASCADE,
    sealed     BLOB,
    reference  TEXT,
    copy       INTEGER REFERENCES credential ON DELETE SET NULL,
    copied_to  TEXT,
    copied_at  TEXT,
    CHECK (sealed IS NULL OR reference IS NULL)
) STRICT;
