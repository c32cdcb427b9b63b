// The low-level reader against JSONTestSuite: whatever any JSON parser may refuse is refused, and what every JSON parser
// must take is refused only where this profile is narrower on purpose.

package card

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/signing"
)

// narrower are the refusals of lawful JSON that this profile has no use for.
var narrower = map[string]bool{
	"json_space": true, "json_float": true, "json_exponent": true, "json_negative": true, "json_range": true,
	"json_escape": true, "json_duplicate": true, "json_depth": true,
}

func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedData(t, "JSONTestSuite"), "test_parsing", "*.json"))
	if err != nil || len(files) < 300 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	count := make(map[string]int)
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		if _, err := DecodeClaims(b); err == nil {
			t.Errorf("%s is a card", base)
		} else if signing.CodeOf(err) == "" {
			t.Errorf("%s: refusal without a code: %v", base, err)
		}
		if len(b) <= MaxInflated {
			if _, err := open(t, sealPayload(t, deflate(b))); err == nil {
				t.Errorf("%s is a card when signed", base)
			}
		}
		code := signing.CodeOf(scan(string(b)))
		switch base[0] {
		case 'n':
			if code == "" {
				t.Errorf("%s: must be refused", base)
			}
			count["n refused"]++
		case 'y':
			switch {
			case code == "":
				count["y accepted"]++
			case narrower[code]:
				count["y refused, profile narrower: "+code]++
			default:
				t.Errorf("%s: lawful JSON refused as %s", base, code)
			}
		case 'i':
			if code == "" {
				t.Errorf("%s: implementation-defined, and this profile refuses all of them", base)
			}
			count["i refused"]++
		}
	}
	if count["n refused"] < 180 || count["i refused"] < 30 || count["y accepted"] < 30 {
		t.Errorf("counts: %v", count)
	}
	t.Logf("count: %d files, none a card: %v", len(files), count)
}

func TestReaderTokens(t *testing.T) {
	for text, code := range map[string]string{
		`{"a":[0,1,9007199254740991,true,false,null,"é\"\\"]}`: "",
		`[[[[[[]]]]]]`:              "",
		`[[[[[[[]]]]]]]`:            "json_depth",
		`{"a":{"b":{"c":[[[1]]]}}}`: "",
		`9007199254740992`:          "json_range",
		`90071992547409910`:         "json_range",
		`00`:                        "json_leading_zero",
		`-`:                         "json_truncated",
		`-01`:                       "json_leading_zero",
		`-1.5`:                      "json_float",
		`1.`:                        "json_truncated",
		`1.5e`:                      "json_truncated",
		`1e5`:                       "json_exponent",
		`1E-5`:                      "json_exponent",
		`99999999999999999999.5`:    "json_float",
		`"\ud83d\ude00"`:            "json_escape",
		`"\ud83d"`:                  "json_surrogate",
		`"\ud83d\u0041"`:            "json_surrogate",
		`"\u12"`:                    "json_syntax",
		`"\`:                        "json_truncated",
		`"\"`:                       "json_truncated",
		`"\\` + "\x01":              "json_control",
		`"\\` + "\xff":              "json_utf8",
		`{"a":1,"a":1}`:             "json_duplicate",
		`{"a":{"b":1},"b":1}`:       "",
		`{a:1}`:                     "json_syntax",
		`{"a"}`:                     "json_syntax",
		`{,}`:                       "json_syntax",
		`tru`:                       "json_syntax",
		`[1`:                        "json_truncated",
		`[1]]`:                      "json_trailing",
		"\x00":                      "json_syntax",
	} {
		if got := signing.CodeOf(scan(text)); got != code {
			t.Errorf("%.40q: code %q, want %q", text, got, code)
		}
	}
}

func TestStringsRoundTrip(t *testing.T) {
	for _, s := range []string{"", "a", `"`, `\`, `\"\\"`, "é", "Ж", "😀", strings.Repeat(`"`, 100)} {
		r := jsonReader{s: string(appendString(nil, s))}
		if got := r.str(); got != s || r.err != nil || r.i != len(r.s) {
			t.Errorf("%q came back as %q (%v)", s, got, r.err)
		}
	}
}
