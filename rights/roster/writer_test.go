// Tests of written rosters and written rejects: what is written reads back the same, and opens without harm.

package roster

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sceau/rights"
)

var drawnDomains = []string{"PHAR", "LABO", "DENT", "OPTI", "MED"}

// drawContract makes any valid contract; latin keeps to Windows-1252.
func drawContract(t *rapid.T, n int, latin bool) rights.Contract {
	letters := "ABCDEXYZabcxyzéÉèœŒÿçŠž"
	if !latin {
		letters += "őŁșİıəƁẞễ"
	}
	letter := rapid.SampledFrom([]rune(letters))
	name := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.StringOfN(letter, 1, 8, -1), 1, 3).Draw(t, "parts")
		return rapid.SampledFrom([]string{"", "", "'", "’"}).Draw(t, "first") + strings.Join(parts, rapid.SampledFrom([]string{" ", "-", "'", "’", ". ", "--"}).Draw(t, "joint"))
	})
	day := func(from, to rights.Date, label string) rights.Date {
		return rights.Date(rapid.Int32Range(int32(from), int32(to)).Draw(t, label))
	}
	code := rapid.SampledFrom([]string{"IS", "SP", "OC", "IT", "KA", "VM"})
	c := rights.Contract{
		Insurer:     rights.AMC(rapid.StringMatching("0{0,2}[1-9A-Z][0-9A-Z]{0,7}").Draw(t, "amc")),
		Adherent:    rapid.StringMatching("[0-9A-Z][-/0-9A-Z]{0,8}").Draw(t, "adherent") + fmt.Sprintf("/%d", n),
		CSR:         rapid.StringMatching("[0-9A-Z]{0,8}").Draw(t, "csr"),
		Responsable: rapid.Bool().Draw(t, "responsable"),
		From:        day(rights.FirstDay, rights.LastDay, "from"),
	}
	c.To = day(c.From, rights.LastDay, "to")
	if codes := rapid.SliceOfNDistinct(code, 0, 4, rapid.ID).Draw(t, "conventions"); len(codes) > 0 {
		c.Conventions = codes
	}
	note := rapid.Custom(func(t *rapid.T) string {
		words := rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune(`abcÉœ=+-@'";,.:%/()0159€«»`)), 1, 8, -1), 1, 5).Draw(t, "words")
		return strings.Join(words, " ")
	}).Filter(func(s string) bool { return rights.CheckNote(s) == nil })
	if notes := rapid.SliceOfN(note, 0, 4).Draw(t, "notes"); len(notes) > 0 {
		c.Notes = notes
	}
	for i := range rapid.IntRange(1, rights.MaxBeneficiaries).Draw(t, "people") {
		b := rights.Beneficiary{Nom: name.Draw(t, "nom"), Prenom: name.Draw(t, "prenom"), Rang: i%9 + 1, Guarantees: map[string]rights.Guarantee{},
			Birth: rights.BirthDate(fmt.Sprintf("%04d%04d", rapid.IntRange(1900, 2040).Draw(t, "year"), i*100+rapid.IntRange(0, 99).Draw(t, "day")))}
		if rapid.Bool().Draw(t, "nir") {
			first := rapid.StringMatching("[123478][0-9]{2}(0[1-9]|1[0-2])(2A|2B|[1-9][0-9])[0-9]{6}").Draw(t, "first")
			key, err := rights.NIRKey(first)
			if err != nil {
				t.Fatal(err)
			}
			b.NIR = fmt.Sprintf("%s%02d", first, key)
		}
		if rapid.Bool().Draw(t, "own") && c.To-c.From > 2 {
			if b.From = day(c.From, c.To-1, "ownFrom"); b.From == c.From {
				b.From = 0
			}
			if b.To = day(max(b.From, c.From), c.To, "ownTo"); b.To == c.To {
				b.To = 0
			}
		}
		for _, d := range drawnDomains {
			if rapid.Bool().Draw(t, "has") {
				b.Guarantees[d] = drawGuarantee(t, len(c.Notes))
			}
		}
		c.Beneficiaries = append(c.Beneficiaries, b)
	}
	return c
}

func drawGuarantee(t *rapid.T, notes int) rights.Guarantee {
	g := rights.Guarantee{Kind: rights.GuaranteeKind(rapid.IntRange(0, 5).Draw(t, "kind")), Note: rapid.IntRange(0, notes).Draw(t, "note")}
	switch g.Kind {
	case rights.Rate:
		g.Rates[0] = rapid.IntRange(1, rights.MaxRate).Draw(t, "rate")
	case rights.Rates3:
		for i := range g.Rates {
			g.Rates[i] = rapid.IntRange(0, rights.MaxRate).Draw(t, "rate")
		}
	case rights.Amount:
		g.Euros = rapid.IntRange(1, rights.MaxEuros).Draw(t, "euros")
	}
	if codes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"IS", "SP", "OC", "KA"}), 0, 3, rapid.ID).Draw(t, "circuits"); len(codes) > 0 && g.Kind != rights.None {
		g.Circuits = codes
	}
	return g
}

func TestReadOfWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := WriterOptions{Domains: drawnDomains, CRLF: rapid.Bool().Draw(t, "crlf"), Separator: rapid.SampledFrom([]byte{0, ';', ','}).Draw(t, "separator"),
			Encoding: rapid.SampledFrom([]Encoding{UTF8, UTF8BOM, Windows1252}).Draw(t, "encoding")}
		var want []rights.Contract
		for n := range rapid.IntRange(0, 6).Draw(t, "contracts") {
			want = append(want, drawContract(t, n, o.Encoding == Windows1252))
		}
		var file bytes.Buffer
		if err := Write(&file, o, want); err != nil {
			t.Fatal(err)
		}
		if o.Encoding == Windows1252 { // É before œ makes the two bytes of another letter: nobody can tell such a line
			for _, l := range bytes.Split(file.Bytes(), []byte("\n")) {
				if !isASCII(l) && utf8.Valid(l) {
					t.Skip("a line that is both Windows-1252 and UTF-8")
				}
			}
		}
		r, err := Read(&file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []rights.Contract
		next := 2
		for {
			c, lines, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(lines) != len(c.Beneficiaries) || lines[0] != next {
				t.Fatalf("lines %v, want from %d", lines, next)
			}
			next += len(lines)
			got = append(got, c)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("rejects %+v\ngot  %+v\nwant %+v", r.Rejects(), got, want)
		}
	})
}

