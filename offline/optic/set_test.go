package optic

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/fixtures/scans"
)

var theSet = sync.OnceValues(func() ([]scans.Scan, error) { return scans.Set(60) })

// Cards as they reach a counter: nearly all are read, and none as another.
func TestCardsAreRead(t *testing.T) {
	tool(t, "pdftoppm")
	set, err := theSet()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	read, byKind := 0, map[string]int{}
	var took []time.Duration
	peak := 0
	parallel(len(set), func(i int) {
		m := measure(set[i].Data, plenty)
		mu.Lock()
		defer mu.Unlock()
		took, peak = append(took, m.took), max(peak, m.peak)
		switch {
		case m.err == nil && (len(m.Texts) != 1 || m.Texts[0] != set[i].Code):
			t.Errorf("%s: read as another: %.40q", set[i].Name, m.Texts)
		case m.err == nil:
			read++
			byKind[strings.Split(set[i].Name, "-")[1]]++
		default:
			t.Logf("%s: %v after %v", set[i].Name, m.err, m.took)
		}
	})
	slices.Sort(took)
	fmt.Printf("count: %d of %d cards read %v, median %v, slowest %v, largest child %d MB\n", read, len(set), byKind,
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), peak>>10)
	if read*100 < 95*len(set) {
		t.Errorf("%d of %d cards were read", read, len(set))
	}
	if peak > 256<<10 || peak == 0 {
		t.Errorf("a child took %d MB", peak>>10)
	}
}

func page(symbols ...string) string {
	var b strings.Builder
	for i, s := range symbols {
		m, err := qr.Encode(s)
		if err != nil {
			panic(err)
		}
		for y := range m.Size() {
			for x := range m.Size() {
				if m.At(x, y) {
					fmt.Fprintf(&b, "%d %d 4 4 re ", 60+4*x+i%2*280, 700-4*y-i/2*280)
				}
			}
		}
	}
	return b.String() + "f\n"
}

