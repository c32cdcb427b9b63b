package reconcile_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// cut loses the answer of every second transaction after it was committed.
type cut struct {
	register.Store
	n int
}

func (c *cut) Update(ctx context.Context, fn func(register.Tx) error) error {
	if err := c.Store.Update(ctx, fn); err != nil {
		return err
	}
	if c.n++; c.n%2 == 1 {
		return fmt.Errorf("connection lost: %w", register.ErrOutcomeUnknown)
	}
	return nil
}

// F15: the connection is cut after the commit and before the answer; the counter sends again, and everything is there once.
func TestCutAfterCommit(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	d := newDevice(t, w.clock)
	for i := range 30 {
		d.check(facts, w.cards[i%len(w.cards)], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Duration(i) * time.Minute)})
	}
	w.clock = w.clock.Add(24 * time.Hour)
	rec := *w.rec
	rec.Store = &cut{Store: w.store}
	lost := 0
	for from := 0; from < len(d.entries); {
		to := min(len(d.entries), from+7)
		res, err := rec.Upload(context.Background(), w.who, d.id, d.batch(from, to))
		if errors.Is(err, register.ErrOutcomeUnknown) {
			lost++
			continue
		}
		if err != nil || res.Stored != 0 || len(w.settled(res.Settlement)) != to-from {
			t.Fatalf("%+v %v", res, err)
		}
		from = to
	}
	if rows := w.rows(d.id); len(rows) != len(d.entries) || lost != 5 {
		t.Errorf("%d rows for %d entries, %d answers lost", len(rows), len(d.entries), lost)
	}
	if a := must(w.rec.Alarms(context.Background(), reconcile.Scope{}, 100))(t); len(a) != 0 {
		t.Errorf("%+v", a)
	}
}

// Every order of arrival, with duplicates and two uploaders at once, ends in the same state with the same answers.
func TestAnyOrder(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	d := newDevice(t, w.clock)
	for i := range 119 {
		d.check(facts, w.cards[i%len(w.cards)], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Duration(i) * time.Minute)})
	}
	w.clock = w.clock.Add(24 * time.Hour)
	answers := sync.Map{}
	take := func(token string) {
		for _, s := range w.settled(token) {
			if old, ok := answers.LoadOrStore(s.Seq, s); ok && old != s {
				t.Errorf("answered twice: %+v, then %+v", old, s)
			}
		}
	}
	var g sync.WaitGroup
	for uploader := range 2 {
		g.Go(func() {
			rng := mathrand.New(mathrand.NewPCG(uint64(uploader), 15))
			order := rng.Perm(12)
			for _, k := range append(order, order[:4]...) {
				res, err := w.rec.Upload(context.Background(), w.who, d.id, d.batch(k*10, k*10+10))
				if err != nil {
					t.Error(err)
					return
				}
				take(res.Settlement)
			}
		})
	}
	g.Wait()
	if rows := w.rows(d.id); len(rows) != 120 {
		t.Errorf("%d rows", len(rows))
	}
	st := must(w.rec.State(context.Background(), w.who.ID, d.id))(t)
	if st.Next != 121 || st.Head != d.head || len(st.Tips) != 0 {
		t.Errorf("%+v", st)
	}
	// The gaps of the meantime are closed.
	for _, a := range must(w.rec.Alarms(context.Background(), reconcile.Scope{}, 1000))(t) {
		if a.Code != reconcile.AlarmGap || a.Closed.IsZero() {
			t.Errorf("%+v", a)
		}
	}
	// And the settlements can be had again.
	n := 0
	for after := uint64(0); ; {
		token, next, err := w.rec.Settlements(context.Background(), w.who.ID, d.id, after)
		if err != nil {
			t.Fatal(err)
		}
		if token == "" {
			break
		}
		n += len(w.settled(token))
		take(token)
		after = next
	}
	if n != 120 {
		t.Errorf("%d settled", n)
	}
}

