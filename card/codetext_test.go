// The transport: whatever happens to a code text on its way, it is never accepted and never called a forgery.

package card

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"sceau/signing"
)

var std32 = base32.StdEncoding.WithPadding(base32.NoPadding)

func TestCodeTextAgainstTheLibrary(t *testing.T) {
	for n := 1; n < 40; n++ {
		payload := strings.Repeat("p\x00\xff", n)[:n]
		kid, sig := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, [64]byte{9, 63: 200}
		text := encodeCode(kid, payload, sig)
		raw := append(append(append([]byte{}, kid[:]...), payload...), sig[:]...)
		raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
		if want := "TP1" + std32.EncodeToString(raw); text != want {
			t.Fatalf("got  %s\nwant %s", text, want)
		}
		if len(text) != codeLength(n) {
			t.Errorf("codeLength(%d) = %d, text has %d", n, codeLength(n), len(text))
		}
		k, p, s, err := decodeCode(text)
		if err != nil || k != kid || p != payload || s != sig {
			t.Fatalf("%d: %v", n, err)
		}
	}
}

// The compact JWS is rebuilt byte for byte, and a bare one gives the same card.
func TestBothTexts(t *testing.T) {
	d, err := Prepare(testClaims(t), testPublic(t).KID)
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.Seal(testSigner(t, Kind, "card"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token.JWS(), d.SigningInput()+".") || token.Digest() != d.Digest() || token.KID() != d.KID() {
		t.Error("draft and token differ")
	}
	if len(token.CodeText()) != d.CodeLength() {
		t.Error("CodeLength")
	}
	for _, text := range []string{token.CodeText(), token.JWS()} {
		u, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if u.JWS() != token.JWS() || u.CodeText() != token.CodeText() || u.Digest() != token.Digest() || u.KID() != token.KID() {
			t.Error("texts differ")
		}
		if u.IssuerUnsafe() != "775670482" || u.PlaceUnsafe().String() != "3-583021" {
			t.Error(u.IssuerUnsafe(), u.PlaceUnsafe())
		}
		card, err := u.Verify(testPublic(t))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := card.Claims().MarshalCanonical(); string(b) != testJSON {
			t.Errorf("%s", b)
		}
		if card.Digest() != token.Digest() || card.KID() != token.KID() || card.Issuer() != "775670482" {
			t.Error("card differs")
		}
	}
}

func TestTransportClasses(t *testing.T) {
	twin := sealJSON(t, testJSON)
	if _, err := open(t, twin); err != nil {
		t.Fatal(err)
	}
	for adh := "0012284"; (len(twin)-3)%8 == 0; { // wanted: a last character with bits to spare
		adh += "9"
		twin = sealJSON(t, swap(t, testJSON, "0012284", adh))
	}
	last := strings.Index(alphabet, twin[len(twin)-1:])
	for _, c := range []struct{ name, text, code string }{
		{"empty", "", "code_empty"},
		{"lower case", strings.ToLower(twin), "code_case"},
		{"Caps Lock on a mixed layout", "TP1" + strings.ToLower(twin[3:]), "code_case"},
		{"one letter in lower case", twin[:40] + strings.ToLower(twin[40:60]) + twin[60:], "code_case"},
		{"prefix missing", twin[3:], "code_prefix"},
		{"another code", "HC1:" + twin[3:], "code_prefix"},
		{"web address", "https://exemple.invalid/TP1", "code_prefix"},
		{"version 2", "TP2" + twin[3:], "code_version"},
		{"version 0", "TP0" + twin[3:], "code_version"},
		{"prefix alone", "TP1", "code_too_short"},
		{"half a scan", twin[:3+8*20], "code_checksum"},
		{"a quarter of a scan", twin[:60], "code_too_short"},
		{"scanned twice", twin + twin, ""},
		{"scanned twice without the second prefix", twin + twin[3:] + "A", ""},
		{"4097 characters", "TP1" + strings.Repeat("A", 4096), "code_too_long"},
		{"leading space", " " + twin, "code_prefix"},
		{"trailing line feed", twin + "\n", ""},
		{"line feed inside", twin[:80] + "\n" + twin[81:], "code_space"},
		{"space inside", twin[:80] + " " + twin[81:], "code_space"},
		{"padding", twin[:len(twin)-1] + "=", "code_padding"},
		{"digit 1", twin[:80] + "1" + twin[81:], "code_alphabet"},
		{"digit 8", twin[:80] + "8" + twin[81:], "code_alphabet"},
		{"hyphen", twin[:80] + "-" + twin[81:], "code_alphabet"},
		{"AZERTY digits", twin[:80] + "é" + twin[82:], "code_not_ascii"},
		{"control character", twin[:80] + "\x1b" + twin[81:], "code_not_ascii"},
		{"NUL", twin[:80] + "\x00" + twin[81:], "code_not_ascii"},
		{"non-zero trailing bits", twin[:len(twin)-1] + alphabet[last|1:last|1+1], "code_trailing_bits"},
		{"two halves swapped", "TP1" + twin[203:] + twin[3:203], ""},
		{"two characters swapped", swapAt(twin, 100), "code_checksum"},
	} {
		_, err := open(t, c.text)
		if err == nil || !errors.Is(err, ErrUnreadable) || c.code != "" && signing.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

// swapAt exchanges the first two neighbours from i on that differ.
func swapAt(s string, i int) string {
	for s[i] == s[i+1] {
		i++
	}
	return s[:i] + s[i+1:i+2] + s[i:i+1] + s[i+2:]
}

// A character dropped, doubled or changed, at every position of several codes: unreadable, unless the checksum happens to
// match, which for changed bits up to 32 in a row it can't.
func TestEveryPosition(t *testing.T) {
	p := newPopulation(5)
	tried, accidents := 0, 0
	for _, size := range []int{1, 3, 6} {
		j, err := p.claims(t, size).MarshalCanonical()
		if err != nil {
			t.Fatal(err)
		}
		twin := sealJSON(t, string(j))
		try := func(text string) {
			if text == twin {
				return
			}
			tried++
			u, err := Parse(text)
			switch {
			case err == nil:
				if _, err := u.Verify(testPublic(t)); err == nil {
					t.Fatalf("accepted: %s", text)
				}
				accidents++
			case errors.Is(err, ErrUnreadable):
			default:
				accidents++
				t.Errorf("a bad scan was called %v", err)
			}
		}
		for i := range len(twin) {
			try(twin[:i] + twin[i+1:])
			try(twin[:i] + twin[i:i+1] + twin[i:])
			for _, c := range []byte(alphabet + "0189abmz.-_ =\n\x00é") {
				try(twin[:i] + string(rune(c)) + twin[i+1:])
			}
		}
		for i := range len(twin) {
			try(twin[:i])
		}
	}
	t.Logf("count: %d damaged texts: 0 accepted, %d not recognised as damage", tried, accidents)
	if tried < 50000 {
		t.Error("too few")
	}
}
