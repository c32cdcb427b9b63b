// Code texts for a printer's own variable-data software: everything that a card shows, as CSV and as NDJSON. card/manifest/FORMAT.md.

package batch

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sceau/card/manifest"
	"sceau/card/qr"
	"sceau/rights"
)

// LineSchema is the first member of each line of NDJSON.
const LineSchema = "sceau-print-1"

// addressLines are the lines of an address window.
const addressLines = 6

// table is the CSV.
type table struct {
	look *look
	out  bytes.Buffer
	w    *csv.Writer
	row  []string
}

// header names the columns: the same in every file of a campaign's part, whatever its cards have.
func (l *look) header() []string {
	h := []string{"sequence", "card", "amc", "insurer", "phone_professionals", "phone_members", "adherent", "conventions", "csr", "responsable",
		"from", "to", "code"}
	for i := range addressLines {
		h = append(h, "address_"+strconv.Itoa(i+1))
	}
	for i := range rights.MaxNotes {
		h = append(h, "note_"+strconv.Itoa(i+1))
	}
	for i := range rights.MaxBeneficiaries {
		p := "p" + strconv.Itoa(i+1) + "_"
		h = append(h, p+"nom", p+"prenom", p+"birth", p+"rang", p+"from", p+"to")
		for _, d := range l.domains {
			h = append(h, p+d)
		}
		h = append(h, p+"other")
	}
	return h
}

func newTable(l *look) *table {
	t := &table{look: l}
	t.w = csv.NewWriter(&t.out)
	t.w.Comma, t.w.UseCRLF = ';', true
	t.w.Write(l.header()) // a bytes.Buffer takes everything
	return t
}

func (t *table) kind() string { return manifest.CSV }

func (t *table) add(e *entry, _ *qr.Matrix) error {
	c := &e.card.Claims
	if len(e.address) > addressLines || len(c.Notes) > rights.MaxNotes || len(c.People) > rights.MaxBeneficiaries {
		return fmt.Errorf("batch: card %s has more than the columns hold", e.card.Place)
	}
	r := append(t.row[:0], strconv.FormatInt(e.sequence, 10), e.card.Place.String(), string(c.Issuer), t.look.insurer.Name, t.look.insurer.PhoneProfessionals,
		t.look.insurer.PhoneMembers, c.Adherent, strings.Join(c.Conventions, " "), c.CSR, map[bool]string{true: "R"}[c.Responsable],
		c.ValidFrom().French(), c.ValidTo().French(), e.card.CodeText)
	r = padded(r, e.address, addressLines)
	r = padded(r, c.Notes, rights.MaxNotes)
	for i := range rights.MaxBeneficiaries {
		if i >= len(c.People) {
			r = padded(r, nil, 7+len(t.look.domains))
			continue
		}
		p := c.People[i]
		r = append(r, p.Nom, p.Prenom, p.Birth.French(), strconv.Itoa(p.Rang), p.From.French(), p.To.French())
		r = t.guarantees(r, e, i)
	}
	for i, field := range r {
		r[i] = plain(field)
	}
	t.row = r
	return t.w.Write(r)
}

// guarantees appends a person's values: a column for each code of the campaign's table, and one for codes that it lacks.
func (t *table) guarantees(r []string, e *entry, person int) []string {
	values := valuesOf(e, person)
	for _, d := range t.look.domains {
		r = append(r, values[d])
		delete(values, d)
	}
	var left []string
	for _, d := range e.card.Claims.Domains() {
		if v, ok := values[d]; ok {
			left = append(left, d+" "+v)
		}
	}
	return append(r, strings.Join(left, ", "))
}

// valuesOf are a person's guarantees as printed, by domain.
func valuesOf(e *entry, person int) map[string]string {
	values := map[string]string{}
	for _, d := range e.card.Claims.Domains() {
		if v, ok := e.card.Claims.Value(person, d); ok && v.Kind != rights.None {
			values[d] = v.String()
		}
	}
	return values
}

func padded(r, some []string, n int) []string {
	r = append(r, some...)
	for range n - len(some) {
		r = append(r, "")
	}
	return r
}

// plain keeps a spreadsheet from taking a field for a formula: an apostrophe goes before it, as spreadsheets write text.
func plain(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func (t *table) bytes() ([]byte, error) {
	t.w.Flush()
	return t.out.Bytes(), t.w.Error()
}

// lines is the NDJSON.
type lines struct {
	look *look
	out  bytes.Buffer
}

type line struct {
	Schema             string       `json:"schema"`
	Sequence           int64        `json:"sequence"`
	Card               string       `json:"card"`
	AMC                string       `json:"amc"`
	Insurer            string       `json:"insurer"`
	PhoneProfessionals string       `json:"phone_professionals,omitempty"`
	PhoneMembers       string       `json:"phone_members,omitempty"`
	Adherent           string       `json:"adherent"`
	Conventions        []string     `json:"conventions"`
	CSR                string       `json:"csr,omitempty"`
	Responsable        bool         `json:"responsable"`
	From               string       `json:"from"`
	To                 string       `json:"to"`
	People             []linePerson `json:"people"`
	Notes              []string     `json:"notes,omitempty"`
	Address            []string     `json:"address,omitempty"`
	Code               string       `json:"code"`
}

type linePerson struct {
	Nom        string            `json:"nom"`
	Prenom     string            `json:"prenom"`
	Birth      string            `json:"birth"`
	Rang       int               `json:"rang"`
	From       string            `json:"from,omitempty"`
	To         string            `json:"to,omitempty"`
	Guarantees map[string]string `json:"guarantees"`
}

func (l *lines) kind() string { return manifest.NDJSON }

func (l *lines) add(e *entry, _ *qr.Matrix) error {
	c := &e.card.Claims
	one := line{Schema: LineSchema, Sequence: e.sequence, Card: e.card.Place.String(), AMC: string(c.Issuer), Insurer: l.look.insurer.Name,
		PhoneProfessionals: l.look.insurer.PhoneProfessionals, PhoneMembers: l.look.insurer.PhoneMembers, Adherent: c.Adherent,
		Conventions: append([]string{}, c.Conventions...), CSR: c.CSR, Responsable: c.Responsable, From: c.ValidFrom().String(), To: c.ValidTo().String(),
		Notes: c.Notes, Address: e.address, Code: e.card.CodeText}
	for i, p := range c.People {
		one.People = append(one.People, linePerson{p.Nom, p.Prenom, string(p.Birth), p.Rang, p.From.String(), p.To.String(), valuesOf(e, i)})
	}
	enc := json.NewEncoder(&l.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(one)
}

func (l *lines) bytes() ([]byte, error) { return l.out.Bytes(), nil }
