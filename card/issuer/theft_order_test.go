package issuer

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sceau/card/register/sqlite"
	"sceau/offline"
	"sceau/signing/keystore"
)

// The race: a run that issues while the theft is declared, interrupted before each of its transactions in turn. Every card that
// left is on the list or carries the new key.
func TestTheftBetweenTransactions(t *testing.T) {
	met := map[string]int{}
	for at := 1; at <= 16; at++ {
		w := newWorld(t)
		w.seed(9)
		old := w.signingKID()
		other := *w.issuer
		other.live = nil
		b := &between{Store: w.store, at: at, do: func() {
			must(other.CompromiseCardKey(context.Background(), old))(t)
		}}
		w.issuer.Store, w.issuer.Batch = b, 2
		_, out := w.issue(IssueRequest{All: true})
		w.issuer.Store = w.store
		if b.count < at {
			continue // the run was over
		}
		w.allAccepted(out, old, met)
		w.sound()
	}
	if met["old"] == 0 || met["new"] == 0 || met["late"] == 0 {
		t.Errorf("not every order of things was met: %v", met)
	}
}

// allAccepted wants every card that left to pass at a counter, and the list to name no other card than these.
func (w *world) allAccepted(out []Issued, old string, met map[string]int) {
	w.t.Helper()
	v := w.refreshed()
	if len(v.parts[old]) != 1 {
		w.t.Fatal("no list is published")
	}
	begun := 0
	for _, c := range w.all() {
		if c.KID == old {
			begun++
		}
	}
	if v.parts[old][0].Len() != begun {
		w.t.Errorf("%d cards on the list, %d begun with the key", v.parts[old][0].Len(), begun)
	}
	if w.clock = w.clock.Add(time.Minute); true {
		w.publish() // lists opened since
		v = w.refreshed()
	}
	for _, c := range out {
		switch got := v.check(c.CodeText); {
		case !accepted(got):
			w.t.Errorf("card %s of key %s: %s", c.Place, w.card(c.Place).KID, got.Reason)
		case w.card(c.Place).KID == old:
			met["old"]++
		default:
			met["new"]++
		}
	}
	if begun > 0 && begun < len(out) {
		met["late"]++
	}
}

// The same with real concurrency: goroutines, and another process's handles on register and keys.
func TestTheftRace(t *testing.T) {
	met := map[string]int{}
	for round := range theftRounds {
		w := newWorld(t)
		w.seed(40)
		old := w.signingKID()
		var mu sync.Mutex
		var out []Issued
		var all sync.WaitGroup
		signed := make(chan struct{})
		var once sync.Once
		after := 1 + rand.IntN(30)
		for n := range 2 {
			store := must(sqlite.Open(filepath.Join(w.dir, "register.db"), sqlite.Options{}))(t)
			t.Cleanup(func() { store.Close() })
			online := must(keystore.Open(filepath.Join(w.dir, "online"), w.pass))(t)
			i := &Issuer{Store: store, Online: online, Now: w.issuer.Now, Actor: "other", Batch: 1 + (round+n)%5}
			all.Go(func() {
				_, err := i.Issue(context.Background(), IssueRequest{All: true}, func(c Issued) error {
					mu.Lock()
					defer mu.Unlock()
					if out = append(out, c); len(out) == after {
						once.Do(func() { close(signed) })
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		<-signed
		theft, err := w.issuer.CompromiseCardKey(context.Background(), old)
		all.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 40 || theft.Cards == 0 {
			t.Errorf("%d cards, %+v", len(out), theft)
		}
		w.allAccepted(out, old, met)
		w.sound()
	}
	if met["old"] == 0 || met["late"] == 0 {
		t.Errorf("the theft never came in between: %v", met)
	}
}

// F17, F19: the theft's own process dies before each of its commits; declared again, it is told whole.
func TestTheftCrashes(t *testing.T) {
	crashes := 0
	for at := 1; at <= 6; at++ {
		w := newWorld(t)
		w.seed(5)
		_, out := w.issue(IssueRequest{All: true})
		w.publish()
		kid := w.signingKID()
		w.clock = w.clock.Add(time.Hour)
		w.issuer.Store = &losing{Store: w.store, at: at}
		if _, err := w.issuer.CompromiseCardKey(context.Background(), kid); err == nil {
			break
		} else if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		crashes++
		w.reopen()
		w.issuer.Offline = w.offline
		v := w.refreshed() // before or after, never half: a counter takes every genuine card
		for _, c := range out {
			if got := v.check(c.CodeText); got.Status == offline.Refused || got.Status == offline.Unknown {
				t.Errorf("crash %d: %s", at, got.Reason)
			}
		}
		theft := must(w.issuer.CompromiseCardKey(context.Background(), kid))(t)
		if theft.Cards != 5 || w.signingKID() != theft.Next {
			t.Errorf("crash %d: %+v", at, theft)
		}
		if v = w.refreshed(); len(v.parts[kid]) != 1 || !accepted(v.check(out[0].CodeText)) {
			t.Errorf("crash %d", at)
		}
		w.sound()
	}
	if crashes != 2 {
		t.Errorf("%d crashes, the theft has two commits", crashes)
	}
}

// Cards that a crash left begun are on the list, and are finished with the key that they were begun with.
func TestTheftIntents(t *testing.T) {
	w := newWorld(t)
	w.seed(6)
	old := w.signingKID()
	keys := &counting{Keys: w.online, failAt: 3, fail: func([]byte) ([]byte, error) { return nil, errCrash }}
	w.issuer.Online = keys
	if _, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil }); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	keys.failAt = 0
	w.clock = w.clock.Add(time.Hour)
	theft := must(w.issuer.CompromiseCardKey(context.Background(), old))(t)
	if theft.Intents == 0 || theft.Cards != 6 {
		t.Fatalf("%+v", theft)
	}
	r, out := w.issue(IssueRequest{All: true})
	if int64(r.Resumed) != theft.Intents || r.Issued != 0 || len(r.Stuck) != 0 {
		t.Fatalf("%+v", r)
	}
	w.clock = w.clock.Add(time.Hour)
	w.publish()
	v := w.refreshed()
	for _, c := range out {
		if got := v.check(c.CodeText); !accepted(got) || w.card(c.Place).KID != old {
			t.Errorf("%s: %s", c.Place, got.Reason)
		}
	}
	// The stolen key was destroyed: what is left is said, and stops nobody.
	w = newWorld(t)
	w.seed(2)
	old = w.signingKID()
	keys = &counting{Keys: w.online, failAt: 1, fail: func([]byte) ([]byte, error) { return nil, errCrash }}
	w.issuer.Online = keys
	_, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil })
	if !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.issuer.Online = w.online
	must(w.issuer.CompromiseCardKey(context.Background(), old))(t)
	w.issuer.Online = &without{w.online, []string{"card-" + amc + "-1"}}
	w.put(household(t, "B1", 1, 0))
	r, out = w.issue(IssueRequest{All: true})
	if len(r.Stuck) == 0 || !errors.Is(r.Stuck[0].Err, ErrNoCardKey) || len(out) == 0 {
		t.Errorf("%+v", r)
	}
}
