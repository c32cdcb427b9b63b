// Tests of whole rosters: the written example, round trips, every kind of reject, and lines that must not swallow others.

package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sceau/rights"
)

// taken is a contract with its lines.
type taken struct {
	contract rights.Contract
	lines    Lines
}

// readAll reads a whole roster.
func readAll(t testing.TB, file string, o Options) ([]taken, *Reader) {
	t.Helper()
	r, err := Read(strings.NewReader(file), o)
	if err != nil {
		t.Fatalf("header: %v", err)
	}
	var all []taken
	for {
		c, lines, err := r.Next()
		if err == io.EOF {
			return all, r
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, taken{c, lines})
	}
}

// short is "line column code" of each reject.
func short(rejects []Reject) []string {
	var s []string
	for _, r := range rejects {
		s = append(s, strings.Join(strings.Fields(fmt.Sprintf("%d %s %s", r.Line, r.Column, r.Code)), " "))
	}
	return s
}

const head = "amc;adherent;convention;csr;responsable;debut;fin;nir;nom;prenom;naissance;rang;debut_beneficiaire;fin_beneficiaire;notes;PHAR;DENT;OPTI\n"

// person is a good line for a contract.
func person(adherent, prenom string) string {
	return "775670482;" + adherent + ";IS/SP;0042;O;01/01/2027;31/12/2027;;MARTIN;" + prenom + ";01/03/1980;1;;;Note une|Note deux;100/100/15;IS PEC (1);150EUR\n"
}

func TestExampleOfFormat(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for _, l := range strings.Split(string(doc), "\n") {
		if rest, ok := strings.CutPrefix(l, "    "); ok && strings.Count(rest, ";") > 10 {
			example.WriteString(rest + "\n")
		}
	}
	all, r := readAll(t, example.String(), Options{})
	if len(all) != 2 || len(all[0].contract.Beneficiaries) != 3 || len(r.Rejects()) != 0 {
		t.Fatalf("%d contracts, rejects %v", len(all), short(r.Rejects()))
	}
	for _, code := range allCodes(t) {
		if !strings.Contains(string(doc), "`"+code+"`") {
			t.Errorf("FORMAT.md does not name the reject %s", code)
		}
	}
}

