package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
)

func TestIssueOnce(t *testing.T) {
	w := newWorld(t)
	keys := w.seed(25)
	w.issuer.Batch = 10
	if r, _ := w.issue(IssueRequest{Contracts: []register.ContractKey{keys[24], keys[24]}}); r.Issued != 1 {
		t.Fatalf("a contract named twice: %+v", r)
	}
	must(w.issuer.Reprint(context.Background(), ReprintRequest{}, nil))(t) // nothing named, nothing done
	keys = keys[:24]
	r, out := w.issue(IssueRequest{All: true})
	if r.Issued != 24 || len(out) != 24 || r.Existing != 1 {
		t.Fatalf("%+v, %d handed out", r, len(out))
	}
	places := map[card.Place]bool{}
	for i, o := range out {
		if o.Contract != keys[i] || o.Person != register.Household || o.Claims.Adherent != keys[i].Adherent || o.Claims.Place != o.Place {
			t.Fatalf("card %d: %+v", i, o)
		}
		places[o.Place] = true
		for _, text := range []string{o.JWS, o.CodeText} {
			u := must(card.Parse(text))(t)
			if u.PlaceUnsafe() != o.Place {
				t.Fatalf("card %d: its text is another card", i)
			}
		}
	}
	if len(places) != 24 {
		t.Errorf("%d places for 24 cards", len(places))
	}
	w.clock = w.clock.Add(time.Hour)
	r, out = w.issue(IssueRequest{All: true})
	if r.Issued != 0 || len(out) != 0 || r.Existing != 25 || r.Resumed != 0 {
		t.Errorf("second run: %+v", r)
	}
	r, _ = w.issue(IssueRequest{Contracts: keys[3:5]})
	if r.Existing != 2 || r.Issued != 0 {
		t.Errorf("by contract: %+v", r)
	}
	f := w.sound()
	if f.Cards != 25 || f.Signatures != 25 {
		t.Errorf("fsck saw %+v", f)
	}
}

func TestIssueRefusals(t *testing.T) {
	w := newWorld(t)
	key := w.put(household(t, "A1", 2, 0))
	issue := func(req IssueRequest) (*IssueReport, error) {
		return w.issuer.Issue(context.Background(), req, func(Issued) error { return nil })
	}
	if _, err := issue(IssueRequest{Contracts: []register.ContractKey{key, {Insurer: amc, Adherent: "A2"}}}); !errors.Is(err, ErrUnknownContract) {
		t.Errorf("unknown contract: %v", err)
	}
	if _, err := issue(IssueRequest{All: true, At: begin.Add(-time.Second)}); !errors.Is(err, ErrNoCardKey) {
		t.Errorf("before the key's window: %v", err)
	}
	long := household(t, "A3", 12, 0)
	for i := range long.Beneficiaries {
		long.Beneficiaries[i].Prenom = fmt.Sprintf("Xylophène-Wenceslas-Quetzal %c", 'A'+i)
		long.Beneficiaries[i].Nom = fmt.Sprintf("Zwirnowicz-Kjölstad-Ñandú %c", 'A'+i)
	}
	noise := sha256.Sum256([]byte("incompressible"))
	for range 9 {
		long.Notes = append(long.Notes, hex.EncodeToString(noise[:]))
		noise = sha256.Sum256(noise[:])
	}
	w.put(long)
	over := household(t, "A4", 1, 0)
	over.From, over.To = over.From-365, over.From-335
	w.put(over)
	r, err := issue(IssueRequest{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Issued != 1 || r.Ended != 1 || len(r.NotIssued) != 1 || r.NotIssued[0].Contract.Adherent != "A3" || !errors.Is(r.NotIssued[0].Err, card.ErrTooLong) {
		t.Errorf("%+v", r)
	}
	w.sound()
}

func TestPerPerson(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 3, 0))
	r, out := w.issue(IssueRequest{All: true, PerPerson: true})
	if r.Issued != 3 || len(out[2].Claims.People) != 1 || out[2].Person != 2 {
		t.Fatalf("%+v", r)
	}
	if r, _ = w.issue(IssueRequest{All: true}); r.Issued != 0 || r.OtherForm != 1 {
		t.Errorf("a household card beside per-person cards: %+v", r)
	}
	w.put(household(t, "A1", 2, 0)) // the third left
	r, _ = w.issue(IssueRequest{All: true, PerPerson: true})
	if r.Existing != 2 || len(r.Outdated) != 1 || !r.Outdated[0].Gone {
		t.Fatalf("%+v", r)
	}
	rr := must(w.issuer.Reprint(context.Background(), ReprintRequest{Changed: true}, func(Issued) error { return nil }))(t)
	if len(rr.Withdrawn) != 1 || rr.Issued != 0 || w.card(out[2].Place).State != register.Void {
		t.Errorf("%+v", rr)
	}
	w.sound()
}

