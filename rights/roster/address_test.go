// Tests of the columns of addresses and movements, and of files that something went wrong with as a whole.

package roster

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"sceau/rights"
)

const headA = "amc;adherent;debut;fin;nom;prenom;naissance;PHAR;adresse 1;Adresse2;adresse ligne 3;adr4;CP;Commune;Pays\n"

func personA(adherent, line, cp, ville, pays string) string {
	return "775670482;" + adherent + ";01/01/2027;31/12/2027;MARTIN;Un;01/03/1980;100%;" + line + ";;;;" + cp + ";" + ville + ";" + pays + "\n"
}

func TestAddressColumns(t *testing.T) {
	cases := []struct {
		cells string // the seven
		want  *rights.Address
		fault string
	}{
		{";;;;;;", nil, ""},
		{";;;;;;France", nil, ""},
		{"12 bis rue de l’Église;;;;01000;Bourg-en-Bresse;", &rights.Address{Lines: []string{"12 bis rue de l’Église"}, PostalCode: "01000", City: "Bourg-en-Bresse"}, ""},
		{" Bât. A ;  ;12  rue\u00a0X;;20000;Ajaccio;FR", &rights.Address{Lines: []string{"Bât. A", "12 rue X"}, PostalCode: "20000", City: "Ajaccio"}, ""},
		{"1 rue X;;;;97400;Saint-Denis;La Réunion", &rights.Address{Lines: []string{"1 rue X"}, PostalCode: "97400", City: "Saint-Denis"}, ""},
		{"Rue Haute 1;;;;1000;Bruxelles;belgique", &rights.Address{Lines: []string{"Rue Haute 1"}, PostalCode: "1000", City: "Bruxelles", Country: "BE"}, ""},
		{"10 Road;;;;sw1a 1aa;London;GB", &rights.Address{Lines: []string{"10 Road"}, PostalCode: "SW1A 1AA", City: "London", Country: "GB"}, ""},
		{"Rua 1;;;;;Lisboa;Portugal", &rights.Address{Lines: []string{"Rua 1"}, City: "Lisboa", Country: "PT"}, ""},
		{"A;B;C;D;75001;PARIS 01;", &rights.Address{Lines: []string{"A", "B", "C", "D"}, PostalCode: "75001", City: "PARIS 01"}, ""},
		{"A;B;C;D;1000;Bruxelles;BE", nil, "adresse4 address_lines"},
		{"12 rue X;;;;1000;Bourg;", nil, "code_postal postal_code"}, // the zero that a spreadsheet took
		{"12 rue X;;;;2A004;Ajaccio;", nil, "code_postal postal_code"},
		{"12 rue X;;;;00999;Ville;", nil, "code_postal postal_code"},
		{"12 rue X;;;;99000;Ville;", nil, "code_postal postal_code"},
		{"12 rue X;;;;;Ville;", nil, "code_postal empty"},
		{"12 rue X;;;;75001;;", nil, "ville empty"},
		{";;;;75001;Paris;", nil, "adresse1 empty"},
		{"12 rue X;;;;75001;Paris;Atlantide", nil, "pays country_unknown"},
		{"12 rue X;;;;75 001_;Bern;CH", nil, "code_postal postal_code"},
		{strings.Repeat("a", 39) + ";;;;75001;Paris;", nil, "adresse1 address_too_long"},
		{"12 rue X;;" + strings.Repeat("a", 39) + ";;75001;Paris;", nil, "adresse3 address_too_long"},
		{"12 rue X;;;;75001;" + strings.Repeat("a", 33) + ";", nil, "ville address_too_long"},
		{"12 rue <b>X;;;;75001;Paris;", nil, "adresse1 address_character"},
		{"12 rue Жан;;;;75001;Paris;", nil, "adresse1 address_character"},
		{"12 rue X;=1+1;;;75001;Paris;", nil, "adresse2 address_character"},
		{"(12 rue X;;;;75001;Paris;", nil, "adresse1 address_text"},
		{"12 rue X\u202e;;;;75001;Paris;", nil, "adresse1 address_character"},
	}
	for _, c := range cases {
		line := "775670482;A1;01/01/2027;31/12/2027;MARTIN;Un;01/03/1980;100%;" + c.cells + "\n"
		all, r := readAll(t, headA+line+personA("B2", "1 rue Y", "75001", "Paris", ""), Options{})
		got := short(r.Rejects())
		switch {
		case c.fault != "":
			if len(got) != 1 || got[0] != "2 "+c.fault || len(all) != 1 {
				t.Errorf("%s: %v, want %s", c.cells, got, c.fault)
			}
		case len(all) != 2 || !reflect.DeepEqual(all[0].contract.Address, c.want):
			t.Errorf("%s: %v %+v", c.cells, got, all)
		}
		for _, reject := range r.Rejects() {
			if strings.Contains(reject.Cause, "rue X") || strings.Contains(reject.Cause, "Bourg") || strings.Contains(reject.Cause, "Atlantide") {
				t.Errorf("%s: the cause repeats the cell: %s", c.cells, reject.Cause)
			}
		}
	}
	// All lines of a contract say the same, in whatever spelling.
	a, b := personA("A1", "1 rue X", "75001", "Paris", ""), strings.Replace(personA("A1", "1  rue X", "75001", "Paris", "France"), ";Un;", ";Deux;", 1)
	if all, r := readAll(t, headA+a+b, Options{}); len(all) != 1 || len(r.Rejects()) != 0 {
		t.Errorf("the same address in two spellings: %v", short(r.Rejects()))
	}
	for column, other := range map[string]string{"adresse1": personA("A1", "2 rue X", "75001", "Paris", ""), "code_postal": personA("A1", "1 rue X", "75002", "Paris", ""),
		"ville": personA("A1", "1 rue X", "75001", "Lutèce", ""), "pays": personA("A1", "1 rue X", "75001", "Paris", "BE")} {
		all, r := readAll(t, headA+a+strings.Replace(other, ";Un;", ";Deux;", 1), Options{})
		if got := short(r.Rejects()); len(all) != 0 || !slices.Equal(got, []string{"2 contract_rejected", "3 " + column + " contract_conflict"}) {
			t.Errorf("%s: %v", column, got)
		}
	}
	for _, h := range []string{strings.Replace(headA, ";CP", "", 1), strings.Replace(headA, ";adresse 1", "", 1), strings.Replace(headA, ";Commune", "", 1)} {
		var f *FileError
		if _, err := Read(strings.NewReader(h), Options{}); !errors.As(err, &f) || f.Code != "header_required" {
			t.Errorf("%s: %v", h, err)
		}
	}
}

