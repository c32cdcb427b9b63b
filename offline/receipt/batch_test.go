package receipt

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/offline"
	"sceau/signing/journal"
)

func batchOf(t testing.TB, n int) Batch {
	t.Helper()
	b := Batch{Device: strings.Repeat("0a", 16), Key: []byte(`{"kty":"EC"}`), Base: "base", Head: "head"}
	head, err := journal.Start(b.Device)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e, err := journal.Append(head, Receipt{Version: 1, Status: offline.Unknown, Reason: "X", Mode: Offline, Revision: 0}.Body(), time.Unix(int64(i), 0))
		if err != nil {
			t.Fatal(err)
		}
		b.Entries, head = append(b.Entries, e), e.Head()
	}
	return b
}

func TestBatch(t *testing.T) {
	for _, n := range []int{0, 1, 2, MaxBatchEntries} {
		b := batchOf(t, n)
		text, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeBatch(text)
		if err != nil || got.Device != b.Device || !bytes.Equal(got.Key, b.Key) || got.Base != b.Base || got.Head != b.Head || len(got.Entries) != n {
			t.Fatalf("%d: %+v %v", n, got, err)
		}
		for i := range got.Entries {
			if got.Entries[i].Hash() != b.Entries[i].Hash() {
				t.Fatalf("entry %d is another", i)
			}
		}
	}
}

func TestBatchRefuses(t *testing.T) {
	change := func(fn func(*Batch)) Batch { b := batchOf(t, 3); fn(&b); return b }
	for name, b := range map[string]Batch{
		"too many entries": batchOf(t, MaxBatchEntries+1),
		"no device":        change(func(b *Batch) { b.Device = "" }),
		"a short device":   change(func(b *Batch) { b.Device = "0a" }),
		"capitals":         change(func(b *Batch) { b.Device = strings.ToUpper(b.Device) }),
		"a long key":       change(func(b *Batch) { b.Key = make([]byte, maxPart+1) }),
		"too long":         change(func(b *Batch) { b.Entries[2].Body = make([]byte, MaxBatch) }),
	} {
		if text, err := b.Encode(); !errors.Is(err, ErrBatch) || text != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole, err := batchOf(t, 3).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if _, err := DecodeBatch(whole[:i]); !errors.Is(err, ErrBatch) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := DecodeBatch(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrBatch) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := DecodeBatch(make([]byte, MaxBatch+1)); !errors.Is(err, ErrBatch) {
		t.Errorf("too long: %v", err)
	}
}

// A journal with a fault is carried as it is: what does not follow is for the service to see.
func TestBatchCarriesFaults(t *testing.T) {
	change := func(fn func(*Batch)) Batch { b := batchOf(t, 3); fn(&b); return b }
	for name, b := range map[string]Batch{
		"a gap":           change(func(b *Batch) { b.Entries = append(b.Entries[:1], b.Entries[2]) }),
		"another order":   change(func(b *Batch) { b.Entries[1], b.Entries[2] = b.Entries[2], b.Entries[1] }),
		"an edited entry": change(func(b *Batch) { b.Entries[0].Body = []byte("x") }),
	} {
		text, err := b.Encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := DecodeBatch(text)
		if err != nil || len(got.Entries) != len(b.Entries) {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range got.Entries {
			if got.Entries[i].Hash() != b.Entries[i].Hash() {
				t.Errorf("%s: entry %d came as another", name, i)
			}
		}
	}
}

func FuzzBatch(f *testing.F) {
	whole, err := batchOf(f, 3).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(batchPrefix))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := DecodeBatch(text)
		if err != nil {
			return
		}
		again, err := b.Encode()
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("another encoding of the same batch: %v", err)
		}
	})
}

// The number of an accord is the last member, only online; without it an entry is what it always was.
func TestAccordMember(t *testing.T) {
	r := good()
	if strings.Contains(string(r.Body()), "accord") {
		t.Fatal("a member that was not there before")
	}
	r.Mode, r.Accord = Online, "A7QF-XM3T-9ABD"
	body := string(r.Body())
	if !strings.HasSuffix(body, `"mode":"online","accord":"A7QF-XM3T-9ABD"}`) {
		t.Errorf("%s", body)
	}
	if got, err := Decode([]byte(body)); err != nil || got != r {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{
		strings.Replace(body, `"mode":"online"`, `"mode":"offline"`, 1), strings.Replace(body, "A7QF-XM3T-9ABD", "A7QF-XM3T-9ABU", 1),
		strings.Replace(body, "A7QF-XM3T-9ABD", "a7qf-xm3t-9abd", 1), strings.Replace(body, "A7QF-XM3T-9ABD", "K7QF-1042-M3TZ", 1),
		strings.Replace(body, `,"accord":"A7QF-XM3T-9ABD"`, `,"accord":""`, 1), strings.Replace(body, `"mode":"online","accord":"A7QF-XM3T-9ABD"`, `"accord":"A7QF-XM3T-9ABD","mode":"online"`, 1),
		`{"v":1,"status":"unknown","reason":"X","mode":"online","accord":"A7QF-XM3T-9ABD"}`,
	} {
		if _, err := Decode([]byte(bad)); !errors.Is(err, ErrReceipt) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	rec := Record{Number: "K7QF-2-M3TZ", Device: strings.Repeat("0a", 16), Receipt: r, Settled: Settlement{Disputed, "ENDED", time.Unix(1804000000, 0)}}
	rows := Lines(offline.French, rec, "", Counter{})
	if rows[0].Value != "A7QF-XM3T-9ABD" || rows[1].Value != "K7QF-2-M3TZ" {
		t.Errorf("%+v", rows[:2])
	}
	said := ""
	for _, row := range rows {
		said += row.Value + "\n"
	}
	if !strings.Contains(said, "contestée le") || !strings.Contains(said, "ENDED") || !strings.Contains(SmallPrintOf(offline.French, rec)[0], "en ligne") {
		t.Errorf("%s", said)
	}
}
