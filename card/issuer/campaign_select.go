// Which cards a campaign makes: the contracts are walked in batches, and what becomes of each is decided as Issue decides it.

package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// choice is what becomes of one contract.
type choice struct {
	key     register.ContractKey
	facts   rights.Contract
	make    []int  // positions, or register.Household
	lengths []int  // of the code texts of make, as far as they can be known
	left    []left // the others
}

type left struct {
	person int
	cause  string
}

// selection walks the contracts of one insurer that a campaign speaks of.
type selection struct {
	issuer *Issuer
	spec   CampaignSpec
	named  []string // N° adhérent, ascending; nil: all
	today  rights.Date
	at     time.Time
	kid    string
	list   uint32

	addressed bool // a letter without an address can't be printed
}

// selection prepares the walk. ErrNoCardKey when nothing could be signed for the insurer at all.
func (s *Issuer) selection(ctx context.Context, a *asked, insurerKey string) (*selection, error) {
	w := &selection{issuer: s, spec: a.spec, at: s.second()}
	w.today = rights.DateAt(w.at)
	w.addressed = a.spec.Window != "" && slices.Contains(a.spec.Outputs, OutputPDF)
	if a.spec.Contracts != nil {
		first, _ := slices.BinarySearchFunc(a.spec.Contracts, register.ContractKey{Insurer: insurerKey}, compareKeys)
		w.named = []string{}
		for _, k := range a.spec.Contracts[first:] {
			if k.Insurer != insurerKey {
				break
			}
			w.named = append(w.named, k.Adherent)
		}
	}
	err := s.Store.View(ctx, func(tx register.Tx) error {
		i, err := insurer(tx, insurerKey)
		if err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, insurerKey, err)
		}
		keys := activeAt(doc.CardKeys, w.at)
		if len(keys) == 0 {
			return fmt.Errorf("%w: insurer %s", ErrNoCardKey, insurerKey)
		}
		w.kid = keys[0].KID
		l, err := tx.OpenList(insurerKey)
		if errors.Is(err, register.ErrNotFound) {
			l.Number, err = 1, nil
		}
		w.list = l.Number
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// selected is what one transaction reads.
type selected struct {
	contracts []register.Contract
	cards     map[string][]register.Card
	unknown   []string // named, and not there
}

// walk calls each for every contract in turn, and batch after some hundreds of them. Memory does not depend on how many there are.
func (w *selection) walk(ctx context.Context, insurerKey string, each func(*choice) error, batch func() error) error {
	after, named := "", w.named
	for {
		var got selected
		more := false
		err := w.issuer.Store.View(ctx, func(tx register.Tx) error {
			size := min(w.issuer.batch(), register.MaxBatch)
			var err error
			if w.named != nil {
				part := named[:min(len(named), size)]
				named = named[len(part):]
				more = len(part) > 0
				err = got.read(tx, insurerKey, part)
			} else {
				got.contracts, err = tx.ContractsAfter(insurerKey, after, size)
				if more = len(got.contracts) > 0; more {
					after = got.contracts[len(got.contracts)-1].Key.Adherent
				}
			}
			if err != nil {
				return err
			}
			got.contracts = slices.DeleteFunc(got.contracts, func(c register.Contract) bool { return !w.wants(c) })
			var names []string
			for _, c := range got.contracts {
				if w.inPeriod(c) {
					names = append(names, c.Key.Adherent)
				}
			}
			if len(names) == 0 {
				return nil
			}
			got.cards, err = tx.CardsOfContracts(insurerKey, names)
			return err
		})
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		choices := make([]choice, len(got.contracts))
		err = parallel(len(choices), func(i int) error {
			c := got.contracts[i]
			choices[i] = w.choose(c, got.cards[c.Key.Adherent])
			return nil
		})
		if err != nil {
			return err
		}
		for _, name := range got.unknown {
			gone := choice{key: register.ContractKey{Insurer: insurerKey, Adherent: name}, left: []left{{register.Household, CauseGone}}}
			choices = append(choices, gone)
		}
		for i := range choices {
			if err := each(&choices[i]); err != nil {
				return err
			}
		}
		if err := batch(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// read reads contracts by name.
func (g *selected) read(tx register.Tx, insurerKey string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	found, err := tx.ContractsNamed(insurerKey, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if c, ok := found[name]; ok {
			g.contracts = append(g.contracts, c)
		} else {
			g.unknown = append(g.unknown, name)
		}
	}
	return nil
}

// wants says whether the contract is spoken of at all. One that was stored before its day of change was kept is not a changed one.
func (w *selection) wants(c register.Contract) bool {
	return (w.spec.Renewal == 0 || c.From == w.spec.Renewal) &&
		(w.spec.ChangedSince.IsZero() || !c.Changed.IsZero() && !c.Changed.Before(w.spec.ChangedSince))
}

func (w *selection) inPeriod(c register.Contract) bool {
	return begins(c, w.spec.First, w.spec.Last)
}

// begins says whether a contract's first day is in a period.
func begins(c register.Contract, first, last rights.Date) bool {
	return c.From >= first && (last == 0 || c.From <= last)
}

// choose decides as planIssue does, and looks whether the card fits into its symbol. A contract that is damaged stops no other.
func (w *selection) choose(c register.Contract, cards []register.Card) choice {
	out := choice{key: c.Key}
	if !w.inPeriod(c) {
		out.left = []left{{register.Household, CauseOther}}
		return out
	}
	facts, err := c.Rights()
	if err != nil {
		out.left = []left{{register.Household, CauseDamaged}}
		return out
	}
	out.facts = facts
	h, err := hold(cards, c, facts)
	var old []Outdated
	if err == nil {
		old, err = outdated(c, facts, h, w.today)
	}
	if err != nil {
		out.left = []left{{register.Household, CauseDamaged}}
		return out
	}
	covered, withheld := h.otherForm(w.spec.PerPerson)
	for _, person := range people(facts, w.spec.PerPerson) {
		cause := w.cause(c, facts, h, old, person, covered, withheld)
		if cause == "" {
			var length int
			if length, cause = w.fits(facts, person); cause == "" {
				out.make, out.lengths = append(out.make, person), append(out.lengths, length)
				continue
			}
		}
		out.left = append(out.left, left{person, cause})
	}
	return out
}

// cause says why a card is not to be made, "" when it is.
func (w *selection) cause(c register.Contract, facts rights.Contract, h *holding, old []Outdated, person int, covered, withheld bool) string {
	latest, ok := h.of[person]
	changed := slices.IndexFunc(old, func(o Outdated) bool { return !o.Gone && o.position == person })
	switch {
	case c.To < w.today || lastDay(facts, person) < w.today:
		return CauseEnded
	case ok && latest.State == register.Void:
		return CauseWithheld
	case ok && latest.State == register.Suspended:
		return CauseSuspended
	case ok && changed >= 0 && !w.spec.Outdated:
		return CauseOutdated
	case ok && changed < 0 && latest.State == register.Live && !w.spec.Existing:
		return CauseExisting
	case !ok && covered:
		return CauseOtherForm
	case !ok && withheld:
		return CauseWithheld
	case facts.Address == nil && w.addressed:
		return CauseNoAddress
	case ok: // begun, outdated, or printed once more
		return ""
	}
	if _, err := h.slot(person); err != nil {
		return CauseNoRoom // every number of the contract is taken by a card that stands: those of people who left
	}
	return ""
}

// fits encodes the card as it would be made today, at a place whose number is as long as any. Nothing is signed.
func (w *selection) fits(facts rights.Contract, person int) (length int, cause string) {
	claims, err := card.FromContract(facts, card.Place{List: w.list, Index: card.MaxIndex}, w.at, person)
	if err != nil {
		return 0, CauseDamaged
	}
	d, err := card.Prepare(claims, w.kid)
	if errors.Is(err, card.ErrTooLong) {
		return 0, CauseTooLong
	}
	if err != nil {
		return 0, CauseDamaged
	}
	return d.CodeLength(), ""
}
