// This file tests the encoding, the chain and every way of damaging it.

package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var day = time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)

func start(t testing.TB, name string) Head {
	t.Helper()
	h, err := Start(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// chain makes n entries of a named chain.
func chain(t testing.TB, name string, n int) []Entry {
	t.Helper()
	head := start(t, name)
	entries := make([]Entry, 0, n)
	for i := range n {
		e, err := Append(head, fmt.Appendf(nil, `{"event":"issue","card":"3-%d"}`, i), day.Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		entries, head = append(entries, e), e.Head()
	}
	return entries
}

func seq(entries []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// renumbered gives the entries with their numbers running from 1.
func renumbered(entries []Entry) []Entry {
	out := slices.Clone(entries)
	for i := range out {
		out[i].Seq = uint64(i + 1)
	}
	return out
}

func want(t *testing.T, err error, seq uint64, what error) {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) || f.Seq != seq || !errors.Is(err, what) {
		t.Errorf("got %v, want entry %d %v", err, seq, what)
	}
}

// TestEncoding pins the bytes: they are hashed for years.
func TestEncoding(t *testing.T) {
	e := Entry{Seq: 0x0102030405060708, Prev: sha256.Sum256([]byte("before")), At: time.Unix(1803888000, 123456000), Body: []byte("hello")}
	text := hex.EncodeToString([]byte("sceau-journal-entry-1\x00")) + "0102030405060708" + hex.EncodeToString(e.Prev[:]) +
		"000000006b852580" + "075bca00" + "00000005" + hex.EncodeToString([]byte("hello"))
	if got := hex.EncodeToString(e.Encode()); got != text {
		t.Errorf("encoding\n%s, want\n%s", got, text)
	}
	if h := start(t, "register"); hex.EncodeToString(h.Hash[:]) != fmt.Sprintf("%x", sha256.Sum256([]byte("sceau-journal-start-1\x00register"))) || h.Seq != 0 {
		t.Errorf("start: %+v", h)
	}
	if e.Head() != (Head{e.Seq, sha256.Sum256(e.Encode())}) {
		t.Error("head")
	}
}

func TestDecodeEntryRefuses(t *testing.T) {
	good := chain(t, "a", 1)[0].Encode()
	if e, err := DecodeEntry(good); err != nil || !bytes.Equal(e.Encode(), good) {
		t.Fatalf("the twin: %v", err)
	}
	set := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	n := len(entryPrefix)
	for name, b := range map[string][]byte{
		"empty": nil, "prefix alone": []byte(entryPrefix), "no prefix": good[n:], "cut": good[:len(good)-1], "one byte more": append(bytes.Clone(good), 0),
		"next version": set(n-2, '2'), "number 0": set(n, make([]byte, 8)...), "a billion nanoseconds": set(n+48, 0x3b, 0x9a, 0xca, 0x00),
		"length too large": set(n+52, 0xff, 0xff, 0xff, 0xff), "empty body": append(good[:n+52:n+52], 0, 0, 0, 0),
		"year 292 billion": set(n+40, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"before year 1":    set(n+40, 0x80, 0, 0, 0, 0, 0, 0, 0),
		"body too long":    append(append(good[:n+52:n+52], 0, 1, 0, 1), make([]byte, MaxBody+1)...),
	} {
		if e, err := DecodeEntry(b); !errors.Is(err, ErrEncoding) || e.Body != nil {
			t.Errorf("%s: %+v %v", name, e, err)
		}
	}
}

func TestAppend(t *testing.T) {
	head := start(t, "a")
	body := []byte("body")
	paris := time.FixedZone("", 3600)
	e, err := Append(head, body, time.Date(2027, 3, 1, 9, 0, 0, 123456789, paris))
	if err != nil {
		t.Fatal(err)
	}
	body[0] = 'B'
	if string(e.Body) != "body" || e.Seq != 1 || e.Prev != head.Hash || e.At.Location() != time.UTC || e.At.Nanosecond() != 123456000 {
		t.Errorf("%+v", e)
	}
	for name, err := range map[string]error{
		"no body":    second(Append(head, nil, day)),
		"long body":  second(Append(head, make([]byte, MaxBody+1), day)),
		"zero year":  second(Append(head, body, time.Time{}.AddDate(-1, 0, 0))),
		"year 10000": second(Append(head, body, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))),
		"overflow":   second(Append(Head{Seq: ^uint64(0)}, body, day)),
		"no name":    second(Start("")),
		"long name":  second(Start(strings.Repeat("a", MaxName+1))),
		"NUL":        second(Start("a\x00b")),
		"blank":      second(Start("a b")),
	} {
		if !errors.Is(err, ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Append(head, make([]byte, MaxBody), day); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestVerifyWhole(t *testing.T) {
	first := start(t, "a")
	for _, n := range []int{0, 1, 2, 3, 1000} {
		entries := chain(t, "a", n)
		last := first
		if n > 0 {
			last = entries[n-1].Head()
		}
		for _, known := range [][]Head{nil, {last}, {first, last}, {last, last, first}} {
			if got, err := Verify(first, seq(entries), known...); err != nil || got != last {
				t.Errorf("%d entries, %d known: %v %v", n, len(known), got, err)
			}
		}
	}
	// From the middle, with a known head before it, on it and behind it.
	entries := chain(t, "a", 100)
	known := []Head{entries[9].Head(), entries[49].Head(), entries[59].Head(), entries[99].Head()}
	if got, err := Verify(entries[49].Head(), seq(entries[50:]), known...); err != nil || got != entries[99].Head() {
		t.Error(got, err)
	}
}

// TestKnownHeads: what only a head from outside can show.
func TestKnownHeads(t *testing.T) {
	first := start(t, "a")
	whole := chain(t, "a", 100)
	if _, err := Verify(first, seq(whole[:60])); err != nil {
		t.Errorf("without a known head a missing tail cannot be seen, and this claims to: %v", err)
	}
	_, err := Verify(first, seq(whole[:60]), whole[70].Head())
	want(t, err, 61, ErrTruncated)
	_, err = Verify(first, seq(nil), whole[0].Head())
	want(t, err, 1, ErrTruncated)

	// A chain computed anew from entry 31, with a head of entry 50 in a drawer.
	other := slices.Clone(whole[:30])
	head := whole[29].Head()
	for i := range 70 {
		e, err := Append(head, fmt.Appendf(nil, "new %d", i), day)
		if err != nil {
			t.Fatal(err)
		}
		other, head = append(other, e), e.Head()
	}
	_, err = Verify(first, seq(other), whole[49].Head())
	want(t, err, 50, ErrRewritten)
	_, err = Verify(first, seq(other), whole[29].Head())
	if err != nil {
		t.Errorf("up to entry 30 it is the same chain: %v", err)
	}
	// The known head says that entry 50 was edited, or slipped in.
	edited := slices.Clone(whole)
	edited[49].Body = []byte("edited")
	_, err = Verify(first, seq(edited), whole[49].Head())
	want(t, err, 50, ErrEdited)
	// Two known heads that contradict each other cannot both be passed.
	if _, err = Verify(first, seq(whole), whole[49].Head(), other[49].Head()); !errors.Is(err, ErrRewritten) {
		t.Error(err)
	}
	// Another chain altogether, or the wrong place to start.
	_, err = Verify(start(t, "b"), seq(whole))
	want(t, err, 1, ErrEdited)
	_, err = Verify(start(t, "b"), seq(nil), first)
	want(t, err, 0, ErrRewritten)
	_, err = Verify(whole[9].Head(), seq(whole[11:]))
	want(t, err, 11, ErrDeleted)
}

// TestReadErrors: an error of the store is given back, wherever it comes.
func TestReadErrors(t *testing.T) {
	first := start(t, "a")
	whole := chain(t, "a", 20)
	broken := errors.New("disk")
	mutated := map[string][]Entry{"whole": whole, "gap": slices.Delete(slices.Clone(whole), 8, 9)}
	edited := slices.Clone(whole)
	edited[8].Body = []byte("x")
	mutated["edited"] = edited
	for name, entries := range mutated {
		for fail := range 12 {
			got, err := Verify(first, func(yield func(Entry, error) bool) {
				for i, e := range entries {
					if i == fail {
						yield(Entry{}, broken)
						return
					}
					if !yield(e, nil) {
						return
					}
				}
			})
			var f *Fault
			if err != broken && !errors.As(err, &f) || got != (Head{}) || fail < 8 && err != broken {
				t.Errorf("%s, read %d fails: %v %v", name, fail, got, err)
			}
		}
	}
}

// TestRandomDamage: any change at all to the stored bytes of a journal whose
// head is known is seen.
func TestRandomDamage(t *testing.T) {
	first := start(t, "a")
	whole := chain(t, "a", 40)
	head := whole[39].Head()
	rapid.Check(t, func(t *rapid.T) {
		entries := slices.Clone(whole)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			i := rapid.IntRange(0, len(entries)-1).Draw(t, "entry")
			switch rapid.IntRange(0, 4).Draw(t, "way") {
			case 0:
				entries = slices.Delete(entries, i, i+1)
			case 1:
				entries = slices.Insert(entries, i, whole[rapid.IntRange(0, 39).Draw(t, "copy")])
			case 2:
				j := rapid.IntRange(0, len(entries)-1).Draw(t, "other")
				entries[i], entries[j] = entries[j], entries[i]
			case 3:
				entries = entries[:i+1]
			case 4:
				b := entries[i].Encode()
				b[rapid.IntRange(len(entryPrefix), len(b)-1).Draw(t, "byte")] ^= byte(rapid.IntRange(1, 255).Draw(t, "mask"))
				if e, err := DecodeEntry(b); err == nil {
					entries[i] = e
				} else {
					entries = slices.Delete(entries, i, i+1)
				}
			}
			if len(entries) == 0 {
				break
			}
		}
		same := slices.EqualFunc(entries, whole, func(a, b Entry) bool { return bytes.Equal(a.Encode(), b.Encode()) })
		got, err := Verify(first, seq(entries), head)
		if (err == nil) != same || same && got != head {
			t.Fatalf("same %v: %v", same, err)
		}
	})
}

func FuzzJournalEntry(f *testing.F) {
	for _, e := range chain(f, "a", 3) {
		f.Add(e.Encode())
	}
	f.Add([]byte(entryPrefix))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%x came back as %x", b, e.Encode())
		}
		if e.Hash() != sha256.Sum256(b) {
			t.Fatal("hash")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	whole := chain(b, "a", 1000)
	first := start(b, "a")
	b.Run("sha256", func(b *testing.B) {
		texts := make([][]byte, len(whole))
		for i, e := range whole {
			texts[i] = e.Encode()
		}
		for b.Loop() {
			for _, text := range texts {
				sha256.Sum256(text)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := Verify(first, seq(whole)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
