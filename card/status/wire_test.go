// Bytes: inverse, one encoding, hostile headers and bodies, vectors.

package status

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sceau/rights"
)

func samplePages(t testing.TB) []*Page {
	t.Helper()
	empty := New(testIssuer, 3)
	pages := []*Page{empty}
	for _, es := range [][]Entry{
		{{583021, day(t, "2027-03-01"), day(t, "2027-02-20"), Void}},
		{{0, 1, 1, Void}},
		{{MaxIndex, lastDay, lastDay, Restored}},
		{{0, 1, 1, Void}, {MaxIndex, lastDay, lastDay, Restored}, {5, lastDay, 1, Suspended}, {5, 1, lastDay, Replaced}},
		{{9, 1000, 1000, Void}, {9, 1000, 1000, Void}, {9, 1000, 1001, Restored}},
		realistic().entries(300, 1), uniform().entries(300, 1), oneDay().entries(300, 1),
		uniform().entries(40000, 1),
	} {
		pages = append(pages, mustAppend(t, empty, es))
	}
	var dense []Entry
	for i := range uint32(5000) {
		dense = append(dense, Entry{i, 20000, 20000, Void}, Entry{i, 20100, 20050, Restored})
	}
	return append(pages, mustAppend(t, empty, dense))
}

func TestDecodeIsTheInverse(t *testing.T) {
	for i, p := range samplePages(t) {
		b := p.Encode()
		q, err := Decode(b)
		if err != nil {
			t.Fatalf("page %d: %v", i, err)
		}
		if q.Issuer() != p.Issuer() || q.List() != p.List() || q.Revision() != p.Revision() || !q.equal(&p.history) {
			t.Fatalf("page %d changed", i)
		}
		if !slices.Equal(q.Encode(), b) {
			t.Fatalf("page %d has two encodings", i)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := New("A1", 1<<31-1)
		for _, es := range drawHistory(t) {
			p, _ = p.Append(es)
		}
		b := p.Encode()
		q, err := Decode(b)
		if err != nil || !q.equal(&p.history) || !slices.Equal(q.Encode(), b) {
			t.Fatalf("%v", err)
		}
	})
}

// TestOneEncoding: whatever single bit is turned, byte cut or added, the result is refused or is another page's own encoding.
func TestOneEncoding(t *testing.T) {
	refused, other := 0, 0
	check := func(b []byte) {
		p, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Fatalf("family of %v", err)
			}
			refused++
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatalf("%x decodes and re-encodes to %x", b, p.Encode())
		}
		other++
	}
	for _, p := range samplePages(t)[:9] {
		b := p.Encode()
		for i := range b {
			for bit := range 8 {
				c := slices.Clone(b)
				c[i] ^= 1 << bit
				check(c)
			}
			check(b[:i])
			check(slices.Insert(slices.Clone(b), i, 0))
			check(slices.Delete(slices.Clone(b), i, i+1))
		}
		for tail := range 256 {
			if _, err := Decode(append(slices.Clone(b), byte(tail))); err == nil {
				t.Fatalf("a byte %#x behind the page is accepted", tail)
			}
		}
	}
	if refused == 0 || other == 0 {
		t.Fatalf("%d refused, %d other pages: the test met nothing", refused, other)
	}
	t.Logf("%d refused, %d are another page's encoding", refused, other)
}

// forge encodes what no Page holds: a header and events that were not checked.
func forge(revision uint64, count int, from, published days, h *history) []byte {
	b := binary.AppendUvarint(appendHead(nil, pageMagic, testIssuer, 3), revision)
	b = binary.AppendUvarint(b, uint64(count))
	for _, d := range []rights.Date{from.first, from.span, published.first, published.span} {
		b = binary.AppendUvarint(b, uint64(d))
	}
	e := newEncoder(b)
	newColumns(count, from, published).encode(e, h)
	return e.finish()
}

func hist(es ...Entry) *history {
	h := newHistory(len(es))
	for _, e := range es {
		h.add(e.Index, newEvent(e.From, e.Published, e.Kind))
	}
	return &h
}

