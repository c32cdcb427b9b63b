package rights

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

func TestAddressCheck(t *testing.T) {
	good := Address{Lines: []string{"12 bis rue de l’Église"}, PostalCode: "01000", City: "BOURG-EN-BRESSE CEDEX 3"}
	with := func(change func(*Address)) Address {
		a := good
		a.Lines = slices.Clone(good.Lines)
		change(&a)
		return a
	}
	for name, a := range map[string]Address{
		"plain":          good,
		"Corsica":        with(func(a *Address) { a.PostalCode = "20090" }),
		"overseas":       with(func(a *Address) { a.PostalCode = "97410" }),
		"Polynesia":      with(func(a *Address) { a.PostalCode = "98713" }),
		"four lines":     with(func(a *Address) { a.Lines = []string{"Appt 3 (2e ét.)", "Bât. A/B", "12, rue X", "BP 7 & 8"} }),
		"widest":         with(func(a *Address) { a.Lines[0], a.City = strings.Repeat("É", 38), strings.Repeat("É", 32) }),
		"abroad":         with(func(a *Address) { a.Country, a.PostalCode = "GB", "SW1A 1AA" }),
		"abroad, no CP":  with(func(a *Address) { a.Country, a.PostalCode = "IE", "" }),
		"abroad, dashes": with(func(a *Address) { a.Country, a.PostalCode = "PT", "1000-205" }),
		"marks":          with(func(a *Address) { a.City = "Q\u0301" }), // no letter of its own in Unicode
	} {
		if err := a.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		a    Address
		want error
	}{
		"no line":             {with(func(a *Address) { a.Lines = nil }), ErrAddressLines},
		"five lines":          {with(func(a *Address) { a.Lines = []string{"a", "b", "c", "d", "e"} }), ErrAddressLines},
		"four lines abroad":   {with(func(a *Address) { a.Lines, a.Country = []string{"a", "b", "c", "d"}, "BE" }), ErrAddressLines},
		"empty line":          {with(func(a *Address) { a.Lines[0] = "" }), ErrAddressText},
		"wide line":           {with(func(a *Address) { a.Lines[0] = strings.Repeat("a", 39) }), ErrAddressLong},
		"wide city":           {with(func(a *Address) { a.City = strings.Repeat("a", 33) }), ErrAddressLong},
		"double space":        {with(func(a *Address) { a.Lines[0] = "12  rue" }), ErrAddressText},
		"space at the end":    {with(func(a *Address) { a.Lines[0] = "12 rue " }), ErrAddressText},
		"space first":         {with(func(a *Address) { a.Lines[0] = " 12 rue" }), ErrAddressText},
		"formula":             {with(func(a *Address) { a.Lines[0] = "-1 rue" }), ErrAddressText},
		"not UTF-8":           {with(func(a *Address) { a.Lines[0] = "rue \xff" }), ErrAddressText},
		"not NFC":             {with(func(a *Address) { a.Lines[0] = "rue E\u0301" }), ErrAddressText},
		"mark alone":          {with(func(a *Address) { a.Lines[0] = "12\u0301 rue" }), ErrAddressText},
		"line break":          {with(func(a *Address) { a.Lines[0] = "12\nrue" }), &Invalid{Code: "address_character"}},
		"other letters":       {with(func(a *Address) { a.City = "Москва" }), &Invalid{Code: "address_character"}},
		"markup":              {with(func(a *Address) { a.City = "a<b" }), &Invalid{Code: "address_character"}},
		"no city":             {with(func(a *Address) { a.City = "" }), ErrCityEmpty},
		"no postal code":      {with(func(a *Address) { a.PostalCode = "" }), ErrPostalCode},
		"four digits":         {with(func(a *Address) { a.PostalCode = "1000" }), ErrPostalCode},
		"Corsica by 2A":       {with(func(a *Address) { a.PostalCode = "2A004" }), ErrPostalCode},
		"département 00":      {with(func(a *Address) { a.PostalCode = "00123" }), ErrPostalCode},
		"département 99":      {with(func(a *Address) { a.PostalCode = "99123" }), ErrPostalCode},
		"wide digits":         {with(func(a *Address) { a.PostalCode = "１２" }), ErrPostalCode},
		"foreign code":        {with(func(a *Address) { a.Country, a.PostalCode = "GB", "sw1a" }), ErrForeignCode},
		"long foreign code":   {with(func(a *Address) { a.Country, a.PostalCode = "GB", "12345678901" }), ErrForeignCode},
		"foreign code spaces": {with(func(a *Address) { a.Country, a.PostalCode = "GB", "1  2" }), ErrForeignCode},
		"country FR":          {with(func(a *Address) { a.Country = "FR" }), ErrCountry},
		"country RE":          {with(func(a *Address) { a.Country = "RE" }), ErrCountry},
		"country be":          {with(func(a *Address) { a.Country = "be" }), ErrCountry},
		"country ZZ":          {with(func(a *Address) { a.Country = "ZZ" }), ErrCountry},
	} {
		if err := c.a.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		k := household(t)
		k.Address = &c.a
		if err := k.Check(); !errors.Is(err, c.want) {
			t.Errorf("contract, %s: %v", name, err)
		}
	}
}