func TestOutdatedAndReprint(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 2, 0))
	w.put(household(t, "A2", 2, 0))
	_, out := w.issue(IssueRequest{All: true})
	sameCard := household(t, "A1", 2, 0)
	sameCard.Beneficiaries[0].NIR = "180017500000184" // not on the card
	w.put(sameCard)
	if r, _ := w.issue(IssueRequest{All: true}); len(r.Outdated) != 0 || r.Existing != 2 {
		t.Fatalf("a change that the card does not show: %+v", r)
	}
	shorter := household(t, "A2", 2, 50)
	shorter.To -= 100
	w.put(shorter)
	r, _ := w.issue(IssueRequest{All: true})
	if len(r.Outdated) != 1 || r.Outdated[0].Place != out[1].Place || r.Issued != 0 {
		t.Fatalf("%+v", r)
	}
	w.clock = w.clock.Add(48 * time.Hour)
	var made []Issued
	keep := func(i Issued) error { made = append(made, i); return nil }
	rr := must(w.issuer.Reprint(context.Background(), ReprintRequest{Changed: true}, keep))(t)
	if rr.Issued != 1 || made[0].Contract.Adherent != "A2" || made[0].Claims.ValidTo() != shorter.To {
		t.Fatalf("%+v", rr)
	}
	if old := w.card(out[1].Place); old.State != register.Replaced {
		t.Errorf("old card: %+v", old.State)
	}
	w.view(func(tx register.Tx) error {
		ev, err := tx.EventsOf(out[1].Place)
		if err != nil || len(ev) != 1 || ev[0].From.String() != "2026-12-03" {
			t.Errorf("events: %+v %v", ev, err)
		}
		return nil
	})
	if rr = must(w.issuer.Reprint(context.Background(), ReprintRequest{Changed: true}, keep))(t); rr.Issued != 0 {
		t.Errorf("again: %+v", rr)
	}
	// By place: once, and not the old one.
	if _, err := w.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{out[0].Place, out[1].Place}}, keep); !errors.Is(err, ErrState) {
		t.Errorf("reprint of a replaced card: %v", err)
	}
	if w.card(out[0].Place).State != register.Live {
		t.Error("one faulty place and the other card was touched")
	}
	if _, err := w.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{{List: 1, Index: 7}}}, keep); !errors.Is(err, ErrUnknownCard) {
		t.Errorf("unknown card: %v", err)
	}
	must(w.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{out[0].Place}}, keep))(t)
	if w.card(out[0].Place).State != register.Replaced {
		t.Error("not replaced")
	}
	w.sound()
}

func TestNextPeriod(t *testing.T) {
	w := newWorld(t)
	w.put(household(t, "A1", 1, 0))
	_, out := w.issue(IssueRequest{All: true})
	next := household(t, "A1", 1, 0)
	next.From, next.To = next.To+1, next.To+366
	w.put(next)
	r, more := w.issue(IssueRequest{All: true})
	if r.Issued != 1 || len(r.Outdated) != 0 {
		t.Fatalf("renewal: %+v", r)
	}
	if w.card(out[0].Place).State != register.Live || w.card(more[0].Place).State != register.Live {
		t.Error("both periods' cards must stand")
	}
	w.sound()
}

