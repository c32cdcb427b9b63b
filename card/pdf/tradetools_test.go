package pdf

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// placed is a word of pdftotext, mm from the top left corner of its page, counted from 0.
type placed struct {
	page int
	box
	s string
}

func placedWords(t *testing.T, file string) []placed {
	t.Helper()
	var doc struct {
		Pages []struct {
			Words []struct {
				X0 float64 `xml:"xMin,attr"`
				Y0 float64 `xml:"yMin,attr"`
				X1 float64 `xml:"xMax,attr"`
				Y1 float64 `xml:"yMax,attr"`
				S  string  `xml:",chardata"`
			} `xml:"word"`
		} `xml:"body>doc>page"`
	}
	if err := xml.Unmarshal([]byte(run(t, "pdftotext", "-bbox", file, "-")), &doc); err != nil {
		t.Fatal(err)
	}
	var out []placed
	for i, p := range doc.Pages {
		for _, w := range p.Words {
			out = append(out, placed{i, box{w.X0 * mmPerPt, w.Y0 * mmPerPt, (w.X1 - w.X0) * mmPerPt, (w.Y1 - w.Y0) * mmPerPt}, w.S})
		}
	}
	return out
}

func (b box) meets(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

func (b box) holds(o box) bool {
	return o.x >= b.x && o.y >= b.y && o.x+o.w <= b.x+b.w && o.y+o.h <= b.y+b.h
}

// raster renders one page and returns the box of what is not white inside an area, in mm, and whether there is any.
func raster(t *testing.T, file string, page, dpi int) (string, func(area box) (box, bool)) {
	t.Helper()
	base := filepath.Join(t.TempDir(), "p")
	run(t, "pdftoppm", "-gray", "-png", "-r", fmt.Sprint(dpi), "-f", fmt.Sprint(page), "-l", fmt.Sprint(page), "-singlefile", file, base)
	f, err := os.Open(base + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	mm := 25.4 / float64(dpi)
	return base + ".png", func(a box) (box, bool) {
		ink := image.Rectangle{}
		for y := int(a.y / mm); y < int((a.y+a.h)/mm); y++ {
			for x := int(a.x / mm); x < int((a.x+a.w)/mm); x++ {
				if g, _, _, _ := img.At(x, y).RGBA(); g < 0xf000 {
					ink = ink.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		return box{float64(ink.Min.X) * mm, float64(ink.Min.Y) * mm, float64(ink.Dx()) * mm, float64(ink.Dy()) * mm}, !ink.Empty()
	}
}

// The window shows the address whole and nothing else, wherever the letter slides; the strip of the marks holds only them.
func TestWindowShowsTheAddressOnly(t *testing.T) {
	tool(t, "pdftotext")
	tool(t, "pdftoppm")
	tool(t, "qpdf")
	for _, w := range []Window{WindowDL, WindowC5} {
		for _, c := range []struct {
			household, address string
			theme              *Theme
		}{{"1", "usual", nil}, {"3", "six", logoTheme(t)}, {"long", "widest", logoTheme(t)}, {"12", "foreign", nil}, {"6", "one line", nil}} {
			t.Run(fmt.Sprintf("%v/%s/%s", w, c.household, c.address), func(t *testing.T) {
				s := posted(t, c.household, c.address, 12345)
				file := save(t, letterRun(t, RunOptions{Window: w, Marks: true, Total: 100000}, c.theme, s))
				run(t, "qpdf", "--check", file)
				p := &windows[w]
				var shown []string
				number := false
				for _, word := range placedWords(t, file) {
					if word.meets(p.seen) {
						shown = append(shown, word.s)
					}
					if word.s == "012345/100000" {
						number = true
						if card := (box{sheetCard.x, p.card, sheetCard.w, sheetCard.h}); word.meets(p.seen) || word.meets(card) || word.y+word.h > a4Height-4 {
							t.Errorf("the readable number is at %+v", word.box)
						}
					}
				}
				if got, want := strings.Join(shown, " "), strings.Join(s.Address, " "); got != want {
					t.Errorf("the window may show %q", got)
				}
				if !number {
					t.Error("no readable number")
				}
				_, ink := raster(t, file, 1, 150)
				if b, ok := ink(p.seen); !ok || !p.sight.holds(b) {
					t.Errorf("in the window ink at %+v, always shown is %+v", b, p.sight)
				}
				bars := uint(0)
				for i := range markPlaces {
					y := markTop + float64(i)*markPitch
					if b, ok := ink(box{2, y - markPitch/2 + 0.1, 16, markPitch - 0.2}); ok {
						bars |= 1 << i
						if b.w < 9.7 || b.w > 10.4 || b.h < 0.3 || b.h > 0.9 {
							t.Errorf("bar %d is %.2f × %.2f mm", i+1, b.w, b.h)
						}
					}
				}
				if bars != barsOf(12345) {
					t.Errorf("bars %09b, not %09b", bars, barsOf(12345))
				}
				end := markTop + (markPlaces-1)*markPitch + 1
				for _, quietZone := range []box{{2, markTop - 20, 16, 19}, {2, end, 16, 19}} {
					if b, ok := ink(quietZone); ok {
						t.Errorf("ink beside the marks at %+v", b)
					}
				}
			})
		}
	}
}

// Every layout is scanned from a raster of 300 dpi; a sheet of ten gives ten codes.
func TestTradeScans(t *testing.T) {
	tool(t, "pdftoppm")
	tool(t, "zbarimg")
	tool(t, "pdfinfo")
	sheets := numbered(runSheets(t, 13))
	var codes []string
	for i := range sheets {
		codes = append(codes, codeText(290+i, uint64(1000+i)))
		m, err := printer.Encode(codes[i])
		if err != nil {
			t.Fatal(err)
		}
		sheets[i].Symbol = m
	}
	for _, c := range []struct {
		name  string
		l     Layout
		o     RunOptions
		cards int
		pages int
		page  int // that has codes
		from  int // of codes
		to    int
	}{
		{"dl", LayoutA4, RunOptions{Window: WindowDL, Marks: true}, 1, 1, 1, 0, 1},
		{"c5", LayoutA4, RunOptions{Window: WindowC5, Marks: true}, 1, 1, 1, 0, 1},
		{"2up", LayoutCard, RunOptions{Sheet: Impose2Up, Marks: true}, 3, 4, 2, 0, 2},
		{"10up", LayoutCard, RunOptions{Sheet: Impose10Up, Marks: true}, 13, 4, 2, 0, 10},
		{"10up/last", LayoutCard, RunOptions{Sheet: Impose10Up}, 13, 4, 4, 10, 13},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := save(t, runOf(t, c.l, nil, c.o, sheets[:c.cards]...))
			if qpdf := run(t, "qpdf", "--check", file); !strings.Contains(qpdf, "No syntax or stream encoding errors") {
				t.Error(qpdf)
			}
			info := run(t, "pdfinfo", file)
			if !regexp.MustCompile(`Page size: +595\.28 x 841\.89 pts \(A4\)`).MatchString(info) || !regexp.MustCompile(fmt.Sprintf(`Pages: +%d\n`, c.pages)).MatchString(info) {
				t.Errorf("not %d pages of A4:\n%s", c.pages, info)
			}
			if strings.Contains(info, "MARTIN") || strings.Contains(info, "LEF") || strings.Contains(info, "RENNES") {
				t.Error("a person is in the metadata")
			}
			picture, _ := raster(t, file, c.page, 300)
			got := strings.Fields(run(t, "zbarimg", "-q", "--raw", picture))
			want := slices.Clone(codes[c.from:c.to])
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d codes read, %d printed", len(got), len(want))
			}
		})
	}
}

// The back of each card is behind its front, when the sheet is turned over its long edge.
func TestBacksAreBehindFronts(t *testing.T) {
	tool(t, "pdftotext")
	sheets := numbered(runSheets(t, 13))
	for _, i := range []Imposition{Impose2Up, Impose10Up} {
		cols, rows := i.grid()
		words := placedWords(t, save(t, runOf(t, LayoutCard, nil, RunOptions{Sheet: i, Marks: true, Total: 13}, sheets...)))
		for n, s := range sheets {
			page, at := 2*(n/(cols*rows)), n%(cols*rows)
			fx, fy := i.corner(at)
			for side, face := range []box{{fx, fy, cardWidth, cardHeight}, {a4Width - fx - cardWidth, fy, cardWidth, cardHeight}} {
				found, beside := 0, 0
				for _, w := range words {
					if w.page != page+side {
						continue
					}
					if w.s == s.Claims.Place.String() && face.holds(w.box) {
						found++
					}
					if w.s == fmt.Sprintf("%06d/000013", s.Sequence) && w.y > face.y && w.y+w.h < face.y+face.h {
						if beside++; w.meets(face) {
							t.Errorf("%d: number %d is on a card", i, s.Sequence)
						}
					}
				}
				if found == 0 || beside != 1 {
					t.Errorf("%d: card %d, side %d: its number is printed %d times there and %d beside it", i, n+1, side, found, beside)
				}
			}
		}
	}
}