func TestReadValues(t *testing.T) {
	file := head +
		"0775 670 482; 00012284 ;is / sp;0042;oui;01/01/2027;20271231;2 99 01 2b 033 012 76;D’ORNANO;  Zo\u0065\u0308  Marie;00/01/1999;;2027-02-01;31/12/2027; Note une | Deux ;100 / 100 / 15 (1);is/it  pec(2);150 €\n" +
		"0775 670 482; 00012284 ;IS SP;0042;1;2027-01-01;31/12/2027;;D’ORNANO;Ange;20200504;2;;30/06/2027;Note une|Deux;;-;ka / oc  250 % ( 1 )\n"
	all, r := readAll(t, file, Options{})
	if len(all) != 1 {
		t.Fatalf("rejects %+v", r.Rejects())
	}
	day := func(s string) rights.Date {
		d, err := rights.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := rights.Contract{Insurer: "0775670482", Adherent: "00012284", Conventions: []string{"IS", "SP"}, CSR: "0042", Responsable: true,
		From: day("2027-01-01"), To: day("2027-12-31"), Notes: []string{"Note une", "Deux"},
		Beneficiaries: []rights.Beneficiary{
			{NIR: "299012B03301276", Nom: "D’ORNANO", Prenom: "Zoë Marie", Birth: "19990100", Rang: 1, From: day("2027-02-01"), Guarantees: map[string]rights.Guarantee{
				"PHAR": {Kind: rights.Rates3, Rates: [3]int{100, 100, 15}, Note: 1},
				"DENT": {Kind: rights.PEC, Circuits: []string{"IS", "IT"}, Note: 2},
				"OPTI": {Kind: rights.Amount, Euros: 150}}},
			{Nom: "D’ORNANO", Prenom: "Ange", Birth: "20200504", Rang: 2, To: day("2027-06-30"), Guarantees: map[string]rights.Guarantee{
				"DENT": {},
				"OPTI": {Kind: rights.Rate, Rates: [3]int{250}, Circuits: []string{"KA", "OC"}, Note: 1}}},
		}}
	if !reflect.DeepEqual(all[0].contract, want) {
		t.Errorf("got  %+v\nwant %+v", all[0].contract, want)
	}
	if err := all[0].contract.Check(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(all[0].lines, Lines{2, 3}) {
		t.Errorf("lines %v", all[0].lines)
	}
}

// with changes one cell of a good line.
func with(line, name, value string) string {
	cells := strings.Split(strings.TrimSuffix(line, "\n"), ";")
	at := slices.Index(strings.Split(strings.TrimSpace(head), ";"), name)
	cells[at] = value
	return strings.Join(cells, ";") + "\n"
}

func TestRejectsOfCells(t *testing.T) {
	cases := []struct{ name, value, code string }{
		{"amc", "", "empty"}, {"amc", "775-670", "amc_format"}, {"amc", "000", "amc_format"}, {"amc", "12345678901", "amc_format"}, {"amc", "775670483", "insurer_unknown"},
		{"adherent", "12_3", "adherent_format"}, {"adherent", "12345678901234567", "adherent_format"}, {"adherent", "É12", "adherent_format"},
		{"convention", "ISX", "convention_format"}, {"convention", "/", "convention_format"}, {"convention", "IS,SP", "convention_format"}, {"convention", "IS/IS", "conventions"}, {"convention", "ZZ", "convention_unknown"},
		{"csr", "123456789", "csr_format"}, {"csr", "4-2", "csr_format"},
		{"responsable", "peut-être", "yes_no"}, {"responsable", "2", "yes_no"},
		{"debut", "", "empty"}, {"debut", "1/1/2027", "date_format"}, {"debut", "2027", "date_format"}, {"debut", "01.01.2027", "date_format"}, {"debut", "31/02/2027", "date_calendar"}, {"debut", "29/02/2100", "date_calendar"},
		{"debut", "01/01/2019", "date_range"}, {"debut", "01012027", "date_range"}, {"debut", "01/01/0027", "date_range"},
		{"fin", "", "empty"}, {"fin", "31/12/2026", "period_order"}, {"fin", "31/12/2100", "date_range"}, {"fin", "31/13/2027", "date_calendar"},
		{"nir", "1891275125012", "nir_key_missing"}, {"nir", "189127512501281", "nir_key"}, {"nir", "MARTIN", "nir_length"}, {"nir", "18912751250128O", "nir_character"}, {"nir", "12", "nir_length"}, {"nir", "589127512501282", "nir_sex"},
		{"nir", "189137512501282", "nir_month"}, {"nir", "189120012501282", "nir_place"},
		{"nom", "", "empty"}, {"nom", "MART1N", "name_character"}, {"nom", "MARTIN\u202e", "name_character"}, {"nom", "<b>MARTIN", "name_character"}, {"nom", "=MARTIN", "name_character"}, {"nom", strings.Repeat("M", 65), "name_too_long"},
		{"nom", "'", "name_letter"}, {"prenom", "q\u0301\u0302\u0303", "name_marks"}, {"prenom", "", "empty"}, {"prenom", "Жан", "name_character"}, {"prenom", "Jean\ufffd", "name_character"},
		{"naissance", "", "empty"}, {"naissance", "1980", "birth_format"}, {"naissance", "1/3/1980", "birth_format"}, {"naissance", "01031980", "birth_ambiguous"}, {"naissance", "19031980", "birth_ambiguous"},
		{"rang", "0", "rang_format"}, {"rang", "10", "rang_format"}, {"rang", "A", "rang_format"},
		{"debut_beneficiaire", "31/12/2026", "own_period"}, {"debut_beneficiaire", "01/01/2028", "own_period"}, {"debut_beneficiaire", "hier", "date_format"}, {"debut_beneficiaire", "30/02/2027", "date_calendar"},
		{"fin_beneficiaire", "01/01/2028", "own_period"}, {"fin_beneficiaire", "31/12/2026", "own_period"}, {"fin_beneficiaire", "x", "date_format"},
		{"notes", "Une|", "note_empty"}, {"notes", "|", "note_empty"}, {"notes", strings.Repeat("n", 121), "note_too_long"}, {"notes", "a|b|c|d|e|f|g|h|i|j", "notes_count"}, {"notes", "voir http://x.fr", "note_url"}, {"notes", "a\u200bb", "note_character"},
		{"notes", "", "note_missing"},
		{"PHAR", "100", "guarantee_format"}, {"PHAR", "cent", "guarantee_format"}, {"PHAR", "100%%", "guarantee_format"}, {"PHAR", "99,5 %", "guarantee_format"}, {"PHAR", "1000%", "guarantee_range"}, {"PHAR", "0 €", "guarantee_range"},
		{"DENT", "IS -", "guarantee_circuits"}, {"DENT", "TM PEC", "guarantee_circuits"}, {"DENT", "ZZ PEC", "circuit_unknown"}, {"DENT", "PEC (3)", "note_missing"}, {"OPTI", "100% (10)", "guarantee_range"},
		{"OPTI", strings.Repeat("1", MaxField+1), "field_too_long"},
	}
	o := Options{Insurers: func(key string) bool { return key == "775670482" }}
	covered := map[string]bool{}
	for _, c := range cases {
		file := head + person("A1", "Un") + with(person("B2", "Deux"), c.name, c.value) + person("B2", "Trois") + person("C3", "Quatre")
		all, r := readAll(t, file, o)
		where := c.name
		if c.code == "note_missing" && c.name == "notes" {
			where = "DENT"
		}
		want := []string{fmt.Sprintf("3 %s %s", where, c.code), "4 contract_rejected"}
		switch {
		case c.name == "adherent": // a contract of its own
			want = want[:1]
		case c.name == "notes" && c.value == "": // the next line then differs from it
			want[1] = "4 notes contract_conflict"
		}
		got := short(r.Rejects())
		if !slices.Equal(got, want) {
			t.Errorf("%s %.30q: %v, want %v", c.name, c.value, got, want)
		}
		if len(all) != 2 && c.name != "adherent" || len(all) != 3 && c.name == "adherent" {
			t.Errorf("%s %.30q: %d contracts taken", c.name, c.value, len(all))
		}
		for _, reject := range r.Rejects() {
			covered[reject.Code] = true
			if v := strings.TrimSpace(c.value); len(v) > 5 && strings.Contains(reject.Cause, v) {
				t.Errorf("%s: the cause repeats the cell: %s", c.name, reject.Cause)
			}
		}
		s := r.Stats()
		if s.Lines != s.Blank+s.Accepted+s.Rejected || s.Lines != 4 {
			t.Errorf("%s %.30q: %+v", c.name, c.value, s)
		}
	}
	t.Logf("count: %d cells, %d different reject codes", len(cases), len(covered))
}

func TestRejectsOfContracts(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(person("M1", "Jean "+string(rune('A'+i))))
		}
		return b.String()
	}
	a, b := person("A1", "Un"), person("B2", "Deux")
	cases := []struct {
		name  string
		lines string
		want  []string
		taken int
	}{
		{"twelve", many(12), nil, 1},
		{"thirteen", many(13) + a, append(siblings(2, 13), "14 beneficiaries_count"), 1},
		{"fifteen", many(15), append(siblings(2, 13), "14 beneficiaries_count", "15 beneficiaries_count", "16 beneficiaries_count"), 0},
		{"split", a + b + person("A1", "Deux"), []string{"4 contract_split"}, 2},
		{"split block", a + b + person("A1", "Deux") + person("A1", "Trois"), []string{"4 contract_split", "5 contract_rejected"}, 2},
		{"split after a reject", with(a, "nom", "X1") + b + a, []string{"2 nom name_character", "4 contract_split"}, 1},
		{"split in other print", a + b + strings.Replace(a, "775670482", "0775 670 482", 1), []string{"4 contract_split"}, 2},
		{"one key, two prints", a + strings.Replace(person("A1", "Deux"), "775670482", "0775670482", 1), nil, 1},
		{"same person", a + person("A1", "UN"), []string{"2 contract_rejected", "3 beneficiary_duplicate"}, 0},
		{"twins", a + with(a, "rang", "2"), nil, 1},
		{"same prénom, other birth", a + with(a, "naissance", "02/03/1980"), nil, 1},
		{"convention differs", a + with(person("A1", "B"), "convention", "SP/IS"), []string{"2 contract_rejected", "3 convention contract_conflict"}, 0},
		{"CSR differs", a + with(person("A1", "B"), "csr", ""), []string{"2 contract_rejected", "3 csr contract_conflict"}, 0},
		{"responsable differs", a + with(person("A1", "B"), "responsable", ""), []string{"2 contract_rejected", "3 responsable contract_conflict"}, 0},
		{"days differ", a + with(with(person("A1", "B"), "debut", "02/01/2027"), "fin", "30/12/2027"), []string{"2 contract_rejected", "3 debut contract_conflict", "3 fin contract_conflict"}, 0},
		{"notes differ", a + with(person("A1", "B"), "notes", "Note deux|Note une"), []string{"2 contract_rejected", "3 notes contract_conflict"}, 0},
		{"same day in another form", a + with(with(person("A1", "B"), "debut", "20270101"), "responsable", "1"), nil, 1},
		{"fault behind", a + person("A1", "B") + with(person("A1", "C"), "rang", "x"), []string{"2 contract_rejected", "3 contract_rejected", "4 rang rang_format"}, 0},
		{"two faults", with(with(a, "nom", ""), "PHAR", "x") + b, []string{"2 nom empty", "2 PHAR guarantee_format"}, 1},
		{"blank lines", a + "\n;;;\n  ;;\t;\n" + person("A1", "B"), nil, 1},
		{"bad AMC inside", a + with(person("A1", "B"), "amc", "7-7") + person("A1", "C") + b, []string{"2 contract_rejected", "3 amc amc_format", "4 contract_rejected"}, 1},
		{"bad AMC first", with(a, "amc", "7-7") + person("A1", "B") + b, []string{"2 amc amc_format", "3 contract_rejected"}, 1},
		{"bad AMC everywhere", b + with(a, "amc", "7-7") + with(person("A1", "B"), "amc", "7-7"), []string{"3 amc amc_format", "4 amc amc_format"}, 1},
		{"no adherent inside", a + with(person("A1", "B"), "adherent", "") + person("A1", "C") + b, []string{"2 contract_rejected", "3 adherent empty", "4 contract_rejected"}, 1},
		{"no adherent between", a + with(person("A1", "B"), "adherent", "") + b + person("C3", "C"), []string{"2 contract_rejected", "3 adherent empty", "4 contract_rejected"}, 1},
		{"no adherent first", with(a, "adherent", "") + b + person("C3", "C"), []string{"2 adherent empty", "3 contract_rejected"}, 1},
		{"no adherent last", a + with(b, "adherent", ""), []string{"2 contract_rejected", "3 adherent empty"}, 0},
		{"column missing", a + strings.Replace(b, ";0042", "", 1) + person("C3", "C"), []string{"3 column_count"}, 2},
		{"column too many", a + strings.Replace(person("A1", "B"), ";0042", ";0042;", 1) + b, []string{"2 contract_rejected", "3 column_count"}, 1},
		{"column too many before the key", a + ";" + b + person("C3", "C") + person("D4", "D"), []string{"2 contract_rejected", "3 column_count", "4 contract_rejected"}, 1},
		{"garbage", a + "n'importe quoi\n" + b + person("C3", "C"), []string{"2 contract_rejected", "3 column_count", "4 contract_rejected"}, 1},
		{"stray quote", a + with(b, "nom", `MAR"TIN`) + person("C3", "C"), []string{"3 quote"}, 2},
		{"open quote", a + with(b, "nom", `"MARTIN`) + person("C3", "C") + person("D4", "D"), []string{"3 quote"}, 3},
		{"text behind a quote", a + with(b, "nom", `"MAR"TIN`) + person("C3", "C"), []string{"3 quote"}, 2},
		{"two open quotes", a + with(b, "nom", `"MARTIN`) + with(person("C3", "C"), "nom", `"MARTIN`) + person("D4", "D"), []string{"3 quote", "4 quote"}, 2},
		{"open quote closed in another column", a + with(b, "nom", `"MARTIN`) + with(person("C3", "C"), "csr", `0042"`) + person("D4", "D"), []string{"3 quote", "4 quote"}, 2},
		{"open quote at the end", a + with(b, "OPTI", `"150EUR`), []string{"3 quote"}, 1},
		{"quoted cells", with(with(a, "nom", `"MARTIN"`), "notes", `"Note ""une""; bis|Deux, trois"`) + b, nil, 2},
		{"line break in a cell", a + with(b, "notes", "\"Note\nune|Note deux\"") + person("C3", "C"), []string{"3 multi_line", "4 multi_line"}, 2},
		{"a line hidden in a cell", a + with(b, "notes", "\"Note\n"+strings.TrimSpace(person("EVIL", "Faux"))+"\n|x\"") + person("C3", "C"), []string{"3 multi_line", "4 multi_line", "5 multi_line"}, 2},
		{"control character", a + with(b, "nom", "MAR\x00TIN") + person("C3", "C"), []string{"3 control_character"}, 2},
		{"escape sequence", a + with(b, "nom", "\x1b[31mMARTIN") + person("C3", "C"), []string{"3 control_character"}, 2},
		{"lone CR", a + with(b, "nom", "MAR\rTIN") + person("C3", "C"), []string{"3 control_character"}, 2},
		{"long line", a + strings.TrimSpace(b) + strings.Repeat("x", MaxLine) + "\n" + person("C3", "C"), []string{"3 line_too_long"}, 2},
		{"very long line", a + strings.TrimSpace(b) + strings.Repeat("x", 3*bufferSize) + "\n" + person("C3", "C"), []string{"3 line_too_long"}, 2},
		{"long line of nobody", a + strings.Repeat("x", 3*bufferSize) + "\n" + b + person("C3", "C"), []string{"2 contract_rejected", "3 line_too_long", "4 contract_rejected"}, 1},
		{"no end of line", a + strings.TrimSpace(b), nil, 2},
		{"CRLF", strings.ReplaceAll(a+b, "\n", "\r\n"), nil, 2},
		{"nothing", "", nil, 0},
	}
	for _, c := range cases {
		all, r := readAll(t, head+c.lines, Options{})
		if got := short(r.Rejects()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if len(all) != c.taken {
			t.Errorf("%s: %d contracts taken, want %d", c.name, len(all), c.taken)
		}
		s := r.Stats()
		if s.Lines != s.Blank+s.Accepted+s.Rejected || s.Contracts != c.taken {
			t.Errorf("%s: %+v", c.name, s)
		}
		for _, reject := range r.Rejects() {
			for _, secret := range []string{"MARTIN", "Deux", "B2", "EVIL"} {
				if strings.Contains(reject.Cause, secret) {
					t.Errorf("%s: the cause tells a cell: %s", c.name, reject.Cause)
				}
			}
			if reject.Cause == "" || (reject.Code == CodeContractRejected) != (strings.Contains(reject.Cause, "le contrat entier sera repris")) {
				t.Errorf("%s: %+v", c.name, reject)
			}
			if reject.Code == CodeContractConflict && (reject.Related != 2 || !strings.Contains(reject.Cause, "ligne 2")) {
				t.Errorf("%s: the other line is not named: %+v", c.name, reject)
			}
		}
	}
}

func siblings(from, to int) []string {
	var s []string
	for n := from; n <= to; n++ {
		s = append(s, fmt.Sprintf("%d contract_rejected", n))
	}
	return s
}

func TestCodesByDay(t *testing.T) {
	codes, err := rights.ParseCodes([]byte(`{"version":1,` + "\n" + `"domains":[` + "\n" +
		`{"code":"PHAR","label":"Pharmacie","from":"2027-01-01","to":"2027-12-31","source":"s","verified":false}` + "\n],\n" + `"conventions":[` + "\n" +
		`{"code":"IS","label":"iSanté","to":"2027-06-30","source":"s","verified":false}` + "\n]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	line := func(adherent, from, convention, value string) string {
		return "775670482;" + adherent + ";" + convention + ";" + from + ";31/12/2028;MARTIN;Jean;01/01/1980;" + value + "\n"
	}
	file := "amc;adherent;convention;debut;fin;nom;prenom;naissance;PHAR\n" +
		line("A", "01/01/2027", "IS", "IS 100%") + line("B", "31/12/2026", "IS", "100%") + line("C", "01/07/2027", "IS", "100%") +
		line("D", "01/07/2027", "", "IS 100%") + line("E", "31/12/2027", "", "100%") + line("F", "01/01/2028", "", "100%") + line("G", "01/01/2028", "", "")
	all, r := readAll(t, file, Options{Codes: codes})
	want := []string{"3 PHAR domain_unknown", "4 convention convention_unknown", "5 PHAR circuit_unknown", "7 PHAR domain_unknown"}
	if got := short(r.Rejects()); !slices.Equal(got, want) || len(all) != 3 {
		t.Errorf("%v, %d taken", got, len(all))
	}
}

func TestHeaders(t *testing.T) {
	good := []string{
		"amc;adherent;debut;fin;nom;prenom;naissance;PHAR",
		"AMC,Adhérent,Début,FIN,Nom,PRÉNOM,Naissance,phar",
		"PHAR; prénom ;Debut ;fin;Nom;naissance;\"amc\";adherent;Debut_Beneficiaire;FIN BÉNÉFICIAIRE;med",
	}
	for _, h := range good {
		if r, err := Read(strings.NewReader(h), Options{}); err != nil || len(r.Domains()) == 0 || r.Domains()[0] != "PHAR" {
			t.Errorf("%s: %v", h, err)
		}
	}
	bad := []struct{ header, code, part string }{
		{"", "empty", "vide"},
		{"\xff\xfea\x00m\x00c\x00", "utf16", "UTF-16"},
		{"\xfe\xff\x00a\x00m", "utf16", "UTF-16"},
		{strings.Repeat("x", MaxLine+1), "header_long", "fins de ligne"},
		{strings.Repeat("x", 3*bufferSize), "header_long", "fins de ligne"},
		{"amc;adherent;debut;fin;nom;pr\x81nom;naissance;PHAR", "header_encoding", "UTF-8"},
		{"amc;adherent\r775670482;1", "line_ends", "CR"},
		{"amc;\"adherent;debut", "header_quotes", "guillemet"},
		{"amc;adherent;debut;fin;nom;prenom;naissance;PHAR;", "header_empty_column", "colonne 9"},
		{"amc;adherent;debut;fin;nom;prenom;naissance" + strings.Repeat(";PHAR", 130), "header_columns", "128"},
		{"amc;adherent;debut;fin;nom;prenom;naissance;PHAR;nom", "header_duplicate", "nom"},
		{"amc;adherent;debut;fin;nom;prenom;naissance;PHAR;phar", "header_duplicate", "PHAR"},
		{"amc;adherent;debut;fin;nom;prenom;naissance;PHAR;DENTT", "header_unknown", "vouliez-vous dire DENT ?"},
		{"amc;adherant;debut;fin;nom;prenom;naissance;PHAR", "header_unknown", "vouliez-vous dire adherent ?"},
		{"N° AMC;adherent;debut;fin;nom;prenom;naissance;PHAR", "header_unknown", "vouliez-vous dire amc ?"},
		{"amc;adherent;debut;fin;nom;prenom;naissance;PHAR;couleur préférée", "header_unknown", "table des codes"},
		{"amc;adherent;debut;fin;nom;prenom;naissance;PHAR;\x1b[2J\u202e" + strings.Repeat("x", 200), "header_unknown", `"\x1b[2J\u202e`},
		{"amc;adherent;debut;fin;nom;PHAR", "header_required", "prenom, la colonne naissance"},
		{"amc;adherent;debut;fin;nom;prenom;naissance", "header_no_domain", "domaine"},
		{"amc\tadherent\tdebut\tfin", "separator", "tabulations"},
		{"775670482;A1;MARTIN;Jean;189127512501282", "header_missing", "en-tête"},
	}
	for _, c := range bad {
		r, err := Read(strings.NewReader(c.header), Options{})
		var f *FileError
		if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(f.Cause, c.part) || r != nil {
			t.Errorf("%.60q: %v, want %s", c.header, err, c.code)
			continue
		}
		if strings.Contains(f.Cause, "MARTIN") || strings.Contains(f.Cause, "189127") || len(f.Cause) > 300 || strings.ContainsRune(f.Cause, '\x1b') {
			t.Errorf("%.60q: %s", c.header, f.Cause)
		}
	}
}

func TestBrokenFile(t *testing.T) {
	broken := errors.New("disk gone")
	r, err := Read(io.MultiReader(strings.NewReader(head+person("A1", "Un")+person("B2", "Deux")), errReader{broken}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c, lines, err := r.Next(); !errors.Is(err, broken) || lines != nil || c.Insurer != "" {
			t.Errorf("%v: a contract that may be cut short is returned", err)
		}
	}
	if _, err := Read(errReader{broken}, Options{}); !errors.Is(err, broken) {
		t.Errorf("header: %v", err)
	}
	sink := errors.New("sink full")
	r, err = Read(strings.NewReader(head+"x\n"+person("A1", "Un")), Options{OnReject: func(Reject) error { return sink }})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Next(); !errors.Is(err, sink) {
		t.Errorf("%v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestEncodings(t *testing.T) {
	accents := person("A1", "Éloïse") + person("B2", "Chloé")
	latin := func(s string) string {
		b, ok := encode1252(s)
		if !ok {
			t.Fatal("not Windows-1252")
		}
		return string(b)
	}
	ascii := person("Z9", "Jean") // decides nothing
	cases := []struct {
		name, file string
		encoding   Encoding
		taken      int
		rejects    []string
	}{
		{"ASCII", head + person("A1", "Un"), UTF8, 1, nil},
		{"UTF-8", head + ascii + accents, UTF8, 3, nil},
		{"UTF-8 BOM", "\ufeff" + head + ascii + accents, UTF8BOM, 3, nil},
		{"Windows-1252", latin(head + ascii + accents), Windows1252, 3, nil},
		{"Windows-1252 header", latin(strings.Replace(head, "prenom", "prénom", 1) + accents), Windows1252, 2, nil},
		{"every sign", head + latin(with(person("A1", "Œuvre’"), "notes", "€ ‰ « » … – — Š Ÿ ž|b")), Windows1252, 1, nil},
		{"undefined byte", latin(head+accents) + with(person("C3", "C"), "nom", "MAR\x81TIN") + person("D4", "D"), Windows1252, 3, []string{"4 encoding"}},
		{"damaged UTF-8", head + accents + with(person("C3", "C"), "nom", "MAR\xe9TIN") + person("D4", "Zoé"), UTF8, 3, []string{"4 encoding"}},
		{"damaged first", head + with(person("C3", "C"), "nom", "MAR\xe9TIN") + accents, UTF8, 2, []string{"2 encoding"}},
		{"cut character", head + accents + with(person("C3", "C"), "nom", "MARTIN\xc3"), UTF8, 2, []string{"4 encoding"}},
		{"surrogate", head + accents + with(person("C3", "C"), "nom", "MARTIN\xed\xa0\x80"), UTF8, 2, []string{"4 encoding"}},
		{"damaged behind a BOM", "\ufeff" + head + with(person("C3", "C"), "nom", "MAR\xe9TIN") + person("D4", "D"), UTF8BOM, 1, []string{"2 encoding"}},
		{"UTF-8 line in Windows-1252", latin(head+accents) + person("C3", "Noé") + latin(person("D4", "Noé")), Windows1252, 3, []string{"4 encoding"}},
	}
	for _, c := range cases {
		all, r := readAll(t, c.file, Options{})
		if got := short(r.Rejects()); !slices.Equal(got, c.rejects) || len(all) != c.taken || r.Encoding() != c.encoding {
			t.Errorf("%s: %s, %d taken, %v", c.name, r.Encoding(), len(all), r.Rejects())
		}
		for _, x := range all {
			if x.contract.Adherent == "A1" && x.contract.Beneficiaries[0].Prenom == "" {
				t.Errorf("%s: no prénom", c.name)
			}
			if p := x.contract.Beneficiaries[0].Prenom; x.contract.Adherent == "B2" && p != "Chloé" {
				t.Errorf("%s: %q", c.name, p)
			}
		}
	}
}

func Test1252Table(t *testing.T) {
	undefined := 0
	for i := range 256 {
		text, ok := appendDecoded(nil, []byte{byte(i)})
		if !ok {
			undefined++
			continue
		}
		back, ok := encode1252(string(text))
		if !ok || !bytes.Equal(back, []byte{byte(i)}) {
			t.Errorf("byte %02X reads as %q and writes as %X", i, text, back)
		}
	}
	if undefined != 5 {
		t.Errorf("%d undefined bytes", undefined)
	}
	if _, ok := encode1252("Ș"); ok {
		t.Error("Ș is in Windows-1252")
	}
}

// allCodes are the codes that a reject may carry.
func allCodes(t *testing.T) []string {
	codes := []string{CodeContractRejected, CodeContractConflict, CodeContractSplit, CodeColumns, CodeLineLong, CodeFieldLong, CodeEncoding, CodeControl,
		CodeQuote, CodeMultiLine, CodeInsurerUnknown, CodeEmpty, CodeDateFormat, CodeDateCalendar, CodeBirthAmbiguous, CodeYesNo, "name_character", "note_character",
		CodeTruncated, CodeLineEnds, CodeMovement, "address_character", "closure_unknown", "closure_early"}
	for _, err := range []*rights.Invalid{rights.ErrAMC, rights.ErrAdherent, rights.ErrConvention, rights.ErrConventions, rights.ErrUnknownConvention, rights.ErrCSR, rights.ErrDateRange, rights.ErrPeriod,
		rights.ErrNIRLength, rights.ErrNIRNoKey, rights.ErrNIRCharacter, rights.ErrNIRSex, rights.ErrNIRMonth, rights.ErrNIRPlace, rights.ErrNIRKey,
		rights.ErrNameLong, rights.ErrNameMarks, rights.ErrNameLetter, rights.ErrBirthDate, rights.ErrRang, rights.ErrOwn, rights.ErrBeneficiaries, rights.ErrDuplicate,
		rights.ErrNotes, rights.ErrNoteEmpty, rights.ErrNoteLong, rights.ErrNoteURL, rights.ErrNoteMissing,
		rights.ErrAddressLines, rights.ErrAddressLong, rights.ErrAddressText, rights.ErrPostalCode, rights.ErrForeignCode, rights.ErrCityEmpty, rights.ErrCountry,
		rights.ErrGuarantee, rights.ErrGuaranteeRange, rights.ErrCircuits, rights.ErrUnknownCircuit, rights.ErrUnknownDomain} {
		codes = append(codes, err.Code)
	}
	if len(codes) < 50 {
		t.Fatal("too few codes")
	}
	return codes
}

// TestRejectsTellNoCell puts a name and a NIR into every column, whole and broken, and looks for them in the reject files.
func TestRejectsTellNoCell(t *testing.T) {
	rejected := 0
	for _, name := range strings.Split(strings.TrimSpace(head), ";") {
		for _, secret := range []string{"ZORGLUB", "189127512501282", "1 89 12 75 125 012 82", "ZOR\u202eGLUB", `"ZORGLUB`, "ZORGLUB;189127512501282", "ZOR\x01GLUB"} {
			_, r := readAll(t, head+with(person("A1", "Un"), name, secret)+person("B2", "Deux"), Options{Insurers: func(key string) bool { return key == "775670482" }})
			rejected += len(r.Rejects())
			var out bytes.Buffer
			if err := WriteRejectsCSV(&out, r.Rejects()); err != nil {
				t.Fatal(err)
			}
			if err := WriteRejectsJSON(&out, r.Rejects()); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"ZOR", "GLUB", "18912", "12501", "012 82"} {
				if strings.Contains(out.String(), part) {
					t.Errorf("%s: the reject tells the cell: %s", name, out.String())
				}
			}
		}
	}
	if rejected < 100 {
		t.Errorf("only %d rejects", rejected)
	}
}
