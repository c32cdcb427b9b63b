// The dated tables of domain codes and of types de convention: data that an operator can extend, never Go constants.

package rights

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Domain is one domain code for one period, in the order of its JSON members.
type Domain struct {
	Code     string `json:"code"`              // 2 to 6 of A-Z 0-9
	Label    string `json:"label"`             // French, shown to people, 1 to 80 code points
	Scope    string `json:"scope,omitempty"`   // what the code covers, French; "" when no source says
	From     Date   `json:"from,omitzero"`     // first day, 0: open
	To       Date   `json:"to,omitzero"`       // last day, 0: open
	Source   string `json:"source"`            // where the fact was read
	Checked  string `json:"checked,omitempty"` // day of the last reading, 2026-11-21
	Verified bool   `json:"verified"`          // false: from usage, to be confirmed by the operator
}

// Convention is one type de convention (a circuit) for one period.
type Convention struct {
	Code     string `json:"code"` // 2 of A-Z 0-9
	Label    string `json:"label"`
	From     Date   `json:"from,omitzero"`
	To       Date   `json:"to,omitzero"`
	Source   string `json:"source"`
	Checked  string `json:"checked,omitempty"`
	Verified bool   `json:"verified"`
}

// Codes is a pair of tables. It does not change once made and may be used by several goroutines.
type Codes struct {
	domains     []Domain     // by code, then first day
	conventions []Convention // the same
}

//go:embed codes.json
var defaultCodes []byte

// DefaultCodes returns the tables that the program carries.
var DefaultCodes = sync.OnceValue(func() *Codes {
	c, err := ParseCodes(defaultCodes)
	if err != nil {
		panic(err) // a test parses the embedded file
	}
	return c
})

// codesFile is the JSON form, version 1.
type codesFile struct {
	Version     int          `json:"version"`
	Domains     []Domain     `json:"domains"`
	Conventions []Convention `json:"conventions"`
}

// ErrCodes is the family of what ParseCodes and FormatCodes refuse.
var ErrCodes = &Invalid{"codes", "table des codes refusée", "table of codes refused"}

func codesErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCodes}, args...)...)
}

// ParseCodes reads tables in the one form that Bytes writes, at most MaxCodesFile bytes: one entry a line, sorted,
// without useless space, duplicate or unknown member. FormatCodes brings a file edited by hand into that form.
func ParseCodes(b []byte) (*Codes, error) {
	c, err := readCodes(b)
	if err != nil {
		return nil, err
	}
	if canonical := c.Bytes(); !bytes.Equal(b, canonical) {
		line := 1
		for i := range min(len(b), len(canonical)) {
			if b[i] != canonical[i] {
				break
			}
			if b[i] == '\n' {
				line++
			}
		}
		return nil, codesErrorf("not in canonical form from line %d", line)
	}
	return c, nil
}

// FormatCodes returns the canonical form of tables whose entries may be in any order and spacing; the members of an
// entry keep their order: code, label, scope, from, to, source, checked, verified.
func FormatCodes(b []byte) ([]byte, error) {
	c, err := readCodes(b)
	if err != nil {
		return nil, err
	}
	return c.Bytes(), nil
}

func readCodes(b []byte) (*Codes, error) {
	if len(b) > MaxCodesFile {
		return nil, codesErrorf("longer than %d bytes", MaxCodesFile)
	}
	var f codesFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, codesErrorf("%v", err)
	}
	// The standard decoder lets duplicate members, case variants and broken UTF-8 pass: what it understood, written
	// again in the same order, must be what was read.
	var read bytes.Buffer
	if err := json.Compact(&read, b); err != nil {
		return nil, codesErrorf("%v", err)
	}
	if !bytes.Equal(read.Bytes(), compactJSON(f)) {
		return nil, codesErrorf("duplicate, null, misspelt or misplaced member, or needless escape")
	}
	if f.Version != 1 {
		return nil, codesErrorf("version %d is not 1", f.Version)
	}
	c := &Codes{domains: f.Domains, conventions: f.Conventions}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// check sorts the tables and refuses entries that break a rule.
