// Issue: one live card for each contract, period and person or household; run again, it issues nothing twice.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// IssueRequest says what to issue.
type IssueRequest struct {
	All       bool                   // every contract of the register
	Contracts []register.ContractKey // else these
	PerPerson bool                   // one card for each beneficiary instead of one for the household
	At        time.Time              // the claim iat; zero means now
}

// Issued is a card that is in the register and may leave.
type Issued struct {
	Place    card.Place
	Contract register.ContractKey
	Person   int // register.Household, or a position in the contract
	Claims   card.Claims
	JWS      string
	CodeText string
}

// NotIssued is a card that could not be made; the others were.
type NotIssued struct {
	Contract register.ContractKey
	Person   int
	Err      error // card.ErrTooLong, card.ErrMalformed: says what to change; names no person
}

// Outdated is a live card whose contract has changed since: Reprint makes a new one.
type Outdated struct {
	Place    card.Place
	Contract register.ContractKey
	Person   int
	Gone     bool // the contract has no such person any more
}

// IssueReport counts cards.
type IssueReport struct {
	Issued    int // new, and handed to emit
	Resumed   int // begun by a run that was cut short, finished and handed to emit by this one
	Existing  int // live already
	Withheld  int // void: a revoked card is never renewed by a plain Issue, only by Reprint
	OtherForm int // not made because the contract has live cards of the other form (household or per person)
	Ended     int // contracts whose last day is over
	Outdated  []Outdated
	NotIssued []NotIssued
}

// Issue first finishes what a crash left, then makes the cards that are missing, in batches: each batch is logged, signed,
// stored, and then handed to emit in order. An error of emit ends the run; the batch it belongs to is stored, and Each
// hands those cards out again. The report is valid also beside an error: it says what was done until then.
func (s *Issuer) Issue(ctx context.Context, req IssueRequest, emit func(Issued) error) (*IssueReport, error) {
	report := new(IssueReport)
	at := req.At
	if at.IsZero() {
		at = s.now()
	}
	r := &run{issuer: s, keys: s.keyCache(), at: at.Truncate(time.Second), emit: emit}
	err := r.resume(ctx, report)
	if err != nil {
		return report, err
	}
	err = s.eachContract(ctx, req.All, req.Contracts, func(batch func(register.Tx) ([]register.Contract, error)) error {
		var counts IssueReport
		cards, refused, err := r.begin(ctx, func(tx register.Tx) ([]job, error) {
			contracts, err := batch(tx)
			if err != nil {
				return nil, err
			}
			var jobs []job
			for _, c := range contracts {
				wanted, err := planIssue(tx, c, req.PerPerson, rights.DateAt(r.at), &counts)
				if err != nil {
					return nil, err
				}
				jobs = append(jobs, wanted...)
			}
			return jobs, nil
		})
		if err != nil {
			return err
		}
		report.add(counts)
		report.NotIssued = append(report.NotIssued, refused...)
		n, err := r.finish(ctx, cards)
		report.Issued += n
		return err
	})
	return report, err
}

func (r *IssueReport) add(o IssueReport) {
	r.Existing += o.Existing
	r.Withheld += o.Withheld
	r.OtherForm += o.OtherForm
	r.Ended += o.Ended
	r.Outdated = append(r.Outdated, o.Outdated...)
}

