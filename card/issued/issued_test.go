package issued

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sceau/signing"
)

const owner = "775670482"

var kid = signing.KIDText([8]byte{0x5e, 0xad, 0xdd, 0xf5, 0xa2, 0xe6, 0x43, 0x6b})

func digest(n int) [DigestSize]byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return [DigestSize]byte(sum[:])
}

func digests(n int) [][DigestSize]byte {
	out := make([][DigestSize]byte, n)
	for i := range out {
		out[i] = digest(i)
	}
	return out
}

func one(t testing.TB, ds [][DigestSize]byte) []byte {
	t.Helper()
	files, err := Parts(owner, kid, ds)
	if err != nil || len(files) != 1 || files[kid] == nil {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files[kid]
}

func TestParts(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 9, 10, 1000, 20_000} {
		ds := digests(n)
		rand.Shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
		before := slices.Clone(ds)
		b := one(t, ds)
		if !slices.Equal(before, ds) {
			t.Fatal("the caller's digests were moved")
		}
		p, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if p.Owner() != owner || p.KID() != kid || p.Index() != 0 || p.Count() != 1 || p.Len() != n {
			t.Fatalf("%+v", p)
		}
		for i := range n {
			if !p.Has(digest(i)) {
				t.Fatalf("%d of %d is not found", i, n)
			}
		}
		for i := range max(n, 100) {
			if p.Has(digest(n + i)) {
				t.Fatalf("%d is found among %d", n+i, n)
			}
		}
	}
}

// Twice the same is once; another order is the same file.
func TestPartsMerges(t *testing.T) {
	ds := digests(50)
	if !bytes.Equal(one(t, ds), one(t, append(slices.Clone(ds), ds...))) {
		t.Error("a digest that comes twice changes the file")
	}
	slices.Reverse(ds)
	if !bytes.Equal(one(t, ds), one(t, digests(50))) {
		t.Error("the order changes the file")
	}
}

// Digests that lie together, at the ends and one bit apart: the guesses must not miss them.
func TestHasUneven(t *testing.T) {
	var ds [][DigestSize]byte
	put := func(high, low uint64) {
		var d [DigestSize]byte
		binary.BigEndian.PutUint64(d[:], high)
		binary.BigEndian.PutUint64(d[8:], low)
		ds = append(ds, d)
	}
	for i := range uint64(300) {
		put(7, i*2)
		put(1<<63+i, 0)
		put(^uint64(0), ^uint64(0)-2*i)
	}
	put(0, 0)
	p, err := Decode(one(t, ds))
	if err != nil {
		t.Fatal(err)
	}
	known := map[[DigestSize]byte]bool{}
	for _, d := range ds {
		known[d] = true
	}
	for _, d := range ds {
		if !p.Has(d) {
			t.Fatalf("%x is not found", d)
		}
		for bit := range 128 {
			e := d
			e[bit/8] ^= 1 << (bit % 8)
			if p.Has(e) != known[e] {
				t.Fatalf("%x", e)
			}
		}
	}
}

