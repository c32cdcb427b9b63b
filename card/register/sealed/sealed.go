// Package sealed keeps a register whose identity fields are encrypted with keys that the database never sees.
//
// A Store wraps any register.Store. What is written goes through the keys, what is read comes back as it was:
//
//	contract.adherent    a keyed token (HMAC) of insurer and N° adhérent: the look-up, and the id for URLs
//	contract.canonical   ciphertext: N° adhérent, hash and JSON; bound to insurer, token, revision, period and time of change
//	contract.hash        a keyed hash of the hash
//	card.payload         ciphertext: N° adhérent and payload; bound to place, insurer and token
//	document.data        ciphertext; bound to kind and id
//	import.sha256        a keyed hash; the plain one is a sealed document (kind "seal-import")
//
// Ciphertext is AES-256-GCM under the primary key of a keyset; rows of older keys stay readable. A row that was altered, moved
// to another place or sealed with other keys is register.ErrCorrupt. Tokens and keyed hashes are HMAC-SHA-256 under a key that
// is never rotated: see Store.Rotate, which changes the other one while everybody works.
//
// A token has 80 bits. Two numbers of one insurer with one token, 1 in 10^11 for 4 million contracts, are ErrConflict when the
// second is created; neither is ever read in place of the other.
//
// # What stays in clear, and what a thief gains
//
//   - Structure: how many contracts and cards an insurer has, periods of validity, which card replaced which, the length of a
//     household's ciphertext, which imports changed a contract. Places, key ids, counters' ids, domains and times of checks and
//     receipts: who was seen where, for a card that nobody can name without the keys or the card itself.
//   - sign_log.digest and card.signature depend on the payload, which holds names, birth dates and the N° adhérent, but no NIR.
//     The same is true of the digest over a batch in the audit chain when the batch is one card. Whoever guesses every byte of
//     a payload, guarantees included, can confirm the guess: a thief with everything about a person but the N° adhérent can
//     find that. Nothing can be read out of a digest. They stay, because they are what proves a forged card (log before sign)
//     to somebody who has no key of the register.
//   - Events, checks, receipts, requests, lists, pages, files, insurers: codes, places and what is published anyway. A class of
//     reason is a code, an actor an account of the operator; neither is a place for a beneficiary's name, nor is a document's
//     id or owner.
//   - Audit bodies: counts, ranges, digests. They are in clear because the chain is checked without a key.
package sealed

import (
	"context"
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
)

// ErrUnsealed says that a register was never sealed: its rows are plain, or it is new and Mark was not called.
var ErrUnsealed = errors.New("sealed: the register is not encrypted")

// Store is a sealed register. It has no optional power itself: see Powers.
type Store struct {
	inner register.Store
	keys  *ring
}

var _ register.Store = (*Store)(nil)

// New wraps a store. It reads nothing: Check says whether these are the keys of the register. reload, which may be nil, reads the
// keys in force anew: it is asked when a row names a key that is not known, so that a rotation needs no restart.
func New(inner register.Store, k *Keys, reload ...func() (*Keys, error)) *Store {
	var again func() (*Keys, error)
	if len(reload) > 0 {
		again = reload[0]
	}
	return &Store{inner: inner, keys: newRing(k, again)}
}

// Update implements register.Store. What it writes is sealed with the key that the mark names in this very transaction: once a
// rotation has changed the mark, nobody writes with the key before.
func (s *Store) Update(ctx context.Context, fn func(register.Tx) error) error {
	return s.inner.Update(ctx, func(tx register.Tx) error {
		if err := s.keys.follow(tx); err != nil {
			return err
		}
		return fn(&txn{Tx: tx, ring: s.keys, keys: s.keys.newest()})
	})
}

// View implements register.Store.
func (s *Store) View(ctx context.Context, fn func(register.Tx) error) error {
	return s.inner.View(ctx, func(tx register.Tx) error { return fn(&txn{Tx: tx, ring: s.keys, keys: s.keys.newest()}) })
}

// Pseudonym is the token of a contract: 16 characters of A-Z2-7, the same for ever, and meaningless without the keys.
func (s *Store) Pseudonym(k register.ContractKey) string { return s.keys.newest().token(k) }

