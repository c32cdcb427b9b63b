// Tests of the dated code tables: the embedded file, the strict reader, days at the edges.

package rights

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func mustDate(t testing.TB, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDefaultCodes(t *testing.T) {
	c := DefaultCodes()
	if !bytes.Equal(c.Bytes(), defaultCodes) {
		t.Error("the embedded file is not canonical")
	}
	day := mustDate(t, "2027-03-01")
	if len(c.Domains(day)) < 29 || len(c.Conventions(day)) < 13 {
		t.Fatalf("%d domains, %d conventions", len(c.Domains(day)), len(c.Conventions(day)))
	}
	verified := 0
	for _, d := range c.Domains(day) {
		if d.Verified {
			verified++
		}
		if d.Label == "" || d.Source == "" || d.Verified != (d.Checked != "") {
			t.Errorf("%+v", d)
		}
	}
	for _, v := range c.Conventions(day) {
		if v.Verified {
			verified++
		}
	}
	if verified == 0 || verified > 10 {
		t.Errorf("%d verified entries: only what a public source says may be marked so", verified)
	}
	if d, ok := c.Domain("PHAR", day); !ok || d.Label != "Pharmacie" || !d.Verified {
		t.Errorf("PHAR: %+v %v", d, ok)
	}
	if v, ok := c.Convention("VM", day); !ok || v.Verified {
		t.Errorf("VM: %+v %v", v, ok)
	}
	for _, code := range []string{"", "phar", "PHARM", "NOM", "PHA", "ZZZZ"} {
		if d, ok := c.Domain(code, day); ok || d != (Domain{}) {
			t.Errorf("domain %q exists", code)
		}
	}
	for _, code := range []string{"", "is", "ZZ", "TM", "I"} {
		if v, ok := c.Convention(code, day); ok || v != (Convention{}) {
			t.Errorf("convention %q exists", code)
		}
	}
}

const smallCodes = `{"version":1,
"domains":[
{"code":"OPTI","label":"Optique","to":"2027-06-30","source":"s","verified":false},
{"code":"OPTI","label":"Optique et lentilles","scope":"tout","from":"2027-07-01","to":"2028-06-30","source":"s","checked":"2026-11-21","verified":true},
{"code":"PHAR","label":"Pharmacie","from":"2027-01-01","source":"s","verified":false}
],
"conventions":[
{"code":"IS","label":"iSanté","source":"s","verified":false}
]}
`

func TestCodesByDay(t *testing.T) {
	c, err := ParseCodes([]byte(smallCodes))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ code, day, label string }{
		{"OPTI", "2020-01-01", "Optique"}, {"OPTI", "2027-06-30", "Optique"}, {"OPTI", "2027-07-01", "Optique et lentilles"},
		{"OPTI", "2028-06-30", "Optique et lentilles"}, {"OPTI", "2028-07-01", ""},
		{"PHAR", "2026-12-31", ""}, {"PHAR", "2027-01-01", "Pharmacie"}, {"PHAR", "2099-12-31", "Pharmacie"},
	} {
		d, ok := c.Domain(x.code, mustDate(t, x.day))
		if d.Label != x.label || ok != (x.label != "") {
			t.Errorf("%s on %s: %q", x.code, x.day, d.Label)
		}
	}
	if n := len(c.Domains(mustDate(t, "2028-12-31"))); n != 1 {
		t.Errorf("%d domains at the end of 2028", n)
	}
	if got := strings.Join(c.DomainCodes(), " "); got != "OPTI PHAR" {
		t.Errorf("codes %q", got)
	}
}

