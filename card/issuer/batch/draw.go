// Drawing a file: pages, code texts and symbols of one range of sequence numbers, from cards and frozen facts alone.

package batch

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/manifest"
	"sceau/card/pdf"
	"sceau/card/qr"
)

// entry is one sequence number with its card.
type entry struct {
	sequence int64
	address  []string
	card     issuer.Issued
}

// drawn is the file of one range in every form asked for.
type drawn struct {
	files   []manifest.File
	data    [][]byte         // of files
	undrawn map[int64]string // causes of cards that this layout can't print
}

// chunk is how many symbols are drawn ahead of the pages: bounded memory, whatever the file's size.
const chunk = 128

// pixels a module of the pictures: the quiet zone included, a symbol of 65 modules has 292 pixels a side, sharp at 300 dpi on 25 mm.
const pixels = 4

// prepared are the symbols of a chunk.
type prepared struct {
	symbols []*qr.Matrix
	faults  []error
	from    int
}

// draw makes the files of a range. A card that the layout can't print gets a cause and is in none of them. Equal input gives equal
// bytes.
func (w *Worker) draw(l *look, r manifest.Range, total int64, outputs []string, entries []entry) (*drawn, error) {
	d := &drawn{undrawn: map[int64]string{}}
	forms, err := l.forms(total, outputs)
	if err != nil {
		return nil, err
	}
	var control manifest.Control
	var people int64
	next := make(chan prepared, 1)
	stop := make(chan struct{})
	defer func() {
		close(stop)
		for range next { // until the other side has seen it
		}
	}()
	go w.prepare(entries, next, stop)
	for p := range next {
		for i, symbol := range p.symbols {
			e := &entries[p.from+i]
			err := p.faults[i]
			if err == nil {
				err = forms.add(e, symbol)
			}
			if cause := causeOf(err); cause != "" {
				d.undrawn[e.sequence] = cause
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("card %s: %w", e.card.Place, err)
			}
			control.Add(e.sequence, e.card.Place, e.card.CodeText)
			people += int64(len(e.card.Claims.People))
		}
	}
	if control.Cards() == 0 {
		return d, nil
	}
	for _, f := range forms {
		b, err := f.bytes()
		if err != nil {
			return nil, fmt.Errorf("numbers %d to %d as %s: %w", r.First, r.Last, f.kind(), err)
		}
		file := manifest.File{Kind: f.kind(), SHA256: sha256.Sum256(b), Size: int64(len(b)), First: r.First, Last: r.Last,
			Cards: control.Cards(), People: people, Control: control.Sum()}
		if file.Kind == manifest.PDF {
			if file.Pages, err = pages(b); err != nil {
				return nil, err
			}
		}
		d.files, d.data = append(d.files, file), append(d.data, b)
	}
	return d, nil
}

// prepare draws symbols on all processors, a chunk ahead.
func (w *Worker) prepare(entries []entry, to chan<- prepared, stop <-chan struct{}) {
	defer close(to)
	for from := 0; from < len(entries); from += chunk {
		n := min(chunk, len(entries)-from)
		p := prepared{symbols: make([]*qr.Matrix, n), faults: make([]error, n), from: from}
		var wg sync.WaitGroup
		procs := min(runtime.GOMAXPROCS(0), n)
		for k := range procs {
			wg.Go(func() {
				for i := k; i < n; i += procs {
					p.symbols[i], p.faults[i] = w.symbols.Encode(entries[from+i].card.CodeText)
				}
			})
		}
		wg.Wait()
		select {
		case to <- p:
		case <-stop:
			return
		}
	}
}

// causeOf is the cause of a card that can't be printed, "" for any other error.
func causeOf(err error) string {
	switch {
	case errors.Is(err, errNoAddress):
		return issuer.CauseNoAddress
	case errors.Is(err, pdf.ErrNoRoom):
		return issuer.CauseNoRoom
	case errors.Is(err, pdf.ErrGlyph):
		return issuer.CauseGlyph
	case errors.Is(err, qr.ErrTooLong):
		return issuer.CauseTooLong
	case errors.Is(err, pdf.ErrSheet), errors.Is(err, qr.ErrText):
		return issuer.CauseDamaged
	}
	return ""
}

// form is one kind of file on its way.
type form interface {
	kind() string
	// add takes the next card. The PDF's, which comes first, refuses what can't be printed and leaves nothing of it.
	add(e *entry, symbol *qr.Matrix) error
	// bytes ends the file.
	bytes() ([]byte, error)
}

// forms are in the order of manifest.FileKinds, so that pages decide first.
type forms []form

func (l *look) forms(total int64, outputs []string) (forms, error) {
	var all forms
	for _, kind := range outputs {
		switch kind {
		case manifest.PDF:
			layout, o := l.layout(total)
			run, err := pdf.NewRunWith(layout, l.theme, o)
			if err != nil {
				return nil, err
			}
			all = append(all, &printed{run: run, insurer: l.insurer, look: l, window: o.Window})
		case manifest.CSV:
			all = append(all, newTable(l))
		case manifest.NDJSON:
			all = append(all, &lines{look: l})
		case manifest.PNG:
			all = append(all, newPictures())
		default:
			return nil, fmt.Errorf("batch: no output %.20q", kind)
		}
	}
	return all, nil
}

func (f forms) add(e *entry, symbol *qr.Matrix) error {
	for _, one := range f {
		if err := one.add(e, symbol); err != nil {
			return err
		}
	}
	return nil
}

// printed is the PDF.
type printed struct {
	run     *pdf.Run
	look    *look
	insurer *card.Insurer
	window  pdf.Window
}

func (p *printed) kind() string { return manifest.PDF }

// errNoAddress: the contract had an address when the card was planned, and none when it was made.
var errNoAddress = errors.New("batch: a window and no address")

func (p *printed) add(e *entry, symbol *qr.Matrix) error {
	if p.window != pdf.WindowNone && len(e.address) == 0 {
		return errNoAddress
	}
	s := pdf.Sheet{Claims: e.card.Claims, Symbol: symbol, Insurer: p.insurer, Codes: p.look.codes, Sequence: e.sequence}
	if p.window != pdf.WindowNone {
		s.Address = e.address
	}
	return p.run.Add(s)
}

func (p *printed) bytes() ([]byte, error) {
	var b bytes.Buffer
	_, err := p.run.WriteTo(&b)
	return b.Bytes(), err
}
