-- Version 1. STRICT tables; a column is NOT NULL unless the text says what NULL
-- means. Booleans are 0 or 1. Times are nanoseconds since 1970 in UTC, 0 = never.
-- Device and inode numbers are unsigned 64 bit numbers, stored as the signed
-- number with the same bits. Paths are bytes, since names need not be UTF-8.

-- Few values about the library as a whole, by name: the model, the backend and
-- the --model flag of the last scan.
CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A folder that the user asked to scan. The path is absolute, with symlinks
-- resolved. Ids are never used twice: the journal names roots that may be
-- forgotten by now.
CREATE TABLE roots (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    path          BLOB    NOT NULL UNIQUE,
    device        INTEGER NOT NULL, -- st_dev at the last scan
    stable_inodes INTEGER NOT NULL CHECK (stable_inodes IN (0, 1)), -- does its filesystem keep inode numbers
    last_scan_ns  INTEGER NOT NULL CHECK (last_scan_ns >= 0)        -- end of the last whole scan
) STRICT;

-- The bytes of a photo, whatever files hold them, and what decoding them gave.
-- Rows here are read whole by every scan, so what is long or seldom needed
-- stands in exif and thumbnails.
CREATE TABLE contents (
    id           INTEGER PRIMARY KEY,
    sha256       BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    decoder      INTEGER NOT NULL,  -- version of the decoder that these facts come from
    format       TEXT    NOT NULL,
    width        INTEGER NOT NULL CHECK (width >= 0),  -- pixels, as displayed
    height       INTEGER NOT NULL CHECK (height >= 0), -- pixels, as displayed
    orientation  INTEGER NOT NULL,  -- EXIF 1..8 that was applied, 0 = none said
    tile_hash    BLOB    NOT NULL CHECK (length(tile_hash) = 32), -- SHA-256 of the tile
    low_detail   INTEGER NOT NULL CHECK (low_detail IN (0, 1)),   -- never enters the index
    jpeg_quality INTEGER NOT NULL,  -- 1..100 estimated, 0 = not a JPEG or unknown
    has_icc      INTEGER NOT NULL CHECK (has_icc IN (0, 1))
) STRICT;

-- EXIF facts of a content; no row means that it has no EXIF. Texts are as the
-- camera wrote them. Numbers are 0 and texts empty where the photo does not say.
CREATE TABLE exif (
    content_id    INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
    make          TEXT    NOT NULL,
    model         TEXT    NOT NULL,
    lens          TEXT    NOT NULL,
    software      TEXT    NOT NULL,
    taken_at      TEXT    NOT NULL, -- 2006:01:02 15:04:05, local to the camera
    sub_sec       TEXT    NOT NULL, -- decimal digits after the second
    utc_offset    TEXT    NOT NULL, -- +02:00
    latitude      REAL,             -- degrees north; NULL together with longitude = no position
    longitude     REAL,             -- degrees east
    rating        INTEGER NOT NULL, -- stars
    caption       TEXT    NOT NULL,
    exposure_time REAL    NOT NULL, -- seconds
    f_number      REAL    NOT NULL,
    exposure_bias REAL    NOT NULL, -- EV
    iso           INTEGER NOT NULL,
    sequence      TEXT    NOT NULL, -- number within a burst, as written
    CHECK ((latitude IS NULL) = (longitude IS NULL))
) STRICT;

-- A small JPEG of a content, for the review page. No row: none was made.
CREATE TABLE thumbnails (
    content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
    jpeg       BLOB    NOT NULL
) STRICT;

-- A run of the quarantine. Rows are never deleted.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE, -- name of its folder
    to_dir      BLOB    NOT NULL,        -- --to DIR, empty: in each root's own quarantine folder
    state       TEXT    NOT NULL CHECK (state IN ('planned', 'moving', 'done', 'restoring', 'restored')),
    created_ns  INTEGER NOT NULL,
    finished_ns INTEGER NOT NULL         -- when it became done or restored, else 0
) STRICT;

