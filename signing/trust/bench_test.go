// Costs with 84 insurers, each beside its limit or its peer.
package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

var bigWorld = sync.OnceValue(func() *world {
	return newWorld(&testing.B{}, bigWorldKeys()...)
})

// rawVerify times one ecdsa.VerifyASN1 on this machine, now.
func rawVerify(b *testing.B) time.Duration {
	k := newKey(b)
	sum := sha256.Sum256(nil)
	value, err := ecdsa.SignASN1(rand.Reader, k, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	best := time.Hour
	for range 20 {
		start := time.Now()
		for range 10 {
			ecdsa.VerifyASN1(&k.PublicKey, sum[:], value)
		}
		best = min(best, time.Since(start)/10)
	}
	return best
}

// One verification in a fresh process: open, one insurer's role, one target.
// Limit 3 ms. 8 signatures are checked on the way (root 3, and 1 for each of
// timestamp, snapshot, targets, insurer, status).
func BenchmarkOpenOneInsurer(b *testing.B) {
	w := bigWorld()
	raw := rawVerify(b)
	b.ReportAllocs()
	for b.Loop() {
		t, err := Open(bundle(w.store).read, w.root())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := t.Target("amc/775670407/status/3"); err != nil {
			b.Fatal(err)
		}
	}
	per := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(per)/float64(3*time.Millisecond), "of-3ms-limit")
	b.ReportMetric(float64(per)/float64(raw), "x-ecdsa.Verify")
}

// The peer: the same files through go-tuf's client workflow.
func BenchmarkOpenOneInsurerGoTUF(b *testing.B) {
	w := bigWorld()
	raw := rawVerify(b)
	for b.Loop() {
		tm, err := trustedmetadata.New(w.root())
		if err != nil {
			b.Fatal(err)
		}
		tm.RefTime = w.now
		_, e1 := tm.UpdateTimestamp(w.store[timestampPath])
		_, e2 := tm.UpdateSnapshot(w.store["1.snapshot.json"], false)
		_, e3 := tm.UpdateTargets(w.store["1.targets.json"])
		_, e4 := tm.UpdateDelegatedTargets(w.store["1.amc-775670407.json"], "amc-775670407", "targets")
		_, e5 := tm.UpdateDelegatedTargets(w.store["1.amc-775670407-status.json"], "amc-775670407-status", "amc-775670407")
		for _, err := range []error{e1, e2, e3, e4, e5} {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/float64(raw), "x-ecdsa.Verify")
}

// A lookup in an open state: what each verification of a long-lived process pays.
func BenchmarkTarget(b *testing.B) {
	w := bigWorld()
	t, err := Open(bundle(w.store).read, w.root())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Target("amc/775670407/status/3"); err != nil {
			b.Fatal(err)
		}
	}
}

// A refresh in which one page has changed: both readers over all 170 roles.
func BenchmarkRefreshOnePage(b *testing.B) {
	w := newWorld(&testing.B{}, bigWorldKeys()...)
	cur := w.mustFollow(w.store, nil)
	w.now = w.now.Add(day)
	w.set(StatusRole("775670407"), "amc/775670407/status/3", "next", nil)
	w.publish()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Refresh(context.Background(), w.store, RefreshOptions{Current: cur, Now: w.now}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/float64(time.Second), "of-1s-limit")
}

func bigWorldKeys() (keys []string) {
	for i := range 84 {
		keys = append(keys, fmt.Sprint(775670400+i))
	}
	return keys
}

// A publication of one page, read back through the counter's code.
func BenchmarkCommitOnePage(b *testing.B) {
	w := newWorld(&testing.B{}, bigWorldKeys()...)
	n := 0
	for b.Loop() {
		n++
		w.now = w.now.Add(time.Minute)
		w.set(StatusRole("775670407"), "amc/775670407/status/3", fmt.Sprint(n), nil)
		if _, err := w.repo.Commit(w.now, w.sign); err != nil {
			b.Fatal(err)
		}
	}
}
