-- +goose Up

-- The register, version 1. Days are days since 1970-01-01, times are Unix seconds unless a comment says otherwise. Text is compared
-- byte by byte (COLLATE "C"). Numbers of logs are given by the store under its writer's lock: they have no gaps, so that a
-- missing row shows. Nothing is deleted but superseded files, documents and replay marks.

CREATE TABLE insurer (
    key      text COLLATE "C" PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 10),
    document bytea NOT NULL,
    keys     text NOT NULL
);

CREATE TABLE contract (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    insurer    text COLLATE "C" NOT NULL REFERENCES insurer (key),
    adherent   text COLLATE "C" NOT NULL CHECK (length(adherent) BETWEEN 1 AND 128), -- or its pseudonym, which is longer
    revision   bigint NOT NULL CHECK (revision >= 1),
    valid_from integer NOT NULL,
    valid_to   integer NOT NULL CHECK (valid_to >= valid_from),
    hash       bytea NOT NULL CHECK (length(hash) = 32),
    canonical  bytea NOT NULL,
    UNIQUE (insurer, adherent)
);

CREATE TABLE import (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256    bytea NOT NULL CHECK (length(sha256) = 32),
    at        bigint NOT NULL,
    lines     bigint NOT NULL,
    contracts bigint NOT NULL,
    created   bigint NOT NULL,
    changed   bigint NOT NULL,
    unchanged bigint NOT NULL,
    rejected  bigint NOT NULL,
    strict    boolean NOT NULL
);

CREATE TABLE list (
    number   integer PRIMARY KEY CHECK (number >= 1),
    insurer  text COLLATE "C" NOT NULL REFERENCES insurer (key),
    open     boolean NOT NULL,
    used     bigint NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 1048576),
    revision bigint NOT NULL DEFAULT 0 CHECK (revision >= 0),
    page     bytea
) WITH (fillfactor = 50); -- "used" changes with every card

CREATE UNIQUE INDEX list_open ON list (insurer) WHERE open;

CREATE TABLE card (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list          integer NOT NULL REFERENCES list (number),
    idx           integer NOT NULL CHECK (idx BETWEEN 0 AND 1048575),
    contract      bigint NOT NULL REFERENCES contract (id),
    person        smallint NOT NULL CHECK (person BETWEEN -1 AND 11),
    valid_from    integer NOT NULL,
    valid_to      integer NOT NULL CHECK (valid_to >= valid_from),
    revision      bigint NOT NULL CHECK (revision >= 1),
    kid           text COLLATE "C" NOT NULL CHECK (length(kid) = 11),
    issued_at     bigint NOT NULL,
    payload       bytea NOT NULL CHECK (length(payload) BETWEEN 1 AND 8192),
    signature     bytea CHECK (length(signature) = 64),
    state         smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
    replaces_list integer,
    replaces_idx  integer,
    replaced_from integer,
    UNIQUE (list, idx),
    CHECK ((state = 1) = (signature IS NULL)),
    CHECK ((replaces_list IS NULL) = (replaces_idx IS NULL) AND (replaces_list IS NULL) = (replaced_from IS NULL)),
    FOREIGN KEY (replaces_list, replaces_idx) REFERENCES card (list, idx)
) WITH (fillfactor = 80); -- every card is changed once, when it is sealed

CREATE INDEX card_contract ON card (contract);
-- One standing card (live or suspended) for each contract, person and period; one unfinished card for each contract and person.
CREATE UNIQUE INDEX card_standing ON card (contract, person, valid_from) WHERE state IN (2, 3);
CREATE UNIQUE INDEX card_intent ON card (contract, person) WHERE state = 1;
CREATE INDEX card_intents ON card (id) WHERE state = 1;

CREATE TABLE sign_log (
    seq     bigint PRIMARY KEY CHECK (seq >= 1),
    list    integer NOT NULL,
    idx     integer NOT NULL,
    kid     text COLLATE "C" NOT NULL CHECK (length(kid) = 11),
    digest  bytea NOT NULL CHECK (length(digest) = 32),
    attempt integer NOT NULL CHECK (attempt >= 1),
    at      bigint NOT NULL,
    UNIQUE (list, idx, attempt),
    FOREIGN KEY (list, idx) REFERENCES card (list, idx)
);

