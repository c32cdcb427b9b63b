//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/fixtures/pgserver"
)

// crowd fills a register with rows of all kinds, straight into its tables.
const crowd = `INSERT INTO insurer VALUES ('1', '', '{}'), ('2', '', '{}'), ('3', '', '{}');
	INSERT INTO list (number, insurer, open, used) VALUES (1, '1', true, 20000), (2, '2', true, 0);
	INSERT INTO contract (insurer, adherent, revision, valid_from, valid_to, hash, canonical)
		SELECT '1', 'A' || n, 1, 20000, 20300, sha256(n::text::bytea), repeat('x', 300)::bytea FROM generate_series(1, 20000) n;
	INSERT INTO card (list, idx, contract, person, valid_from, valid_to, revision, kid, issued_at, payload, signature, state)
		SELECT 1, id, id, -1, 20000, 20300, 1, 'Xq3f9aLmQ2s', 1, repeat('x', 200)::bytea, sha512('x'), 2 FROM contract;
	INSERT INTO sign_log SELECT idx, list, idx, kid, sha256('x'), 1, 1 FROM card;
	INSERT INTO event (seq, list, idx, kind, from_day, class, actor, at, revision, published)
		SELECT n, 1, n * 3, 1, 20000, 'closed', 'x', 1, 1, 20000 FROM generate_series(1, 6000) n;
	INSERT INTO publication SELECT n, 1, 1, sha256('x') FROM generate_series(1, 2000) n;
	INSERT INTO file (path, data, publication) SELECT 'f' || n, 'x', 1 FROM generate_series(1, 5000) n;
	INSERT INTO audit SELECT n, 1, 'x', sha256('x') FROM generate_series(1, 20000) n;
	INSERT INTO audit_head VALUES (1, 20000, sha256('x'));
	INSERT INTO document SELECT CASE WHEN n % 50 = 0 THEN 'counter' ELSE 'session' END, 'd' || n, (n % 7)::text, 1, n, 'x' FROM generate_series(1, 20000) n;
	INSERT INTO request SELECT 'C' || n % 500, lpad(n::text, 22, '0'), n FROM generate_series(1, 20000) n;
	INSERT INTO online_check SELECT n, CASE WHEN n % 3 = 0 THEN '' ELSE 'N' || n END, 'C' || n % 500, n * 1000, '1', 1, n % 20000, 20000, 'OPTI', 0, 'valid', '', NULL, 0
		FROM generate_series(1, 40000) n;
	INSERT INTO receipt SELECT n, md5((n % 500)::text), n, sha256(n::text::bytea), 'x', 'C' || n % 500, n, n, 20000, '1', 1, n % 20000, 20000, 'OPTI', 'offline', 'valid', 1,
		CASE WHEN n % 15000 = 0 THEN 3 ELSE 1 + n % 2 END, '' FROM generate_series(1, 40000) n;
	ANALYZE`

