// The list of every card that a stolen key signed, from the register: what saves them.

package issuer

import (
	"context"
	"crypto/sha256"
	"fmt"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/register"
	"sceau/signing"
)

// stolenList is the list of a key with its files, and what was counted on the way.
type stolenList struct {
	files    map[string][]byte
	cards    int64
	intents  int64
	standing int64
}

func (l *stolenList) bytes() (n int64) {
	for _, b := range l.files {
		n += int64(len(b))
	}
	return n
}

// stolenPage is how many cards are read in one transaction: revocations and checks go on meanwhile.
const stolenPage = 5000

// stolenCards reads every card of an insurer that was begun with a key. Once the key is listed no card is begun with it any
// more, so that it does not matter that the pages are of different moments.
func (s *Issuer) stolenCards(ctx context.Context, key, kid string) (*stolenList, error) {
	var lists []register.List
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		doc, err := documentOf(tx, key)
		if err != nil {
			return err
		}
		if k := keyOfKID(doc.CardKeys, kid); k == nil || k.State != signing.StateListed {
			return fmt.Errorf("%w: the key %s of %s is not listed", ErrKeyState, kid, key)
		}
		lists, err = tx.Lists()
		return err
	})
	if err != nil {
		return nil, err
	}
	out := new(stolenList)
	var digests [][issued.DigestSize]byte
	for _, l := range lists {
		if l.Insurer != key {
			continue
		}
		for after, more := int64(-1), true; more; {
			var page []register.Card
			err := s.Store.View(ctx, func(tx register.Tx) (err error) {
				page, err = tx.CardsAfter(l.Number, after, stolenPage)
				return err
			})
			if err != nil {
				return nil, err
			}
			if more = len(page) > 0; more {
				after = int64(page[len(page)-1].Place.Index)
			}
			for _, c := range page {
				if c.KID != kid {
					continue
				}
				out.cards++
				switch {
				case c.State == register.Intent:
					out.intents++
				case c.State.Standing():
					out.standing++
				}
				sum := sha256.Sum256([]byte(signing.SigningInput(card.Kind, c.KID, c.Payload)))
				digests = append(digests, [issued.DigestSize]byte(sum[:]))
			}
		}
	}
	if out.files, err = issued.Parts(key, kid, digests); err != nil {
		return nil, fmt.Errorf("issuer: list of the cards of key %s: %w", kid, err)
	}
	return out, nil
}

// documentOf reads an insurer's issuer.json.
func documentOf(tx register.Tx, key string) (*card.Insurer, error) {
	i, err := insurer(tx, key)
	if err != nil {
		return nil, err
	}
	doc, err := card.ParseInsurer(i.Document)
	if err != nil {
		return nil, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, key, err)
	}
	return doc, nil
}

// keyOfKID finds a key of a document, nil for none.
func keyOfKID(keys []*signing.PublicKey, kid string) *signing.PublicKey {
	for _, k := range keys {
		if k.KID == kid {
			return k
		}
	}
	return nil
}

// ownerOf finds the insurer that has a card key.
func ownerOf(tx register.Tx, kid string) (register.Insurer, *card.Insurer, error) {
	all, err := tx.Insurers()
	if err != nil {
		return register.Insurer{}, nil, err
	}
	for _, i := range all {
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return register.Insurer{}, nil, fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
		}
		if keyOfKID(doc.CardKeys, kid) != nil {
			return i, doc, nil
		}
	}
	return register.Insurer{}, nil, fmt.Errorf("%w: no insurer has a card key %.20q", ErrUnknownKey, kid)
}
