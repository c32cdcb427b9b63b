// Vectors as files: a header that names the expected level of failure, a blank line, one text. Another implementation
// can run the same ones.

package card

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

var writeVectors = flag.Bool("write-vectors", false, "write testdata/vectors anew (signatures are random)")

// levels are the lawful values of "expect:".
var levels = map[string]error{
	"valid": nil, "unreadable": ErrUnreadable, "malformed": ErrMalformed, "wrong-kind": signing.ErrWrongKind,
	"unknown-key": signing.ErrUnknownKey, "bad-signature": signing.ErrBadSignature, "wrong-insurer": ErrWrongInsurer,
	"key-window": ErrKeyWindow,
}

type vector struct {
	header map[string]string
	text   string
}

func readVector(t *testing.T, name string) vector {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, text, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		t.Fatalf("%s: no blank line", name)
	}
	v := vector{header: make(map[string]string), text: strings.TrimSuffix(text, "\n")}
	for _, line := range strings.Split(head, "\n") {
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: header line %q", name, line)
		}
		v.header[key] = value
	}
	return v
}

const vectorDir = "testdata/vectors"

func TestVectors(t *testing.T) {
	if *writeVectors {
		writeAllVectors(t)
	}
	jwk, err := os.ReadFile(filepath.Join(vectorDir, "key.jwk"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.ParseJWK([]byte(strings.TrimSuffix(string(jwk), "\n")))
	if err != nil {
		t.Fatal(err)
	}
	key.Kind, key.Owner = Kind, "775670482"
	key.From, _ = time.Parse(time.DateOnly, "2026-11-01")
	key.Until, _ = time.Parse(time.DateOnly, "2027-11-01")
	names, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil || len(names) < 30 {
		t.Fatalf("%d vectors: %v", len(names), err)
	}
	count := make(map[string]int)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			v := readVector(t, name)
			family, known := levels[v.header["expect"]]
			if !known {
				t.Fatalf("expect: %q", v.header["expect"])
			}
			count[v.header["expect"]]++
			u, err := Parse(v.text)
			var c *Card
			if err == nil {
				c, err = u.Verify(key)
			}
			if !errors.Is(err, family) || (err == nil) != (family == nil) || signing.CodeOf(err) != v.header["code"] {
				t.Fatalf("%v, want %s %s", err, v.header["expect"], v.header["code"])
			}
			for level, other := range levels {
				if other != nil && other != family && errors.Is(err, other) {
					t.Errorf("also of level %s", level)
				}
			}
			if family != nil {
				return
			}
			claims, err := c.Claims().MarshalCanonical()
			if err != nil || string(claims) != v.header["claims"] {
				t.Errorf("claims %s (%v)", claims, err)
			}
			if u.JWS() != v.header["jws"] {
				t.Errorf("jws %s", u.JWS())
			}
			d := u.Digest()
			if fmt.Sprintf("%x", d) != v.header["sha256"] {
				t.Errorf("sha256 %x", d)
			}
		})
	}
	for level := range levels {
		if count[level] == 0 {
			t.Errorf("no vector of level %s", level)
		}
	}
	t.Logf("count: %d vectors: %v", len(names), count)
}

