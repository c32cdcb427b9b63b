// Every byte, every length, every exchange: damage and mixtures without exception.
package trust

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"testing"
)

// Every byte of every metadata file, and of every target, flipped in turn (to
// another value or to another case): nothing is accepted.
func TestEveryByteFlipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.nextDay()
	w.rotateRoot(nil)
	chained := w.copy() // with a second root
	delete(w.store, "2.root.json")
	cur := w.mustFollow(w.store, nil)
	files, err := cur.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, File{"2.root.json", chained["2.root.json"]})
	step := 1
	if testing.Short() {
		step = 13
	}
	flips := 0
	for _, f := range files {
		base := w.store
		if f.Path == "2.root.json" {
			base = chained
		}
		for i := 0; i < len(f.Data); i += step {
			masks := []byte{0x01, 0x20}
			if f.Path != timestampPath {
				masks = masks[i%2 : i%2+1]
			}
			for _, mask := range masks {
				bad := bytes.Clone(f.Data)
				bad[i] ^= mask
				flips++
				src := maps.Clone(base)
				src[f.Path] = bad
				pinned := w.root()
				if f.Path == "1.root.json" {
					pinned = bad
				}
				// One flip in two by each road: they share every check but the caps.
				if mask == 0x01 {
					_, _, err = Refresh(context.Background(), src, RefreshOptions{Root: pinned, Now: w.now})
				} else {
					var tr *Trusted
					if tr, err = Open(bundle(src).read, pinned); err == nil {
						_, err = tr.Metadata()
					}
				}
				if err == nil {
					t.Fatalf("%s accepted with byte %d (%q) flipped by %#x", f.Path, i, f.Data[i], mask)
				}
			}
		}
	}
	for _, key := range append(cur.Insurers(), "") {
		list, _ := cur.Targets(key)
		for _, info := range list {
			data := w.store[info.FetchPath()]
			for i := range data {
				bad := bytes.Clone(data)
				bad[i] ^= 0x20
				flips++
				src := w.copy()
				src[info.FetchPath()] = bad
				if _, err := w.follow(src, nil); !errors.Is(err, ErrMixed) {
					t.Fatalf("%s with byte %d flipped: %v", info.Path, i, err)
				}
			}
		}
	}
	t.Logf("count: %d flips, 0 accepted", flips)
	if step == 1 && flips < 15_000 {
		t.Errorf("only %d flips", flips)
	}
	w.mustFollow(w.store, nil)
	w.mustFollow(chained, nil)
}

func TestEveryTruncation(t *testing.T) {
	w := newWorld(t)
	w.rotateRoot(nil)
	cur := w.mustFollow(w.store, nil)
	files, _ := cur.Metadata()
	cuts := 0
	for _, f := range files {
		if f.Path == "1.root.json" {
			continue
		}
		step := 7
		if f.Path == timestampPath {
			step = 1
		}
		for n := 0; n < len(f.Data); n += step {
			src := w.copy()
			src[f.Path] = f.Data[:n]
			cuts++
			if _, err := w.follow(src, nil); err == nil {
				t.Fatalf("%s cut at %d accepted", f.Path, n)
			}
		}
	}
	if cuts < 1000 {
		t.Errorf("only %d cuts", cuts)
	}
}

// Every file of one date in place of every file of another date, and every
// insurer's in place of every other's.
func TestEverySwap(t *testing.T) {
	w := newWorld(t)
	day1 := w.copy()
	w.nextDay()
	w.set(InsurerRole(insurerB), "amc/"+insurerB+"/issuer.json", `{"name":"B2"}`, nil)
	w.publish()
	cur := w.mustFollow(w.store, nil)
	files, _ := cur.Metadata()
	swaps := 0
	for _, f := range files {
		if f.Path == "1.root.json" {
			continue
		}
		for path, data := range w.store {
			if path == f.Path || bytes.Equal(data, f.Data) {
				continue
			}
			src := w.copy()
			src[f.Path] = data
			swaps++
			if _, err := w.follow(src, nil); err == nil {
				t.Fatalf("%s in place of %s accepted", path, f.Path)
			}
		}
	}
	// The old timestamp is a valid old state for who has never seen a newer
	// one; whoever has is not taken back.
	src := w.copy()
	src[timestampPath] = day1[timestampPath]
	if old, err := w.follow(src, nil); err != nil || old.Version() != 1 {
		t.Errorf("old state for a fresh counter: %v", err)
	}
	if _, err := w.follow(src, cur); !errors.Is(err, ErrRollback) {
		t.Errorf("old state for a current counter: %v", err)
	}
	if swaps < 100 {
		t.Errorf("only %d swaps", swaps)
	}
}
