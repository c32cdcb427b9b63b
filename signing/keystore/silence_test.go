// This file tests that nothing the package gives prints a secret, and that none lies on disk in the clear.

package keystore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sceau/signing"
)

// TestSilence: no way of printing what the package gives shows a secret.
func TestSilence(t *testing.T) {
	s := newStore(t)
	k, err := s.Generate("card-1")
	if err != nil {
		t.Fatal(err)
	}
	bare := k.(*signer).key
	scalar, err := bare.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, v := range []any{s, *s, k, *k.(*signer), []any{s, k}, map[string]any{"k": k}, struct{ S, K any }{s, k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q", "%b"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if text, err := json.Marshal(v); err == nil {
			out.Write(text)
		}
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "store", s, "key", k)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "store", s, "key", k)
	os.WriteFile(filepath.Join(s.Dir(), "card-1.age"), []byte(s.identity.String()+string(passphrase)), 0o600)
	for _, f := range []func() error{
		func() error { _, err := s.Signer("card-1"); return err },
		func() error { _, err := s.Generate("card-1"); return err },
		func() error { _, err := Open(s.Dir(), []byte("wrong")); return err },
		func() error { _, err := Create(s.Dir(), passphrase, Options{}); return err },
	} {
		err := f()
		if err == nil {
			t.Error("no error")
		}
		fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
	}
	secrets := map[string]string{
		"decimal": new(big.Int).SetBytes(scalar).String(), "hex": fmt.Sprintf("%x", scalar), "base64": base64.StdEncoding.EncodeToString(scalar)[:40],
		"bytes": strings.Trim(fmt.Sprint(scalar), "[]"), "go bytes": strings.Trim(fmt.Sprintf("%#v", scalar), "[]byte{}"),
		"identity": s.identity.String()[15:], "passphrase": string(passphrase),
	}
	for name, secret := range secrets {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(secret)) {
			t.Errorf("a secret shows as %s", name)
		}
	}
	if !strings.Contains(out.String(), "key folder "+s.Dir()) || !strings.Contains(out.String(), "key "+signing.KID(&bare.PublicKey)) {
		t.Error("nothing shows at all")
	}
	if text := fmt.Sprint(bare); !strings.Contains(text, secrets["decimal"]) {
		t.Log("a bare key no longer prints its secret number: the positive control is void")
	}
	// And the folder on disk holds none of it in the clear.
	if _, err := s.Generate("card-2"); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(s.Dir(), "card-1.age"))
	for name, content := range snapshot(t, s.Dir()) {
		for form, secret := range secrets {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds a secret as %s", name, form)
			}
		}
	}
}
