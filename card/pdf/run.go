// A print run: one document for one card or for thousands, with everything that does not change drawn once.

package pdf

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-pdf/fpdf"

	"sceau/card"
)

// MaxRun is the number of cards that one document may hold: 5,000 letters make about 15 MB.
const MaxRun = 5000

// page sizes, mm
const (
	a4Width, a4Height     = 210.0, 297.0
	cardWidth, cardHeight = 85.6, 54.0
)

// Run builds one document card by card. It is not safe for several goroutines; several runs are.
// A failed Add leaves nothing of that card in the document, and the run goes on.
type Run struct {
	layout Layout
	theme  Theme
	rep    *repertoire
	pdf    *fpdf.Fpdf
	height float64

	added     map[fontKey]bool
	furniture map[string]*piece // by what it shows
	faces     [2]*canvas        // one for each page of a card, reused
	cards     int
	first     card.Place
	author    string // "" once cards of several insurers are in
	mixed     bool
	newest    int64 // latest iat
	done      bool
}

type fontKey struct {
	face  face
	plane uint8
}

// NewRun starts a document. A nil theme is the default one.
func NewRun(l Layout, t *Theme) (*Run, error) {
	if t == nil {
		t = DefaultTheme()
	}
	if r := Contrast(t.OnPrimary, t.Primary); r < MinContrast {
		return nil, fmt.Errorf("%w: text on primary has a contrast of %.2f:1, at least %.1f:1 is needed", ErrTheme, r, MinContrast)
	}
	if err := CheckText(t.Slogan); err != nil {
		return nil, err
	}
	size := fpdf.SizeType{Wd: a4Width, Ht: a4Height}
	if l == LayoutCard {
		size = fpdf.SizeType{Wd: cardWidth, Ht: cardHeight}
	} else if l != LayoutA4 {
		return nil, fmt.Errorf("%w: unknown layout %d", ErrSheet, l)
	}
	r := &Run{layout: l, theme: *t, rep: loadFaces(), height: size.Ht, added: map[fontKey]bool{}, furniture: map[string]*piece{}}
	r.pdf = fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: size})
	r.pdf.SetCatalogSort(true)
	r.pdf.SetCompression(false) // pack does it
	r.pdf.SetMargins(0, 0, 0)
	r.pdf.SetAutoPageBreak(false, 0)
	r.pdf.SetLang("fr-FR")
	if t.logo != nil {
		r.pdf.RegisterImageOptionsReader(logoName, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(t.logo.png))
	}
	for i := range r.faces {
		r.faces[i] = newCanvas(r.height, r.rep, r.need)
	}
	return r, r.pdf.Error()
}

const logoName = "logo"

// need adds a font to the document on its first use.
func (r *Run) need(f face, p uint8) {
	k := fontKey{f, p}
	if !r.added[k] {
		r.added[k] = true
		pl := &r.rep.planes[f][p]
		r.pdf.AddFontFromBytes(familyOf(f, int(p)), "", pl.def, pl.file)
	}
}

// Add appends one card. Errors are of the families ErrSheet, ErrGlyph and ErrNoRoom; none of them names a person.
func (r *Run) Add(s Sheet) error {
	switch {
	case r.done:
		return fmt.Errorf("%w: the run is written", ErrSheet)
	case r.cards >= MaxRun:
		return fmt.Errorf("%w: a run holds at most %d cards", ErrSheet, MaxRun)
	}
	if err := s.check(); err != nil {
		return err
	}
	for _, c := range r.faces {
		c.reset()
	}
	// All is laid out before the first page opens: a card that does not fit leaves no torn page.
	var err error
	var under [][]furniture
	if r.layout == LayoutA4 {
		under, err = r.letter(s)
	} else {
		under, err = r.faceCard(s)
	}
	if err != nil {
		return err
	}
	for i, pieces := range under {
		if r.faces[i].err != nil {
			return r.faces[i].err
		}
		for _, u := range pieces {
			if err := r.prepare(u); err != nil {
				return err
			}
		}
	}
	for i, pieces := range under {
		r.pdf.AddPage()
		for _, u := range pieces {
			r.place(u)
		}
		r.pdf.RawWriteBuf(bytes.NewReader(bytes.TrimSuffix(r.faces[i].b, []byte("\n"))))
	}
	r.note(s)
	return r.pdf.Error()
}