// pages is a document with these codes on each page.
func pages(codes ...[]string) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", ""}
	kids := ""
	for _, c := range codes {
		n := len(objects) + 1
		kids += fmt.Sprintf("%d 0 R ", n)
		objects = append(objects, fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R>>", n+1), stream("", page(c...)))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids, len(codes))
	return document("", objects...)
}

func TestSeveralCodes(t *testing.T) {
	var many [][]string
	for i := range 25 {
		many = append(many, []string{fmt.Sprintf("TP1PAGE%02d", i)})
	}
	for name, c := range map[string]struct {
		file   []byte
		texts  []string
		pages  int
		looked int
	}{
		"in the order of the pages":   {pages([]string{"TP1B"}, nil, []string{"TP1A"}), []string{"TP1B", "TP1A"}, 3, 3},
		"two on a page":               {pages([]string{"TP1A", "TP1B"}), []string{"TP1A", "TP1B"}, 1, 1},
		"the same twice":              {pages([]string{"TP1A", "TP1A"}, []string{"TP1A"}), []string{"TP1A"}, 2, 2},
		"beside another kind of code": {pages([]string{"HTTPS://EXAMPLE.ORG", "TP1A"}), []string{"HTTPS://EXAMPLE.ORG", "TP1A"}, 1, 1},
		"more pages than are read":    {pages(many...), slices.Concat(many[:MaxPages]...), 25, MaxPages},
	} {
		m := measure(c.file, plenty)
		got := slices.Clone(m.Texts)
		if m.Pages == 1 {
			slices.Sort(got) // on one page they have no order
		}
		if m.err != nil || !slices.Equal(got, c.texts) || m.Pages != c.pages || m.Looked != c.looked {
			t.Errorf("%s: %v, %v of %d pages, %d looked at", name, m.err, m.Texts, m.Pages, m.Looked)
		}
	}
	// What a code of bytes holds is never returned, whatever it says.
	if m := measure(lowerPNG(t), plenty); !errors.Is(m.err, ErrNothing) {
		t.Errorf("a code of other bytes: %v, %q", m.err, m.Texts)
	}
	if m := measure(pages(nil, nil), plenty); !errors.Is(m.err, ErrNothing) {
		t.Errorf("empty pages: %v, %q", m.err, m.Texts)
	}
}

// lowerPNG is a code whose text is not of the alphanumeric alphabet, made by another encoder.
func lowerPNG(t *testing.T) []byte {
	t.Helper()
	return []byte(run(t, tool(t, "qrencode"), "-8", "-s", "6", "-t", "PNG", "-o", "-", "tp1 <b>lower</b>"))
}

func TestPictureForms(t *testing.T) {
	src, err := png.Decode(bytes.NewReader(qrPNG(t, inside)))
	if err != nil {
		t.Fatal(err)
	}
	b := src.Bounds()
	clear16 := image.NewNRGBA64(b) // black on nothing
	for y := range b.Dy() {
		for x := range b.Dx() {
			if r, _, _, _ := src.At(x, y).RGBA(); r == 0 {
				clear16.SetNRGBA64(x, y, color.NRGBA64{A: 0xffff})
			}
		}
	}
	into := func(img draw.Image) image.Image { draw.Draw(img, b, src, image.Point{}, draw.Src); return img }
	clear8 := image.NewNRGBA(b)
	draw.Draw(clear8, b, clear16, image.Point{}, draw.Src)
	encode := map[string]func(*bytes.Buffer) error{
		"png clear":    func(w *bytes.Buffer) error { return png.Encode(w, clear8) },
		"png clear 16": func(w *bytes.Buffer) error { return png.Encode(w, clear16) },
		"png grey 16":  func(w *bytes.Buffer) error { return png.Encode(w, into(image.NewGray16(b))) },
		"jpeg colour":  func(w *bytes.Buffer) error { return jpeg.Encode(w, into(image.NewRGBA(b)), &jpeg.Options{Quality: 40}) },
		"gif":          func(w *bytes.Buffer) error { return gif.Encode(w, src, nil) },
	}
	for name, f := range encode {
		var file bytes.Buffer
		if err := f(&file); err != nil {
			t.Fatal(err)
		}
		if m := measure(file.Bytes(), plenty); m.err != nil || !slices.Equal(m.Texts, []string{inside}) {
			t.Errorf("%s: %v, %q", name, m.err, m.Texts)
		}
	}
}

// The further attempts must be worth their time: a page too noisy and too much askew for the first look is read by them.
func TestStareReadsWhatAGlanceMisses(t *testing.T) {
	tool(t, "pdftoppm")
	s, err := load(t.Context(), made().cache)
	if err != nil {
		t.Fatal(err)
	}
	missed, read := 0, 0
	for i := range 3 {
		doc, code, err := scans.Document(i, pdf.LayoutA4)
		if err != nil {
			t.Fatal(err)
		}
		p, err := scans.Draw(doc, 200)
		if err != nil {
			t.Fatal(err)
		}
		g := (&grey{w: p.Rect.Dx(), h: p.Rect.Dy(), pix: p.Pix}).turned(30)
		dice := rand.New(rand.NewPCG(9, uint64(i)))
		for j, v := range g.pix {
			g.pix[j] = byte(max(0, min(255, math.Round(float64(v)+dice.NormFloat64()*55))))
		}
		v := &sight{answer: &answerer{}, start: time.Now(), until: time.Now().Add(time.Minute)}
		if s.glance(t.Context(), g, v); v.seen == 0 {
			missed++
		}
		if s.stare(t.Context(), g, v); v.seen > 0 {
			read++
		}
		for _, l := range v.answer.texts {
			if l.text != code {
				t.Errorf("page %d: read as another", i)
			}
		}
	}
	t.Logf("%d of 3 missed at a glance, %d read in the end", missed, read)
	if missed < 1 || read < 2 {
		t.Errorf("%d of 3 missed at a glance, %d read in the end", missed, read)
	}
}
