package scan_test

import (
	"errors"
	"strings"
	"testing"

	"sceau/card/accord"
	"sceau/offline/scan"
)

func invitation(t testing.TB) string {
	t.Helper()
	text, err := accord.Invitation{Code: [10]byte{9, 8, 7}, Root: [32]byte{1, 2, 3}, Address: "https://droits.example:8443/tiers-payant"}.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A scanner set to a US keyboard, on a French computer.
var onAzerty = strings.NewReplacer("Q", "A", "A", "Q", "W", "Z", "Z", "W", "M", "?", "1", "&", "2", "é", "3", `"`, "4", "'", "5", "(", "6", "-", "7", "è")

func TestInvitation(t *testing.T) {
	text := invitation(t)
	for name, typed := range map[string]string{"as printed": text, "Caps Lock": strings.ToLower(text), "AZERTY": onAzerty.Replace(text), "blanks around": "  " + text + "\r\n", "after a site prefix": "]Q3" + text} {
		got, _, err := scan.Invitation(scan.Typed{Text: typed}, nil)
		if err != nil || got != text {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if _, _, err := scan.Read(scan.Typed{Text: typed}, nil); err == nil {
			t.Errorf("%s: taken for a card", name)
		}
	}
	var keys []scan.Press
	for _, c := range text {
		code := "Key" + string(c)
		if c >= '0' && c <= '9' {
			code = "Digit" + string(c)
		}
		keys = append(keys, scan.Press{Code: code, Shift: c >= 'A'})
	}
	if got, how, err := scan.Invitation(scan.Typed{Presses: keys}, nil); err != nil || got != text || !how.Keys {
		t.Errorf("by its keys: %q %+v %v", got, how, err)
	}
}

func TestNoInvitation(t *testing.T) {
	text := invitation(t)
	damaged := []byte(text)
	damaged[40] = "AB"[(damaged[40]-'A'+1)&1]
	if damaged[40] == text[40] {
		damaged[40] = 'C'
	}
	for name, typed := range map[string]string{"nothing": "", "a word": "bonjour", "cut": text[:len(text)-1], "without its beginning": text[1:], "damaged": string(damaged), "a later version": strings.Replace(text, "TPE1", "TPE2", 1),
		"only the prefix": "TPE1", "far away": strings.Repeat("x", 100) + text, "too long": "TPE1" + strings.Repeat("A", 5000)} {
		if got, _, err := scan.Invitation(scan.Typed{Text: typed}, nil); !errors.Is(err, scan.ErrNotCode) || got != "" {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add(invitation(f))
	f.Add("TPE1")
	f.Fuzz(func(t *testing.T, typed string) {
		text, _, err := scan.Invitation(scan.Typed{Text: typed}, nil)
		if (err == nil) != (text != "") || err == nil && !strings.HasPrefix(text, "TPE1") {
			t.Fatalf("%q %v", text, err)
		}
	})
}
