package static

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/signing/trust"
)

// watched counts what is done to a depot, and can fail or look away at the k-th write.
type watched struct {
	Depot
	reads, writes atomic.Int64
	failAt        int64 // 0 for never
	before        func(name string)
}

var errCut = errors.New("power cut")

func (w *watched) Get(ctx context.Context, name string) ([]byte, error) {
	w.reads.Add(1)
	return w.Depot.Get(ctx, name)
}

func (w *watched) Read(ctx context.Context, name string) ([]byte, string, error) {
	w.reads.Add(1)
	return w.Depot.Read(ctx, name)
}

func (w *watched) write(name string) error {
	if w.before != nil {
		w.before(name)
	}
	if n := w.writes.Add(1); w.failAt > 0 && n >= w.failAt {
		return errCut
	}
	return nil
}

func (w *watched) Put(ctx context.Context, name string, data []byte) (bool, error) {
	if err := w.write(name); err != nil {
		return false, err
	}
	return w.Depot.Put(ctx, name, data)
}

func (w *watched) Swap(ctx context.Context, name string, data []byte, tag string) error {
	if err := w.write(name); err != nil {
		return err
	}
	return w.Depot.Swap(ctx, name, data, tag)
}

// TestPublishWritesWhatChanged: and reads nothing of what did not.
func TestPublishWritesWhatChanged(t *testing.T) {
	depots(t, func(t *testing.T, open func() Depot) {
		o := newOperator(t)
		d := &watched{Depot: open()}
		first := o.to(d, Options{})
		if first.Written != first.Files || first.Files < 8 {
			t.Errorf("%+v", first)
		}
		if v, n := o.seen(d); v != first.Version || n != 0 {
			t.Errorf("publication %d with %d events", v, n)
		}
		d.reads.Store(0)
		if again := o.to(d, Options{}); again.Written != 0 || d.reads.Load() > 2 {
			t.Errorf("%+v, %d files read", again, d.reads.Load())
		}
		o.end(0)
		d.reads.Store(0)
		next := o.to(d, Options{})
		// Page, changes, token list, two packs, status role, snapshot, timestamp.
		if next.Written != 8 || d.reads.Load() > 4 {
			t.Errorf("%+v, %d files read", next, d.reads.Load())
		}
		if v, n := o.seen(d); v != next.Version || n != 1 {
			t.Errorf("publication %d with %d events", v, n)
		}
		// What somebody took away comes back, whichever publication it is of.
		all, err := d.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if strings.Contains(e.Name, "issuer") || strings.Contains(e.Name, "snapshot") || strings.HasPrefix(e.Name, "statuslist/") {
				if err := d.Delete(t.Context(), e.Name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if mended := o.to(d, Options{}); mended.Written < 3 {
			t.Errorf("%+v", mended)
		}
		o.seen(d)
	})
}

// TestCutShort: F18. A publication that is cut at any write leaves the old state whole, and the next one completes it.
func TestCutShort(t *testing.T) {
	depots(t, func(t *testing.T, open func() Depot) {
		o := newOperator(t)
		d := open()
		was := o.to(d, Options{}).Version
		events := 0
		for k := int64(1); k <= 9; k++ { // the ninth write is one too many: nothing is cut
			if k <= int64(len(o.cards)) {
				o.end(int(k - 1))
			} else {
				o.publish()
			}
			_, err := Publish(t.Context(), o.Issuer, &watched{Depot: d, failAt: k}, Options{})
			v, n := o.seen(d)
			switch {
			case errors.Is(err, errCut) && (v != was || n != events):
				t.Fatalf("cut at write %d: publication %d with %d events after %d with %d", k, v, n, was, events)
			case err != nil && !errors.Is(err, errCut):
				t.Fatal(err)
			}
			was = o.to(d, Options{}).Version
			if v, events = o.seen(d); v != was || events != min(int(k), len(o.cards)) {
				t.Fatalf("publication %d with %d events, want %d", v, events, was)
			}
		}
	})
}

// TestTwoAtOnce: the publisher that comes second is told so, and the newer publication stays.
func TestTwoAtOnce(t *testing.T) {
	depots(t, func(t *testing.T, open func() Depot) {
		o := newOperator(t)
		d := open()
		o.to(d, Options{})
		o.end(0)
		other := open()
		overtaken := false
		slow := &watched{Depot: d, before: func(name string) {
			if name == timestampPath && !overtaken {
				overtaken = true
				o.to(other, Options{})
			}
		}}
		// The same publication by two: whoever comes second finds it there, and that is an end.
		if _, err := Publish(t.Context(), o.Issuer, slow, Options{}); err != nil && !errors.Is(err, issuer.ErrConcurrent) || !overtaken {
			t.Errorf("the same publication: %v", err)
		}
		o.publish()
		stamp, tag, err := d.Read(t.Context(), timestampPath)
		if err != nil {
			t.Fatal(err)
		}
		newer := strings.Replace(string(stamp), `"version":3`, `"version":9`, -1)
		slow.before = func(name string) {
			if name == timestampPath {
				if err := other.Swap(t.Context(), timestampPath, []byte(newer), tag); err != nil {
					t.Error(err)
				}
			}
		}
		if newer == string(stamp) {
			t.Fatalf("no newer timestamp: %s", stamp)
		}
		if _, err := Publish(t.Context(), o.Issuer, slow, Options{}); !errors.Is(err, issuer.ErrConcurrent) {
			t.Errorf("overtaken by a newer one: %v", err)
		}
		if b, err := d.Get(t.Context(), timestampPath); err != nil || string(b) != newer {
			t.Errorf("the newer publication is gone: %v", err)
		}
		if _, err := Publish(t.Context(), o.Issuer, d, Options{}); !errors.Is(err, ErrOlder) {
			t.Errorf("a depot that is ahead: %v", err)
		}
	})
}

// TestForeign: nothing is written over another operator's files, nor over a file that is not what its name promises.
func TestForeign(t *testing.T) {
	o, other := newOperator(t), newOperator(t)
	open := func() Depot {
		d, err := depot.Open(t.Context(), t.TempDir(), depot.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return d.(Depot)
	}
	d := open()
	other.to(d, Options{})
	before, _ := d.List(t.Context(), "")
	w := &watched{Depot: d}
	if _, err := Publish(t.Context(), o.Issuer, w, Options{}); !errors.Is(err, ErrForeign) || w.writes.Load() > 0 {
		t.Errorf("%v, %d writes", err, w.writes.Load())
	}
	if after, _ := d.List(t.Context(), ""); len(after) != len(before) {
		t.Error("files were written")
	}
	// A damaged timestamp.json is replaced: then every file is compared.
	d = open()
	o.to(d, Options{})
	for _, stamp := range []string{"{torn", "", `{"signed":{"version":1}}`} {
		if _, err := d.Put(t.Context(), timestampPath, []byte(stamp)); err != nil {
			t.Fatal(err)
		}
		o.to(d, Options{})
		o.seen(d)
	}
	for _, name := range []string{rootPath, "1.snapshot.json"} {
		good, err := d.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Put(t.Context(), name, []byte("other")); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Put(t.Context(), timestampPath, []byte("{torn")); err != nil {
			t.Fatal(err)
		}
		if _, err := Publish(t.Context(), o.Issuer, d, Options{}); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Put(t.Context(), name, good); err != nil {
			t.Fatal(err)
		}
	}
	o.to(d, Options{})
	// A Token Status List that is newer than the register's stays.
	list := "statuslist/" + amc + "/1.jwt"
	if _, err := d.Put(t.Context(), list, []byte("e30.eyJpYXQiOjQwMDAwMDAwMDB9.c2ln")); err != nil {
		t.Fatal(err)
	}
	o.end(0)
	if _, err := Publish(t.Context(), o.Issuer, d, Options{}); !errors.Is(err, ErrOlder) {
		t.Errorf("a newer list: %v", err)
	}
	if err := d.Delete(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	o.to(d, Options{})
	o.seen(d)
}

// TestPrune: what the register has forgotten goes when it is asked for, what no publication wrote stays.
func TestPrune(t *testing.T) {
	o := newOperator(t)
	d, err := depot.Open(t.Context(), t.TempDir(), depot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.to(d.(Depot), Options{})
	old := strings.Repeat("ab", 32) + ".1"
	for _, name := range []string{"index.html", "amc/" + amc + "/status/" + old, "0.snapshot.json", trust.MetadataPack(0), trust.ChangesPack(0, 1), "notes/1.txt"} {
		if _, err := d.Put(t.Context(), name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if r := o.to(d.(Depot), Options{}); r.Pruned != 0 {
		t.Errorf("%+v", r)
	}
	if r := o.to(d.(Depot), Options{Prune: true}); r.Pruned != 4 {
		t.Errorf("%+v", r)
	}
	for name, want := range map[string]bool{"index.html": true, "notes/1.txt": true, "0.snapshot.json": false, rootPath: true, timestampPath: true} {
		if _, err := d.Get(t.Context(), name); errors.Is(err, fs.ErrNotExist) == want {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.seen(d)
}

// listed lets something happen before its files are listed.
type listed struct {
	Depot
	before func()
}

func (l *listed) List(ctx context.Context, prefix string) ([]depot.Entry, error) {
	if l.before != nil {
		l.before()
	}
	return l.Depot.List(ctx, prefix)
}

// TestPruneBesideAnother: what another publisher brings of a newer publication stays, however far it has come.
func TestPruneBesideAnother(t *testing.T) {
	o := newOperator(t)
	d, err := depot.Open(t.Context(), t.TempDir(), depot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	to := d.(Depot)
	o.to(to, Options{})
	slow := &listed{Depot: to}
	slow.before = func() { // after this publisher has looked into the register
		slow.before = nil
		o.end(0)
		_, err := Publish(t.Context(), o.Issuer, &watched{Depot: to, failAt: 8}, Options{}) // all but timestamp.json
		if !errors.Is(err, errCut) {
			t.Errorf("the other publisher: %v", err)
		}
	}
	if _, err := Publish(t.Context(), o.Issuer, slow, Options{Prune: true}); err != nil && !errors.Is(err, ErrOlder) {
		t.Fatal(err)
	}
	// The other one ends.
	if r := o.to(to, Options{}); r.Written != 1 {
		t.Errorf("%+v: files of the newer publication were deleted", r)
	}
	o.seen(to)
}
