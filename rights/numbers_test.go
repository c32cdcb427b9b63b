// Tests of N° AMC, birth dates and numbers with check digits.

package rights

import (
	"errors"
	"fmt"
	"testing"
)

func TestAMC(t *testing.T) {
	good := map[string][2]string{ // text: as kept, key
		"775670482":     {"775670482", "775670482"},
		"774 734 488":   {"774734488", "774734488"}, // fails Luhn, and is real
		"0775670482":    {"0775670482", "775670482"},
		"00000012":      {"00000012", "12"},
		"775\u00a0670 ": {"775670", "775670"},
		"A1B2":          {"A1B2", "A1B2"},
		"0A":            {"0A", "A"},
	}
	for text, want := range good {
		a, err := ParseAMC(text)
		if err != nil || string(a) != want[0] || a.Key() != want[1] {
			t.Errorf("%q: %q key %q, %v; want %v", text, a, a.Key(), err, want)
		}
	}
	for _, text := range []string{"", " ", "0", "0000000000", "77567048201", "7756704-2", "775670/82", "../7", "a1", "7.5", "775670482\n", "７７５", "É1", "\x00"} {
		if a, err := ParseAMC(text); !errors.Is(err, ErrAMC) || a != "" {
			t.Errorf("%q: %q, %v", text, a, err)
		}
	}
	if AMC("0775 670 482").Key() != AMC("775670482").Key() {
		t.Error("two prints of one number differ")
	}
}

func TestBirthDate(t *testing.T) {
	good := map[string]BirthDate{
		"19800301":   "19800301",
		"01/03/1980": "19800301",
		"1980-03-01": "19800301",
		"00/00/1945": "19450000", // lunar
		"31/02/1962": "19620231",
		"1950-13-40": "19501340",
		"00000000":   "00000000",
	}
	for text, want := range good {
		b, err := ParseBirthDate(text)
		if err != nil || b != want {
			t.Errorf("%q: %q, %v; want %q", text, b, err, want)
			continue
		}
		if again, err := ParseBirthDate(b.French()); err != nil || again != b {
			t.Errorf("%q: French %q reads as %q, %v", text, b.French(), again, err)
		}
	}
	for _, text := range []string{"", "1980", "1980031", "198003011", "1/3/1980", "01-03-1980", "1980/03/01", "01/03/80", "01.03.1980", "1980-3-1", "1980 0301", "198A0301", "+1980301", "01/03-1980", "１９８０0301", "01/03/1980 "} {
		if b, err := ParseBirthDate(text); !errors.Is(err, ErrBirthDate) || b != "" {
			t.Errorf("%q: %q, %v", text, b, err)
		}
	}
	if BirthDate("odd").French() != "odd" {
		t.Error("a text of another length changes")
	}
}

func TestCheckDigits(t *testing.T) {
	finess := func(s string) error { _, err := CheckFINESS(s); return err }
	kinds := []struct {
		name  string
		check func(string) error
		form  *Invalid
		good  []string
	}{
		{"FINESS", finess, ErrFINESS, []string{"600100713", "600000194", "240000117"}},
		{"SIREN", CheckSIREN, ErrSIREN, []string{"732829320", "356000000"}},
		{"SIRET", CheckSIRET, ErrSIRET, []string{"73282932000074", "35600000000048"}},
		{"RPPS", CheckRPPS, ErrRPPS, []string{luhn("1010101010"), luhn("8100012345")}},
	}
	for _, k := range kinds {
		for _, s := range k.good {
			if err := k.check(s); err != nil {
				t.Errorf("%s %s: %v", k.name, s, err)
			}
			for i := range len(s) { // every other digit in every place is refused
				for d := byte('0'); d <= '9'; d++ {
					changed := s[:i] + string(d) + s[i+1:]
					laPoste := k.name == "SIRET" && s[:9] == "356000000" && i >= 9
					if changed != s && !laPoste && !errors.Is(k.check(changed), ErrLuhn) {
						t.Errorf("%s %s passes", k.name, changed)
					}
				}
			}
			for _, bad := range []string{"", s[1:], s + "0", " " + s[1:], "A" + s[1:], s[:len(s)-1] + "é"} {
				if err := k.check(bad); !errors.Is(err, k.form) {
					t.Errorf("%s %q: %v", k.name, bad, err)
				}
			}
		}
		if err := k.check("00000000000000"[:len(k.good[0])]); err == nil {
			t.Errorf("%s of zeros passes", k.name)
		}
	}
}

// luhn appends the check digit.
func luhn(s string) string {
	for d := byte('0'); d <= '9'; d++ {
		sum := 0
		for i, c := range []byte(s + string(d)) {
			n := int(c - '0')
			if (len(s)-i)%2 == 1 {
				n = n*2%10 + n*2/10
			}
			sum += n
		}
		if sum%10 == 0 {
			return s + string(d)
		}
	}
	panic(fmt.Sprintf("no digit for %s", s))
}

func TestLaPoste(t *testing.T) {
	for siret, want := range map[string]bool{
		"35600000049837": true,  // sum of digits 45
		"35600000000048": true,  // head office, Luhn
		"35600000049838": false, // 46
		"35600000049832": true,  // 40
		"73282932000078": false, // sum of digits 45, but not La Poste
	} {
		if err := CheckSIRET(siret); (err == nil) != want {
			t.Errorf("%s: %v", siret, err)
		}
	}
}

func TestCorsicanFINESS(t *testing.T) {
	for _, s := range []string{"2A0000014", "2B0000012"} {
		if warning, err := CheckFINESS(s); err != nil || warning == "" {
			t.Errorf("%s: warning %q, %v; want a warning only", s, warning, err)
		}
	}
	for _, s := range []string{"2C0000014", "2a0000014", "2A000001", "2A00000140", "2A00A0014", "A20000014"} {
		if warning, err := CheckFINESS(s); !errors.Is(err, ErrFINESS) || warning != "" {
			t.Errorf("%s: warning %q, %v", s, warning, err)
		}
	}
	if warning, err := CheckFINESS("600100713"); err != nil || warning != "" {
		t.Errorf("mainland: warning %q, %v", warning, err)
	}
}
