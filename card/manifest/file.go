// manifest.json: one spelling for each manifest. FORMAT.md.

package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"sceau/rights"
)

// Format is the first member of manifest.json.
const Format = string(Kind)

// moment is how times are written: UTC, whole seconds.
const moment = "2006-01-02T15:04:05Z"

// Bytes returns the canonical manifest.json. It refuses what Parse would refuse, with ErrMalformed.
func (m *Manifest) Bytes() ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	w := writer{b: make([]byte, 0, 2048+400*len(m.Files))}
	w.text(`{"format":`, Format)
	w.text(`,"campaign":`, m.Campaign)
	w.optional(`,"name":`, m.Name)
	w.optional(`,"rerun":`, m.Rerun)
	w.text(`,"insurer":{"amc":`, m.Insurer)
	w.text(`,"name":`, m.Insured)
	w.raw("}")
	w.optional(`,"from":`, m.From.String())
	w.optional(`,"to":`, m.To.String())
	w.text(`,"layout":`, m.Layout)
	w.optional(`,"window":`, m.Window)
	w.raw(`,"marks":` + strconv.FormatBool(m.Marks))
	w.text(`,"made":`, m.Made.UTC().Format(moment))
	w.number(`,"total":`, m.Total)
	w.ranges(`,"ranges":`, m.Ranges)
	w.raw(`,"outputs":[`)
	for i, o := range m.Outputs {
		w.text(comma(i), o)
	}
	w.raw(`],"files":[`)
	for i, f := range m.Files {
		w.file(comma(i), f)
	}
	w.raw(`],"without":[`)
	for i, without := range m.Without {
		w.text(comma(i)+`{"cause":`, without.Cause)
		w.number(`,"count":`, without.Count())
		w.ranges(`,"ranges":`, without.Ranges)
		w.raw("}")
	}
	w.raw("]")
	w.totals(m.Totals())
	sum := m.ControlOf()
	w.text(`,"control":`, hex.EncodeToString(sum[:]))
	w.raw("}\n")
	if len(w.b) > MaxFile {
		return nil, malformed("manifest_size", "larger than its bound")
	}
	return w.b, nil
}

type writer struct{ b []byte }

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

// text writes a member of the alphabet of rights.CheckNote or less, which has no control characters.
func (w *writer) text(before, s string) {
	w.raw(before)
	w.b = append(w.b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			w.b = append(w.b, '\\')
		}
		w.b = append(w.b, s[i])
	}
	w.b = append(w.b, '"')
}

func (w *writer) optional(before, s string) {
	if s != "" {
		w.text(before, s)
	}
}

func (w *writer) number(before string, n int64) {
	w.raw(before)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) ranges(before string, all []Range) {
	w.raw(before + "[")
	for i, r := range all {
		w.number(comma(i)+"[", r.First)
		w.number(",", r.Last)
		w.raw("]")
	}
	w.raw("]")
}

func (w *writer) file(before string, f File) {
	w.text(before+`{"name":`, f.Name())
	w.text(`,"kind":`, f.Kind)
	w.text(`,"sha256":`, hex.EncodeToString(f.SHA256[:]))
	w.number(`,"size":`, f.Size)
	w.number(`,"first":`, f.First)
	w.number(`,"last":`, f.Last)
	w.number(`,"cards":`, f.Cards)
	w.number(`,"people":`, f.People)
	w.number(`,"pages":`, f.Pages)
	w.text(`,"control":`, hex.EncodeToString(f.Control[:]))
	w.raw("}")
}