// A chain is the counter's that brought it; what others bring is kept apart, and touches nothing.
func TestWhose(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	facts := w.sync()
	d := newDevice(t, w.clock)
	for i := range 4 {
		d.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Duration(i) * time.Minute)})
	}
	w.clock = w.clock.Add(time.Hour)
	w.upload(d, d.batch(0, 3))
	res := must(w.rec.Upload(ctx, w.other, d.id, d.all()))(t)
	if !strings.HasPrefix(codes(res.Alarms), "COUNTER") || res.Stored != 5 || res.Chain.ID == d.id {
		t.Errorf("a thief: %s, %d stored", codes(res.Alarms), res.Stored)
	}
	for _, s := range w.settled(res.Settlement)[1:] {
		if s.Reason != accord.ReasonOtherCounter {
			t.Errorf("%+v", s)
		}
	}
	if res = w.upload(d, d.all()); res.Stored != 2 || len(res.Alarms) != 0 {
		t.Errorf("its own counter afterwards: %+v", res)
	}
	for _, s := range w.settled(res.Settlement)[1:] {
		if s.Answer != accord.Honoured {
			t.Errorf("%+v", s)
		}
	}
	if _, err := w.rec.State(ctx, w.other.ID, newDevice(t, w.clock).id); !errors.Is(err, reconcile.ErrUnknownChain) {
		t.Error(err)
	}
	stranger := issuer.Counter{ID: counterID(t), FINESS: "1"}
	if _, err := w.rec.State(ctx, stranger.ID, d.id); !errors.Is(err, reconcile.ErrUnknownChain) {
		t.Errorf("a stranger sees the chain: %v", err)
	}
	if _, _, err := w.rec.Settlements(ctx, stranger.ID, d.id, 0); !errors.Is(err, reconcile.ErrUnknownChain) {
		t.Errorf("a stranger sees the settlements: %v", err)
	}

	// Enrolled again: another id, the same establishment, the same journal.
	anew := issuer.Counter{ID: counterID(t), FINESS: w.who.FINESS}
	d.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock})
	res = must(w.rec.Upload(ctx, anew, d.id, d.batch(5, 6)))(t)
	if got := w.settled(res.Settlement); got[0].Answer != accord.Honoured || !strings.HasPrefix(codes(res.Alarms), "ENROLLED") {
		t.Errorf("%+v %s", got, codes(res.Alarms))
	}
	if st := must(w.rec.State(ctx, anew.ID, d.id))(t); st.Next != 7 {
		t.Errorf("%+v", st)
	}

	// Another key under the same device's id: neither stands in the other's way.
	twin := newDevice(t, w.clock)
	twin.id = d.id
	twin.entries, twin.base, twin.head = nil, d.base, d.base
	twin.write(must(receipt.Opening{Device: d.id, Key: twin.signer.Public().JWK(), Because: receipt.First}.Body())(t), w.clock)
	twin.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock})
	res = must(w.rec.Upload(ctx, w.other, d.id, twin.all()))(t)
	if got := w.settled(res.Settlement); got[1].Answer != accord.Honoured || !strings.HasPrefix(codes(res.Alarms), "NAME") {
		t.Errorf("%+v %s", got, codes(res.Alarms))
	}
}

// What is refused: nothing that could be stored without lying about who vouches for it.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	d, stranger := newDevice(t, w.clock), newDevice(t, w.clock)
	d.write(plain(1), w.clock)
	d.write(plain(2), w.clock)
	good := d.all()
	for name, c := range map[string]struct {
		change func(b *receipt.Batch)
		want   error
	}{
		"no head":               {func(b *receipt.Batch) { b.Head = "" }, reconcile.ErrUnsigned},
		"another device's head": {func(b *receipt.Batch) { b.Head = stranger.seal(stranger.head, w.clock) }, reconcile.ErrUnsigned},
		"a stranger's key": {func(b *receipt.Batch) {
			b.Head = must(journal.SealHead(stranger.signer, d.id, d.head, w.clock))(t)
		}, reconcile.ErrUnsigned},
		"a head before the end": {func(b *receipt.Batch) { b.Head = d.seal(d.entries[1].Head(), w.clock) }, reconcile.ErrUnsigned},
		"a stranger's base": {func(b *receipt.Batch) {
			b.Base = must(journal.SealHead(stranger.signer, d.id, d.entries[0].Head(), w.clock))(t)
		}, reconcile.ErrUnsigned},
		"a bit of the signature": {func(b *receipt.Batch) { b.Head = b.Head[:len(b.Head)-3] + "AAA" }, reconcile.ErrUnsigned},
		"no key":                 {func(b *receipt.Batch) { b.Key = nil }, reconcile.ErrBatch},
		"a key and a blank":      {func(b *receipt.Batch) { b.Key = append(b.Key[:len(b.Key):len(b.Key)], ' ') }, reconcile.ErrBatch},
		"another device":         {func(b *receipt.Batch) { b.Device = stranger.id }, reconcile.ErrBatch},
		"no device":              {func(b *receipt.Batch) { b.Device = "" }, reconcile.ErrBatch},
	} {
		b := good
		c.change(&b)
		if _, err := w.rec.Upload(context.Background(), w.who, d.id, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rows := w.rows(""); len(rows) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	a := must(w.rec.Alarms(context.Background(), reconcile.Scope{}, 100))(t)
	if len(a) != 1 || a[0].Code != reconcile.AlarmSignature || a[0].Counter != w.who.ID {
		t.Errorf("%+v", a)
	}
}

// A journal whose oldest entries were removed by retention, before or after they were sent, has no gap; one that says so of
// entries younger than any retention has.
func TestPruned(t *testing.T) {
	w := newWorld(t)
	d := newDevice(t, w.clock)
	for i := range 99 {
		d.write(plain(i), w.clock.Add(time.Duration(i)*24*time.Hour))
	}
	w.clock = w.clock.Add(100 * 24 * time.Hour)
	d.base = d.entries[39].Head()
	res := w.upload(d, d.batch(40, 100))
	if len(res.Alarms) != 0 || res.Next != 101 || !reflect.DeepEqual(res.Chain.Pruned, []reconcile.Span{{From: 1, To: 40}}) {
		t.Errorf("pruned before it was ever sent: %s %+v", codes(res.Alarms), res.Chain)
	}
	d.base = d.entries[79].Head()
	if res = w.upload(d, d.batch(80, 100)); len(res.Alarms) != 0 || res.Stored != 0 {
		t.Errorf("pruned after it was sent: %s", codes(res.Alarms))
	}
	d.base = journal.Head{Seq: 90, Hash: [32]byte{1}}
	if res = w.upload(d, d.batch(95, 100)); codes(res.Alarms) != "HEAD 90-90;" {
		t.Errorf("a base of another journal: %q", codes(res.Alarms))
	}
	for i := range 20 {
		d.write(plain(200+i), w.clock)
	}
	d.base = d.entries[109].Head()
	if res = w.upload(d, d.batch(110, 120)); codes(res.Alarms) != "GAP 101-110;" || res.Next != 121 {
		t.Errorf("removed too early: %q %d", codes(res.Alarms), res.Next)
	}

	// The head of a chain that has ended is vouched for by the device that came after it.
	later := newDevice(t, w.clock)
	w.upload(later, later.all())
	old := newDevice(t, w.clock)
	old.write(plain(1), w.clock)
	b := old.all()
	b.Head = must(journal.SealHead(later.signer, old.id, old.head, w.clock))(t)
	b.Base = must(journal.SealHead(later.signer, old.id, old.base, w.clock))(t)
	if res = w.upload(old, b); res.Stored != 2 || len(res.Alarms) != 0 {
		t.Errorf("%+v", res)
	}
}

// A counter whose journal was put back to an earlier day, and goes on from there: nothing of either day is lost, and it is seen.
func TestPutBack(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	d := newDevice(t, w.clock)
	for i := range 20 {
		d.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Duration(i) * time.Minute)})
	}
	w.clock = w.clock.Add(time.Hour)
	w.upload(d, d.all())
	back := d.clone()
	back.entries, back.head = back.entries[:10], back.entries[9].Head()
	w.clock = w.clock.Add(24 * time.Hour)
	for i := range 5 {
		back.check(facts, w.cards[1], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Duration(i) * time.Minute)})
	}
	w.clock = w.clock.Add(time.Hour)
	res := w.upload(back, back.all())
	if got := codes(res.Alarms); got != "FORK 11-11;SHORT 16-21;" || res.Stored != 5 {
		t.Errorf("%s, %d stored", got, res.Stored)
	}
	for _, s := range w.settled(res.Settlement)[1:] {
		if s.Answer != accord.Honoured {
			t.Errorf("a real check is not honoured: %+v", s)
		}
	}
	if st := must(w.rec.State(context.Background(), w.who.ID, d.id))(t); len(st.Tips) != 1 || st.Tips[0] != back.head || st.Head != d.head {
		t.Errorf("%+v", st)
	}
}

