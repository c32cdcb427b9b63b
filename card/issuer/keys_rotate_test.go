package issuer

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/keystore"
	"sceau/signing/trust"
)

// A card key is rotated: the new one is published first and signs later; what the old one signed stands.
func TestRotateCardKey(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(4)
	_, old := w.issue(IssueRequest{All: true})
	first := w.signingKID()
	c := must(w.issuer.RotateCardKey(ctx, amc, time.Time{}))(t)
	if c.Old != first || c.New == first || c.Name != "card-"+amc+"-2" || !c.From.Equal(w.clock.Add(DefaultLead)) || c.Version != 2 {
		t.Fatalf("%+v", c)
	}
	v := w.refreshed()
	k := must(v.issuers[amc].Keys.Lookup(c.New))(t)
	if k.State != signing.StateActive || !k.From.Equal(c.From) || !keyOfKID(v.issuers[amc].Insurer.CardKeys, first).InWindow(w.clock) {
		t.Errorf("%+v", k)
	}
	if w.signingKID() != first {
		t.Error("the new key signs before its time")
	}
	// The same again says what was done; another time is refused.
	if again := must(w.issuer.RotateCardKey(ctx, amc, time.Time{}))(t); again.New != c.New || again.Old != first || again.Version != 0 || again.Name != c.Name {
		t.Errorf("%+v", again)
	}
	if again := must(w.issuer.RotateCardKey(ctx, amc, c.From))(t); again.New != c.New {
		t.Errorf("%+v", again)
	}
	if _, err := w.issuer.RotateCardKey(ctx, amc, c.From.Add(time.Second)); !errors.Is(err, ErrRotating) {
		t.Error(err)
	}
	w.clock = c.From.Add(-time.Second)
	if w.signingKID() != first {
		t.Error("a second before")
	}
	w.clock = c.From
	if w.signingKID() != c.New {
		t.Error("at its second")
	}
	w.put(household(t, "B1", 1, 0))
	_, young := w.issue(IssueRequest{All: true})
	if len(young) != 1 || w.card(young[0].Place).KID != c.New {
		t.Fatalf("%+v", young)
	}
	w.publish()
	if s := w.keyState(first).State; s != signing.StateRetired {
		t.Errorf("the old key is %s", s)
	}
	v = w.refreshed()
	for _, i := range append(old, young...) {
		if got := v.check(i.CodeText); !accepted(got) {
			t.Errorf("%s: %s", i.Place, got.Reason)
		}
	}
	// The old key dates its cards later, or the new one earlier: neither is believed.
	late := old[0].Claims
	late.IssuedAt = c.From.Unix()
	if got := v.check(w.steal("card-"+amc+"-1").forge(t, late)); accepted(got) {
		t.Error("the old key signs after its time")
	}
	early := old[0].Claims
	early.IssuedAt = c.From.Add(-time.Second).Unix()
	if got := v.check(w.steal(c.Name).forge(t, early)); accepted(got) {
		t.Error("the new key signs before its time")
	}
	w.sound()
}

// Ten rotations, one a year; cards of every one of them pass at a counter that was there from the beginning.
func TestRotateTenTimes(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	var kids []string
	var texts []string
	for n := range 10 {
		w.put(household(t, "B"+string(rune('0'+n)), 1, 0))
		_, out := w.issue(IssueRequest{All: true})
		for _, c := range out {
			texts = append(texts, c.CodeText)
		}
		kids = append(kids, w.signingKID())
		must(w.issuer.RotateCardKey(ctx, amc, time.Time{}))(t)
		w.clock = w.clock.Add(8 * 24 * time.Hour)
		w.publish()
	}
	v := w.refreshed()
	if got := len(v.issuers[amc].Insurer.CardKeys); got != 11 {
		t.Errorf("%d keys", got)
	}
	if slices.Contains(kids[1:], kids[0]) {
		t.Error("a key came back")
	}
	for _, text := range texts {
		if got := v.check(text); !accepted(got) {
			t.Errorf("%s", got.Reason)
		}
	}
}

