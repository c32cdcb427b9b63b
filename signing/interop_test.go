// This file has Node's jose verify what this package seals.

package signing_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sceau/signing"
)

// TestNodeJose needs node and testdata/interop/node_modules, which
// "npm install" in that folder makes. With CI=true their absence is a failure.
func TestNodeJose(t *testing.T) {
	folder := filepath.Join("testdata", "interop")
	missing := t.Skipf
	if os.Getenv("CI") == "true" {
		missing = t.Fatalf
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "jose")); err != nil {
		missing("node's jose is not installed: run npm install in signing/testdata/interop")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}

	var input bytes.Buffer
	var want []string
	ask := func(jws string, jwk []byte, payload []byte) {
		line, err := json.Marshal(map[string]any{"jws": jws, "jwk": json.RawMessage(jwk)})
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
		if payload == nil {
			want = append(want, "refused")
		} else {
			want = append(want, hex.EncodeToString(payload))
		}
	}
	for n := 1; n <= 60; n++ {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := signing.NewSigner("tp-card-1", key)
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, n*5)
		rand.Read(payload)
		jws, err := signer.Seal(payload)
		if err != nil {
			t.Fatal(err)
		}
		ask(jws, signer.Public().JWK(), payload)
		// The other side is really verifying: a changed payload is refused there.
		p := strings.Split(jws, ".")
		ask(p[0]+"."+p[1]+"AAAA."+p[2], signer.Public().JWK(), nil)
	}
	cmd := exec.Command(node, "verify.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = folder, &input, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d answers to %d questions", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("token %d: %s, want %s", i, got[i], want[i])
		}
	}
	t.Logf("count: node's jose: %d tokens verified, %d changed ones refused", len(want)/2, len(want)/2)
}