func TestWriterRefuses(t *testing.T) {
	for _, o := range []WriterOptions{{Separator: '\t'}, {Separator: '|'}, {Domains: []string{"phar"}}, {Domains: []string{"PHAR", "PHAR"}}} {
		if w, err := NewWriter(io.Discard, o); err == nil || w != nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	all, _ := readAll(t, head+person("A1", "Un")+with(person("A1", "Un"), "rang", "2"), Options{})
	good := all[0].contract
	write := func(o WriterOptions, change func(*rights.Contract)) (string, error) {
		c := good
		c.Beneficiaries = slices.Clone(c.Beneficiaries)
		change(&c)
		var b bytes.Buffer
		w, err := NewWriter(&b, o)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := w.Write(c)
		if (err == nil) != slices.Equal(lines, Lines{2, 3}) {
			t.Errorf("lines %v, %v", lines, err)
		}
		if ferr := w.Flush(); ferr != nil {
			t.Fatal(ferr)
		}
		return b.String(), err
	}
	full := WriterOptions{Domains: []string{"PHAR", "DENT", "OPTI"}}
	if s, err := write(full, func(*rights.Contract) {}); err != nil || strings.Count(s, "\n") != 3 {
		t.Errorf("%q, %v", s, err)
	}
	if s, err := write(WriterOptions{Domains: []string{"PHAR"}}, func(*rights.Contract) {}); err == nil || strings.Count(s, "\n") != 1 {
		t.Errorf("a domain without column: %q, %v", s, err)
	}
	if s, err := write(full, func(c *rights.Contract) { c.Beneficiaries[1].Nom = "" }); err == nil || strings.Count(s, "\n") != 1 {
		t.Errorf("an invalid contract: %q, %v", s, err)
	}
	full.Encoding = Windows1252
	if s, err := write(full, func(c *rights.Contract) { c.Beneficiaries[1].Nom = "ȘTEFAN" }); err == nil || strings.Count(s, "\n") != 1 || strings.Contains(err.Error(), "TEFAN") {
		t.Errorf("outside Windows-1252: %q, %v", s, err)
	}
}

// payloads are the formula injection strings of the shared data, and more.
func payloads(t testing.TB) []string {
	list := []string{"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "'=1", "''=1", "' =1", "\u00a0=1", "＝1", "＋1", "－1", "＠1", "-", "--", "- (1)", "'-", "'", "''", "", "t", "'t", "a;=1", "a,=1", `a";=1`,
		`"=1`, "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\";\"y\")", "=1;\"", "é", "a\tb", "%0A=1"}
	for _, up := range []string{"../../..", "../../../..", "../../../../.."} {
		if b, err := os.ReadFile(filepath.Join(up, "shared/data/csv-injection/Intruder/csv-payload.txt")); err == nil {
			return append(list, strings.Split(strings.TrimRight(string(b), "\n"), "\n")...)
		}
	}
	t.Log("shared/data/csv-injection is not beside the project: own payloads only")
	return list
}

// starts reports whether a spreadsheet could take a cell for a formula, by the list of OWASP ASVS 1.2.10 and full-width forms.
func starts(cell string) bool {
	first := strings.TrimLeft(cell, " \u00a0")
	return cell != "" && cell != "-" && (strings.Contains("\t\r\n", cell[:1]) || slices.ContainsFunc([]string{"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"}, func(p string) bool { return strings.HasPrefix(first, p) }))
}

func TestRejectFiles(t *testing.T) {
	var rejects []Reject
	dangerous := 0
	for i, p := range payloads(t) {
		rejects = append(rejects, Reject{Line: i + 2, Column: p, Code: p, Cause: p, Related: i % 3})
		if starts(p) {
			dangerous++
		}
	}
	if dangerous < 15 {
		t.Fatalf("only %d dangerous payloads", dangerous)
	}
	var file bytes.Buffer
	if err := WriteRejectsCSV(&file, rejects); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(file.String(), "\ufeff")
	if !ok {
		t.Error("no byte order mark")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != len(rejects)+1 {
		t.Fatalf("%d rows for %d rejects, %v", len(rows), len(rejects), err)
	}
	for i, row := range rows[1:] {
		for _, cell := range row {
			if starts(cell) {
				t.Errorf("cell %q would be a formula", cell)
			}
		}
		want := rejects[i].Cause
		if unguard(row[3]) != want || unguard(row[1]) != want || unguard(row[2]) != want || row[0] != fmt.Sprint(rejects[i].Line) {
			t.Errorf("%q reads back as %q", rejects[i].Cause, row)
		}
	}
	file.Reset()
	if err := WriteRejectsJSON(&file, rejects); err != nil {
		t.Fatal(err)
	}
	var back []Reject
	for d := json.NewDecoder(&file); ; {
		var r Reject
		if err := d.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		back = append(back, r)
	}
	if !slices.Equal(back, rejects) {
		t.Error("JSON does not read back")
	}
	t.Logf("count: %d payloads, %d of them dangerous, 0 formulas", len(rejects), dangerous)
}

// TestRosterOfPayloads holds that a roster itself carries no formula: notes are the only free text.
func TestRosterOfPayloads(t *testing.T) {
	all, _ := readAll(t, head+person("A1", "Un"), Options{})
	c := all[0].contract
	c.Beneficiaries[0].Guarantees = maps.Clone(c.Beneficiaries[0].Guarantees)
	c.Beneficiaries[0].Guarantees["PHAR"] = rights.Guarantee{Note: 1}
	c.Beneficiaries[0].Nom = "'t Hooft"
	taken := 0
	for _, p := range payloads(t) {
		if rights.CheckNote(p) != nil {
			continue
		}
		taken++
		c.Notes = []string{p, "deux"}
		for _, o := range []WriterOptions{{Separator: ';'}, {Separator: ','}} {
			o.Domains = []string{"PHAR", "DENT", "OPTI"}
			var file bytes.Buffer
			if err := Write(&file, o, []rights.Contract{c}); err != nil {
				t.Fatal(err)
			}
			r := csv.NewReader(bytes.NewReader(file.Bytes()))
			r.Comma = rune(o.Separator)
			rows, err := r.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, cell := range rows[1] {
				if starts(cell) {
					t.Errorf("cell %q would be a formula", cell)
				}
			}
			back, _ := readAll(t, file.String(), Options{})
			if len(back) != 1 || !reflect.DeepEqual(back[0].contract, c) {
				t.Errorf("note %q does not read back: %+v", p, back)
			}
		}
	}
	if taken < 10 {
		t.Fatalf("only %d payloads are lawful notes", taken)
	}
}

func TestGuardIsUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("'=+-@\t\r\n ab＝\u00a0"))).Draw(t, "cell")
		if unguard(guard(s)) != s {
			t.Fatalf("%q -> %q -> %q", s, guard(s), unguard(guard(s)))
		}
		if starts(guard(s)) {
			t.Fatalf("%q is guarded as %q", s, guard(s))
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestFullDisk(t *testing.T) {
	all, _ := readAll(t, head+person("A1", "Un"), Options{})
	if err := Write(failing{}, WriterOptions{Domains: []string{"PHAR", "DENT", "OPTI"}}, []rights.Contract{all[0].contract}); err == nil {
		t.Error("a roster on a full disk is written")
	}
	if WriteRejectsCSV(failing{}, []Reject{{Line: 2}}) == nil || WriteRejectsJSON(failing{}, []Reject{{Line: 2}}) == nil {
		t.Error("rejects on a full disk are written")
	}
}