// eachContract calls fn for one batch after the other; fn reads the batch in its own transaction.
func (s *Issuer) eachContract(ctx context.Context, all bool, named []register.ContractKey,
	fn func(batch func(register.Tx) ([]register.Contract, error)) error) error {
	if !all {
		named = unique(named)
		for len(named) > 0 {
			part := named[:min(len(named), s.batch())]
			named = named[len(part):]
			err := fn(func(tx register.Tx) ([]register.Contract, error) {
				var out []register.Contract
				for _, k := range part {
					c, err := tx.Contract(k)
					if errors.Is(err, register.ErrNotFound) {
						return nil, fmt.Errorf("%w of insurer %.10q", ErrUnknownContract, k.Insurer)
					}
					if err != nil {
						return nil, err
					}
					out = append(out, c)
				}
				return out, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	keys, err := s.insurers(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		for after, more := "", true; more; {
			err := fn(func(tx register.Tx) ([]register.Contract, error) {
				batch, err := tx.ContractsAfter(key, after, s.batch())
				if err != nil {
					return nil, err
				}
				if more = len(batch) > 0; more {
					after = batch[len(batch)-1].Key.Adherent
				}
				return batch, nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// unique drops what was named before.
func unique(keys []register.ContractKey) []register.ContractKey {
	seen := make(map[register.ContractKey]bool, len(keys))
	var out []register.ContractKey
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

// planIssue decides which cards of a contract are missing.
func planIssue(tx register.Tx, c register.Contract, perPerson bool, today rights.Date, report *IssueReport) ([]job, error) {
	if c.To < today {
		report.Ended++
		return nil, nil
	}
	facts, err := c.Rights()
	if err != nil {
		return nil, err
	}
	cards, err := tx.CardsOf(c.Key)
	if err != nil {
		return nil, err
	}
	of := newest(cards, c)
	gone, err := outdated(c, facts, of)
	if err != nil {
		return nil, err
	}
	report.Outdated = append(report.Outdated, gone...)
	var jobs []job
	for _, person := range slots(facts, perPerson) {
		switch latest, ok := of[person]; {
		case ok && latest.State == register.Void:
			report.Withheld++
		case ok:
			report.Existing++
		case otherForm(of, perPerson):
			report.OtherForm++
		default:
			jobs = append(jobs, job{contract: c, facts: facts, person: person})
		}
	}
	return jobs, nil
}

// slots are the persons for whom a contract has cards.
func slots(c rights.Contract, perPerson bool) []int {
	if !perPerson {
		return []int{register.Household}
	}
	var out []int
	for i := range c.Beneficiaries {
		out = append(out, i)
	}
	return out
}

// newest gives, for each slot, the newest card whose days overlap the contract's present period: that is the card of this
// period, even when the contract's dates were corrected since. Replaced cards are not looked at: their successor is newer,
// unless it was for another period.
func newest(cards []register.Card, c register.Contract) map[int]register.Card {
	out := map[int]register.Card{}
	for _, k := range cards {
		if k.State != register.Replaced && k.From <= c.To && c.From <= k.To {
			out[k.Person] = k
		}
	}
	return out
}

// otherForm says that the contract is covered by cards of the other form.
func otherForm(of map[int]register.Card, perPerson bool) bool {
	for person, k := range of {
		if (person == register.Household) == perPerson && (k.State.Standing() || k.State == register.Intent) {
			return true
		}
	}
	return false
}

// outdated returns the standing cards that no longer say what the contract says. A change that the card does not show (a
// NIR) makes none outdated.
func outdated(c register.Contract, facts rights.Contract, of map[int]register.Card) ([]Outdated, error) {
	var out []Outdated
	for person := register.Household; person < card.MaxPeople; person++ {
		k, ok := of[person]
		if !ok || !k.State.Standing() || k.Revision == c.Revision {
			continue
		}
		o := Outdated{Place: k.Place, Contract: k.Contract, Person: person, Gone: person >= len(facts.Beneficiaries)}
		if !o.Gone {
			same, err := sameClaims(k, facts)
			if err != nil {
				return nil, err
			}
			if same {
				continue
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// sameClaims says whether the card made today at the same place and time would say the same.
func sameClaims(k register.Card, facts rights.Contract) (bool, error) {
	was, err := storedClaims(k)
	if err != nil {
		return false, err
	}
	is, err := card.FromContract(facts, k.Place, k.IssuedAt, k.Person)
	if err != nil {
		return false, nil // the contract can't be made a card any more: certainly not the same
	}
	a, err := was.MarshalCanonical()
	if err != nil {
		return false, err
	}
	b, err := is.MarshalCanonical()
	return err == nil && string(a) == string(b), nil
}
