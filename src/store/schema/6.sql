-- Where a Workflow Engine sends a connection's actions: to this Remote Agent. The engine's store is its own and holds no
-- connections; they go by the names that they have where they are kept. token: sealed to this store's identity.
CREATE TABLE route (
    connection TEXT PRIMARY KEY COLLATE NOCASE,
    domain     TEXT NOT NULL,
    host       TEXT NOT NULL,
    port       INTEGER NOT NULL,
    trusted    TEXT REFERENCES trusted,
    token      BLOB,
    written_by TEXT NOT NULL,
    written_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