// A backlog of a million entries needs no more memory than a small one. (The register itself keeps but the newest rows here.)
func TestBacklogInBoundedMemory(t *testing.T) {
	batches := 1000
	if testing.Short() {
		batches = 100
	}
	var id [16]byte
	rand.Read(id[:])
	signer := newDevice(t, begin).signer
	name := hex.EncodeToString(id[:])
	head := must(journal.Start(name))(t)
	start := head
	now := begin.Add(5 * 365 * 24 * time.Hour)
	store := newMemory()
	store.keep = 4000
	rec := store.reconciler(&now)
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var early uint64
	at, seq := begin, 0
	for i := range batches {
		entries := make([]journal.Entry, 0, 1000)
		for range 1000 {
			body := plain(seq)
			if seq == 0 {
				body = must(receipt.Opening{Device: name, Key: signer.Public().JWK(), Because: receipt.First}.Body())(t)
			}
			seq++
			at = at.Add(time.Minute)
			e := must(journal.Append(head, body, at))(t)
			entries, head = append(entries, e), e.Head()
		}
		b := receipt.Batch{Device: name, Key: signer.Public().JWK(), Base: must(journal.SealHead(signer, name, start, at))(t),
			Head: must(journal.SealHead(signer, name, head, at))(t), Entries: entries}
		res := must(rec.Upload(context.Background(), who, name, b))(t)
		if res.Stored != 1000 || len(res.Alarms) > 0 || res.Next != uint64(seq)+1 {
			t.Fatalf("batch %d: %+v %s", i, res, codes(res.Alarms))
		}
		if i == batches/20 {
			early = used()
		}
	}
	late := used()
	t.Logf("%d entries; heap after 5 %%: %d KiB, after all: %d KiB, ratio %.2f", seq, early>>10, late>>10, float64(late)/float64(early))
	if float64(late) > 1.3*float64(early) {
		t.Errorf("the heap grew from %d to %d bytes", early, late)
	}
	doc, _ := store.Document("chain", name)
	if len(doc.Data) > 4096 {
		t.Errorf("what is kept about the chain has %d bytes", len(doc.Data))
	}
}
