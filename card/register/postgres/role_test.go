//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/card/register/registertest"
	"sceau/card/status"
	"sceau/fixtures/pgserver"
)

// restricted makes a register and its service's role, as an operator does, and returns the owner's and the role's strings.
func restricted(t *testing.T) (owner, service string) {
	t.Helper()
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	owner, role := server.DSN(database), "service_"+database
	if err := create(t, owner, quick).Close(); err != nil {
		t.Fatal(err)
	}
	pgserver.Exec(t, owner, "CREATE ROLE "+role+" LOGIN", "GRANT CONNECT ON DATABASE "+database+" TO "+role, "GRANT USAGE ON SCHEMA public TO "+role,
		strings.ReplaceAll(postgres.RoleSQL(), "sceau_service", role))
	t.Cleanup(func() { pgserver.Exec(t, owner, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	return owner, pgserver.As(owner, role)
}

// TestRoleWorks: the whole contract holds for a service that connects with its own role.
func TestRoleWorks(t *testing.T) {
	server := pgserver.Shared(t)
	owner, service := restricted(t)
	template, role := ask[string](t, owner, "SELECT current_database()"), must(url.Parse(service))(t).User.Username()
	registertest.Run(t, func(t *testing.T, at string) register.Store {
		t.Helper()
		file := filepath.Join(at, "dsn")
		dsn, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			for ask[int](t, server.DSN("postgres"), "SELECT count(*)::int FROM pg_stat_activity WHERE datname = '"+template+"'") > 0 {
				time.Sleep(5 * time.Millisecond) // who made it is on his way out
			}
			dsn = []byte(pgserver.As(server.DSN(server.Copy(t, template, "")), role))
			err = os.WriteFile(file, dsn, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return must(postgres.Open(context.Background(), string(dsn), quick))(t)
	})
}

// TestRoleIssues: an operator's day with the service's role: issue, revoke, publish.
func TestRoleIssues(t *testing.T) {
	owner, service := restricted(t)
	w := &world{t: t, store: open(t, service, quick), online: &keys{}, emitted: map[card.Place]register.ContractKey{}}
	w.issuer = &issuer.Issuer{Store: w.store, Online: w.online, Offline: &keys{}, Actor: "test", Batch: 4}
	facts := issuer.InsurerFacts{AMC: amc, Name: "Mutuelle Exemple", PhoneProfessionals: "01 23 45 67 89"}
	must(w.issuer.Init(t.Context(), issuer.InitOptions{Insurers: []issuer.InsurerFacts{facts}}))(t)
	w.online.signed.Store(0) // of publishing
	w.seed("A", 10)
	w.complete(10)
	for p := range w.emitted {
		must(w.issuer.SetStatus(t.Context(), issuer.StatusRequest{Kind: status.Void, Targets: []issuer.Target{{Place: p}}}))(t)
		delete(w.emitted, p)
		break
	}
	must(w.issuer.Publish(t.Context(), time.Time{}))(t)
	w.sound()
	if n := ask[int](t, owner, "SELECT count(*)::int FROM event WHERE revision > 0"); n != 1 {
		t.Errorf("%d published events", n)
	}
}

// filled has a row in each table that is kept for ever.
func filled(t *testing.T, s register.Store) {
	t.Helper()
	c := register.Card{Place: card.Place{List: 1, Index: 7}, Contract: register.ContractKey{Insurer: "1", Adherent: "A"}, Person: register.Household, From: 20000, To: 20001,
		Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: time.Unix(1, 0), Payload: []byte("x")}
	err := s.Update(t.Context(), func(tx register.Tx) error {
		if err := put("1")(tx); err != nil {
			return err
		}
		_, err := tx.AddList("1")
		err = errors.Join(err, tx.PutContract(register.Contract{Key: c.Contract, Revision: 1, From: 20000, To: 20001}), tx.AddCard(c))
		_, err2 := tx.LogSign(register.SignEntry{Place: c.Place, KID: c.KID, At: c.IssuedAt})
		_, err3 := tx.AddEvent(register.Event{Place: c.Place, Kind: status.Void, From: 20000, At: c.IssuedAt})
		_, err4 := tx.AppendAudit([]byte("{}"), c.IssuedAt)
		_, err5 := tx.AddChecks([]register.Check{{Number: "N", Counter: "C", At: time.Unix(1, 0), Status: "valid"}})
		_, err6 := tx.AddReceipts([]register.Receipt{{Device: strings.Repeat("a", 32), Seq: 1, Entry: []byte("x"), Counter: "C", At: time.Unix(1, 0), Arrived: time.Unix(1, 0), Answer: register.Noted}})
		return errors.Join(err, err2, err3, err4, err5, err6, tx.SealCard(c.Place, make([]byte, 64)))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx register.Tx) error { _, err := tx.MarkPublished(1, 1, 1, 20000); return err })
	if err != nil {
		t.Fatal(err)
	}
}

// TestAppendOnly: what is kept for ever can be changed and taken away neither by the service's role, which lacks the right, nor
// by the owner, whom the triggers stop.
func TestAppendOnly(t *testing.T) {
	owner, service := restricted(t)
	filled(t, open(t, service, quick))
	before := census(t, owner)
	for who, dsn := range map[string]string{"owner": owner, "service": service} {
		c := connect(t, dsn)
		for _, q := range []string{
			"UPDATE audit SET body = 'x'", "DELETE FROM audit", "TRUNCATE audit",
			"UPDATE sign_log SET digest = sha256('x')", "DELETE FROM sign_log", "TRUNCATE sign_log",
			"UPDATE event SET class = 'x'", "UPDATE event SET seq = 9", "DELETE FROM event", "TRUNCATE event",
			"UPDATE event SET revision = 2", "UPDATE event SET revision = 0, published = 0",
			"UPDATE online_check SET status = 'x'", "DELETE FROM online_check", "TRUNCATE online_check",
			"UPDATE receipt SET answer = 2", "DELETE FROM receipt", "TRUNCATE receipt",
			"UPDATE card SET payload = 'y'", "UPDATE card SET idx = 8", "UPDATE card SET signature = sha512('x')", "DELETE FROM card", "TRUNCATE card CASCADE",
			"MERGE INTO audit USING (SELECT 1 AS n) x ON seq = n WHEN MATCHED THEN UPDATE SET body = 'x'",
			"INSERT INTO receipt SELECT * FROM receipt ON CONFLICT (arrival) DO UPDATE SET reason = 'x'",
		} {
			_, err := c.Exec(t.Context(), q)
			var e *pgconn.PgError
			if !errors.As(err, &e) || e.Code != "42501" && e.Code != "23001" || who == "service" && strings.HasPrefix(q, "DELETE") && e.Code != "42501" {
				t.Errorf("%s: %s: %v", who, q, err)
			}
		}
	}
	c := connect(t, service)
	for _, q := range []string{"ALTER TABLE audit DISABLE TRIGGER ALL", "DROP TABLE audit", "CREATE TABLE mine (x int)", "UPDATE sceau_register_version SET version_id = 9",
		"DELETE FROM insurer", "DELETE FROM contract", "DELETE FROM publication", "UPDATE publication SET at = 0", "UPDATE import SET lines = 0", "DELETE FROM audit_head",
		"SET session_replication_role = replica"} {
		var e *pgconn.PgError
		if _, err := c.Exec(t.Context(), q); !errors.As(err, &e) || e.Code != "42501" {
			t.Errorf("%s: %v", q, err)
		}
	}
	if after := census(t, owner); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// census is a digest of the tables that are kept for ever.
func census(t *testing.T, dsn string) string {
	t.Helper()
	return ask[string](t, dsn, `SELECT concat((SELECT md5(string_agg(audit::text, '|')) FROM audit), (SELECT md5(string_agg(sign_log::text, '|')) FROM sign_log),
		(SELECT md5(string_agg(event::text, '|')) FROM event), (SELECT md5(string_agg(online_check::text, '|')) FROM online_check),
		(SELECT md5(string_agg(receipt::text, '|')) FROM receipt), (SELECT md5(string_agg(card::text, '|')) FROM card))`)
}

// TestInspect: an owner who goes round the guards leaves a trace.
func TestInspect(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	s := create(t, dsn, quick)
	filled(t, s)
	if err := s.Update(t.Context(), func(tx register.Tx) error { _, err := tx.AppendAudit([]byte("{}"), time.Now()); return err }); err != nil {
		t.Fatal(err)
	}
	want := func(lines ...string) {
		t.Helper()
		got, err := s.Inspect(t.Context())
		if err != nil || strings.Join(got, "; ") != strings.Join(lines, "; ") {
			t.Errorf("got %q %v, want %q", got, err, lines)
		}
	}
	want()
	pgserver.Exec(t, dsn, "ALTER TABLE audit DISABLE TRIGGER audit_same", "DROP TRIGGER card_keep ON card")
	want("trigger audit_same is missing or switched off", "trigger card_keep is missing or switched off")
	pgserver.Exec(t, dsn, "DELETE FROM audit WHERE seq = 1", "ALTER TABLE audit ENABLE TRIGGER audit_same",
		"CREATE TRIGGER card_keep BEFORE DELETE ON card FOR EACH ROW EXECUTE FUNCTION sceau_refuse()")
	want("table audit lacks rows that were in it")
	pgserver.Exec(t, dsn, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'card_contract'::regclass")
	want("index card_contract is not usable", "table audit lacks rows that were in it")
}