-- One photo that a run moves: written before anything moves, updated after
-- each. A move outlives its root and its contents, so it refers to neither by
-- foreign key; (root_id, rel) finds the row of files, if it is still there.
CREATE TABLE moves (
    run_id        INTEGER NOT NULL REFERENCES runs (id),
    seq           INTEGER NOT NULL,
    root_id       INTEGER NOT NULL,
    rel           BLOB    NOT NULL, -- path below that root
    path          BLOB    NOT NULL, -- absolute, where it was
    dest          BLOB    NOT NULL, -- absolute, in the quarantine
    keeper_path   BLOB    NOT NULL, -- absolute
    sha256        BLOB    NOT NULL CHECK (length(sha256) = 32),
    keeper_sha256 BLOB    NOT NULL CHECK (length(keeper_sha256) = 32),
    size_bytes    INTEGER NOT NULL CHECK (size_bytes >= 0),
    kind          TEXT    NOT NULL, -- kind of pair with the keeper
    state         TEXT    NOT NULL CHECK (state IN ('intent', 'moved', 'failed', 'restored')),
    detail        TEXT    NOT NULL, -- why it failed, else empty
    changed_ns    INTEGER NOT NULL, -- when state last changed
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- A name below a root that a scan has seen: a photo, a file that looked like
-- one and could not be compared (skipped), a file that is no photo (other), or
-- a folder that could not be read (folder). Rows of files that disappeared stay
-- and say since when they are gone.
CREATE TABLE files (
    id          INTEGER PRIMARY KEY,
    root_id     INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
    path        BLOB    NOT NULL,   -- below the root, '/' between names
    size_bytes  INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    device      INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    links       INTEGER NOT NULL,   -- st_nlink
    state       TEXT    NOT NULL CHECK (state IN ('photo', 'skipped', 'other', 'folder')),
    content_id  INTEGER REFERENCES contents (id), -- NULL unless state is photo
    managed     INTEGER NOT NULL CHECK (managed IN (0, 1)), -- inside a managed library, never moved
    gone_ns     INTEGER NOT NULL,   -- since when it is not there, 0 = present
    removed_run INTEGER REFERENCES runs (id),     -- run that moved it away, NULL = none
    decoder     INTEGER NOT NULL,   -- version of the decoder that gave this verdict, 0 = none was asked
    reason      TEXT    NOT NULL,   -- why it was skipped, one word; empty unless skipped or folder
    detail      TEXT    NOT NULL,   -- the error's text
    UNIQUE (root_id, path),
    CHECK ((state = 'photo') = (content_id IS NOT NULL)),
    CHECK ((state IN ('skipped', 'folder')) = (reason <> ''))
) STRICT;
CREATE INDEX files_by_content ON files (content_id, gone_ns) WHERE content_id IS NOT NULL;

-- A model that gave vectors. Name and digest together are its key: vectors of
-- different models never meet.
CREATE TABLE models (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL,
    digest   TEXT    NOT NULL, -- sha256:hex of the model
    dim      INTEGER NOT NULL CHECK (dim > 0),
    manifest TEXT    NOT NULL, -- JSON, as it was when the model was last used
    UNIQUE (name, digest)
) STRICT;

-- The vector of a content under a model: dim float32 numbers, little-endian,
-- of length 1.
CREATE TABLE embeddings (
    id         INTEGER PRIMARY KEY,
    model_id   INTEGER NOT NULL REFERENCES models (id),
    content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    dim        INTEGER NOT NULL,
    vector     BLOB    NOT NULL,
    UNIQUE (model_id, content_id),
    CHECK (length(vector) = 4 * dim)
) STRICT;
CREATE INDEX embeddings_by_content ON embeddings (content_id);

-- A search for all pairs of a model by an engine, and the cosine down to which
-- it looked.
CREATE TABLE searches (
    id       INTEGER PRIMARY KEY,
    model_id INTEGER NOT NULL REFERENCES models (id),
    engine   TEXT    NOT NULL,
    floor    REAL    NOT NULL, -- cosine
    UNIQUE (model_id, engine)
) STRICT;

-- Which vectors a search has compared with all others that it compared. A
-- vector without a row here is new to the search.
CREATE TABLE searched (
    embedding_id INTEGER NOT NULL REFERENCES embeddings (id) ON DELETE CASCADE,
    search_id    INTEGER NOT NULL REFERENCES searches (id) ON DELETE CASCADE,
    PRIMARY KEY (embedding_id, search_id)
) STRICT, WITHOUT ROWID;

-- Two contents that a search found at or above its floor, a < b.
CREATE TABLE pairs (
    a         INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    b         INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    search_id INTEGER NOT NULL REFERENCES searches (id) ON DELETE CASCADE,
    cosine    REAL    NOT NULL,
    PRIMARY KEY (a, b, search_id),
    CHECK (a < b)
) STRICT, WITHOUT ROWID;
CREATE INDEX pairs_by_b ON pairs (b);

-- What a method found out about two contents, a < b. The method's name holds
-- its version, so that a better one does not meet verdicts of an older one.
CREATE TABLE evidence (
    a      INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    b      INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
    method TEXT    NOT NULL,
    kind   TEXT    NOT NULL, -- the verdict; empty: the method found nothing
    detail TEXT    NOT NULL,
    PRIMARY KEY (a, b, method),
    CHECK (a < b)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_by_b ON evidence (b);
