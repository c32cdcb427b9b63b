package issuer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"sceau/card/register"
	"sceau/card/status"
)

// tamper changes the register's file behind the program's back, as its administrator can: guards are taken away first, and put
// back afterwards.
func (w *world) tamper(statements ...string) {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	db := must(sql.Open("sqlite", "file:"+filepath.Join(w.dir, "register.db")))(w.t)
	defer db.Close()
	rows := must(db.Query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))(w.t)
	var names, guards []string
	for rows.Next() {
		var n, guard string
		if err := rows.Scan(&n, &guard); err != nil {
			w.t.Fatal(err)
		}
		names, guards = append(names, n), append(guards, guard)
	}
	for _, n := range names {
		must(db.Exec("DROP TRIGGER " + n))(w.t)
	}
	for _, s := range statements {
		r, err := db.Exec(s)
		if err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
		if n, _ := r.RowsAffected(); n == 0 && s[:6] != "PRAGMA" && s[:4] != "DROP" {
			w.t.Fatalf("%s touched nothing: the test proves nothing", s)
		}
	}
	for _, guard := range guards {
		must(db.Exec(guard))(w.t)
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.store = nil
	w.reopen()
}

// lived is a world in which everything happened once.
func lived(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.seed(6)
	_, out := w.issue(IssueRequest{All: true})
	w.publish()
	must(w.set(status.Void, "2027-03-01", Target{Place: out[1].Place}))(t)
	must(w.set(status.Suspended, "2027-03-01", Target{Place: out[2].Place}))(t)
	w.publish()
	must(w.set(status.Restored, "2027-04-01", Target{Place: out[2].Place}))(t)
	return w
}

