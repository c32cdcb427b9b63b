package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
)

var errDead = errors.New("the process died")

// dying is a register whose process dies at its n-th change: before it is stored, or after.
type dying struct {
	register.Store
	Pseudonyms
	at     int // 1 for the first; 0 for never
	stored bool
	n      int
	dead   bool
}

func (d *dying) Update(ctx context.Context, fn func(register.Tx) error) error {
	if d.dead {
		return errDead
	}
	if d.n++; d.n != d.at {
		return d.Store.Update(ctx, fn)
	}
	d.dead = true
	if d.stored {
		if err := d.Store.Update(ctx, fn); err != nil {
			return err
		}
	}
	return errDead
}

func (d *dying) View(ctx context.Context, fn func(register.Tx) error) error {
	if d.dead {
		return errDead
	}
	return d.Store.View(ctx, fn)
}

// request is what a route does: one act, once.
type request func(ctx context.Context, s *Issuer, t *Ticket) error

func TestOnce(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	who, _ := w.key(nil, amc, insurerRoles...)
	other, _ := w.key(nil, amc2, insurerRoles...)
	n := 0
	work := func(ctx context.Context, t *Ticket) error {
		n++
		return w.issuer.Store.Update(ctx, func(tx register.Tx) error { return t.Done(tx, n) })
	}
	first, again, err := w.issuer.Once(ctx, who, "key-0001", "a", work)
	if err != nil || again || string(first) != "1" {
		t.Fatal(string(first), again, err)
	}
	if got, again, err := w.issuer.Once(ctx, who, "key-0001", "a", work); err != nil || !again || string(got) != "1" || n != 1 {
		t.Error(string(got), again, err)
	}
	if _, _, err := w.issuer.Once(ctx, who, "key-0001", "b", work); !errors.Is(err, ErrKeyReuse) {
		t.Error("another request with the key:", err)
	}
	if got, _, err := w.issuer.Once(ctx, other, "key-0001", "b", work); err != nil || string(got) != "2" {
		t.Error("the key is another credential's:", err)
	}
	for _, bad := range []string{"", "short", "with space", "accentué", "new\nline", string(make([]byte, 129))} {
		if _, _, err := w.issuer.Once(ctx, who, bad, "a", work); !errors.Is(err, ErrKeyForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// While it runs, nobody else begins.
	_, _, err = w.issuer.Once(ctx, who, "key-0002", "a", func(ctx context.Context, t1 *Ticket) error {
		if _, _, err := w.issuer.Once(ctx, who, "key-0002", "a", work); !errors.Is(err, ErrRunning) {
			t.Error(err)
		}
		if _, _, err := w.issuer.Once(ctx, who, "key-0002", "b", work); !errors.Is(err, ErrKeyReuse) {
			t.Error(err)
		}
		// Unless its lease is over: then the one that was overtaken stores nothing any more.
		w.pass2(onceLease)
		if got, again, err := w.issuer.Once(ctx, who, "key-0002", "a", work); err != nil || again || string(got) != "3" {
			t.Error(string(got), err)
		}
		return work(ctx, t1)
	})
	if !errors.Is(err, ErrRunning) {
		t.Error("an overtaken request stored its work:", err)
	}
	if got, again, err := w.issuer.Once(ctx, who, "key-0002", "a", work); err != nil || !again || string(got) != "3" {
		t.Error(string(got), again, err)
	}
	// Also while the one that overtook is still at work.
	_, _, err = w.issuer.Once(ctx, who, "key-0004", "a", func(ctx context.Context, t1 *Ticket) error {
		w.pass2(onceLease)
		_, _, err := w.issuer.Once(ctx, who, "key-0004", "a", func(ctx context.Context, t2 *Ticket) error {
			if err := work(ctx, t1); !errors.Is(err, ErrRunning) {
				t.Error("an overtaken request stored its work:", err)
			}
			return work(ctx, t2)
		})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	// A request that was refused may be sent again, also mended.
	if _, _, err := w.issuer.Once(ctx, who, "key-0003", "a", func(context.Context, *Ticket) error { return ErrState }); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if _, _, err := w.issuer.Once(ctx, who, "key-0003", "b", work); err != nil {
		t.Error(err)
	}
	w.pass2(onceKept)
	before := n
	if _, again, err := w.issuer.Once(ctx, who, "key-0001", "c", work); err != nil || again || n != before+1 {
		t.Error("a key of yesterday is kept:", again, err)
	}
	w.pass2(48 * time.Hour)
	if dropped, err := w.issuer.SweepStaff(ctx); err != nil || dropped < 3 {
		t.Error(dropped, err)
	}
}

// F12–F16: whichever transaction a process dies in, before or after it was stored, the same request with the same key does the
// work once, and its answer names what was done.
func TestOnceAfterACrash(t *testing.T) {
	ctx := context.Background()
	requests := map[string]struct {
		act   func(places []card.Place, ids []string, who Staff) request
		cards int // in the register afterwards, of the first contract
	}{
		"create": {func(_ []card.Place, _ []string, who Staff) request {
			return func(ctx context.Context, s *Issuer, t *Ticket) error {
				_, err := s.CreateContract(ctx, who, household(noTest, "NEW", 1, 0), func(tx register.Tx, c ContractFacts) error { return t.Done(tx, c.ID) })
				return err
			}
		}, 1},
		"revoke": {func(places []card.Place, _ []string, who Staff) request {
			return func(ctx context.Context, s *Issuer, t *Ticket) error {
				_, err := s.ChangeStatus(ctx, who, StatusRequest{Kind: status.Void, Targets: targets(places...)}, func(tx register.Tx, c Changed) error {
					return t.Done(tx, c.Report.Recorded())
				})
				return err
			}
		}, 1},
		"issue": {func(_ []card.Place, ids []string, who Staff) request {
			return func(ctx context.Context, s *Issuer, t *Ticket) error {
				_, err := s.StaffIssue(ctx, who, ids, false, func(tx register.Tx, m Made) error { return t.Done(tx, placesOf(m)) })
				return err
			}
		}, 1},
		"reprint": {func(places []card.Place, _ []string, who Staff) request {
			return func(ctx context.Context, s *Issuer, t *Ticket) error {
				_, err := s.StaffReprint(ctx, who, places[0], 0, t, func(tx register.Tx, m Made) error { return t.Done(tx, placesOf(m)) })
				return err
			}
		}, 2},
	}
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			crashed := 0
			for at := 1; at <= 12; at++ {
				for _, stored := range []bool{false, true} {
					w := sealedWorld(t)
					who, _ := w.key(nil, amc, insurerRoles...)
					ids := w.made(who, "A", 2, 1)
					var places []card.Place
					if name == "issue" {
						places = w.issuedOf(who, ids[:1])
					} else {
						places = w.issuedOf(who, ids)
					}
					act := r.act(places, ids, who)
					d := &dying{Store: w.issuer.Store, Pseudonyms: w.issuer.Store.(Pseudonyms), at: at, stored: stored}
					s := *w.issuer
					s.Store, s.live = d, nil
					_, _, err := s.Once(ctx, who, "key-0001", "a", func(ctx context.Context, t *Ticket) error { return act(ctx, &s, t) })
					if !d.dead {
						if err != nil {
							t.Fatal(err)
						}
						continue
					}
					crashed++
					if stored || at > 1 { // else nobody knows of the key
						if _, _, err := w.issuer.Once(ctx, who, "key-0001", "b", nil); !errors.Is(err, ErrKeyReuse) {
							t.Fatalf("change %d: %v", at, err)
						}
					}
					w.pass2(onceLease)
					var answers []string
					for range 2 {
						answer, _, err := w.issuer.Once(ctx, who, "key-0001", "a", func(ctx context.Context, t *Ticket) error { return act(ctx, w.issuer, t) })
						if err != nil {
							t.Fatalf("change %d, stored %v: %v", at, stored, err)
						}
						answers = append(answers, string(answer))
					}
					if answers[0] != answers[1] {
						t.Errorf("change %d: %s, then %s", at, answers[0], answers[1])
					}
					if name == "reprint" || name == "issue" {
						w.holds(ids[0], who, answers[0], r.cards)
					}
					if name == "create" {
						must(w.issuer.FindContract(ctx, who, "NEW"))(t)
					}
					w.sound2()
				}
			}
			if crashed < 4 {
				t.Errorf("%d crashes", crashed)
			}
			t.Logf("%d crashes", crashed)
		})
	}
}

var noTest testing.TB = silent{}

type silent struct{ testing.TB }

func (silent) Helper()          {}
func (silent) Fatal(err ...any) { panic(fmt.Sprint(err...)) }

func placesOf(m Made) []string {
	var out []string
	for _, c := range m.Cards {
		out = append(out, c.Place.String())
	}
	return out
}

func (w *world) issuedOf(who Staff, ids []string) []card.Place {
	w.t.Helper()
	made := must(w.issuer.StaffIssue(context.Background(), who, ids, false, nil))(w.t)
	var places []card.Place
	for _, c := range made.Cards {
		places = append(places, c.Place)
	}
	return places
}

// holds says that a contract has so many cards, of which one stands: the one that the answer names.
func (w *world) holds(id string, who Staff, answer string, cards int) {
	w.t.Helper()
	list := must(w.issuer.CardsOfContract(context.Background(), who, id))(w.t)
	var named []string
	if err := json.Unmarshal([]byte(answer), &named); err != nil {
		w.t.Fatal(err)
	}
	standing := 0
	for _, c := range list {
		if c.State.Standing() {
			standing++
			if c.Place.String() != named[0] {
				w.t.Errorf("%s stands, the answer names %v", c.Place, named)
			}
		}
	}
	if len(list) != cards || standing != 1 {
		w.t.Errorf("%d cards of %d, %d standing", len(list), cards, standing)
	}
}