// note keeps what the metadata will say.
func (r *Run) note(s Sheet) {
	if r.cards == 0 {
		r.first, r.author = s.Claims.Place, s.Insurer.Name
	}
	if s.Insurer.Name != r.author {
		r.mixed = true
	}
	r.newest = max(r.newest, s.Claims.IssuedAt)
	r.cards++
}

// furniture is what is the same on many pages: it becomes one shared object of the document.
type furniture struct {
	key  string // says everything that draw depends on, but the theme
	draw func(c *canvas)
	logo []box   // where the logo goes
	down float64 // how far below its own place it is put, mm
}

// box is a place on the page, mm.
type box struct{ x, y, w, h float64 }

// prepare draws a piece of furniture unless the document has it.
func (r *Run) prepare(u furniture) error {
	if _, ok := r.furniture[u.key]; ok {
		return nil
	}
	c := newCanvas(r.height, r.rep, r.need)
	u.draw(c)
	if c.err != nil {
		return c.err
	}
	tpl := r.pdf.CreateTemplate(func(t *fpdf.Tpl) {
		t.RawWriteStr(string(bytes.TrimSuffix(c.b, []byte("\n"))))
		for _, b := range u.logo {
			if r.theme.logo == nil {
				break
			}
			b = r.theme.logo.within(b)
			t.ImageOptions(logoName, b.x, b.y, b.w, b.h, false, fpdf.ImageOptions{}, 0, "")
		}
	})
	r.furniture[u.key] = &piece{op: "/TPL" + tpl.ID() + " Do", fresh: tpl}
	return r.pdf.Error()
}

// piece is drawn furniture.
type piece struct {
	op    string        // draws it on any page
	fresh fpdf.Template // until its first use, by which fpdf learns of it
}

// place puts furniture on the open page.
func (r *Run) place(u furniture) {
	p := r.furniture[u.key]
	if p.fresh != nil {
		_, size := p.fresh.Size()
		r.pdf.UseTemplateScaled(p.fresh, fpdf.PointType{X: 0, Y: u.down}, size)
		p.fresh = nil
		return
	}
	if u.down == 0 {
		r.pdf.RawWriteStr(p.op)
		return
	}
	r.pdf.RawWriteStr("q 1 0 0 1 0 " + strconv.FormatFloat(-u.down*ptPerMM, 'f', 1, 64) + " cm " + p.op + " Q")
}

// maxShared bounds the small print that a run shares between cards; beyond it each card has its own.
const maxShared = 400

// shared makes furniture of a set text when it may come again, or draws it on c.
func (r *Run) shared(c *canvas, f *flow, x, y float64) []furniture {
	key := f.key(x)
	if _, ok := r.furniture[key]; !ok && len(r.furniture) >= maxShared {
		c.drawFlow(f, x, y)
		return nil
	}
	return []furniture{{key: key, down: y, draw: func(c *canvas) { c.drawFlow(f, x, 0) }}}
}

// WriteTo writes the document and ends the run.
func (r *Run) WriteTo(w io.Writer) (int64, error) {
	if r.cards == 0 || r.done {
		return 0, fmt.Errorf("%w: nothing to write", ErrSheet)
	}
	r.done = true
	title := "Carte de tiers payant n° " + r.first.String()
	if r.cards > 1 {
		title = fmt.Sprintf("Cartes de tiers payant (%d cartes)", r.cards)
	}
	if r.mixed {
		r.author = ""
	}
	at := time.Unix(r.newest, 0).UTC()
	r.pdf.SetTitle(title, true)
	r.pdf.SetSubject("Carte de tiers payant avec code de vérification hors connexion", true)
	r.pdf.SetAuthor(r.author, true)
	r.pdf.SetCreator("Sceau", true)
	r.pdf.SetCreationDate(at)
	r.pdf.SetModificationDate(at)
	var plain bytes.Buffer
	if err := r.pdf.Output(&plain); err != nil {
		return 0, err
	}
	return pack(w, plain.Bytes())
}