// ByPseudonym reads the contract of a token in a transaction of this store; ErrNotFound when there is none.
func (s *Store) ByPseudonym(tx register.Tx, insurer, pseudonym string) (register.Contract, error) {
	t, ok := tx.(*txn)
	if !ok || t.ring != s.keys {
		return register.Contract{}, errors.New("sealed: the transaction is another store's")
	}
	c, err := t.Tx.Contract(register.ContractKey{Insurer: insurer, Adherent: pseudonym})
	if err != nil {
		return register.Contract{}, err
	}
	return t.openContract(c)
}

// Powers is the same store with exactly the optional powers (Closer, Inspector, Holder) that the wrapped one has, so that a
// type assertion on it tells the truth.
func (s *Store) Powers() register.Store {
	closer, closes := s.inner.(register.Closer)
	inspector, inspects := s.inner.(register.Inspector)
	inner, holds := s.inner.(register.Holder)
	h := holder{inner, s.keys}
	switch {
	case closes && inspects && holds:
		return struct {
			*Store
			register.Closer
			register.Inspector
			register.Holder
		}{s, closer, inspector, h}
	case closes && inspects:
		return struct {
			*Store
			register.Closer
			register.Inspector
		}{s, closer, inspector}
	case closes && holds:
		return struct {
			*Store
			register.Closer
			register.Holder
		}{s, closer, h}
	case inspects && holds:
		return struct {
			*Store
			register.Inspector
			register.Holder
		}{s, inspector, h}
	case closes:
		return struct {
			*Store
			register.Closer
		}{s, closer}
	case inspects:
		return struct {
			*Store
			register.Inspector
		}{s, inspector}
	case holds:
		return struct {
			*Store
			register.Holder
		}{s, h}
	}
	return s
}

// holder opens what the wrapped store holds.
type holder struct {
	inner register.Holder
	keys  *ring
}

// Holding implements register.Holder.
func (h holder) Holding(ctx context.Context, p card.Place) (register.Holding, error) {
	out, err := h.inner.Holding(ctx, p)
	if err != nil {
		return register.Holding{}, err
	}
	token := out.Card.Contract
	t := txn{ring: h.keys}
	if out.Card, err = t.openCard(out.Card); err != nil {
		return register.Holding{}, err
	}
	if out.Contract.Key != token {
		return register.Holding{}, fmt.Errorf("%w: the contract of card %s is another's", register.ErrCorrupt, p)
	}
	if out.Contract, err = t.openContract(out.Contract); err != nil {
		return register.Holding{}, err
	}
	return out, nil
}

// Mark of a sealed register: a document that only its keys open and that names the key of its tokens.
const (
	markKind = "seal"
	markID   = "keys"
)

// Mark makes an empty register a sealed one. A register that has an insurer is ErrConflict, unless these keys sealed it.
func (s *Store) Mark(ctx context.Context) error {
	if err := s.Check(ctx); !errors.Is(err, ErrUnsealed) {
		return err
	}
	return s.Update(ctx, func(tx register.Tx) error {
		insurers, err := tx.Insurers()
		if err != nil {
			return err
		}
		if len(insurers) > 0 {
			return fmt.Errorf("%w: the register has plain rows already", register.ErrConflict)
		}
		return tx.PutDocument(s.keys.newest().plainMark())
	})
}

// Marked says whether a register was sealed, with whatever keys.
func Marked(ctx context.Context, inner register.Store) (bool, error) {
	marked := false
	err := inner.View(ctx, func(tx register.Tx) error {
		_, err := tx.Document(markKind, markID)
		marked = err == nil
		if errors.Is(err, register.ErrNotFound) {
			return nil
		}
		return err
	})
	return marked, err
}

// Check says whether the register was sealed with these keys: ErrUnsealed when it was never sealed, register.ErrCorrupt when it
// was with others.
func (s *Store) Check(ctx context.Context) error {
	return s.View(ctx, func(tx register.Tx) error {
		d, err := tx.Document(markKind, markID)
		if errors.Is(err, register.ErrNotFound) {
			return ErrUnsealed
		}
		if err == nil && string(d.Data) != string(s.keys.newest().plainMark().Data) {
			err = fmt.Errorf("%w: the tokens of the register are of another key", register.ErrCorrupt)
		}
		return err
	})
}

// plainMark is the mark before it is sealed.
func (k *Keys) plainMark() register.Document {
	return register.Document{Kind: markKind, ID: markID, Version: 1, Data: []byte(`{"v":1,"index":"` + k.derive("mark")[:tokenLen] + `"}`)}
}
