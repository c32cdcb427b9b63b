package rights

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func cents(t *testing.T, s string) Cents {
	t.Helper()
	c, err := ParseCents(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return c
}

func guarantee(t *testing.T, s string) Guarantee {
	t.Helper()
	g, err := ParseGuarantee(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return g
}

const shareDay Date = 20900 // 2027-03-23

// Worked by hand.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		spent, base   string
		class         int
		regime        Regime
		guarantee     string
		amo, amc, out string
		rate          int
	}{
		// The usual sale: the price is the base.
		{"25,00", "25,00", 65, RegimeGeneral, "100%", "16.25", "8.75", "0.00", 65},
		{"25,00", "25,00", 30, RegimeGeneral, "100%", "7.50", "17.50", "0.00", 30},
		{"25,00", "25,00", 15, RegimeGeneral, "100%", "3.75", "21.25", "0.00", 15},
		// One rate a class: 15 on the last is no complement.
		{"25,00", "25,00", 65, RegimeGeneral, "100/100/15", "16.25", "8.75", "0.00", 65},
		{"25,00", "25,00", 30, RegimeGeneral, "100/65/15", "7.50", "8.75", "8.75", 30},
		{"25,00", "25,00", 15, RegimeGeneral, "100/100/15", "3.75", "0.00", "21.25", 15},
		{"25,00", "25,00", 15, RegimeGeneral, "100/100/0", "3.75", "0.00", "21.25", 15},
		// The price is above the base: 100 % of the base is not the price.
		{"32,40", "25,00", 65, RegimeGeneral, "100%", "16.25", "8.75", "7.40", 65},
		{"32,40", "25,00", 65, RegimeGeneral, "TM", "16.25", "8.75", "7.40", 65},
		{"32,40", "25,00", 65, RegimeGeneral, "125%", "16.25", "15.00", "1.15", 65},
		{"32,40", "25,00", 65, RegimeGeneral, "200%", "16.25", "16.15", "0.00", 65},
		{"32,40", "25,00", 65, RegimeGeneral, "SP 300% (1)", "16.25", "16.15", "0.00", 65},
		// ... and below it.
		{"20,00", "25,00", 65, RegimeGeneral, "100%", "16.25", "3.75", "0.00", 65},
		{"10,00", "25,00", 65, RegimeGeneral, "100%", "10.00", "0.00", "0.00", 65},
		// Less than the AMO pays anyway.
		{"25,00", "25,00", 65, RegimeGeneral, "50%", "16.25", "0.00", "8.75", 65},
		// Other rates of the AMO.
		{"25,00", "25,00", 65, RegimeALD, "100%", "25.00", "0.00", "0.00", 100},
		{"32,40", "25,00", 30, RegimeALD, "150%", "25.00", "7.40", "0.00", 100},
		{"25,00", "25,00", 65, RegimeAlsaceMoselle, "100%", "22.50", "2.50", "0.00", 90},
		{"25,00", "25,00", 30, RegimeAlsaceMoselle, "100%", "20.00", "5.00", "0.00", 80},
		{"25,00", "25,00", 15, RegimeAlsaceMoselle, "100/100/15", "3.75", "0.00", "21.25", 15},
		// An amount comes on top of the AMO's part, and never above the price.
		{"400,00", "30,49", 65, RegimeGeneral, "IS 150EUR", "19.82", "150.00", "230.18", 65},
		{"100,00", "30,49", 65, RegimeGeneral, "150EUR", "19.82", "80.18", "0.00", 65},
		{"25,00", "25,00", 65, RegimeGeneral, "-", "16.25", "0.00", "8.75", 65},
		// Nothing reimbursed at all.
		{"12,30", "0", 65, RegimeGeneral, "100%", "0.00", "0.00", "12.30", 65},
		{"0", "0", 65, RegimeGeneral, "100%", "0.00", "0.00", "0.00", 65},
		// Half a cent goes up: 0.65 × 0.70 = 0.455; 0.30 × 0.15 = 0.045; 0.65 × 1.99 = 1.2935.
		{"0,70", "0,70", 65, RegimeGeneral, "100%", "0.46", "0.24", "0.00", 65},
		{"0,15", "0,15", 30, RegimeGeneral, "TM", "0.05", "0.10", "0.00", 30},
		{"1,99", "1,99", 65, RegimeGeneral, "100%", "1.29", "0.70", "0.00", 65},
		// 1.01 × 65 % = 0.6565 and × 85 % = 0.8585.
		{"1,01", "1,01", 65, RegimeGeneral, "85%", "0.66", "0.20", "0.15", 65},
	} {
		s, err := DefaultShareRules().Share(ShareQuestion{cents(t, c.spent), cents(t, c.base), c.class, c.regime, guarantee(t, c.guarantee), shareDay})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if s.AMO.String() != c.amo || s.AMC.String() != c.amc || s.Rest.String() != c.out || s.Rate != c.rate {
			t.Errorf("%+v: AMO %s at %d %%, AMC %s, rest %s", c, s.AMO, s.Rate, s.AMC, s.Rest)
		}
	}
}

