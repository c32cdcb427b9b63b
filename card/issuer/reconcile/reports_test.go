package reconcile_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/rights"
)

// T10: one card at three counters within ten minutes is in the report; two, or three in eleven minutes, are not.
func TestBusyCards(t *testing.T) {
	w := newWorld(t)
	at := begin.Add(time.Hour)
	n := uint64(0)
	see := func(place uint32, insurer, counter string, after time.Duration) {
		t.Helper()
		n++
		err := w.store.Update(context.Background(), func(tx register.Tx) error {
			_, err := tx.AddReceipts([]register.Receipt{{Device: fmt.Sprintf("%032x", n), Seq: 2, Hash: [32]byte{byte(n)}, Entry: []byte{1}, Counter: counter, Arrived: at.Add(time.Hour), At: at.Add(after),
				Insurer: insurer, Place: card.Place{List: 1, Index: place}, Care: rights.DateAt(at), Domain: "PHAR", Mode: "offline", Status: "valid", Answer: register.Honoured}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	m := time.Minute
	for i, after := range []time.Duration{0, 5 * m, 10 * m} { // exactly ten minutes
		see(1, amc, fmt.Sprint("c", i), after)
	}
	for i, after := range []time.Duration{0, 5 * m, 10*m + time.Second} {
		see(2, amc, fmt.Sprint("c", i), after)
	}
	for i := range 9 { // twice a counter is one counter
		see(3, amc, fmt.Sprint("c", i%2), time.Duration(i)*time.Minute)
	}
	for i := range 4 {
		see(4, other, fmt.Sprint("c", i), time.Duration(i)*time.Minute)
		see(4, other, fmt.Sprint("c", i), 5*time.Hour+time.Duration(i)*time.Minute)
	}
	scope := reconcile.Scope{From: at.Add(-time.Hour), To: at.Add(24 * time.Hour)}
	got := must(w.rec.BusyCards(context.Background(), scope, 3, 10*m))(t)
	if len(got) != 2 || got[0].Card != other+"/1-4" || len(got[0].Counters) != 4 || got[0].Windows != 2 || got[1].Card != amc+"/1-1" || !got[1].Last.Equal(at.Add(10*m)) {
		t.Errorf("%+v", got)
	}
	scope.Insurer = amc
	if got = must(w.rec.BusyCards(context.Background(), scope, 3, 10*m))(t); len(got) != 1 || got[0].Card != amc+"/1-1" {
		t.Errorf("%+v", got)
	}
	scope.To = at.Add(10 * m)
	if got = must(w.rec.BusyCards(context.Background(), scope, 3, 10*m))(t); len(got) != 0 {
		t.Errorf("the end is outside: %+v", got)
	}
}

func TestReportRequests(t *testing.T) {
	w := newWorld(t)
	today := rights.DateAt(w.clock)
	good := reconcile.Request{Name: reconcile.ReportServed, From: today - 29, To: today}
	if r := must(w.rec.Report(context.Background(), good))(t); len(r.Days) != 30 || r.Schema != "sceau-report-served-1" {
		t.Errorf("%+v", r)
	}
	for name, change := range map[string]func(q *reconcile.Request){
		"name":     func(q *reconcile.Request) { q.Name = "people" },
		"backward": func(q *reconcile.Request) { q.From = q.To + 1 },
		"no days":  func(q *reconcile.Request) { q.From, q.To = 0, 0 },
		"long":     func(q *reconcile.Request) { q.From = q.To - reconcile.MaxDays },
		"counters": func(q *reconcile.Request) { q.Counters = 1 },
		"window":   func(q *reconcile.Request) { q.Window = time.Second },
		"minimum":  func(q *reconcile.Request) { q.Minimum = -1 },
	} {
		q := good
		change(&q)
		if _, err := w.rec.Report(context.Background(), q); !errors.Is(err, reconcile.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No cell of a sheet is a formula, whatever an id begins with: a counter's id may begin with "-".
func TestSheetsHoldNoFormula(t *testing.T) {
	w := newWorld(t)
	at := begin.Add(time.Hour)
	err := w.store.Update(context.Background(), func(tx register.Tx) error {
		_, err := tx.AddReceipts([]register.Receipt{{Device: fmt.Sprintf("%032x", 1), Seq: 2, Hash: [32]byte{1}, Entry: []byte{1}, Counter: "-1+cmd|A1", Arrived: at, At: at, Insurer: amc,
			Place: card.Place{List: 1, Index: 9}, Care: rights.DateAt(at), Domain: "PHAR", Mode: "offline", Status: "valid", Age: 900_000, Answer: register.Disputed, Reason: accord.ReasonListTooOld}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	day := rights.DateAt(at)
	for _, name := range reconcile.ReportNames() {
		r := must(w.rec.Report(context.Background(), reconcile.Request{Name: name, From: day, To: day}))(t)
		var b bytes.Buffer
		if err := r.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		c := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\ufeff")))
		c.Comma = ';'
		rows := must(c.ReadAll())(t)
		if (name == reconcile.ReportDisputed || name == reconcile.ReportOldLists) && (len(rows) != 2 || !strings.Contains(b.String(), "'-1+cmd")) {
			t.Errorf("%s: %v", name, rows)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s: %q", name, cell)
				}
			}
		}
	}
}

// Every reason and every alarm has its sentences, in both languages.
func TestWords(t *testing.T) {
	for _, code := range accord.Reasons("") {
		fr, en := accord.Sentence("fr", code), accord.Sentence("en", code)
		if fr == en || strings.Contains(fr, code) || strings.Contains(en, code) || !strings.HasSuffix(fr, ".") || !strings.HasSuffix(en, ".") {
			t.Errorf("%s: %q %q", code, fr, en)
		}
	}
	if got := len(accord.Reasons(accord.Noted)) + len(accord.Reasons(accord.Disputed)); got != len(accord.Reasons("")) || got < 20 {
		t.Error(got)
	}
	if !strings.Contains(accord.Sentence("fr", "NEW_CODE"), "NEW_CODE") || !strings.Contains(accord.Sentence("en", "NEW_CODE"), "NEW_CODE") {
		t.Error("an unknown reason is not said")
	}
	for _, code := range []string{reconcile.AlarmFork, reconcile.AlarmGap, reconcile.AlarmHead, reconcile.AlarmShort, reconcile.AlarmTime, reconcile.AlarmClock, reconcile.AlarmOrder, reconcile.AlarmOpening,
		reconcile.AlarmBody, reconcile.AlarmAnew, reconcile.AlarmCounter, reconcile.AlarmEnrolled, reconcile.AlarmName, reconcile.AlarmSignature} {
		fr, en := reconcile.AlarmSentence("fr", code), reconcile.AlarmSentence("en", code)
		if fr == code || en == code || fr == en || strings.Contains(fr, " :") {
			t.Errorf("%s: %q %q", code, fr, en)
		}
	}
}
