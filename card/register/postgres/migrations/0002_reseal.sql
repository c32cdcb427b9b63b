-- +goose Up

-- The register, version 2: a payload that is encrypted may be encrypted anew, in a transaction that says so. What was signed still can't
-- be altered: the signature and the log of signatures say what it was, and the encryption that nobody else wrote it. The service's
-- own role may not do it at all (role.sql): it is the owner's work.

DROP TRIGGER card_same ON card;

CREATE TRIGGER card_same BEFORE UPDATE ON card FOR EACH ROW
    WHEN ((OLD.id, OLD.list, OLD.idx, OLD.contract, OLD.person, OLD.valid_from, OLD.valid_to, OLD.revision, OLD.kid, OLD.issued_at,
           OLD.replaces_list, OLD.replaces_idx, OLD.replaced_from)
        IS DISTINCT FROM
          (NEW.id, NEW.list, NEW.idx, NEW.contract, NEW.person, NEW.valid_from, NEW.valid_to, NEW.revision, NEW.kid, NEW.issued_at,
           NEW.replaces_list, NEW.replaces_idx, NEW.replaced_from))
    EXECUTE FUNCTION sceau_refuse();
CREATE TRIGGER card_payload BEFORE UPDATE ON card FOR EACH ROW
    WHEN (OLD.payload IS DISTINCT FROM NEW.payload AND current_setting('sceau.reseal', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION sceau_refuse();
