-- Version 2. What the library remembers of backends, so that servers can be
-- compared with what gave its vectors, and a scan's time be told beforehand.

-- The vectors that a model gave of the golden tiles, sixteen pictures that are
-- the same in every program: dim float32 numbers, little-endian, of length 1.
-- All sixteen rows or none. They are those of the backend that the model's
-- first vectors came from, and are never replaced: a backend whose own lie too
-- far from them runs another model, and gets a row of its own in models.
CREATE TABLE golden (
    model_id INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    tile     INTEGER NOT NULL CHECK (tile BETWEEN 0 AND 15), -- which of the tiles
    dim      INTEGER NOT NULL,
    vector   BLOB    NOT NULL,
    PRIMARY KEY (model_id, tile),
    CHECK (length(vector) = 4 * dim)
) STRICT, WITHOUT ROWID;

-- How fast a backend was with a model, as photos and bytes over a time: an
-- average over the last measurements, in which what is older than some hundred
-- photos counts little.
CREATE TABLE rates (
    backend     TEXT    NOT NULL CHECK (backend <> ''), -- as --backend names it
    model_id    INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    photos      INTEGER NOT NULL CHECK (photos > 0),
    sent_bytes  INTEGER NOT NULL CHECK (sent_bytes >= 0), -- to the servers; 0: none, it is this machine
    busy_ns     INTEGER NOT NULL CHECK (busy_ns > 0),     -- while photos waited for the backend or were on their way
    measured_ns INTEGER NOT NULL,                         -- time of the last measurement
    PRIMARY KEY (backend, model_id)
) STRICT, WITHOUT ROWID;
