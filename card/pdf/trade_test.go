package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sceau/card"
)

var addresses = map[string][]string{
	"usual":    {"Madame Anne-Sophie LEFÈVRE", "APPARTEMENT 12", "12 RUE DES ÉCOLES", "35000 RENNES"},
	"six":      {"Monsieur Loïc LEFÈVRE-D’ANGÉLY", "CHEZ MADEMOISELLE CAPUCINE", "RÉSIDENCE DES ÉCUREUILS BÂTIMENT B", "2 BIS AVENUE DU GÉNÉRAL DE GAULLE", "BP 90432 SAINT-JEAN-DE-BRAYE", "45804 SAINT-JEAN-DE-BRAYE CEDEX"},
	"widest":   slices.Repeat([]string{strings.Repeat("W", MaxAddressLine)}, MaxAddressLines),
	"foreign":  {"Pan Michał ŻÓŁTOWSKI", "UL. ŚWIĘTOKRZYSKA 14/3", "00-050 WARSZAWA", "POLOGNE"},
	"one line": {"35000 RENNES"},
}

// posted is a sheet with an address and a number.
func posted(tb testing.TB, household, address string, n int64) Sheet {
	s := households(tb)[household]
	s.Address, s.Sequence = addresses[address], n
	return s
}

func letterRun(tb testing.TB, o RunOptions, th *Theme, sheets ...Sheet) []byte {
	return runOf(tb, LayoutA4, th, o, sheets...)
}

func runOf(tb testing.TB, l Layout, th *Theme, o RunOptions, sheets ...Sheet) []byte {
	tb.Helper()
	r, err := NewRunWith(l, th, o)
	if err != nil {
		tb.Fatal(err)
	}
	for i, s := range sheets {
		if err := r.Add(s); err != nil {
			tb.Fatalf("sheet %d: %v", i+1, err)
		}
	}
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// fullest is the largest crowd that a letter takes: its legend stands outside the card.
func fullest(t *testing.T) Sheet {
	s := crowded(t)
	s.Address, s.Sequence = addresses["six"], 7
	for n := len(s.Claims.People); n > 1; n-- {
		s.Claims.People, s.Claims.Guarantees = s.Claims.People[:n], s.Claims.Guarantees[:n]
		if A4(&bytes.Buffer{}, s, nil) == nil {
			return s
		}
	}
	t.Fatal("no crowd fits")
	return s
}

// numbered gives sheets an address and consecutive numbers.
func numbered(sheets []Sheet) []Sheet {
	for i := range sheets {
		sheets[i].Sequence, sheets[i].Address = int64(i+1), addresses["usual"]
	}
	return sheets
}

func TestRunOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		l    Layout
		o    RunOptions
	}{
		{"window on a card", LayoutCard, RunOptions{Window: WindowDL}},
		{"letters imposed", LayoutA4, RunOptions{Sheet: Impose10Up}},
		{"marks on a bare card", LayoutCard, RunOptions{Marks: true}},
		{"negative total", LayoutA4, RunOptions{Total: -1}},
		{"unknown window", LayoutA4, RunOptions{Window: 3}},
		{"unknown imposition", LayoutCard, RunOptions{Sheet: 3}},
		{"unknown layout", 2, RunOptions{}},
	} {
		if r, err := NewRunWith(c.l, nil, c.o); !errors.Is(err, ErrSheet) || r != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTradeSheetsRefused(t *testing.T) {
	window := RunOptions{Window: WindowDL, Marks: true, Total: 10}
	const secret = "ZZSECRET"
	for _, c := range []struct {
		name string
		want error
		says string
		o    RunOptions
		do   func(s *Sheet)
	}{
		{"no address", ErrSheet, "sheet 7 ", window, func(s *Sheet) { s.Address = nil }},
		{"seven lines", ErrSheet, "sheet 7 ", window, func(s *Sheet) { s.Address = slices.Repeat([]string{secret}, 7) }},
		{"39 characters", ErrSheet, "sheet 7:", window, func(s *Sheet) { s.Address = []string{secret + strings.Repeat("É", 31)} }},
		{"empty line", ErrSheet, "sheet 7:", window, func(s *Sheet) { s.Address = []string{secret, ""} }},
		{"blank line", ErrSheet, "sheet 7:", window, func(s *Sheet) { s.Address = []string{"\u00a0", secret} }},
		{"greek", ErrGlyph, "U+03A9", window, func(s *Sheet) { s.Address = []string{secret + "Ω"} }},
		{"control", ErrGlyph, "U+000A", window, func(s *Sheet) { s.Address = []string{secret + "\n" + secret} }},
		{"bidi", ErrGlyph, "U+202E", window, func(s *Sheet) { s.Address = []string{secret + "\u202e"} }},
		{"no number", ErrSheet, "sequence", window, func(s *Sheet) { s.Sequence = 0 }},
		{"negative number", ErrSheet, "sequence", RunOptions{}, func(s *Sheet) { s.Sequence = -1 }},
		{"beyond the total", ErrSheet, "sequence", window, func(s *Sheet) { s.Sequence = 11 }},
	} {
		r, err := NewRunWith(LayoutA4, nil, c.o)
		if err != nil {
			t.Fatal(err)
		}
		s := posted(t, "1", "usual", 7)
		c.do(&s)
		if err = r.Add(s); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "MARTIN") || strings.Contains(err.Error(), "RENNES")) {
			t.Errorf("%s: the error says who: %v", c.name, err)
		}
		if n, err := r.WriteTo(&bytes.Buffer{}); !errors.Is(err, ErrSheet) || n != 0 {
			t.Errorf("%s: the refused sheet left something: %d bytes, %v", c.name, n, err)
		}
	}
}