CREATE TABLE event (
    seq       bigint PRIMARY KEY CHECK (seq >= 1),
    list      integer NOT NULL,
    idx       integer NOT NULL,
    kind      smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    from_day  integer NOT NULL CHECK (from_day > 0),
    class     text NOT NULL,
    actor     text NOT NULL,
    at        bigint NOT NULL,
    revision  bigint NOT NULL DEFAULT 0,
    published integer NOT NULL DEFAULT 0,
    CHECK ((revision = 0) = (published = 0)),
    FOREIGN KEY (list, idx) REFERENCES card (list, idx)
);

CREATE INDEX event_place ON event (list, idx);
CREATE INDEX event_pending ON event (list, seq) WHERE revision = 0;

CREATE TABLE publication (
    version    bigint PRIMARY KEY CHECK (version >= 1),
    at         bigint NOT NULL,
    audit_seq  bigint NOT NULL,
    audit_hash bytea NOT NULL CHECK (length(audit_hash) = 32)
);

CREATE TABLE file (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path        text COLLATE "C" NOT NULL UNIQUE,
    data        bytea NOT NULL,
    publication bigint NOT NULL REFERENCES publication (version)
);

CREATE TABLE audit (
    seq  bigint PRIMARY KEY CHECK (seq >= 1),
    at   bigint NOT NULL, -- microseconds
    body bytea NOT NULL,
    prev bytea NOT NULL CHECK (length(prev) = 32)
);

CREATE TABLE audit_head (
    id   smallint PRIMARY KEY CHECK (id = 1),
    seq  bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE document (
    kind    text COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z-]{1,32}$'),
    id      text COLLATE "C" NOT NULL CHECK (id ~ '^[ -~]{1,128}$'),
    owner   text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    until   bigint, -- null keeps it
    data    bytea NOT NULL CHECK (length(data) <= 1048640), -- register.MaxDocument, and 64 for a seal
    PRIMARY KEY (kind, id)
);

CREATE INDEX document_owner ON document (kind, owner, id);
CREATE INDEX document_until ON document (kind, until) WHERE until IS NOT NULL;

CREATE TABLE request (
    counter text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    until   bigint NOT NULL,
    PRIMARY KEY (counter, id)
);

CREATE INDEX request_until ON request (until);

CREATE TABLE online_check (
    seq       bigint PRIMARY KEY CHECK (seq >= 1),
    number    text COLLATE "C" NOT NULL,
    counter   text COLLATE "C" NOT NULL,
    at        bigint NOT NULL, -- milliseconds
    insurer   text COLLATE "C" NOT NULL,
    list      integer NOT NULL,
    idx       integer NOT NULL,
    care      integer NOT NULL,
    domain    text COLLATE "C" NOT NULL,
    person    smallint NOT NULL,
    status    text COLLATE "C" NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    pay_until bigint, -- null for no promise
    pay_euros bigint NOT NULL CHECK (pay_euros >= 0 AND (pay_until IS NOT NULL OR pay_euros = 0)),
    CHECK ((insurer = '') = (list = 0) AND (list > 0 OR idx = 0))
);

CREATE UNIQUE INDEX online_check_number ON online_check (number) WHERE number <> '';
-- The insurer stands in the index so that one counter's checks are narrowed without reading them.
CREATE INDEX online_check_counter ON online_check (counter, seq, insurer);
CREATE INDEX online_check_insurer ON online_check (insurer, seq);
CREATE INDEX online_check_report ON online_check (insurer, at) INCLUDE (list, idx, counter) WHERE insurer <> '';

