-- Version 4: what became of leads, and what was learned from it.

-- Every outcome that was ever reported, in jobs that count. The latest of a person counts: by date, else the job's start;
-- then by job, then by row.
CREATE TABLE outcomes (
    person        BLOB NOT NULL,                  -- lead_id, known or not
    job           INTEGER NOT NULL,
    row           INTEGER NOT NULL,
    verdict       INTEGER NOT NULL,               -- 0 lost, 1 won, 2 open
    at_ms         INTEGER,                        -- as the row dates it; NULL: not dated
    revenue       INTEGER,                        -- revenue / 10^scale, exact
    revenue_scale INTEGER,
    cost          INTEGER,
    cost_scale    INTEGER,
    script        TEXT,                           -- what was really delivered, where the row says it
    variant       TEXT,
    channel       TEXT,
    waiting       INTEGER NOT NULL,               -- 1 while the person is no lead
    PRIMARY KEY (person, job, row)
) WITHOUT ROWID;
CREATE INDEX outcomes_job ON outcomes (job);
CREATE INDEX outcomes_waiting ON outcomes (person) WHERE waiting = 1;

-- What history taught, as a fold over the jobs in their order. Turn 0: the outcomes that a job brought or joined. Further
-- turns: what people decided after it. version and state are NULL until it has been worked out.
CREATE TABLE lessons (
    job     INTEGER NOT NULL,
    turn    INTEGER NOT NULL,
    pin     TEXT,                                 -- of a decision: the model that was pinned; '' for none
    version INTEGER,                              -- learned.version from then on
    state   TEXT,                                 -- JSON: what the next lesson goes on from
    PRIMARY KEY (job, turn)
) WITHOUT ROWID;

-- Snapshots that a job, a lead or a lesson names; their model apart, because many share one.
CREATE TABLE learned (
    version INTEGER PRIMARY KEY,                  -- told from the content; 0 is nothing, and not here
    content TEXT NOT NULL,                        -- JSON
    model   TEXT                                  -- models.id
);
CREATE TABLE models (
    id      TEXT PRIMARY KEY,                     -- told from the content
    content TEXT NOT NULL                         -- JSON
) WITHOUT ROWID;

-- The versions of leads that were staged again after they had come in; NULL in leads: those of their job.
CREATE TABLE stagings (
    id      INTEGER PRIMARY KEY,
    rules   TEXT NOT NULL,
    learned INTEGER NOT NULL,
    UNIQUE (rules, learned)
);
ALTER TABLE leads ADD COLUMN staged INTEGER;
CREATE INDEX jobs_learned ON jobs (learned) WHERE learned <> 0;
