// What a manifest must be before it is signed and after it was read: whole, without a gap and without a number twice.

package manifest

import (
	"slices"

	"sceau/rights"
	"sceau/signing"
)

func malformed(code, detail string) error {
	return &signing.Refusal{Family: ErrMalformed, Code: code, Detail: detail}
}

// Check refuses a manifest that does not hold together. Errors: ErrMalformed.
func (m *Manifest) Check() error {
	if err := m.checkFacts(); err != nil {
		return err
	}
	if err := checkRanges(m.Ranges, m.Total); err != nil {
		return err
	}
	if m.Rerun == "" && (len(m.Ranges) != 1 || m.Ranges[0] != Range{1, m.Total}) {
		return malformed("manifest_partial", "a campaign's own manifest speaks for the numbers 1 to total")
	}
	without, err := m.checkWithout()
	if err != nil {
		return err
	}
	return m.checkFiles(without)
}

func (m *Manifest) checkFacts() error {
	amc, err := rights.ParseAMC(m.Insurer)
	switch {
	case !word(m.Campaign, 40, true):
		return malformed("manifest_campaign", "not 1 to 40 of a-z, 0-9 and -, beginning with a letter or digit")
	case m.Name != "" && rights.CheckNote(m.Name) != nil, m.Rerun != "" && rights.CheckNote(m.Rerun) != nil, rights.CheckNote(m.Insured) != nil:
		return malformed("manifest_text", "a name or reason outside the rule for texts")
	case err != nil || amc.Key() != m.Insurer:
		return malformed("manifest_insurer", "no insurer's key")
	case m.From < 0 || m.To < 0 || m.From > 0 && m.To > 0 && m.To < m.From:
		return malformed("manifest_period", "the period ends before it begins")
	case !slices.Contains(Layouts(), m.Layout), m.Window != "" && (m.Layout != "letter" || !slices.Contains(Windows(), m.Window)):
		return malformed("manifest_layout", "layout or window that this version does not know")
	case m.Made.Nanosecond() != 0 || m.Made.Year() < 2020 || m.Made.Year() > 2099:
		return malformed("manifest_time", "no time with whole seconds in the years 2020 to 2099")
	case m.Total < 1 || m.Total > MaxSequence:
		return malformed("manifest_total", "total outside its bounds")
	}
	n := -1
	for _, o := range m.Outputs {
		at := slices.Index(FileKinds(), o)
		if at <= n {
			return malformed("manifest_outputs", "outputs are of pdf, csv, ndjson, png, in that order, each once")
		}
		n = at
	}
	if n < 0 {
		return malformed("manifest_outputs", "no output")
	}
	return nil
}