CREATE TABLE receipt (
    arrival bigint PRIMARY KEY CHECK (arrival >= 1),
    device  text COLLATE "C" NOT NULL,
    seq     bigint NOT NULL,
    hash    bytea NOT NULL CHECK (length(hash) = 32),
    entry   bytea NOT NULL,
    counter text COLLATE "C" NOT NULL,
    arrived bigint NOT NULL,
    at      bigint NOT NULL,
    day     integer NOT NULL, -- of at, in Paris
    insurer text COLLATE "C" NOT NULL,
    list    integer NOT NULL,
    idx     integer NOT NULL,
    care    integer NOT NULL,
    domain  text COLLATE "C" NOT NULL,
    mode    text COLLATE "C" NOT NULL,
    status  text COLLATE "C" NOT NULL,
    age     bigint NOT NULL,
    answer  smallint NOT NULL CHECK (answer BETWEEN 1 AND 3),
    reason  text COLLATE "C" NOT NULL,
    UNIQUE (device, seq, hash),
    CHECK ((insurer = '') = (list = 0) AND (list > 0 OR idx = 0))
);

CREATE INDEX receipt_counter ON receipt (counter, arrival, insurer, answer);
CREATE INDEX receipt_insurer ON receipt (insurer, arrival);
CREATE INDEX receipt_answer ON receipt (answer, arrival);
CREATE INDEX receipt_insurer_answer ON receipt (insurer, answer, arrival);
-- All that a report asks, in the order of the span it asks about.
CREATE INDEX receipt_report ON receipt (insurer, at) INCLUDE (list, idx, counter, mode, age, day, answer) WHERE insurer <> '';

-- What was signed, logged, answered or received can't be altered nor forgotten, whoever asks.

-- +goose StatementBegin
CREATE FUNCTION sceau_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = 'append-only', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER card_keep BEFORE DELETE ON card FOR EACH ROW EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER card_same BEFORE UPDATE ON card FOR EACH ROW
    WHEN ((OLD.id, OLD.list, OLD.idx, OLD.contract, OLD.person, OLD.valid_from, OLD.valid_to, OLD.revision, OLD.kid, OLD.issued_at, OLD.payload,
           OLD.replaces_list, OLD.replaces_idx, OLD.replaced_from)
        IS DISTINCT FROM
          (NEW.id, NEW.list, NEW.idx, NEW.contract, NEW.person, NEW.valid_from, NEW.valid_to, NEW.revision, NEW.kid, NEW.issued_at, NEW.payload,
           NEW.replaces_list, NEW.replaces_idx, NEW.replaced_from))
    EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER card_sealed BEFORE UPDATE ON card FOR EACH ROW
    WHEN (OLD.signature IS NOT NULL AND OLD.signature IS DISTINCT FROM NEW.signature) EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER card_whole BEFORE TRUNCATE ON card FOR EACH STATEMENT EXECUTE FUNCTION sceau_refuse();

CREATE TRIGGER sign_log_same BEFORE UPDATE OR DELETE ON sign_log FOR EACH ROW EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER sign_log_whole BEFORE TRUNCATE ON sign_log FOR EACH STATEMENT EXECUTE FUNCTION sceau_refuse();

CREATE TRIGGER event_keep BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER event_same BEFORE UPDATE ON event FOR EACH ROW
    WHEN ((OLD.seq, OLD.list, OLD.idx, OLD.kind, OLD.from_day, OLD.class, OLD.actor, OLD.at)
        IS DISTINCT FROM (NEW.seq, NEW.list, NEW.idx, NEW.kind, NEW.from_day, NEW.class, NEW.actor, NEW.at))
    EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER event_once BEFORE UPDATE ON event FOR EACH ROW WHEN (OLD.revision <> 0) EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER event_whole BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION sceau_refuse();

CREATE TRIGGER audit_same BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION sceau_refuse();

CREATE TRIGGER online_check_same BEFORE UPDATE OR DELETE ON online_check FOR EACH ROW EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER online_check_whole BEFORE TRUNCATE ON online_check FOR EACH STATEMENT EXECUTE FUNCTION sceau_refuse();

CREATE TRIGGER receipt_same BEFORE UPDATE OR DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER receipt_whole BEFORE TRUNCATE ON receipt FOR EACH STATEMENT EXECUTE FUNCTION sceau_refuse();