// TestPeriodMoved: a replaced card is nobody's card, also when its successor is for other days than the contract's.
func TestPeriodMoved(t *testing.T) {
	w := newWorld(t)
	whole := household(t, "A1", 1, 0)
	w.put(whole)
	w.issue(IssueRequest{All: true})
	later := household(t, "A1", 1, 0)
	later.From += 181
	w.put(later)
	must(w.issuer.Reprint(context.Background(), ReprintRequest{Changed: true}, func(Issued) error { return nil }))(t)
	earlier := household(t, "A1", 1, 0)
	earlier.To = later.From - 1
	w.put(earlier)
	if r, _ := w.issue(IssueRequest{All: true}); r.Issued != 1 {
		t.Errorf("%+v", r)
	}
	w.sound()
}

func TestEach(t *testing.T) {
	w := newWorld(t)
	keys := w.seed(5)
	_, out := w.issue(IssueRequest{All: true})
	var again []Issued
	n := must(w.issuer.Each(context.Background(), EachRequest{All: true}, func(i Issued) error { again = append(again, i); return nil }))(t)
	if n != 5 {
		t.Fatal(n)
	}
	for i := range again {
		if again[i].JWS != out[i].JWS || again[i].CodeText != out[i].CodeText || again[i].Contract != keys[i] {
			t.Errorf("card %d differs", i)
		}
	}
	n, err := w.issuer.Each(context.Background(), EachRequest{Places: []card.Place{out[2].Place}}, func(Issued) error { return nil })
	if n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := w.issuer.Each(context.Background(), EachRequest{Places: []card.Place{{List: 9}}}, func(Issued) error { return nil }); !errors.Is(err, ErrUnknownCard) {
		t.Error(err)
	}
}

// TestPlaces: indexes are uniform over the list, so that a number says nothing about its card.
func TestPlaces(t *testing.T) {
	w := newWorld(t)
	const cells, cards = 16, 4000
	var bins [cells]int
	w.update(func(tx register.Tx) error {
		d := &drawer{issuer: w.issuer, tx: tx, drawn: map[card.Place]bool{}, lists: map[string]register.List{}}
		for range cards {
			p, err := d.place(amc)
			if err != nil {
				return err
			}
			bins[p.Index*cells/(card.MaxIndex+1)]++
		}
		return nil
	})
	chi := 0.0
	for _, n := range bins {
		d := float64(n) - cards/cells
		chi += d * d / (cards / cells)
	}
	if chi > 44.3 { // 15 degrees of freedom: exceeded once in 10,000 runs
		t.Errorf("χ² = %.1f, bins %v", chi, bins)
	}
}

func TestListsFillUp(t *testing.T) {
	w := newWorld(t)
	w.seed(30)
	w.issuer.fill, w.issuer.Batch = 10, 5
	_, out := w.issue(IssueRequest{All: true})
	per := map[uint32]int{}
	for _, o := range out {
		per[o.Place.List]++
	}
	if len(per) != 3 || per[1] != 10 || per[3] != 10 {
		t.Errorf("cards by list: %v", per)
	}
	w.sound()
}

// failingRandom is a source of randomness that ends.
type failingRandom struct{ left int }

func (r *failingRandom) Read(b []byte) (int, error) {
	if r.left -= len(b); r.left < 0 {
		return 0, errors.New("no randomness")
	}
	return len(b), nil
}

func TestNoRandomnessNoCard(t *testing.T) {
	w := newWorld(t)
	w.seed(3)
	w.issuer.Rand = &failingRandom{left: 4}
	if _, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { t.Error("a card left"); return nil }); err == nil {
		t.Fatal("no error")
	}
	if r := w.sound(); r.Cards != 0 || r.Signatures != 0 {
		t.Errorf("%+v", r)
	}
}
