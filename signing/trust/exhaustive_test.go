// Every byte, every length, every exchange: damage and mixtures without exception.
package trust

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// turnedWorld has been through two changes of all the operator's keys and one
// of insurer A's; A has notices, and the list of a stolen key in two parts.
func turnedWorld(t testing.TB) *world {
	w := newWorld(t, insurerA, insurerB)
	w.now = w.now.Add(day)
	w.replace(RoleRoot, RoleTargets, RoleSnapshot, RoleTimestamp)
	w.publish()
	w.now = w.now.Add(day)
	w.replace(everyRole(insurerA)...)
	for path, data := range map[string]string{"notices.json": "notices", "issued/Xq3f9aLmQ2s.0-2": "digests 0", "issued/Xq3f9aLmQ2s.1-2": "digests 1"} {
		w.set(InsurerRole(insurerA), "amc/"+insurerA+"/"+path, data, nil)
	}
	w.set(RoleTargets, "notices.json", "operator's notices", nil)
	if err := w.repo.SetAnchor("7:" + strings.Repeat("0f", 32)); err != nil {
		t.Fatal(err)
	}
	w.nextDay()
	return w
}

// Every byte of every metadata file, roots 1 to 3 among them, and of every
// target, flipped in turn (to another value or to another case): nothing is
// accepted.
func TestEveryByteFlipped(t *testing.T) {
	t.Parallel()
	w := turnedWorld(t)
	cur := w.mustFollow(w.store, nil)
	files, err := cur.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 10 || files[2].Path != "3.root.json" {
		t.Fatalf("%d files", len(files))
	}
	step := 1
	if testing.Short() {
		step = 13
	}
	flips := 0
	for _, f := range files {
		for i := 0; i < len(f.Data); i += step {
			masks := []byte{0x01, 0x20}
			if f.Path != timestampPath {
				masks = masks[i%2 : i%2+1]
			}
			for _, mask := range masks {
				bad := bytes.Clone(f.Data)
				bad[i] ^= mask
				flips++
				src := w.copy()
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
	if step == 1 && flips < 18_000 {
		t.Errorf("only %d flips", flips)
	}
	w.mustFollow(w.store, nil)
}

func TestEveryTruncation(t *testing.T) {
	t.Parallel()
	w := turnedWorld(t)
	cur := w.mustFollow(w.store, nil)
	files, _ := cur.Metadata()
	cuts := 0
	for _, f := range files {
		if f.Path == "1.root.json" {
			continue
		}
		step := 21
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
	if cuts < 900 {
		t.Errorf("only %d cuts", cuts)
	}
}

// Every file of one date in place of every file of another date, every
// insurer's in place of every other's, before and after keys were replaced.
func TestEverySwap(t *testing.T) {
	t.Parallel()
	w := turnedWorld(t)
	day3 := w.copy()
	w.nextDay()
	w.set(InsurerRole(insurerB), "amc/"+insurerB+"/issuer.json", `{"name":"B2"}`, nil)
	w.publish()
	cur := w.mustFollow(w.store, nil)
	files, _ := cur.Metadata()
	for _, key := range append(cur.Insurers(), "") {
		list, err := cur.Targets(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range list {
			files = append(files, File{info.FetchPath(), w.store[info.FetchPath()]})
		}
	}
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
			if next, err := w.follow(src, cur); err == nil && next != cur {
				t.Fatalf("%s in place of %s accepted by a counter", path, f.Path)
			}
		}
	}
	// The old timestamp is a valid old state for who has never seen a newer
	// one; whoever has is not taken back.
	src := w.copy()
	src[timestampPath] = day3[timestampPath]
	if old, err := w.follow(src, nil); err != nil || old.Version() != 3 {
		t.Errorf("old state for a fresh counter: %v", err)
	}
	if _, err := w.follow(src, cur); !errors.Is(err, ErrRollback) {
		t.Errorf("old state for a current counter: %v", err)
	}
	t.Logf("count: %d swaps, 0 accepted", swaps)
	if swaps < 400 {
		t.Errorf("only %d swaps", swaps)
	}
}
