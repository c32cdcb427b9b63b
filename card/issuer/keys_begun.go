// Which key begins a card, and which finishes one that was begun before its key was rotated or stolen.

package issuer

import (
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
)

// keyFor reads, in the transaction that reserves, which key signs now: a card is begun before its key was stolen, and is then
// on the list, or it is begun with another one. A run that began before the key it would take issues from the present moment.
func (r *run) keyFor(tx register.Tx, insurerKey string) (cardKey, time.Time, error) {
	key, err := r.keys.forIssuing(tx, insurerKey, r.at)
	if r.fixed || !errors.Is(err, ErrNoCardKey) {
		return key, r.at, err
	}
	at := r.issuer.now().Truncate(time.Second)
	key, err = r.keys.forIssuing(tx, insurerKey, at)
	return key, at, err
}

// keyOf returns the key that finishes an intent, or why none can.
func (r *run) keyOf(i register.Insurer, c register.Card) (cardKey, error) {
	if err := unfinishable(i, c); err != nil {
		return cardKey{}, err
	}
	key, err := r.keys.begun(i, c.KID)
	if errors.Is(err, ErrNotHeld) {
		return cardKey{}, fmt.Errorf("%w: card %s was begun with a key that is not here: %w", ErrNoCardKey, c.Place, err)
	}
	return key, err
}

// unfinishable says why an intent can't be finished, as far as the register knows. A key that was retired since signs what was
// begun with it, and so does one that was stolen: the intent is on its list. A dead key signs nothing.
func unfinishable(i register.Insurer, c register.Card) error {
	doc, err := card.ParseInsurer(i.Document)
	if err != nil {
		return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
	}
	claims, err := storedClaims(c)
	if err != nil {
		return err
	}
	if claims.Place != c.Place || claims.Issuer.Key() != i.Key || claims.IssuedAt != c.IssuedAt.Unix() {
		return fmt.Errorf("%w: the intent of card %s is another card's", ErrDamaged, c.Place)
	}
	for _, k := range doc.CardKeys {
		if k.KID == c.KID && k.State != signing.StateDead && k.InWindow(c.IssuedAt) {
			return nil
		}
	}
	return fmt.Errorf("%w: card %s was begun with a key that may not sign any more", ErrNoCardKey, c.Place)
}
