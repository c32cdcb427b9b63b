package cmd

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sceau/card"
	"sceau/signing"
)

// TestCardsForOthers gives what the programs published to Node's jose: each card, rebuilt as a compact JWS from the code on
// the paper, must verify with the JWK of the published issuer.json, and the Token Status List with its own.
func TestCardsForOthers(t *testing.T) {
	needTools(t, "node")
	script, err := filepath.Abs("../signing/testdata/interop/verify.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(script), "node_modules")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("jose is missing: scripts/setup test")
		}
		t.Skip("jose is missing: scripts/setup test")
	}
	dir := t.TempDir()
	if err := setClock(dir, "2026-11-21T10:00:00+01:00"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, dir, "sceau", "sample", "roster.csv", "--households", "40", "--bad", "0")
	dir = operatorOf(t, filepath.Join(dir, "roster.csv"))
	insurer := publishedInsurer(t, dir)
	type question struct {
		JWS string          `json:"jws"`
		JWK json.RawMessage `json:"jwk"`
	}
	var ask strings.Builder
	enc := json.NewEncoder(&ask)
	var want []string
	put := func(jws string, key *signing.PublicKey) {
		parts := strings.Split(jws, ".")
		payload, err := base64url(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := enc.Encode(question{jws, key.JWK()}); err != nil {
			t.Fatal(err)
		}
		want = append(want, hex.EncodeToString(payload))
		// Its twin: the signature of another text.
		if err := enc.Encode(question{parts[0] + "." + parts[1] + "." + swapped(parts[2]), key.JWK()}); err != nil {
			t.Fatal(err)
		}
		want = append(want, "refused")
	}
	names, err := filepath.Glob(filepath.Join(dir, "cards", "*.txt"))
	if err != nil || len(names) != 40 {
		t.Fatalf("%d cards, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		u, err := card.Parse(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		put(u.JWS(), insurer.CardKeys[0])
	}
	list, err := os.ReadFile(filepath.Join(dir, "public", "statuslist", "775670482", "1.jwt"))
	if err != nil {
		t.Fatal(err)
	}
	put(string(list), insurer.StatusKeys[0])

	c := exec.Command("node", script)
	c.Dir, c.Stdin, c.Stderr = filepath.Dir(script), strings.NewReader(ask.String()), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		if n >= len(want) || lines.Text() != want[n] {
			t.Fatalf("answer %d is %.40s", n, lines.Text())
		}
	}
	if n != len(want) {
		t.Fatalf("%d answers to %d questions", n, len(want))
	}
	t.Logf("count: %d published tokens verified by Node's jose, as many twins refused", n/2)
}

func publishedInsurer(t *testing.T, dir string) *card.Insurer {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "public", "amc", "775670482", "*.issuer.json"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	i, err := card.ParseInsurer(b)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func base64url(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// swapped turns one bit of a signature.
func swapped(sig string) string {
	b, err := base64url(sig)
	if err != nil {
		return ""
	}
	b[10] ^= 1
	return base64.RawURLEncoding.EncodeToString(b)
}
