// This file fuzzes the readers: no panic, one value one text, and the library agrees with whatever is taken.

package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"testing"
)

// fuzzForger has a fixed key, so that a corpus entry keeps its meaning.
func fuzzForger(t testing.TB) *forger {
	scalar := bytes.Repeat([]byte{7}, 32)
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		t.Fatal(err)
	}
	public, err := NewPublicKey(testKind, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return &forger{key: key, public: public, kid: public.KID, payload: []byte(`{"iss":"7756"}`)}
}

func addSeeds(f *testing.F) *forger {
	fg := fuzzForger(f)
	f.Add(fg.token(fg.header()))
	for _, c := range allClasses() {
		if text := c.make(fg, true); len(text) <= MaxToken {
			f.Add(text)
		}
	}
	return fg
}

func FuzzSplitCompact(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := SplitCompact(text)
		if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("no code: %v", err)
			}
			return
		}
		again := SigningInput(p.Kind, p.KID, p.Payload) + "." + b64.EncodeToString(p.Signature[:])
		if again != text {
			t.Fatalf("%q came back as %q", text, again)
		}
		if _, err := KIDBytes(p.KID); err != nil || !p.Kind.Valid() || len(p.Payload) == 0 || len(text) > MaxToken {
			t.Fatalf("%+v %v", p, err)
		}
	})
}

// FuzzOpen changes header, payload and signature apart, and signs what results
// when asked to: so the fuzzer gets past the signature.
func FuzzOpen(f *testing.F) {
	fg := addSeeds2(f)
	f.Fuzz(func(t *testing.T, header, payload, signature string, resign bool) {
		text := header + "." + payload
		if resign {
			text = fg.close(text)
		} else {
			text += "." + signature
		}
		got, err := fg.public.Open(testKind, text)
		if err != nil {
			if got != nil || CodeOf(err) == "" {
				t.Fatalf("%x beside %v", got, err)
			}
			return
		}
		if header != b64.EncodeToString([]byte(fg.header())) || payload != b64.EncodeToString(got) {
			t.Fatalf("another text was taken: %q", text)
		}
		theirs, ok := joseTakes(fg.public.pub, text)
		if !ok || !bytes.Equal(theirs, got) {
			t.Fatalf("go-jose does not agree on %q", text)
		}
	})
}

func addSeeds2(f *testing.F) *forger {
	fg := fuzzForger(f)
	h, p, s := parts(fg.token(fg.header()))
	f.Add(h, p, s, false)
	f.Add(h, p, "", true)
	f.Add(h, nonCanonical(p), "", true)
	f.Add(h, p+"=", "", true)
	f.Add(h+"\n", p, "", true)
	for _, c := range headerClasses() {
		if text := c.make(fg, true); len(text) <= MaxToken {
			if h, p, s := parts(text); s != "" {
				f.Add(h, p, s, true)
			}
		}
	}
	return fg
}

func FuzzParseJWK(f *testing.F) {
	text := string(fuzzForger(f).public.JWK())
	f.Add([]byte(text))
	for _, c := range jwkClasses() {
		f.Add([]byte(c.change(text)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := ParseJWK(b)
		if err != nil {
			if key != nil || CodeOf(err) == "" {
				t.Fatalf("%v beside %v", key, err)
			}
			return
		}
		// What was taken is the same key in its canonical text.
		again, err := ParseJWK(key.JWK())
		if err != nil || again.KID != key.KID || !again.pub.Equal(key.pub) {
			t.Fatalf("%s: %v", key.JWK(), err)
		}
		if len(b) < len(key.JWK()) {
			t.Fatalf("%q is shorter than its canonical text", b)
		}
	})
}
