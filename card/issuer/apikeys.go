// API keys: what a program shows to act for an insurer or the operator. The register holds their digest.

package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

// kindKey: Data is storedKey; Owner the insurer, "" for the operator. Keys are kept for ever: the audit chain names them.
const kindKey = "api-key"

// A token is "sk_", 16 hexadecimal digits that name the key, "_", and 256 random bits in hexadecimal: no character of it
// breaks a word, so that a double click takes it whole, and scanners for leaked secrets know it by its beginning.
const (
	tokenPrefix = "sk_"
	keyIDLen    = 16
	secretLen   = 64
	tokenLen    = len(tokenPrefix) + keyIDLen + 1 + secretLen
)

// KeyRequest describes a new key.
type KeyRequest struct {
	Name    string // what it is for; shown in lists
	Insurer string // rights.AMC.Key; "" for the operator
	Roles   []Role
	Ends    rights.Date // last day; 0 for none
}

// Key is what may be told of a key: all but its secret.
type Key struct {
	ID      string
	Name    string
	Insurer string
	Roles   []Role
	Made    time.Time
	Maker   string // actor
	Ends    rights.Date
	Revoked time.Time   // zero while in force
	LastUse rights.Date // 0 for never
}

// storedKey is the document of a key.
type storedKey struct {
	Digest  string      `json:"digest"` // SHA-256 of the whole token, hexadecimal
	Name    string      `json:"name"`
	Roles   []Role      `json:"roles"`
	Made    time.Time   `json:"made"`
	Maker   string      `json:"maker"`
	Person  string      `json:"person"`
	Ends    rights.Date `json:"ends,omitzero"`
	Revoked time.Time   `json:"revoked,omitzero"`
	LastUse rights.Date `json:"last_use,omitzero"`
}

func (k storedKey) key(d register.Document) Key {
	return Key{ID: d.ID, Name: k.Name, Insurer: d.Owner, Roles: k.Roles, Made: k.Made, Maker: k.Maker, Ends: k.Ends, Revoked: k.Revoked, LastUse: k.LastUse}
}

// MakeKey makes a key and returns its token, which is not kept and can't be shown again. A key is its maker's: all keys
// that one person or key made are one pair of eyes. One made in a terminal (by is nil) stands for itself, since whoever
// types there needs no key.
func (s *Issuer) MakeKey(ctx context.Context, by *Staff, req KeyRequest, done func(register.Tx, Key) error) (Key, string, error) {
	if err := CheckRoles(req.Insurer, req.Roles); err != nil {
		return Key{}, "", err
	}
	if err := checkName(req.Name); err != nil {
		return Key{}, "", err
	}
	var b [(keyIDLen + secretLen) / 2]byte
	if _, err := io.ReadFull(s.random(), b[:]); err != nil {
		return Key{}, "", fmt.Errorf("issuer: draw a key: %w", err)
	}
	text := hex.EncodeToString(b[:])
	id := text[:keyIDLen]
	token := tokenPrefix + id + "_" + text[keyIDLen:]
	digest := sha256.Sum256([]byte(token))
	k := storedKey{Digest: hex.EncodeToString(digest[:]), Name: req.Name, Roles: req.Roles, Made: s.second(), Maker: s.Actor,
		Person: "key:" + id, Ends: req.Ends}
	if by != nil {
		k.Maker, k.Person = by.Actor, by.Person
	}
	d := register.Document{Kind: kindKey, ID: id, Owner: req.Insurer}
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		if req.Insurer != "" {
			if _, err := insurer(tx, req.Insurer); err != nil {
				return err
			}
		}
		if err := writeDocument(tx, d, k); err != nil {
			return err
		}
		if done != nil {
			if err := done(tx, k.key(d)); err != nil {
				return err
			}
		}
		return s.audit(tx, "key.make", map[string]any{"key": id, "insurer": req.Insurer, "roles": req.Roles, "ends": req.Ends})
	})
	if err != nil {
		return Key{}, "", err
	}
	return k.key(d), token, nil
}

// noDigest is what an unknown key is compared with, so that an unknown id takes the same work as a wrong secret.
var noDigest = hex.EncodeToString(make([]byte, sha256.Size))

// AuthenticateKey says who shows a token. Every refusal is ErrCredential. Its first use of a day is written down; the others
// cost one read.
func (s *Issuer) AuthenticateKey(ctx context.Context, token string) (Staff, error) {
	id, ok := keyID(token)
	if !ok {
		return Staff{}, ErrCredential
	}
	digest := sha256.Sum256([]byte(token))
	shown := hex.EncodeToString(digest[:])
	var d register.Document
	var k storedKey
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		d, err = readDocument(tx, kindKey, "*", id, &k)
		return err
	})
	want := k.Digest
	if errors.Is(err, ErrUnknownDocument) {
		want = noDigest
	} else if err != nil {
		return Staff{}, err
	}
	today := rights.DateAt(s.now())
	if subtle.ConstantTimeCompare([]byte(shown), []byte(want)) != 1 || err != nil || !k.Revoked.IsZero() || k.Ends != 0 && today > k.Ends {
		return Staff{}, ErrCredential
	}
	if k.LastUse < today {
		s.noteUse(ctx, id, today)
	}
	return Staff{Credential: "key:" + id, Person: k.Person, Insurer: d.Owner, Roles: k.Roles, Actor: "key:" + id}, nil
}

func keyID(token string) (string, bool) {
	if len(token) != tokenLen || !strings.HasPrefix(token, tokenPrefix) || token[len(tokenPrefix)+keyIDLen] != '_' {
		return "", false
	}
	id := token[len(tokenPrefix):][:keyIDLen]
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	return id, true
}

// noteUse writes the day of the last use. It is for people who tidy up: that it fails, or that another request came first,
// is no reason to refuse.
func (s *Issuer) noteUse(ctx context.Context, id string, today rights.Date) {
	_ = s.Store.Update(ctx, func(tx register.Tx) error {
		var k storedKey
		d, err := readDocument(tx, kindKey, "*", id, &k)
		if err != nil || k.LastUse >= today {
			return err
		}
		k.LastUse = today
		return writeDocument(tx, d, k)
	})
}

// Keys lists the keys of an insurer, "" for the operator's, or "*" for all, behind the id after.
func (s *Issuer) Keys(ctx context.Context, insurerKey, after string, limit int) (keys []Key, next string, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		next, err = eachDocument(tx, kindKey, insurerKey, after, limit, func(d register.Document) error {
			var k storedKey
			if err := json.Unmarshal(d.Data, &k); err != nil {
				return fmt.Errorf("%w: key %s", ErrDamaged, d.ID)
			}
			keys = append(keys, k.key(d))
			return nil
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return keys, next, nil
}

// RevokeKey withdraws a key, at once and for good. A key that is withdrawn already stays as it is.
func (s *Issuer) RevokeKey(ctx context.Context, id string) (Key, error) {
	var out Key
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		var k storedKey
		d, err := readDocument(tx, kindKey, "*", id, &k)
		if err != nil {
			return err
		}
		if k.Revoked.IsZero() {
			k.Revoked = s.second()
			if err := writeDocument(tx, d, k); err != nil {
				return err
			}
			if err := s.audit(tx, "key.revoke", map[string]string{"key": id}); err != nil {
				return err
			}
		}
		out = k.key(d)
		return nil
	})
	if err != nil {
		return Key{}, err
	}
	return out, nil
}