// TestPlans: no statement of the service's daily work reads a large table from end to end, also with the plans that
// PostgreSQL settles on after a few runs. The server writes every plan into its log.
func TestPlans(t *testing.T) {
	server := pgserver.Start(t, pgserver.Options{Settings: map[string]string{"session_preload_libraries": "auto_explain", "autovacuum": "off"}})
	database := server.NewDatabase(t, "")
	dsn := server.DSN(database)
	if err := create(t, dsn, quick).Close(); err != nil {
		t.Fatal(err)
	}
	pgserver.Exec(t, dsn, crowd, "ALTER DATABASE "+database+" SET auto_explain.log_min_duration = 0", "ALTER DATABASE "+database+" SET auto_explain.log_nested_statements = on",
		"ALTER DATABASE "+database+" SET auto_explain.log_analyze = on")
	s := open(t, dsn, quick)
	mark := func(what string) { pgserver.Exec(t, dsn, "/* mark "+what+" */ SELECT 1") }

	mark("begin")
	const runs = 12 // the sixth may have another plan
	for n := range runs {
		at := time.Unix(int64(50000+n), 0)
		key := register.ContractKey{Insurer: "1", Adherent: fmt.Sprint("B", n)}
		p := card.Place{List: 1, Index: uint32(100000 + n)}
		daily(t, s, n, at, key, p)
	}
	mark("end")
	log := server.Log(t)
	log = log[strings.LastIndex(log, "mark begin"):strings.LastIndex(log, "mark end")]
	plans := strings.Count(log, "Query Text:")
	if plans < runs*38 {
		t.Fatalf("only %d plans are in the log: the test looked at nothing", plans)
	}
	for _, text := range []string{"INSERT INTO sign_log", "UPDATE card SET signature", "INSERT INTO card"} {
		if n := strings.Count(log, text); n != 2*runs { // one for one card, one for many
			t.Errorf("%d statements %s in %d runs, want one for one row and one for many", n, text, runs)
		}
	}
	large := regexp.MustCompile(`Seq Scan on (contract|card|sign_log|event|publication|file|audit|document|request|online_check|receipt)\b`)
	wasted := regexp.MustCompile(`Rows Removed by (Filter|Join Filter|Index Recheck): ([5-9]\d\d|\d{4,})`) // an index that was read from end to end
	walked := regexp.MustCompile(`rows=\d{5,}(\.\d+)? loops`)                                              // or joined with all that it holds
	given := regexp.MustCompile(`CTE Scan on given.*\n\s*Filter: .*\n\s*Rows Removed by Filter: \d+`)      // the rows of a batch itself
	for _, entry := range strings.Split(log, "Query Text:") {
		entry = given.ReplaceAllString(entry, "")
		if large.MatchString(entry) || wasted.MatchString(entry) || walked.MatchString(entry) {
			t.Errorf("reads a whole table:%.1500s", entry)
		}
	}
	// The net catches something: this one does read all.
	pgserver.Exec(t, dsn, "SELECT count(*) FROM receipt WHERE reason = 'x'")
	if !large.MatchString(server.Log(t)[strings.LastIndex(server.Log(t), "mark end"):]) {
		t.Error("a plan that reads a whole table went unseen")
	}
}

// daily does what checks, issuing, publishing, uploads and walks do, but for reports.
func daily(t *testing.T, s register.Store, n int, at time.Time, key register.ContractKey, p card.Place) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil && !errors.Is(err, register.ErrNotFound) {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	h, ok := register.Store(s).(register.Holder)
	if !ok {
		t.Fatal("no Holder")
	}
	_, err := h.Holding(ctx, card.Place{List: 1, Index: uint32(3 + 3*n)})
	must(err)
	must(s.Update(ctx, func(tx register.Tx) error {
		var requests []register.Request
		var checks []register.Check
		var receipts []register.Receipt
		for i := range 64 {
			requests = append(requests, register.Request{Counter: "C1", ID: fmt.Sprintf("x%010d%011d", n, i), Until: at})
			checks = append(checks, register.Check{Number: fmt.Sprint("M", n, "-", i), Counter: "C1", At: at, Insurer: "1", Place: card.Place{List: 1, Index: uint32(i)}, Status: "valid"})
			receipts = append(receipts, register.Receipt{Device: strings.Repeat("e", 32), Seq: uint64(1 + n*64 + i), Entry: []byte("x"), Counter: "C1", Arrived: at, At: at,
				Insurer: "1", Place: card.Place{List: 1, Index: uint32(i)}, Mode: register.ModeOffline, Answer: register.Honoured})
		}
		_, e1 := tx.TakeRequests(requests)
		_, e2 := tx.AddChecks(checks)
		_, e3 := tx.AddReceipts(receipts)
		_, e4 := tx.DropRequests(time.Unix(int64(n*3), 0))
		_, e5 := tx.DropDocuments("session", time.Unix(int64(n*3), 0))
		return errors.Join(e1, e2, e3, e4, e5, tx.PutDocument(register.Document{Kind: "job", ID: fmt.Sprint(n), Version: 1}),
			tx.PutDocument(register.Document{Kind: "job", ID: fmt.Sprint(n), Version: 2}), tx.DropDocument("job", fmt.Sprint(n)))
	}))
	must(s.Update(ctx, func(tx register.Tx) error {
		c := register.Card{Place: p, Contract: key, Person: register.Household, From: 20000, To: 20001, Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: at, Payload: []byte("x")}
		e1 := errors.Join(tx.PutContract(register.Contract{Key: key, Revision: 1, From: 1, To: 2}), tx.PutContract(register.Contract{Key: key, Revision: 2, From: 1, To: 2}))
		_, e2 := tx.Taken(p)
		e3 := tx.AddCard(c)
		_, e4 := tx.LogSign(register.SignEntry{Place: p, KID: c.KID, At: at})
		_, e5 := tx.Intents(10)
		e6 := tx.SealCard(p, make([]byte, 64))
		_, e7 := tx.AddEvent(register.Event{Place: p, Kind: status.Void, From: 20000, At: at})
		e8 := tx.SetCardState(p, register.Live, register.Suspended)
		_, e9 := tx.PendingEvents(1)
		_, e10 := tx.MarkPublished(1, 1<<40, 2, 20000)
		_, e11 := tx.AppendAudit([]byte("x"), at)
		e12 := tx.AddPublication(register.Publication{Version: int64(2001 + n), At: at}, []register.NewFile{{Path: fmt.Sprint("g", n)}, {Path: "timestamp.json", Mutable: true}})
		e13 := tx.DropFiles([]string{"f1", fmt.Sprint("f", n+9)})
		return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13)
	}))
	must(s.View(ctx, func(tx register.Tx) error {
		_, e1 := tx.Contract(key)
		_, e2 := tx.ContractsAfter("1", fmt.Sprint("A", n), 10)
		_, e3 := tx.CardsOf(key)
		_, e4 := tx.CardsAfter(1, int64(n*100), 10)
		_, e5 := tx.SignLog(p)
		_, e6 := tx.SignLogAfter(int64(n*100), 10)
		_, e7 := tx.EventsOf(p)
		_, e8 := tx.EventsAfter(int64(n*100), 10)
		_, e9 := tx.File("f7")
		_, e10 := tx.AuditAfter(uint64(n*100), 10)
		_, e11 := tx.Document("counter", "d50")
		_, e12 := tx.DocumentsAfter("counter", register.AnyOwner, "d5", 10)
		_, e13 := tx.DocumentsAfter("counter", "3", "d5", 10)
		_, e14 := tx.CheckByNumber("N7")
		_, e15 := tx.LastPublication()
		var errs []error
		for _, counter := range []string{"", "C7"} {
			for _, insurer := range []string{"", "1", "2"} {
				_, err := tx.ChecksAfter(int64(n*100), counter, insurer, 10)
				errs = append(errs, err)
				for answer := range register.Answer(4) {
					_, err := tx.ReceiptsAfter(int64(n*100), insurer, counter, answer, 10)
					errs = append(errs, err)
				}
			}
		}
		_, e16 := tx.ReceiptsOf(strings.Repeat("e", 32), uint64(n), 10)
		return errors.Join(append(errs, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16)...)
	}))
	must(s.View(ctx, func(tx register.Tx) error { _, err := tx.Card(p); return err }))
	must(s.Update(ctx, func(tx register.Tx) error { return many(tx, n, at) }))
}

