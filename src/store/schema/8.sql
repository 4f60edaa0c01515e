-- What an agent (copy) or the Workflow Engine (route) was given for a connection, or had taken from it, as long as that is not settled: it
-- was sent and has no answer yet (sure = 0), or it was a version that nothing has proven so far (sure = 1, until it is current).
CREATE TABLE handed (
    connection INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    what       TEXT NOT NULL CHECK (what IN ('copy', 'route')),
    taken      INTEGER NOT NULL CHECK (taken IN (0, 1)),
    credential INTEGER REFERENCES credential ON DELETE CASCADE,
    to_service TEXT NOT NULL,
    sure       INTEGER NOT NULL CHECK (sure IN (0, 1)),
    run        TEXT NOT NULL,
    at         TEXT NOT NULL,
    PRIMARY KEY (connection, what)
) STRICT, WITHOUT ROWID;

-- Connections that are there only while the run goes on that made them, until it keeps them.
CREATE TABLE draft (
    connection INTEGER PRIMARY KEY REFERENCES connection ON DELETE CASCADE,
    run        TEXT NOT NULL
) STRICT;