// word says whether s is a short name of a-z and -, or of digits too.
func word(s string, most int, digits bool) bool {
	if s == "" || len(s) > most || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '-' && (!digits || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// checkRanges refuses ranges that are empty, unordered, touching or out of 1 to total: one spelling for each set of numbers.
func checkRanges(all []Range, total int64) error {
	if len(all) == 0 || len(all) > MaxRanges {
		return malformed("manifest_ranges", "no range, or too many")
	}
	end := int64(-1)
	for _, r := range all {
		if r.First < 1 || r.Last < r.First || r.Last > total || r.First <= end+1 {
			return malformed("manifest_ranges", "ranges are ascending, apart and within the total")
		}
		end = r.Last
	}
	return nil
}

// checkWithout gives all numbers without a card, by number.
func (m *Manifest) checkWithout() ([]Range, error) {
	var all []Range
	before := ""
	for _, w := range m.Without {
		if !word(w.Cause, 30, false) || w.Cause <= before {
			return nil, malformed("manifest_cause", "causes are words, by the alphabet, each once")
		}
		before = w.Cause
		if err := checkRanges(w.Ranges, m.Total); err != nil {
			return nil, err
		}
		all = append(all, w.Ranges...)
	}
	if len(all) > MaxRanges {
		return nil, malformed("manifest_ranges", "too many ranges")
	}
	slices.SortFunc(all, func(a, b Range) int { return int(a.First - b.First) })
	at := 0
	for i, r := range all {
		if i > 0 && r.First <= all[i-1].Last {
			return nil, malformed("manifest_overlap", "a number has two causes")
		}
		for at < len(m.Ranges) && m.Ranges[at].Last < r.First {
			at++
		}
		if at == len(m.Ranges) || r.First < m.Ranges[at].First || r.Last > m.Ranges[at].Last {
			return nil, malformed("manifest_cause", "a cause for a number that the manifest does not speak for")
		}
	}
	return all, nil
}

// checkFiles refuses files that leave a number out or have one twice.
func (m *Manifest) checkFiles(without []Range) error {
	kinds := len(m.Outputs)
	if len(m.Files)%kinds != 0 || len(m.Files)/kinds > MaxGroups {
		return malformed("manifest_files", "not one file of each output for each range, or too many")
	}
	wanted := minus(m.Ranges, without)
	end := int64(0)
	for i, f := range m.Files {
		if err := f.check(); err != nil {
			return err
		}
		if f.Kind != m.Outputs[i%kinds] {
			return malformed("manifest_files", "not one file of each output for each range, in the order of outputs")
		}
		if i%kinds > 0 {
			if g := m.Files[i-1]; f.First != g.First || f.Last != g.Last || f.Cards != g.Cards || f.People != g.People || f.Control != g.Control {
				return malformed("manifest_files", "files of one range that do not say the same of it")
			}
			continue
		}
		if f.First <= end || f.Last > m.Total {
			return malformed("manifest_overlap", "a number is in two files, or files are not in their order")
		}
		end = f.Last
		// What lies before this file and was not taken by an earlier one is in none.
		if len(wanted) > 0 && wanted[0].First < f.First {
			return malformed("manifest_gap", "a number is in no file and without a cause")
		}
		n := int64(0)
		for len(wanted) > 0 && wanted[0].First <= f.Last {
			last := min(wanted[0].Last, f.Last)
			n += last - wanted[0].First + 1
			if last < wanted[0].Last {
				wanted[0].First = last + 1
				break
			}
			wanted = wanted[1:]
		}
		if n != f.Cards {
			return malformed("manifest_count", "a file's cards are not as many as its numbers")
		}
	}
	if len(wanted) > 0 {
		return malformed("manifest_gap", "a number is in no file and without a cause")
	}
	return nil
}

// With are the numbers that have a card in the files, ascending.
func (m *Manifest) With() ([]Range, error) {
	without, err := m.checkWithout()
	if err != nil {
		return nil, err
	}
	return minus(m.Ranges, without), nil
}

// minus is what of all is not in out; both ascending, out within all.
func minus(all, out []Range) []Range {
	var left []Range
	for _, r := range all {
		for len(out) > 0 && out[0].First <= r.Last {
			if out[0].First > r.First {
				left = append(left, Range{r.First, out[0].First - 1})
			}
			r.First = out[0].Last + 1
			out = out[1:]
		}
		if r.First <= r.Last {
			left = append(left, r)
		}
	}
	return left
}

func (f File) check() error {
	switch {
	case f.First < 1 || f.Last < f.First || f.Last > MaxSequence:
		return malformed("manifest_file", "numbers of a file outside their bounds")
	case f.Cards < 1 || f.Cards > MaxCards || f.People < f.Cards || f.People > maxPeople*f.Cards:
		return malformed("manifest_file", "counts of a file outside their bounds")
	case f.Size < 1 || f.Size > maxBytes:
		return malformed("manifest_file", "size of a file outside its bounds")
	case (f.Kind == PDF) != (f.Pages > 0) || f.Pages < 0 || f.Pages > 4*f.Cards:
		return malformed("manifest_file", "pages of a file outside their bounds")
	}
	return nil
}