// many does what an import and a campaign do: with few rows and with a whole batch, whose plans differ.
func many(tx register.Tx, n int, at time.Time) error {
	size := register.MaxBatch
	if n%4 != 1 {
		size = 20
	}
	var fresh, changed []register.Contract
	var cards []register.Card
	var log []register.SignEntry
	var seals []register.Seal
	var names []string
	var places []card.Place
	for i := range size {
		old := register.ContractKey{Insurer: "1", Adherent: fmt.Sprint("A", 1+(n*1000+i)%20000)}
		fresh = append(fresh, register.Contract{Key: register.ContractKey{Insurer: "1", Adherent: fmt.Sprint("M", n, "-", i)}, Revision: 1, From: 1, To: 2, Changed: at})
		changed = append(changed, register.Contract{Key: old, Revision: 2, From: 1, To: 2, Changed: at})
		p := card.Place{List: 1, Index: uint32(200_000 + n*1000 + i)}
		c := register.Card{Place: p, Contract: old, Person: 3, From: 20000, To: 20001, Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: at, Payload: []byte("x")}
		cards, log = append(cards, c), append(log, register.SignEntry{Place: p, KID: c.KID, At: at})
		seals, names, places = append(seals, register.Seal{Place: p, Signature: make([]byte, 64)}), append(names, old.Adherent), append(places, p)
	}
	e1 := tx.PutContracts(fresh)
	e2 := tx.PutContracts(changed)
	e3 := tx.AddCards(cards)
	_, e4 := tx.LogSigns(log)
	e5 := tx.SealCards(seals)
	held, e6 := tx.ContractsNamed("1", names)
	of, e7 := tx.CardsOfContracts("1", names)
	here, e8 := tx.CardsAt(places)
	taken, e9 := tx.TakenOf(places)
	if err := errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9); err != nil {
		return err
	}
	if len(held) != size || len(of) != size || len(here) != size || len(taken) != size {
		return fmt.Errorf("%d contracts, cards of %d, %d cards, %d places", len(held), len(of), len(here), len(taken))
	}
	return nil
}
