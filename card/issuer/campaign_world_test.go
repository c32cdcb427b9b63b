package issuer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

var operatorStaff = Staff{Actor: "operator", Roles: []Role{RoleOperator}}

// year2027 is the period of the contracts that household makes.
func year2027(name string) CampaignSpec {
	return CampaignSpec{Name: name, First: calendarDay("2027-01-01"), Last: calendarDay("2027-12-31"), ShardSize: 3, FileSize: 6}
}

func calendarDay(s string) rights.Date {
	d, err := rights.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// addressed gives a contract an address that follows from its number, or none.
func addressed(c rights.Contract, r *rand.Rand) rights.Contract {
	if r.IntN(5) > 0 {
		c.Address = &rights.Address{Lines: []string{fmt.Sprintf("%d rue des Essais", 1+r.IntN(99))}, PostalCode: fmt.Sprintf("%02d%03d", 1+r.IntN(90), r.IntN(3)*100), City: "Villeneuve"}
	}
	return c
}

// seedAddressed makes n contracts of 1 to 4 people in towns that are drawn.
func (w *world) seedAddressed(n int) []register.ContractKey {
	w.t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 7))
	var keys []register.ContractKey
	w.update(func(tx register.Tx) error {
		for i := range n {
			c := must(register.NewContract(addressed(household(w.t, fmt.Sprintf("A%06d", (i*7919)%1000000), 1+i%4, 0), r), 1))(w.t)
			if err := tx.PutContract(c); err != nil {
				return err
			}
			keys = append(keys, c.Key)
		}
		return nil
	})
	return keys
}

func (w *world) plan(spec CampaignSpec) *Campaign {
	w.t.Helper()
	if spec.Beside == nil && !spec.Existing {
		spec.Beside = w.besides()
	}
	return must(w.issuer.CreateCampaign(context.Background(), operatorStaff, spec, nil, nil))(w.t)
}

// items are the numbers of a campaign's first part.
func (w *world) items(id string) []CampaignItem {
	w.t.Helper()
	var out []CampaignItem
	err := w.issuer.CampaignItems(context.Background(), id, amc, 0, 0, func(i CampaignItem) error { out = append(out, i); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// documents counts the documents of a kind.
func (w *world) documents(kind string) int {
	w.t.Helper()
	n := 0
	err := w.issuer.eachBelow(context.Background(), kind, "", 100, func(register.Document) error { n++; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// pretend is a result as Shard gives it, without a signature: every seventh number has no card.
func pretend(sh *CampaignShard) *ShardResult {
	r := &ShardResult{Cards: make([]Issued, len(sh.Items)), Facts: make([]rights.Contract, len(sh.Items)), Causes: make([]string, len(sh.Items))}
	for i, it := range sh.Items {
		if it.Sequence%7 == 0 {
			r.Causes[i] = CauseGone
			continue
		}
		r.Cards[i] = Issued{Place: card.Place{List: 1, Index: uint32(it.Sequence)}, Contract: it.Contract, Person: it.Person}
		r.Facts[i] = rights.Contract{Adherent: it.Contract.Adherent, Beneficiaries: []rights.Beneficiary{{Nom: "EXEMPLE", Prenom: "Zoé"}},
			Address: &rights.Address{Lines: []string{"1 rue des Essais"}, PostalCode: "75001", City: "Paris"}}
		r.Issued++
	}
	return r
}

// brokenStore fails or dies at the n-th write transaction, before its commit or behind it.
type brokenStore struct {
	register.Store
	at, seen int
	how      string // fail, panic, unknown
}

func (b *brokenStore) Update(ctx context.Context, fn func(register.Tx) error) error {
	b.seen++
	if b.seen != b.at {
		return b.Store.Update(ctx, fn)
	}
	switch b.how {
	case "unknown":
		if err := b.Store.Update(ctx, fn); err != nil {
			return err
		}
		return register.ErrOutcomeUnknown
	case "panic":
		return b.Store.Update(ctx, func(tx register.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			panic(errCrash)
		})
	}
	return b.Store.Update(ctx, func(tx register.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errCrash
	})
}

// crashing calls fn and returns a panic as an error.
func crashing(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errCrash, p)
		}
	}()
	return fn()
}

// noPerson fails when a text says who is insured.
func noPerson(t testing.TB, what, text string) {
	t.Helper()
	for _, secret := range []string{"EXEMPLE", "Camille", "A0", "rue des", "Villeneuve"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s says %q: %s", what, secret, text)
		}
	}
}

// besides names every campaign that is not over: what a test plans next prints beside them on purpose.
func (w *world) besides() []string {
	w.t.Helper()
	var ids []string
	for _, c := range must(w.issuer.Campaigns(context.Background(), operatorStaff, "", maxBeside))(w.t) {
		if !c.State.Over() {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
