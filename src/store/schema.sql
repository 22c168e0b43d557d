-- Version 1. Times are milliseconds since 1970 UTC; ids are 16 raw bytes; an absent text is NULL, never ''.

-- One row for each drop that came to an end, in the order of commits.
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY,
    job_id           BLOB NOT NULL UNIQUE,
    state            INTEGER NOT NULL,            -- 1 committed: journals and moves may be missing; 2 done
    fate             TEXT NOT NULL,
    dry_run          INTEGER NOT NULL,
    undone           INTEGER NOT NULL DEFAULT 0,
    parent           BLOB,
    file             TEXT NOT NULL,
    source           TEXT NOT NULL,
    bytes            INTEGER NOT NULL,
    sha256           BLOB,
    inode            INTEGER NOT NULL,
    rules            TEXT NOT NULL,
    learned          INTEGER NOT NULL,
    started_at_ms    INTEGER NOT NULL,
    finished_at_ms   INTEGER NOT NULL,
    total            INTEGER NOT NULL,
    accepted_new     INTEGER NOT NULL,
    accepted_updated INTEGER NOT NULL,
    duplicates       INTEGER NOT NULL,
    rejected         INTEGER NOT NULL,
    leads_kept       INTEGER NOT NULL,            -- whether its leads are in this store
    rejected_rows    BLOB,                        -- which rows, as LEB128 steps from one to the next
    rejects_digest   INTEGER,                     -- sum of the rejected rows' digests, order apart
    rejects_sha256   BLOB,                        -- of the rejects file as we wrote it
    moves            TEXT NOT NULL,               -- JSON: what is renamed where
    facts            TEXT NOT NULL,               -- JSON: what the receipt says beyond the report
    report           TEXT NOT NULL                -- the very line in reports.jsonl
);
CREATE INDEX jobs_content ON jobs (bytes, sha256);
CREATE INDEX jobs_file ON jobs (file);
CREATE INDEX jobs_parent ON jobs (parent) WHERE parent IS NOT NULL;
CREATE INDEX jobs_inode ON jobs (inode);
CREATE INDEX jobs_unfinished ON jobs (state) WHERE state = 1;

-- The settings behind each rules version, so that a stored lead's results can be computed again as they were. The version
-- '' stands for the settings in force.
CREATE TABLE rules (
    version  TEXT PRIMARY KEY,
    settings TEXT NOT NULL
) WITHOUT ROWID;

-- The names of extra columns, shared by all leads of files with the same layout.
CREATE TABLE layouts (
    id    INTEGER PRIMARY KEY,
    names TEXT NOT NULL UNIQUE                    -- JSON array
);

-- One row for each person. Appended in the order of the files.
CREATE TABLE leads (
    id         INTEGER PRIMARY KEY,
    email      TEXT NOT NULL,
    name       TEXT,
    value      INTEGER,                           -- value / 10^scale, exact
    scale      INTEGER,
    currency   TEXT,
    location   TEXT,
    phone      TEXT,
    phone_e164 TEXT,
    source     TEXT,                              -- NULL: the job's own source
    layout     INTEGER NOT NULL,
    extra      BLOB,                              -- cells of the layout's columns, each with its length before it
    job        INTEGER NOT NULL,                  -- of the last accepted row
    row        INTEGER NOT NULL,
    score      INTEGER NOT NULL,                  -- hundredths of a point
    tier       INTEGER NOT NULL,                  -- 0 A … 3 D
    arms       BLOB,                              -- pairs (experiments.id, index of the variant) as 2 × u32 LE
    accepted   INTEGER NOT NULL DEFAULT 1         -- accepted rows; from the second on they are all in history
);
CREATE INDEX leads_rank ON leads (tier, score);
CREATE INDEX leads_job ON leads (job);

-- Who is who: the first 64 bits of the lead_id, as a signed integer. A hit is confirmed by the e-mail; two people with
-- the same 64 bits stand at the next free key.
CREATE TABLE lead_keys (
    hash INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL
);

-- Every accepted row of a lead that was accepted more than once; the lead is their fold in the order of jobs.
CREATE TABLE history (
    lead       INTEGER NOT NULL,
    job        INTEGER NOT NULL,
    row        INTEGER NOT NULL,
    email      TEXT NOT NULL,
    name       TEXT,
    value      INTEGER,
    scale      INTEGER,
    currency   TEXT,
    location   TEXT,
    phone      TEXT,
    phone_e164 TEXT,
    source     TEXT,
    layout     INTEGER NOT NULL,
    extra      BLOB,
    PRIMARY KEY (lead, job)
) WITHOUT ROWID;

-- Versions of experiments, told apart by their variants and weights, and how many leads were given each variant.
CREATE TABLE experiments (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    variants TEXT NOT NULL,                       -- JSON: what makes this version
    UNIQUE (name, version)
);
CREATE TABLE exposures (
    experiment INTEGER NOT NULL,
    variant    INTEGER NOT NULL,
    leads      INTEGER NOT NULL,
    PRIMARY KEY (experiment, variant)
) WITHOUT ROWID;

-- Rejected rows that came back fixed: (job, row) of the reject, and the job that took it.
CREATE TABLE resolutions (
    parent INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    child  INTEGER NOT NULL,
    PRIMARY KEY (parent, row)
) WITHOUT ROWID;

-- Journal lines that belong to a commit and may not have been written yet.
CREATE TABLE outbox (
    seq     INTEGER PRIMARY KEY,
    journal TEXT NOT NULL,
    segment INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    line    BLOB NOT NULL
);

-- Where each journal ends once the outbox is empty.
CREATE TABLE journals (
    journal   TEXT PRIMARY KEY,
    segment   INTEGER NOT NULL,
    length    INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    lines     INTEGER NOT NULL                    -- lines ever placed
) WITHOUT ROWID;

-- Jobs found unfinished at a start, without a mark that we caused it.
CREATE TABLE unfinished (
    job_id BLOB PRIMARY KEY,
    times  INTEGER NOT NULL
) WITHOUT ROWID;

-- Files seen in a dry run, so that an untouched one is not told again.
CREATE TABLE dry_runs (
    path     BLOB PRIMARY KEY,
    identity TEXT NOT NULL                        -- inode, size, mtime, rules version
) WITHOUT ROWID;