func TestParseCodesRefuses(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(smallCodes, old) {
			t.Fatalf("%q is not in the table", old)
		}
		return strings.Replace(smallCodes, old, new, 1)
	}
	bad := map[string]string{
		"empty":              "",
		"null":               "null",
		"array":              "[]",
		"behind":             smallCodes + "x",
		"second value":       smallCodes + "{}",
		"no end of line":     strings.TrimSuffix(smallCodes, "\n"),
		"space":              change(`"version":1`, `"version": 1`),
		"CRLF":               strings.ReplaceAll(smallCodes, "\n", "\r\n"),
		"version 2":          change(`"version":1`, `"version":2`),
		"version 1.0":        change(`"version":1`, `"version":1.0`),
		"no version":         change(`"version":1,`, ``),
		"unknown member":     change(`"source":"s"`, `"source":"s","url":"x"`),
		"duplicate member":   change(`"label":"iSanté"`, `"label":"x","label":"iSanté"`),
		"case variant":       change(`"label":"iSanté"`, `"Label":"iSanté"`),
		"null label":         change(`"label":"iSanté"`, `"label":null`),
		"escape":             change(`iSanté`, `iSant\u00e9`),
		"broken UTF-8":       change(`iSanté`, "iSant\xe9"),
		"control":            change(`iSanté`, `i\u0007`),
		"direction":          change(`iSanté`, "i\u202eSanté"),
		"empty label":        change(`"iSanté"`, `""`),
		"long label":         change(`iSanté`, strings.Repeat("i", 81)),
		"long scope":         change(`"tout"`, `"`+strings.Repeat("i", 201)+`"`),
		"no source":          change(`"source":"s","verified":false}`+"\n]}", `"source":"","verified":false}`+"\n]}"),
		"small code":         change(`"PHAR"`, `"phar"`),
		"long code":          change(`"PHAR"`, `"PHARMAC"`),
		"short code":         change(`"PHAR"`, `"P"`),
		"long convention":    change(`"IS"`, `"ISX"`),
		"TM":                 change(`"IS"`, `"TM"`),
		"order":              change(`"PHAR"`, `"AAAA"`),
		"overlap":            change(`"from":"2027-07-01"`, `"from":"2027-06-30"`),
		"open and again":     change(`,"to":"2027-06-30"`, ``),
		"empty date":         change(`"from":"2027-01-01"`, `"from":""`),
		"no such day":        change(`"from":"2027-01-01"`, `"from":"2027-02-29"`),
		"backwards":          change(`"to":"2028-06-30"`, `"to":"2027-06-30"`),
		"verified unchecked": change(`"checked":"2026-11-21",`, ``),
		"odd checked":        change(`2026-11-21`, `hier`),
		"verified as text":   change(`"verified":true`, `"verified":"true"`),
		"too long":           smallCodes + strings.Repeat(" ", MaxCodesFile),
		"twice the same":     change("],\n\"conventions\"", ",\n"+`{"code":"PHAR","label":"Pharmacie","from":"2027-01-01","source":"s","verified":false}`+"\n],\n\"conventions\""),
	}
	for name, text := range bad {
		if c, err := ParseCodes([]byte(text)); !errors.Is(err, ErrCodes) || c != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFormatCodes(t *testing.T) {
	loose := `{ "version": 1, "domains": [
		{"code":"PHAR", "label":"Pharmacie", "source":"s", "verified":false},
		{"code":"AUDI", "label":"Audio", "source":"s", "verified":false} ], "conventions": [] }`
	if _, err := ParseCodes([]byte(loose)); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("loose form: %v", err)
	}
	b, err := FormatCodes([]byte(loose))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCodes(b)
	if err != nil || strings.Join(c.DomainCodes(), " ") != "AUDI PHAR" {
		t.Errorf("%s: %v", b, err)
	}
	if b, err := FormatCodes([]byte(strings.Replace(loose, `"Audio"`, `"Audio","label":"Autre"`, 1))); err == nil || b != nil {
		t.Errorf("a duplicate member passes: %s", b)
	}
}

func FuzzCodes(f *testing.F) {
	f.Add(defaultCodes)
	f.Add([]byte(smallCodes))
	f.Add([]byte(`{"version":1,` + "\n" + `"domains":[],` + "\n" + `"conventions":[]}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseCodes(b); err == nil && !bytes.Equal(c.Bytes(), b) {
			t.Fatalf("%q writes as %q", b, c.Bytes())
		}
		formatted, err := FormatCodes(b)
		if err != nil {
			return
		}
		c, err := ParseCodes(formatted)
		if err != nil || !bytes.Equal(c.Bytes(), formatted) {
			t.Fatalf("%q formats as %q: %v", b, formatted, err)
		}
	})
}
