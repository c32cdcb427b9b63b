// Tests of the NIR: published vectors, Corsica, provisional and foreign numbers, and every way to be wrong.

package rights

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// firstThirteen are published numbers with their keys, then computed ones for Corsica.
var firstThirteen = map[string]int{
	"1370476243484": 15,
	"2620875032039": 77,
	"1891275125012": 82,
	"1000175101001": 51,
	"1631278477042": 94,
	"185052A004036": 46,
	"299012B033012": 76,
}

func TestNIRVectors(t *testing.T) {
	for first, key := range firstThirteen {
		got, err := NIRKey(first)
		if err != nil || got != key {
			t.Errorf("key %d, %v; want %d", got, err, key)
		}
		whole := fmt.Sprintf("%s%02d", first, key)
		for _, text := range []string{whole, strings.ToLower(whole), whole[:1] + " " + whole[1:3] + " " + whole[3:5] + "\u00a0" + whole[5:7] + "\u202f" + whole[7:10] + " " + whole[10:13] + " " + whole[13:]} {
			n, err := ParseNIR(text)
			if err != nil || string(n) != whole {
				t.Errorf("form of length %d: %q, %v", len(text), n, err)
			}
		}
		for k := range 100 { // one key in a hundred is right
			n, err := ParseNIR(fmt.Sprintf("%s%02d", first, k))
			if (err == nil) != (k == key) || (k != key && (!errors.Is(err, ErrNIRKey) || n != "")) {
				t.Errorf("key %02d beside %02d: %v", k, key, err)
			}
		}
	}
}

// withKey computes the key by another way than the package: big numbers, and 1,000,000 or 2,000,000 taken off for Corsica.
func withKey(first string) string {
	n, minus := first, int64(0)
	if strings.HasPrefix(first[5:], "2A") {
		n, minus = first[:6]+"0"+first[7:], 1000000
	} else if strings.HasPrefix(first[5:], "2B") {
		n, minus = first[:6]+"0"+first[7:], 2000000
	}
	v, _ := new(big.Int).SetString(n, 10)
	v.Sub(v, big.NewInt(minus))
	return fmt.Sprintf("%s%02d", first, 97-new(big.Int).Mod(v, big.NewInt(97)).Int64())
}

func TestNIRAccepts(t *testing.T) {
	var firsts []string
	for _, sex := range "123478" {
		firsts = append(firsts, string(sex)+"850578006084")
	}
	for m := 1; m <= 99; m++ {
		if m <= 12 || (m >= 20 && m <= 42) || m >= 50 {
			firsts = append(firsts, fmt.Sprintf("185%02d78006084", m))
		}
	}
	for _, dept := range []string{"01", "20", "2A", "2B", "75", "91", "95", "96", "971", "976", "98", "99"} {
		firsts = append(firsts, "18505"+dept+"006084123"[:13-5-len(dept)])
	}
	keys := map[string]bool{}
	for i := range 400 {
		firsts = append(firsts, fmt.Sprintf("29912991%05d", i+100))
	}
	for _, first := range firsts {
		whole := withKey(first)
		if n, err := ParseNIR(whole); err != nil || string(n) != whole {
			t.Errorf("sex %c month %s place %s: %v", first[0], first[3:5], first[5:7], err)
		}
		keys[whole[13:]] = true
	}
	if !keys["01"] || !keys["97"] || keys["00"] || len(keys) != 97 {
		t.Errorf("%d different keys met, 01 %v, 97 %v, 00 %v; want 97 keys from 01 to 97", len(keys), keys["01"], keys["97"], keys["00"])
	}
}

func TestNIRRefuses(t *testing.T) {
	cases := []struct {
		text string
		want *Invalid
	}{
		{"", ErrNIRLength},
		{"1", ErrNIRLength},
		{"18912751250128", ErrNIRLength},
		{"1891275125012822", ErrNIRLength},
		{strings.Repeat("1", 1000), ErrNIRLength},
		{"1891275125012", ErrNIRNoKey},
		{"1 89 12 75 125 012", ErrNIRNoKey},
		{"185052a004036", ErrNIRNoKey},
		{"2 73 12 22 000 000 55", ErrNIRKey}, // a demonstration card; 92 would fit
		{"189127512501200", ErrNIRKey},
		{"189127512501298", ErrNIRKey},
		{"189127512501228", ErrNIRKey}, // 82 turned round
		{"198127512501282", ErrNIRKey}, // two digits turned round
		{"0" + withKey("1891275125012")[1:], ErrNIRSex},
		{"5" + withKey("1891275125012")[1:], ErrNIRSex},
		{"6" + withKey("1891275125012")[1:], ErrNIRSex},
		{"9" + withKey("1891275125012")[1:], ErrNIRSex},
		{withKey("1890075125012"), ErrNIRMonth},
		{withKey("1891375125012"), ErrNIRMonth},
		{withKey("1891975125012"), ErrNIRMonth},
		{withKey("1894375125012"), ErrNIRMonth},
		{withKey("1894975125012"), ErrNIRMonth},
		{withKey("1891200125012"), ErrNIRPlace},
		{"18912C512501282", ErrNIRCharacter},
		{"189122C12501282", ErrNIRCharacter},
		{"189123A12501282", ErrNIRCharacter},
		{"1891A7512501282", ErrNIRCharacter},
		{"2A9127512501282", ErrNIRCharacter},
		{"18912751250128A", ErrNIRCharacter},
		{"1891275125012-8", ErrNIRCharacter},
		{"1891275125O1282", ErrNIRCharacter}, // letter O
		{"１89127512501282", ErrNIRCharacter},
		{"1.89.12.75.125.012.82", ErrNIRLength},
		{"18912751250128\x00", ErrNIRCharacter},
		{"18912751250128\xff", ErrNIRCharacter},
	}
	for i, c := range cases {
		n, err := ParseNIR(c.text)
		if !errors.Is(err, c.want) || n != "" {
			t.Errorf("case %d: %q, %v; want %v", i, n, err, c.want)
		}
		if err != nil && len(c.text) > 3 && strings.Contains(err.Error()+FrenchOf(err), c.text) {
			t.Errorf("case %d: the error repeats the number", i)
		}
	}
}

func FuzzParseNIR(f *testing.F) {
	for first, key := range firstThirteen {
		f.Add(fmt.Sprintf("%s%02d", first, key))
		f.Add(first)
	}
	f.Add("2 73 12 22 000 000 55")
	f.Add("1 85 05 2a 004 036 46")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNIR(text)
		if err != nil {
			if CodeOf(err) == "" || FrenchOf(err) == "" || n != "" {
				t.Fatal("error without code or French, or with a value")
			}
			return
		}
		if again, err := ParseNIR(string(n)); err != nil || again != n || len(n) != 15 {
			t.Fatalf("not a fixed point: %v", err)
		}
		if withKey(string(n[:13])) != string(n) {
			t.Fatal("accepted a key that the other computation refuses")
		}
	})
}