// A list that is too long for one file is split by its first bits, and each part is believed for its own bits alone.
func TestSplit(t *testing.T) {
	raw, err := signing.KIDBytes(kid)
	if err != nil {
		t.Fatal(err)
	}
	sorted := digests(10_000)
	slices.SortFunc(sorted, func(a, b [DigestSize]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, n := range []int{2, 4, 64} {
		files := split(owner, kid, raw[:], sorted, n)
		if len(files) != n {
			t.Fatalf("%d files, not %d", len(files), n)
		}
		total := 0
		for name, b := range files {
			k, i, of, ok := ParseName(name)
			if !ok || k != kid || of != n {
				t.Fatal(name)
			}
			p, err := Decode(b)
			if err != nil || p.Index() != i || p.Count() != n {
				t.Fatal(name, err)
			}
			total += p.Len()
			for _, d := range sorted {
				if p.Has(d) != (PartOf(d, n) == i) {
					t.Fatalf("%s: %x", name, d)
				}
			}
			// The same bytes under another number.
			b = bytes.Clone(b)
			b[len(magic)+1+len(owner)+kidSize] ^= 1
			if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s with another number: %v", name, err)
			}
		}
		if total != len(sorted) {
			t.Errorf("%d of %d", total, len(sorted))
		}
	}
}

func TestPartsRefuses(t *testing.T) {
	for name, c := range map[string]struct{ owner, kid string }{
		"no owner": {"", kid}, "zero": {"0123", kid}, "small": {"a1", kid}, "long": {"12345678901", kid}, "slash": {"1/2", kid},
		"no kid": {owner, ""}, "short kid": {owner, kid[:10]}, "not base64": {owner, "!!!!!!!!!!!"}, "other last letter": {owner, kid[:10] + "9"},
	} {
		if files, err := Parts(c.owner, c.kid, digests(1)); !errors.Is(err, ErrOwner) || files != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := one(t, digests(40))
	header := len(good) - 40*DigestSize
	edit := func(fn func(b []byte) []byte) []byte { return fn(bytes.Clone(good)) }
	swap := func(b []byte, i, j int) []byte {
		at := func(n int) []byte { return b[header+n*DigestSize : header+(n+1)*DigestSize] }
		first := bytes.Clone(at(i))
		copy(at(i), at(j))
		copy(at(j), first)
		return b
	}
	cases := map[string][]byte{
		"nothing": nil, "magic only": []byte(magic), "text": []byte("404 not found, a page of some server"),
		"version 2":        edit(func(b []byte) []byte { b[3] = 2; return b }),
		"a status page":    edit(func(b []byte) []byte { b[2] = 'S'; return b }),
		"no owner":         edit(func(b []byte) []byte { b[4] = 0; return b }),
		"long owner":       edit(func(b []byte) []byte { b[4] = 200; return b }),
		"owner with zero":  edit(func(b []byte) []byte { b[5] = '0'; return b }),
		"owner with slash": edit(func(b []byte) []byte { b[6] = '/'; return b }),
		"part 1 of 1":      edit(func(b []byte) []byte { b[header-6] = 1; return b }),
		"of 0":             edit(func(b []byte) []byte { b[header-5] = 0; return b }),
		"of 3":             edit(func(b []byte) []byte { b[header-5] = 3; return b }),
		"of 128":           edit(func(b []byte) []byte { b[header-5] = 128; return b }),
		"of 2":             edit(func(b []byte) []byte { b[header-5] = 2; return b }),
		"count too high":   edit(func(b []byte) []byte { b[header-1]++; return b }),
		"count too low":    edit(func(b []byte) []byte { b[header-1]--; return b }),
		"huge count":       edit(func(b []byte) []byte { b[header-4] = 0xff; return b }),
		"cut":              good[:len(good)-1],
		"one more byte":    append(bytes.Clone(good), 0),
		"one digest less":  good[:len(good)-DigestSize],
		"out of order":     edit(func(b []byte) []byte { return swap(b, 3, 4) }),
		"first and last":   edit(func(b []byte) []byte { return swap(b, 0, 39) }),
		"twice the same":   edit(func(b []byte) []byte { copy(b[header+DigestSize:], b[header:header+DigestSize]); return b }),
	}
	for name, b := range cases {
		if p, err := Decode(b); !errors.Is(err, ErrMalformed) || p != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Fatalf("the first %d bytes are taken for a list", n)
		}
	}
}

func TestNames(t *testing.T) {
	for _, n := range []int{1, 2, 4, 8, 16, 32, 64} {
		for i := range n {
			k, a, b, ok := ParseName(Name(kid, i, n))
			if !ok || k != kid || a != i || b != n {
				t.Errorf("%s: %s %d %d", Name(kid, i, n), k, a, b)
			}
		}
	}
	for _, name := range []string{"", ".", kid + ".", kid + ".0-1", kid + ".1-1", kid + ".2-2", kid + ".0-3", kid + ".-1-2", kid + ".0-128",
		kid + ".00-2", kid + ".0-02", kid + ".+0-2", kid + ".0-2.0-2", kid + ".0", kid + ".0-", kid + "-0-2", kid[:10], kid + "x", "issuer.json", " " + kid} {
		if k, i, n, ok := ParseName(name); ok || k != "" || i != 0 || n != 0 {
			t.Errorf("%q: %s %d %d", name, k, i, n)
		}
	}
}

func TestHasAllocatesNothing(t *testing.T) {
	p, err := Decode(one(t, digests(5000)))
	if err != nil {
		t.Fatal(err)
	}
	d, other := digest(17), digest(6000)
	if n := testing.AllocsPerRun(100, func() {
		if !p.Has(d) || p.Has(other) {
			t.Fatal("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzDecode: whatever is read writes itself again, and what it holds is what it says to hold.
func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 1, 5} {
		f.Add(one(f, digests(n)))
	}
	raw, _ := signing.KIDBytes(kid)
	for _, name := range slices.Sorted(maps.Keys(split(owner, kid, raw[:], nil, 2))) {
		f.Add(split(owner, kid, raw[:], nil, 2)[name])
	}
	f.Add([]byte("TPI\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		raw, err := signing.KIDBytes(p.KID())
		if err != nil {
			t.Fatal(err)
		}
		var ds [][DigestSize]byte
		for i := range p.Len() {
			ds = append(ds, p.at(i))
			if !p.Has(p.at(i)) {
				t.Fatalf("digest %d is not found", i)
			}
		}
		if again := encode(p.Owner(), raw[:], p.Index(), p.Count(), ds); !bytes.Equal(again, b) {
			t.Fatalf("%x was read from %x", again, b)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add(kid)
	f.Add(kid + ".3-8")
	f.Add(kid + ".00-2")
	f.Fuzz(func(t *testing.T, name string) {
		if kid, i, n, ok := ParseName(name); ok && Name(kid, i, n) != name {
			t.Errorf("%q", name)
		}
	})
}

// average is a card portfolio: 33 million cards, 84 insurers.
const average = 33_000_000 / 84

// The promise of the size, with all of an average insurer's cards signed by the one key that was stolen.
func TestSize(t *testing.T) {
	b := one(t, digests(average))
	if limit := 7_000_000; len(b) > limit {
		t.Errorf("%d bytes for %d cards, more than %d", len(b), average, limit)
	}
	if _, err := Decode(b); err != nil {
		t.Error(err)
	}
	if strings.Contains(fmt.Sprintf("%q", b[:40]), "EXEMPLE") {
		t.Error("a header names somebody")
	}
}
