package issuer

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/signing"
)

// closed is a store whose private keys nobody can open: public halves alone.
type closed struct{ Keys }

func (closed) Signer(string) (crypto.Signer, error) { return nil, errors.New("passphrase needed") }

func (c closed) Public(name string) (*signing.PublicKey, error) {
	return c.Keys.(interface {
		Public(string) (*signing.PublicKey, error)
	}).Public(name)
}

func (w *world) inventory(count bool) *Inventory {
	w.t.Helper()
	return must(w.issuer.Inventory(context.Background(), InventoryOptions{Count: count}))(w.t)
}

func (i *Inventory) codes() []string {
	var out []string
	for _, f := range i.Findings {
		out = append(out, f.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (i *Inventory) of(purpose, state string) []KeyFact {
	var out []KeyFact
	for _, k := range i.Keys {
		if k.Purpose == purpose && k.State == state {
			out = append(out, k)
		}
	}
	return out
}

// Every key is there, with what it can do, without a passphrase.
func TestInventory(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(3)
	w.issue(IssueRequest{All: true})
	w.clock = w.clock.Add(time.Hour)
	first := w.signingKID()
	w.issuer.Online, w.issuer.Offline = closed{w.online}, closed{w.offline}
	inv := w.inventory(true)
	if len(inv.Findings) != 0 {
		t.Errorf("%+v", inv.Findings)
	}
	for purpose, n := range map[string]int{PurposeRoot: 3, PurposeTargets: 1, PurposeSnapshot: 1, PurposeTimestamp: 1, PurposeInsurer: 1, PurposeStatus: 1} {
		got := inv.of(purpose, StateInForce)
		if len(got) != n {
			t.Errorf("%d keys of %s", len(got), purpose)
			continue
		}
		if got[0].Expires.Before(w.clock) || got[0].Name == "" || got[0].Where == "" || got[0].Can == "" || got[0].Cost == "" || got[0].Verb == "" {
			t.Errorf("%+v", got[0])
		}
	}
	for _, purpose := range []string{PurposeCard, PurposeList, PurposeAccord, PurposeSettlement} {
		if got := inv.of(purpose, string(signing.StateActive)); len(got) != 1 || got[0].From.IsZero() || got[0].Where != "online" || got[0].Can == "" {
			t.Errorf("%s: %+v", purpose, got)
		}
	}
	if c := inv.of(PurposeCard, string(signing.StateActive))[0]; c.KID != first || c.Cards != 3 || c.Insurer != amc || !strings.Contains(c.Verb, first) {
		t.Errorf("%+v", c)
	}
	if c := w.inventory(false).of(PurposeCard, string(signing.StateActive))[0]; c.Cards != -1 {
		t.Errorf("%+v", c)
	}
	// Locked away: what is known without it.
	w.issuer.Offline = nil
	if inv = w.inventory(false); len(inv.of(PurposeRoot, StateInForce)) != 3 || inv.of(PurposeRoot, StateInForce)[0].Where != "" || len(inv.Findings) != 0 {
		t.Errorf("%+v", inv.Findings)
	}
	w.issuer.Online, w.issuer.Offline = w.online, w.offline
	next := must(w.issuer.RotateCardKey(ctx, amc, time.Time{}))(t)
	theft := must(w.issuer.CompromiseCardKey(ctx, first))(t)
	must(w.issuer.RotateStatusKey(ctx, amc))(t)
	inv = w.inventory(true)
	if l := inv.of(PurposeCard, string(signing.StateListed)); len(l) != 1 || l[0].KID != first || l[0].Cards != 3 {
		t.Errorf("%+v", l)
	}
	if d := inv.of(PurposeCard, string(signing.StateDead)); len(d) != 1 || d[0].KID != next.New {
		t.Errorf("%+v", d)
	}
	if a := inv.of(PurposeCard, string(signing.StateActive)); len(a) != 1 || a[0].KID != theft.Next {
		t.Errorf("%+v", a)
	}
	if u := inv.of(PurposeStatus, StateUnused); len(u) != 1 || u[0].Name != "amc-"+amc+"-status" || len(inv.codes()) != 0 || u[0].Verb != "" {
		t.Errorf("%+v %v", u, inv.codes()) // what a rotation leaves is no finding
	}
	// What no rotation leaves is one.
	must(w.online.Generate("snapshot.7"))(t)
	if inv = w.inventory(false); !slices.Equal(inv.codes(), []string{FindingUnused}) || !strings.Contains(inv.Findings[0].Text, "snapshot.7") {
		t.Errorf("%+v", inv.Findings)
	}
	for _, k := range inv.Keys {
		if k.KID == "" || k.Can == "" || k.Cost == "" {
			t.Errorf("%+v", k)
		}
	}
}

// What people must be told.
func TestInventoryFindings(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		do      func(w *world)
		want    string
		serious bool
	}{
		"a year later":              {func(w *world) { w.clock = w.clock.Add(300 * 24 * time.Hour) }, FindingExpiresSoon, false},
		"two years later":           {func(w *world) { w.clock = w.clock.Add(700 * 24 * time.Hour) }, FindingExpired, true},
		"an old card key":           {func(w *world) { w.clock = w.clock.Add(400 * 24 * time.Hour) }, FindingCardKeyOld, false},
		"the timestamp key is gone": {func(w *world) { w.issuer.Online = &without{w.online, []string{"timestamp"}} }, FindingKeyMissing, true},
		"the card key is gone":      {func(w *world) { w.issuer.Online = &without{w.online, []string{"card-" + amc + "-1"}} }, FindingKeyMissing, true},
		"the accord key is gone":    {func(w *world) { w.issuer.Online = &without{w.online, []string{"accord"}} }, FindingKeyMissing, true},
		"a root key online":         {func(w *world) { must(w.online.Generate("root-7"))(t) }, FindingOfflineHere, true},
		"an insurer's key online":   {func(w *world) { must(w.online.Generate("amc-" + amc + ".2"))(t) }, FindingOfflineHere, true},
		"left by a crash":           {func(w *world) { must(w.online.Generate("accord.2"))(t) }, FindingUnused, false},
		"a theft not told": {func(w *world) {
			w.issuer.Offline = nil
			_, err := w.issuer.CompromiseCardKey(ctx, w.signingKID())
			if !errors.Is(err, ErrNoOfflineKeys) {
				t.Fatal(err)
			}
		}, FindingNotTold, true},
		"a ceremony": {func(w *world) { must(w.issuer.BeginRoot(ctx, RootPlan{}))(t) }, FindingCeremonyOpen, false},
	} {
		w := newWorld(t)
		c.do(w)
		inv := w.inventory(false)
		i := slices.IndexFunc(inv.Findings, func(f KeyFinding) bool { return f.Code == c.want })
		if i < 0 || inv.Findings[i].Serious != c.serious || inv.Findings[i].Text == "" {
			t.Errorf("%s: %+v", name, inv.Findings)
		}
	}
}

// Documents that are sealed to the reader hide nothing else.
func TestInventoryOfSealedRegister(t *testing.T) {
	w := newWorld(t)
	must(w.issuer.BeginRoot(context.Background(), RootPlan{}))(t)
	w.issuer.Store = sealedDocuments{w.store}
	if inv := w.inventory(false); len(inv.Keys) == 0 {
		t.Error("nothing is seen")
	}
}

type sealedDocuments struct{ register.Store }

func (s sealedDocuments) View(ctx context.Context, fn func(register.Tx) error) error {
	return s.Store.View(ctx, func(tx register.Tx) error { return fn(sealedTx{tx}) })
}

type sealedTx struct{ register.Tx }

func (sealedTx) DocumentsAfter(string, string, string, int) ([]register.Document, error) {
	return nil, register.ErrCorrupt
}

func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		f    family
		name string
		want int
	}{
		{"targets", "targets", 1}, {"targets", "targets.2", 2}, {"targets", "targets.1", 0}, {"targets", "targets.02", 0}, {"targets", "targets-2", 0},
		{"targets", "targetsx", 0}, {"targets", "target", 0}, {"card-775670482-", "card-775670482-1", 1}, {"card-775670482-", "card-775670482-12", 12},
		{"card-775670482-", "card-775670482-", 0}, {"card-775670482-", "card-7756704820-1", 0}, {"card-775670482-", "card-775670482-0", 0},
		{"card-775670482-", "card-775670482-1.2", 0}, {"root-", "root-1", 1}, {"root-", "root-3.7", 3}, {"root-", "root-", 0}, {"root-", "root", 0},
		{"amc-775670482", "amc-775670482", 1}, {"amc-775670482", "amc-775670482-status", 0}, {"amc-775670482", "amc-775670482.3", 3},
		{"amc-775670482-status", "amc-775670482-status.2", 2}, {"amc-775670482-status", "amc-775670482", 0},
	} {
		if got := c.f.number(c.name); got != c.want {
			t.Errorf("%s in %s: %d, want %d", c.name, c.f, got, c.want)
		}
		if c.want > 0 && c.f != rootFamily && c.f.name(c.want) != c.name {
			t.Errorf("%s: %s", c.name, c.f.name(c.want))
		}
	}
}
