// One line of a roster: read, decoded, cut and told to which contract it belongs.

package roster

import (
	"bytes"
	"fmt"
	"strings"

	"sceau/rights"
)

// keyState is how much of a line's contract key (N° AMC and N° adhérent) can be believed.
type keyState uint8

const (
	keyNone     keyState = iota // nothing: the line may belong to either neighbour
	keyAdherent                 // the text of the N° adhérent alone
	keyGood                     // both
)

// row is the line in hand.
type row struct {
	reader   *Reader
	number   int
	last     int      // number of the last line of a record that spans several, else number
	cells    [][]byte // trimmed; only when faults is empty
	faults   []Reject // faults of the line as a whole; its cells are then not judged
	key      keyState
	amc      rights.AMC // when key is keyGood
	adherent string     // text in capitals without spaces, valid only when key is keyGood
}

// read fills the row with the next line that is not blank. Errors are io.EOF and those of the file.
func (w *row) read() error {
	r := w.reader
	for {
		l, err := r.lines.next()
		if err != nil {
			return err
		}
		r.stats.Lines++
		r.open = l.open
		w.number, w.last, w.faults, w.key = l.number, l.number, w.faults[:0], keyNone
		if !l.long && isBlankLine(l.text, r.header.separator) {
			r.stats.Blank++
			continue
		}
		return w.cut(l)
	}
}

func (w *row) cut(l line) error {
	r := w.reader
	text, fine, err := r.decode(l)
	if err != nil {
		return err
	}
	if bytes.IndexByte(text, '"') >= 0 {
		r.raw = append(r.raw[:0], text...)
	}
	control := indexControl(text)
	var quotes quoting
	w.cells, quotes = cut(w.cells[:0], text, r.header.separator)
	switch {
	case l.open && !l.long && (!fine || quotes == quoteOpen || quotes == quotesFine && len(w.cells) < r.header.width):
		w.fault(CodeTruncated, "le fichier s'arrête au milieu de cette ligne : il est sans doute tronqué, demandez-le de nouveau")
	case l.long:
		if len(w.cells) > 0 && quotes == quotesFine {
			w.cells = w.cells[:len(w.cells)-1] // cut short
		}
		w.fault(CodeLineLong, "la ligne dépasse %d octets : raccourcissez-la", MaxLine)
	case !fine:
		w.fault(CodeEncoding, "des octets sont illisibles dans l'encodage du fichier (%s) : réenregistrez-le en UTF-8", r.decoder.encoding)
	case quotes == quoteOpen:
		w.cells, _ = cut(w.cells[:0], bytes.Clone(r.raw), r.header.separator) // reading on overwrites the line
		spans, err := w.span()
		if err != nil {
			return err
		}
		if spans {
			w.fault(CodeMultiLine, "une case contient un saut de ligne : mettez son texte sur une seule ligne")
		} else {
			w.fault(CodeQuote, "un guillemet ouvert n'est pas fermé : fermez-le ou retirez-le")
		}
	case quotes == quoteStray:
		w.fault(CodeQuote, "un guillemet est mal placé : doublez-le, et mettez toute la case entre guillemets")
	case len(w.cells) != r.header.width && bytes.IndexByte(text, '\r') >= 0:
		w.fault(CodeLineEnds, "un retour chariot seul (CR) réunit plusieurs lignes en une : réenregistrez le fichier avec les mêmes fins de ligne partout (CRLF ou LF)")
	case len(w.cells) != r.header.width:
		w.fault(CodeColumns, "la ligne a %d colonnes au lieu de %d : vérifiez les séparateurs", len(w.cells), r.header.width)
	case control >= 0:
		w.fault(CodeControl, "la ligne contient un caractère de commande à l'octet %d : retirez-le", control+1)
	}
	for i, cell := range w.cells {
		w.cells[i] = trim(cell)
		if len(cell) > MaxField && len(w.faults) == 0 {
			w.fault(CodeFieldLong, "la case dépasse %d octets : raccourcissez-la", MaxField)
			w.faults[0].Column = r.header.names[i]
		}
	}
	if len(w.faults) == 0 || w.faults[0].Code != CodeLineEnds { // it may hold lines of any contract
		w.identify()
	}
	return nil
}

