// Cards made and read by an insurer's staff.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// MaxIssueContracts is how many contracts one request may name.
const MaxIssueContracts = 500

// CardFacts is what a list says of a card: no person.
type CardFacts struct {
	Place    card.Place
	Contract string // pseudonym
	Person   int    // register.Household, or the person's number in the register
	State    register.State
	From, To rights.Date
	Revision int64 // of the contract when the card was made
	Replaces card.Place
}

func (s *Issuer) cardFacts(k register.Card) (CardFacts, error) {
	id, err := s.PseudonymOf(k.Contract)
	if err != nil {
		return CardFacts{}, err
	}
	return CardFacts{Place: k.Place, Contract: id, Person: k.Person, State: k.State, From: k.From, To: k.To, Revision: k.Revision, Replaces: k.Replaces}, nil
}

// StaffCard reads a card of the tenant.
func (s *Issuer) StaffCard(ctx context.Context, who Staff, p card.Place) (CardFacts, error) {
	var k register.Card
	err := s.Store.View(ctx, func(tx register.Tx) (err error) { k, err = ownCard(tx, who, p); return err })
	if err != nil {
		return CardFacts{}, err
	}
	return s.cardFacts(k)
}

// ownCard reads a card of the tenant; another's is unknown.
func ownCard(tx register.Tx, who Staff, p card.Place) (register.Card, error) {
	k, err := knownCard(tx, p)
	if err == nil && (who.Insurer == "" || k.Contract.Insurer != who.Insurer) {
		return register.Card{}, fmt.Errorf("%w: %s", ErrUnknownCard, p)
	}
	return k, err
}

// OpenCard hands out a live card of the tenant as Issue did.
func (s *Issuer) OpenCard(ctx context.Context, who Staff, p card.Place) (Issued, error) {
	if _, err := s.StaffCard(ctx, who, p); err != nil {
		return Issued{}, err
	}
	var out Issued
	_, err := s.Each(ctx, EachRequest{Places: []card.Place{p}}, func(i Issued) error { out = i; return nil })
	if err != nil {
		return Issued{}, err
	}
	return out, nil
}

// CardsOfContract lists the cards of a contract of the tenant, oldest first.
func (s *Issuer) CardsOfContract(ctx context.Context, who Staff, id string) ([]CardFacts, error) {
	var out []CardFacts
	err := s.Store.View(ctx, func(tx register.Tx) error {
		out = out[:0]
		c, err := s.byPseudonym(tx, who.Insurer, id)
		if err != nil {
			return err
		}
		cards, err := tx.CardsOf(c.Key)
		if err != nil {
			return err
		}
		for _, k := range cards {
			f, err := s.cardFacts(k)
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Made is the outcome of StaffIssue and StaffReprint: the cards that stand now, or a request for consent.
type Made struct {
	Cards     []CardFacts // the standing cards of the contracts; the new card of a reprint
	Withheld  int         // revoked before, and not renewed
	OtherForm int
	Ended     int
	NotIssued int // see NotIssued: the contract does not fit a card
	Unfit     []string
	Approval  *Approval
}

// StaffIssue issues what is missing for contracts of the tenant, and lists the cards that stand then: so the same request
// again, also after a crash, has the same answer.
func (s *Issuer) StaffIssue(ctx context.Context, who Staff, ids []string, perPerson bool, done func(register.Tx, Made) error) (Made, error) {
	if len(ids) > MaxIssueContracts {
		return Made{}, ErrTooMany
	}
	var keys []register.ContractKey
	cost := 0
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		keys, cost = nil, 0
		for _, id := range ids {
			c, err := s.byPseudonym(tx, who.Insurer, id)
			if err != nil {
				return err
			}
			n, err := missing(tx, c, perPerson, rights.DateAt(s.now()))
			if err != nil {
				return err
			}
			keys, cost = append(keys, c.Key), cost+n
		}
		return s.spend(tx, who, actIssue, cost)
	})
	if errors.Is(err, errOver) {
		return s.askIssue(ctx, who, cost, done)
	}
	if err != nil {
		return Made{}, err
	}
	report, err := s.As(who).Issue(ctx, IssueRequest{Contracts: keys, PerPerson: perPerson}, func(Issued) error { return nil })
	if err != nil {
		return Made{}, err
	}
	out := Made{Withheld: report.Withheld, OtherForm: report.OtherForm, Ended: report.Ended, NotIssued: len(report.NotIssued)}
	for _, n := range report.NotIssued {
		id, err := s.PseudonymOf(n.Contract)
		if err != nil {
			return Made{}, err
		}
		out.Unfit = append(out.Unfit, id)
	}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		out.Cards = nil
		for _, key := range unique(keys) {
			cards, err := tx.CardsOf(key)
			if err != nil {
				return err
			}
			for _, k := range cards {
				if !k.State.Standing() {
					continue
				}
				f, err := s.cardFacts(k)
				if err != nil {
					return err
				}
				out.Cards = append(out.Cards, f)
			}
		}
		// The answer is also a list of cards that were there before: who asks for nothing new has read them.
		if err := s.As(who).audit(tx, actRead, map[string]any{"contracts": slices.Compact(slices.Sorted(slices.Values(ids))), "what": "cards"}); err != nil {
			return err
		}
		return callDone(tx, done, out)
	})
	if err != nil {
		return Made{}, err
	}
	return out, nil
}