func TestShareRefuses(t *testing.T) {
	good := ShareQuestion{2500, 2500, 65, RegimeGeneral, guarantee(t, "100%"), shareDay}
	for name, c := range map[string]struct {
		change func(*ShareQuestion)
		want   error
	}{
		"PEC":           {func(q *ShareQuestion) { q.Guarantee = Guarantee{Kind: PEC} }, ErrNeedsPEC},
		"PEC, circuits": {func(q *ShareQuestion) { q.Guarantee, _ = ParseGuarantee("KA/OC PEC (1)") }, ErrNeedsPEC},
		"class":         {func(q *ShareQuestion) { q.Class = 60 }, ErrShareClass},
		"no class":      {func(q *ShareQuestion) { q.Class = 0 }, ErrShareClass},
		"regime":        {func(q *ShareQuestion) { q.Regime = "" }, ErrShareRegime},
		"Regime":        {func(q *ShareQuestion) { q.Regime = "General" }, ErrShareRegime},
		"before it":     {func(q *ShareQuestion) { q.Regime, q.At = RegimeAlsaceMoselle, 13000 }, ErrShareRegime},
		"negative":      {func(q *ShareQuestion) { q.Spent = -1 }, ErrAmountRange},
		"base":          {func(q *ShareQuestion) { q.Base = -1 }, ErrAmountRange},
		"huge":          {func(q *ShareQuestion) { q.Spent = MaxCents + 1 }, ErrAmountRange},
		"huge base":     {func(q *ShareQuestion) { q.Base = 1 << 62 }, ErrAmountRange},
		"guarantee":     {func(q *ShareQuestion) { q.Guarantee = Guarantee{Kind: Rate} }, ErrGuaranteeRange},
		"no such kind":  {func(q *ShareQuestion) { q.Guarantee = Guarantee{Kind: 99} }, ErrGuarantee},
	} {
		q := good
		c.change(&q)
		if s, err := DefaultShareRules().Share(q); !errors.Is(err, c.want) || s.AMO != 0 || s.Spent != 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func drawShared(t *rapid.T) Guarantee {
	g := Guarantee{Kind: rapid.SampledFrom([]GuaranteeKind{None, Rate, Rates3, TM, Amount}).Draw(t, "kind")}
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
	return g
}

func TestShareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, 10_000), rapid.Int64Range(0, int64(MaxCents)))
		q := ShareQuestion{Spent: Cents(amount.Draw(t, "spent")), Base: Cents(amount.Draw(t, "base")),
			Class: rapid.SampledFrom(classes[:]).Draw(t, "class"), Regime: rapid.SampledFrom(Regimes()).Draw(t, "regime"), Guarantee: drawShared(t), At: shareDay}
		share := func(q ShareQuestion) Share {
			s, err := DefaultShareRules().Share(q)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := share(q)
		if s.AMO+s.AMC+s.Rest != s.Spent || s.AMO < 0 || s.AMC < 0 || s.Rest < 0 || s.Spent != q.Spent {
			t.Fatalf("%+v", s)
		}
		// The AMO's part is the AMO's business.
		none := q
		none.Guarantee = Guarantee{}
		if n := share(none); n.AMO != s.AMO || n.AMC != 0 {
			t.Fatalf("without guarantee %+v, with %s %+v", n, q.Guarantee, s)
		}
		// A better guarantee never pays less.
		better := q
		switch q.Guarantee.Kind {
		case Rate:
			better.Guarantee.Rates[0] = rapid.IntRange(q.Guarantee.Rates[0], MaxRate).Draw(t, "better")
		case Rates3:
			for i, r := range q.Guarantee.Rates {
				better.Guarantee.Rates[i] = rapid.IntRange(r, MaxRate).Draw(t, "better")
			}
		case Amount:
			better.Guarantee.Euros = rapid.IntRange(q.Guarantee.Euros, MaxEuros).Draw(t, "better")
		case TM:
			better.Guarantee = Guarantee{Kind: Rate, Rates: [3]int{100}}
		}
		if b := share(better); b.AMC < s.AMC || b.Rest > s.Rest {
			t.Fatalf("%s pays %s, %s pays %s", q.Guarantee, s.AMC, better.Guarantee, b.AMC)
		}
		// Up to 100 % of the base, what is above the base stays to be paid.
		if g := q.Guarantee; (g.Kind == TM || g.Kind == Rate && g.Rates[0] <= 100) && s.Rest < q.Spent-q.Base {
			t.Fatalf("%+v pays above the base", s)
		}
		for _, words := range []string{s.French(), s.English()} {
			if strings.Contains(words, " 0,00") || strings.Contains(words, "€0.00") {
				t.Fatalf("it says that nothing is to be paid: %s", words)
			}
		}
	})
}

