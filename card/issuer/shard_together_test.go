package issuer

import (
	"context"
	"slices"
	"sync"
	"testing"

	"sceau/card/register"
)

// sameShard has n issuers work on the same items at once and wants one result.
func sameShard(t *testing.T, issuers []*Issuer, req ShardRequest) *ShardResult {
	t.Helper()
	results := make([]*ShardResult, len(issuers))
	var wg sync.WaitGroup
	for n, i := range issuers {
		wg.Go(func() {
			r, err := i.Shard(context.Background(), req)
			if err != nil {
				t.Error(err)
				return
			}
			results[n] = r
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	made := 0
	for _, r := range results {
		made += r.Issued + r.Resumed
		if !slices.Equal(shardPlaces(r), shardPlaces(results[0])) || !slices.Equal(r.Causes, results[0].Causes) {
			t.Errorf("two results: %v %q and %v %q", shardPlaces(r), r.Causes, shardPlaces(results[0]), results[0].Causes)
		}
	}
	if made != len(req.Items) {
		t.Errorf("%d cards made for %d items", made, len(req.Items))
	}
	return results[0]
}

// TestShardsAtOnce: processes at different shards never sign each other's intents; processes at the same one agree.
func TestShardsAtOnce(t *testing.T) {
	w := newWorld(t)
	shardsAtOnce(t, w, func() *Issuer { i := *w.issuer; return &i })
}

func shardsAtOnce(t *testing.T, w *world, open func() *Issuer) {
	keys := w.seed(80)
	signed := make([]*counting, 4)
	var wg sync.WaitGroup
	for n := range signed {
		i := open()
		signed[n] = &counting{Keys: i.Online}
		i.Online = signed[n]
		wg.Go(func() {
			for part := range 2 {
				r, err := i.Shard(context.Background(), ShardRequest{Items: households(keys[n*10+part*5:][:5])})
				if err != nil || r.Issued != 5 || r.Resumed != 0 {
					t.Errorf("process %d: %+v %v", n, r, err)
				}
			}
		})
	}
	wg.Wait()
	for n, c := range signed {
		if c.signed.Load() != 10 {
			t.Errorf("process %d signed %d", n, c.signed.Load())
		}
	}
	issuers := []*Issuer{open(), open(), open(), open()}
	req := ShardRequest{Items: households(keys[40:]), Outdated: true}
	sameShard(t, issuers, req)
	w.update(func(tx register.Tx) error {
		for _, k := range keys[40:] {
			c := must(register.NewContract(household(t, k.Adherent, 2, 50), 2))(t)
			if err := tx.PutContract(c); err != nil {
				return err
			}
		}
		return nil
	})
	sameShard(t, issuers, req) // all of them outdated now
	if f := w.sound(); f.Cards != 120 || f.Intents != 0 {
		t.Errorf("%+v", f)
	}
}