// missing counts the cards that Issue would make for a contract.
func missing(tx register.Tx, c register.Contract, perPerson bool, today rights.Date) (int, error) {
	cards, err := tx.CardsOf(c.Key)
	if err != nil {
		return 0, err
	}
	jobs, err := planIssue(c, cards, perPerson, today, new(IssueReport))
	return len(jobs), err
}

func (s *Issuer) askIssue(ctx context.Context, who Staff, cost int, done func(register.Tx, Made) error) (Made, error) {
	var out Made
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		a, err := s.ask(tx, who, storedApproval{Act: actIssue, Cards: cost})
		if err != nil {
			return err
		}
		out = Made{Approval: &a}
		return callDone(tx, done, out)
	})
	if err != nil {
		return Made{}, err
	}
	return out, nil
}

// reprintNote is what a reprint that was begun leaves: the new card.
type reprintNote struct {
	Made card.Place `json:"made"`
}

// StaffReprint makes a new card in place of one of the tenant. With a ticket it is done once: an attempt that died after it had
// reserved the new card is finished, not begun anew.
func (s *Issuer) StaffReprint(ctx context.Context, who Staff, p card.Place, from rights.Date, t *Ticket, done func(register.Tx, Made) error) (Made, error) {
	var note reprintNote
	begun, err := t.Noted(&note)
	if err != nil {
		return Made{}, err
	}
	if begun {
		// What a dead attempt reserved is an intent, or was finished since by anybody's Issue.
		if err := s.As(who).finishBegun(ctx, note.Made); err != nil {
			return Made{}, err
		}
		return s.reprintedAs(ctx, who, note.Made, done)
	}
	if _, err := s.StaffCard(ctx, who, p); err != nil {
		return Made{}, err
	}
	key, err := s.contractOf(ctx, p)
	if err != nil {
		return Made{}, err
	}
	req := ReprintRequest{Places: []card.Place{p}, Contracts: []register.ContractKey{key}, From: from, Begun: func(tx register.Tx, made []card.Place) error {
		if err := s.spend(tx, who, actIssue, len(made)); err != nil {
			return err
		}
		if len(made) == 0 {
			return nil
		}
		note.Made = made[0]
		return t.Note(tx, note)
	}}
	report, err := s.As(who).Reprint(ctx, req, func(Issued) error { return nil })
	if errors.Is(err, errOver) {
		return s.askIssue(ctx, who, 1, done)
	}
	if err != nil {
		return Made{}, err
	}
	if len(report.NotIssued) > 0 {
		return Made{}, fmt.Errorf("%w: %w", ErrInvalid, report.NotIssued[0].Err)
	}
	return s.reprintedAs(ctx, who, note.Made, done)
}

func (s *Issuer) reprintedAs(ctx context.Context, who Staff, p card.Place, done func(register.Tx, Made) error) (Made, error) {
	var out Made
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		k, err := ownCard(tx, who, p)
		if err != nil {
			return err
		}
		if k.State == register.Intent {
			return ErrRunning // it can't be finished now: a later attempt will
		}
		f, err := s.cardFacts(k)
		if err != nil {
			return err
		}
		out = Made{Cards: []CardFacts{f}}
		return callDone(tx, done, out)
	})
	if err != nil {
		return Made{}, err
	}
	return out, nil
}
