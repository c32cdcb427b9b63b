// Who signed, for whom, when, and in which state the key is: each wrong answer has its own family.

package card

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/signing"
)

func TestKeyMatrix(t *testing.T) {
	twin := sealJSON(t, testJSON)
	u, err := Parse(twin)
	if err != nil {
		t.Fatal(err)
	}
	issued := time.Unix(testIssued, 0)
	for _, c := range []struct {
		name   string
		edit   func(*signing.PublicKey)
		family error
		code   string
	}{
		{"active", func(k *signing.PublicKey) {}, nil, ""},
		{"retired", func(k *signing.PublicKey) { k.State = signing.StateRetired }, nil, ""},
		{"window begins at iat", func(k *signing.PublicKey) { k.From = issued }, nil, ""},
		{"window ends after iat", func(k *signing.PublicKey) { k.Until = issued.Add(time.Second) }, nil, ""},
		{"window begins after iat", func(k *signing.PublicKey) { k.From = issued.Add(time.Second) }, ErrKeyWindow, "key_window"},
		{"window ends at iat", func(k *signing.PublicKey) { k.Until = issued }, ErrKeyWindow, "key_window"},
		{"dead", func(k *signing.PublicKey) { k.State = signing.StateDead }, ErrKeyDead, "key_dead"},
		{"unknown state", func(k *signing.PublicKey) { k.State = "" }, ErrKeyDead, "key_dead"},
		{"listed", func(k *signing.PublicKey) { k.State = signing.StateListed }, ErrKeyListed, "key_listed"},
		{"other insurer", func(k *signing.PublicKey) { k.Owner = "784647349" }, ErrWrongInsurer, "wrong_insurer"},
		{"other insurer and dead", func(k *signing.PublicKey) { k.Owner, k.State = "784647349", signing.StateDead }, ErrWrongInsurer, "wrong_insurer"},
		{"no owner", func(k *signing.PublicKey) { k.Owner = "" }, ErrWrongInsurer, "wrong_insurer"},
		{"other kind", func(k *signing.PublicKey) { k.Kind = StatusListKind }, signing.ErrWrongKind, "key_other_kind"},
		{"another key", func(k *signing.PublicKey) { *k = *testSigner(t, Kind, "other").Public() }, signing.ErrUnknownKey, "kid_other_key"},
		{"another key under this kid", func(k *signing.PublicKey) {
			kid := k.KID
			*k = *testSigner(t, Kind, "other").Public()
			k.KID, k.Owner = kid, "775670482"
		}, signing.ErrBadSignature, "signature_mismatch"},
	} {
		k := testPublic(t)
		c.edit(k)
		card, err := u.Verify(k)
		if (card != nil) != (c.family == nil) || !errors.Is(err, c.family) || signing.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %v %s", c.name, err, c.family, c.code)
		}
	}
	if card, err := u.Verify(nil); card != nil || !errors.Is(err, signing.ErrBadKey) {
		t.Error(err)
	}
}

// The AMC is compared without leading zeros.
func TestOwnerByKey(t *testing.T) {
	text := sealJSON(t, swap(t, testJSON, `"775670482"`, `"0775670482"`))
	if _, err := open(t, text); err != nil {
		t.Error(err)
	}
}

func TestStolenKey(t *testing.T) {
	u, err := Parse(sealJSON(t, testJSON))
	if err != nil {
		t.Fatal(err)
	}
	k := testPublic(t)
	k.State = signing.StateListed
	full := u.Digest()
	var asked [16]byte
	card, err := u.VerifyListed(k, func(d [16]byte) bool { asked = d; return true })
	if err != nil || card == nil || asked != [16]byte(full[:16]) {
		t.Errorf("listed card: %v, asked for %x", err, asked)
	}
	if card, err := u.VerifyListed(k, func([16]byte) bool { return false }); card != nil || !errors.Is(err, ErrKeyListed) {
		t.Errorf("unlisted card: %v", err)
	}
	k.State = signing.StateDead
	if card, err := u.VerifyListed(k, func([16]byte) bool { return true }); card != nil || !errors.Is(err, ErrKeyDead) {
		t.Errorf("dead key with a list: %v", err)
	}
	k.State, k.Until = signing.StateListed, time.Unix(testIssued, 0)
	if card, err := u.VerifyListed(k, func([16]byte) bool { return true }); card != nil || !errors.Is(err, ErrKeyWindow) {
		t.Errorf("listed card out of the window: %v", err)
	}
}

