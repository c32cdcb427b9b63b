-- The service's own role: it reads, adds and moves states on, and can neither alter nor delete what was signed, logged or answered.
--
-- Run this as the owner of the register, in its schema, after `Create` and after each update of the program (a migration
-- may bring new tables). The service then connects as sceau_service; the owner's connection string is kept for Create and
-- migrations, and locked away. The role is made beforehand by who may make roles, and given the right to connect and to
-- use the schema:
--
--     CREATE ROLE sceau_service LOGIN PASSWORD '…';
--     GRANT CONNECT ON DATABASE … TO sceau_service;
--     GRANT USAGE ON SCHEMA … TO sceau_service;

REVOKE ALL ON insurer, contract, import, list, card, sign_log, event, publication, file, audit, audit_head, document, request,
    online_check, receipt, sceau_register_version FROM PUBLIC, sceau_service;

GRANT SELECT ON insurer, contract, import, list, card, sign_log, event, publication, file, audit, audit_head, document, request,
    online_check, receipt, sceau_register_version TO sceau_service;

-- Append-only: no UPDATE and no DELETE, but for the two columns that say where an event was published.
GRANT INSERT ON sign_log, event, audit, online_check, receipt, import, publication TO sceau_service;
GRANT UPDATE (revision, published) ON event TO sceau_service;

-- A card is added, sealed once and moved from state to state; triggers hold the rest.
GRANT INSERT ON card TO sceau_service;
GRANT UPDATE (signature, state) ON card TO sceau_service;

-- Present state.
GRANT INSERT, UPDATE ON insurer, contract, list, audit_head TO sceau_service;
GRANT INSERT, UPDATE, DELETE ON document TO sceau_service;
GRANT INSERT, DELETE ON request, file TO sceau_service;