func (w *row) fault(code, format string, args ...any) {
	w.faults = append(w.faults, Reject{Line: w.number, Code: code, Cause: fmt.Sprintf(format, args...)})
}

// identify finds the contract key. A line with faults may have cells out of place: its key counts only when both parts
// are good, or when the columns are in place.
func (w *row) identify() {
	r := w.reader
	amcAt, adherentAt := r.header.at[colAMC], r.header.at[colAdherent]
	if adherentAt >= len(w.cells) || len(w.cells[adherentAt]) == 0 {
		return
	}
	if b := r.current; b != nil && b.good && amcAt < len(w.cells) &&
		bytes.Equal(w.cells[amcAt], b.rawAMC) && bytes.Equal(w.cells[adherentAt], b.rawAdherent) {
		w.key, w.amc, w.adherent = keyGood, b.contract.Insurer, b.contract.Adherent
		return
	}
	w.adherent = adherentText(w.cells[adherentAt])
	if amcAt < len(w.cells) && rights.CheckAdherent(w.adherent) == nil {
		if i := r.lookInsurer(w.cells[amcAt]); i.err == nil && i.known {
			w.key, w.amc = keyGood, i.amc
			return
		}
	}
	if len(w.cells) == r.header.width {
		w.key = keyAdherent
	}
}

// span reports whether the open quote of the line is closed on a later one so that the whole is one record with the
// right number of cells; it then takes those lines. Otherwise the quote is stray and the next line stands for itself.
func (w *row) span() (bool, error) {
	r := w.reader
	s := quoteScan{separator: r.header.separator, cells: 1, start: true}
	s.feed(r.raw)
	ahead, err := r.lines.lookAhead(MaxSpan)
	if err != nil {
		return false, err
	}
	for i, l := range ahead {
		if l.long {
			return false, nil
		}
		s.feed([]byte("\n"))
		s.feed(l.text)
		if s.quoted {
			continue
		}
		if s.stray || s.cells != r.header.width {
			return false, nil
		}
		r.lines.queue = r.lines.queue[i+1:]
		r.stats.Lines += i + 1
		w.last = l.number
		return true, nil
	}
	return false, nil
}

// quoteScan follows the quotes of a record over several pieces of text.
type quoteScan struct {
	separator byte
	cells     int
	start     bool // at the start of a cell
	quoted    bool // between quotes
	closing   bool // just behind a quote inside a quoted cell: its end, or the first half of a doubled one
	stray     bool
}

func (s *quoteScan) feed(text []byte) {
	for _, c := range text {
		switch {
		case s.quoted && c == '"':
			s.quoted, s.closing = false, true
		case s.quoted:
		case s.closing && c == '"':
			s.quoted, s.closing = true, false
		case c == s.separator:
			s.cells++
			s.start, s.closing = true, false
			continue
		case c == '"' && s.start:
			s.quoted = true
		case c == '"' || s.closing:
			s.stray = true
		}
		s.start = false
	}
}

// indexControl returns the place of the first control character that is not a TAB, or -1.
func indexControl(text []byte) int {
	for i, c := range text {
		if c < ' ' && c != '\t' || c == 0x7F {
			return i
		}
	}
	return -1
}

// isBlankLine reports whether a line holds nothing but separators and spaces, as spreadsheets leave at the end.
func isBlankLine(text []byte, separator byte) bool {
	for _, c := range text {
		if c != separator && c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

// trim drops spaces around a cell and a spreadsheet's apostrophe before a formula's first character.
func trim(cell []byte) []byte {
	if len(cell) == 0 {
		return cell
	}
	first, last := cell[0], cell[len(cell)-1]
	if first > ' ' && first < 0x7F && first != '\'' && last > ' ' && last < 0x7F {
		return cell
	}
	cell = bytes.TrimFunc(cell, isBlank)
	if len(cell) > 0 && cell[0] == '\'' {
		return []byte(unguard(string(cell)))
	}
	return cell
}

// adherentText is the N° adhérent in capitals, without spaces.
func adherentText(cell []byte) string {
	return upper(strings.Map(func(r rune) rune {
		if isBlank(r) {
			return -1
		}
		return r
	}, string(cell)))
}
