// Writing rosters: what Read accepts, from contracts.

package roster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"sceau/rights"
)

// WriterOptions give a roster its form. The zero value writes UTF-8, semicolons and LF with no guarantee column, which
// Read refuses: name at least one domain.
type WriterOptions struct {
	Domains   []string // guarantee columns, in their order
	Separator byte     // ';' or ','; 0 means ';'
	Encoding  Encoding
	CRLF      bool
	Addresses bool // columns of addresses; without them a contract that has one is refused
}

// Writer writes a roster line by line.
type Writer struct {
	w     *bufio.Writer
	o     WriterOptions
	known map[string]bool
	line  int
}

// NewWriter writes the header.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	if o.Separator == 0 {
		o.Separator = ';'
	}
	if o.Separator != ';' && o.Separator != ',' {
		return nil, fmt.Errorf("roster: separator must be ; or ,")
	}
	rw := &Writer{bufio.NewWriter(w), o, map[string]bool{}, 0}
	for _, d := range o.Domains {
		if err := rights.CheckDomain(d); err != nil {
			return nil, err
		}
		if rw.known[d] {
			return nil, fmt.Errorf("roster: domain %s twice", d)
		}
		rw.known[d] = true
	}
	if o.Encoding == UTF8BOM {
		rw.w.WriteString("\ufeff") // bufio keeps the first error for the next write
	}
	header := slices.Clone(columnNames[:colAdresse1])
	if o.Addresses {
		header = append(header, columnNames[colAdresse1:colPays+1]...)
	}
	return rw, rw.put(append(header, o.Domains...))
}

// Write adds the lines of one contract and returns their numbers. It refuses a contract that rights.Contract.Check
// refuses, a domain without column, and text that the encoding lacks; it then has written none of its lines.
func (w *Writer) Write(c rights.Contract) (Lines, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Address != nil && !w.o.Addresses {
		return nil, errors.New("roster: no columns for the address")
	}
	rows := make([][]string, 0, len(c.Beneficiaries))
	for _, b := range c.Beneficiaries {
		for d := range b.Guarantees {
			if !w.known[d] {
				return nil, fmt.Errorf("roster: no column for the domain %s", d)
			}
		}
		row := w.cells(c, b)
		if w.o.Encoding == Windows1252 {
			for i, cell := range row {
				if _, ok := encode1252(cell); !ok {
					return nil, fmt.Errorf("roster: column %d cannot be written in Windows-1252", i+1)
				}
			}
		}
		rows = append(rows, row)
	}
	var numbers Lines
	for _, row := range rows {
		if err := w.put(row); err != nil {
			return nil, err
		}
		numbers = append(numbers, w.line)
	}
	return numbers, nil
}

// Flush hands everything to the underlying writer; call it once at the end.
func (w *Writer) Flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("roster: write: %w", err)
	}
	return nil
}

// Write writes a whole roster.
func Write(w io.Writer, o WriterOptions, contracts []rights.Contract) error {
	rw, err := NewWriter(w, o)
	if err != nil {
		return err
	}
	for _, c := range contracts {
		if _, err := rw.Write(c); err != nil {
			return err
		}
	}
	return rw.Flush()
}

// cells are the cells of one line, by column.
func (w *Writer) cells(c rights.Contract, b rights.Beneficiary) []string {
	responsable := "N"
	if c.Responsable {
		responsable = "O"
	}
	cells := make([]string, colAdresse1, int(fixedColumns)+len(w.o.Domains))
	cells[colAMC] = string(c.Insurer)
	cells[colAdherent] = c.Adherent
	cells[colConvention] = strings.Join(c.Conventions, "/")
	cells[colCSR] = c.CSR
	cells[colResponsable] = responsable
	cells[colDebut] = c.From.French()
	cells[colFin] = c.To.French()
	cells[colNIR] = b.NIR
	cells[colNom] = b.Nom
	cells[colPrenom] = b.Prenom
	cells[colNaissance] = b.Birth.French()
	cells[colRang] = strconv.Itoa(b.Rang)
	cells[colDebutBeneficiaire] = b.From.French()
	cells[colFinBeneficiaire] = b.To.French()
	cells[colNotes] = strings.Join(c.Notes, "|")
	if w.o.Addresses {
		cells = append(cells, addressCells(c.Address)...)
	}
	for _, d := range w.o.Domains {
		text := ""
		if g, ok := b.Guarantees[d]; ok {
			text = g.String()
		}
		cells = append(cells, text)
	}
	return cells
}

func (w *Writer) put(cells []string) error {
	end := "\n"
	if w.o.CRLF {
		end = "\r\n"
	}
	for i, cell := range cells {
		if i > 0 {
			w.w.WriteByte(w.o.Separator)
		}
		cell = guard(cell)
		if w.o.Encoding == Windows1252 {
			b, ok := encode1252(cell)
			if !ok {
				return fmt.Errorf("roster: column %d cannot be written in Windows-1252", i+1)
			}
			cell = string(b)
		}
		if strings.ContainsAny(cell, ";,\"\t") { // both separators: a spreadsheet may guess the other one
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		w.w.WriteString(cell)
	}
	w.line++
	if _, err := w.w.WriteString(end); err != nil {
		return fmt.Errorf("roster: write: %w", err)
	}
	return nil
}
