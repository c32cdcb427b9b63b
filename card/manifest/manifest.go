// Package manifest holds what an operator signs about the files of one insurer in one campaign, so that a printing house can tell
// that it has all of them, whole, and nobody else's: FORMAT.md. It names no person. What comes out of Parse was checked for its
// form; who said it is the signature's business: Open.
package manifest

import (
	"fmt"
	"time"

	"sceau/card"
	"sceau/rights"
	"sceau/signing"
)

// Kind is what the service's manifest key signs, and nothing else.
const Kind = card.ManifestKind

// ErrMalformed is the family of every refusal of a manifest's form; signing.CodeOf gives the code.
var ErrMalformed = signing.ErrMalformed

// FileName and SealName are the two files of a manifest, beside the files that it lists.
const (
	FileName = "manifest.json"
	SealName = "manifest.jws"
)

// Kinds of files.
const (
	PDF    = "pdf"    // printed pages
	CSV    = "csv"    // a line a card, for a printer's variable-data software
	NDJSON = "ndjson" // the same, one JSON object a line
	PNG    = "png"    // symbols alone, in a zip
)

// FileKinds are all of them, in the order in which a manifest lists the files of one range.
func FileKinds() []string { return []string{PDF, CSV, NDJSON, PNG} }

// Bounds on what a reader must read and keep.
const (
	MaxSequence = 100_000_000 // sequence numbers of one insurer in one campaign
	MaxCards    = 5000        // cards of one file
	MaxGroups   = 20_000      // ranges that have files: a hundred million cards
	MaxRanges   = 1_000_000   // of any list of ranges
	MaxFile     = 32 << 20    // bytes of manifest.json
	maxBytes    = 4 << 30     // of one listed file
	maxPeople   = 12          // on one card
)

// Manifest speaks for all sequence numbers of its ranges: each has a card in exactly one file of each kind, or is without one, with
// the cause.
type Manifest struct {
	Campaign string      // id
	Name     string      // the operator's name of the campaign, by the rule of rights.CheckNote; "" for none
	Rerun    string      // why spoiled sheets were made again, by the same rule; "" for the campaign itself
	Insurer  string      // N° AMC, as rights.AMC.Key gives it
	Insured  string      // the insurer's name as displayed
	From, To rights.Date // the selection's first and last day; 0 for an open side
	Layout   string      // of Layouts
	Window   string      // of Windows; "" for none
	Marks    bool        // marks for inserting machines
	Made     time.Time   // whole seconds
	Total    int64       // sequence numbers of the campaign, as printed behind the slash
	Ranges   []Range     // the sequence numbers it speaks for, ascending; a campaign's own manifest has 1 to Total
	Outputs  []string    // of FileKinds, in that order
	Files    []File      // by first number, and of each range one for each output, in that order
	Without  []Without   // by cause
}

// Layouts are the forms of printed pages: the letter, the card's two faces on pages of their own, and two or ten cards a sheet.
func Layouts() []string { return []string{"letter", "card", "sheet-2", "sheet-10"} }

// Windows are the envelopes for which a letter's address is placed.
func Windows() []string { return []string{"dl", "c5"} }

// Range is a run of sequence numbers, both ends included.
type Range struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// File is one file that lies beside the manifest.
type File struct {
	Kind        string
	SHA256      [32]byte
	Size        int64
	First, Last int64 // its sequence numbers; those of Without are not in it
	Cards       int64
	People      int64
	Pages       int64    // of a PDF, 0 for others
	Control     [32]byte // of its cards: the same in every file of the same range
}

// Name is what the file is called: its numbers and its kind say all of it.
func (f File) Name() string { return FileNameOf(Range{f.First, f.Last}, f.Kind) }

// FileNameOf is the name of the file of a range and kind.
func FileNameOf(r Range, kind string) string {
	ext := kind
	if kind == PNG {
		ext = "zip"
	}
	return fmt.Sprintf("%07d-%07d.%s", r.First, r.Last, ext)
}

// Without says which numbers have no card in the files.
type Without struct {
	Cause  string  `json:"cause"`  // a word of a-z and -
	Ranges []Range `json:"ranges"` // ascending
}

// Count is how many numbers they are.
func (w Without) Count() int64 { return count(w.Ranges) }

// Totals are what a delivery note says. They follow from the files: each card counts once.
type Totals struct {
	Numbers int64 `json:"numbers"`
	Cards   int64 `json:"cards"`
	Without int64 `json:"without"`
	People  int64 `json:"people"`
	Pages   int64 `json:"pages"`
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
}

// Totals adds up.
func (m *Manifest) Totals() Totals {
	t := Totals{Numbers: count(m.Ranges), Files: int64(len(m.Files))}
	for i, f := range m.Files {
		t.Bytes += f.Size
		t.Pages += f.Pages
		if i%len(m.Outputs) == 0 {
			t.Cards += f.Cards
			t.People += f.People
		}
	}
	for _, w := range m.Without {
		t.Without += w.Count()
	}
	return t
}

func count(all []Range) (n int64) {
	for _, r := range all {
		n += r.Last - r.First + 1
	}
	return n
}

// Join adds a number to ranges that end before it.
func Join(all []Range, n int64) []Range {
	if last := len(all) - 1; last >= 0 && all[last].Last == n-1 {
		all[last].Last = n
		return all
	}
	return append(all, Range{n, n})
}
