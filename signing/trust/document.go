// A signed file, and who may sign it.
package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

type signature struct {
	keyID string
	value []byte // ASN.1
}

// document is a parsed, not yet verified file of any role.
type document struct {
	data    []byte
	signed  node
	digest  [sha256.Size]byte // of the canonical signed part
	sigs    []signature
	version int64
	expires time.Time
}

// parseDocument reads the envelope and what all roles have in common. kind is
// the TUF type: root, timestamp, snapshot or targets.
func parseDocument(data []byte, kind string) (*document, error) {
	n, err := parseStrict(data)
	if err != nil {
		return nil, err
	}
	if err := exactly(n, "signatures", "signed"); err != nil {
		return nil, err
	}
	d := &document{data: data, signed: n.get("signed")}
	if d.sigs, err = parseSignatures(n.get("signatures")); err != nil {
		return nil, err
	}
	if err := d.readSigned(kind); err != nil {
		return nil, err
	}
	return d, nil
}

// readSigned reads what the signed parts of all roles have in common.
func (d *document) readSigned(kind string) error {
	if d.signed.kind != '{' {
		return malformed("signed is not an object")
	}
	// A name in capitals would be another member here and the same member to a
	// reader that folds case.
	for _, name := range d.signed.names {
		if strings.ToLower(string(name)) != string(name) {
			return malformed("capital in a member's name")
		}
	}
	if t := d.signed.get("_type"); t.kind != '"' || t.text() != kind {
		return malformed("not a " + kind + " file")
	}
	// The version of the format is inside the signed bytes; only 1.0.x is known.
	if v := d.signed.get("spec_version"); v.kind != '"' || !strings.HasPrefix(v.text(), "1.0.") {
		return malformed("unknown format version")
	}
	if v := d.signed.get("version"); v.kind != '0' || v.num < 1 {
		return malformed("version missing")
	} else {
		d.version = v.num
	}
	e := d.signed.get("expires")
	if e.kind != '"' {
		return malformed("expires missing")
	}
	var err error
	if d.expires, err = parseTime(e.text()); err != nil {
		return err
	}
	d.digest = sha256.Sum256(d.signed.canonical())
	return nil
}

func parseSignatures(list node) ([]signature, error) {
	if list.kind != '[' || len(list.kids) == 0 || len(list.kids) > maxSignatures {
		return nil, malformed("signatures missing or too many")
	}
	sigs := make([]signature, 0, len(list.kids))
	for _, s := range list.kids {
		if err := exactly(s, "keyid", "sig"); err != nil {
			return nil, err
		}
		id, sig := s.get("keyid"), s.get("sig")
		if id.kind != '"' || sig.kind != '"' || !isHex(id.text()) || len(id.text()) != 2*sha256.Size {
			return nil, malformed("signature is not a key identifier and a value")
		}
		if k := len(sigs); k > 0 && sigs[k-1].keyID >= id.text() {
			return nil, malformed("signatures not in ascending order of keys")
		}
		if !isHex(sig.text()) {
			return nil, malformed("signature value")
		}
		value, err := hex.DecodeString(sig.text())
		if err != nil {
			return nil, malformed("signature value")
		}
		sigs = append(sigs, signature{id.text(), value})
	}
	return sigs, nil
}

// authority is who may sign for one role: k of these keys.
type authority struct {
	role      string
	keys      map[string]*ecdsa.PublicKey // by key identifier
	threshold int
}

// verify checks d against each authority. Every signature in the file must be
// valid and of a key of one of them, not only enough of them: a file with a
// false signature has been touched. A tolerant check passes over signatures
// of unknown keys, which is right for a pinned root alone: it also carries
// those of its predecessor's keys.
func (d *document) verify(tolerant bool, by ...authority) error {
	valid := map[string]bool{}
	for _, s := range d.sigs {
		var key *ecdsa.PublicKey
		for _, a := range by {
			if k := a.keys[s.keyID]; k != nil {
				key = k
			}
		}
		if key == nil {
			if tolerant {
				continue
			}
			return fmt.Errorf("%w: %s is signed by a key without this role", ErrSignature, by[0].role)
		}
		if !ecdsa.VerifyASN1(key, d.digest[:], s.value) {
			return fmt.Errorf("%w: %s carries a false signature", ErrSignature, by[0].role)
		}
		valid[s.keyID] = true
	}
	for _, a := range by {
		n := 0
		for id := range a.keys {
			if valid[id] {
				n++
			}
		}
		if n < a.threshold {
			return fmt.Errorf("%w: %s has %d of %d signatures", ErrSignature, a.role, n, a.threshold)
		}
	}
	return nil
}

// parseAuthority reads {"keyids":[…],"threshold":k} against the keys beside it.
func parseAuthority(role string, n, keys node) (authority, error) {
	a := authority{role: role, keys: map[string]*ecdsa.PublicKey{}}
	ids, k := n.get("keyids"), n.get("threshold")
	if ids.kind != '[' || len(ids.kids) == 0 || len(ids.kids) > maxSignatures || k.kind != '0' || k.num < 1 || k.num > int64(len(ids.kids)) {
		return authority{}, malformed("keys or threshold of " + role)
	}
	a.threshold = int(k.num)
	for _, id := range ids.kids {
		if id.kind != '"' || a.keys[id.text()] != nil {
			return authority{}, malformed("key identifiers of " + role)
		}
		pub, err := parseKey(id.text(), keys.get(id.text()))
		if err != nil {
			return authority{}, err
		}
		a.keys[id.text()] = pub
	}
	return a, nil
}

// parseKey reads a key: ECDSA P-256 only, its identifier being the SHA-256 of
// its one spelling, so that a key cannot count twice under two names.
func parseKey(id string, n node) (*ecdsa.PublicKey, error) {
	if err := exactly(n, "keytype", "keyval", "scheme"); err != nil {
		return nil, err
	}
	if string(n.get("keytype").raw) != `"ecdsa"` || string(n.get("scheme").raw) != `"ecdsa-sha2-nistp256"` {
		return nil, malformed("key is not ECDSA P-256")
	}
	val := n.get("keyval")
	if err := exactly(val, "public"); err != nil {
		return nil, err
	}
	if val.kids[0].kind != '"' {
		return nil, malformed("key value")
	}
	if sum := sha256.Sum256(n.canonical()); hex.EncodeToString(sum[:]) != id {
		return nil, malformed("key under another key's identifier")
	}
	text := val.kids[0].text()
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(rest) != 0 || block.Type != "PUBLIC KEY" || string(pem.EncodeToMemory(block)) != text {
		return nil, malformed("key is not one PEM block")
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, malformed("key is not a public key")
	}
	ec, ok := pub.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, malformed("key is not ECDSA P-256")
	}
	if der, err := x509.MarshalPKIXPublicKey(ec); err != nil || string(der) != string(block.Bytes) {
		return nil, malformed("key in another encoding than its own")
	}
	return ec, nil
}

// exactly accepts an object with these members and no other; names ascending.
func exactly(n node, names ...string) error {
	if n.kind != '{' || len(n.names) != len(names) {
		return malformed("members expected: " + strings.Join(names, " "))
	}
	for i, want := range names {
		if string(n.names[i]) != want {
			return malformed("members expected: " + strings.Join(names, " "))
		}
	}
	return nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) > 0
}

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }
