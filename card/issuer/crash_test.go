package issuer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
)

var errCrash = errors.New("crash")

// TestSignFault: F20. A flipped bit in a signature never leaves.
func TestSignFault(t *testing.T) {
	for bit := range 5 {
		w := newWorld(t)
		w.seed(20)
		faulty := &counting{Keys: w.online, failAt: 7, fail: func(sig []byte) ([]byte, error) {
			sig[len(sig)-1-bit*6] ^= 1 << bit
			return sig, nil
		}}
		w.issuer.Online = faulty
		var out []Issued
		r, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(i Issued) error { out = append(out, i); return nil })
		if !errors.Is(err, signing.ErrSignerFault) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if len(out) != r.Issued || len(out) == 0 { // what was signed before the fault is kept
			t.Errorf("%d left, %d reported", len(out), r.Issued)
		}
		w.reopen()
		r, more := w.issue(IssueRequest{All: true})
		if r.Resumed == 0 || len(out)+len(more) != 20 {
			t.Errorf("bit %d: %d then %d cards, %+v", bit, len(out), len(more), r)
		}
		w.sound()
	}
}

// TestCrashes: F17. The run dies at each point in turn, in the ways a process dies; the next run completes it: one live card
// for each contract, every place as it was first logged, a log entry for every signature.
func TestCrashes(t *testing.T) {
	const cards = 6
	type death struct {
		name string
		die  func(w *world, keys *counting, emitted *int) (run func() error)
	}
	issue := func(w *world, keys *counting, emit func() error) func() error {
		return func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("%w: %v", errCrash, p)
				}
			}()
			_, err = w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return emit() })
			return err
		}
	}
	var deaths []death
	for k := 1; k <= cards; k++ {
		deaths = append(deaths,
			death{fmt.Sprintf("signature %d fails", k), func(w *world, keys *counting, emitted *int) func() error {
				keys.failAt, keys.fail = int64(k), func([]byte) ([]byte, error) { return nil, errCrash }
				return issue(w, keys, func() error { *emitted++; return nil })
			}},
			death{fmt.Sprintf("emission %d fails", k), func(w *world, keys *counting, emitted *int) func() error {
				return issue(w, keys, func() error {
					if *emitted++; *emitted == k {
						return errCrash
					}
					return nil
				})
			}},
			death{fmt.Sprintf("emission %d panics", k), func(w *world, keys *counting, emitted *int) func() error {
				return issue(w, keys, func() error {
					if *emitted++; *emitted == k {
						panic("crash")
					}
					return nil
				})
			}},
			death{fmt.Sprintf("transaction %d is lost", k), func(w *world, keys *counting, emitted *int) func() error {
				w.issuer.Store = &losing{Store: w.store, at: k}
				return issue(w, keys, func() error { *emitted++; return nil })
			}})
	}
	fired := 0
	for _, batch := range []int{1, 4, 100} {
		for _, d := range deaths {
			t.Run(fmt.Sprintf("batch %d, %s", batch, d.name), func(t *testing.T) {
				w := newWorld(t)
				w.seed(cards)
				keys := &counting{Keys: w.online}
				w.issuer.Online, w.issuer.Batch = keys, batch
				emitted := 0
				if err := d.die(w, keys, &emitted)(); err != nil {
					fired++
				}
				before := map[card.Place][32]byte{}
				w.view(func(tx register.Tx) error {
					all, err := tx.SignLogAfter(0, 1000)
					for _, e := range all {
						before[e.Place] = e.Digest
					}
					return err
				})
				w.reopen()
				keys.failAt = 0
				w.issuer.Online, w.issuer.Batch = keys, batch
				w.sound()
				r, _ := w.issue(IssueRequest{All: true})
				w.checkComplete(cards, keys.signed.Load(), before)
				if r.NotIssued != nil {
					t.Errorf("%+v", r)
				}
			})
		}
	}
	if fired < len(deaths) { // a crash that did not happen proves nothing
		t.Errorf("only %d crashes happened", fired)
	}
}

// checkComplete wants one live card for each contract and the log in order.
func (w *world) checkComplete(cards int, signed int64, before map[card.Place][32]byte) {
	w.t.Helper()
	f := w.sound()
	if f.Cards != int64(cards) || f.Intents != 0 {
		w.t.Errorf("%d cards, %d intents, want %d and none", f.Cards, f.Intents, cards)
	}
	if f.Signatures < signed {
		w.t.Errorf("%d signatures made, %d logged", signed, f.Signatures)
	}
	for p, digest := range before {
		c := w.card(p)
		if got := signing.SigningInput(card.Kind, c.KID, c.Payload); sha(got) != digest {
			w.t.Errorf("card %s was finished with another signing input", p)
		}
	}
}

// losing loses a transaction at its end, as a crash just before the commit does.
type losing struct {
	register.Store
	at, n int
}

func (l *losing) Update(ctx context.Context, fn func(register.Tx) error) error {
	l.n++
	lost := l.n == l.at
	return l.Store.Update(ctx, func(tx register.Tx) error {
		if err := fn(tx); err != nil || !lost {
			return err
		}
		return errCrash
	})
}

// TestEverySignatureLogged: without a crash, the signer was called exactly as often as the log says.
func TestEverySignatureLogged(t *testing.T) {
	w := newWorld(t)
	w.seed(50)
	keys := &counting{Keys: w.online}
	w.issuer.Online, w.issuer.Batch = keys, 7
	_, out := w.issue(IssueRequest{All: true})
	must(w.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{out[0].Place, out[9].Place}}, func(Issued) error { return nil }))(t)
	if f := w.sound(); f.Signatures != keys.signed.Load() || f.Signatures != 52 {
		t.Errorf("%d signed, %d logged", keys.signed.Load(), f.Signatures)
	}
}

// TestLogBeforeSign: when a key is touched, its entry is committed: another connection sees it.
func TestLogBeforeSign(t *testing.T) {
	w := newWorld(t)
	w.seed(8)
	var mu sync.Mutex
	seen := 0
	keys := &counting{Keys: w.online, failAt: 1, fail: func(sig []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		w.view(func(tx register.Tx) error {
			all, err := tx.SignLogAfter(0, 100)
			seen = len(all)
			return err
		})
		return sig, nil
	}}
	w.issuer.Online = keys
	w.issue(IssueRequest{All: true})
	if seen != 8 {
		t.Errorf("%d entries when the first signature was made, want 8", seen)
	}
}

// TestTwoIssuers: two processes issue at once; each contract gets one card, and each card is handed out by one of them.
func TestTwoIssuers(t *testing.T) {
	w := newWorld(t)
	w.seed(60)
	other := *w.issuer
	var mu sync.Mutex
	out := map[card.Place]int{}
	var wg sync.WaitGroup
	for _, i := range []*Issuer{w.issuer, &other} {
		i.Batch = 9
		wg.Go(func() {
			_, err := i.Issue(context.Background(), IssueRequest{All: true}, func(c Issued) error {
				mu.Lock()
				defer mu.Unlock()
				out[c.Place]++
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for p, n := range out {
		if n != 1 {
			t.Errorf("card %s was handed out %d times", p, n)
		}
	}
	if f := w.sound(); f.Cards != 60 || len(out) != 60 {
		t.Errorf("%d cards, %d handed out", f.Cards, len(out))
	}
}
