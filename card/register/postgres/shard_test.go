//go:build linux

package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/fixtures/pgserver"
)

// TestShards: four workers on one register, each with its own connections. At different shards none signs what another began;
// at the same one each item has one live card, and all of them are told the same.
func TestShards(t *testing.T) {
	const each = 15
	dsn := pgserver.Shared(t).Database(t)
	o := postgres.Options{Wait: 20 * time.Second, Volatile: true}
	w := newWorld(t, dsn, o, 5*each)
	var items []issuer.ShardItem
	must(0, w.store.View(t.Context(), func(tx register.Tx) error {
		all, err := tx.ContractsAfter(amc, "", 5*each)
		for _, c := range all {
			items = append(items, issuer.ShardItem{Contract: c.Key, Person: register.Household})
		}
		return err
	}))(t)
	workers := make([]*issuer.Issuer, 4)
	signers := make([]*keys, len(workers))
	for n := range workers {
		s := must(postgres.Open(t.Context(), dsn, o))(t)
		t.Cleanup(func() { s.Close() })
		signers[n] = w.online.counted()
		workers[n] = &issuer.Issuer{Store: s, Online: signers[n], Actor: "worker"}
	}
	at := func(part func(n int) []issuer.ShardItem) []*issuer.ShardResult {
		out := make([]*issuer.ShardResult, len(workers))
		var wg sync.WaitGroup
		for n, i := range workers {
			wg.Go(func() {
				r, err := i.Shard(t.Context(), issuer.ShardRequest{Items: part(n)})
				if err != nil {
					t.Errorf("worker %d: %v", n, err)
					return
				}
				out[n] = r
			})
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
		return out
	}
	for n, r := range at(func(n int) []issuer.ShardItem { return items[n*each:][:each] }) {
		if r.Issued != each || r.Resumed+r.Existing != 0 || signers[n].signed.Load() != each {
			t.Errorf("worker %d made %d cards, finished %d, signed %d", n, r.Issued, r.Resumed, signers[n].signed.Load())
		}
	}
	same := at(func(int) []issuer.ShardItem { return items[4*each:] })
	made := 0
	places := func(r *issuer.ShardResult) (out []card.Place) {
		for _, c := range r.Cards {
			out = append(out, c.Place)
		}
		return out
	}
	for n, r := range same {
		made += r.Issued + r.Resumed
		if !slices.Equal(places(r), places(same[0])) || slices.Contains(places(r), card.Place{}) {
			t.Errorf("worker %d was told of %v, worker 0 of %v", n, places(r), places(same[0]))
		}
	}
	if made != each {
		t.Errorf("%d cards made for %d items", made, each)
	}
	for _, s := range signers {
		w.online.signed.Add(s.signed.Load())
	}
	w.complete(5 * each)
}

// counted holds the same keys and counts apart.
func (k *keys) counted() *keys {
	out := &keys{byName: map[string]*signer{}}
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, s := range k.byName {
		out.byName[name] = &signer{s.PrivateKey, &out.signed}
	}
	return out
}