func TestShareWords(t *testing.T) {
	ask := func(spent, class, g string, regime Regime) Share {
		n := map[string]int{"65": 65, "30": 30, "15": 15}[class]
		s, err := DefaultShareRules().Share(ShareQuestion{cents(t, spent), cents(t, "1 025,00"), n, regime, guarantee(t, g), shareDay})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const never = " S’y ajoutent, jamais couvertes par un contrat responsable\u00a0: franchise médicale (1,00\u00a0€ par boîte de médicament), participation forfaitaire (2,00\u00a0€ par consultation, acte ou analyse)."
	for _, c := range []struct {
		share Share
		want  string
	}{
		{ask("1 234,50", "65", "100%", RegimeGeneral), "Indicatif\u00a0: part AMO 666,25\u00a0€ (65\u00a0% de la base), part AMC 358,75\u00a0€, reste 209,50\u00a0€." + never},
		{ask("1 025,00", "65", "100%", RegimeGeneral), "Indicatif\u00a0: part AMO 666,25\u00a0€ (65\u00a0% de la base), part AMC 358,75\u00a0€, dépense couverte par ces parts." + never},
		{ask("1 025,00", "15", "100%", RegimeALD), "Indicatif\u00a0: part AMO 1\u00a0025,00\u00a0€ (100\u00a0% de la base), aucune part AMC, dépense couverte par ces parts." + never + " Taux d’usage, à confirmer."},
	} {
		if got := c.share.French(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
		if got := c.share.English(); !strings.HasPrefix(got, "Indicative only: part AMO €") || strings.Contains(got, "à confirmer") {
			t.Error(got)
		}
	}
	if ask("1", "15", "100%", RegimeALD).Verified || !ask("1", "65", "100%", RegimeGeneral).Verified {
		t.Error("what is from usage must say so")
	}
}

func TestParseCents(t *testing.T) {
	for in, want := range map[string]Cents{
		"25,00": 2500, "25.00": 2500, "25": 2500, "0": 0, "0,05": 5, "0.50": 50, "1 234,50 €": 123450, "1\u00a0234,50\u00a0€": 123450,
		"1\u202f234,50\u202f€": 123450, "1\u202f234,50\u00a0€": 123450, "1234,50€": 123450, " 25,00 ": 2500, "\u00a025,00": 2500, "999 999,99": MaxCents, "999999.99 €": MaxCents, "12 345": 1234500,
	} {
		if got, err := ParseCents(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", " ", "€", ",50", ".50", "25,", "25,0", "25,5", "25,000", "1.234", "1,234", "1,234.50", "1.234,50", "1'234", "1 23,50", "12 34,50", "1  234", "1 2345",
		"-25", "+25", "25 00", "0025", "00", "01,00", "2e3", "0x10", "25,00 EUR", "€25", "25 €€", "25,00 € net", "25,0O", "٢٥", "２５", "25,٠٠", "25,00\n", "\t25", "25;00", "1 000 00", "NaN", "25,-5", "25.00.00",
		strings.Repeat(" ", 70) + "1"} {
		if got, err := ParseCents(in); !errors.Is(err, ErrAmount) || got != 0 {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"1 000 000", "1000000,00", "9999999999999999999999999999"} {
		if got, err := ParseCents(in); !errors.Is(err, ErrAmountRange) || got != 0 {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	if got := Cents(123456789).French(); got != "1\u00a0234\u00a0567,89\u00a0€" {
		t.Error(got)
	}
	if got := Cents(-5).String(); got != "-0.05" {
		t.Error(got)
	}
	var c Cents
	if b, err := json.Marshal(Cents(5)); err != nil || string(b) != `"0.05"` || json.Unmarshal([]byte(`"1 234,50 €"`), &c) != nil || c != 123450 {
		t.Errorf("%s, %v, %v", b, err, c)
	}
	if json.Unmarshal([]byte(`12`), &c) == nil || json.Unmarshal([]byte(`"x"`), &c) == nil {
		t.Error("accepted")
	}
	if _, err := Cents(-1).MarshalText(); err == nil {
		t.Error("wrote what it would not read")
	}
}

// Whatever is accepted is one amount, in range, with one meaning, and an error names nothing of what was typed.
func FuzzParseCents(f *testing.F) {
	for _, s := range []string{"25,00", "1 234,50 €", "1\u202f234.50", "0", "999999,99", "-1", "1.234", "25,00\u00a0€", "€"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCents(s)
		if err != nil {
			if c != 0 || CodeOf(err) == "" || FrenchOf(err) == "" {
				t.Fatalf("%v beside %v", c, err)
			}
			return
		}
		if c < 0 || c > MaxCents || !utf8.ValidString(s) {
			t.Fatalf("%q is %d", s, c)
		}
		for _, form := range []string{c.French(), c.String(), strings.TrimPrefix(c.English(), "€")} {
			if back, err := ParseCents(form); err != nil || back != c {
				t.Fatalf("%q is %d, written %q, read %d, %v", s, c, form, back, err)
			}
		}
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
		want := strings.ReplaceAll(c.String(), ".", "")
		if !strings.ContainsAny(s, ",.") {
			want = strings.TrimSuffix(want, "00")
		}
		if digits != want {
			t.Fatalf("%q has the digits %s, read as %s", s, digits, want)
		}
	})
}

func TestShareRules(t *testing.T) {
	r := DefaultShareRules()
	met := map[Regime]int{}
	for _, a := range r.rates {
		met[a.Regime]++
	}
	for _, regime := range Regimes() {
		if met[regime] < len(classes) {
			t.Errorf("%s: %d rates", regime, met[regime])
		}
	}
	if len(r.never) < 2 {
		t.Error("franchise and participation forfaitaire")
	}
	// Before their first day they are not named.
	s, err := r.Share(ShareQuestion{100, 100, 65, RegimeGeneral, Guarantee{}, 19400})
	if err != nil || len(s.Never) != 0 {
		t.Errorf("%+v, %v", s.Never, err)
	}
	good := string(defaultShareRules)
	for name, c := range map[string][2]string{
		"version":      {`"version":1`, `"version":2`},
		"unknown":      {`"version":1`, `"version":1,"x":1`},
		"twice":        {`"class":65,"rate":65`, `"class":65,"rate":60,"rate":65`},
		"case":         {`"class":65,"rate":65`, `"class":65,"Rate":65`},
		"order":        {`"class":65,"rate":65`, `"rate":65,"class":65`},
		"regime":       {`"regime":"ald","class":65`, `"regime":"ALD","class":65`},
		"class":        {`"class":65,"rate":65`, `"class":60,"rate":65`},
		"rate":         {`"class":65,"rate":65`, `"class":65,"rate":101`},
		"negative":     {`"class":65,"rate":65`, `"class":65,"rate":-1`},
		"same day":     {`"regime":"ald","class":65`, `"regime":"general","class":65`},
		"checked":      {`"checked":"2026-11-22","verified":true`, `"checked":"22/11/2026","verified":true`},
		"unchecked":    {`"checked":"2026-11-22","verified":true`, `"verified":true`},
		"amount":       {`"amount":"1.00"`, `"amount":"1,00"`},
		"no amount":    {`"amount":"1.00"`, `"amount":"0.00"`},
		"number":       {`"amount":"1.00"`, `"amount":1`},
		"label":        {`"label":"franchise médicale"`, `"label":""`},
		"bidi":         {`"label":"franchise médicale"`, "\"label\":\"franchise\u202emédicale\""},
		"source":       {`"source":"lequotidiendumedecin.fr, 8 février 2006"`, `"source":""`},
		"last day":     {`"from":"2024-03-31"`, `"from":"2024-03-31","to":"2024-03-30"`},
		"never twice":  {`"code":"participation_forfaitaire"`, `"code":"franchise"`},
		"not a number": {`"class":65,"rate":65`, `"class":65,"rate":"65"`},
		"cut":          {"]}\n", ""},
	} {
		text := strings.Replace(good, c[0], c[1], 1)
		if text == good {
			t.Fatalf("%s changes nothing", name)
		}
		if r, err := ParseShareRules([]byte(text)); !errors.Is(err, ErrShareRules) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseShareRules(make([]byte, MaxCodesFile+1)); !errors.Is(err, ErrShareRules) {
		t.Error("too long")
	}
	// An amount from usage marks what it is named in.
	unsure, err := ParseShareRules([]byte(strings.Replace(good, `force-ouvriere.fr, 15 mai 2024","checked":"2026-11-22","verified":true`, `x","verified":false`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := unsure.Share(ShareQuestion{100, 100, 65, RegimeGeneral, Guarantee{}, shareDay}); err != nil || s.Verified {
		t.Errorf("%+v, %v", s, err)
	}
	// The twin: other spacing, and a rate that changes on a day.
	text := strings.Replace(good, `"regime":"general","class":65,"rate":65,`, `"regime":"general","class":65,"rate":65,"to":"2027-12-31",`, 1)
	text = strings.Replace(text, `"rates":[`, `"rates":[{"regime":"general","class":65,"rate":60,"from":"2028-01-01","text":"x","source":"y","verified":false},`, 1)
	changed, err := ParseShareRules([]byte(strings.ReplaceAll(text, "},\n", "}, ")))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[Date]int{shareDay: 65, 21183: 65, 21184: 60, 22000: 60} {
		if s, err := changed.Share(ShareQuestion{100, 100, 65, RegimeGeneral, Guarantee{}, day}); err != nil || s.Rate != want || s.Verified != (want == 65) {
			t.Errorf("%s: %+v, %v", day, s, err)
		}
	}
}

func FuzzParseShareRules(f *testing.F) {
	f.Add(defaultShareRules)
	f.Add([]byte(`{"version":1,"rates":[],"never":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseShareRules(b)
		if (err == nil) != (r != nil) {
			t.Fatal(err)
		}
		if err == nil {
			_, _ = r.Share(ShareQuestion{100, 100, 65, RegimeGeneral, Guarantee{}, shareDay})
		}
	})
}