// An address is printed where a window is asked for, and nowhere else.
func TestNoWindowNoAddress(t *testing.T) {
	tool(t, "pdftotext")
	s := posted(t, "1", "usual", 3)
	for _, doc := range [][]byte{letterRun(t, RunOptions{Marks: true}, nil, s), runOf(t, LayoutCard, nil, RunOptions{Sheet: Impose2Up, Marks: true}, s)} {
		if got := run(t, "pdftotext", "-raw", save(t, doc), "-"); strings.Contains(got, "RENNES") || strings.Contains(got, "ÉCOLES") {
			t.Error("the address is printed without a window")
		}
	}
	if !bytes.Equal(letterRun(t, RunOptions{}, nil, s), render(t, LayoutA4, households(t)["1"], nil)) {
		t.Error("an address or a number without options changes the letter")
	}
}

func TestBars(t *testing.T) {
	seen := map[uint]int64{}
	for n := int64(1); n <= 64; n++ {
		b := barsOf(n)
		count, code := 0, int64(0)
		for i := range markPlaces {
			if b>>i&1 != 0 {
				count++
			}
		}
		for i := range 4 {
			code = code<<1 | int64(b>>(3+i)&1)
		}
		if count%2 != 0 || b&7 != 7 || b>>8 != 1 || code != n%16 {
			t.Errorf("%d: %09b", n, b)
		}
		if m, ok := seen[b]; ok && (n-m)%16 != 0 {
			t.Errorf("%d and %d have the same bars", n, m)
		}
		seen[b] = n
	}
}

