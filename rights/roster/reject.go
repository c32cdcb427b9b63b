// Rejects: what a roster's lines did wrong, as CSV for people with a spreadsheet and as JSON lines for programs.

package roster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Reject says why one line was not taken. A line may have several. No cell of the file is repeated in it: it holds no
// name and no NIR, whichever column they strayed into.
type Reject struct {
	Line    int    `json:"line"`              // physical line in the file, the header being 1
	Column  string `json:"column,omitempty"`  // canonical header (amc, nom, PHAR…), or "" for the whole line
	Code    string `json:"code"`              // stable, snake_case
	Cause   string `json:"cause"`             // French, with what to do
	Related int    `json:"related,omitempty"` // the other line that the cause names, or 0
}

// The codes of rejects that are not those of package rights. FORMAT.md lists all with their meaning.
const (
	CodeContractRejected = "contract_rejected" // another line of the contract has a fault
	CodeContractConflict = "contract_conflict" // a fact of the contract differs from its first line
	CodeContractSplit    = "contract_split"    // the contract stood higher up already, with other contracts between
	CodeColumns          = "column_count"
	CodeLineLong         = "line_too_long"
	CodeFieldLong        = "field_too_long"
	CodeEncoding         = "encoding"
	CodeControl          = "control_character"
	CodeQuote            = "quote"
	CodeMultiLine        = "multi_line"
	CodeTruncated        = "truncated" // the file ends within this line
	CodeLineEnds         = "line_ends" // a lone carriage return joins two lines
	CodeInsurerUnknown   = "insurer_unknown"
	CodeEmpty            = "empty"
	CodeDateFormat       = "date_format"
	CodeDateCalendar     = "date_calendar"
	CodeBirthAmbiguous   = "birth_ambiguous"
	CodeYesNo            = "yes_no"
	CodeMovement         = "movement"
)

// RejectWriter writes rejects one by one, so that a sink of millions needs no memory.
type RejectWriter struct {
	w   *bufio.Writer
	put func(Reject) error
}

// NewCSVRejects writes UTF-8 CSV with a byte order mark, semicolons and every cell quoted, as French spreadsheets open
// it; no cell begins with a formula's first character. The header is written at once, so a file without rejects has one.
func NewCSVRejects(w io.Writer) *RejectWriter {
	b := bufio.NewWriter(w)
	row := func(cells ...string) error {
		for i, cell := range cells {
			if i > 0 {
				b.WriteByte(';')
			}
			b.WriteString(`"` + strings.ReplaceAll(guard(cell), `"`, `""`) + `"`)
		}
		_, err := b.WriteString("\r\n")
		return err
	}
	b.WriteString("\ufeff") // a failure shows at the next write: bufio keeps the first error
	err := row("ligne", "colonne", "code", "cause", "autre_ligne")
	return &RejectWriter{b, func(r Reject) error {
		if err != nil {
			return err
		}
		related := ""
		if r.Related != 0 {
			related = strconv.Itoa(r.Related)
		}
		return row(strconv.Itoa(r.Line), r.Column, r.Code, r.Cause, related)
	}}
}

// NewJSONRejects writes one JSON object a line.
func NewJSONRejects(w io.Writer) *RejectWriter {
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return &RejectWriter{b, func(r Reject) error { return e.Encode(r) }}
}

// Write adds a reject. It suits Options.OnReject.
func (w *RejectWriter) Write(r Reject) error {
	if err := w.put(r); err != nil {
		return fmt.Errorf("roster: write rejects: %w", err)
	}
	return nil
}

// Flush hands everything to the underlying writer; call it once at the end.
func (w *RejectWriter) Flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("roster: write rejects: %w", err)
	}
	return nil
}

// WriteRejectsCSV writes rejects as NewCSVRejects does.
func WriteRejectsCSV(w io.Writer, rejects []Reject) error { return writeAll(NewCSVRejects(w), rejects) }

// WriteRejectsJSON writes rejects as NewJSONRejects does.
func WriteRejectsJSON(w io.Writer, rejects []Reject) error {
	return writeAll(NewJSONRejects(w), rejects)
}

func writeAll(w *RejectWriter, rejects []Reject) error {
	for _, r := range rejects {
		if err := w.Write(r); err != nil {
			return err
		}
	}
	return w.Flush()
}
