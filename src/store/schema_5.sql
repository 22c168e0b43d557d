-- Version 5: what is watched over, told, held back, kept and forgotten.

-- Conditions: something that began, may go on, and ends. One row for each that was ever open, by what it is about.
CREATE TABLE conditions (
    code        TEXT NOT NULL,                    -- of the alert
    subject     TEXT NOT NULL,                    -- a folder, a source, a file, a channel; '' for the installation
    alert       TEXT NOT NULL,                    -- id of the alert that opened it
    severity    TEXT NOT NULL,
    detail      TEXT NOT NULL,
    opened_ms   INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,                 -- when it was last seen
    times       INTEGER NOT NULL,                 -- looks that found it
    told_ms     INTEGER NOT NULL,                 -- when a line about it was last written
    resolved_ms INTEGER,                          -- NULL while it is open
    acked_ms    INTEGER,                          -- when somebody acknowledged it
    PRIMARY KEY (code, subject)
) WITHOUT ROWID;

-- Alerts on their way to a channel: written in the transaction that wrote the alert, removed once the channel took it.
CREATE TABLE deliveries (
    id         INTEGER PRIMARY KEY,
    channel    TEXT NOT NULL,
    alert      TEXT NOT NULL,                     -- its id: whoever receives it twice knows it by that
    severity   INTEGER NOT NULL,                  -- 0 info, 1 warning, 2 critical: what is dropped first from a full queue
    line       BLOB NOT NULL,                     -- the alert as JSON
    at_ms      INTEGER NOT NULL,                  -- since when it waits
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_ms    INTEGER NOT NULL,
    last_error TEXT,
    UNIQUE (channel, alert)
);

-- How each channel did lately.
CREATE TABLE channels (
    name       TEXT PRIMARY KEY,
    failures   INTEGER NOT NULL DEFAULT 0,        -- in a row; 0 after one that went through
    error      TEXT,                              -- the last one, ever
    error_ms   INTEGER,
    success_ms INTEGER,
    dropped    INTEGER NOT NULL DEFAULT 0,        -- from a full queue, not told yet
    given_up   INTEGER NOT NULL DEFAULT 0         -- refused for good, ever
) WITHOUT ROWID;

-- What each file of a source was like, to tell when one is unlike the others.
CREATE TABLE file_figures (
    job     INTEGER PRIMARY KEY,                  -- jobs.seq
    source  TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    figures TEXT NOT NULL                         -- JSON
);
CREATE INDEX file_figures_source ON file_figures (source, job);

-- When files of a source came.
CREATE INDEX jobs_arrivals ON jobs (source, started_at_ms) WHERE dry_run = 0 AND parent IS NULL;

-- Since when the schedule of a source is known.
CREATE TABLE schedules (
    source   TEXT PRIMARY KEY,                    -- in lower case
    schedule TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Alerts that somebody has seen.
CREATE TABLE acknowledged (
    alert TEXT PRIMARY KEY,                       -- its id
    at_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- People who were erased, known only by a keyed hash, so that nothing brings them back.
CREATE TABLE forgotten (
    hash  BLOB PRIMARY KEY,                       -- HMAC-SHA-256 of the lead_id, which is told from the address
    at_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- What the store held of people who were erased, by job: its report still counts them.
CREATE TABLE forgotten_rows (
    job      INTEGER PRIMARY KEY,                 -- jobs.seq
    first    INTEGER NOT NULL,                    -- first rows of people
    later    INTEGER NOT NULL,                    -- further ones
    outcomes INTEGER NOT NULL
);

-- Files of the archive that are not what they were, because we changed them: rows taken out, or the file removed.
CREATE TABLE archive_changes (
    job    INTEGER NOT NULL,                      -- jobs.seq
    place  TEXT NOT NULL,                         -- as in the job's moves
    change TEXT NOT NULL,                         -- rewritten, removed, expired
    at_ms  INTEGER NOT NULL,
    sha256 BLOB,                                  -- of what a rewriting left
    rows   TEXT,                                  -- JSON: the rows that it took out
    PRIMARY KEY (job, place)
) WITHOUT ROWID;
