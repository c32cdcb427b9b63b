// Whose card is whose: people are known by what their cards say of them, never by their position in a contract.

package issuer

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// identity tells the people of one contract apart, as rights.Contract does: two with the same identity can't be in it.
func identity(nom, prenom string, birth rights.BirthDate, rang int) string {
	return strings.ToLower(nom) + "\x00" + strings.ToLower(prenom) + "\x00" + fmt.Sprint(birth, rang)
}

// bearer is the identity of the one person of a card, from the card itself, and "" for a household card. A damaged intent
// is nobody's: it will never be a card.
func bearer(k register.Card) (string, error) {
	if k.Person == register.Household {
		return "", nil
	}
	claims, err := storedClaims(k)
	if err != nil && k.State == register.Intent {
		return "\x00" + k.Place.String(), nil
	}
	if err != nil {
		return "", err
	}
	if len(claims.People) != 1 {
		return "", fmt.Errorf("%w: card %s is not one person's", ErrDamaged, k.Place)
	}
	p := claims.People[0]
	return identity(p.Nom, p.Prenom, p.Birth, p.Rang), nil
}

// personDigest is a short digest of an identity, by which a campaign knows whom it planned a card for: an import may move people about
// in their contract, and a position would then be somebody else's.
func personDigest(b rights.Beneficiary) string {
	sum := sha256.Sum256([]byte(identity(b.Nom, b.Prenom, b.Birth, b.Rang)))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// positionOf is where the contract has the person of such a digest; -1 for nobody.
func positionOf(facts rights.Contract, who string) int {
	return slices.IndexFunc(facts.Beneficiaries, func(b rights.Beneficiary) bool { return personDigest(b) == who })
}

// position is where the contract has that person; -1 is both the household and nobody.
func position(facts rights.Contract, who string) int {
	for i, b := range facts.Beneficiaries {
		if identity(b.Nom, b.Prenom, b.Birth, b.Rang) == who {
			return i
		}
	}
	return -1
}

// holding is what a contract has in cards for its present period: those whose days overlap it, even when its dates were
// corrected since. Replaced cards are not looked at: their successor is newer, unless it was for another period.
type holding struct {
	of   map[int]register.Card // the newest of each, by position in the contract, or register.Household
	gone []register.Card       // the newest of each person who is not in the contract any more
	used map[int]register.State
}

// alive is a card that holds a slot, or is about to.
func alive(s register.State) bool { return s.Standing() || s == register.Intent }

func hold(cards []register.Card, c register.Contract, facts rights.Contract) (*holding, error) {
	h := &holding{of: map[int]register.Card{}, used: map[int]register.State{}}
	left := map[string]int{}
	for _, k := range cards {
		now := k.State != register.Replaced && overlap(k.From, k.To, c.From, c.To)
		if now && !alive(h.used[k.Person]) || k.State == register.Intent {
			h.used[k.Person] = k.State
		}
		if !now {
			continue
		}
		who, err := bearer(k)
		if err != nil {
			return nil, err
		}
		if i := position(facts, who); i >= 0 || k.Person == register.Household {
			if old, ok := h.of[i]; !ok || alive(k.State) || !alive(old.State) {
				h.of[i] = k
			}
			continue
		}
		if i, ok := left[who]; !ok {
			left[who] = len(h.gone)
			h.gone = append(h.gone, k)
		} else if alive(k.State) || !alive(h.gone[i].State) {
			h.gone[i] = k
		}
	}
	return h, nil
}

func overlap(from, to, from2, to2 rights.Date) bool { return from <= to2 && from2 <= to }

// current is the card that now stands where k stood.
func (h *holding) current(k register.Card, facts rights.Contract) (_ register.Card, at int, _ error) {
	who, err := bearer(k)
	if err != nil {
		return register.Card{}, 0, err
	}
	i := position(facts, who)
	if i >= 0 || k.Person == register.Household {
		return h.of[i], i, nil
	}
	for _, g := range h.gone {
		if w, err := bearer(g); err != nil {
			return register.Card{}, 0, err
		} else if w == who {
			return g, i, nil
		}
	}
	return register.Card{}, i, nil
}

var errNoSlot = errors.New("the contract has as many cards as it can: those of people who left must be withdrawn first")

// slot chooses the register's Person of someone without a card: the position when no other card has it, else the lowest
// number that none has, at worst that of a void card. All later cards of this person keep it, wherever the roster moves them.
func (h *holding) slot(position int) (int, error) {
	if position == register.Household {
		return position, nil
	}
	if _, ok := h.used[position]; !ok {
		h.used[position] = register.Intent
		return position, nil
	}
	for _, free := range []func(int) bool{
		func(i int) bool { _, ok := h.used[i]; return !ok },
		func(i int) bool { return !alive(h.used[i]) },
	} {
		for i := range card.MaxPeople {
			if free(i) {
				h.used[i] = register.Intent
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: %w", ErrState, errNoSlot)
}

// otherForm looks for cards of the other form: covered by one that stands or is being made, or withheld because one of the
// household or of a person of the contract was revoked.
func (h *holding) otherForm(perPerson bool) (covered, withheld bool) {
	for person, k := range h.of {
		if (person == register.Household) == perPerson {
			covered = covered || alive(k.State)
			withheld = withheld || k.State == register.Void
		}
	}
	for _, k := range h.gone {
		covered = covered || !perPerson && alive(k.State)
	}
	return covered, withheld && !covered
}

// lastDay is the last day of the rights of the household or of one person of the contract.
func lastDay(facts rights.Contract, position int) rights.Date {
	if position >= 0 {
		if to := facts.Beneficiaries[position].To; to != 0 && to < facts.To {
			return to
		}
	}
	return facts.To
}
