// Tests of the guarantee grammar: every form, many near misses, and one text for one value.

package rights

import (
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

var goodGuarantees = map[string]Guarantee{
	"-":                    {},
	"- (2)":                {Note: 2},
	"100%":                 {Kind: Rate, Rates: [3]int{100}},
	"1%":                   {Kind: Rate, Rates: [3]int{1}},
	"250%":                 {Kind: Rate, Rates: [3]int{250}},
	"999% (9)":             {Kind: Rate, Rates: [3]int{999}, Note: 9},
	"IS 100%":              {Kind: Rate, Rates: [3]int{100}, Circuits: []string{"IS"}},
	"100/100/15":           {Kind: Rates3, Rates: [3]int{100, 100, 15}},
	"0/0/0":                {Kind: Rates3},
	"IS/IT 100/65/0 (1)":   {Kind: Rates3, Rates: [3]int{100, 65, 0}, Circuits: []string{"IS", "IT"}, Note: 1},
	"PEC":                  {Kind: PEC},
	"KA/OC PEC":            {Kind: PEC, Circuits: []string{"KA", "OC"}},
	"TM":                   {Kind: TM},
	"SP TM (3)":            {Kind: TM, Circuits: []string{"SP"}, Note: 3},
	"150EUR":               {Kind: Amount, Euros: 150},
	"99999EUR":             {Kind: Amount, Euros: 99999},
	"SC/TS/KA/OC 1EUR (1)": {Kind: Amount, Euros: 1, Circuits: []string{"SC", "TS", "KA", "OC"}, Note: 1},
	"10/20 100/100/15":     {Kind: Rates3, Rates: [3]int{100, 100, 15}, Circuits: []string{"10", "20"}},
}

var badGuarantees = map[string]*Invalid{
	"":                     ErrGuarantee,
	" ":                    ErrGuarantee,
	"100":                  ErrGuarantee,
	"100 %":                ErrGuarantee,
	"100% ":                ErrGuarantee,
	" 100%":                ErrCircuits, // an empty circuit
	"IS  100%":             ErrGuarantee,
	"IS\u00a0100%":         ErrGuarantee,
	"0100%":                ErrGuarantee,
	"00%":                  ErrGuarantee,
	"%":                    ErrGuarantee,
	"-1%":                  ErrGuarantee,
	"+1%":                  ErrGuarantee,
	"1e2%":                 ErrGuarantee,
	"99.5%":                ErrGuarantee,
	"99,5%":                ErrGuarantee,
	"１００%":                 ErrGuarantee,
	"1000000000000000000%": ErrGuarantee,
	"100/100":              ErrGuarantee,
	"100/100/15/7":         ErrGuarantee,
	"100//15":              ErrGuarantee,
	"100/100/015":          ErrGuarantee,
	"100/100/15%":          ErrGuarantee,
	"pec":                  ErrGuarantee,
	"PEC PEC":              ErrCircuits, // PEC has three letters
	"TM 100%":              ErrCircuits, // would read like a value
	"PECTM":                ErrGuarantee,
	"EUR":                  ErrGuarantee,
	"150€":                 ErrGuarantee,
	"150 EUR":              ErrGuarantee,
	"150EUR,50":            ErrGuarantee,
	"--":                   ErrGuarantee,
	"−":                    ErrGuarantee,
	"IS":                   ErrGuarantee,
	"IS ":                  ErrGuarantee,
	"100%(1)":              ErrGuarantee,
	"100% ()":              ErrGuarantee,
	"100% (a)":             ErrGuarantee,
	"100% (01)":            ErrGuarantee,
	"100% (1":              ErrGuarantee,
	"100% (1)(2)":          ErrGuarantee,
	"100% (1) (2)":         ErrGuarantee,
	"(1)":                  ErrGuarantee,
	" (1)":                 ErrGuarantee,
	"100% (1) ":            ErrGuarantee,
	"IS/IT PEC TM":         ErrGuarantee,
	"100%\n":               ErrGuarantee,
	"100%\x00":             ErrGuarantee,
	"0%":                   ErrGuaranteeRange,
	"1000%":                ErrGuaranteeRange,
	"1000/1/1":             ErrGuaranteeRange,
	"0EUR":                 ErrGuaranteeRange,
	"100000EUR":            ErrGuaranteeRange,
	"100% (0)":             ErrGuaranteeRange,
	"100% (10)":            ErrGuaranteeRange,
	"IS -":                 ErrCircuits,
	"IS/ 100%":             ErrCircuits,
	"/IS 100%":             ErrCircuits,
	"IS//IT 100%":          ErrCircuits,
	"IS/IS 100%":           ErrCircuits,
	"is 100%":              ErrCircuits,
	"ISX 100%":             ErrCircuits,
	"I 100%":               ErrCircuits,
	"É1 100%":              ErrCircuits,
	"AA/BB/CC/DD/EE PEC":   ErrCircuits,
	"- 100%":               ErrCircuits,
}

func TestParseGuarantee(t *testing.T) {
	for text, want := range goodGuarantees {
		got, err := ParseGuarantee(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
		if want.String() != text {
			t.Errorf("%+v: String %q, want %q", want, want.String(), text)
		}
	}
	for text, want := range badGuarantees {
		got, err := ParseGuarantee(text)
		if !errors.Is(err, want) || !got.Equal(Guarantee{}) {
			t.Errorf("%q: %+v, %v; want %v and no value", text, got, err, want)
		}
	}
	if len(badGuarantees) < 2*len(goodGuarantees) {
		t.Error("too few negative cases")
	}
}

func TestGuaranteeWithoutForm(t *testing.T) {
	bad := []Guarantee{
		{Kind: 6}, {Kind: 255},
		{Kind: None, Rates: [3]int{1}}, {Kind: PEC, Euros: 1}, {Kind: TM, Rates: [3]int{0, 0, 1}},
		{Kind: Rate}, {Kind: Rate, Rates: [3]int{100, 1}}, {Kind: Rate, Rates: [3]int{-1}}, {Kind: Rate, Rates: [3]int{100}, Euros: 1},
		{Kind: Rates3, Rates: [3]int{100, -1, 0}}, {Kind: Rates3, Rates: [3]int{100, 0, 1000}},
		{Kind: Amount}, {Kind: Amount, Euros: -5}, {Kind: Amount, Euros: 5, Rates: [3]int{1}},
		{Note: -1}, {Note: 10}, {Circuits: []string{"IS"}}, {Kind: PEC, Circuits: []string{""}}, {Kind: PEC, Circuits: []string{"A/"}},
	}
	for _, g := range bad {
		if g.Check() == nil {
			t.Errorf("%+v passes", g)
		}
		if b, err := g.MarshalText(); err == nil || b != nil {
			t.Errorf("%+v is written as %q", g, b)
		}
	}
}

func TestGuaranteeJSON(t *testing.T) {
	in := map[string]Guarantee{}
	for text, g := range goodGuarantees {
		in[text] = g
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]Guarantee
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	for text, g := range in {
		if !out[text].Equal(g) {
			t.Errorf("%q: %+v", text, out[text])
		}
	}
	for _, bad := range []string{`{"PHAR":"100"}`, `{"PHAR":""}`, `{"PHAR":1}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// drawGuarantee makes any valid value.
func drawGuarantee(t *rapid.T) Guarantee {
	g := Guarantee{Kind: GuaranteeKind(rapid.IntRange(0, 5).Draw(t, "kind")), Note: rapid.IntRange(0, MaxNotes).Draw(t, "note")}
	switch g.Kind {
	case Rate:
		g.Rates[0] = rapid.IntRange(1, MaxRate).Draw(t, "rate")
	case Rates3:
		for i := range g.Rates {
			g.Rates[i] = rapid.IntRange(0, MaxRate).Draw(t, "rate")
		}
	case Amount:
		g.Euros = rapid.IntRange(1, MaxEuros).Draw(t, "euros")
	}
	if g.Kind != None {
		codes := rapid.SliceOfNDistinct(rapid.StringMatching("[A-SU-Z0-9][A-Z0-9]"), 0, MaxCircuits, rapid.ID).Draw(t, "circuits")
		if len(codes) > 0 {
			g.Circuits = codes
		}
	}
	return g
}

func TestGuaranteeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGuarantee(t)
		back, err := ParseGuarantee(g.String())
		if err != nil || !back.Equal(g) {
			t.Fatalf("%+v -> %q -> %+v, %v", g, g.String(), back, err)
		}
	})
}

func FuzzParseGuarantee(f *testing.F) {
	for text := range goodGuarantees {
		f.Add(text)
	}
	for text := range badGuarantees {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGuarantee(text)
		if err != nil {
			if CodeOf(err) == "" || FrenchOf(err) == "" {
				t.Fatalf("error without code or French: %v", err)
			}
			return
		}
		if g.String() != text || g.Check() != nil {
			t.Fatalf("%q reads as %+v, writes as %q", text, g, g.String())
		}
	})
}

func BenchmarkParseGuarantee(b *testing.B) {
	for b.Loop() {
		if _, err := ParseGuarantee("IS/IT 100/100/15 (1)"); err != nil {
			b.Fatal(err)
		}
	}
}