// A run that began before the switch goes on after it, with the new key and the new time; one that was asked for a fixed time
// says that it can't.
func TestIssueAcrossSwitch(t *testing.T) {
	w := newWorld(t)
	w.seed(6)
	first := w.signingKID()
	c := must(w.issuer.RotateCardKey(context.Background(), amc, w.clock.Add(time.Minute)))(t)
	w.issuer.Batch = 2
	b := &between{Store: w.store, at: 4, do: func() {
		w.clock = c.From.Add(time.Second)
		other := *w.issuer
		other.Store, other.live = w.store, nil
		must(other.Publish(context.Background(), time.Time{}))(t) // retires the old key under the run
	}}
	w.issuer.Store = b
	_, out := w.issue(IssueRequest{All: true})
	w.issuer.Store = w.store
	kids := map[string]int{}
	for _, i := range out {
		kids[w.card(i.Place).KID]++
	}
	if len(out) != 6 || kids[first] == 0 || kids[c.New] == 0 {
		t.Errorf("%v", kids)
	}
	w.clock = w.clock.Add(time.Hour)
	w.publish()
	v := w.refreshed()
	for _, i := range out {
		if got := v.check(i.CodeText); !accepted(got) {
			t.Errorf("%s: %s", i.Place, got.Reason)
		}
	}
	w.put(household(t, "B1", 1, 0))
	if _, err := w.issuer.Issue(context.Background(), IssueRequest{All: true, At: begin.Add(-time.Hour)}, func(Issued) error { return nil }); !errors.Is(err, ErrNoCardKey) {
		t.Errorf("before any key: %v", err)
	}
	w.sound()
}

// Cards that were begun with the old key are finished with it after it was retired.
func TestIntentsAcrossRotation(t *testing.T) {
	w := newWorld(t)
	w.seed(3)
	keys := &counting{Keys: w.online, failAt: 1, fail: func([]byte) ([]byte, error) { return nil, errCrash }}
	w.issuer.Online = keys
	if _, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil }); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	keys.failAt = 0
	w.issuer.Online = w.online
	first := w.signingKID()
	c := must(w.issuer.RotateCardKey(context.Background(), amc, w.clock.Add(time.Hour)))(t)
	w.clock = c.From.Add(time.Hour)
	w.publish()
	if w.keyState(first).State != signing.StateRetired {
		t.Fatal("not retired")
	}
	w.issuer.Online = keys
	r, out := w.issue(IssueRequest{All: true})
	if r.Resumed == 0 || len(r.Stuck) != 0 {
		t.Errorf("%+v", r)
	}
	w.issuer.Online = w.online
	w.publish()
	v := w.refreshed()
	for _, i := range out {
		if got := v.check(i.CodeText); !accepted(got) || w.card(i.Place).KID != first {
			t.Errorf("%s: %s", i.Place, got.Reason)
		}
	}
	if f := w.sound(); f.Signatures < keys.signed.Load() {
		t.Errorf("%d signed, %d logged", keys.signed.Load(), f.Signatures)
	}
}

