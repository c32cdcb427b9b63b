// Papers of work: A4 pages of headings, paragraphs, steps to tick, facts, tables and places to sign.

package pdf

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
)

// Paper is a document of work in French: a protocol to sign, a page of instructions, a report. It shows what the caller
// passes and nothing else.
type Paper struct {
	Title, Subtitle string
	Reference       string    // in each footer
	At              time.Time // in each footer, in its own zone, and the document's date
	Banner          string    // in capitals at the top of every page, "" for none: EXERCICE
	Tone            Tone      // of the band and the headings
	OnePage         bool      // set smaller until all is on one page
	Blocks          []Block
}

// BlockKind says what a block is.
type BlockKind uint8

// Kinds of blocks, and what of a Block each of them shows.
const (
	BlockText       BlockKind = iota // Text, a paragraph
	BlockHeading                     // Text
	BlockNote                        // Text in a tinted box of Tone
	BlockCommand                     // Text as it is typed
	BlockList                        // Items with bullets
	BlockSteps                       // Steps, numbered, each with a box to tick
	BlockFacts                       // Facts
	BlockTable                       // Head, Rows, Shares
	BlockPair                        // Pair, two lists side by side
	BlockSignatures                  // Items: who signs, a place for each
)

// Block is one part of a paper. The functions named after the kinds make them.
type Block struct {
	Kind   BlockKind
	Text   string
	Tone   Tone
	Items  []string
	Steps  []Step
	Facts  []Fact
	Head   []string
	Rows   [][]string // each as long as Head
	Shares []float64  // of the width, one for each column; nil shares it by what the cells need
	Pair   [2]Column
}

// Step is a thing to do. Its number is given by its place in the paper: steps of several blocks are counted on.
type Step struct {
	Text    string
	Command string // as it is typed, "" for none
	Note    string // small print, "" for none
	Done    bool   // the box is ticked already
}

// Fact is a label and its value. Code sets the value in the type of commands; a value of 32 hexadecimal digits or more is set
// so anyhow, in groups of four.
type Fact struct {
	Label, Value string
	Code         bool
}

// Column is one list of a pair.
type Column struct {
	Title string
	Tone  Tone
	Items []string
}

// Heading begins a part.
func Heading(s string) Block { return Block{Kind: BlockHeading, Text: s} }

// Text is a paragraph.
func Text(s string) Block { return Block{Kind: BlockText, Text: s} }

// Note is a paragraph in a box.
func Note(t Tone, s string) Block { return Block{Kind: BlockNote, Tone: t, Text: s} }

// Command is what is typed.
func Command(s string) Block { return Block{Kind: BlockCommand, Text: s} }

// List is a list with bullets.
func List(items ...string) Block { return Block{Kind: BlockList, Items: items} }

// Steps are things to do in order.
func Steps(steps ...Step) Block { return Block{Kind: BlockSteps, Steps: steps} }

// Facts are labels and values.
func Facts(facts ...Fact) Block { return Block{Kind: BlockFacts, Facts: facts} }

// Table is a table; its head is repeated on every page that it reaches.
func Table(head []string, rows ...[]string) Block {
	return Block{Kind: BlockTable, Head: head, Rows: rows}
}

// Pair is two lists side by side.
func Pair(left, right Column) Block { return Block{Kind: BlockPair, Pair: [2]Column{left, right}} }

// Signatures are places to sign.
func Signatures(who ...string) Block { return Block{Kind: BlockSignatures, Items: who} }

// MaxPages bounds a paper.
const MaxPages = 500

// WritePaper writes a paper. The same input gives the same bytes. Errors: ErrSheet for a paper that is incomplete or
// contradicts itself, ErrGlyph, ErrNoRoom when something is larger than its place. Nothing is written beside an error but the
// writer's own.
func WritePaper(w io.Writer, p Paper) error {
	if err := p.check(); err != nil {
		return err
	}
	doc := newDocument(fpdf.SizeType{Wd: a4Width, Ht: a4Height}, "fr-FR")
	rep := loadFaces()
	var added planeSet
	set, pages, err := p.set(rep)
	if err != nil {
		return err
	}
	for i, page := range pages {
		c := newCanvas(a4Height, rep)
		set.page(c, page, i+1, len(pages))
		if c.err != nil {
			return c.err
		}
		addFonts(doc, rep, &added, c.used)
		doc.AddPage()
		doc.RawWriteBuf(bytes.NewReader(bytes.TrimSuffix(c.bytes(), []byte("\n"))))
	}
	doc.SetTitle(p.Title, true)
	doc.SetCreator("Sceau", true)
	at := p.At.UTC().Truncate(time.Second)
	doc.SetCreationDate(at)
	doc.SetModificationDate(at)
	var plain bytes.Buffer
	if err := doc.Output(&plain); err != nil {
		return err
	}
	_, err = pack(w, plain.Bytes(), nil)
	return err
}

