-- The register, version 1. Days are days since 1970-01-01, times are Unix seconds. Nothing is deleted but superseded files.

CREATE TABLE insurer (
    key      TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 10),
    document BLOB NOT NULL,
    keys     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contract (
    id         INTEGER PRIMARY KEY,
    insurer    TEXT NOT NULL REFERENCES insurer (key),
    adherent   TEXT NOT NULL CHECK (length(adherent) BETWEEN 1 AND 16),
    revision   INTEGER NOT NULL CHECK (revision >= 1),
    valid_from INTEGER NOT NULL,
    valid_to   INTEGER NOT NULL CHECK (valid_to >= valid_from),
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    canonical  BLOB NOT NULL,
    UNIQUE (insurer, adherent)
) STRICT;

CREATE TABLE import (
    id        INTEGER PRIMARY KEY,
    sha256    BLOB NOT NULL CHECK (length(sha256) = 32),
    at        INTEGER NOT NULL,
    lines     INTEGER NOT NULL,
    contracts INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    rejected  INTEGER NOT NULL,
    strict    INTEGER NOT NULL CHECK (strict IN (0, 1))
) STRICT;

CREATE TABLE list (
    number   INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 2147483647),
    insurer  TEXT NOT NULL REFERENCES insurer (key),
    open     INTEGER NOT NULL CHECK (open IN (0, 1)),
    used     INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 1048576),
    revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
    page     BLOB
) STRICT;

CREATE UNIQUE INDEX list_open ON list (insurer) WHERE open = 1;

CREATE TABLE card (
    id            INTEGER PRIMARY KEY,
    list          INTEGER NOT NULL REFERENCES list (number),
    idx           INTEGER NOT NULL CHECK (idx BETWEEN 0 AND 1048575),
    contract      INTEGER NOT NULL REFERENCES contract (id),
    person        INTEGER NOT NULL CHECK (person BETWEEN -1 AND 11),
    valid_from    INTEGER NOT NULL,
    valid_to      INTEGER NOT NULL CHECK (valid_to >= valid_from),
    revision      INTEGER NOT NULL CHECK (revision >= 1),
    kid           TEXT NOT NULL CHECK (length(kid) = 11),
    issued_at     INTEGER NOT NULL,
    payload       BLOB NOT NULL CHECK (length(payload) BETWEEN 1 AND 4096),
    signature     BLOB CHECK (length(signature) = 64),
    state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    replaces_list INTEGER,
    replaces_idx  INTEGER,
    replaced_from INTEGER,
    UNIQUE (list, idx),
    CHECK ((state = 1) = (signature IS NULL)),
    CHECK ((replaces_list IS NULL) = (replaces_idx IS NULL) AND (replaces_list IS NULL) = (replaced_from IS NULL)),
    FOREIGN KEY (replaces_list, replaces_idx) REFERENCES card (list, idx)
) STRICT;

CREATE INDEX card_contract ON card (contract);
-- One standing card (live or suspended) for each contract, person and period; one unfinished card for each contract and person.
CREATE UNIQUE INDEX card_standing ON card (contract, person, valid_from) WHERE state IN (2, 3);
CREATE UNIQUE INDEX card_intent ON card (contract, person) WHERE state = 1;

-- What was signed can't be altered, and a card can't be forgotten.
CREATE TRIGGER card_keep BEFORE DELETE ON card BEGIN SELECT RAISE (ABORT, 'card: append-only'); END;
CREATE TRIGGER card_same BEFORE UPDATE OF list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at, payload ON card
BEGIN SELECT RAISE (ABORT, 'card: immutable column'); END;
CREATE TRIGGER card_sealed BEFORE UPDATE OF signature ON card WHEN OLD.signature IS NOT NULL
BEGIN SELECT RAISE (ABORT, 'card: already sealed'); END;

CREATE TABLE sign_log (
    seq     INTEGER PRIMARY KEY,
    list    INTEGER NOT NULL,
    idx     INTEGER NOT NULL,
    kid     TEXT NOT NULL CHECK (length(kid) = 11),
    digest  BLOB NOT NULL CHECK (length(digest) = 32),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    at      INTEGER NOT NULL,
    UNIQUE (list, idx, attempt),
    FOREIGN KEY (list, idx) REFERENCES card (list, idx)
) STRICT;

CREATE TRIGGER sign_log_keep BEFORE DELETE ON sign_log BEGIN SELECT RAISE (ABORT, 'sign_log: append-only'); END;
CREATE TRIGGER sign_log_same BEFORE UPDATE ON sign_log BEGIN SELECT RAISE (ABORT, 'sign_log: append-only'); END;

CREATE TABLE event (
    seq       INTEGER PRIMARY KEY,
    list      INTEGER NOT NULL,
    idx       INTEGER NOT NULL,
    kind      INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    from_day  INTEGER NOT NULL CHECK (from_day > 0),
    class     TEXT NOT NULL,
    actor     TEXT NOT NULL,
    at        INTEGER NOT NULL,
    revision  INTEGER NOT NULL DEFAULT 0,
    published INTEGER NOT NULL DEFAULT 0,
    CHECK ((revision = 0) = (published = 0)),
    FOREIGN KEY (list, idx) REFERENCES card (list, idx)
) STRICT;

CREATE INDEX event_place ON event (list, idx);
CREATE INDEX event_pending ON event (list) WHERE revision = 0;

CREATE TRIGGER event_keep BEFORE DELETE ON event BEGIN SELECT RAISE (ABORT, 'event: append-only'); END;
CREATE TRIGGER event_same BEFORE UPDATE OF seq, list, idx, kind, from_day, class, actor, at ON event
BEGIN SELECT RAISE (ABORT, 'event: append-only'); END;
CREATE TRIGGER event_once BEFORE UPDATE OF revision, published ON event WHEN OLD.revision <> 0
BEGIN SELECT RAISE (ABORT, 'event: already published'); END;

CREATE TABLE publication (
    version    INTEGER PRIMARY KEY CHECK (version >= 1),
    at         INTEGER NOT NULL,
    audit_seq  INTEGER NOT NULL,
    audit_hash BLOB NOT NULL CHECK (length(audit_hash) = 32)
) STRICT;

CREATE TABLE file (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    path        TEXT NOT NULL UNIQUE,
    data        BLOB NOT NULL,
    publication INTEGER NOT NULL REFERENCES publication (version)
) STRICT;

CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY CHECK (seq >= 1),
    at   INTEGER NOT NULL, -- microseconds
    body BLOB NOT NULL,
    prev BLOB NOT NULL CHECK (length(prev) = 32)
) STRICT;

CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TRIGGER audit_keep BEFORE DELETE ON audit BEGIN SELECT RAISE (ABORT, 'audit: append-only'); END;
CREATE TRIGGER audit_same BEFORE UPDATE ON audit BEGIN SELECT RAISE (ABORT, 'audit: append-only'); END;
