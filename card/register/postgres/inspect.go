// Inspect: what PostgreSQL can say of the register's own storage.

package postgres

import (
	"context"
	"slices"

	"sceau/card/register"
)

// guards are the triggers that keep what must not change.
var guards = []string{"audit_same", "audit_whole", "card_keep", "card_payload", "card_same", "card_sealed", "card_whole", "event_keep", "event_once", "event_same",
	"event_whole", "online_check_same", "online_check_whole", "receipt_same", "receipt_whole", "sign_log_same", "sign_log_whole"}

// Inspect implements register.Inspector: failed page checksums, unusable indexes, unchecked constraints, guards that were
// taken away, and gaps in the numbers of the logs. It reads each log once.
func (s *Store) Inspect(ctx context.Context) ([]string, error) {
	var faults []string
	err := s.View(ctx, func(tx register.Tx) error {
		t, ok := tx.(*txn)
		if !ok {
			return errDone
		}
		lines, err := all(t, func(scan scanner) (string, error) {
			var line string
			return line, scan(&line)
		}, `SELECT 'the server met pages with a wrong checksum in this database' FROM pg_stat_database
				WHERE datname = current_database() AND checksum_failures > 0
			UNION ALL
			SELECT 'index ' || c.relname || ' is not usable' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
				WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready)
			UNION ALL
			SELECT 'constraint ' || conname || ' was not checked' FROM pg_constraint
				WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
			UNION ALL
			SELECT 'trigger ' || g || ' is missing or switched off' FROM unnest($1::text[]) g WHERE NOT EXISTS (
				SELECT FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
				WHERE c.relnamespace = current_schema()::regnamespace AND tgname = g AND tgenabled IN ('O', 'A'))
			UNION ALL
			SELECT 'table ' || log || ' lacks rows that were in it' FROM (
				SELECT 'sign_log' AS log, count(*) <> coalesce(max(seq), 0) AS gap FROM sign_log
				UNION ALL SELECT 'event', count(*) <> coalesce(max(seq), 0) FROM event
				UNION ALL SELECT 'audit', count(*) <> coalesce(max(seq), 0) FROM audit
				UNION ALL SELECT 'online_check', count(*) <> coalesce(max(seq), 0) FROM online_check) logs WHERE gap`, guards)
		faults = lines
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(faults)
	return faults, nil
}
