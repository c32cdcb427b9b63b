// Issue: one live card for each contract, period and person or household; run again, it issues nothing twice.

package issuer

import (
	"context"
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
	Person   int // register.Household, or the person's number in the register (register.Card)
	Claims   card.Claims
	JWS      string
	CodeText string
}

// NotIssued is a card that could not be made; the others were.
type NotIssued struct {
	Contract register.ContractKey
	Person   int   // register.Household, or the position in the contract
	Err      error // card.ErrTooLong, card.ErrMalformed: says what to change; names no person
}

// Outdated is a standing card whose contract has changed since: Reprint makes a new one, unless one of the marks is set.
type Outdated struct {
	Place     card.Place
	Contract  register.ContractKey
	Person    int         // as in Issued
	Gone      bool        // the contract has no such person any more: Reprint makes the card void
	Over      rights.Date // first day without rights when that is past, else 0: Reprint makes the card void from it
	Suspended bool        // Reprint leaves it alone until it is restored, unless it is to be made void

	position int // in the contract
}

// Unfinished is a card that was begun and can't be finished now.
type Unfinished struct {
	Place card.Place
	Err   error // ErrNoCardKey, ErrDamaged or that of the key store; names no person
}

// IssueReport counts cards.
type IssueReport struct {
	Issued    int // new, and handed to emit
	Resumed   int // begun by a run that was cut short, finished and handed to emit by this one
	Existing  int // live already
	Withheld  int // revoked, in this form or the other: neither Issue nor Reprint renews it; restore it, then reprint
	OtherForm int // not made because the contract has live cards of the other form (household or per person)
	Ended     int // contracts, or people of one when cards are per person, whose last day is over
	Outdated  []Outdated
	NotIssued []NotIssued
	Stuck     []Unfinished // begun by an earlier run and still not finished; all others are
}

// Issue first finishes what a crash left (of the contracts that are named, else of all), then makes the cards that are missing, in batches: each batch is logged, signed,
// stored, and then handed to emit in order. An error of emit ends the run; the batch it belongs to is stored, and Each
// hands those cards out again. A revoked card is never renewed by a plain Issue, nor by Reprint. The report is valid also beside an error: it says what was done until then.
func (s *Issuer) Issue(ctx context.Context, req IssueRequest, emit func(Issued) error) (*IssueReport, error) {
	report := new(IssueReport)
	at := req.At
	if at.IsZero() {
		at = s.now()
	}
	r := &run{issuer: s, keys: s.keyCache(), at: at.Truncate(time.Second), fixed: !req.At.IsZero(), emit: emit}
	err := r.resume(ctx, req.resumed(), report)
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
			cards, err := cardsOfContracts(tx, contracts)
			if err != nil {
				return nil, err
			}
			var jobs []job
			for _, c := range contracts {
				wanted, err := planIssue(c, cards[c.Key], req.PerPerson, rights.DateAt(r.at), &counts)
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

// resumed are the contracts whose unfinished cards this request finishes: those it names, else everybody's.
func (r IssueRequest) resumed() []register.ContractKey {
	if r.All || len(r.Contracts) == 0 {
		return nil
	}
	return r.Contracts
}

func (r *IssueReport) add(o IssueReport) {
	r.Existing += o.Existing
	r.Withheld += o.Withheld
	r.OtherForm += o.OtherForm
	r.Ended += o.Ended
	r.Outdated = append(r.Outdated, o.Outdated...)
	r.NotIssued = append(r.NotIssued, o.NotIssued...)
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
				found, err := contractsNamed(tx, part)
				if err != nil {
					return nil, err
				}
				var out []register.Contract
				for _, k := range part {
					c, ok := found[k]
					if !ok {
						return nil, fmt.Errorf("%w of insurer %.10q", ErrUnknownContract, k.Insurer)
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
func planIssue(c register.Contract, cards []register.Card, perPerson bool, today rights.Date, report *IssueReport) ([]job, error) {
	facts, err := c.Rights()
	if err != nil {
		return nil, err
	}
	h, err := hold(cards, c, facts)
	if err != nil {
		return nil, err
	}
	old, err := outdated(c, facts, h, today)
	if err != nil {
		return nil, err
	}
	report.Outdated = append(report.Outdated, old...)
	if c.To < today {
		report.Ended++
		return nil, nil
	}
	covered, withheld := h.otherForm(perPerson)
	var jobs []job
	for _, person := range people(facts, perPerson) {
		switch latest, ok := h.of[person]; {
		case ok && latest.State == register.Void:
			report.Withheld++
		case ok:
			report.Existing++
		case covered:
			report.OtherForm++
		case withheld:
			report.Withheld++
		case lastDay(facts, person) < today:
			report.Ended++
		default:
			slot, err := h.slot(person)
			if err != nil {
				report.NotIssued = append(report.NotIssued, NotIssued{Contract: c.Key, Person: person, Err: err})
				continue
			}
			jobs = append(jobs, job{contract: c, facts: facts, person: person, slot: slot})
		}
	}
	return jobs, nil
}

// people are those for whom a contract has cards, by position.
func people(c rights.Contract, perPerson bool) []int {
	if !perPerson {
		return []int{register.Household}
	}
	var out []int
	for i := range c.Beneficiaries {
		out = append(out, i)
	}
	return out
}

// outdated returns the standing cards that no longer say what the contract says. A change that the card does not show (a
// NIR, the order of the people) makes none outdated.
func outdated(c register.Contract, facts rights.Contract, h *holding, today rights.Date) ([]Outdated, error) {
	var out []Outdated
	for person := register.Household; person < len(facts.Beneficiaries); person++ {
		k, ok := h.of[person]
		if !ok || !k.State.Standing() || k.Revision == c.Revision {
			continue
		}
		o := Outdated{Place: k.Place, Contract: k.Contract, Person: k.Person, Suspended: k.State == register.Suspended, position: person}
		was, err := storedClaims(k)
		if err != nil {
			return nil, err
		}
		if end := lastDay(facts, person); end < today {
			// A new card would be over before it is printed. What counts is whether the old one promises more.
			to := k.To
			if person >= 0 && was.People[0].To != 0 {
				to = was.People[0].To
			}
			if to <= end {
				continue
			}
			o.Over = end + 1
		} else if same, err := sameClaims(was, k, facts, person); err != nil {
			return nil, err
		} else if same {
			continue
		}
		out = append(out, o)
	}
	for _, k := range h.gone {
		if k.State.Standing() && (c.To >= today || k.To > c.To) {
			out = append(out, Outdated{Place: k.Place, Contract: k.Contract, Person: k.Person, Gone: true, Suspended: k.State == register.Suspended})
		}
	}
	return out, nil
}

// sameClaims says whether the card made today at the same place and time would say the same.
func sameClaims(was card.Claims, k register.Card, facts rights.Contract, position int) (bool, error) {
	is, err := card.FromContract(facts, k.Place, k.IssuedAt, position)
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
