// The classes of forged and sloppy claims, each made from a valid twin, signed by the genuine key, and each refused with
// its own code.

package card

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sceau/signing"
)

// class is one way to be wrong; edit makes it from the valid twin's JSON.
type class struct {
	name string
	edit func(t *testing.T, twin string) string
	code string
}

func from(old, new string) func(*testing.T, string) string {
	return func(t *testing.T, twin string) string { return swap(t, twin, old, new) }
}

func repeat(s string, n int, sep string) string {
	return strings.TrimSuffix(strings.Repeat(s+sep, n), sep)
}

// garWith replaces the whole table of guarantees.
func garWith(gar string) func(*testing.T, string) string {
	return func(t *testing.T, twin string) string {
		i, j := strings.Index(twin, `"gar":`), strings.Index(twin, `,"notes"`)
		return twin[:i] + `"gar":` + gar + twin[j:]
	}
}

// benWith replaces all the people by one, and their guarantees by hers.
func benWith(ben string) func(*testing.T, string) string {
	return func(t *testing.T, twin string) string {
		i, j := strings.Index(twin, `"ben":`), strings.Index(twin, `,"notes"`)
		return twin[:i] + `"ben":` + ben + `,"gar":[[[0],{"PHAR":"100%"}]]` + twin[j:]
	}
}

func nomWith(nom string) func(*testing.T, string) string { return from("O'BRIEN", nom) }