func (w *writer) totals(t Totals) {
	w.number(`,"totals":{"numbers":`, t.Numbers)
	w.number(`,"cards":`, t.Cards)
	w.number(`,"without":`, t.Without)
	w.number(`,"people":`, t.People)
	w.number(`,"pages":`, t.Pages)
	w.number(`,"files":`, t.Files)
	w.number(`,"bytes":`, t.Bytes)
	w.raw("}")
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

type document struct {
	Format   string `json:"format"`
	Campaign string `json:"campaign"`
	Name     string `json:"name"`
	Rerun    string `json:"rerun"`
	Insurer  struct {
		AMC  string `json:"amc"`
		Name string `json:"name"`
	} `json:"insurer"`
	From    string     `json:"from"`
	To      string     `json:"to"`
	Layout  string     `json:"layout"`
	Window  string     `json:"window"`
	Marks   bool       `json:"marks"`
	Made    string     `json:"made"`
	Total   int64      `json:"total"`
	Ranges  [][2]int64 `json:"ranges"`
	Outputs []string   `json:"outputs"`
	Files   []struct {
		Name    string `json:"name"`
		Kind    string `json:"kind"`
		SHA256  string `json:"sha256"`
		Size    int64  `json:"size"`
		First   int64  `json:"first"`
		Last    int64  `json:"last"`
		Cards   int64  `json:"cards"`
		People  int64  `json:"people"`
		Pages   int64  `json:"pages"`
		Control string `json:"control"`
	} `json:"files"`
	Without []struct {
		Cause  string     `json:"cause"`
		Count  int64      `json:"count"`
		Ranges [][2]int64 `json:"ranges"`
	} `json:"without"`
	Totals  json.RawMessage `json:"totals"`
	Control string          `json:"control"`
}

// Parse reads what Bytes writes and nothing else: totals, counts and names that do not follow from the rest are refused with it.
// Errors: ErrMalformed.
func Parse(b []byte) (*Manifest, error) {
	if len(b) > MaxFile {
		return nil, malformed("manifest_size", "larger than its bound")
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return nil, malformed("manifest_json", "not the JSON of this format")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, malformed("manifest_json", "bytes after the value")
	}
	if d.Format != Format {
		return nil, malformed("manifest_format", "version of manifest.json that this program doesn't know")
	}
	m, err := d.manifest()
	if err != nil {
		return nil, err
	}
	again, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) { // also totals, counts, names and control totals that are not what the files make
		return nil, malformed("manifest_not_canonical", "totals that the files do not make, or spelled in another way")
	}
	return m, nil
}

func (d *document) manifest() (*Manifest, error) {
	m := &Manifest{Campaign: d.Campaign, Name: d.Name, Rerun: d.Rerun, Insurer: d.Insurer.AMC, Insured: d.Insurer.Name, Layout: d.Layout,
		Window: d.Window, Marks: d.Marks, Total: d.Total, Ranges: ranges(d.Ranges), Outputs: d.Outputs}
	var err error
	if m.Made, err = time.Parse(moment, d.Made); err != nil {
		return nil, malformed("manifest_time", "no UTC time with whole seconds")
	}
	for _, day := range []struct {
		text string
		to   *rights.Date
	}{{d.From, &m.From}, {d.To, &m.To}} {
		if day.text != "" {
			if *day.to, err = rights.ParseDate(day.text); err != nil {
				return nil, malformed("manifest_period", "no day of the calendar")
			}
		}
	}
	for _, f := range d.Files {
		one := File{Kind: f.Kind, Size: f.Size, First: f.First, Last: f.Last, Cards: f.Cards, People: f.People, Pages: f.Pages}
		if !digest(&one.SHA256, f.SHA256) || !digest(&one.Control, f.Control) {
			return nil, malformed("manifest_digest", "no SHA-256 in hexadecimal")
		}
		m.Files = append(m.Files, one)
	}
	for _, w := range d.Without {
		m.Without = append(m.Without, Without{w.Cause, ranges(w.Ranges)})
	}
	return m, nil
}

func digest(to *[32]byte, text string) bool {
	if len(text) != 64 {
		return false
	}
	_, err := hex.Decode(to[:], []byte(text))
	return err == nil
}

func ranges(all [][2]int64) []Range {
	var out []Range
	for _, r := range all {
		out = append(out, Range{r[0], r[1]})
	}
	return out
}