func TestEnvelope(t *testing.T) {
	name := func(nom, prenom string) Contract {
		return Contract{Beneficiaries: []Beneficiary{{Nom: nom, Prenom: prenom}}}
	}
	a := Address{Lines: []string{"12 rue X"}, PostalCode: "01000", City: "Bourg-en-Bresse"}
	abroad := Address{Lines: []string{"Musterstrasse 1"}, PostalCode: "3000", City: "Bern", Country: "CH"}
	for _, c := range []struct {
		a    Address
		c    Contract
		want []string
	}{
		{a, name("D’ORNANO", "Zoé"), []string{"Zoé D’ORNANO", "12 rue X", "01000 BOURG-EN-BRESSE"}},
		{abroad, name("D’ORNANO", "Zoé"), []string{"Zoé D’ORNANO", "Musterstrasse 1", "3000 BERN", "SUISSE"}},
		{a, name(strings.Repeat("N", 30), "Jean-Pierre"), []string{"J.-P. " + strings.Repeat("N", 30), "12 rue X", "01000 BOURG-EN-BRESSE"}},
		{a, name(strings.Repeat("N", 36), "Marie"), []string{strings.Repeat("N", 36), "12 rue X", "01000 BOURG-EN-BRESSE"}},
		{a, name(strings.Repeat("N", 36)+"-DE-LA-TOUR", "Marie"), []string{strings.Repeat("N", 36) + "-D", "12 rue X", "01000 BOURG-EN-BRESSE"}},
		{a, name(strings.Repeat("N", 37)+" LA", "Marie"), []string{strings.Repeat("N", 37), "12 rue X", "01000 BOURG-EN-BRESSE"}},
		{Address{Lines: []string{"a"}, City: strings.Repeat("ß", 38), Country: "IO"}, Contract{}, []string{"a", strings.ToUpper(strings.Repeat("ß", 38)), "TERRITOIRE BRITANNIQUE DE L’OCÉAN INDI"}},
	} {
		got := c.a.Envelope(c.c)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
		for _, line := range got {
			if len(got) > 6 || utf8.RuneCountInString(line) > 38 {
				t.Errorf("%d lines, one of %d: %s", len(got), utf8.RuneCountInString(line), line)
			}
		}
	}
}

func TestSortKey(t *testing.T) {
	order := []Address{
		{Lines: []string{"9 rue A"}, PostalCode: "01000", City: "Bourg"},
		{Lines: []string{"1 rue A"}, PostalCode: "20000", City: "Ajaccio"},
		{Lines: []string{"1 rue A"}, PostalCode: "75001", City: "Étampes"},
		{Lines: []string{"1 rue A"}, PostalCode: "75001", City: "Paris"},
		{Lines: []string{"2 rue A"}, PostalCode: "75001", City: "PARIS"},
		{Lines: []string{"2 rue a", "Bât. B"}, PostalCode: "75001", City: "Pàris"},
		{Lines: []string{"1 rue A"}, PostalCode: "97400", City: "Saint-Denis"},
		{Lines: []string{"a"}, PostalCode: "1000", City: "Bruxelles", Country: "BE"},
		{Lines: []string{"a"}, PostalCode: "0001", City: "Bern", Country: "CH"},
	}
	for i := range order[1:] {
		if a, b := order[i].SortKey(), order[i+1].SortKey(); a >= b {
			t.Errorf("%v comes not before %v: %q %q", order[i], order[i+1], a, b)
		}
	}
	x, y := Address{Lines: []string{"12, rue de l’Église"}, PostalCode: "75001", City: "SAINT-ÉTIENNE"}, Address{Lines: []string{"12 Rue de l'eglise"}, PostalCode: "75001", City: "Saint Etienne"}
	if x.SortKey() != y.SortKey() {
		t.Errorf("%q %q", x.SortKey(), y.SortKey())
	}
}

func TestAddressJSON(t *testing.T) {
	c := household(t)
	before, err := json.Marshal(c)
	if err != nil || strings.Contains(string(before), "adresse") {
		t.Fatalf("a contract without address has another form: %s %v", before, err)
	}
	c.Address = &Address{Lines: []string{"12 rue X"}, PostalCode: "01000", City: "Bourg"}
	after, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(after), `"adresse":{"lines":["12 rue X"],"cp":"01000","ville":"Bourg"}`) {
		t.Fatalf("%s %v", after, err)
	}
	var back Contract
	if err := json.Unmarshal(after, &back); err != nil || !back.Address.Equal(c.Address) || back.Address.Equal(nil) || !(*Address)(nil).Equal(nil) {
		t.Errorf("%+v %v", back.Address, err)
	}
}

// TestCountries holds the table against its source, and every name against the parser.
func TestCountries(t *testing.T) {
	namer := display.Regions(language.French)
	for code, name := range countries() {
		r, err := language.ParseRegion(code)
		if err != nil || r.String() != code || !r.IsCountry() {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if want := strings.NewReplacer("'", "’", "\u00a0", " ").Replace(namer.Name(r)); name != want && !strings.HasSuffix(want, name) && code != "CI" {
			t.Errorf("%s is %s, not %s", code, want, name)
		}
		want := code
		if frenchTerritories[code] {
			want = ""
		}
		for _, text := range []string{code, strings.ToLower(code), name, strings.ToUpper(name)} {
			if got, err := ParseCountry(text); err != nil || got != want {
				t.Errorf("%s: %q %v", text, got, err)
			}
		}
	}
	for _, text := range []string{"", "FR", "France", " france ", "La Réunion"} {
		if got, err := ParseCountry(text); err != nil || got != "" {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	for _, text := range []string{"ZZ", "Atlantide", "FRA", "F"} {
		if _, err := ParseCountry(text); !errors.Is(err, ErrCountry) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if n := len(countries()); n < 240 {
		t.Errorf("%d countries", n)
	}
}
