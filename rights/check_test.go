// Tests of contracts as a whole: one valid household, and each way to spoil it.

package rights

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func household(t testing.TB) Contract {
	day := func(s string) Date { return mustDate(t, s) }
	return Contract{
		Insurer: "775670482", Adherent: "00012284", Conventions: []string{"IS", "SP"}, CSR: "0042", Responsable: true,
		From: day("2027-01-01"), To: day("2027-12-31"), Notes: []string{"Sur accord préalable : 01 23 45 67 89"},
		Beneficiaries: []Beneficiary{
			{NIR: "299012B03301276", Nom: "D’ORNANO", Prenom: "Zoé", Birth: "19990100", Rang: 1,
				Guarantees: map[string]Guarantee{"PHAR": {Kind: Rates3, Rates: [3]int{100, 100, 15}, Note: 1}, "DENT": {Kind: PEC, Circuits: []string{"IS"}}}},
			{Nom: "D’ORNANO", Prenom: "Ange", Birth: "20260504", Rang: 1, From: day("2027-05-04"), Guarantees: map[string]Guarantee{}},
			{Nom: "D’ORNANO", Prenom: "Ange", Birth: "20260504", Rang: 2, To: day("2027-06-30"), Guarantees: nil},
		},
	}
}

func TestContractCheck(t *testing.T) {
	if err := household(t).Check(); err != nil {
		t.Fatal(err)
	}
	spoil := []struct {
		name string
		want *Invalid
		do   func(*Contract)
	}{
		{"AMC", ErrAMC, func(c *Contract) { c.Insurer = "" }},
		{"AMC with spaces", ErrAMC, func(c *Contract) { c.Insurer = "775 670 482" }},
		{"no adherent", ErrAdherent, func(c *Contract) { c.Adherent = "" }},
		{"small adherent", ErrAdherent, func(c *Contract) { c.Adherent = "a12" }},
		{"long adherent", ErrAdherent, func(c *Contract) { c.Adherent = strings.Repeat("1", 17) }},
		{"formula adherent", ErrAdherent, func(c *Contract) { c.Adherent = "-1+1" }},
		{"convention", ErrConvention, func(c *Contract) { c.Conventions = []string{"ISX"} }},
		{"same convention", ErrConventions, func(c *Contract) { c.Conventions = []string{"IS", "IS"} }},
		{"many conventions", ErrConventions, func(c *Contract) { c.Conventions = []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7"} }},
		{"CSR", ErrCSR, func(c *Contract) { c.CSR = "004212345" }},
		{"CSR sign", ErrCSR, func(c *Contract) { c.CSR = "4-2" }},
		{"backwards", ErrPeriod, func(c *Contract) { c.From, c.To = c.To, c.From }},
		{"no first day", ErrDateRange, func(c *Contract) { c.From = 0 }},
		{"no last day", ErrDateRange, func(c *Contract) { c.To = 0 }},
		{"2100", ErrDateRange, func(c *Contract) { c.To = LastDay + 1 }},
		{"2019", ErrDateRange, func(c *Contract) { c.From = FirstDay - 1 }},
		{"ten notes", ErrNotes, func(c *Contract) { c.Notes = make([]string, 10) }},
		{"empty note", ErrNoteEmpty, func(c *Contract) { c.Notes = append(c.Notes, "") }},
		{"spaced note", ErrNoteSpace, func(c *Contract) { c.Notes[0] = "deux  espaces" }},
		{"long note", ErrNoteLong, func(c *Contract) { c.Notes[0] = strings.Repeat("é", 121) }},
		{"web note", ErrNoteURL, func(c *Contract) { c.Notes[0] = "voir HTTPS://exemple.fr" }},
		{"www note", ErrNoteURL, func(c *Contract) { c.Notes[0] = "voir www.exemple.fr" }},
		{"note in pieces", &Invalid{Code: "note_character"}, func(c *Contract) { c.Notes[0] = "e\u0301" }},
		{"broken note", ErrNoteEncoding, func(c *Contract) { c.Notes[0] = "a\xff" }},
		{"note with bar", &Invalid{Code: "note_character"}, func(c *Contract) { c.Notes[0] = "a|b" }},
		{"note with newline", &Invalid{Code: "note_character"}, func(c *Contract) { c.Notes[0] = "a\nb" }},
		{"note with override", &Invalid{Code: "note_character"}, func(c *Contract) { c.Notes[0] = "a\u202eb" }},
		{"note in Greek", &Invalid{Code: "note_character"}, func(c *Contract) { c.Notes[0] = "αβ" }},
		{"nobody", ErrBeneficiaries, func(c *Contract) { c.Beneficiaries = nil }},
		{"thirteen", ErrBeneficiaries, func(c *Contract) { c.Beneficiaries = make([]Beneficiary, 13) }},
		{"NIR key", ErrNIRKey, func(c *Contract) { c.Beneficiaries[0].NIR = "299012B03301277" }},
		{"NIR with spaces", ErrNIRLength, func(c *Contract) { c.Beneficiaries[0].NIR = "2 99 01 2B 033 012 76" }},
		{"small NIR", ErrNIRLength, func(c *Contract) { c.Beneficiaries[0].NIR = "299012b03301276" }},
		{"nom", ErrNameEmpty, func(c *Contract) { c.Beneficiaries[1].Nom = "" }},
		{"prénom", &Invalid{Code: "name_character"}, func(c *Contract) { c.Beneficiaries[1].Prenom = "Ange2" }},
		{"birth", ErrBirthDate, func(c *Contract) { c.Beneficiaries[1].Birth = "04/05/2026" }},
		{"rang 0", ErrRang, func(c *Contract) { c.Beneficiaries[1].Rang = 0 }},
		{"rang 10", ErrRang, func(c *Contract) { c.Beneficiaries[1].Rang = 10 }},
		{"own day before", ErrOwn, func(c *Contract) { c.Beneficiaries[1].From = c.From - 1 }},
		{"own day not narrower", ErrOwn, func(c *Contract) { c.Beneficiaries[1].From = c.From }},
		{"own last not narrower", ErrOwn, func(c *Contract) { c.Beneficiaries[1].To = c.To }},
		{"own day behind", ErrOwn, func(c *Contract) { c.Beneficiaries[1].To = c.To + 1 }},
		{"own days backwards", ErrOwn, func(c *Contract) { c.Beneficiaries[1].To = c.Beneficiaries[1].From - 1 }},
		{"twin of same rang", ErrDuplicate, func(c *Contract) { c.Beneficiaries[2].Rang = 1 }},
		{"twin in capitals", ErrDuplicate, func(c *Contract) { c.Beneficiaries[2].Rang, c.Beneficiaries[2].Prenom = 1, "ANGE" }},
		{"twin with small nom", ErrDuplicate, func(c *Contract) { c.Beneficiaries[2].Rang, c.Beneficiaries[2].Nom = 1, "d’Ornano" }},
		{"domain", ErrDomain, func(c *Contract) { c.Beneficiaries[0].Guarantees["phar"] = Guarantee{} }},
		{"guarantee", ErrGuaranteeRange, func(c *Contract) { c.Beneficiaries[0].Guarantees["PHAR"] = Guarantee{Kind: Rate} }},
		{"note missing", ErrNoteMissing, func(c *Contract) { c.Beneficiaries[0].Guarantees["PHAR"] = Guarantee{Note: 2} }},
	}
	for _, s := range spoil {
		c := household(t)
		s.do(&c)
		if err := c.Check(); !errors.Is(err, s.want) {
			t.Errorf("%s: %v, want %v", s.name, err, s.want.Code)
		}
	}
}

func TestContractCodes(t *testing.T) {
	codes := DefaultCodes()
	if err := codes.CheckContract(household(t)); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[*Invalid]func(*Contract){
		ErrUnknownConvention: func(c *Contract) { c.Conventions = []string{"ZZ"} },
		ErrUnknownDomain:     func(c *Contract) { c.Beneficiaries[0].Guarantees["ZZZZ"] = Guarantee{} },
		ErrUnknownCircuit: func(c *Contract) {
			c.Beneficiaries[0].Guarantees["PHAR"] = Guarantee{Kind: PEC, Circuits: []string{"ZZ"}}
		},
	} {
		c := household(t)
		spoil(&c)
		if err := codes.CheckContract(c); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// TestContractJSON holds the only encoding that a register hashes.
func TestContractJSON(t *testing.T) {
	c := household(t)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Contract
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, c) {
		t.Fatalf("%v\n%+v", err, back)
	}
}

func TestInvalidTexts(t *testing.T) {
	all := []*Invalid{ErrAMC, ErrBirthDate, ErrGuarantee, ErrGuaranteeRange, ErrCircuits, ErrNIRLength, ErrNIRNoKey, ErrNIRCharacter, ErrNIRSex, ErrNIRMonth, ErrNIRPlace, ErrNIRKey,
		ErrFINESS, ErrSIREN, ErrSIRET, ErrRPPS, ErrLuhn, ErrNameEmpty, ErrNameLong, ErrNameEncoding, ErrNameNFC, ErrNameMarks, ErrNameSpace, ErrNameLetter,
		ErrAdherent, ErrConvention, ErrCSR, ErrDomain, ErrPeriod, ErrDateRange, ErrNoteEmpty, ErrNoteLong, ErrNoteSpace, ErrNoteEncoding, ErrNoteURL,
		ErrBeneficiaries, ErrConventions, ErrNotes, ErrRang, ErrOwn, ErrDuplicate, ErrNoteMissing, ErrUnknownDomain, ErrUnknownConvention, ErrUnknownCircuit, ErrCodes}
	codes := map[string]bool{}
	for _, e := range all {
		if codes[e.Code] || e.Code == "" || e.French == "" || e.Error() == "rights: " || strings.ToLower(e.Code) != e.Code {
			t.Errorf("%+v", e)
		}
		codes[e.Code] = true
	}
	if CodeOf(errors.New("other")) != "" || FrenchOf(nil) != "" || errors.Is(ErrAMC, ErrCSR) {
		t.Error("a foreign error has a code, or two codes are one")
	}
}
