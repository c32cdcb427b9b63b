// The dated figures of the law that a share is calculated from, each with its text, its source and the day it was checked:
// data, to be corrected without a change of program.

package rights

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"
)

// AMORate is what the AMO pays of the base, for one regime and class, for one period, in the order of its JSON members.
type AMORate struct {
	Regime   Regime `json:"regime"`
	Class    int    `json:"class"`         // AMO rate of the régime général: 65, 30, 15
	Rate     int    `json:"rate"`          // percent of the base
	From     Date   `json:"from,omitzero"` // first day; 0: not found, taken as always
	To       Date   `json:"to,omitzero"`   // last day; 0: still in force when it was checked
	Text     string `json:"text"`          // what the rule says, French
	Source   string `json:"source"`        // where it was read
	Checked  string `json:"checked,omitempty"`
	Verified bool   `json:"verified"` // false: from usage, to be confirmed
}

// Never is an amount that contrats responsables may not cover, for one period.
type Never struct {
	Code     string `json:"code"`
	Label    string `json:"label"` // French
	Amount   Cents  `json:"amount"`
	Unit     string `json:"unit"` // French: par boîte de médicament
	From     Date   `json:"from,omitzero"`
	To       Date   `json:"to,omitzero"`
	Text     string `json:"text"`
	Source   string `json:"source"`
	Checked  string `json:"checked,omitempty"`
	Verified bool   `json:"verified"`
}

// ShareRules are the tables. They do not change once made and may be used by several goroutines.
type ShareRules struct {
	rates []AMORate
	never []Never
}

//go:embed share.json
var defaultShareRules []byte

// DefaultShareRules returns the tables that the program carries.
var DefaultShareRules = sync.OnceValue(func() *ShareRules {
	r, err := ParseShareRules(defaultShareRules)
	if err != nil {
		panic(err) // a test parses the embedded file
	}
	return r
})

// ErrShareRules is the family of what ParseShareRules refuses.
var ErrShareRules = &Invalid{"share_rules", "table des taux refusée", "table of rates refused"}

func shareRulesErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrShareRules}, args...)...)
}

// ParseShareRules reads tables of at most MaxCodesFile bytes: JSON of version 1, in any spacing, members in their order, none
// unknown, missing or twice; no two entries for the same day.
func ParseShareRules(b []byte) (*ShareRules, error) {
	if len(b) > MaxCodesFile {
		return nil, shareRulesErrorf("longer than %d bytes", MaxCodesFile)
	}
	var f struct {
		Version int       `json:"version"`
		Rates   []AMORate `json:"rates"`
		Never   []Never   `json:"never"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, shareRulesErrorf("%v", err)
	}
	var read bytes.Buffer
	if err := json.Compact(&read, b); err != nil {
		return nil, shareRulesErrorf("%v", err)
	}
	for _, n := range f.Never {
		if n.Amount < 0 || n.Amount > MaxCents {
			return nil, shareRulesErrorf("%s: amount", n.Code)
		}
	}
	// The standard decoder lets duplicate members, case variants and broken UTF-8 pass.
	if !bytes.Equal(read.Bytes(), compactJSON(f)) {
		return nil, shareRulesErrorf("duplicate, null, misspelt or misplaced member, or needless escape")
	}
	if f.Version != 1 {
		return nil, shareRulesErrorf("version %d is not 1", f.Version)
	}
	r := &ShareRules{rates: f.Rates, never: f.Never}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *ShareRules) check() error {
	for i, a := range r.rates {
		name := fmt.Sprintf("%s %d", a.Regime, a.Class)
		if !slices.Contains(Regimes(), a.Regime) || !slices.Contains(classes[:], a.Class) || a.Rate < 0 || a.Rate > 100 {
			return shareRulesErrorf("rate %d: regime, class or rate", i+1)
		}
		if err := checkRule(name, a.From, a.To, a.Checked, a.Verified, a.Text, a.Source); err != nil {
			return err
		}
		for _, b := range r.rates[:i] {
			if a.Regime == b.Regime && a.Class == b.Class && overlap(a.To, b.From) && overlap(b.To, a.From) {
				return shareRulesErrorf("%s: two entries for the same day", name)
			}
		}
	}
	for i, n := range r.never {
		if n.Code == "" || n.Label == "" || n.Unit == "" || !isPlainText(n.Code+n.Label+n.Unit) || n.Amount == 0 {
			return shareRulesErrorf("amount %d: code, label, amount or unit", i+1)
		}
		if err := checkRule(n.Code, n.From, n.To, n.Checked, n.Verified, n.Text, n.Source); err != nil {
			return err
		}
		for _, m := range r.never[:i] {
			if n.Code == m.Code && overlap(n.To, m.From) && overlap(m.To, n.From) {
				return shareRulesErrorf("%s: two entries for the same day", n.Code)
			}
		}
	}
	return nil
}

func checkRule(name string, from, to Date, checked string, verified bool, text, source string) error {
	for _, s := range []string{text, source} {
		if n := utf8.RuneCountInString(s); n == 0 || n > 400 || !isPlainText(s) {
			return shareRulesErrorf("%s: text and source are required, 400 characters at most", name)
		}
	}
	if to != 0 && to < from {
		return shareRulesErrorf("%s: last day before first day", name)
	}
	if checked == "" {
		if verified {
			return shareRulesErrorf("%s: verified without the day it was checked", name)
		}
		return nil
	}
	if _, err := ParseDate(checked); err != nil {
		return shareRulesErrorf("%s: checked: %v", name, err)
	}
	return nil
}

func (r *ShareRules) rate(regime Regime, class int, at Date) (AMORate, bool) {
	for _, a := range r.rates {
		if a.Regime == regime && a.Class == class && inForce(a.From, a.To, at) {
			return a, true
		}
	}
	return AMORate{}, false
}
