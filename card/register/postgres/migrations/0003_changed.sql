-- +goose Up

-- The register, version 3: when a contract's revision was stored. 0 is not known: it was before this version.

ALTER TABLE contract ADD COLUMN changed_at bigint NOT NULL DEFAULT 0;
