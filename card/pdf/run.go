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

// MaxRun is the number of cards that one document may hold: 5,000 letters make about 13 MB.
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
	set    RunOptions
	theme  Theme
	rep    *repertoire
	pdf    *fpdf.Fpdf    // fonts, templates, metadata and one page, after whose pattern pack stamps the others
	size   fpdf.SizeType // of a face: the letter's page, or the card

	added     planeSet
	furniture map[string]*piece // by what it shows
	faces     [2]*canvas        // one for each page of a card, reused
	memory    memory
	page      []byte     // contents of the page being made
	pages     [][]byte   // deflated contents of the pages made
	press     pressSheet // of several cards, the one being filled
	cards     int
	first     card.Place
	author    string // "" once cards of several insurers are in
	mixed     bool
	newest    int64 // latest iat
	done      bool
}

// NewRun starts a document. A nil theme is the default one.
func NewRun(l Layout, t *Theme) (*Run, error) { return NewRunWith(l, t, RunOptions{}) }

// NewRunWith starts a document with what the trade asks for. Options that the layout cannot have are ErrSheet.
func NewRunWith(l Layout, t *Theme, o RunOptions) (*Run, error) {
	if err := o.check(l); err != nil {
		return nil, err
	}
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
	}
	r := &Run{layout: l, set: o, theme: *t, rep: loadFaces(), size: size, furniture: map[string]*piece{}}
	page := size
	if o.Sheet != ImposeNone {
		page = fpdf.SizeType{Wd: a4Width, Ht: a4Height}
	}
	r.pdf = newDocument(page, "fr-FR")
	if t.logo != nil {
		r.pdf.RegisterImageOptionsReader(logoName, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(t.logo.png))
	}
	r.pdf.AddPage()
	for i := range r.faces {
		r.faces[i] = newCanvas(size.Ht, r.rep)
	}
	return r, r.pdf.Error()
}

const logoName = "logo"

// need adds the fonts of a stream to the document on their first use.
func (r *Run) need(used planeSet) { addFonts(r.pdf, r.rep, &r.added, used) }

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
	if err := s.checkTrade(r.set); err != nil {
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
	if err := r.compose(&s, under); err != nil {
		return err
	}
	r.note(s)
	return r.pdf.Error()
}

// compose makes the pages of a card that is laid out, or puts its faces on the sheet.
func (r *Run) compose(s *Sheet, under [][]furniture) error {
	if r.set.Sheet != ImposeNone {
		return r.impose(s, under)
	}
	for i, pieces := range under {
		r.page = r.face(r.page[:0], r.faces[i], pieces)
		if err := r.keep(r.page); err != nil {
			return err
		}
	}
	return nil
}

// face appends what one face shows: the furniture under it and its own canvas.
func (r *Run) face(b []byte, c *canvas, under []furniture) []byte {
	for _, u := range under {
		b = r.place(b, u)
	}
	r.need(c.used)
	return append(b, c.bytes()...)
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
	c := newCanvas(r.size.Ht, r.rep)
	u.draw(c)
	if c.err != nil {
		return c.err
	}
	tpl := r.pdf.CreateTemplateCustom(fpdf.PointType{}, r.size, func(t *fpdf.Tpl) {
		t.RawWriteStr(string(bytes.TrimSuffix(c.bytes(), []byte("\n"))))
		for _, b := range u.logo {
			if r.theme.logo == nil {
				break
			}
			b = r.theme.logo.within(b)
			t.ImageOptions(logoName, b.x, b.y, b.w, b.h, false, fpdf.ImageOptions{}, 0, "")
		}
	})
	r.furniture[u.key] = &piece{op: "/TPL" + tpl.ID() + " Do", used: c.used, fresh: tpl}
	return r.pdf.Error()
}

// piece is drawn furniture.
type piece struct {
	op    string        // draws it on any page
	used  planeSet      // its fonts
	fresh fpdf.Template // until its first use, by which fpdf learns of it
}

// place appends the use of furniture.
func (r *Run) place(b []byte, u furniture) []byte {
	p := r.furniture[u.key]
	if p.fresh != nil {
		r.need(p.used)
		r.pdf.UseTemplate(p.fresh) // on fpdf's own page, which pack replaces
		p.fresh = nil
	}
	if u.down == 0 {
		return append(append(b, p.op...), '\n')
	}
	b = strconv.AppendFloat(append(b, "q 1 0 0 1 0 "...), -u.down*ptPerMM, 'f', 1, 64)
	return append(append(append(b, " cm "...), p.op...), " Q\n"...)
}

// WriteTo writes the document and ends the run.
func (r *Run) WriteTo(w io.Writer) (int64, error) {
	if r.cards == 0 || r.done {
		return 0, fmt.Errorf("%w: nothing to write", ErrSheet)
	}
	r.done = true
	if err := r.endSheet(); err != nil {
		return 0, err
	}
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
	return pack(w, plain.Bytes(), r.pages)
}