// set lays the paper out, smaller and smaller where it must be one page.
func (p Paper) set(rep *repertoire) (*setter, [][]slab, error) {
	for scale := 1.0; ; scale -= 0.02 {
		s := &setter{rep: rep, p: p, scale: scale}
		pages, err := s.pages()
		switch {
		case err != nil:
			return nil, nil, err
		case !p.OnePage && len(pages) > MaxPages:
			return nil, nil, fmt.Errorf("%w: more than %d pages", ErrNoRoom, MaxPages)
		case !p.OnePage || len(pages) == 1:
			return s, pages, nil
		case scale < 0.72: // running text under 7 points is for nobody
			return nil, nil, fmt.Errorf("%w: the paper does not fit one page", ErrNoRoom)
		}
	}
}

// check refuses a paper that would print something other than what is meant.
func (p Paper) check() error {
	switch {
	case strings.TrimSpace(p.Title) == "" || strings.TrimSpace(p.Reference) == "" || len(p.Blocks) == 0:
		return fmt.Errorf("%w: title, reference and blocks are required", ErrSheet)
	case p.At.IsZero():
		return fmt.Errorf("%w: a paper has a date", ErrSheet)
	case int(p.Tone) >= len(tones):
		return fmt.Errorf("%w: unknown tone %d", ErrSheet, p.Tone)
	}
	for i, b := range p.Blocks {
		if err := b.check(); err != nil {
			return fmt.Errorf("%w, block %d", err, i+1)
		}
	}
	return nil
}

func (b Block) check() error {
	short := false
	switch b.Kind {
	case BlockText, BlockHeading, BlockNote, BlockCommand:
		short = strings.TrimSpace(b.Text) == ""
	case BlockList, BlockSignatures:
		short = len(b.Items) == 0
	case BlockSteps:
		short = len(b.Steps) == 0
		for _, s := range b.Steps {
			short = short || strings.TrimSpace(s.Text) == ""
		}
	case BlockFacts:
		short = len(b.Facts) == 0
	case BlockPair:
		short = len(b.Pair[0].Items) == 0 || len(b.Pair[1].Items) == 0
	case BlockTable:
		short = len(b.Head) == 0 || b.Shares != nil && len(b.Shares) != len(b.Head)
		for _, r := range b.Rows {
			short = short || len(r) != len(b.Head)
		}
		for _, v := range b.Shares {
			short = short || !(v > 0)
		}
	default:
		return fmt.Errorf("%w: unknown kind %d", ErrSheet, b.Kind)
	}
	if short || int(b.Tone) >= len(tones) || int(b.Pair[0].Tone) >= len(tones) || int(b.Pair[1].Tone) >= len(tones) {
		return fmt.Errorf("%w: a block is empty or its parts don't match", ErrSheet)
	}
	return nil
}

var months = [...]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}

// FrenchDay is a day as it is written out: « 1er mars 2027 ».
func FrenchDay(t time.Time) string {
	day := fmt.Sprint(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return fmt.Sprintf("%s\u00a0%s\u00a0%d", day, months[t.Month()-1], t.Year())
}

// FrenchMoment is a moment as it is written out, in its own zone, which is named where it is UTC: « 1er mars 2027 à 9 h 05 ».
func FrenchMoment(t time.Time) string {
	zone := ""
	if _, off := t.Zone(); off == 0 {
		zone = " (UTC)"
	}
	return fmt.Sprintf("%s à %d\u00a0h\u00a0%02d%s", FrenchDay(t), t.Hour(), t.Minute(), zone)
}
