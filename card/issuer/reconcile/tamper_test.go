package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

var who = issuer.Counter{ID: "AAECAwQFBgc", FINESS: "750012345"}

// plain is a receipt that promises nothing: its answer needs no register.
func plain(n int) []byte {
	return receipt.Receipt{Version: receipt.Version, Status: offline.Unknown, Reason: offline.UnknownIssuer, Detail: fmt.Sprint("n", n), Mode: receipt.Offline}.Body()
}

// long is a journal of n entries.
func long(t testing.TB, n int) *device {
	d := newDevice(t, begin)
	for i := 2; i <= n; i++ {
		d.write(plain(i), begin.Add(time.Duration(i)*time.Minute))
	}
	return d
}

// again computes the chain anew from index i on.
func again(entries []journal.Entry, i int) []journal.Entry {
	out := slices.Clone(entries)
	for ; i < len(out); i++ {
		if i > 0 {
			out[i].Seq, out[i].Prev = out[i-1].Seq+1, out[i-1].Hash()
		}
	}
	return out
}

// T20: every entry of a journal of 1,000, in eight ways, after everything before it was settled. The signed head is the true one:
// the device's key is not in the hands of whoever tampers. Nothing that was sent is lost.
func TestEveryTamperedEntryIsSeen(t *testing.T) {
	const size = 1000
	d := long(t, size)
	d.at = d.at.Add(time.Hour)
	now := d.at
	ways := []struct {
		name   string
		tamper func(e []journal.Entry, k int) []journal.Entry // k is an index
		whole  bool                                           // only the last batch shows it
		last   bool                                           // makes sense for the last entry too
	}{
		{"body edited", func(e []journal.Entry, k int) []journal.Entry { e[k].Body = plain(-1); return e }, false, true},
		{"time edited", func(e []journal.Entry, k int) []journal.Entry { e[k].At = e[k].At.Add(time.Second); return e }, false, true},
		{"deleted", func(e []journal.Entry, k int) []journal.Entry { return slices.Delete(e, k, k+1) }, false, false},
		{"deleted and renumbered", func(e []journal.Entry, k int) []journal.Entry { return again(slices.Delete(e, k, k+1), k) }, true, false},
		{"inserted", func(e []journal.Entry, k int) []journal.Entry {
			x := e[k]
			x.Body = plain(-2)
			return slices.Insert(e, k, x)
		}, false, true},
		{"inserted and renumbered", func(e []journal.Entry, k int) []journal.Entry { return again(slices.Insert(e, k, e[k]), k+1) }, true, true},
		{"swapped", func(e []journal.Entry, k int) []journal.Entry { e[k], e[k+1] = e[k+1], e[k]; return again(e, k) }, true, false},
		{"rewritten from there", func(e []journal.Entry, k int) []journal.Entry { e[k].Body = plain(-3); return again(e, k+1) }, true, true},
	}
	store := newMemory()
	rec := store.reconciler(&now)
	head := ""
	send := func(s *memory, entries []journal.Entry) (alarms, refused int) {
		r := s.reconciler(&now)
		announced := 0
		for i := 0; i < len(entries); i += receipt.MaxBatchEntries {
			b := receipt.Batch{Device: d.id, Key: d.signer.Public().JWK(), Head: head, Entries: entries[i:min(len(entries), i+receipt.MaxBatchEntries)]}
			res, err := r.Upload(context.Background(), who, d.id, b)
			if errors.Is(err, reconcile.ErrUnsigned) {
				return 0, 1
			}
			if err != nil {
				t.Fatal(err)
			}
			alarms += len(res.Alarms)
			announced = len(res.Chain.Said)
		}
		if alarms == 0 && announced > 0 {
			// One entry too few: the signed head was announced and never came, which "sceau receipts" shows. The next entry in its
			// place raises the alarm.
			n := len(entries)
			e := must(journal.Append(entries[n-1].Head(), plain(-5), d.at))(t)
			b := receipt.Batch{Device: d.id, Key: d.signer.Public().JWK(), Head: d.seal(e.Head(), d.at), Entries: []journal.Entry{e}}
			alarms = len(must(r.Upload(context.Background(), who, d.id, b))(t).Alarms)
		}
		return alarms, 0
	}
	tried, step := 0, 1
	if testing.Short() {
		step = 37
	}
	for k := 0; k < size; k++ {
		if k%step == 0 || k == size-1 {
			for _, w := range ways {
				if !w.last && k >= size-1 { // there is nothing behind it
					continue
				}
				from := max(0, k-1)
				// The journal as it was some entries later, under the head of that day.
				then := min(size, k+40)
				head = d.seal(d.entries[then-1].Head(), d.at)
				mutated := w.tamper(slices.Clone(d.entries[:then]), k)
				upTo := len(mutated)
				if !w.whole && k+8 < upTo {
					upTo = k + 8
				}
				s := store.copy()
				alarms, refused := send(s, mutated[from:upTo])
				if alarms+refused == 0 {
					t.Fatalf("entry %d %s: nobody noticed", k+1, w.name)
				}
				if refused == 0 {
					for _, e := range mutated[from:upTo] {
						rows, _ := s.ReceiptsOf(d.id, e.Seq-1, 8)
						if !slices.ContainsFunc(rows, func(r register.Receipt) bool { return r.Seq == e.Seq && r.Hash == e.Hash() }) {
							t.Fatalf("entry %d %s: entry %d was lost", k+1, w.name, e.Seq)
						}
					}
				}
				tried++
			}
		}
		// The true entry is settled.
		head = d.seal(d.entries[k].Head(), d.at)
		b := receipt.Batch{Device: d.id, Key: d.signer.Public().JWK(), Head: head, Entries: d.entries[k : k+1]}
		res, err := rec.Upload(context.Background(), who, d.id, b)
		if err != nil || len(res.Alarms) > 0 {
			t.Fatalf("the true journal: %v %s", err, codes(res.Alarms))
		}
	}
	t.Logf("%d tampered journals, all seen", tried)

	// What was settled can't be changed later, even with the device's key.
	for range 200 {
		k := rand.IntN(size)
		mutated := slices.Clone(d.entries)
		mutated[k].Body = plain(-4)
		mutated = again(mutated, k+1)
		s := store.copy()
		b := receipt.Batch{Device: d.id, Key: d.signer.Public().JWK(), Head: d.seal(mutated[size-1].Head(), d.at.Add(time.Minute)), Entries: mutated[k:]}
		if b.Entries = b.Entries[:min(len(b.Entries), 3)]; true {
			res, err := s.reconciler(&now).Upload(context.Background(), who, d.id, b)
			if err != nil || !strings.Contains(codes(res.Alarms), "FORK") {
				t.Fatalf("entry %d rewritten with the key after it was settled: %v %s", k+1, err, codes(res.Alarms))
			}
		}
	}
}

