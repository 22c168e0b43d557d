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

CREATE INDEX lessons_waiting ON lessons (job, turn) WHERE version IS NULL;

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

-- The staging that a lead had before its next row came: what it goes back to when that row is taken out.
ALTER TABLE history ADD COLUMN staged INTEGER;

-- The first job that could give a version of an experiment: which one was in force for a job must be known when its leads
-- are made anew.
ALTER TABLE experiments ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- Every return of a rejected row, also of one that had come back before: the second counts once the first is taken out.
CREATE TABLE resolutions_4 (
    parent INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    child  INTEGER NOT NULL,
    PRIMARY KEY (parent, row, child)
) WITHOUT ROWID;
INSERT INTO resolutions_4 SELECT parent, row, child FROM resolutions;
DROP TABLE resolutions;
ALTER TABLE resolutions_4 RENAME TO resolutions;

-- The layout of every file that was taken from a source, not of the last alone: the one before counts again when the last
-- is taken out.
CREATE TABLE source_layouts_4 (
    id         INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    job_id     BLOB NOT NULL,
    columns    TEXT NOT NULL,
    fields     TEXT NOT NULL,
    delimiter  INTEGER NOT NULL,
    encoding   TEXT NOT NULL,
    header_row INTEGER NOT NULL
);
INSERT INTO source_layouts_4 (source, job_id, columns, fields, delimiter, encoding, header_row)
    SELECT source, job_id, columns, fields, delimiter, encoding, header_row FROM source_layouts ORDER BY source;
DROP TABLE source_layouts;
ALTER TABLE source_layouts_4 RENAME TO source_layouts;
CREATE INDEX source_layouts_source ON source_layouts (source, id);
