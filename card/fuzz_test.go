// Fuzz targets: whatever is accepted is written again byte for byte, and nothing panics.

package card

import (
	"bytes"
	"strings"
	"testing"

	"sceau/signing"
)

func FuzzDecodeClaims(f *testing.F) {
	f.Add([]byte(testJSON))
	for _, c := range claimClasses {
		if !strings.Contains(c.name, "million") {
			f.Add([]byte(c.edit(new(testing.T), testJSON)))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeClaims(b)
		if err != nil {
			if signing.CodeOf(err) == "" {
				t.Fatalf("refusal without a code: %v", err)
			}
			return
		}
		if low := scan(string(b)); low != nil {
			t.Fatalf("accepted what the low-level reader refuses: %v", low)
		}
		again, err := c.MarshalCanonical()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %s, wrote %s (%v)", b, again, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	twin := sealJSON(f, testJSON)
	u, err := Parse(twin)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{twin, u.JWS(), "TP1", "TP1AAAA", "TP2" + twin[3:], strings.ToLower(twin), twin + "A", "eyJ", "eyJhbGciOiJFUzI1NiJ9..", ""} {
		f.Add(s)
	}
	key, genuine := testPublic(f), u.Digest()
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			if u != nil || signing.CodeOf(err) == "" {
				t.Fatalf("%v %v", u, err)
			}
			return
		}
		if s != u.JWS() && s != u.CodeText() {
			t.Fatalf("%q gives back %q and %q", s, u.JWS(), u.CodeText())
		}
		again, err := Parse(u.CodeText())
		if err != nil || again.JWS() != u.JWS() {
			t.Fatalf("code text doesn't give the card back: %v", err)
		}
		if _, err := u.Verify(key); err == nil && u.Digest() != genuine {
			t.Fatal("forged")
		}
	})
}

func FuzzInflate(f *testing.F) {
	f.Add(deflate([]byte(testJSON)))
	f.Add(libraryDeflate(f, 9, nil, []byte(testJSON)))
	f.Add(libraryDeflate(f, 0, nil, []byte("stored")))
	f.Add(libraryDeflate(f, 9, nil, make([]byte, 1<<20)))
	f.Add([]byte{3, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := inflate(string(b))
		if err != nil {
			if text != "" || signing.CodeOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		if len(text) > MaxInflated {
			t.Fatal(len(text))
		}
		if len(text) < 4096 { // far more than claims have; longer texts only make the fuzzer slow
			back, err := inflate(string(deflate([]byte(text))))
			if err != nil || back != text {
				t.Fatalf("written again: %v", err)
			}
		}
	})
}

func FuzzParseInsurer(f *testing.F) {
	b, err := testInsurer(f).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"tp-issuer-1"}`))
	f.Add(bytes.Replace(b, []byte("active"), []byte("dead"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := ParseInsurer(b)
		if err != nil {
			if i != nil || signing.CodeOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		again, err := i.Bytes()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted %s, wrote %s (%v)", b, again, err)
		}
	})
}
