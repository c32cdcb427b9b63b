-- The register, version 3: a payload that is encrypted may be encrypted anew. What was signed still can't be altered: the signature
-- and the log of signatures say what it was, and the encryption that nobody else wrote it.

-- Holds a row inside the one transaction that encrypts anew, and is empty for everybody else.
CREATE TABLE resealing (
    one INTEGER PRIMARY KEY CHECK (one = 1)
) STRICT;

DROP TRIGGER card_same;

CREATE TRIGGER card_same BEFORE UPDATE OF list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at ON card
BEGIN SELECT RAISE (ABORT, 'card: immutable column'); END;
CREATE TRIGGER card_payload BEFORE UPDATE OF payload ON card WHEN NOT EXISTS (SELECT 1 FROM resealing)
BEGIN SELECT RAISE (ABORT, 'card: immutable column'); END;
