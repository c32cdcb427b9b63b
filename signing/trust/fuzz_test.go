// Hostile bytes: never a panic, never accepted, never two spellings of one value.
package trust

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"
)

var fuzzWorld = sync.OnceValue(func() *world {
	w := newWorld(&testing.B{})
	w.nextDay()
	w.rotateRoot(nil)
	return w
})

func seeds(f *testing.F, w *world) {
	for path, data := range w.store {
		if len(data) > 0 && data[0] == '{' && path != "codes.json" {
			f.Add(data)
		}
	}
	for _, s := range []string{"", "{}", "null", `{"signatures":[],"signed":{}}`, `{"signatures":null,"signed":null}`, "[[[[[[[[[[[[", `{"signed":{"_type":"timestamp"},"signatures":[{}]}`} {
		f.Add([]byte(s))
	}
}

// FuzzRefreshTimestamp serves any bytes as timestamp.json beside the real files.
func FuzzRefreshTimestamp(f *testing.F) {
	w := fuzzWorld()
	seeds(f, w)
	real := w.store[timestampPath]
	cur := w.mustFollow(w.store, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		src := w.copy()
		src[timestampPath] = data
		next, _, err := Refresh(context.Background(), src, RefreshOptions{Current: cur, Now: w.now})
		if bytes.Equal(data, real) {
			if err != nil {
				t.Fatalf("the real one: %v", err)
			}
			return
		}
		if err == nil || next != nil {
			t.Fatalf("accepted: %q", data)
		}
		if Explain(err).Code == "internal" {
			t.Fatalf("without a family: %v", err)
		}
	})
}

// FuzzOpenMetadata reads any bytes as each kind of metadata, then in place of
// one of the real files.
func FuzzOpenMetadata(f *testing.F) {
	w := fuzzWorld()
	names := []string{"1.root.json", "2.root.json", "3.root.json", timestampPath, "2.snapshot.json", "1.targets.json", "1." + InsurerRole(insurerA) + ".json", "2." + StatusRole(insurerA) + ".json"}
	for i, name := range names {
		f.Add(w.store[name], uint8(i))
		f.Add([]byte(`{"signatures":null,"signed":null}`), uint8(i))
		f.Add(bytes.ToUpper(w.store[name]), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		_, _ = parseRoot(data)
		_, _ = parseTimestamp(data)
		_, _ = parseSnapshot(data)
		_, _ = parseTargets(RoleTargets, data)
		_, _ = parseTargets(InsurerRole(insurerA), data)
		path := names[int(which)%len(names)]
		if bytes.Equal(data, w.store[path]) {
			return
		}
		src := bundle(w.copy())
		src[path] = data
		root := w.root()
		if path == "1.root.json" {
			root = data
		}
		tr, err := Open(src.read, root)
		if err == nil {
			_, err = tr.Metadata()
		}
		if err == nil {
			t.Fatalf("accepted as %s: %q", path, data)
		}
	})
}

// FuzzStrictJSON: what is read is valid JSON, and its values spelled again are
// the same bytes.
func FuzzStrictJSON(f *testing.F) {
	seeds(f, fuzzWorld())
	f.Add([]byte(`{"a":"x\ny","b":[0,1,true,false,{}],"c":9007199254740991}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseStrict(data); err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("accepted, but not JSON: %v", err)
		}
		again, err := json.Marshal(v)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q spelled again is %q", data, again)
		}
	})
}