func writeAllVectors(t *testing.T) {
	old, _ := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(vectorDir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("key.jwk", string(testPublic(t).JWK())+"\n")
	put := func(name, level, code, comment, text string) {
		head := "expect: " + level + "\n"
		if code != "" {
			head += "code: " + code + "\n"
		}
		head += "comment: " + comment + "\n"
		if level == "valid" {
			u, err := Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			claims, err := u.claims.MarshalCanonical()
			if err != nil {
				t.Fatal(err)
			}
			head += fmt.Sprintf("claims: %s\njws: %s\nsha256: %x\n", claims, u.JWS(), u.Digest())
		}
		write(name+".txt", head+"\n"+text+"\n")
	}
	one := `{"iss":"775670482","iat":1794528000,"nbf":1798758000,"exp":1830294000,"st":[1,0],"adh":"1","ben":[["LE GOFF","Anne","19800101",1]],"gar":[[[0],{"PHAR":"100%"}]]}`
	twin := sealJSON(t, testJSON)
	u, err := Parse(twin)
	if err != nil {
		t.Fatal(err)
	}
	kid, err := signing.KIDBytes(u.kid)
	if err != nil {
		t.Fatal(err)
	}

	put("valid-one", "valid", "", "the smallest card: nothing optional", sealJSON(t, one))
	put("valid-three", "valid", "", "every claim, own dates, five groups, escaped quotes in a footnote", twin)
	put("valid-jws", "valid", "", "the same card as a bare compact JWS", u.JWS())
	put("valid-stored-block", "valid", "", "payload is one stored block: any RFC 1951 stream of the claims is lawful", sealPayload(t, storedBlock(one)))
	put("valid-plain-deflate", "valid", "", "payload never refers to the dictionary", sealPayload(t, libraryDeflate(t, 9, nil, []byte(one))))
	p := newPopulation(6)
	for _, size := range []int{6, 12} {
		c := p.claims(t, size)
		c.Issuer = "0775670482"
		c.IssuedAt = testIssued
		j, err := c.MarshalCanonical()
		if err != nil {
			t.Fatal(err)
		}
		put(fmt.Sprintf("valid-%d", size), "valid", "", fmt.Sprintf("a household of %d; the insurer's number is printed with a leading zero", size), sealJSON(t, string(j)))
	}

	damage := func(name, code, comment, text string) { put("unreadable-"+name, "unreadable", code, comment, text) }
	damage("checksum", "code_checksum", "one character changed", twin[:100]+other(twin[100])+twin[101:])
	damage("swapped", "code_checksum", "two neighbours swapped", swapAt(twin, 60))
	damage("cut", "code_checksum", "only the first 163 characters", twin[:163])
	damage("dropped", "", "one character dropped", twin[:200]+twin[201:])
	damage("lower-case", "code_case", "typed with the wrong Caps Lock state", strings.ToLower(twin))
	damage("digit-one", "code_alphabet", "1 is not in the alphabet", twin[:100]+"1"+twin[101:])
	damage("padding", "code_padding", "padding character", twin[:len(twin)-1]+"=")
	damage("version", "code_version", "code text of another version", "TP2"+twin[3:])
	damage("prefix", "code_prefix", "no code of a card", "HC1"+twin[3:])
	damage("space", "code_space", "white space inside", twin[:100]+" "+twin[101:])

	wrong := func(name, comment, text string) {
		json := sealJSON(t, text)
		_, err := Parse(json)
		put("malformed-"+name, "malformed", signing.CodeOf(err), comment+"; genuinely signed", json)
	}
	wrong("duplicate-member", "iat twice", swap(t, one, `"nbf"`, `"iat":1794528000,"nbf"`))
	wrong("member-order", "st before exp", swap(t, one, `"exp":1830294000,"st":[1,0]`, `"st":[1,0],"exp":1830294000`))
	wrong("member-case", "Iat", swap(t, one, `"iat"`, `"Iat"`))
	wrong("unknown-member", "a URL", swap(t, one, `"adh"`, `"url":"x","adh"`))
	wrong("white-space", "a space after a colon", swap(t, one, `"iat":`, `"iat": `))
	wrong("float", "iat with a fraction", swap(t, one, `1794528000`, `1794528000.0`))
	wrong("milliseconds", "iat in milliseconds", swap(t, one, `1794528000`, `1794528000000`))
	wrong("midnight", "nbf at midnight UTC", swap(t, one, `1798758000`, `1798761600`))
	wrong("no-expiry", "exp left out", swap(t, one, `"exp":1830294000,`, ``))
	wrong("bidi", "right-to-left override in a name", swap(t, one, "LE GOFF", "LE \u202eGOFF"))
	wrong("nfd", "name in NFD", swap(t, one, "Anne", "Ane\u0301"))
	wrong("overlap", "two values for one person and domain", swap(t, testJSON, `[[1],{"DENT":"TM"}]`, `[[1],{"PHAR":"TM"}]`))
	wrong("split", "one value of a domain in two groups", swap(t, testJSON, `[[1],{"DENT":"TM"}]`, `[[1],{"DENT":"150EUR"}]`))
	wrong("escape", "escaped letter", swap(t, one, "Anne", `\u0041nne`))
	wrong("trailing", "bytes after the claims", one+"0")
	payload := func(name, comment string, b []byte) {
		text := sealPayload(t, b)
		_, err := Parse(text)
		put("malformed-"+name, "malformed", signing.CodeOf(err), comment+"; genuinely signed", text)
	}
	payload("two-streams", "two DEFLATE streams", append(deflate([]byte(one)), deflate([]byte(one))...))
	payload("truncated-stream", "DEFLATE stream cut by one byte", deflate([]byte(one))[:len(deflate([]byte(one)))-1])
	payload("bomb", "1 MB of zeros", libraryDeflate(t, 9, nil, make([]byte, 1<<20)))
	put("malformed-jws-header", "malformed", codeOfText("eyJhbGciOiJub25lIn0"+u.JWS()[strings.Index(u.JWS(), "."):]), "alg none",
		"eyJhbGciOiJub25lIn0"+u.JWS()[strings.Index(u.JWS(), "."):])

	status, err := testSigner(t, StatusListKind, "card").Seal(deflate([]byte(one)))
	if err != nil {
		t.Fatal(err)
	}
	put("wrong-kind", "wrong-kind", "typ_other_kind", "a card's payload signed as another object by the same key", status)
	put("unknown-key", "unknown-key", "kid_other_key", "kid of another key", encodeCode([8]byte{1, 2, 3, 4, 5, 6, 7, 8}, u.payload, u.sig))
	richer := string(deflate([]byte(swap(t, testJSON, "150EUR", "950EUR"))))
	put("bad-signature", "bad-signature", "signature_mismatch", "claims changed, signature kept, checksum made anew", encodeCode(kid, richer, u.sig))
	high := u.sig
	negate(high[32:])
	put("bad-signature-high-s", "bad-signature", "signature_high_s", "the twin (r, n-s) of a genuine signature", encodeCode(kid, u.payload, high))
	put("wrong-insurer", "wrong-insurer", "wrong_insurer", "signed by 775670482 in the name of 784647349", sealJSON(t, swap(t, one, "775670482", "784647349")))
	put("key-window", "key-window", "key_window", "issued before the key's window, which is 2026-11-01 to 2027-11-01", sealJSON(t, swap(t, one, "1794528000", "1793404800")))

	for _, name := range []string{"unreadable-dropped"} { // its code depends on the length
		path := filepath.Join(vectorDir, name+".txt")
		v := readVector(t, path)
		put(name, "unreadable", codeOfText(v.text), v.header["comment"], v.text)
	}
}

func codeOfText(text string) string {
	_, err := Parse(text)
	return signing.CodeOf(err)
}

// other returns a character of the alphabet that isn't c.
func other(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// storedBlock writes text as one stored block.
func storedBlock(text string) []byte {
	n := len(text)
	return append([]byte{1, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}, text...)
}
