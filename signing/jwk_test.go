// This file tests the reading and writing of public keys, kids and keyrings.

package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// jwkClass changes the text of a lawful JWK, whose twin is the text itself.
type jwkClass struct {
	code, name string
	change     func(text string) string
}

func jwkSwap(code, name, old, fresh string) jwkClass {
	return jwkClass{code, name, func(text string) string {
		out := strings.Replace(text, old, fresh, 1)
		if out == text {
			panic("nothing was swapped: " + old)
		}
		return out
	}}
}

func jwkWith(code, extra string) jwkClass {
	return jwkClass{code, extra, func(text string) string { return strings.TrimSuffix(text, "}") + extra + "}" }}
}

// field gives the text of a string member.
func field(text, name string) string {
	var m map[string]string
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		panic(err)
	}
	return m[name]
}

func jwkClasses() []jwkClass {
	list := []jwkClass{
		{"jwk_too_long", "", func(text string) string { return text + strings.Repeat(" ", MaxJWK) }},
		{"jwk_not_json", "empty", func(string) string { return "" }},
		{"jwk_not_json", "cut", func(text string) string { return text[:len(text)-1] }},
		{"jwk_not_json", "comment", func(text string) string { return "/**/" + text }},
		{"jwk_not_json", "BOM", func(text string) string { return "\ufeff" + text }},
		{"jwk_not_object", "array", func(text string) string { return "[" + text + "]" }},
		{"jwk_not_object", "null", func(string) string { return "null" }},
		{"jwk_trailing_data", "", func(text string) string { return text + "{}" }},
		{"jwk_not_utf8", "", func(text string) string { return strings.Replace(text, "EC", "E\xff", 1) }},
		jwkWith("jwk_duplicate_member", `,"kty":"EC"`),
		jwkWith("jwk_duplicate_member", `,"\u0075se":"enc"`),
		jwkWith("jwk_member_case", `,"KTY":"RSA"`),
		jwkSwap("jwk_member_case", "X for x", `"x"`, `"X"`),
		jwkWith("jwk_unknown_member", `,"x5u":"http://127.0.0.1:1/"`),
		jwkWith("jwk_unknown_member", `,"x5c":[]`),
		jwkWith("jwk_unknown_member", `,"ext":true`),
		jwkWith("jwk_private", `,"d":"AAAA"`),
		jwkWith("jwk_private", `,"D":"AAAA"`),
		jwkWith("jwk_private", `,"k":"AAAA"`),
		jwkSwap("jwk_not_string", "kty", `"EC"`, `["EC"]`),
		jwkSwap("jwk_not_string", "kid", `"kid":"`, `"kid":7,"key_ops":"`),
		jwkSwap("jwk_kty", "RSA", `"EC"`, `"RSA"`),
		jwkSwap("jwk_kty", "case", `"EC"`, `"ec"`),
		jwkSwap("jwk_kty", "OKP", `"EC"`, `"OKP"`),
		jwkSwap("jwk_crv", "P-384", `"P-256"`, `"P-384"`),
		jwkSwap("jwk_crv", "secp256k1", `"P-256"`, `"secp256k1"`),
		jwkSwap("jwk_use", "enc", `"sig"`, `"enc"`),
		jwkSwap("jwk_use", "empty", `"sig"`, `""`),
		jwkSwap("jwk_alg", "ES384", `"ES256"`, `"ES384"`),
		jwkSwap("jwk_alg", "none", `"ES256"`, `"none"`),
		jwkSwap("jwk_alg", "case", `"ES256"`, `"es256"`),
		jwkWith("jwk_key_ops", `,"key_ops":["sign"]`),
		jwkWith("jwk_key_ops", `,"key_ops":["verify","sign"]`),
		jwkWith("jwk_key_ops", `,"key_ops":[]`),
		jwkWith("jwk_key_ops", `,"key_ops":["verify","verify"]`),
		jwkWith("jwk_key_ops", `,"key_ops":"verify"`),
		jwkWith("jwk_key_ops", `,"key_ops":null`),
		{"jwk_kid", "of another key", func(text string) string {
			return strings.Replace(text, field(text, "kid"), KIDText([8]byte{1}), 1)
		}},
		{"jwk_kid", "empty", func(text string) string { return strings.Replace(text, field(text, "kid"), "", 1) }},
		{"jwk_kid", "whole thumbprint", func(text string) string {
			kid := field(text, "kid")
			return strings.Replace(text, kid, kid+strings.Repeat("A", 32), 1)
		}},
		{"jwk_coordinate", "padding", func(text string) string { x := field(text, "x"); return strings.Replace(text, x, x+"=", 1) }},
		{"jwk_coordinate", "short", func(text string) string { x := field(text, "x"); return strings.Replace(text, x, x[:40], 1) }},
		{"jwk_coordinate", "last character", func(text string) string {
			y := field(text, "y")
			return strings.Replace(text, y, nonCanonical(y), 1)
		}},
		{"jwk_coordinate", "line break", func(text string) string {
			x := field(text, "x")
			return strings.Replace(text, x, x[:3]+`\n`+x[3:], 1)
		}},
		{"jwk_coordinate", "zero before", func(text string) string {
			x := field(text, "x")
			raw, _ := b64.DecodeString(x)
			return strings.Replace(text, x, b64.EncodeToString(append([]byte{0}, raw...)), 1)
		}},
		{"jwk_off_curve", "x and y swapped", func(text string) string {
			x, y := field(text, "x"), field(text, "y")
			return strings.NewReplacer(x, y, y, x).Replace(text)
		}},
		{"jwk_off_curve", "origin", func(text string) string {
			zero := b64.EncodeToString(zeroText)
			return strings.NewReplacer(field(text, "x"), zero, field(text, "y"), zero).Replace(text)
		}},
	}
	for _, r := range requiredMembers {
		list = append(list, jwkClass{"jwk_missing_member", r.name, func(text string) string {
			var m map[string]string
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				panic(err)
			}
			delete(m, r.name)
			out, _ := json.Marshal(m)
			return string(out)
		}})
	}
	return list
}