func TestAddressRoundTrip(t *testing.T) {
	all, r := readAll(t, headA+personA("A1", "12 rue X", "01000", "Ville", "")+personA("B2", "Weg 1", "3000", "Bern", "CH")+personA("C3", "", "", "", ""), Options{})
	if len(all) != 3 {
		t.Fatal(short(r.Rejects()))
	}
	var contracts []rights.Contract
	for _, c := range all {
		contracts = append(contracts, c.contract)
	}
	var out bytes.Buffer
	if err := Write(&out, WriterOptions{Domains: []string{"PHAR"}}, contracts); err == nil {
		t.Error("an address was written without its columns")
	}
	out.Reset()
	if err := Write(&out, WriterOptions{Domains: []string{"PHAR"}, Addresses: true}, contracts); err != nil {
		t.Fatal(err)
	}
	again, r := readAll(t, out.String(), Options{})
	for i := range again {
		if !reflect.DeepEqual(again[i].contract, contracts[i]) {
			t.Errorf("%+v became %+v", contracts[i], again[i].contract)
		}
	}
	if len(again) != 3 {
		t.Error(short(r.Rejects()))
	}
}

func TestMovements(t *testing.T) {
	line := func(m, adherent, prenom string) string {
		return m + ";" + strings.Replace(personA(adherent, "1 rue X", "75001", "Paris", ""), ";Un;", ";"+prenom+";", 1)
	}
	bare := func(adherent, fin string) string { return "S;775670482;" + adherent + ";;" + fin + ";;;;;;;;;;;\n" }
	head := "Type de mouvement;" + headA
	file := head + line("C", "A1", "Un") + line("création", "A1", "Deux") + bare("B2", "30/06/2027") + line("m", "C3", "Un") + line("Résiliation", "D4", "Un") + line("S", "D4", "Deux")
	all, r := readAll(t, file, Options{Delta: true})
	if len(all) != 4 || len(r.Rejects()) != 0 || r.Stats().Closures != 2 {
		t.Fatalf("%d contracts, %v, %+v", len(all), short(r.Rejects()), r.Stats())
	}
	end, _ := rights.ParseDate("2027-06-30")
	if c := all[1].contract; c.Adherent != "B2" || c.To != end || c.From != 0 || len(c.Beneficiaries) != 0 || c.Address != nil {
		t.Errorf("%+v", c)
	}
	if len(all[0].contract.Beneficiaries) != 2 || !slices.Equal(all[3].lines, Lines{6, 7}) {
		t.Errorf("%+v", all)
	}
	for text, want := range map[string][]string{
		line("X", "A1", "Un"):                               {"2 mouvement movement"},
		line("", "A1", "Un"):                                {"2 mouvement empty"},
		bare("A1", ""):                                      {"2 fin empty"},
		bare("A1", "31/02/2027"):                            {"2 fin date_calendar"},
		bare("", "30/06/2027"):                              {"2 adherent empty"},
		bare("é", "30/06/2027"):                             {"2 adherent adherent_format"},
		line("C", "A1", "Un") + bare("A1", "30/06/2027"):    {"2 contract_rejected", "3 mouvement contract_conflict"},
		bare("A1", "30/06/2027") + bare("A1", "31/07/2027"): {"2 contract_rejected", "3 fin contract_conflict"},
		bare("A1", "30/06/2027") + bare("B2", "30/06/2027") + bare("A1", "30/06/2027"): {"4 contract_split"},
		strings.Repeat(bare("A1", "30/06/2027"), 13):                                   append(siblings(2, 13), "14 beneficiaries_count"),
	} {
		_, r := readAll(t, head+text, Options{Delta: true})
		if got := short(r.Rejects()); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	var f *FileError
	if _, err := Read(strings.NewReader(file), Options{}); !errors.As(err, &f) || f.Code != "delta" {
		t.Errorf("a file of changes is taken for a whole one: %v", err)
	}
}

// damaged reads a file to its end or to the error that refuses it as a whole.
func damaged(file string) (taken int, r *Reader, err error) {
	if r, err = Read(strings.NewReader(file), Options{}); err != nil {
		return 0, nil, err
	}
	for {
		if _, _, err = r.Next(); err == io.EOF {
			return taken, r, nil
		} else if err != nil {
			return taken, r, err
		}
		taken++
	}
}

// TestWholeFileFaults: what programs, disks and people do to files.
func TestWholeFileFaults(t *testing.T) {
	a, b := person("A1", "Éloïse"), person("B2", "Zoé")
	good := head + a + b
	twice := func(s string) string {
		var out strings.Builder
		for _, c := range []byte(s) {
			if text, ok := appendDecoded(nil, []byte{c}); ok {
				out.Write(text)
			} else {
				out.WriteRune(rune(c)) // as converters do
			}
		}
		return out.String()
	}
	wide := func(mark bool, big bool) string {
		var out []byte
		units := utf16.Encode([]rune(good))
		if mark {
			units = append([]uint16{0xFEFF}, units...)
		}
		for _, u := range units {
			if big {
				out = append(out, byte(u>>8), byte(u))
			} else {
				out = append(out, byte(u), byte(u>>8))
			}
		}
		return string(out)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, good)
	z.Close()
	for name, c := range map[string]struct{ file, code, part string }{
		"encoded twice":           {twice(good), "mojibake", "ligne 2"},
		"encoded twice, marked":   {"\ufeff" + twice(good), "mojibake", "ligne 2"},
		"encoded twice, later":    {head + person("Z9", "Jean") + twice(b), "mojibake", "ligne 3"},
		"header encoded twice":    {twice(strings.Replace(good, "prenom", "prénom", 1)), "mojibake", "ligne 1"},
		"joined with itself":      {good + good, "header_again", "ligne 4"},
		"joined, with a mark":     {"\ufeff" + good + "\ufeff" + good, "header_again", "ligne 4"},
		"joined, CRLF":            {strings.ReplaceAll(good+good, "\n", "\r\n"), "header_again", "ligne 4"},
		"UTF-16, little":          {wide(true, false), "utf16", "UTF-16"},
		"UTF-16, big":             {wide(true, true), "utf16", "UTF-16"},
		"UTF-16, little, no mark": {wide(false, false), "utf16", "UTF-16"},
		"UTF-16, big, no mark":    {wide(false, true), "utf16", "UTF-16"},
		"gzip":                    {zipped.String(), "compressed", "gzip"},
		"workbook":                {"PK\x03\x04\x14\x00\x06\x00", "compressed", "classeur"},
		"NULs in the header":      {"amc;adher\x00ent;" + good, "binary", "nuls"},
		"empty":                   {"", "empty", "vide"},
	} {
		_, _, err := damaged(c.file)
		var f *FileError
		if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(f.Cause, c.part) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	// One damaged line is no damaged file, and what looks like damage to a machine may be a name.
	for name, file := range map[string]string{
		"one line encoded twice": good + person("C3", "Léa") + twice(person("D4", "Noé")),
		"foreign names":          head + person("A1", "Åsa") + person("B2", "Ştefan"),
	} {
		if _, _, err := damaged(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		file  string
		want  []string
		taken int
	}{
		"cut in a quoted cell":        {good + `775670482;C3;"IS/S`, []string{"4 truncated"}, 2},
		"cut between cells":           {good + "775670482;C3;IS/SP;0042", []string{"4 truncated"}, 2},
		"cut in the same contract":    {good + strings.TrimSuffix(person("B2", "Noé"), "1;;;Note une|Note deux;100/100/15;IS PEC (1);150EUR\n"), []string{"3 contract_rejected", "4 truncated"}, 1},
		"cut within a letter":         {good + strings.TrimSuffix(person("C3", "Zo\xc3"), "\n"), []string{"4 truncated"}, 2},
		"cut within the last letter":  {head + a + "775670482;C3;IS/SP;0042;O;01/01/2027;31/12/2027;;LEFEBVRE;Zo\xc3", []string{"3 truncated"}, 1},
		"a lone CR between two lines": {head + strings.TrimSuffix(a, "\n") + "\r" + b + person("C3", "Noé"), []string{"2 line_ends", "3 contract_rejected"}, 0},
		"CRLF and LF":                 {head + strings.ReplaceAll(a, "\n", "\r\n") + b, nil, 2},
		"NULs in a cell":              {head + with(a, "nom", "MAR\x00TIN") + b, []string{"2 control_character"}, 1},
		"10 MB line":                  {head + a + strings.Repeat("x", 10<<20) + "\n" + b, []string{"2 contract_rejected", "3 line_too_long", "4 contract_rejected"}, 0},
		"10 MB line in the contract":  {head + a + with(a, "nom", strings.Repeat("x", 10<<20)) + b, []string{"2 contract_rejected", "3 line_too_long"}, 1},
		"duplicate key":               {good + a, []string{"4 contract_split"}, 2},
	} {
		taken, r, err := damaged(c.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := short(r.Rejects()); !slices.Equal(got, c.want) || taken != c.taken {
			t.Errorf("%s: %v, %d taken; want %v, %d", name, got, taken, c.want, c.taken)
		}
	}
	for file, open := range map[string]bool{good: false, strings.TrimSuffix(good, "\n"): true, head: false, strings.TrimSuffix(head, "\n"): true, good + "x": true} {
		if _, r, err := damaged(file); err != nil || r.Open() != open {
			t.Errorf("%.20q…: open %v %v", file, open, err)
		}
	}
}

// TestSeenKeys: the set finds what it was given and nothing else, and stays as small as the documents say.
func TestSeenKeys(t *testing.T) {
	var s seenKeys
	hash := func(i int) uint64 { return uint64(i+1) * 0x9E3779B97F4A7C15 }
	const n = 1_000_000
	for i := range n {
		if line, found := s.add(hash(i), i+2); found {
			t.Fatalf("%d was there already, in line %d", i, line)
		}
	}
	for i := range n {
		if line, found := s.add(hash(i), 1); !found || line != i+2 {
			t.Fatalf("%d: line %d %v", i, line, found)
		}
		if _, found := s.find(hash(n + i)); found {
			t.Fatalf("%d was never added", n+i)
		}
	}
	bytes := 0
	for _, p := range s.parts {
		bytes += 2 * cap(p.words)
	}
	if per := float64(bytes) / n; per > 16 || s.count != n {
		t.Errorf("%.1f bytes a contract, %d", per, s.count)
	}
	t.Logf("count: %.1f bytes a contract", float64(bytes)/n)
	if _, found := new(seenKeys).find(1); found {
		t.Error("an empty set has something")
	}
}
