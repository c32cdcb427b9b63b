// Where issued cards go: for each one its PDF, its symbol as PNG and its code text, and one manifest for the folder.

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/card/register"
	"sceau/rights"
)

const manifestName = "manifest.csv"

// pngModule is the width of a module in the PNG, in pixels: a code of 73 modules is then 650 pixels wide.
const pngModule = 8

// outputs writes cards into a folder. Files carry the card's number and nothing about a person. Each is whole under its
// final name or not there: a run that was cut short is simply run again.
type outputs struct {
	dir      string
	layout   pdf.Layout
	themes   map[string]*pdf.Theme
	fallback *pdf.Theme
	insurers map[string]*card.Insurer
	codes    *rights.Codes
	single   bool // one card: the reference encoder; else the print run's

	printer *qr.Printer
	queue   chan issuer.Issued
	group   sync.WaitGroup

	queued map[string]bool // cards handed over in this run

	mu      sync.Mutex
	entries map[string]manifestEntry // by card number
	written int
	undrawn []string // cards that this layout can't show, each with its cause
	err     error
}

type manifestEntry struct {
	card, amc, adherent, person, kid, issued, from, to, layout, pdf, png, txt string
}

var manifestHeader = []string{"card", "amc", "adherent", "beneficiary", "kid", "issued_at", "from", "to", "layout", "pdf_sha256", "png_sha256", "txt_sha256"}

func (e manifestEntry) row() []string {
	return []string{e.card, e.amc, e.adherent, e.person, e.kid, e.issued, e.from, e.to, e.layout, e.pdf, e.png, e.txt}
}

// start makes the folder, reads its manifest and starts drawing on every processor.
func (o *outputs) start() error {
	// Names and birth dates: for the operator's eyes.
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	o.queued = map[string]bool{}
	o.printer, o.entries, o.queue = qr.NewPrinter(), map[string]manifestEntry{}, make(chan issuer.Issued, 64)
	if err := o.readManifest(); err != nil {
		return err
	}
	for range runtime.GOMAXPROCS(0) {
		o.group.Go(func() {
			for c := range o.queue {
				o.keep(o.draw(c))
			}
		})
	}
	return nil
}

// add queues a card; it fails when an earlier one could not be written.
func (o *outputs) add(c issuer.Issued) error {
	o.mu.Lock()
	err := o.err
	o.mu.Unlock()
	if err != nil {
		return err
	}
	o.queued[c.Place.String()] = true
	o.queue <- c
	return nil
}

// addMissing queues a card unless it was queued already, or its three files are there in this layout and whole.
func (o *outputs) addMissing(c issuer.Issued) error {
	if o.queued[c.Place.String()] || o.whole(c.Place) {
		return nil
	}
	return o.add(c)
}

// whole says whether the files of a card are those of the manifest.
func (o *outputs) whole(p card.Place) bool {
	o.mu.Lock()
	e, known := o.entries[p.String()]
	o.mu.Unlock()
	if !known || e.layout != o.layout.String() {
		return false
	}
	for ext, want := range map[string]string{".pdf": e.pdf, ".png": e.png, ".txt": e.txt} {
		b, err := os.ReadFile(o.path(p, ext))
		if err != nil {
			return false
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			return false
		}
	}
	return true
}

// finish waits for the last card and writes the manifest.
func (o *outputs) finish() error {
	close(o.queue)
	o.group.Wait()
	return errors.Join(o.err, o.writeManifest())
}

func (o *outputs) keep(e manifestEntry, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case errors.Is(err, pdf.ErrNoRoom) || errors.Is(err, pdf.ErrGlyph) || errors.Is(err, pdf.ErrSheet) || errors.Is(err, qr.ErrText):
		// The card is issued; only this form of it can't be drawn. The others are.
		o.undrawn = append(o.undrawn, err.Error())
		return
	case err != nil:
		if o.err == nil {
			o.err = err
		}
		return
	}
	o.entries[e.card] = e
	o.written++
}

func (o *outputs) path(p card.Place, ext string) string {
	return filepath.Join(o.dir, p.String()+ext)
}

// sheet gathers what the printed card shows.
func (o *outputs) sheet(c issuer.Issued) (pdf.Sheet, *pdf.Theme, error) {
	encode := o.printer.Encode
	if o.single {
		encode = qr.Encode
	}
	symbol, err := encode(c.CodeText)
	if err != nil {
		return pdf.Sheet{}, nil, fmt.Errorf("card %s: %w", c.Place, err)
	}
	insurer := o.insurers[c.Contract.Insurer]
	theme := o.themes[c.Contract.Insurer]
	if theme == nil {
		theme = o.fallback
	}
	return pdf.Sheet{Claims: c.Claims, Symbol: symbol, Insurer: insurer, Codes: o.codes}, theme, nil
}

func (o *outputs) draw(c issuer.Issued) (manifestEntry, error) {
	s, theme, err := o.sheet(c)
	if err != nil {
		return manifestEntry{}, err
	}
	e := manifestEntry{card: c.Place.String(), amc: string(c.Claims.Issuer), adherent: c.Claims.Adherent, issued: strconv.FormatInt(c.Claims.IssuedAt, 10),
		from: c.Claims.ValidFrom().String(), to: c.Claims.ValidTo().String(), layout: o.layout.String()}
	if c.Person != register.Household {
		e.person = strconv.Itoa(c.Person + 1)
	}
	if u, err := card.Parse(c.CodeText); err == nil {
		e.kid = u.KID()
	}
	print := pdf.A4
	if o.layout == pdf.LayoutCard {
		print = pdf.Card
	}
	for _, part := range []struct {
		ext  string
		sum  *string
		make func(io.Writer) error
	}{
		{".pdf", &e.pdf, func(w io.Writer) error { return print(w, s, theme) }},
		{".png", &e.png, func(w io.Writer) error { return s.Symbol.PNG(w, pngModule) }},
		{".txt", &e.txt, func(w io.Writer) error { _, err := io.WriteString(w, c.CodeText+"\n"); return err }},
	} {
		var b bytes.Buffer
		if err := part.make(&b); err != nil {
			return e, fmt.Errorf("card %s: %w", c.Place, err)
		}
		if err := writeWhole(o.path(c.Place, part.ext), b.Bytes()); err != nil {
			return e, err
		}
		sum := sha256.Sum256(b.Bytes())
		*part.sum = hex.EncodeToString(sum[:])
	}
	return e, nil
}