func (c *Codes) check() error {
	slices.SortStableFunc(c.domains, func(a, b Domain) int { return order(a.Code, b.Code, a.From, b.From) })
	slices.SortStableFunc(c.conventions, func(a, b Convention) int { return order(a.Code, b.Code, a.From, b.From) })
	for i, d := range c.domains {
		if CheckDomain(d.Code) != nil {
			return codesErrorf("domain %d: code must be 2 to 6 of A-Z 0-9", i+1)
		}
		if err := checkEntry(d.Code, d.From, d.To, d.Checked, d.Verified, d.Label, d.Source, d.Scope); err != nil {
			return err
		}
		if i > 0 && c.domains[i-1].Code == d.Code && overlap(c.domains[i-1].To, d.From) {
			return codesErrorf("%s: two entries for the same day", d.Code)
		}
	}
	for i, v := range c.conventions {
		if CheckConvention(v.Code) != nil {
			return codesErrorf("convention %d: code must be 2 of A-Z 0-9", i+1)
		}
		if v.Code == "TM" { // "TM 100%" would read like a value
			return codesErrorf("TM is a guarantee, not a type de convention")
		}
		if err := checkEntry(v.Code, v.From, v.To, v.Checked, v.Verified, v.Label, v.Source, ""); err != nil {
			return err
		}
		if i > 0 && c.conventions[i-1].Code == v.Code && overlap(c.conventions[i-1].To, v.From) {
			return codesErrorf("%s: two entries for the same day", v.Code)
		}
	}
	return nil
}

func order(a, b string, aFrom, bFrom Date) int {
	if n := strings.Compare(a, b); n != 0 {
		return n
	}
	return int(aFrom) - int(bFrom)
}

func overlap(lastTo, nextFrom Date) bool { return lastTo == 0 || nextFrom <= lastTo }

func checkEntry(code string, from, to Date, checked string, verified bool, label, source, scope string) error {
	if to != 0 && to < from {
		return codesErrorf("%s: last day before first day", code)
	}
	if checked != "" {
		if _, err := ParseDate(checked); err != nil {
			return codesErrorf("%s: checked: %v", code, err)
		}
	} else if verified {
		return codesErrorf("%s: verified without the day it was checked", code)
	}
	for _, text := range []string{label, source, scope} {
		if n := utf8.RuneCountInString(text); n > 200 || !isPlainText(text) {
			return codesErrorf("%s: text too long or not printable", code)
		}
	}
	if n := utf8.RuneCountInString(label); n == 0 || n > 80 || source == "" {
		return codesErrorf("%s: label (1 to 80 characters) and source are required", code)
	}
	return nil
}

// isPlainText refuses control, invisible and direction characters: labels are shown beside names.
func isPlainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// Bytes returns the canonical form.
func (c *Codes) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(`{"version":1,` + "\n" + `"domains":[`)
	writeEntries(&b, c.domains)
	b.WriteString("],\n" + `"conventions":[`)
	writeEntries(&b, c.conventions)
	b.WriteString("]}\n")
	return b.Bytes()
}

func writeEntries[E Domain | Convention](b *bytes.Buffer, entries []E) {
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(compactJSON(e))
	}
	if len(entries) > 0 {
		b.WriteByte('\n')
	}
}

func compactJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("rights: encode codes: " + err.Error()) // strings, booleans and dates always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Domain returns the entry of code in force at a day.
func (c *Codes) Domain(code string, at Date) (Domain, bool) {
	i, _ := slices.BinarySearchFunc(c.domains, code, func(d Domain, code string) int { return strings.Compare(d.Code, code) })
	for ; i < len(c.domains) && c.domains[i].Code == code; i++ {
		if inForce(c.domains[i].From, c.domains[i].To, at) {
			return c.domains[i], true
		}
	}
	return Domain{}, false
}

// Domains returns the entries in force at a day, by code.
func (c *Codes) Domains(at Date) []Domain {
	return slices.DeleteFunc(slices.Clone(c.domains), func(d Domain) bool { return !inForce(d.From, d.To, at) })
}

// DomainCodes returns the codes known for any day, sorted.
func (c *Codes) DomainCodes() []string {
	codes := make([]string, 0, len(c.domains))
	for _, d := range c.domains {
		codes = append(codes, d.Code)
	}
	return slices.Compact(codes)
}

// Convention returns the entry of code in force at a day.
func (c *Codes) Convention(code string, at Date) (Convention, bool) {
	i, _ := slices.BinarySearchFunc(c.conventions, code, func(v Convention, code string) int { return strings.Compare(v.Code, code) })
	for ; i < len(c.conventions) && c.conventions[i].Code == code; i++ {
		if inForce(c.conventions[i].From, c.conventions[i].To, at) {
			return c.conventions[i], true
		}
	}
	return Convention{}, false
}

// Conventions returns the entries in force at a day, by code.
func (c *Codes) Conventions(at Date) []Convention {
	return slices.DeleteFunc(slices.Clone(c.conventions), func(v Convention) bool { return !inForce(v.From, v.To, at) })
}

func inForce(from, to, at Date) bool { return from <= at && (to == 0 || at <= to) }
