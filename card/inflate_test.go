// The strict inflater, and the two ways in which payloads are written.

package card

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"runtime"
	"strings"
	"testing"

	"sceau/signing"
)

// libraryDeflate compresses with the given level, all of compress/flate's bytes kept.
func libraryDeflate(t testing.TB, level int, dict, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, level, dict)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	w.Close()
	return b.Bytes()
}

func wrapped(t testing.TB, open func(io.Writer) io.WriteCloser, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

func TestInflateClasses(t *testing.T) {
	twin := deflate([]byte(testJSON))
	if _, err := open(t, sealPayload(t, twin)); err != nil {
		t.Fatal(err)
	}
	zlibbed := wrapped(t, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, testJSON)
	zlibDict := wrapped(t, func(w io.Writer) io.WriteCloser {
		z, err := zlib.NewWriterLevelDict(w, 9, dictionary)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}, testJSON)
	gzipped := wrapped(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, testJSON)
	flushed := new(bytes.Buffer)
	w, _ := flate.NewWriterDict(flushed, 9, dictionary)
	io.WriteString(w, testJSON)
	w.Flush() // all the data, and no last block
	bomb := func(n int) []byte { return libraryDeflate(t, 9, nil, make([]byte, n)) }
	for _, c := range []struct {
		name    string
		payload []byte
		code    string
	}{
		{"one byte after", append(bytes.Clone(twin), 0), "inflate_trailing"},
		{"two streams", append(bytes.Clone(twin), twin...), "inflate_trailing"},
		{"empty second stream", append(bytes.Clone(twin), 3, 0), "inflate_trailing"},
		{"truncated by one", twin[:len(twin)-1], "inflate_truncated"},
		{"truncated by half", twin[:len(twin)/2], "inflate_truncated"},
		{"first byte alone", twin[:1], "inflate_truncated"},
		{"no last block", flushed.Bytes(), "inflate_truncated"},
		{"zlib", zlibbed, "inflate_zlib"},
		{"zlib with the dictionary's id", zlibDict, "inflate_zlib_dictionary"},
		{"gzip", gzipped, "inflate_gzip"},
		{"plain JSON", []byte(testJSON), "inflate_corrupt"},
		{"block type 3", []byte{7, 0, 0}, "inflate_corrupt"},
		{"stored block with a wrong length", []byte{1, 4, 0, 0, 0, 'a', 'b', 'c', 'd'}, "inflate_corrupt"},
		{"distance before the dictionary", []byte{0x4b, 0x04, 0xfe, 0xff, 0x07}, "inflate_corrupt"},
		{"16 KiB and one byte", bomb(MaxInflated + 1), "inflated_size"},
		{"bomb of 1 MB", bomb(1 << 20), "inflated_size"},
		{"bomb of 2.9 MB in a card's length", bomb(2_900_000), "inflated_size"},
		{"16 KiB of nothing", bomb(MaxInflated), "json_syntax"},
		{"nothing inside", libraryDeflate(t, 9, nil, nil), "json_empty"},
		{"without the dictionary", libraryDeflate(t, 9, nil, []byte(testJSON)), ""},
		{"another dictionary", libraryDeflate(t, 9, []byte(strings.Repeat(testJSON, 2)), []byte(testJSON)), "any"},
	} {
		if len(c.payload) > MaxToken*5/8-overhead {
			// No token is that long: the inflater is asked directly.
			if _, err := inflate(string(c.payload)); signing.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", c.name, err, c.code)
			}
			continue
		}
		_, err := open(t, sealPayload(t, c.payload))
		switch code := signing.CodeOf(err); {
		case c.code == "any" && code == "", c.code != "any" && code != c.code:
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
	if _, err := inflate(""); signing.CodeOf(err) != "payload_empty" {
		t.Error(err)
	}
}

// Every cut and every flipped bit of a payload is refused or inflates to another text; none panics or takes long.
func TestDamagedPayloads(t *testing.T) {
	twin := deflate([]byte(testJSON))
	same := 0
	for i := range twin {
		if _, err := inflate(string(twin[:i])); err == nil {
			t.Errorf("cut at %d accepted", i)
		}
		for bit := range 8 {
			b := bytes.Clone(twin)
			b[i] ^= 1 << bit
			if text, err := inflate(string(b)); err == nil && text == testJSON {
				same++
			}
		}
	}
	// Padding bits in the last byte carry nothing; the signature covers them.
	if same > 7 {
		t.Errorf("%d flipped bits changed nothing", same)
	}
}

func TestBombIsCheap(t *testing.T) {
	bomb := string(libraryDeflate(t, 9, nil, make([]byte, 2_900_000)))
	if len(bomb) > 2953 {
		t.Fatal("no longer a QR's worth")
	}
	inflate(bomb)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := inflate(bomb); err == nil {
			t.Fatal("accepted")
		}
	}
	runtime.ReadMemStats(&after)
	grown := (after.TotalAlloc - before.TotalAlloc) / 100
	t.Logf("a bomb of %d bytes is refused after %d bytes allocated", len(bomb), grown)
	if grown > 1<<20 {
		t.Error("too dear")
	}
}

// What is written is read by this inflater and by the library's, and claims are never longer than compress/flate's own
// output without the empty last block.
func TestDeflate(t *testing.T) {
	p := newPopulation(21)
	var claims, others [][]byte
	for range 300 {
		j, err := p.claims(t, 1+p.r.IntN(12)).MarshalCanonical()
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, j)
	}
	for n := range 300 { // blocks that don't compress, long matches, few symbols
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(p.r.Uint32())
		}
		others = append(others, b, bytes.Repeat([]byte{'a'}, n), bytes.Repeat([]byte{200}, n))
	}
	skewed := new(bytes.Buffer) // counts like Fibonacci numbers ask for codes longer than 15 bits
	for i, a, b := 0, 1, 1; i < 18; i, a, b = i+1, b, a+b {
		for range a {
			skewed.WriteByte(byte(128 + i*5))
			skewed.WriteByte(byte(p.r.Uint32N(128)))
		}
	}
	others = append(others, bytes.Repeat([]byte("ab"), MaxInflated/2-1), dictionary, bytes.Repeat(dictionary, 3), skewed.Bytes())
	ours, theirs := 0, 0
	for i, text := range append(claims, others...) {
		stream := deflate(text)
		got, err := inflate(string(stream))
		if err != nil || got != string(text) {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		back, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(stream), dictionary))
		if err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%d bytes by compress/flate: %v", len(text), err)
		}
		if i < len(claims) {
			const emptyBlock = 5
			plain := len(libraryDeflate(t, flate.BestCompression, dictionary, text)) - emptyBlock
			if len(stream) > plain {
				t.Errorf("%d bytes instead of %d: %s", len(stream), plain, text)
			}
			ours, theirs = ours+len(stream), theirs+plain
		}
	}
	t.Logf("%d claims: %.1f%% of compress/flate's bytes without its empty last block", len(claims), 100*float64(ours)/float64(theirs))
}

// Codes are complete (Kraft's sum is 1), within their limit, and at least two symbols have one.
func TestCodeLengths(t *testing.T) {
	p := newPopulation(22)
	for range 2000 {
		limit := []int{maxLengthCode, maxCode}[p.r.IntN(2)]
		counts := make([]int, 2+p.r.IntN(284))
		if limit == maxLengthCode {
			counts = make([]int, 19)
		}
		for i := range counts {
			if p.r.IntN(3) == 0 {
				counts[i] = 1 << p.r.IntN(12)
			}
		}
		if p.r.IntN(10) == 0 {
			clear(counts)
		}
		sum, symbols := 0, 0
		lengths := codeLengths(counts, limit)
		for s, l := range lengths {
			if int(l) > limit || counts[s] > 0 && l == 0 {
				t.Fatalf("symbol %d of %v has length %d", s, counts, l)
			}
			if l > 0 {
				sum += 1 << (maxCode - l)
				symbols++
			}
		}
		if sum != 1<<maxCode || symbols < 2 {
			t.Fatalf("%v: Kraft's sum %d, %d symbols", counts, sum, symbols)
		}
	}
}