// writeWhole writes a file that is whole or absent under its name, whenever the program is killed, for its owner's eyes.
// Cards can be made again from the register and are compared with the manifest, so nobody waits here for the disk.
func writeWhole(name string, data []byte) error {
	return replaceFile(name, false, func(w io.Writer) error { _, err := w.Write(data); return err })
}

// replaceFile puts a new file in place of name in one step, or nothing when write fails.
func replaceFile(name string, durable bool, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".part-*")
	if err != nil {
		return err
	}
	err = write(f)
	if durable && err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (o *outputs) readManifest() error {
	f, err := os.Open(filepath.Join(o.dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 || !slices.Equal(rows[0], manifestHeader) {
		return fmt.Errorf("%s is not a manifest of this program: move it away", f.Name())
	}
	for _, r := range rows[1:] {
		o.entries[r[0]] = manifestEntry{r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11]}
	}
	return nil
}

// writeManifest lists every card of the folder, in the order of their numbers.
func (o *outputs) writeManifest() error {
	entries := make([]manifestEntry, 0, len(o.entries))
	for _, e := range o.entries {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b manifestEntry) int {
		if len(a.card) != len(b.card) {
			return len(a.card) - len(b.card)
		}
		return strings.Compare(a.card, b.card)
	})
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{manifestHeader}
	for _, e := range entries {
		rows = append(rows, e.row())
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return writeWhole(filepath.Join(o.dir, manifestName), b.Bytes())
}

// printRun writes documents of up to pdf.MaxRun cards and one theme each: FILE.pdf, or FILE-001.pdf and so on when one is not
// enough.
type printRun struct {
	*outputs
	name  string
	run   *pdf.Run
	theme *pdf.Theme // of run
	n     int        // cards in run
	total int
	files int
}

func (p *printRun) add(c issuer.Issued) error {
	s, theme, err := p.sheet(c)
	// A document has one look: cards of another insurer's begin the next.
	if err == nil && p.run != nil && (p.n == pdf.MaxRun || theme != p.theme) {
		err = p.flush(true)
	}
	if err == nil && p.run == nil {
		p.theme = theme
		p.run, err = pdf.NewRun(p.layout, theme)
	}
	if err == nil {
		err = p.run.Add(s)
	}
	if errors.Is(err, pdf.ErrNoRoom) || errors.Is(err, pdf.ErrGlyph) || errors.Is(err, pdf.ErrSheet) || errors.Is(err, qr.ErrText) {
		p.undrawn = append(p.undrawn, fmt.Sprintf("card %s: %v", c.Place, err))
		return nil
	}
	if err != nil {
		return err
	}
	p.n++
	p.total++
	return nil
}

// flush writes the document in hand; more says that another one follows.
func (p *printRun) flush(more bool) error {
	if p.run == nil || p.n == 0 {
		return nil
	}
	name := p.name
	if p.files++; more || p.files > 1 {
		ext := filepath.Ext(name)
		name = fmt.Sprintf("%s-%03d%s", strings.TrimSuffix(name, ext), p.files, ext)
	}
	run := p.run
	p.run, p.n = nil, 0
	return replaceFile(name, true, func(w io.Writer) error { _, err := run.WriteTo(w); return err })
}

// describe reads what the outputs need of every insurer, and the themes that lie in the operator's folder.
func (o *outputs) describe(ctx context.Context, op *operator, themeFile string) error {
	o.insurers, o.themes, o.codes = map[string]*card.Insurer{}, map[string]*pdf.Theme{}, op.Codes
	o.fallback = pdf.DefaultTheme()
	if themeFile == "" {
		if name := filepath.Join(op.dir, themeName); exists(name) {
			themeFile = name
		}
	}
	if themeFile != "" {
		t, err := readTheme(themeFile)
		if err != nil {
			return err
		}
		o.fallback = t
	}
	err := op.store.View(ctx, func(tx register.Tx) error {
		all, err := tx.Insurers()
		if err != nil {
			return err
		}
		for _, i := range all {
			if o.insurers[i.Key], err = card.ParseInsurer(i.Document); err != nil {
				return fmt.Errorf("insurer %s: %w", i.Key, err)
			}
		}
		return nil
	})
	if err != nil || themeFile != "" {
		return err
	}
	for key := range o.insurers {
		if name := filepath.Join(op.dir, "themes", key+".json"); exists(name) {
			if o.themes[key], err = readTheme(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

// readTheme reads a theme file and the logo that it names, beside it.
func readTheme(name string) (*pdf.Theme, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t, err := pdf.ParseTheme(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.Logo != "" {
		path := t.Logo
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
		logo, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: logo: %w", name, err)
		}
		if err := t.SetLogo(logo); err != nil {
			return nil, fmt.Errorf("%s: logo: %w", name, err)
		}
	}
	return t, nil
}
