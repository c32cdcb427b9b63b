// Any alphanumeric text: both paths draw it, in the same version or with the reason why not.

package qr

import (
	"errors"
	"strings"
	"testing"
)

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"A", "TP1ABCDEFGH234567", "0123456789012345678901234567890123456789", "A1B2C3 $%*+-./:", strings.Repeat("TP1Z", 220), "é", "a\n"} {
		f.Add([]byte(s))
	}
	p := NewPrinter()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 900 {
			raw = raw[:900]
		}
		text := string(raw)
		printed, err := p.Encode(text)
		if foreign(text) {
			if !errors.Is(err, ErrAlphabet) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if text == "" {
			if !errors.Is(err, ErrEmpty) {
				t.Fatal(err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		single, err := Encode(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, m := range []*Matrix{single, printed} {
			if r, err := read(m); err != nil || r.text != text {
				t.Fatalf("%q: %v, says %q", text, err, r.text)
			}
		}
		// skip2 may split long runs of digits into segments of their own; nothing else lawfully changes the version.
		if s, _ := read(single); single.Version() != printed.Version() && !(single.Version() < printed.Version() && strings.Contains(s.segments, "N")) {
			t.Fatalf("%q: version %d alone (%s), %d in a run", text, single.Version(), s.segments, printed.Version())
		}
	})
}

func foreign(text string) bool {
	for i := range len(text) {
		if !strings.Contains("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", text[i:i+1]) {
			return true
		}
	}
	return false
}
