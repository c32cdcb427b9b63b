// Questions: taken once, within bounds, traced before they are answered, naming nobody.

package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
)

func TestCheckReplay(t *testing.T) {
	s := newShop(t)
	made, _ := s.one(1)
	q := CheckRequest{Counter: s.counter, RequestID: s.requestID(), Card: made.CodeText}
	ctx := context.Background()
	must(s.issuer.CheckRights(ctx, q))(t)
	for _, text := range []string{made.CodeText, "bonjour"} {
		q.Card = text
		if _, err := s.issuer.CheckRights(ctx, q); !errors.Is(err, ErrReplayed) {
			t.Errorf("replay: %v", err)
		}
	}
	if n := len(s.trace()); n != 1 {
		t.Errorf("%d rows", n)
	}
	// The same id of another counter is another request.
	q.Counter, _ = s.enrol()
	q.Card = made.CodeText
	must(s.issuer.CheckRights(ctx, q))(t)
	// Many at once: one is answered.
	q.RequestID = s.requestID()
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := 0
	for range 20 {
		wg.Go(func() {
			if _, err := s.issuer.CheckRights(ctx, q); err == nil {
				mu.Lock()
				answered++
				mu.Unlock()
			} else if !errors.Is(err, ErrReplayed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if answered != 1 {
		t.Errorf("%d answers to one request", answered)
	}
}

func TestCheckQuestion(t *testing.T) {
	s := newShop(t)
	made, _ := s.one(1)
	for name, change := range map[string]func(*CheckRequest){
		"nine domains":       domains("AUDI", "BIOL", "DENT", "HOSP", "LABO", "MED", "OPTI", "PHAR", "RADL"),
		"domain twice":       domains("PHAR", "PHAR"),
		"domain form":        domains("pharmacie"),
		"empty and more":     domains("", "PHAR"),
		"more and empty":     domains("PHAR", ""),
		"person":             person(13),
		"person below":       person(-1),
		"care too early":     func(q *CheckRequest) { q.Care = 1 },
		"care too late":      func(q *CheckRequest) { q.Care = 60000 },
		"care negative":      func(q *CheckRequest) { q.Care = -5 },
		"no id":              func(q *CheckRequest) { q.RequestID = "" },
		"short id":           func(q *CheckRequest) { q.RequestID = q.RequestID[:21] },
		"long id":            func(q *CheckRequest) { q.RequestID += "A" },
		"id of other signs":  func(q *CheckRequest) { q.RequestID = strings.Repeat("=", 22) },
		"id with line break": func(q *CheckRequest) { q.RequestID = q.RequestID[:21] + "\n" },
	} {
		q := CheckRequest{Counter: s.counter, RequestID: s.requestID(), Card: made.CodeText}
		change(&q)
		if _, err := s.issuer.CheckRights(context.Background(), q); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, state := range []CounterState{CounterSuspended, CounterRevoked, ""} {
		q := CheckRequest{Counter: s.counter, RequestID: s.requestID(), Card: made.CodeText}
		q.Counter.State = state
		if _, err := s.issuer.CheckRights(context.Background(), q); !errors.Is(err, ErrCounterState) {
			t.Errorf("%q: %v", state, err)
		}
	}
	if n := len(s.trace()); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// What a counter gets and what is kept names nobody.
func TestCheckNamesNobody(t *testing.T) {
	s := newShop(t)
	made, contract := s.one(4)
	contract.Beneficiaries[0].NIR = "180017500000145"
	s.put(contract)
	r := s.ask(made.CodeText, domains("PHAR", "HOSP"))
	payload := must(r.Accord.Payload())(t)
	var kept bytes.Buffer
	fmt.Fprintf(&kept, "%s %+v", payload, s.trace())
	s.view(func(tx register.Tx) error {
		entries, err := tx.AuditAfter(0, 1000)
		for _, e := range entries {
			kept.Write(e.Body)
		}
		return err
	})
	for _, b := range contract.Beneficiaries {
		for _, canary := range []string{b.Nom, b.Prenom, string(b.Birth), b.NIR, contract.Adherent} {
			if canary != "" && bytes.Contains(kept.Bytes(), []byte(canary)) {
				t.Errorf("%q stands in an accord, the trace or the audit chain", canary)
			}
		}
	}
}

// Nothing leaves that was not stored, and nothing is promised that can't be signed.
func TestCheckOrder(t *testing.T) {
	s := newShop(t)
	made, _ := s.one(1)
	broken := errors.New("disk full")
	failing := &failingStore{Store: s.store, err: broken}
	other := &Issuer{Store: failing, Online: s.online, Now: s.issuer.Now, Actor: "test"}
	q := CheckRequest{Counter: s.counter, RequestID: s.requestID(), Card: made.CodeText}
	if r, err := other.CheckRights(context.Background(), q); !errors.Is(err, broken) || r != nil {
		t.Errorf("%+v, %v", r, err)
	}
	noKey := &Issuer{Store: s.store, Online: s.offline, Now: s.issuer.Now, Actor: "test"}
	if r, err := noKey.CheckRights(context.Background(), q); err == nil || r != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if n := len(s.trace()); n != 0 {
		t.Errorf("%d rows", n)
	}
	must(s.issuer.CheckRights(context.Background(), q))(t)
}

// failingStore reads, and fails to write.
type failingStore struct {
	register.Store
	err error
}

func (f *failingStore) Update(context.Context, func(register.Tx) error) error { return f.err }

func TestReliedUpon(t *testing.T) {
	for at, want := range map[string]string{
		"2027-03-01T09:00:00+01:00": "2027-03-02T00:00:00+01:00",
		"2027-03-01T23:30:00+01:00": "2027-03-02T00:30:00+01:00",
		"2027-03-28T00:30:00+01:00": "2027-03-29T00:00:00+02:00", // summer time begins
	} {
		got := reliedUpon(must(time.Parse(time.RFC3339, at))(t))
		if !got.Equal(must(time.Parse(time.RFC3339, want))(t)) {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}
