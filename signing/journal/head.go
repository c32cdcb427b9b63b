// This file signs the head of a chain, so that a shortened or rewritten journal shows.

package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sceau/signing"
)

// HeadKind is the kind of token that vouches for a head.
const HeadKind signing.Kind = "sceau-journal-head-1"

// ErrHead: a token was opened and says nothing lawful about a head.
var ErrHead = errors.New("journal: not a head statement")

// Statement is what a signed head says: this chain stood there at that time.
type Statement struct {
	Name string // of the chain, as for [Start]
	Head Head
	At   time.Time // by the signer's clock, whole seconds, UTC
}

// statementText is the payload, members in this order, without white space.
type statementText struct {
	Chain string `json:"chain"`
	Seq   uint64 `json:"seq"`
	Hash  string `json:"hash"` // lower-case hexadecimal
	At    int64  `json:"at"`   // seconds since 1970
}

// SealHead signs the head of the named chain with a signer of [HeadKind].
// Errors: [ErrEntry] for a name, a time or a head that no chain has, and those
// of [signing.Signer.Seal].
func SealHead(s *signing.Signer, name string, head Head, at time.Time) (string, error) {
	if s.Kind() != HeadKind {
		return "", fmt.Errorf("%w: the signer seals %s", signing.ErrWrongKind, s.Kind())
	}
	st := Statement{Name: name, Head: head, At: at}
	if err := st.check(); err != nil {
		return "", err
	}
	payload, err := st.encode()
	if err != nil {
		return "", err
	}
	return s.Seal(payload)
}

// OpenHead verifies a signed head. The caller compares the name with the chain
// it is about to verify. Errors: those of [signing.PublicKey.Open], and [ErrHead].
func OpenHead(key *signing.PublicKey, compact string) (Statement, error) {
	payload, err := key.Open(HeadKind, compact)
	if err != nil {
		return Statement{}, err
	}
	var text statementText
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&text); err != nil {
		return Statement{}, ErrHead
	}
	hash, err := hex.DecodeString(text.Hash)
	if err != nil || len(hash) != 32 {
		return Statement{}, ErrHead
	}
	st := Statement{Name: text.Chain, Head: Head{Seq: text.Seq, Hash: [32]byte(hash)}, At: time.Unix(text.At, 0).UTC()}
	if st.check() != nil {
		return Statement{}, ErrHead
	}
	// One value, one encoding: duplicates, blanks, other cases end here.
	if again, err := st.encode(); err != nil || !bytes.Equal(again, payload) {
		return Statement{}, ErrHead
	}
	return st, nil
}

func (st Statement) encode() ([]byte, error) {
	return json.Marshal(statementText{st.Name, st.Head.Seq, hex.EncodeToString(st.Head.Hash[:]), st.At.Unix()})
}

func (st Statement) check() error {
	start, err := Start(st.Name)
	if err != nil {
		return err
	}
	if st.Head.Seq == 0 && st.Head != start {
		return fmt.Errorf("%w: the head of an empty chain is its start", ErrEntry)
	}
	if y := st.At.UTC().Year(); y < 1 || y > 9999 {
		return fmt.Errorf("%w: year outside 1 to 9999", ErrEntry)
	}
	return nil
}