// A journal that lost its tail after it was settled says so itself: its newer signed head stands before the older one. What was
// never settled is counted by the counter, which knows its own head.
func TestTailLost(t *testing.T) {
	now := begin.Add(48 * time.Hour)
	d := long(t, 60)
	store := newMemory()
	rec := store.reconciler(&now)
	res := must(rec.Upload(context.Background(), who, d.id, d.batch(0, 50)))(t)
	if len(res.Alarms) != 0 || res.Next != 51 {
		t.Fatalf("%+v", res)
	}
	if unsettled := d.head.Seq - (res.Next - 1); unsettled != 10 {
		t.Errorf("%d entries unsettled", unsettled)
	}
	must(rec.Upload(context.Background(), who, d.id, d.batch(50, 60)))(t)
	short := d.clone()
	short.entries, short.head, short.at = short.entries[:40], short.entries[39].Head(), now
	res = must(rec.Upload(context.Background(), who, d.id, short.batch(40, 40)))(t)
	if codes(res.Alarms) != "SHORT 41-60;" || len(store.rows[d.id]) != 60 {
		t.Errorf("%s", codes(res.Alarms))
	}
	if res = must(rec.Upload(context.Background(), who, d.id, short.batch(40, 40)))(t); len(res.Alarms) != 0 {
		t.Errorf("raised twice: %s", codes(res.Alarms))
	}
}

// T21: two clones of one disk upload everything, in many orders: the fork is shown, 0 entries are lost.
func TestClones(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 21))
		now := begin.Add(48 * time.Hour)
		one := long(t, 20+rng.IntN(20))
		two := one.clone()
		forked := one.head.Seq + 1
		for i := range 5 + rng.IntN(30) {
			one.write(plain(1000+i), one.at.Add(time.Minute))
		}
		for i := range 5 + rng.IntN(30) {
			two.write(plain(2000+i), two.at.Add(time.Minute))
		}
		store := newMemory()
		rec := store.reconciler(&now)
		type part struct {
			d        *device
			from, to int
		}
		var parts []part
		for _, d := range []*device{one, two} {
			for i := 0; i < len(d.entries); {
				n := 1 + rng.IntN(12)
				parts = append(parts, part{d, i, min(len(d.entries), i+n)})
				i += n
			}
		}
		if seed%2 == 1 {
			rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		for range 2 {
			for _, p := range parts {
				must(rec.Upload(context.Background(), who, one.id, p.d.batch(p.from, p.to)))(t)
			}
		}
		if !strings.Contains(store.raised(), "FORK") {
			t.Errorf("seed %d: no fork shown: %s", seed, store.raised())
		}
		if seed%2 == 0 && !strings.Contains(store.raised(), fmt.Sprintf("FORK %d-%d", forked, forked)) {
			t.Errorf("seed %d: the fork is at %d: %s", seed, forked, store.raised())
		}
		want := map[[32]byte]bool{}
		for _, e := range slices.Concat(one.entries, two.entries) {
			want[e.Hash()] = true
		}
		for _, r := range store.rows[one.id] {
			if !want[r.Hash] {
				t.Fatal("a stranger")
			}
			delete(want, r.Hash)
		}
		if len(want) > 0 || len(store.rows[one.id]) != len(one.entries)+len(two.entries)-int(forked-1) {
			t.Errorf("seed %d: %d entries lost", seed, len(want))
		}
	}
}

// Branches without end are no accident: what is read for one batch stays bounded.
func TestTooManyForks(t *testing.T) {
	now := begin.Add(time.Hour)
	d := long(t, 3)
	store := newMemory()
	rec := store.reconciler(&now)
	must(rec.Upload(context.Background(), who, d.id, d.all()))(t)
	for i := 0; ; i++ {
		e := must(journal.Append(d.entries[1].Head(), plain(5000+i), begin))(t)
		b := receipt.Batch{Device: d.id, Key: d.signer.Public().JWK(), Head: d.seal(d.head, d.at), Entries: []journal.Entry{e}}
		_, err := rec.Upload(context.Background(), who, d.id, b)
		if errors.Is(err, reconcile.ErrForks) {
			if i != 255 {
				t.Errorf("after %d", i)
			}
			return
		}
		if err != nil || i > 300 {
			t.Fatal(i, err)
		}
	}
}