func manyPeople(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`["NOM","A%c","200%05d",1]`, 'a'+i%26, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

var claimClasses = []class{
	// Below the schema.
	{"empty text", func(*testing.T, string) string { return "" }, "json_empty"},
	{"byte order mark", func(_ *testing.T, s string) string { return "\ufeff" + s }, "json_bom"},
	{"not JSON", func(*testing.T, string) string { return "TP1" }, "json_syntax"},
	{"array", func(_ *testing.T, s string) string { return "[]" }, "value_type"},
	{"string", func(_ *testing.T, s string) string { return `"card"` }, "value_type"},
	{"null", func(_ *testing.T, s string) string { return `null` }, "value_type"},
	{"number", func(_ *testing.T, s string) string { return `1` }, "value_type"},
	{"trailing garbage", func(_ *testing.T, s string) string { return s + "x" }, "json_trailing"},
	{"two objects", func(_ *testing.T, s string) string { return s + s }, "json_trailing"},
	{"trailing NUL", func(_ *testing.T, s string) string { return s + "\x00" }, "json_trailing"},
	{"trailing line break", func(_ *testing.T, s string) string { return s + "\n" }, "json_space"},
	{"leading space", func(_ *testing.T, s string) string { return " " + s }, "json_space"},
	{"space after colon", from(`"iat":`, `"iat": `), "json_space"},
	{"tab after comma", from(`,"iat"`, ",\t\"iat\""), "json_space"},
	{"carriage return", from(`,"iat"`, ",\r\"iat\""), "json_space"},
	{"comment", from(`,"iat"`, `,/*x*/"iat"`), "json_syntax"},
	{"single quotes", from(`"iat"`, `'iat'`), "json_syntax"},
	{"trailing comma", from(`"Par an et par bénéficiaire"]`, `"Par an et par bénéficiaire",]`), "json_syntax"},
	{"truncated", func(_ *testing.T, s string) string { return s[:len(s)-1] }, "json_truncated"},
	{"truncated in a string", func(_ *testing.T, s string) string { return s[:len(s)-5] }, "json_truncated"},
	{"duplicate member", from(`,"iat":1794528000`, `,"iat":1794528000,"iat":1794528000`), "json_duplicate"},
	{"duplicate member far away", from(`,"notes"`, `,"iss":"775670482","notes"`), "json_duplicate"},
	{"duplicate domain", garWith(`[[[0],{"PHAR":"100%","PHAR":"100%"}]]`), "gar_domain_twice"},
	{"depth 7", from(`[3,583021]`, `[[[[[[3]]]]]]`), "json_depth"},
	{"depth 1000", from(`[3,583021]`, strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), "json_depth"},
	{"invalid UTF-8", nomWith("O\xffBRIEN"), "json_utf8"},
	{"overlong UTF-8", nomWith("O\xc1\x81BRIEN"), "json_utf8"},
	{"surrogate in UTF-8", nomWith("O\xed\xa0\x80BRIEN"), "json_utf8"},
	{"lone surrogate", nomWith(`O\ud800BRIEN`), "json_surrogate"},
	{"low surrogate first", nomWith(`O\udc00\ud800BRIEN`), "json_surrogate"},
	{"escaped letter", nomWith(`O\u0042RIEN`), "json_escape"},
	{"escaped solidus", from(`KA/OC`, `KA\/OC`), "json_escape"},
	{"escaped line feed", from("Par an", `Par\nan`), "json_escape"},
	{"escaped quote the long way", from(`\"devis`, `\u0022devis`), "json_escape"},
	{"unknown escape", from("Par an", `Par\xan`), "json_syntax"},
	{"escaped member name", from(`"iat"`, `"\u0069at"`), "json_escape"},
	{"NUL in a string", nomWith("O\x00BRIEN"), "json_control"},
	{"line feed in a string", nomWith("O\nBRIEN"), "json_control"},

	// Numbers and times.
	{"iat missing", from(`,"iat":1794528000`, ``), "iat_missing"},
	{"iat as string", from(`1794528000`, `"1794528000"`), "value_type"},
	{"iat null", from(`1794528000`, `null`), "value_type"},
	{"iat float", from(`1794528000`, `1794528000.0`), "json_float"},
	{"iat with exponent", from(`1794528000`, `1794528e3`), "json_exponent"},
	{"iat 1e308", from(`1794528000`, `1e308`), "json_exponent"},
	{"iat negative", from(`1794528000`, `-1794528000`), "json_negative"},
	{"iat minus zero", from(`1794528000`, `-0`), "json_negative"},
	{"iat with leading zero", from(`1794528000`, `01794528000`), "json_leading_zero"},
	{"iat 2^53", from(`1794528000`, `9007199254740992`), "json_range"},
	{"iat of a million digits", from(`1794528000`, strings.Repeat("9", 12000)), "json_range"},
	{"iat hexadecimal", from(`1794528000`, `0x6AF5C280`), "json_syntax"},
	{"iat with plus", from(`1794528000`, `+1794528000`), "json_syntax"},
	{"iat in milliseconds", from(`1794528000`, `1794528000000`), "time_milliseconds"},
	{"nbf in milliseconds", from(`1798758000`, `1798758000000`), "time_milliseconds"},
	{"iat zero", from(`1794528000`, `0`), "time_range"},
	{"iat in microseconds", from(`1794528000`, `1794528000000000`), "time_range"},
	{"nbf missing", from(`,"nbf":1798758000`, ``), "nbf_missing"},
	{"nbf at UTC midnight", from(`1798758000`, `1798761600`), "nbf_midnight"},
	{"nbf as date", from(`1798758000`, `"2027-01-01"`), "value_type"},
	{"exp missing", from(`,"exp":1830294000`, ``), "exp_missing"},
	{"exp at 23:59:59", from(`1830294000`, `1830293999`), "exp_midnight"},
	{"exp 2^53-1", from(`1830294000`, `9007199254740991`), "time_range"},
	{"exp after 2100", from(`1830294000`, `4102527600`), "time_range"},
	{"exp equals nbf", from(`1830294000`, `1798758000`), "exp_before_nbf"},
	{"exp before nbf", from(`1830294000`, `1798671600`), "exp_before_nbf"},

	// Members.
	{"iss missing", from(`"iss":"775670482",`, ``), "iss_missing"},
	{"st missing", from(`,"st":[3,583021]`, ``), "st_missing"},
	{"adh missing", from(`,"adh":"0012284"`, ``), "adh_missing"},
	{"unknown member", from(`,"iat"`, `,"nir":"1","iat"`), "member_unknown"},
	{"URL member", from(`,"iat"`, `,"jku":"x","iat"`), "member_unknown"},
	{"case variant", from(`"iat"`, `"IAT"`), "member_case"},
	{"members swapped", from(`"iss":"775670482","iat":1794528000`, `"iat":1794528000,"iss":"775670482"`), "member_order"},

	// Identity of the card.
	{"iss empty", from(`"775670482"`, `""`), "iss_form"},
	{"iss with spaces", from(`775670482`, `775 670 482`), "iss_form"},
	{"iss too long", from(`775670482`, `77567048200`), "iss_form"},
	{"iss lower case", from(`775670482`, `77567048b`), "iss_form"},
	{"iss only zeros", from(`775670482`, `000000000`), "iss_form"},
	{"iss as number", from(`"775670482"`, `775670482`), "value_type"},
	{"list 0", from(`[3,`, `[0,`), "place_list"},
	{"list 2^31", from(`[3,`, `[2147483648,`), "place_list"},
	{"list wraps 32 bits", from(`[3,`, `[4294967299,`), "place_list"},
	{"index 2^20", from(`583021`, `1048576`), "place_index"},
	{"index wraps 32 bits", from(`583021`, `4295550317`), "place_index"},
	{"place of three", from(`583021]`, `583021,1]`), "value_type"},
	{"place as text", from(`[3,583021]`, `"3-583021"`), "value_type"},
	{"adh empty", from(`"0012284"`, `""`), "adh_form"},
	{"adh too long", from(`0012284`, `00122840012284001`), "adh_form"},
	{"adh formula", from(`0012284`, `=1+1`), "adh_form"},
	{"conv empty", from(`["SP","IS"]`, `[]`), "conv_count"},
	{"conv of seven", from(`["SP","IS"]`, `["A1","A2","A3","A4","A5","A6","A7"]`), "conv_count"},
	{"conv twice", from(`["SP","IS"]`, `["SP","SP"]`), "conv_twice"},
	{"conv of three letters", from(`["SP","IS"]`, `["SPX"]`), "conv_form"},
	{"csr empty", from(`"GEST01"`, `""`), "csr_empty"},
	{"csr too long", from(`GEST01`, `GEST01234`), "csr_form"},
	{"resp false", from(`"resp":true`, `"resp":false`), "resp_false"},
	{"resp 1", from(`"resp":true`, `"resp":1`), "value_type"},

	// People.
	{"ben missing", func(t *testing.T, s string) string {
		i, j := strings.Index(s, `"ben":`), strings.Index(s, `"gar":`)
		return s[:i] + s[j:]
	}, "ben_missing"},
	{"nobody", benWith(`[]`), "ben_empty"},
	{"13 people", benWith(manyPeople(13)), "ben_count"},
	{"400 people", benWith(manyPeople(400)), "ben_count"},
	{"the same person twice", benWith(`[["LE GOFF","Anne","19800101",1],["LE GOFF","Anne","19800101",1]]`), "ben_twice"},
	{"the same person twice in another case", benWith(`[["LE GOFF","Anne","19800101",1],["Le Goff","ANNE","19800101",1]]`), "ben_twice"},
	{"person as object", benWith(`[{"nom":"LE GOFF"}]`), "value_type"},
	{"person of three", benWith(`[["LE GOFF","Anne","19800101"]]`), "value_type"},
	{"person of seven", benWith(`[["LE GOFF","Anne","19800101",1,"20270201","20270301","x"]]`), "value_type"},
	{"nom empty", nomWith(""), "nom_form"},
	{"nom of 65 letters", nomWith(strings.Repeat("A", 65)), "nom_form"},
	{"nom of 10 kB", nomWith(strings.Repeat("A", 10000)), "nom_form"},
	{"prénom empty", from("Jean-Marc", ""), "prenom_form"},
	{"bidi override", nomWith("O\u202eBRIEN"), "nom_form"},
	{"bidi isolate", nomWith("O\u2066BRIEN"), "nom_form"},
	{"zero-width joiner", nomWith("O\u200dBRIEN"), "nom_form"},
	{"zero-width non-joiner", nomWith("O\u200cBRIEN"), "nom_form"},
	{"BOM inside", nomWith("O\ufeffBRIEN"), "nom_form"},
	{"tag characters", nomWith("O\U000e0041BRIEN"), "nom_form"},
	{"200 combining marks", nomWith("O" + strings.Repeat("\u0316", 200)), "nom_form"},
	{"NFD", nomWith("E\u0301TIENNE"), "nom_form"},
	{"Cyrillic homoglyph", nomWith("\u0410NNE"), "nom_form"},
	{"right-to-left name", nomWith("\u05d0\u05d1"), "nom_form"},
	{"emoji", nomWith("ANNE\U0001f600"), "nom_form"},
	{"HTML", nomWith("<img src=x onerror=alert(1)>"), "nom_form"},
	{"template", nomWith("{{.}}"), "nom_form"},
	{"format verb", nomWith("%s%n"), "nom_form"},
	{"formula", nomWith("=HYPERLINK(A1)"), "nom_form"},
	{"digits", nomWith("LOUIS 14"), "nom_form"},
	{"birth as calendar date", from("19830000", "1983-00-00"), "birth_form"},
	{"birth of 6 digits", from("19830000", "831231"), "birth_form"},
	{"birth with full-width digits", from("19830000", "1983000\uff10"), "birth_form"},
	{"rang 0", from(`"20270214",2`, `"20270214",0`), "rang_range"},
	{"rang 10", from(`"20270214",2`, `"20270214",10`), "rang_range"},
	{"own end on the card's last day", from("20270831", "20271231"), "own_date_range"},
	{"own end after the card's", from("20270831", "20280831"), "own_date_range"},
	{"own end before the card's beginning", from("20270831", "20261231"), "own_date_range"},
	{"own beginning on the first day", from(`2,"20270214"`, `2,"20270101"`), "own_date_range"},
	{"own beginning and end crossed", from(`"","20270831"`, `"20270901","20270831"`), "own_date_order"},
	{"own end 30 February", from("20270831", "20270230"), "own_date_form"},
	{"own end 31/12/27", from("20270831", "31/12/27"), "own_date_form"},
	{"own end empty", from(`"","20270831"`, `"",""`), "own_date_form"},
	{"own beginning empty and alone", from(`"","20270831"`, `""`), "own_date_empty"},

	// Guarantees.
	{"gar missing", func(t *testing.T, s string) string {
		i, j := strings.Index(s, `,"gar":`), strings.Index(s, `,"notes":`)
		return s[:i] + s[j:]
	}, "gar_missing"},
	{"group of nobody", garWith(`[[[],{"PHAR":"100%"}]]`), "gar_people_empty"},
	{"person 3 of 3", garWith(`[[[3],{"PHAR":"100%"}]]`), "gar_people_range"},
	{"person 2^32", garWith(`[[[4294967296],{"PHAR":"100%"}]]`), "gar_people_range"},
	{"person twice in a group", garWith(`[[[1,1],{"PHAR":"100%"}]]`), "gar_people_twice"},
	{"people out of order", garWith(`[[[1,0],{"PHAR":"100%"}]]`), "gar_people_order"},
	{"people as object", garWith(`[[{"0":1},{"PHAR":"100%"}]]`), "value_type"},
	{"group without values", garWith(`[[[0],{}]]`), "gar_values_empty"},
	{"domains out of order", garWith(`[[[0],{"PHAR":"100%","DENT":"100%"}]]`), "gar_domain_order"},
	{"domain in lower case", garWith(`[[[0],{"phar":"100%"}]]`), "domain_form"},
	{"domain of 7", garWith(`[[[0],{"PHARMAC":"100%"}]]`), "domain_form"},
	{"domain empty", garWith(`[[[0],{"":"100%"}]]`), "domain_form"},
	{"41 domains", garWith(`[[[0],{` + manyDomains(41) + `}]]`), "gar_domain_count"},
	{"two values for one person", garWith(`[[[0],{"PHAR":"TM"}],[[0,1],{"PHAR":"100%"}]]`), "gar_overlap"},
	{"one value in two groups", garWith(`[[[0],{"PHAR":"100%"}],[[1],{"PHAR":"100%"}]]`), "gar_split"},
	{"two groups of the same people", garWith(`[[[0],{"PHAR":"100%"}],[[0],{"DENT":"100%"}]]`), "gar_group_twice"},
	{"groups out of order", garWith(`[[[1],{"PHAR":"100%"}],[[0],{"DENT":"100%"}]]`), "gar_order"},
	{"65 groups", garWith("[" + repeat(`[[0],{"PHAR":"100%"}]`, 65, ",") + "]"), "gar_count"},
	{"value unknown", garWith(`[[[0],{"PHAR":"cent"}]]`), "value_form"},
	{"value with spelled euro", garWith(`[[[0],{"PHAR":"150€"}]]`), "value_form"},
	{"value with leading zero", garWith(`[[[0],{"PHAR":"0100%"}]]`), "value_form"},
	{"value with a space too many", garWith(`[[[0],{"PHAR":"SP  100%"}]]`), "value_form"},
	{"value as number", garWith(`[[[0],{"PHAR":100}]]`), "value_type"},
	{"footnote that isn't there", garWith(`[[[0],{"PHAR":"100% (3)"}]]`), "note_reference"},

	// Footnotes.
	{"notes empty", from(`["Sur \"devis\" accepté","Par an et par bénéficiaire"]`, `[]`), "notes_count"},
	{"10 notes", from(`["Sur \"devis\" accepté",`, `[`+repeat(`"a"`, 9, ",")+`,`), "notes_count"},
	{"note empty", from(`"Par an et par bénéficiaire"`, `""`), "note_form"},
	{"note too long", from(`Par an et par bénéficiaire`, strings.Repeat("a", 121)), "note_form"},
	{"note with a web address", from(`Par an et par bénéficiaire`, "voir https://x"), "note_form"},
	{"note with bidi override", from(`Par an`, "Par \u202ean"), "note_form"},
	{"note in NFD", from(`Par an`, "Par an e\u0301"), "note_form"},
}

func manyDomains(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"D%02d":"100%%"`, i))
	}
	return strings.Join(list, ",")
}

func TestClaimClasses(t *testing.T) {
	c, err := open(t, sealJSON(t, testJSON))
	if err != nil {
		t.Fatalf("the valid twin is refused, so the classes prove nothing: %v", err)
	}
	if c.Place().String() != "3-583021" {
		t.Fatal(c.Place())
	}
	codes := make(map[string]int)
	for _, cl := range claimClasses {
		t.Run(cl.name, func(t *testing.T) {
			text := cl.edit(t, testJSON)
			if text == testJSON {
				t.Fatal("the class is its twin")
			}
			if _, err := DecodeClaims([]byte(text)); signing.CodeOf(err) != cl.code || !errors.Is(err, ErrMalformed) {
				t.Errorf("DecodeClaims: %v, want code %s", err, cl.code)
			}
			if len(text) > MaxInflated {
				t.Fatal("the class proves the size bound instead")
			}
			// The same, genuinely signed: a valid signature must not help.
			if _, err := open(t, sealJSON(t, text)); signing.CodeOf(err) != cl.code {
				t.Errorf("Parse: %v, want code %s", err, cl.code)
			}
			codes[cl.code]++
		})
	}
	t.Logf("count: %d classes of claims, %d codes, 0 accepted", len(claimClasses), len(codes))
	if len(claimClasses) < 70 {
		t.Error("classes lost")
	}
}

// The rules that reading has hold for issuing: claims built by hand are refused before anything is signed.
func TestPrepareRefusesWhatParseWould(t *testing.T) {
	kid := testPublic(t).KID
	if _, err := Prepare(testClaims(t), kid); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Claims){
		"iss_form":          func(c *Claims) { c.Issuer = "" },
		"time_milliseconds": func(c *Claims) { c.IssuedAt *= 1000 },
		"exp_midnight":      func(c *Claims) { c.Expires-- },
		"place_index":       func(c *Claims) { c.Place.Index = 1 << 20 },
		"adh_form":          func(c *Claims) { c.Adherent = "a" },
		"conv_twice":        func(c *Claims) { c.Conventions = []string{"SP", "SP"} },
		"csr_form":          func(c *Claims) { c.CSR = "É" },
		"ben_empty":         func(c *Claims) { c.People = nil },
		"nom_form":          func(c *Claims) { c.People[0].Nom = "A\xff" },
		"own_date_range":    func(c *Claims) { c.People[0].To = c.ValidTo() },
		"gar_people_range":  func(c *Claims) { c.Guarantees[0].People = []int{-1} },
		"value_form":        func(c *Claims) { c.Guarantees[0].Values[0].Value.Euros = 0 },
		"domain_form":       func(c *Claims) { c.Guarantees[0].Values[0].Domain = "phar" },
		"note_reference":    func(c *Claims) { c.Notes = nil },
		"note_form":         func(c *Claims) { c.Notes[0] = "x\x00" },
	} {
		c := testClaims(t)
		edit(&c)
		if d, err := Prepare(c, kid); signing.CodeOf(err) != name || d != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
