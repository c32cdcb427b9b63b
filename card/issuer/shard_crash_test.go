package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
)

// mortal is a store whose process dies at its n-th use: before it begins, before its commit, after its commit, or in the
// middle of it (a panic).
type mortal struct {
	register.Store
	at, n int
	how   string
}

const (
	beforeBegin  = "before it begins"
	beforeCommit = "before its commit"
	afterCommit  = "after its commit"
	panicking    = "in a panic"
)

func (m *mortal) use(do func(func(register.Tx) error) error, fn func(register.Tx) error) error {
	if m.n++; m.n != m.at {
		return do(fn)
	}
	switch m.how {
	case beforeBegin:
		return errCrash
	case afterCommit:
		return errors.Join(do(fn), fmt.Errorf("%w: %w", errCrash, register.ErrOutcomeUnknown))
	}
	return do(func(tx register.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if m.how == panicking {
			panic("crash")
		}
		return errCrash
	})
}

func (m *mortal) Update(ctx context.Context, fn func(register.Tx) error) error {
	return m.use(func(fn func(register.Tx) error) error { return m.Store.Update(ctx, fn) }, fn)
}

func (m *mortal) View(ctx context.Context, fn func(register.Tx) error) error {
	return m.use(func(fn func(register.Tx) error) error { return m.Store.View(ctx, fn) }, fn)
}

// TestShardCrashes: a shard dies at each of its transactions in each way, and at each of its signatures; the next call has one
// live card for each item, at the place and with the bytes that were logged first, and no signature without its entry.
func TestShardCrashes(t *testing.T) {
	const items = 5
	type death struct {
		name string
		die  func(*world, *counting)
	}
	var deaths []death
	for k := 1; k <= items; k++ {
		deaths = append(deaths, death{fmt.Sprintf("signature %d fails", k), func(w *world, keys *counting) {
			keys.failAt, keys.fail = int64(k), func([]byte) ([]byte, error) { return nil, errCrash }
		}})
	}
	for k := 1; k <= 4; k++ { // View, View, Update, Update
		for _, how := range []string{beforeBegin, beforeCommit, afterCommit, panicking} {
			deaths = append(deaths, death{fmt.Sprintf("transaction %d dies %s", k, how), func(w *world, _ *counting) {
				w.issuer.Store = &mortal{Store: w.store, at: k, how: how}
			}})
		}
	}
	for _, outdated := range []bool{false, true} {
		for _, d := range deaths {
			t.Run(fmt.Sprintf("outdated %v, %s", outdated, d.name), func(t *testing.T) {
				w := newWorld(t)
				keys := &counting{Keys: w.online}
				w.issuer.Online = keys
				contracts := w.seed(items)
				req := ShardRequest{Items: households(contracts), Outdated: outdated}
				all := items
				if outdated {
					w.shard(req)
					for _, k := range contracts {
						w.put(household(t, k.Adherent, 2, 50))
					}
					all += items
				}
				d.die(w, keys)
				if keys.failAt > 0 {
					keys.failAt += keys.signed.Load()
				}
				err := func() (err error) {
					defer func() {
						if p := recover(); p != nil {
							err = fmt.Errorf("%w: %v", errCrash, p)
						}
					}()
					r, err := w.issuer.Shard(context.Background(), req)
					if r != nil && err != nil {
						t.Error("a result beside an error")
					}
					return err
				}()
				if !errors.Is(err, errCrash) {
					t.Fatalf("no crash: %v", err)
				}
				before := map[card.Place][32]byte{}
				w.view(func(tx register.Tx) error {
					entries, err := tx.SignLogAfter(0, 1000)
					for _, e := range entries {
						before[e.Place] = e.Digest
					}
					return err
				})
				w.reopen()
				keys.failAt = 0
				w.issuer.Online = keys
				w.sound()
				r := w.shard(req)
				w.checkShard(req, r)
				if slices.ContainsFunc(r.Causes, func(c string) bool { return c != "" }) || r.Issued+r.Resumed+r.Existing != items {
					t.Errorf("%+v", r)
				}
				for i, f := range r.Facts {
					if outdated && f.Beneficiaries[0].Guarantees["PHAR"].String() != "150%" {
						t.Errorf("item %d: the old facts", i)
					}
				}
				w.checkComplete(all, keys.signed.Load(), before)
			})
		}
	}
}

// TestSignRate: a key signs as often a second as it may, whoever asks; another key is not slowed down.
func TestSignRate(t *testing.T) {
	draft := func(k *ecdsa.PrivateKey, n int) []*pending {
		signer := must(signing.NewSigner(card.Kind, k))(t)
		var out []*pending
		for i := range n {
			p := job{facts: household(t, "A1", 1, 0)}.pending(cardKey{signer, signer.Public()}, begin, card.Place{List: 1, Index: uint32(i)})
			p.job.person = register.Household
			if err := p.prepare(); err != nil {
				t.Fatal(err)
			}
			out = append(out, p)
		}
		return out
	}
	key := func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t) }
	one, two := key(), key()
	synctest.Test(t, func(t *testing.T) {
		took := func(rate int, cards ...*pending) time.Duration {
			start := time.Now()
			r := &run{issuer: &Issuer{SignRate: rate}}
			if err := r.signAll(context.Background(), cards); err != nil {
				t.Error(err)
			}
			for _, c := range cards {
				if c.jws == "" {
					t.Error("not signed")
				}
			}
			return time.Since(start)
		}
		if d := took(0, draft(one, 50)...); d != 0 {
			t.Errorf("without a limit: %s", d)
		}
		if d := took(20, draft(one, 42)...); d < 1990*time.Millisecond || d > 2010*time.Millisecond { // two at once, then one each 50 ms
			t.Errorf("42 signatures at 20 a second: %s", d)
		}
		// The limit is the key's: another issuer of this process waits for what this one used up.
		if d := took(20, draft(one, 20)...); d < 900*time.Millisecond || d > 1100*time.Millisecond {
			t.Errorf("20 more: %s", d)
		}
		if d := took(20, draft(two, 2)...); d != 0 {
			t.Errorf("another key: %s", d)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		r := &run{issuer: &Issuer{SignRate: 1}}
		cards := draft(two, 5)
		if err := r.signAll(ctx, cards); err == nil {
			t.Error("a deadline that can't be kept")
		}
	})
}
