// This file runs the corpus: 0 accepted, each class with its own code, each twin passing.

package signing

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestCorpus: no forged token is accepted, each is refused for its own reason,
// and each has a twin that shows that nothing else would have refused it.
func TestCorpus(t *testing.T) {
	f := newForger(t)
	codes := map[string]int{}
	for _, c := range allClasses() {
		name := strings.TrimSpace(c.code + " " + c.name)
		twin := c.make(f, false)
		if _, err := f.public.Open(testKind, twin); err != nil {
			t.Errorf("%s: the twin is refused, so the class proves nothing: %v", name, err)
			continue
		}
		token := c.make(f, true)
		payload, err := f.public.Open(testKind, token)
		if err == nil {
			t.Errorf("%s: ACCEPTED", name)
			continue
		}
		if payload != nil {
			t.Errorf("%s: a payload beside the error", name)
		}
		if got := CodeOf(err); got != c.code {
			t.Errorf("%s: code %s", name, got)
		}
		if !errors.Is(err, c.family) {
			t.Errorf("%s: family of %v", name, err)
		}
		if strings.Contains(err.Error(), "7756") || strings.Contains(err.Error(), "etc/passwd") {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
		codes[c.code]++
	}
	t.Logf("count: %d tokens refused, 0 accepted, %d codes", len(allClasses()), len(codes))
	if len(codes) < 60 {
		t.Errorf("only %d classes, 60 wanted", len(codes))
	}
}

// TestJoseTakesWhatWeRefuse keeps the list of what the library leaves to us: if
// it becomes stricter or laxer, this test says so.
func TestJoseTakesWhatWeRefuse(t *testing.T) {
	f := newForger(t)
	taken := map[string]bool{}
	for _, c := range allClasses() {
		if _, ok := joseTakes(f.public.pub, c.make(f, true)); ok {
			taken[c.code] = true
		}
	}
	var list []string
	for code := range taken {
		list = append(list, code)
	}
	slices.Sort(list)
	t.Logf("go-jose takes %d of our classes: %v", len(list), list)
	for _, code := range []string{"header_jwk", "header_jku", "header_x5u", "header_zip", "header_member_case", "header_crit_empty",
		"kid_path", "payload_line_break", "signature_line_break", "payload_base64_last_char", "signature_base64_last_char", "signature_high_s"} {
		if !taken[code] {
			t.Errorf("go-jose refuses %s by now: correct the documents", code)
		}
	}
}

// TestEmbeddedKey: a token that brings its own key is not believed, whoever is asked.
func TestEmbeddedKey(t *testing.T) {
	f, evil := newForger(t), newForger(t)
	var jwk map[string]any
	if err := json.Unmarshal(evil.public.JWK(), &jwk); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(jwk)
	token := evil.token(`{"alg":"ES256","jwk":` + string(text) + `,"kid":"` + f.kid + `","typ":"tp-card-1"}`)
	for _, key := range []*PublicKey{f.public, evil.public} {
		if _, err := key.Open(testKind, token); CodeOf(err) != "header_jwk" {
			t.Errorf("%v", err)
		}
	}
}

func TestStandardAlphabetOfRealBytes(t *testing.T) {
	f := newForger(t)
	f.payload = []byte{0xfb, 0xef, 0xff}
	twin := f.token(f.header())
	h, _, _ := parts(twin)
	evil := f.close(h + "." + base64.RawStdEncoding.EncodeToString(f.payload))
	if _, err := f.public.Open(testKind, twin); err != nil {
		t.Fatal(err)
	}
	if _, err := f.public.Open(testKind, evil); CodeOf(err) != "payload_standard_base64" {
		t.Error(err)
	}
}
