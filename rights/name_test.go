// Tests of the rule of names, with the big list of naughty strings.

package rights

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var goodNames = []string{
	"A", "DUPONT", "Jean-Pierre", "D'ALEMBERT", "d’Ormesson", "LE GUEN", "DUPONT--MARTIN", "J.-B.", "'t Hooft",
	"éàâäèêëîïôöùûüçÿ", "ÉÀÂÄÈÊËÎÏÔÖÙÛÜÇŸ", "Œuvrard", "œ", "Æ", "Nuñez", "Müller", "Groß", "ẞ", "Łukasz", "Ångström", "Ørsted", "Þór", "Ðuro",
	"Ștefan", "Şükrü", "İbrahim", "Yılmaz", "Nguyễn", "Đặng", "Həsən", "Ɓala", "Ɛkuɔ", "Kŋ", "Ñ", "Žižek", "Őry", "Ģirts", "ė\u0303", "Ɔ\u0301", "ẹ\u0301\u0302",
	strings.Repeat("É", 64),
}

var badNames = map[string]string{
	"":  "name_empty",
	" ": "name_space", " A": "name_space", "A ": "name_space", "A  B": "name_space",
	strings.Repeat("A", 65): "name_too_long", strings.Repeat("A", 10000): "name_too_long",
	"-A": "name_letter", ".A": "name_letter", "'": "name_letter", "''-": "name_letter", "’.": "name_letter",
	"e\u0301": "name_not_nfc", "A\u030a": "name_not_nfc", "Cafe\u0301": "name_not_nfc", "q\u0301\u0323": "name_not_nfc", // marks out of order
	"\u0301A": "name_marks", "A \u0301": "name_marks", "A-\u0301": "name_marks", "q\u0301\u0302\u0303": "name_marks", "q" + strings.Repeat("\u0301", 50): "name_marks",
	"A\xff": "name_encoding", "\xc3": "name_encoding", "A\xed\xa0\x80": "name_encoding",
	"A1": "name_character", "A_B": "name_character", "A/B": "name_character", "A,B": "name_character", "A;B": "name_character",
	"=A": "name_character", "+A": "name_character", "@A": "name_character", "A=B": "name_character", "\tA": "name_character", "A\r": "name_character", "A\nB": "name_character",
	"A\x00": "name_character", "A\x7f": "name_character", "A\u0085": "name_character", "A\u00a0B": "name_character", "A\u00ad": "name_character", "A\ufffd": "name_character",
	"A\u200b": "name_character", "A\u200d": "name_character", "\ufeffA": "name_character", "A\u034fB": "name_character", // invisible
	"A\u202eB": "name_character", "\u2066A": "name_character", "A\u200f": "name_character", "A\u061c": "name_character", // direction
	"DUPОNT": "name_character", "ΑΒ": "name_character", "Ан": "name_character", // Cyrillic O, Greek, Cyrillic
	"ＡＢ": "name_character", "ﬁ": "name_character", "ſ": "name_character", "Aª": "name_character", "Nº": "name_character", "Ⅳ": "name_character", "ǆ": "name_character",
	"ǀ": "name_character", "ɑ": "name_character", "ɡ": "name_character", "ʰA": "name_character", "Kʼ": "name_character", "A‐B": "name_character", "A–B": "name_character", "A`B": "name_character", "A´": "name_character",
	"A\u0338": "name_character", "A\u0336B": "name_character", "A\u20dd": "name_character", "A😀": "name_character", "李": "name_character", "محمد": "name_character", "<b>A</b>": "name_character", "A&amp": "name_character",
}

func TestCheckName(t *testing.T) {
	for _, name := range goodNames {
		if err := CheckName(name); err != nil {
			t.Errorf("%+q: %v", name, err)
		}
	}
	for name, code := range badNames {
		err := CheckName(name)
		if CodeOf(err) != code {
			t.Errorf("%+.40q: %v, want %s", name, err, code)
		}
		if err != nil && utf8.RuneCountInString(name) > 3 && strings.Contains(err.Error()+FrenchOf(err), name) {
			t.Errorf("%+.40q: the error repeats the name", name)
		}
	}
	if len(badNames) < len(goodNames) {
		t.Error("too few negative cases")
	}
	if err := CheckName("DUPONT\u202e"); !strings.Contains(FrenchOf(err), "U+202E") {
		t.Errorf("the character is not told: %v", err)
	}
}

// TestNaughtyNames runs the big list of naughty strings; what passes must be harmless by an independent look.
func TestNaughtyNames(t *testing.T) {
	raw := sharedFile(t, "data/blns/blns.json")
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	var passed []string
	for _, s := range list {
		err := CheckName(s)
		if err == nil {
			passed = append(passed, s)
			for _, r := range s {
				if !unicode.In(r, unicode.Latin, unicode.Mn) && !strings.ContainsRune(" '’-.", r) {
					t.Errorf("%+q passes with U+%04X", s, r)
				}
			}
			if !norm.NFC.IsNormalString(s) || len(s) > 4*MaxNameRunes || strings.TrimSpace(s) != s {
				t.Errorf("%+q passes", s)
			}
			continue
		}
		count[CodeOf(err)]++
	}
	if len(list) < 500 || len(passed) == 0 || count[""] != 0 {
		t.Fatalf("%d strings, %d passed, %d without code", len(list), len(passed), count[""])
	}
	t.Logf("count: %d naughty strings: %d are lawful names (words such as %q), refused: %v", len(list), len(passed), passed[0], count)
}

// sharedFile reads a file of the test data that stands beside the project, or skips.
func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	for _, up := range []string{"../..", "../../..", "../../../.."} {
		if b, err := os.ReadFile(filepath.Join(up, "shared", name)); err == nil {
			return b
		}
	}
	t.Skipf("shared/%s is not beside the project", name)
	return nil
}

func FuzzCheckName(f *testing.F) {
	for _, name := range goodNames {
		f.Add(name)
	}
	for name := range badNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := CheckName(name); err != nil {
			if CodeOf(err) == "" || FrenchOf(err) == "" {
				t.Fatal("error without code or French")
			}
			return
		}
		if !utf8.ValidString(name) || norm.NFC.String(name) != name || utf8.RuneCountInString(name) > MaxNameRunes {
			t.Fatalf("%+q passes", name)
		}
		if strings.ContainsAny(name[:1], "=+-@\t\r\n") {
			t.Fatalf("%+q begins like a formula", name)
		}
	})
}
