package issuer

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/register/sqlite"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/keystore"
)

// A process that serves notices what another one changed: within a second it signs with the key of the day, and never with one
// that is dead.
func TestServiceFollowsRotation(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	store := must(sqlite.Open(filepath.Join(w.dir, "register.db"), sqlite.Options{}))(t)
	t.Cleanup(func() { store.Close() })
	serving := &world{t: t, dir: w.dir, clock: w.clock, store: store, online: must(keystore.Open(filepath.Join(w.dir, "online"), w.pass))(t)}
	serving.issuer = &Issuer{Store: store, Online: serving.online, Now: func() time.Time { return w.clock }, Actor: "serve"}
	tick := func(d time.Duration) { w.clock = w.clock.Add(d); serving.clock = w.clock }
	first := serving.serviceKID(PurposeAccord)
	given := accordBy(t, serving)
	tick(time.Hour)
	c := must(w.issuer.RotateServiceKey(ctx, PurposeAccord, time.Time{}))(t)
	tick(time.Second)
	if serving.serviceKID(PurposeAccord) != first {
		t.Error("the new key signs before its time")
	}
	tick(DefaultLead)
	if serving.serviceKID(PurposeAccord) != c.New {
		t.Error("the server did not notice")
	}
	if s := must(serving.issuer.SettlementSigner())(t); s.KID() == c.New {
		t.Error("one key for two purposes")
	}
	w.publish()
	doc := w.service()
	old := keyOfKID(doc.AccordKeys, first)
	if old.State != signing.StateRetired {
		t.Errorf("%+v", old)
	}
	if _, err := accord.Open(old, given); err != nil {
		t.Errorf("an accord that was given: %v", err)
	}
	tick(time.Hour)
	theft := must(w.issuer.CompromiseServiceKey(ctx, PurposeAccord))(t)
	tick(time.Second)
	if serving.serviceKID(PurposeAccord) != theft.Next {
		t.Error("the server signs with a dead key")
	}
	if _, err := accord.Open(keyOfKID(w.service().AccordKeys, first), given); err != nil {
		t.Errorf("an accord of the key before: %v", err)
	}
	// The keys were taken away: nothing is signed with an old one instead.
	serving.issuer.Online = &without{serving.online, []string{theft.Name}}
	serving.issuer.live = nil
	known := must(serving.issuer.factsNow(ctx, w.clock))(t)
	if _, err := serving.issuer.serviceSigner(known, PurposeAccord, w.clock); err == nil {
		t.Error("a key that service.json does not name signs")
	}
}

func accordBy(t testing.TB, w *world) string {
	t.Helper()
	known := must(w.issuer.factsNow(context.Background(), w.clock))(t)
	signer := must(w.issuer.serviceSigner(known, PurposeAccord, w.clock))(t)
	day := rights.DateAt(w.clock)
	at := w.clock.UTC().Truncate(time.Second)
	a := &accord.Accord{Number: "A7QF-XM3T-9ABD", Request: "q83vEjRWeJCrze8SNFZ4kA", Insurer: amc, Place: card.Place{List: 3, Index: 583021},
		KID: w.signingKID(), Counter: "Hq_X4t8xqW0", FINESS: "750000002", Care: day, At: at, Until: at.Add(12 * time.Hour),
		Answers: []accord.Answer{{Status: "valid", Reason: "OK", People: []accord.PersonValue{{Number: 1, Covered: true}}}}}
	return must(accord.Seal(signer, a))(t)
}
