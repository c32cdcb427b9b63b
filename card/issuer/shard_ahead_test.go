package issuer

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
)

// meddled is a store on which something happens after the n-th View.
type meddled struct {
	register.Store
	after, n int
	meddle   func()
}

func (m *meddled) View(ctx context.Context, fn func(register.Tx) error) error {
	err := m.Store.View(ctx, fn)
	if m.n++; m.n == m.after {
		m.meddle()
	}
	return err
}

// TestShardMeddled: cards are encoded ahead of the transaction that reserves them. What others change in between is seen: a
// new revision of a contract, a place that was taken, a list that was closed, a card that was made, a key that was retired.
func TestShardMeddled(t *testing.T) {
	const looks = 2             // what there is, then what is drafted
	fixed := func() io.Reader { // places 1, 2, 3…
		var b bytes.Buffer
		for i := range byte(100) {
			b.Write([]byte{0, 0, 0, i + 1})
		}
		return &b
	}
	for name, c := range map[string]struct {
		meddle func(w *world, other *Issuer, keys []register.ContractKey)
		check  func(t *testing.T, w *world, r *ShardResult)
	}{
		"nothing": {
			func(*world, *Issuer, []register.ContractKey) {},
			func(t *testing.T, w *world, r *ShardResult) {
				if r.Cards[0].Place != (card.Place{List: 1, Index: 1}) || r.Cards[1].Place != (card.Place{List: 1, Index: 2}) {
					t.Errorf("what was drafted was not used: %v", shardPlaces(r))
				}
			},
		},
		"contract": {
			func(w *world, _ *Issuer, keys []register.ContractKey) { w.put(household(t, keys[0].Adherent, 2, 50)) },
			func(t *testing.T, w *world, r *ShardResult) {
				if v, _ := r.Cards[0].Claims.Value(0, "PHAR"); v.String() != "150%" || w.card(r.Cards[0].Place).Revision != 2 {
					t.Errorf("the card says %s", v)
				}
			},
		},
		"place": {
			func(w *world, other *Issuer, keys []register.ContractKey) {
				must(other.Shard(context.Background(), ShardRequest{Items: households(keys[2:])}))(t)
			},
			func(t *testing.T, w *world, r *ShardResult) {
				if r.Cards[0].Place.Index == 1 || r.Cards[1].Place.Index != 2 || r.Issued != 2 {
					t.Errorf("%v", shardPlaces(r))
				}
			},
		},
		"list": {
			func(w *world, _ *Issuer, _ []register.ContractKey) {
				w.update(func(tx register.Tx) error { _, err := tx.AddList(amc); return err })
			},
			func(t *testing.T, w *world, r *ShardResult) {
				if r.Cards[0].Place.List == 1 || r.Issued != 2 {
					t.Errorf("%v", shardPlaces(r))
				}
			},
		},
		"card": {
			func(w *world, other *Issuer, keys []register.ContractKey) {
				must(other.Shard(context.Background(), ShardRequest{Items: households(keys[:1])}))(t)
			},
			func(t *testing.T, w *world, r *ShardResult) {
				if r.Existing != 1 || r.Issued != 1 {
					t.Errorf("%+v", r)
				}
			},
		},
		"key": {
			func(w *world, _ *Issuer, _ []register.ContractKey) {
				must(w.issuer.RotateCardKey(context.Background(), amc, w.clock))(t)
			},
			func(t *testing.T, w *world, r *ShardResult) {
				late := must(w.issuer.Shard(context.Background(), ShardRequest{Items: []ShardItem{{Contract: register.ContractKey{Insurer: amc, Adherent: "A000002"}, Person: register.Household}}}))(t)
				if is, want := w.card(r.Cards[0].Place).KID, w.card(late.Cards[0].Place).KID; is != want || r.Issued != 2 {
					t.Errorf("signed by %s, not by the new key %s", is, want)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.clock = w.clock.Add(time.Hour)
			keys := w.seed(4)
			w.shard(ShardRequest{Items: households(keys[3:])}) // opens a list: who finds none drafts nothing
			keys, w.clock = keys[:3], w.clock.Add(time.Hour)
			other := *w.issuer
			other.Rand = fixed()
			w.issuer.Rand = fixed()
			w.issuer.Store = &meddled{Store: w.store, after: looks, meddle: func() {
				w.issuer.Store = w.store
				c.meddle(w, &other, keys)
			}}
			req := ShardRequest{Items: households(keys[:2])}
			r := w.shard(req)
			w.checkShard(req, r)
			c.check(t, w, r)
			w.sound()
		})
	}
}
