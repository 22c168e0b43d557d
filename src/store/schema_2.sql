-- Version 2: the layout of the last file that was taken from each source, to tell when a source's files change.
CREATE TABLE source_layouts (
    source     TEXT PRIMARY KEY,
    job_id     BLOB NOT NULL,                     -- of that file
    columns    TEXT NOT NULL,                     -- JSON: of each column its header as written and its name for journals
    fields     TEXT NOT NULL,                     -- JSON: of each field in fixed order the columns it was taken from, from 0
    delimiter  INTEGER NOT NULL,
    encoding   TEXT NOT NULL,
    header_row INTEGER NOT NULL                   -- from 1
) WITHOUT ROWID;
