// This file reads and writes public keys as JWK (RFC 7517), in one strict form.

package signing

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// jwkText is the canonical public JWK, members in this order.
type jwkText struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	KID string `json:"kid"`
	Use string `json:"use"`
	Alg string `json:"alg"`
}

// JWK gives the canonical public JWK, {"kty","crv","x","y","kid","use","alg"}
// without white space, nil for a key that is not there.
func (k *PublicKey) JWK() []byte {
	if k == nil || k.pub == nil {
		return nil
	}
	point, err := k.pub.Bytes() // 0x04 ‖ x ‖ y
	if err != nil {
		return nil
	}
	x, y := point[1:1+coordSize], point[1+coordSize:]
	out, err := json.Marshal(jwkText{"EC", "P-256", b64.EncodeToString(x), b64.EncodeToString(y), KID(k.pub), "sig", "ES256"})
	if err != nil {
		return nil
	}
	return out
}

// secretMembers hold private or shared-secret material in a JWK (RFC 7518 section 6).
var secretMembers = []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth"}

// requiredMembers of a JWK, all strings, with the only lawful value where there is one.
var requiredMembers = []struct{ name, value, code string }{
	{"kty", "EC", codeJWKType},
	{"crv", "P-256", codeJWKCurve},
	{"use", "sig", codeJWKUse},
	{"alg", "ES256", codeJWKAlg},
	{"x", "", ""},
	{"y", "", ""},
	{"kid", "", ""},
}

// ParseJWK reads the public JWK of an ES256 verification key. Members may stand
// in any order, with white space; beyond that nothing is tolerated: kty, crv,
// x, y, kid, use and alg must all be there, kid must be what [KID] gives,
// key_ops may be there and then be ["verify"], and nothing else may be. The key
// it gives is active, has no Kind yet and so opens nothing until the caller,
// who knows where the JWK came from, sets it. Errors are a [*Refusal] of family
// [ErrBadKey].
func ParseJWK(b []byte) (*PublicKey, error) {
	members, code := jwkMembers(b)
	if code != "" {
		return nil, refuse(code)
	}
	text := map[string]string{}
	for _, want := range requiredMembers {
		value, ok := find(members, want.name)
		if !ok {
			return nil, refuse(codeJWKMissing)
		}
		s, ok := asString(value)
		if !ok {
			return nil, refuse(codeJWKNotString)
		}
		if want.value != "" && s != want.value {
			return nil, refuse(want.code)
		}
		text[want.name] = s
	}
	if ops, ok := find(members, "key_ops"); ok && !onlyVerify(ops) {
		return nil, refuse(codeJWKKeyOps)
	}
	for _, name := range []string{"x", "y"} {
		if !isCoordinate(text[name]) {
			return nil, refuse(codeJWKCoordinate)
		}
	}
	// Every member has one meaning now; the library makes the point of it.
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(b); err != nil {
		return nil, refuse(codeJWKOffCurve)
	}
	pub, ok := jwk.Key.(*ecdsa.PublicKey)
	if !ok || !onP256(pub) {
		return nil, refuse(codeJWKOffCurve)
	}
	kid := KID(pub)
	if kid == "" || text["kid"] != kid {
		return nil, refuse(codeJWKKID)
	}
	return &PublicKey{KID: kid, State: StateActive, pub: pub}, nil
}

// jwkMembers reads the object and refuses members that have no business there.
func jwkMembers(b []byte) ([]member, string) {
	switch {
	case len(b) > MaxJWK:
		return nil, codeJWKTooLong
	case !utf8.Valid(b):
		return nil, codeJWKNotUTF8
	}
	members, fault := readObject(b)
	switch fault {
	case objectOK:
	case objectTrailing:
		return nil, codeJWKTrailing
	case objectDuplicate:
		return nil, codeJWKDuplicate
	case objectOther:
		return nil, codeJWKNotObject
	default:
		return nil, codeJWKNotJSON
	}
	known := []string{"key_ops"}
	for _, r := range requiredMembers {
		known = append(known, r.name)
	}
	for _, m := range members {
		if code := jwkMemberFault(m.name, known); code != "" {
			return nil, code
		}
	}
	return members, ""
}

func jwkMemberFault(name string, known []string) string {
	for _, k := range known {
		if name == k {
			return ""
		}
	}
	for _, s := range secretMembers {
		if strings.EqualFold(name, s) {
			return codeJWKPrivate
		}
	}
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return codeJWKCase
		}
	}
	return codeJWKUnknown
}

func onlyVerify(ops json.RawMessage) bool {
	var list []string
	if json.Unmarshal(ops, &list) != nil {
		return false
	}
	return len(list) == 1 && list[0] == "verify"
}

// isCoordinate reports whether s is the canonical base64url of 32 bytes.
func isCoordinate(s string) bool {
	for i := 0; i < len(s); i++ {
		if !inAlphabet[s[i]] {
			return false
		}
	}
	b, err := b64.DecodeString(s)
	return err == nil && len(b) == coordSize && bytes.Equal(b64.AppendEncode(nil, b), []byte(s))
}
