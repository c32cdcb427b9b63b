-- The register, version 2: what the service remembers. Days are days since 1970-01-01, times are Unix seconds unless the
-- column says otherwise. A document has room for a seal of 64 bytes. Checks and receipts are kept for ever; documents and requests go when they are over.

CREATE TABLE document (
    num     INTEGER PRIMARY KEY,
    kind    TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
    id      TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 128),
    owner   TEXT NOT NULL CHECK (owner <> '*'),
    version INTEGER NOT NULL CHECK (version >= 1),
    until   INTEGER,
    data    BLOB NOT NULL CHECK (length(data) <= 1048640),
    UNIQUE (kind, id)
) STRICT;

CREATE INDEX document_owner ON document (kind, owner, id);
CREATE INDEX document_until ON document (kind, until) WHERE until IS NOT NULL;

CREATE TRIGGER document_same BEFORE UPDATE OF kind, id, owner ON document
BEGIN SELECT RAISE (ABORT, 'document: immutable column'); END;

CREATE TABLE request (
    counter TEXT NOT NULL CHECK (length(counter) >= 1),
    id      TEXT NOT NULL CHECK (length(id) = 22),
    until   INTEGER NOT NULL,
    PRIMARY KEY (counter, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX request_until ON request (until);

CREATE TABLE online_check (
    seq       INTEGER PRIMARY KEY,
    number    TEXT CHECK (length(number) >= 1),
    counter   TEXT NOT NULL CHECK (length(counter) >= 1),
    at        INTEGER NOT NULL, -- milliseconds
    insurer   TEXT NOT NULL,
    list      INTEGER NOT NULL CHECK (list BETWEEN 0 AND 2147483647),
    idx       INTEGER NOT NULL CHECK (idx BETWEEN 0 AND 1048575),
    care      INTEGER NOT NULL,
    domain    TEXT NOT NULL,
    person    INTEGER NOT NULL CHECK (person BETWEEN 0 AND 12),
    status    TEXT NOT NULL CHECK (length(status) >= 1),
    reason    TEXT NOT NULL,
    pay_until INTEGER,
    pay_euros INTEGER NOT NULL CHECK (pay_euros >= 0),
    CHECK ((insurer = '') = (list = 0) AND (list > 0 OR idx = 0)),
    CHECK (pay_until IS NOT NULL OR pay_euros = 0)
) STRICT;

CREATE UNIQUE INDEX check_number ON online_check (number) WHERE number IS NOT NULL;
-- The insurer stands in the index so that one counter's checks are narrowed without reading them.
CREATE INDEX check_counter ON online_check (counter, seq, insurer);
CREATE INDEX check_insurer ON online_check (insurer, seq);
CREATE INDEX check_report ON online_check (insurer, at, list, idx, counter) WHERE insurer <> '';

CREATE TRIGGER check_keep BEFORE DELETE ON online_check BEGIN SELECT RAISE (ABORT, 'online_check: append-only'); END;
CREATE TRIGGER check_same BEFORE UPDATE ON online_check BEGIN SELECT RAISE (ABORT, 'online_check: append-only'); END;

CREATE TABLE receipt (
    num     INTEGER PRIMARY KEY,
    device  BLOB NOT NULL CHECK (length(device) = 16),
    seq     INTEGER NOT NULL CHECK (seq >= 1),
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    entry   BLOB NOT NULL CHECK (length(entry) BETWEEN 1 AND 65792),
    counter TEXT NOT NULL CHECK (length(counter) >= 1),
    arrived INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    day     INTEGER NOT NULL, -- of at, in Paris
    insurer TEXT NOT NULL,
    list    INTEGER NOT NULL CHECK (list BETWEEN 0 AND 2147483647),
    idx     INTEGER NOT NULL CHECK (idx BETWEEN 0 AND 1048575),
    care    INTEGER NOT NULL,
    domain  TEXT NOT NULL,
    mode    TEXT NOT NULL CHECK (mode IN ('', 'offline', 'online')),
    status  TEXT NOT NULL,
    age     INTEGER NOT NULL CHECK (age >= 0),
    answer  INTEGER NOT NULL CHECK (answer BETWEEN 1 AND 3),
    reason  TEXT NOT NULL,
    UNIQUE (device, seq, hash),
    CHECK ((insurer = '') = (list = 0) AND (list > 0 OR idx = 0))
) STRICT;

CREATE INDEX receipt_counter ON receipt (counter, num, insurer, answer);
CREATE INDEX receipt_insurer ON receipt (insurer, num);
CREATE INDEX receipt_answer ON receipt (answer, num);
CREATE INDEX receipt_insurer_answer ON receipt (insurer, answer, num);
-- All that a report asks, in the order of the span it asks about.
CREATE INDEX receipt_report ON receipt (insurer, at, list, idx, counter, mode, age, day, answer) WHERE insurer <> '';

CREATE TRIGGER receipt_keep BEFORE DELETE ON receipt BEGIN SELECT RAISE (ABORT, 'receipt: append-only'); END;
CREATE TRIGGER receipt_same BEFORE UPDATE ON receipt BEGIN SELECT RAISE (ABORT, 'receipt: append-only'); END;

-- Counts of whole days, so that a year's report reads days and not receipts. Kept by the trigger alone.
CREATE TABLE served (
    insurer TEXT NOT NULL,
    day     INTEGER NOT NULL,
    mode    TEXT NOT NULL,
    answer  INTEGER NOT NULL,
    count   INTEGER NOT NULL CHECK (count >= 1),
    PRIMARY KEY (insurer, day, mode, answer)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER receipt_served AFTER INSERT ON receipt WHEN NEW.insurer <> ''
BEGIN
    INSERT INTO served (insurer, day, mode, answer, count) VALUES (NEW.insurer, NEW.day, NEW.mode, NEW.answer, 1)
    ON CONFLICT (insurer, day, mode, answer) DO UPDATE SET count = count + 1;
END;
