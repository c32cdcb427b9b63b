-- The register, version 4: when a contract's revision was stored, and the unfinished cards among millions.

-- 0 is not known: it was before this version.
ALTER TABLE contract ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX card_intents ON card (id) WHERE state = 1;