func TestParseJWKRefuses(t *testing.T) {
	text := string(newForger(t).public.JWK())
	if _, err := ParseJWK([]byte(text)); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	for _, c := range jwkClasses() {
		key, err := ParseJWK([]byte(c.change(text)))
		if err == nil || key != nil {
			t.Errorf("%s %s: ACCEPTED", c.code, c.name)
			continue
		}
		if CodeOf(err) != c.code || !errors.Is(err, ErrBadKey) {
			t.Errorf("%s %s: %v", c.code, c.name, err)
		}
	}
	t.Logf("%d keys refused", len(jwkClasses()))
}

func TestParseJWKTakes(t *testing.T) {
	f := newForger(t)
	text := string(f.public.JWK())
	for name, change := range map[string]func(string) string{
		"as written":   func(s string) string { return s },
		"with blanks":  func(s string) string { return " " + strings.ReplaceAll(s, ",", ",\n\t") + "\r\n" },
		"with key_ops": func(s string) string { return strings.TrimSuffix(s, "}") + `,"key_ops":["verify"]}` },
		"in other order": func(s string) string {
			var m map[string]string
			json.Unmarshal([]byte(s), &m)
			out, _ := json.Marshal(m)
			return string(out)
		},
	} {
		key, err := ParseJWK([]byte(change(text)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if key.KID != f.kid || !bytes.Equal(key.JWK(), []byte(text)) || key.State != StateActive {
			t.Errorf("%s: %+v", name, key)
		}
		// Without a kind it opens nothing; with it, the token.
		token := f.token(f.header())
		for _, kind := range []Kind{testKind, ""} {
			if _, err := key.Open(kind, token); CodeOf(err) != codeKeyOtherKind {
				t.Errorf("%s: a key without a kind opened %q: %v", name, kind, err)
			}
		}
		key.Kind = testKind
		if _, err := key.Open(testKind, token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKID against the example of RFC 7638's method done by hand, and the library.
func TestKID(t *testing.T) {
	for range 50 {
		f := newForger(t)
		jwk := jose.JSONWebKey{Key: f.public.pub}
		sum, err := jwk.Thumbprint(5) // crypto.SHA256
		if err != nil {
			t.Fatal(err)
		}
		b, err := KIDBytes(f.kid)
		if err != nil || !bytes.Equal(b[:], sum[:8]) || KIDText(b) != f.kid || len(f.kid) != 11 {
			t.Fatalf("%s %x %x %v", f.kid, b, sum, err)
		}
		// RFC 7638 section 3: the required members in lexicographic order.
		text := string(f.public.JWK())
		hash := sha256Sum(`{"crv":"P-256","kty":"EC","x":"` + field(text, "x") + `","y":"` + field(text, "y") + `"}`)
		if !bytes.Equal(hash[:8], b[:]) {
			t.Fatalf("thumbprint by hand: %x, %x", hash[:8], b)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if KID(nil) != "" || KID(&p384.PublicKey) != "" || KID(&ecdsa.PublicKey{Curve: elliptic.P256()}) != "" {
		t.Error("a kid for what is no key")
	}
	for text, code := range map[string]string{"": codeKIDEmpty, "AAAAAAAAAA": codeKIDLength, "AAAAAAAAAAAA": codeKIDLength,
		"AAAAAAAAAAB": codeKIDLastChar, "AAAAAAAAA\nA": codeKIDControl, "AAAAA AAAAA": codeKIDAlphabet, "AAAA/AAAAAA": codeKIDPath,
		strings.Repeat("A", 64<<10): codeKIDTooLong} {
		if _, err := KIDBytes(text); CodeOf(err) != code {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestKeyring(t *testing.T) {
	f, other := newForger(t), newForger(t)
	var ring Keyring
	if err := ring.Add(f.public); err != nil {
		t.Fatal(err)
	}
	again := *f.public
	again.Kind, again.Owner = "sceau-journal-head-1", "someone else"
	if err := ring.Add(&again); CodeOf(err) != codeKeyDuplicate {
		t.Errorf("the same key for two purposes: %v", err)
	}
	renamed := *other.public
	renamed.KID = f.kid
	if err := ring.Add(&renamed); CodeOf(err) != codeJWKKID {
		t.Errorf("a key under another one's kid: %v", err)
	}
	unkinded := *other.public
	unkinded.Kind = ""
	if err := ring.Add(&unkinded); CodeOf(err) != codeKeyKind {
		t.Errorf("a key without a kind: %v", err)
	}
	for _, empty := range []*PublicKey{nil, {}, {KID: f.kid, Kind: testKind}} {
		if err := ring.Add(empty); CodeOf(err) != codeKeyEmpty {
			t.Errorf("no key: %v", err)
		}
		if _, err := empty.Open(testKind, f.token(f.header())); CodeOf(err) != codeKeyEmpty {
			t.Errorf("no key opens: %v", err)
		}
		if empty.JWK() != nil || empty.ECDSA() != nil {
			t.Error("no key, and it has a text")
		}
	}
	if k, err := ring.Lookup(other.kid); k != nil || !errors.Is(err, ErrUnknownKey) || CodeOf(err) != codeKIDUnknown {
		t.Errorf("%v %v", k, err)
	}
	// What is in the ring does not change with what was added.
	f.public.Kind = "x"
	clone := ring.Clone()
	if err := clone.Add(other.public); err != nil {
		t.Fatal(err)
	}
	if k, err := ring.Lookup(f.kid); err != nil || k.Kind != testKind || ring.Len() != 1 || clone.Len() != 2 {
		t.Errorf("%v %v %d %d", k, err, ring.Len(), clone.Len())
	}
}

func TestWindowAndState(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2027, 3, d, 0, 0, 0, 0, time.UTC) }
	k := newForger(t).public
	for _, c := range []struct {
		from, until time.Time
		at          time.Time
		want        bool
	}{
		{time.Time{}, time.Time{}, day(1), true},
		{day(2), time.Time{}, day(2).Add(-1), false},
		{day(2), time.Time{}, day(2), true},
		{time.Time{}, day(2), day(2).Add(-1), true},
		{time.Time{}, day(2), day(2), false},
		{day(2), day(3), day(2), true},
		{day(2), day(3), day(3), false},
	} {
		if err := k.SetWindow(c.from, c.until); err != nil {
			t.Fatal(err)
		}
		if got := k.InWindow(c.at); got != c.want {
			t.Errorf("[%v, %v) at %v: %v", c.from, c.until, c.at, got)
		}
	}
	for _, until := range []time.Time{day(2), day(1)} {
		if err := k.SetWindow(day(2), until); CodeOf(err) != codeKeyWindow {
			t.Error(err)
		}
	}
	for _, s := range []State{StateActive, StateRetired, StateListed, StateDead} {
		if got, err := ParseState(string(s)); got != s || err != nil {
			t.Error(got, err)
		}
	}
	for _, s := range []string{"", "Active", "active ", "revoked"} {
		if got, err := ParseState(s); got != "" || CodeOf(err) != codeKeyState {
			t.Error(got, err)
		}
	}
}
