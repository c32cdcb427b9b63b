// Each: cards that are in the register already, handed out again.

package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
)

// EachRequest says which live cards to hand out again.
type EachRequest struct {
	All       bool                   // those of every contract, in the order of the contracts
	Contracts []register.ContractKey // else those of these
	Places    []card.Place           // and these
}

// Each hands out live cards as Issue did, so that lost outputs can be made again. Each card is verified under its
// published key first. It returns how many were handed out.
func (s *Issuer) Each(ctx context.Context, req EachRequest, emit func(Issued) error) (int, error) {
	keys, err := s.cardKeys(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	out := func(k register.Card) error {
		if k.State != register.Live {
			return nil
		}
		c, err := reopen(k, keys)
		if err != nil {
			return err
		}
		n++
		return emit(c)
	}
	err = s.eachContract(ctx, req.All, req.Contracts, func(batch func(register.Tx) ([]register.Contract, error)) error {
		var cards []register.Card
		err := s.Store.View(ctx, func(tx register.Tx) error {
			contracts, err := batch(tx)
			if err != nil {
				return err
			}
			of, err := cardsOfContracts(tx, contracts)
			for _, c := range contracts {
				cards = append(cards, of[c.Key]...)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, k := range cards {
			if err := out(k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	for _, p := range req.Places {
		var k register.Card
		err := s.Store.View(ctx, func(tx register.Tx) (err error) { k, err = knownCard(tx, p); return err })
		if err != nil {
			return n, err
		}
		if k.State != register.Live {
			return n, fmt.Errorf("%w: card %s is %s", ErrState, p, k.State)
		}
		if err := out(k); err != nil {
			return n, err
		}
	}
	return n, nil
}

// reopen verifies a stored card and gives it the form in which it was issued.
func reopen(k register.Card, keys map[string]*signing.PublicKey) (Issued, error) {
	damaged := func(err error) (Issued, error) {
		return Issued{}, fmt.Errorf("%w: card %s: %w", ErrDamaged, k.Place, err)
	}
	u, err := card.Parse(compact(k))
	if err != nil {
		return damaged(err)
	}
	key, ok := keys[k.KID]
	if !ok {
		return damaged(signing.ErrUnknownKey)
	}
	// The issuer looks at its own card: the signature and what it says matter here, not whether the key is still believed.
	active := *key
	active.State = signing.StateActive
	c, err := u.Verify(&active)
	if err != nil {
		return damaged(err)
	}
	if c.Place() != k.Place {
		return damaged(errors.New("it names another place"))
	}
	return Issued{Place: k.Place, Contract: k.Contract, Person: k.Person, Claims: c.Claims(), JWS: u.JWS(), CodeText: u.CodeText()}, nil
}

// compact rebuilds the compact JWS of a signed card.
func compact(k register.Card) string {
	return signing.SigningInput(card.Kind, k.KID, k.Payload) + "." + base64.RawURLEncoding.EncodeToString(k.Signature)
}

// storedClaims reads what a card says, or an intent will say.
func storedClaims(k register.Card) (card.Claims, error) {
	if k.Signature == nil {
		k.Signature = make([]byte, 64) // of the right form, which is all that Parse looks at
		k.Signature[31], k.Signature[63] = 1, 1
	}
	u, err := card.Parse(compact(k))
	if err != nil {
		return card.Claims{}, fmt.Errorf("%w: card %s: %w", ErrDamaged, k.Place, err)
	}
	return u.PeekUnsafe(), nil
}

func knownCard(tx register.Tx, p card.Place) (register.Card, error) {
	k, err := tx.Card(p)
	if errors.Is(err, register.ErrNotFound) {
		return register.Card{}, unknownCard(p)
	}
	return k, err
}

func unknownCard(p card.Place) error { return fmt.Errorf("%w: %s", ErrUnknownCard, p) }

// reopenAll is reopen on all processors.
func reopenAll(cards []register.Card, keys map[string]*signing.PublicKey) ([]Issued, error) {
	out := make([]Issued, len(cards))
	err := parallel(len(cards), func(i int) (err error) {
		out[i], err = reopen(cards[i], keys)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Reopen returns live cards as they were issued, each verified under its published key, in the order of the places. Its error
// is ErrUnknownCard, or ErrState for a card that is not live, and names the card.
func (s *Issuer) Reopen(ctx context.Context, places []card.Place) ([]Issued, error) {
	cards := make([]register.Card, len(places))
	keys := map[string]*signing.PublicKey{}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		rows, err := cardsAt(tx, places)
		if err != nil {
			return err
		}
		var contracts []register.ContractKey
		for i, p := range places {
			k, ok := rows[p]
			switch {
			case !ok:
				return unknownCard(p)
			case k.State != register.Live:
				return fmt.Errorf("%w: card %s is %s", ErrState, p, k.State)
			}
			cards[i] = k
			contracts = append(contracts, k.Contract)
		}
		r := &run{issuer: s, keys: s.keyCache()}
		keys, err = r.cardKeysOf(tx, contracts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return reopenAll(cards, keys)
}
