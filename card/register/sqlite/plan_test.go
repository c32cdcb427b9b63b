// Tests of the plans of the service's queries: what must stay fast with 10^7 checks and receipts.

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// everyQuery asks for all that the service asks, narrowed in every way. What it finds does not matter.
func everyQuery(t *testing.T, s *Store) {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	err := s.Update(context.Background(), func(tx register.Tx) error {
		_, e1 := tx.DropDocuments("job", now)
		_, e2 := tx.DropRequests(now)
		e3 := tx.DropDocument("job", "1")
		e4 := tx.PutDocument(register.Document{Kind: "job", ID: "1", Version: 1})
		e5 := tx.PutDocument(register.Document{Kind: "job", ID: "1", Version: 2})
		_, e6 := tx.TakeRequests([]register.Request{{Counter: "A", ID: strings.Repeat("x", 22), Until: now}})
		_, e7 := tx.AddChecks([]register.Check{{Counter: "A", At: now, Status: "valid"}})
		_, e8 := tx.AddReceipts([]register.Receipt{{Device: strings.Repeat("0", 32), Seq: 1, Entry: []byte("x"), Counter: "A", Arrived: now, At: now, Answer: 1,
			Insurer: "1", Place: card.Place{List: 1}}})
		return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(context.Background(), func(tx register.Tx) error { return everyBatch(t, tx) })
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(context.Background(), func(tx register.Tx) error {
		var errs []error
		see := func(err error) {
			if !errors.Is(err, register.ErrNotFound) {
				errs = append(errs, err)
			}
		}
		_, err := tx.Document("job", "1")
		see(err)
		_, err = tx.CheckByNumber("1")
		see(err)
		_, err = tx.ReceiptsOf(strings.Repeat("0", 32), 0, 1)
		see(err)
		for _, insurer := range []string{"", "1"} {
			_, err := tx.DocumentsAfter("job", insurer, "", 1)
			see(err)
			_, err = tx.Served(insurer, now, now.AddDate(0, 0, 9))
			see(err)
			_, err = tx.Sightings(insurer, now, now.AddDate(0, 0, 9), 1, 9)
			see(err)
			_, err = tx.ListAges(insurer, now, now.AddDate(0, 0, 9), 1, 9)
			see(err)
			for _, counter := range []string{"", "A"} {
				_, err := tx.ChecksAfter(0, counter, insurer, 1)
				see(err)
				for _, answer := range []register.Answer{0, 1} {
					_, err := tx.ReceiptsAfter(0, insurer, counter, answer, 1)
					see(err)
				}
			}
		}
		_, err = tx.DocumentsAfter("job", register.AnyOwner, "", 1)
		see(err)
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Holding(context.Background(), card.Place{List: 1}); !errors.Is(err, register.ErrNotFound) {
		t.Fatal(err)
	}
}

// everyBatch takes a contract and its card through their lives, one row and many rows at once, and reads what is there.
func everyBatch(t *testing.T, tx register.Tx) error {
	t.Helper()
	c := register.Contract{Key: register.ContractKey{Insurer: "1", Adherent: "A"}, Revision: 1, From: 1, To: 2, Canonical: []byte("x")}
	next := c
	next.Revision = 2
	p := card.Place{List: 1, Index: 7}
	k := register.Card{Place: p, Contract: c.Key, Person: register.Household, From: 1, To: 2, Revision: 1, KID: "Xq3f9aLmQ2s", IssuedAt: time.Unix(1, 0), Payload: []byte("x")}
	e1 := tx.PutInsurer(register.Insurer{Key: "1", Document: []byte("{}")})
	_, e2 := tx.AddList("1")
	e3 := tx.PutContracts([]register.Contract{c})
	e4 := tx.PutContracts([]register.Contract{next})
	e5 := tx.AddCards([]register.Card{k})
	_, e6 := tx.LogSigns([]register.SignEntry{{Place: p, KID: k.KID, At: k.IssuedAt}})
	e7 := tx.SealCards([]register.Seal{{Place: p, Signature: make([]byte, 64)}})
	_, e8 := tx.ContractsNamed("1", []string{"A", "B"})
	_, e9 := tx.CardsOfContracts("1", []string{"A", "B"})
	_, e10 := tx.CardsAt([]card.Place{p, {}})
	_, e11 := tx.TakenOf([]card.Place{p, {}})
	_, e12 := tx.ContractsAfter("1", "A", 10)
	_, e13 := tx.CardsAfter(1, 7, 10)
	_, e14 := tx.Intents(10)
	_, e15 := tx.SignLog(p)
	_, e16 := tx.SignLogAfter(1, 10)
	return errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16)
}

var (
	large = regexp.MustCompile(`\b(online_check|receipt|request|document|served|card|contract|event|sign_log)\b`)
	walks = regexp.MustCompile(`SCAN (online_check|receipt|request|document|served|card|contract|event|sign_log)\b`)
)

// indexes say which index a query with these words must begin with: another one would be right and slow.
var indexes = map[string]string{
	"FROM document WHERE kind = ? AND owner = ?":                  "document_owner (kind=? AND owner=? AND id>?)",
	"DELETE FROM document WHERE kind = ? AND until":               "document_until (kind=? AND until<?)",
	"DELETE FROM request WHERE until":                             "request_until (until<?)",
	"FROM online_check WHERE number = ?":                          "check_number (number=?)",
	"FROM online_check WHERE seq > ? AND counter = ?":             "check_counter (counter=? AND seq>?)",
	"FROM online_check WHERE seq > ? AND insurer = ?":             "check_insurer (insurer=? AND seq>?)",
	"FROM receipt WHERE num > ? AND counter = ?":                  "receipt_counter (counter=? AND num>?)",
	"FROM receipt WHERE num > ? AND insurer = ? ORDER":            "receipt_insurer (insurer=? AND num>?)",
	"FROM receipt WHERE num > ? AND insurer = ? AND answer = ? ":  "receipt_insurer_answer (insurer=? AND answer=? AND num>?)",
	"FROM receipt WHERE num > ? AND answer = ?":                   "receipt_answer (answer=? AND num>?)",
	"FROM receipt WHERE device = ? AND seq > ?":                   "sqlite_autoindex_receipt_1 (device=? AND seq>?)",
	"FROM served WHERE insurer = ?":                               "PRIMARY KEY (insurer=? AND day>? AND day<?)",
	"FROM contract WHERE insurer = ? AND adherent = ?":            "sqlite_autoindex_contract_1 (insurer=? AND adherent=?)",
	"FROM contract WHERE insurer = ? AND adherent > ?":            "sqlite_autoindex_contract_1 (insurer=? AND adherent>?)",
	"FROM card WHERE list = ? AND idx = ?":                        "COVERING INDEX sqlite_autoindex_card_1 (list=? AND idx=?)",
	"WHERE card.list = ? AND card.idx = ?":                        "sqlite_autoindex_card_1 (list=? AND idx=?)",
	"WHERE contract.insurer = ? AND contract.adherent = ?":        "card_contract (contract=?)",
	"WHERE card.list = ? AND card.idx > ?":                        "sqlite_autoindex_card_1 (list=? AND idx>?)",
	"state = 2 WHERE list = ? AND idx = ?":                        "sqlite_autoindex_card_1 (list=? AND idx=?)",
	"FROM sign_log WHERE list = ? AND idx = ?":                    "sqlite_autoindex_sign_log_1 (list=? AND idx=?)",
	"FROM sign_log WHERE list = ?1":                               "COVERING INDEX sqlite_autoindex_sign_log_1 (list=? AND idx=?)",
	"WHERE card.state = 1 ORDER BY card.id":                       "INDEX card_intents",
	"UPDATE contract SET revision":                                "sqlite_autoindex_contract_1 (insurer=? AND adherent=?)",
	"FROM card JOIN contract ON contract.id = card.contract LEFT": "event_place (list=? AND idx=?)",
}

// TestPlans: no query of the service reads a whole table, and only reports sort. Statistics of a real register don't change
// the plans: there are none (ANALYZE is never run).
func TestPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.db")
	s, err := Create(path, Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	everyQuery(t, s)
	w, r := <-s.writing, <-s.reading
	queries := map[string]bool{}
	for _, c := range []*conn{w, r} {
		for q := range c.stmts {
			queries[q] = true
		}
	}
	for pragma, want := range map[string]int{"synchronous": 2, "cache_size": -65536, "wal_autocheckpoint": 8192, "foreign_keys": 1, "recursive_triggers": 1} {
		var got int
		if err := w.row("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s of the connection that writes is %d, want %d: %v", pragma, got, want, err)
		}
	}
	s.writing <- w
	s.reading <- r
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	met, sorts, asked := 0, 0, map[string]bool{}
	for q := range queries {
		if !large.MatchString(q) {
			continue
		}
		met++
		plan := explain(t, db, q)
		forks := strings.Contains(q, "device = ? AND seq = ?") // sorts the receipts of one entry: forks are few
		report := strings.Contains(q, "MATERIALIZED") || strings.Contains(q, "GROUP BY")
		if walks.MatchString(strings.ReplaceAll(plan, "SCAN card USING INDEX card_intents", "")) {
			t.Errorf("reads a whole table:\n%s\n%s", q, plan)
		}
		if strings.Contains(plan, "TEMP B-TREE") && !strings.Contains(plan, "LAST TERM") {
			sorts++
			if !report && !forks {
				t.Errorf("sorts:\n%s\n%s", q, plan)
			}
		}
		for part, index := range indexes {
			if !strings.Contains(q, part) {
				continue
			}
			asked[part] = true
			if !strings.Contains(plan, index) {
				t.Errorf("does not begin with %s:\n%s\n%s", index, q, plan)
			}
		}
		if report && !strings.Contains(plan, "COVERING INDEX receipt_report (insurer=? AND at>? AND at<?)") {
			t.Errorf("a report reads more than its span, or rows:\n%s\n%s", q, plan)
		}
		if testing.Verbose() {
			t.Logf("%s\n%s", q, plan)
		}
	}
	if met < 25 || sorts == 0 || len(asked) != len(indexes) {
		t.Errorf("looked at %d queries, %d of which sort, and at %d of %d indexes: the test looked at nothing", met, sorts, len(asked), len(indexes))
	}
}

func explain(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	n := strings.Count(query, "?")
	args := make([]any, 0, n)
	for i := range n {
		if strings.Contains(query, "?1") && i >= highest(query) {
			break
		}
		args = append(args, 1)
	}
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\t" + line + "\n")
	}
	return b.String()
}

// highest is the highest number of a numbered parameter.
func highest(query string) int {
	n := 0
	for _, m := range regexp.MustCompile(`\?(\d+)`).FindAllStringSubmatch(query, -1) {
		k, _ := strconv.Atoi(m[1])
		n = max(n, k)
	}
	return n
}
