// Both paths draw symbols that say the text, by the standard and by zbar, and refuse what they must.

package qr

import (
	"bytes"
	"encoding/base32"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// codeText is a random text of the card's form, TP1 and the Base32 of n bytes.
func codeText(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return "TP1" + base32Text.EncodeToString(b)
}

// symbols is how many symbols a test draws: all, or enough to meet each version when time counts.
func symbols(all int) int {
	if raceDetector || testing.Short() {
		return 26
	}
	return all
}

// codeTexts makes n code texts whose symbols spread evenly over versions 8 to 20.
func codeTexts(tb testing.TB, seed uint64, n int) []string {
	tb.Helper()
	r := rand.New(rand.NewPCG(seed, 8))
	texts, met := make([]string, n), map[int]int{}
	for i := range texts {
		texts[i] = codeText(r, 96+r.IntN(510))
		for smallest(texts[i]) != 8+i%13 {
			texts[i] = codeText(r, 96+r.IntN(510))
		}
		met[smallest(texts[i])]++
	}
	if n >= 13 && len(met) != 13 {
		tb.Fatalf("versions met: %v", met)
	}
	return texts
}

func TestBothPathsSayTheText(t *testing.T) {
	p := NewPrinter()
	for _, text := range codeTexts(t, 1, symbols(320)) {
		single, err := Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		printed, err := p.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if single.Version() != printed.Version() {
			t.Errorf("%d characters: version %d alone, %d in a run", len(text), single.Version(), printed.Version())
		}
		for path, m := range map[string]*Matrix{"single": single, "printed": printed} {
			r, err := read(m)
			if err != nil || r.text != text {
				t.Fatalf("%s, version %d: %v, says %q", path, m.Version(), err, r.text)
			}
			if path == "printed" && r.segments != "A" {
				t.Fatalf("segments %s", r.segments)
			}
		}
	}
}

// TestEveryLength walks over each version's limits, both ways round.
func TestEveryLength(t *testing.T) {
	p, r := NewPrinter(), rand.New(rand.NewPCG(1, 2))
	const all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	last := 1
	for n := 1; n <= 970; n++ {
		b := make([]byte, n)
		for i := range b {
			b[i] = all[r.IntN(len(all))]
		}
		m, err := p.Encode(string(b))
		if err != nil {
			t.Fatalf("%d characters: %v", n, err)
		}
		if m.Version() < last || m.Version() > last+1 {
			t.Fatalf("%d characters: version %d after %d", n, m.Version(), last)
		}
		last = m.Version()
		if got, err := read(m); err != nil || got.text != string(b) {
			t.Fatalf("%d characters: %v, says %q", n, err, got.text)
		}
	}
	if last != MaxVersion {
		t.Fatalf("970 characters fill version %d", last)
	}
}

func TestRefusals(t *testing.T) {
	p := NewPrinter()
	long := strings.Repeat("A7", 486) // 972, one pair above what version 20 level M holds
	cases := []struct {
		name string
		err  error
		call func() (*Matrix, error)
	}{
		{"empty, single", ErrEmpty, func() (*Matrix, error) { return Encode("") }},
		{"empty, printed", ErrEmpty, func() (*Matrix, error) { return p.Encode("") }},
		{"too long, single", ErrTooLong, func() (*Matrix, error) { return Encode(long) }},
		{"too long, printed", ErrTooLong, func() (*Matrix, error) { return p.Encode(long) }},
		{"one above, printed", ErrTooLong, func() (*Matrix, error) { return p.Encode(long[:971]) }},
		{"far too long, single", ErrTooLong, func() (*Matrix, error) { return Encode(strings.Repeat("a", 5000)) }},
		{"lower case", ErrAlphabet, func() (*Matrix, error) { return p.Encode("TP1abc") }},
		{"accent", ErrAlphabet, func() (*Matrix, error) { return p.Encode("TP1É") }},
		{"line end", ErrAlphabet, func() (*Matrix, error) { return p.Encode("TP1A\n") }},
		{"NUL", ErrAlphabet, func() (*Matrix, error) { return p.Encode("TP1\x00") }},
		{"underscore", ErrAlphabet, func() (*Matrix, error) { return p.Encode("TP1_") }},
		{"invalid UTF-8", ErrAlphabet, func() (*Matrix, error) { return p.Encode("TP1\xff") }},
	}
	for _, c := range cases {
		m, err := c.call()
		if m != nil || !errors.Is(err, c.err) || !errors.Is(err, ErrText) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if err != nil && (strings.Contains(err.Error(), "A7A7") || strings.Contains(err.Error(), "TP1")) {
			t.Errorf("%s: the error quotes the text: %v", c.name, err)
		}
	}
	if _, err := p.Encode(long); err == nil || !strings.Contains(err.Error(), "shorten") {
		t.Errorf("the refusal does not say what to do: %v", err)
	}
	if _, err := p.Encode(long[:970]); err != nil {
		t.Errorf("the longest text: %v", err)
	}
}

func TestEncodeTakesAnyText(t *testing.T) {
	for _, text := range []string{"a", "é", "https://example.invalid/?q=1", "12345678901234567890", "TP1abc", strings.Repeat("x", 600)} {
		m, err := Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := read(m); err != nil || r.text != text {
			t.Errorf("%q: %v, says %q", text, err, r.text)
		}
	}
}

func TestPrinterIsSafeAndDeterministic(t *testing.T) {
	texts := codeTexts(t, 3, 26)
	want := make([][]byte, len(texts))
	for i, text := range texts {
		m, err := NewPrinter().Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = m.Bits()
	}
	p := NewPrinter()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range texts {
				i = (i*7 + g) % len(texts)
				if m, err := p.Encode(texts[i]); err != nil || !bytes.Equal(m.Bits(), want[i]) {
					t.Errorf("text %d differs (%v)", i, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestMatrixViewsAgree(t *testing.T) {
	for _, text := range codeTexts(t, 5, 13) {
		m, err := Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		all := m.Bits()
		for y := range m.Size() {
			if !bytes.Equal(m.Row(y), all[y*m.Stride():(y+1)*m.Stride()]) {
				t.Fatalf("row %d", y)
			}
			for x := range 8 * m.Stride() {
				if dark := m.Row(y)[x/8]>>(7-x%8)&1 == 1; dark != m.At(x, y) {
					t.Fatalf("module %d,%d", x, y)
				}
			}
		}
		if m.At(-1, 0) || m.At(0, -1) || m.At(m.Size(), 0) || m.At(0, m.Size()) {
			t.Error("dark outside the symbol")
		}
		if got := m.AppendBits([]byte{1, 2}); !bytes.Equal(got[2:], all) || len(got) != len(all)+2 {
			t.Error("AppendBits")
		}
		drawn, err := svgModules(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(drawn, all) {
			t.Error("the SVG draws other modules")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a row outside the symbol was given")
		}
	}()
	m, _ := Encode("A")
	m.Row(21)
}

// svgModules draws the SVG's path back into packed rows.
func svgModules(m *Matrix) ([]byte, error) {
	var b bytes.Buffer
	if err := m.SVG(&b); err != nil {
		return nil, err
	}
	d := xml.NewDecoder(&b)
	var paths []string
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if e, ok := tok.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Local == "d" {
					paths = append(paths, a.Value)
				}
				if a.Name.Local == "viewBox" && a.Value != fmt.Sprintf("0 0 %d %[1]d", m.Size()+8) {
					return nil, fmt.Errorf("viewBox %s", a.Value)
				}
			}
		}
	}
	out := make([]byte, len(m.Bits()))
	for _, part := range strings.Split(strings.TrimSuffix(paths[1], "z"), "z") {
		var x, y, w, back int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%d", &x, &y, &w, &back); err != nil || w != back {
			return nil, fmt.Errorf("path part %q: %v", part, err)
		}
		for i := range w {
			out[(y-4)*m.Stride()+(x-4+i)/8] |= 0x80 >> ((x - 4 + i) % 8)
		}
	}
	return out, nil
}

func TestPNGIsOneBitWithQuietZone(t *testing.T) {
	m, err := Encode(codeTexts(t, 9, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, px := range []int{1, 3, 8} {
		var a, b bytes.Buffer
		if err := errors.Join(m.PNG(&a, px), m.PNG(&b, px)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Error("two pictures of one symbol differ")
		}
		if depth := a.Bytes()[24]; depth != 1 {
			t.Errorf("bit depth %d", depth)
		}
		img, err := png.Decode(&a)
		if err != nil {
			t.Fatal(err)
		}
		side := (m.Size() + 8) * px
		if img.Bounds() != image.Rect(0, 0, side, side) {
			t.Fatalf("bounds %v", img.Bounds())
		}
		for y := range side {
			for x := range side {
				r, g, bl, al := img.At(x, y).RGBA()
				if r != g || g != bl || al != 0xffff || (r == 0) != m.At(x/px-4, y/px-4) {
					t.Fatalf("pixel %d,%d at %d a module", x, y, px)
				}
			}
		}
	}
	for _, px := range []int{0, -1, 65} {
		if err := m.PNG(io.Discard, px); err == nil {
			t.Errorf("%d pixels a module were drawn", px)
		}
	}
	if err := m.PNG(fullDisk{}, 2); err == nil {
		t.Error("a failed write was not reported")
	}
	if err := m.SVG(fullDisk{}); err == nil {
		t.Error("a failed write was not reported")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("full") }

// TestZbarReadsBoth lets another program read both paths' pictures.
func TestZbarReadsBoth(t *testing.T) {
	zbar, err := exec.LookPath("zbarimg")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg is not installed (Debian: zbar-tools)")
		}
		t.Skip("zbarimg is not installed (Debian: zbar-tools)")
	}
	dir, p := t.TempDir(), NewPrinter()
	texts := codeTexts(t, 11, symbols(325))
	args := []string{"--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"}
	var want []string
	for i, text := range texts {
		single, err1 := Encode(text)
		printed, err2 := p.Encode(text)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		for path, m := range []*Matrix{single, printed} {
			name := filepath.Join(dir, strconv.Itoa(2*i+path)+".png")
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.PNG(f, 3), f.Close()); err != nil {
				t.Fatal(err)
			}
			args, want = append(args, name), append(want, text)
		}
	}
	out, err := exec.Command(zbar, args...).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(got) != len(want) || len(want) != 2*symbols(325) {
		t.Fatalf("zbarimg read %d of %d symbols", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("symbol %d: read %q", i, got[i])
		}
	}
	t.Logf("count: zbarimg read %d of %d symbols, versions 8 to 20, both paths", len(got), len(want))
}