func TestRotateRefuses(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	before := must(w.online.Names())(t)
	for name, fn := range map[string]func() (*KeyChange, error){
		"yesterday": func() (*KeyChange, error) { return w.issuer.RotateCardKey(ctx, amc, w.clock.Add(-time.Second)) },
		"list":      func() (*KeyChange, error) { return w.issuer.RotateListKey(ctx, amc, w.clock.Add(-time.Hour)) },
		"accord": func() (*KeyChange, error) {
			return w.issuer.RotateServiceKey(ctx, PurposeAccord, w.clock.Add(-time.Hour))
		},
		// The present key began in this very second: it would have no time at all.
		"at its own beginning": func() (*KeyChange, error) { return w.issuer.RotateCardKey(ctx, amc, begin) },
	} {
		if _, err := fn(); !errors.Is(err, ErrRotationDate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.issuer.RotateServiceKey(ctx, "snapshot", time.Time{}); !errors.Is(err, ErrUnknownKey) {
		t.Error(err)
	}
	w.issuer.Offline = nil
	for name, fn := range map[string]func() (*KeyChange, error){
		"card":    func() (*KeyChange, error) { return w.issuer.RotateCardKey(ctx, amc, time.Time{}) },
		"list":    func() (*KeyChange, error) { return w.issuer.RotateListKey(ctx, amc, time.Time{}) },
		"accord":  func() (*KeyChange, error) { return w.issuer.RotateServiceKey(ctx, PurposeAccord, time.Time{}) },
		"status":  func() (*KeyChange, error) { return w.issuer.RotateStatusKey(ctx, amc) },
		"insurer": func() (*KeyChange, error) { return w.issuer.RotateInsurerKey(ctx, amc) },
	} {
		if _, err := fn(); !errors.Is(err, ErrNoOfflineKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.issuer.Offline = w.offline
	for name, fn := range map[string]func() (*KeyChange, error){
		"card":    func() (*KeyChange, error) { return w.issuer.RotateCardKey(ctx, "333", time.Time{}) },
		"list":    func() (*KeyChange, error) { return w.issuer.RotateListKey(ctx, "", time.Time{}) },
		"status":  func() (*KeyChange, error) { return w.issuer.RotateStatusKey(ctx, "333") },
		"insurer": func() (*KeyChange, error) { return w.issuer.RotateInsurerKey(ctx, "../x") },
	} {
		if _, err := fn(); !errors.Is(err, ErrUnknownInsurer) && !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
	if after := must(w.online.Names())(t); !slices.Equal(before, after) {
		t.Errorf("a refusal made keys: %v", after)
	}
	if w.signingKID() == "" || w.publish().Version != 2 {
		t.Error("a refusal published something")
	}
}

// Every rotation is done whole or not at all, wherever its process dies, and can be asked for again.
func TestRotationCrashes(t *testing.T) {
	ctx := context.Background()
	for name, do := range map[string]func(*Issuer) (*KeyChange, error){
		"card":       func(i *Issuer) (*KeyChange, error) { return i.RotateCardKey(ctx, amc, time.Time{}) },
		"list":       func(i *Issuer) (*KeyChange, error) { return i.RotateListKey(ctx, amc, time.Time{}) },
		"accord":     func(i *Issuer) (*KeyChange, error) { return i.RotateServiceKey(ctx, PurposeAccord, time.Time{}) },
		"settlement": func(i *Issuer) (*KeyChange, error) { return i.RotateServiceKey(ctx, PurposeSettlement, time.Time{}) },
		"status":     func(i *Issuer) (*KeyChange, error) { return i.RotateStatusKey(ctx, amc) },
		"insurer":    func(i *Issuer) (*KeyChange, error) { return i.RotateInsurerKey(ctx, amc) },
	} {
		w := newWorld(t)
		w.seed(1)
		w.issue(IssueRequest{All: true})
		w.issuer.Store = &losing{Store: w.store, at: 1}
		if _, err := do(w.issuer); !errors.Is(err, errCrash) {
			t.Fatalf("%s: %v", name, err)
		}
		w.reopen()
		if v := w.refreshed(); v.trusted.Version() != 1 {
			t.Errorf("%s: half of it was published", name)
		}
		w.sound()
		w.clock = w.clock.Add(time.Hour)
		c := must(do(w.issuer))(t)
		if c.New == "" || c.New == c.Old || c.Version != 2 {
			t.Errorf("%s: %+v", name, c)
		}
		w.clock = w.clock.Add(DefaultLead + time.Hour)
		w.publish()
		w.sound()
	}
}

// A status list is signed by the key of the day.
func TestRotateListKey(t *testing.T) {
	w := newWorld(t)
	w.seed(1)
	w.issue(IssueRequest{All: true})
	by := func() string {
		m, _ := w.export()
		return must(signing.SplitCompact(string(m.files[tokenListPath(amc, 1)])))(t).KID
	}
	w.clock = w.clock.Add(time.Minute)
	c := must(w.issuer.RotateListKey(context.Background(), amc, w.clock.Add(time.Hour)))(t)
	if by() != c.Old {
		t.Error("too early")
	}
	w.clock = c.From
	w.publish()
	if by() != c.New {
		t.Error("the old key still signs")
	}
	if k := keyOfKID(w.refreshed().issuers[amc].Insurer.StatusKeys, c.Old); k.State != signing.StateRetired {
		t.Errorf("%+v", k)
	}
	w.sound()
}

// Two people rotate at once: one of them did it, and there is one new key in issuer.json.
func TestRotateConcurrently(t *testing.T) {
	w := newWorld(t)
	other := *w.issuer
	other.live = nil
	b := &between{Store: w.store, at: 1, do: func() { must(other.RotateCardKey(context.Background(), amc, time.Time{}))(t) }}
	w.issuer.Store = b
	if _, err := w.issuer.RotateCardKey(context.Background(), amc, time.Time{}); !errors.Is(err, ErrConcurrent) {
		t.Errorf("%v", err)
	}
	w.issuer.Store = w.store
	if c := must(w.issuer.RotateCardKey(context.Background(), amc, time.Time{}))(t); c.Version != 0 {
		t.Errorf("%+v", c)
	}
	if doc := must(documentIn(w, amc))(t); len(doc.CardKeys) != 2 {
		t.Errorf("%d keys", len(doc.CardKeys))
	}
}

// Somebody edits the register: whatever the row of an insurer says, the offline key does not sign it when no command did it, and
// no counter believes it.
func TestRegisterEdited(t *testing.T) {
	ctx := context.Background()
	stranger := must(signing.NewSigner(card.Kind, must(must(keystore.Create(filepath.Join(t.TempDir(), "k"), keystore.NewPassphrase(), keystore.Options{ScryptLogN: 10}))(t).
		Generate("card-"+amc+"-2"))(t)))(t)
	for name, edit := range map[string]func(w *world, doc *card.Insurer){
		"a key of the thief": func(_ *world, doc *card.Insurer) {
			k := stranger.Public()
			k.Owner = amc
			doc.CardKeys = append(doc.CardKeys, k)
		},
		"a stolen key that is active again": func(_ *world, doc *card.Insurer) {
			for _, k := range doc.CardKeys {
				k.State = signing.StateActive
			}
		},
		"a stolen key that is merely retired": func(w *world, doc *card.Insurer) {
			for _, k := range doc.CardKeys {
				if k.State == signing.StateListed {
					k.State = signing.StateRetired
				}
			}
		},
		"a key that begins earlier": func(_ *world, doc *card.Insurer) { doc.CardKeys[0].From = begin.Add(-9000 * time.Hour) },
		"a key that is gone":        func(_ *world, doc *card.Insurer) { doc.CardKeys = doc.CardKeys[:1] },
	} {
		w := newWorld(t)
		w.seed(1)
		w.issue(IssueRequest{All: true})
		must(w.issuer.CompromiseCardKey(ctx, w.signingKID()))(t)
		was := w.target(insurerPath(amc))
		w.update(func(tx register.Tx) error {
			i, err := tx.Insurer(amc)
			if err != nil {
				return err
			}
			doc := must(card.ParseInsurer(i.Document))(t)
			edit(w, doc)
			i.Document = must(doc.Bytes())(t)
			return tx.PutInsurer(i)
		})
		w.clock = w.clock.Add(time.Hour)
		r := must(w.issuer.Publish(ctx, time.Time{}))(t)
		if string(w.target(insurerPath(amc))) != string(was) || len(r.Warnings) != 1 {
			t.Errorf("%s: published, warnings %q", name, r.Warnings)
		}
	}
	w := newWorld(t)
	w.update(func(tx register.Tx) error {
		i, err := tx.Insurer(amc)
		i.Keys.Insurer, i.Keys.Status = i.Keys.Status, i.Keys.Insurer
		return errors.Join(err, tx.PutInsurer(i))
	})
	if n := w.codes()[FoundKey]; n != 1 {
		t.Errorf("%d findings about keys", n)
	}
	v := w.refreshed()
	if _, err := w.issuer.ring().of(v.trusted, trust.InsurerRole(amc)); err != nil {
		t.Errorf("the role's own key is not found: %v", err)
	}
}
