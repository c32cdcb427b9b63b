// One A4 page of a title, a large word, label and value rows and small print: the proof of a check, on paper.

package pdf

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
)

// Attestation is a page that says what was found. It shows what the caller passes and nothing else; the caller passes no
// person's name.
type Attestation struct {
	Language string // "fr" or "en", of the text: for readers that speak it aloud
	Title    string
	Word     string // the large word
	Tone     Tone
	Meaning  string // a sentence below the word; may be empty
	Rows     []AttestationRow
	Small    []string  // paragraphs of small print
	At       time.Time // of the check: the document's date, in its metadata alone
}

// AttestationRow is a label and its value. The first row is set larger: it is the number to copy.
type AttestationRow struct{ Label, Value string }

// Tone says what the large word means. It is drawn as a shape too, for readers and printers without colour.
type Tone uint8

const (
	ToneUnknown Tone = iota // a question mark, grey
	ToneOpen                // a tick, green
	ToneReserve             // an exclamation mark, amber
	ToneRefused             // a cross, red
)

// tones are dark enough for white signs and for text on a tint of themselves.
var tones = [...]Color{ToneUnknown: {0x4a, 0x55, 0x68}, ToneOpen: {0x12, 0x6b, 0x3f}, ToneReserve: {0x8a, 0x53, 0x00}, ToneRefused: {0xa6, 0x1b, 0x29}}

const (
	attestMargin = 20.0
	attestLabel  = 50.0 // width of the labels' column
	attestBottom = 16.0
)

// Attest writes the page. The same input gives the same bytes. Errors: ErrSheet for a page without title, word or rows,
// ErrGlyph, ErrNoRoom when the texts don't fit one page.
func Attest(w io.Writer, a Attestation) error {
	switch {
	case strings.TrimSpace(a.Title) == "" || strings.TrimSpace(a.Word) == "" || len(a.Rows) == 0:
		return fmt.Errorf("%w: title, word and rows are required", ErrSheet)
	case int(a.Tone) >= len(tones):
		return fmt.Errorf("%w: unknown tone %d", ErrSheet, a.Tone)
	case a.Language != "fr" && a.Language != "en":
		return fmt.Errorf("%w: unknown language", ErrSheet)
	}
	doc := newDocument(fpdf.SizeType{Wd: a4Width, Ht: a4Height}, map[string]string{"fr": "fr-FR", "en": "en-GB"}[a.Language])
	rep := loadFaces()
	c := newCanvas(a4Height, rep)
	// The type gets smaller until everything is on one page.
	for scale := 1.0; ; scale -= 0.06 {
		if scale < 0.6 {
			return fmt.Errorf("%w: the attestation does not fit one page", ErrNoRoom)
		}
		c.reset()
		if a.draw(c, scale) <= a4Height-attestBottom {
			break
		}
	}
	if c.err != nil {
		return c.err
	}
	addFonts(doc, rep, &planeSet{}, c.used)
	doc.AddPage()
	doc.RawWriteBuf(bytes.NewReader(bytes.TrimSuffix(c.bytes(), []byte("\n"))))
	doc.SetTitle(a.Title, true)
	doc.SetCreator("Sceau", true)
	at := a.At.UTC().Truncate(time.Second)
	doc.SetCreationDate(at)
	doc.SetModificationDate(at)
	var plain bytes.Buffer
	if err := doc.Output(&plain); err != nil {
		return err
	}
	_, err := pack(w, plain.Bytes(), nil)
	return err
}

// draw lays the page out and returns where it ends.
func (a Attestation) draw(c *canvas, scale float64) float64 {
	tone := tones[a.Tone]
	left, right := attestMargin, a4Width-attestMargin
	width := right - left
	size := func(f face, pt float64) style { return style{f, pt * scale} }

	c.rect(0, 0, a4Width, 3.2, tone)
	y := c.paragraph(left, 24, width, size(condBold, 20), ink, a.Title)

	// The answer: a tinted box with a sign, the word and what it means.
	const pad, sign = 6.0, 8.0
	textLeft := left + 2*pad + 2*sign
	inner := right - pad - textLeft
	word, mean := size(condBold, 17), size(text, 10.5)
	lines := c.rep.wrap(word, a.Word, inner)
	meaning := c.rep.wrap(mean, a.Meaning, inner)
	if a.Meaning == "" {
		meaning = nil
	}
	high := max(2*sign, float64(len(lines))*lead(word.size)+float64(len(meaning))*lead(mean.size)+1) + 2*pad
	top := y + 2
	c.round(left, top, width, high, 2.5, white.mix(tone, 0.08))
	c.round(left, top, 2.4, high, 1.2, tone)
	c.sign(left+pad+sign, top+high/2, sign, a.Tone, tone)
	y = top + (high-float64(len(lines))*lead(word.size)-float64(len(meaning))*lead(mean.size))/2 + word.size*mmPerPt*0.95
	for _, l := range lines {
		c.text(textLeft, y, word, tone, l)
		y += lead(word.size)
	}
	y += 0.5
	for _, l := range meaning {
		c.text(textLeft, y-(word.size-mean.size)*mmPerPt*0.6, mean, ink, l)
		y += lead(mean.size)
	}

	y = top + high + 11*scale
	for i, row := range a.Rows {
		label, value := size(cond, 10), size(text, 10.5)
		if i == 0 {
			value = size(condBold, 17)
		}
		step := lead(value.size)
		names := c.rep.wrap(label, row.Label, attestLabel-4)
		values := c.rep.wrap(value, row.Value, width-attestLabel)
		ly, vy := y, y
		for _, l := range names {
			c.text(left, ly, label, quiet, l)
			ly += lead(label.size)
		}
		for _, l := range values {
			c.text(left+attestLabel, vy, value, ink, l)
			vy += step
		}
		end := max(ly-lead(label.size), vy-step) + 2.4*scale
		c.setStroke(Color{0xd9, 0xde, 0xe3}, 0.2)
		c.line(left, end, right, end)
		next := value.size
		if i == 0 {
			next = 10.5 * scale
		}
		y = end + 1.4*scale + next*mmPerPt
	}

	y += 3.5 * scale
	for _, p := range a.Small {
		y = c.paragraph(left, y, width, size(text, 8.5), quiet, p) + 1.2*scale
	}
	return y
}

// sign draws the tone as a shape in a disk of radius r.
func (c *canvas) sign(x, y, r float64, t Tone, k Color) {
	c.circle(x, y, r, k)
	c.op("1 J 1 j") // round ends and corners
	c.setStroke(white, r*0.24)
	d := r * 0.42
	switch t {
	case ToneOpen:
		c.moveTo(x-d*1.15, y+d*0.05)
		c.lineTo(x-d*0.3, y+d*0.9)
		c.lineTo(x+d*1.2, y-d*0.85)
		c.op("S")
	case ToneRefused:
		c.line(x-d, y-d, x+d, y+d)
		c.line(x-d, y+d, x+d, y-d)
	case ToneReserve:
		c.line(x, y-d*1.35, x, y+d*0.35)
		c.circle(x, y+d*1.3, r*0.145, white)
	default:
		c.moveTo(x-d*0.8, y-d*0.55)
		c.curveTo(x-d*0.75, y-d*1.75, x+d*0.95, y-d*1.75, x+d*0.9, y-d*0.5)
		c.curveTo(x+d*0.85, y+d*0.1, x, y, x, y+d*0.6)
		c.op("S")
		c.circle(x, y+d*1.4, r*0.145, white)
	}
	c.op("0 J 0 j")
}