func TestReadableSequence(t *testing.T) {
	for _, c := range []struct {
		total, n int64
		want     string
	}{{100000, 123, "000123/100000"}, {0, 123, "000123"}, {33_000_000, 5, "00000005/33000000"}, {7, 7, "000007/000007"}, {0, 12_345_678, "12345678"}} {
		if got := (RunOptions{Total: c.total}).sequence(c.n); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

// Corners of cards, mirrored backs, and everything on the paper.
func TestImposedPlaces(t *testing.T) {
	for _, i := range []Imposition{Impose2Up, Impose10Up} {
		cols, rows := i.grid()
		for n := range cols * rows {
			x, y := i.corner(n)
			bx, by := i.back(n)
			if by != y || math.Abs(bx+cardWidth+x-a4Width) > 1e-9 || x-cropAway-cropLong < 5 || y-cropAway-cropLong < 4.9 ||
				x+cardWidth+cropAway+cropLong > a4Width-5 || y+cardHeight+cropAway+cropLong > a4Height-4.9 {
				t.Errorf("%d: card %d at %.1f, %.1f, its back at %.1f, %.1f", i, n, x, y, bx, by)
			}
			for m := range n {
				ox, oy := i.corner(m)
				if dx, dy := max(x-ox, ox-x)-cardWidth, max(y-oy, oy-y)-cardHeight; dx < sheetGapX-1e-9 && dy < sheetGapY-1e-9 {
					t.Errorf("%d: cards %d and %d are %.2f and %.2f mm apart", i, m, n, dx, dy)
				}
			}
		}
	}
}

// The letter's folds never cross the code, and cross the card along its own folds only.
func TestFoldsSpareTheCode(t *testing.T) {
	for _, w := range []Window{WindowDL, WindowC5} {
		p := windows[w]
		code := box{sheetCard.x + sheetCard.w - sheetCard.margin - letterSymbol, p.card + sheetCard.h - 5 - letterSymbol, letterSymbol, letterSymbol}
		for _, f := range p.folds {
			if f > code.y-2 && f < code.y+code.h+2 {
				t.Errorf("%v: the fold at %.1f mm is on the code, %.1f to %.1f", w, f, code.y, code.y+code.h)
			}
			if own := p.card + sheetCard.h/2; f > p.card-2 && f < p.card+sheetCard.h+2 && f != own {
				t.Errorf("%v: the fold at %.1f mm crosses the card, which folds at %.1f", w, f, own)
			}
		}
		if p.seen.y+p.seen.h > p.card {
			t.Errorf("%v: the window may show the card", w)
		}
		if s := p.sight; s.x < p.seen.x || s.y < p.seen.y || s.x+s.w > p.seen.x+p.seen.w || s.y+s.h > p.seen.y+p.seen.h {
			t.Errorf("%v: what is always shown is not part of what may be", w)
		}
	}
}

// A run gives the same bytes again, whatever other runs do meanwhile, and whatever a run remembers of earlier cards gives
// the page that a run of its own gives.
func TestRunsInParallelAreTheSame(t *testing.T) {
	sheets := numbered(runSheets(t, 24))
	kinds := []struct {
		l Layout
		o RunOptions
	}{
		{LayoutA4, RunOptions{Window: WindowDL, Marks: true, Total: 24}}, {LayoutA4, RunOptions{Window: WindowC5}}, {LayoutA4, RunOptions{}},
		{LayoutCard, RunOptions{}}, {LayoutCard, RunOptions{Sheet: Impose10Up, Marks: true}}, {LayoutCard, RunOptions{Sheet: Impose2Up}},
	}
	var first [][]byte
	for _, k := range kinds {
		first = append(first, runOf(t, k.l, nil, k.o, sheets...))
	}
	got := make([][]byte, 4*len(kinds))
	done := make(chan error)
	for i := range got {
		go func() {
			k := kinds[i%len(kinds)]
			r, err := NewRunWith(k.l, nil, k.o)
			for j := 0; err == nil && j < len(sheets); j++ {
				err = r.Add(sheets[j])
			}
			var b bytes.Buffer
			if err == nil {
				_, err = r.WriteTo(&b)
			}
			got[i] = b.Bytes()
			done <- err
		}()
	}
	for range got {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for i := range got {
		if !bytes.Equal(got[i], first[i%len(kinds)]) {
			t.Errorf("%+v: other bytes", kinds[i%len(kinds)])
		}
	}
}

// TestMemoryDoesNotShow compares each page of a run with the page of a run of that card alone.
func TestMemoryDoesNotShow(t *testing.T) {
	hs := households(t)
	other := hs["3"]
	other.Insurer = &card.Insurer{AMC: "775670482", Name: "Mutuelle Autre", PhoneMembers: "01 99 00 99 99"}
	sheets := []Sheet{hs["1"], hs["6"], other, hs["12"], hs["1-4domains"], hs["3-2groups"], hs["1"], hs["long"], hs["8"], hs["3"]}
	for _, l := range []Layout{LayoutA4, LayoutCard} {
		all, err := NewRun(l, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range sheets {
			n := len(all.pages)
			if err := all.Add(s); err != nil {
				t.Fatal(err)
			}
			alone, err := NewRun(l, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := alone.Add(s); err != nil {
				t.Fatal(err)
			}
			for k, page := range alone.pages {
				if !bytes.Equal(page, all.pages[n+k]) {
					t.Errorf("%v: page %d of card %d is not what the card alone has", l, k+1, i+1)
				}
			}
		}
	}
}

func TestTradeSamples(t *testing.T) {
	folder := *samples
	if folder == "" {
		folder = t.TempDir()
	}
	many := numbered(runSheets(t, 13))
	for name, doc := range map[string][]byte{
		"dl":        letterRun(t, RunOptions{Window: WindowDL, Marks: true, Total: 100000}, nil, posted(t, "3", "six", 123)),
		"dl-logo":   letterRun(t, RunOptions{Window: WindowDL}, logoTheme(t), posted(t, "6", "usual", 1)),
		"c5":        letterRun(t, RunOptions{Window: WindowC5, Marks: true, Total: 100000}, nil, posted(t, "6", "foreign", 123)),
		"c5-long":   letterRun(t, RunOptions{Window: WindowC5, Marks: true}, logoTheme(t), posted(t, "long", "widest", 15)),
		"dl-long":   letterRun(t, RunOptions{Window: WindowDL, Marks: true}, nil, posted(t, "long", "widest", 15)),
		"a4-marks":  letterRun(t, RunOptions{Marks: true, Total: 99}, nil, posted(t, "3", "usual", 15)),
		"dl-crowd":  letterRun(t, RunOptions{Window: WindowDL, Marks: true}, nil, fullest(t)),
		"c5-crowd":  letterRun(t, RunOptions{Window: WindowC5, Marks: true}, nil, fullest(t)),
		"2up":       runOf(t, LayoutCard, nil, RunOptions{Sheet: Impose2Up, Marks: true, Total: 100000}, many[:3]...),
		"10up":      runOf(t, LayoutCard, nil, RunOptions{Sheet: Impose10Up, Marks: true, Total: 100000}, many...),
		"10up-bare": runOf(t, LayoutCard, logoTheme(t), RunOptions{Sheet: Impose10Up}, many...),
	} {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("trade-%s.pdf", name)), doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