// TestFsckFinds: each fault that direct SQL can make has its own finding; its valid twin is lived itself.
func TestFsckFinds(t *testing.T) {
	w := lived(t)
	w.sound()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.dir, "register.db")
	whole := readFile(t, path)
	for _, c := range []struct {
		want       string
		statements []string
	}{
		{FoundCardSignature, []string{"UPDATE card SET signature = (SELECT signature FROM card WHERE id = 2) WHERE id = 1"}},
		{FoundCardState, []string{"UPDATE card SET state = 2 WHERE state = 4"}},
		{FoundCardState, []string{"UPDATE card SET state = 5 WHERE id = 1"}},
		{FoundCardState, []string{"UPDATE card SET state = 1, signature = NULL WHERE state = 4"}},
		{FoundCardClaims, []string{"UPDATE card SET valid_to = valid_to + 1 WHERE id = 1"}},
		{FoundCardClaims, []string{"UPDATE card SET contract = 2 WHERE id = 1"}},
		{FoundCardClaims, []string{"PRAGMA foreign_keys = OFF", "UPDATE card SET idx = idx + 1 WHERE id = 4", "UPDATE sign_log SET idx = idx + 1 WHERE seq = 4"}},
		{FoundCardClaims, []string{"UPDATE card SET issued_at = issued_at - 60 WHERE id = 1"}},
		{FoundCardUnreadable, []string{"UPDATE card SET payload = x'00' WHERE id = 1"}},
		{FoundSignLogDigest, []string{"UPDATE card SET payload = (SELECT payload FROM card WHERE id = 2) WHERE id = 1"}},
		{FoundCardKey, []string{"UPDATE card SET kid = 'AAAAAAAAAAA' WHERE id = 1"}},
		{FoundCardTwice, []string{"DROP INDEX card_standing", "UPDATE card SET contract = 4 WHERE id = 1"}},
		{FoundSignLogMissing, []string{"DELETE FROM sign_log WHERE seq = 6"}},
		{FoundSignLogGap, []string{"DELETE FROM sign_log WHERE seq = 3"}},
		{FoundAuditDetail, []string{"UPDATE sign_log SET digest = zeroblob(32) WHERE seq = 3"}},
		{FoundAuditDetail, []string{"INSERT INTO sign_log SELECT 7, list, idx, kid, digest, 2, at FROM sign_log WHERE seq = 1"}},
		{FoundListCount, []string{"UPDATE list SET used = used + 1"}},
		{FoundEventGap, []string{"DELETE FROM event WHERE seq = 1"}},
		{FoundPageEvents, []string{"UPDATE event SET from_day = from_day + 1 WHERE seq = 1"}},
		{FoundPageEvents, []string{"UPDATE event SET revision = 9 WHERE seq = 1"}},
		{FoundPageEvents, []string{"UPDATE event SET published = published + 1 WHERE seq = 2"}},
		{FoundCardState, []string{"UPDATE event SET kind = 3 WHERE seq = 3"}},
		{FoundPage, []string{"UPDATE list SET page = x'00'"}},
		{FoundPage, []string{"UPDATE list SET revision = revision + 1"}},
		{FoundPage, []string{"UPDATE list SET page = NULL"}},
		{FoundPageNotPublished, []string{"UPDATE list SET page = (SELECT data FROM file WHERE path LIKE 'amc/%/status/%.1' ORDER BY seq LIMIT 1)"}},
		{FoundTrust, []string{"DELETE FROM file WHERE path = 'timestamp.json'"}},
		{FoundTrust, []string{"DELETE FROM file WHERE path = '1.root.json'"}},
		{FoundTrust, []string{"UPDATE file SET data = CAST(replace(CAST(data AS TEXT), '\"version\":3', '\"version\":4') AS BLOB) WHERE path = 'timestamp.json'"}},
		{FoundTarget, []string{"UPDATE file SET data = CAST(data || 'x' AS BLOB) WHERE path LIKE '%.issuer.json'"}},
		{FoundTarget, []string{"DELETE FROM file WHERE path LIKE '%.codes.json'"}},
		{FoundPublication, []string{"UPDATE publication SET at = at - 1 WHERE version = 3"}},
		{FoundInsurer, []string{"UPDATE insurer SET document = x'7b7d'"}},
		{FoundKey, []string{`UPDATE insurer SET keys = replace(keys, 'card-775670482-1', 'card-775670482-9')`}},
		{FoundContract, []string{"UPDATE contract SET canonical = CAST(replace(CAST(canonical AS TEXT), 'Camille', 'Camillo') AS BLOB) WHERE id = 1"}},
		{FoundContract, []string{"UPDATE contract SET valid_to = valid_to + 1 WHERE id = 3"}},
		{FoundAudit, []string{"UPDATE publication SET audit_hash = zeroblob(32) WHERE version = 3"}},
		{FoundStorage, []string{"PRAGMA foreign_keys = OFF", "DELETE FROM contract WHERE id = 5"}},
		{FoundStorage, []string{"PRAGMA ignore_check_constraints = ON", "UPDATE card SET state = 9 WHERE id = 5"}},
	} {
		restore(t, path, whole)
		w.store = nil
		w.reopen()
		w.tamper(c.statements...)
		if got := w.codes(); got[c.want] == 0 {
			t.Errorf("%v: found %v, want %s", c.statements, got, c.want)
		}
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFsckAudit: T19. Edit, delete or insert any row of the audit chain: the first bad row is named.
func TestFsckAudit(t *testing.T) {
	w := lived(t)
	for range 15 { // a chain of some length
		w.publish()
	}
	var rows int
	w.view(func(tx register.Tx) error {
		head, err := tx.AuditHead()
		rows = int(head.Seq)
		return err
	})
	if rows < 20 {
		t.Fatalf("only %d rows", rows)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	whole := readFile(t, filepath.Join(w.dir, "register.db"))
	met := 0
	for n := 1; n <= rows; n++ {
		for _, edit := range [][]string{
			{"UPDATE audit SET body = CAST(replace(CAST(body AS TEXT), 'test', 'tesT') AS BLOB) WHERE seq = %d"},
			{"UPDATE audit SET at = at + 1 WHERE seq = %d"},
			{"UPDATE audit SET prev = zeroblob(32) WHERE seq = %d"},
			{"DELETE FROM audit WHERE seq = %d"},
			{ // a forged row slipped in, the others renumbered
				"PRAGMA ignore_check_constraints = ON", "UPDATE audit SET seq = -(seq + 1) WHERE seq >= %d", "UPDATE audit SET seq = -seq WHERE seq < 0",
				"INSERT INTO audit SELECT %[1]d, at, x'7b7d', prev FROM audit WHERE seq = %[1]d + 1",
			},
		} {
			restore(t, filepath.Join(w.dir, "register.db"), whole)
			w.store = nil
			w.reopen()
			var statements []string
			for _, e := range edit {
				if strings.Contains(e, "%") {
					e = fmt.Sprintf(e, n)
				}
				statements = append(statements, e)
			}
			w.tamper(statements...)
			r := must(w.issuer.Fsck(context.Background(), FsckOptions{}))(t)
			if len(r.Findings) == 0 || r.Findings[0].Code != FoundAudit || r.Findings[0].Where != fmt.Sprintf("audit %d", n) {
				t.Errorf("%s of row %d: %+v", edit, n, r.Findings)
			}
			if err := w.store.Close(); err != nil {
				t.Fatal(err)
			}
			met++
		}
	}
	if met < 5*20 {
		t.Errorf("only %d edits", met)
	}
	// A row beyond the head.
	restore(t, filepath.Join(w.dir, "register.db"), whole)
	w.store = nil
	w.reopen()
	w.tamper(fmt.Sprintf("INSERT INTO audit SELECT %d, at, body, prev FROM audit WHERE seq = 1", rows+1))
	if got := w.codes(); got[FoundAudit] == 0 {
		t.Errorf("row beyond the head: %v", got)
	}
}

func TestFsckExport(t *testing.T) {
	w := lived(t)
	m, _ := w.export()
	codes := func() map[string]int {
		out := map[string]int{}
		for _, f := range must(w.issuer.Fsck(context.Background(), FsckOptions{Exported: m.read}))(t).Findings {
			out[f.Code+" "+f.Where]++
		}
		return out
	}
	if got := codes(); len(got) != 0 {
		t.Fatalf("sound export: %v", got)
	}
	delete(m.files, "1.root.json")
	m.files[timestampPath] = append([]byte(" "), m.files[timestampPath]...)
	if got := codes(); len(got) != 2 || got["export file 1.root.json"] != 1 || got["export file timestamp.json"] != 1 {
		t.Errorf("%v", got)
	}
	broken := errors.New("broken disk")
	r := must(w.issuer.Fsck(context.Background(), FsckOptions{Exported: func(string) ([]byte, error) { return nil, broken }, Max: 3}))(t)
	if len(r.Findings) != 3 || !r.More {
		t.Errorf("%+v", r.Findings)
	}
}

// TestFsckKeys: a key that went missing, and one that is another.
func TestFsckKeys(t *testing.T) {
	w := lived(t)
	w.issuer.Online = nothing{}
	if got := w.codes(); got[FoundKey] != 5 {
		t.Errorf("%v", got)
	}
	w = lived(t)
	w.issuer.Offline = nil
	w.sound()
}

// nothing is a key folder without keys.
type nothing struct{ Keys }
