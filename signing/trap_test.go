// This file shows that no token makes anyone open a connection: a listener that every URL points to sees none.

package signing_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"

	"sceau/signing"
)

func TestNoTokenOpensAConnection(t *testing.T) {
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signing.NewSigner("tp-card-1", key)
	if err != nil {
		t.Fatal(err)
	}
	public := signer.Public()
	url := "http://" + trap.Addr().String() + "/keys"
	for _, extra := range []string{
		`"jku":"%s"`, `"x5u":"%s"`, `"jku":"%s","x5u":"%[1]s"`, `"jwk":{"kty":"EC","x5u":"%s"}`, `"url":"%s"`,
		`"crit":["jku"],"jku":"%s"`, `"JKU":"%s"`,
	} {
		header := strings.TrimSuffix(signing.Header("tp-card-1", public.KID), "}") + "," + fmt.Sprintf(extra, url) + "}"
		refuse(t, public, sign(t, key, header))
	}
	// As kid and typ, too, and in a JWK.
	refuse(t, public, sign(t, key, signing.Header("tp-card-1", url)))
	refuse(t, public, sign(t, key, signing.Header(signing.Kind(url), public.KID)))
	jwk := strings.TrimSuffix(string(public.JWK()), "}") + `,"x5u":"` + url + `"}`
	if _, err := signing.ParseJWK([]byte(jwk)); err == nil {
		t.Error("a JWK with a link is taken")
	}
	// The listener queues connections in their order: if any token had opened one, it would be met before ours.
	ours, err := net.Dial("tcp", trap.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	first, err := trap.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != ours.LocalAddr().String() {
		t.Fatal("a token opened a connection")
	}
}

func refuse(t *testing.T, key *signing.PublicKey, token string) {
	t.Helper()
	if _, err := key.Open("tp-card-1", token); signing.CodeOf(err) == "" || signing.CodeOf(err) == "signature_mismatch" {
		t.Errorf("%v", err)
	}
	if _, err := signing.SplitCompact(token); err == nil {
		t.Error("split took it")
	}
}

// sign makes a rightly signed token with that header.
func sign(t *testing.T, key *ecdsa.PrivateKey, header string) string {
	t.Helper()
	enc := base64.RawURLEncoding
	input := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte("payload"))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	n := key.Params().N
	if s.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		s.Sub(n, s)
	}
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return input + "." + enc.EncodeToString(sig)
}