func TestDecodeRefuses(t *testing.T) {
	two := hist(Entry{5, 1000, 1000, Void}, Entry{9, 1003, 1100, Void})
	from, published := two.days()
	valid := forge(1, 2, from, published, two)
	if _, err := Decode(valid); err != nil {
		t.Fatalf("the valid twin: %v", err)
	}
	head := appendHead(nil, pageMagic, testIssuer, 3)
	count := len(head) + 1
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	back := hist(Entry{5, 1000, 1100, Void}, Entry{5, 1003, 1000, Void})
	backFrom, backPub := back.days()
	for name, b := range map[string][]byte{
		"nothing":                      nil,
		"magic alone":                  []byte(pageMagic),
		"changes":                      join([]byte(changesMagic), valid[4:]),
		"long issuer":                  join([]byte(pageMagic), []byte{11}, bytes.Repeat([]byte{'1'}, 11), valid[14:]),
		"issuer cut":                   []byte(pageMagic + "\x0977567"),
		"issuer with a leading zero":   join([]byte(pageMagic), []byte("\x02012"), valid[14:]),
		"issuer in lower case":         join([]byte(pageMagic), []byte("\x02ab"), valid[14:]),
		"no issuer":                    join([]byte(pageMagic), []byte{0}, valid[14:]),
		"list 0":                       join(valid[:14], []byte{0}, valid[15:]),
		"list too high":                join(valid[:14], binary.AppendUvarint(nil, 1<<31), valid[15:]),
		"list not shortest":            join(valid[:14], []byte{0x83, 0}, valid[15:]),
		"revision too high":            join(head, binary.AppendUvarint(nil, maxRevision+1), valid[count:]),
		"revision of eleven bytes":     join(head, bytes.Repeat([]byte{0xff}, 11), valid[count:]),
		"count 0 with events":          join(valid[:count], []byte{0}, valid[count+1:]),
		"count above all limits":       join(valid[:count], binary.AppendUvarint(nil, MaxEntries+1), valid[count+1:]),
		"count above the bytes":        join(valid[:count], binary.AppendUvarint(nil, MaxEntries), valid[count+1:]),
		"one event more":               join(valid[:count], []byte{3}, valid[count+1:]),
		"one event fewer":              join(valid[:count], []byte{1}, valid[count+1:]),
		"day 0":                        forge(1, 2, days{0, 1003}, published, hist(Entry{5, 0, 1000, Void}, Entry{9, 1003, 1100, Void})),
		"first day out of range":       join(valid[:count+1], binary.AppendUvarint(nil, uint64(lastDay)+1), valid[count+3:]),
		"span out of range":            forge(1, 2, days{1000, lastDay}, published, two),
		"span wider than its days":     forge(1, 2, days{1000, 4}, published, two),
		"span begins too early":        forge(1, 2, days{999, 4}, published, two),
		"published span too wide":      forge(1, 2, from, days{1000, 101}, two),
		"published span too early":     forge(1, 2, from, days{999, 101}, two),
		"day above its span":           forge(1, 2, days{1000, 2}, published, hist(Entry{5, 1000, 1000, Void}, Entry{9, 1003, 1100, Void})),
		"published above its span":     forge(1, 2, from, days{1000, 60}, two),
		"index above the list":         forge(1, 2, from, published, hist(Entry{5, 1000, 1000, Void}, Entry{MaxIndex + 1, 1003, 1100, Void})),
		"index far above the list":     forge(1, 2, from, published, hist(Entry{5, 1000, 1000, Void}, Entry{MaxIndex << 3, 1003, 1100, Void})),
		"published before its past":    forge(1, 2, backFrom, backPub, back),
		"one byte missing":             valid[:len(valid)-1],
		"zero byte behind":             append(slices.Clone(valid), 0),
		"next number in the interval":  append(slices.Clone(valid[:len(valid)-1]), valid[len(valid)-1]+1),
		"the number below":             append(slices.Clone(valid[:len(valid)-1]), valid[len(valid)-1]-1),
		"bytes behind an empty list":   append(New(testIssuer, 3).Encode(), 0),
		"longer than any page":         append(slices.Clone(valid), make([]byte, MaxBytes)...),
		"number above the last symbol": unhex(t, vectorSliver),
		"number of all ones":           append(slices.Clone(valid[:count+9]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"text":                         []byte("TPS"),
		"first four bytes of all ones": append(slices.Clone(valid[:len(valid)-4]), 0xff, 0xff, 0xff, 0xff),
	} {
		if p, err := Decode(b); !errors.Is(err, ErrMalformed) || p != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	later := slices.Clone(valid)
	later[3] = 2
	if p, err := Decode(later); !errors.Is(err, ErrVersion) || p != nil {
		t.Errorf("version 2: %v, %v", p, err)
	}
}

// TestNoBomb: what is allocated stays in proportion to what came in, whatever the header claims.
func TestNoBomb(t *testing.T) {
	head := binary.AppendUvarint(appendHead(nil, pageMagic, testIssuer, 3), 1)
	for _, count := range []int{1, 8, 4000, MaxEntries} {
		b := binary.AppendUvarint(slices.Clone(head), uint64(count))
		for _, v := range []rights.Date{1, lastDay - 1, 1, lastDay - 1} {
			b = binary.AppendUvarint(b, uint64(v))
		}
		b = append(b, make([]byte, 500)...)
		const rounds = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			if _, err := Decode(b); err == nil {
				t.Fatal("accepted")
			}
		}
		runtime.ReadMemStats(&after)
		got := (after.TotalAlloc - before.TotalAlloc) / rounds
		if limit := uint64(200*len(b) + 80<<10); got > limit {
			t.Errorf("count %d: %d bytes allocated for %d bytes, limit %d", count, got, len(b), limit)
		}
	}
}

// TestVectors pins the bytes of FORMAT.md section 7: another implementation must write the same.
func TestVectors(t *testing.T) {
	es := []Entry{
		{583021, day(t, "2027-03-01"), day(t, "2027-02-20"), Void},
		{17, day(t, "2027-03-10"), day(t, "2027-02-20"), Suspended},
		{17, day(t, "2027-04-02"), day(t, "2027-03-30"), Restored},
	}
	first := mustAppend(t, New(testIssuer, 3), es[:2])
	second := mustAppend(t, first, es[2:])
	c, err := Diff(first, second)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		name string
		got  []byte
		want string
	}{
		{"empty page", New(testIssuer, 3).Encode(), vectorEmpty},
		{"revision 1", first.Encode(), vectorFirst},
		{"revision 2", second.Encode(), vectorSecond},
		{"changes 1 to 2", c.Encode(), vectorChanges},
	} {
		if hex.EncodeToString(v.got) != v.want {
			t.Errorf("%s: %x, want %s", v.name, v.got, v.want)
		}
		if !strings.Contains(string(text), "    "+v.want+"\n") {
			t.Errorf("%s: FORMAT.md lacks %s", v.name, v.want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectorSliver is MaxIndex restored on 9999-12-31, but written as a number in what integer division leaves over above the highest raw symbol.
const vectorSliver = "5450530109373735363730343832030101a081b30100a081b30100800ff7"

const (
	vectorEmpty   = "5450530109373735363730343832030000"
	vectorFirst   = "54505301093737353637303438320301028ea3010985a30100000119c3bf6481"
	vectorSecond  = "54505301093737353637303438320302038ea3012085a301260002250e93b70f82a25d03900418"
	vectorChanges = "545044010937373536373034383203010001aea30100aba3010000008f"
)

func FuzzDecode(f *testing.F) {
	for _, p := range samplePages(f)[:9] {
		f.Add(p.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			if p != nil {
				t.Fatal("a page beside an error")
			}
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatalf("%x re-encodes to %x", b, p.Encode())
		}
		for e := range p.All() {
			p.At(e.Index, e.From)
			p.At(e.Index, e.Published)
		}
	})
}