// A forged card whose checksum is right is called forged, not unreadable: the forger computes checksums too.
func TestForgeries(t *testing.T) {
	u, err := Parse(sealJSON(t, testJSON))
	if err != nil {
		t.Fatal(err)
	}
	kid, err := signing.KIDBytes(u.kid)
	if err != nil {
		t.Fatal(err)
	}
	richer := string(deflate([]byte(swap(t, testJSON, "150EUR", "950EUR"))))
	var highS [64]byte
	copy(highS[:], u.sig[:])
	negate(highS[32:])
	zero := u.sig
	clear(zero[32:])
	flipped := u.sig
	flipped[10] ^= 4
	for _, c := range []struct {
		name   string
		text   string
		family error
	}{
		{"other claims, same signature", encodeCode(kid, richer, u.sig), signing.ErrBadSignature},
		{"flipped bit of the signature", encodeCode(kid, u.payload, flipped), signing.ErrBadSignature},
		{"zero s", encodeCode(kid, u.payload, zero), signing.ErrBadSignature},
		{"the twin (r, n-s)", encodeCode(kid, u.payload, highS), signing.ErrBadSignature},
		{"all zero signature", encodeCode(kid, u.payload, [64]byte{}), signing.ErrBadSignature},
		{"kid of another key", encodeCode([8]byte{1}, u.payload, u.sig), signing.ErrUnknownKey},
	} {
		_, err := open(t, c.text)
		if !errors.Is(err, c.family) || errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v, want %v", c.name, err, c.family)
		}
		if again, err := Parse(c.text); err != nil || again.CodeText() != c.text {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// negate replaces the 32-byte s by n-s.
func negate(s []byte) {
	n := [32]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51}
	borrow := 0
	for i := 31; i >= 0; i-- {
		v := int(n[i]) - int(s[i]) - borrow
		borrow = 0
		if v < 0 {
			v, borrow = v+256, 1
		}
		s[i] = byte(v)
	}
}

// A bare JWS goes through signing's strict reader; what it refuses is refused here in the same family.
func TestBareJWS(t *testing.T) {
	u, err := Parse(sealJSON(t, testJSON))
	if err != nil {
		t.Fatal(err)
	}
	jws := u.JWS()
	if _, err := open(t, jws); err != nil {
		t.Fatal(err)
	}
	other, err := testSigner(t, StatusListKind, "card").Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   string
		family error
	}{
		"line break at the end": {jws + "\n", ErrMalformed},
		"line break inside":     {jws[:30] + "\n" + jws[30:], ErrMalformed},
		"padding":               {jws + "=", ErrMalformed},
		"two parts":             {jws[:strings.LastIndex(jws, ".")], ErrMalformed},
		"four parts":            {jws + ".AAAA", ErrMalformed},
		"another header":        {"eyJhbGciOiJub25lIn0" + jws[strings.Index(jws, "."):], ErrMalformed},
		"leading space":         {" " + jws, ErrUnreadable},
		"JSON serialization":    {`{"payload":"x"}`, ErrUnreadable},
		"another object's typ":  {other, signing.ErrWrongKind},
		"cut signature":         {jws[:len(jws)-4], ErrMalformed},
		"5 kB":                  {jws[:100] + strings.Repeat("A", 5000) + jws[100:], ErrMalformed},
	} {
		if _, err := open(t, c.text); !errors.Is(err, c.family) || signing.CodeOf(err) == "" {
			t.Errorf("%s: %v, want %v", name, err, c.family)
		}
	}
}

func TestSealRefusesTheWrongSigner(t *testing.T) {
	d, err := Prepare(testClaims(t), testPublic(t).KID)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := d.Seal(testSigner(t, Kind, "other")); token != nil || !errors.Is(err, signing.ErrUnknownKey) {
		t.Error(err)
	}
	if token, err := d.Seal(testSigner(t, StatusListKind, "card")); token != nil || !errors.Is(err, signing.ErrWrongKind) {
		t.Error(err)
	}
	for _, kid := range []string{"", "short", "../../etc/passwd", "AAAAAAAAAAB"} {
		if d, err := Prepare(testClaims(t), kid); d != nil || signing.CodeOf(err) == "" {
			t.Errorf("%q: %v", kid, err)
		}
	}
}

// A card too large for the highest lawful symbol is refused with what to shorten, before it is signed.
func TestTooLong(t *testing.T) {
	c := testClaims(t)
	c.Notes = nil
	p := newPopulation(3)
	for range MaxNotes {
		var b strings.Builder
		for b.Len() < 120 {
			b.WriteByte(byte('a' + p.r.IntN(26)))
		}
		c.Notes = append(c.Notes, b.String())
	}
	d, err := Prepare(c, testPublic(t).KID)
	if d != nil || !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "fewer people") {
		t.Error(err)
	}
}
