// Good faith after a theft: what a stolen card key signed before it was listed, and what a stolen credential's owner was told.

package reconcile_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/assertion"
)

// A counter that believed a forged card, because its list still vouched for the key, is paid; nobody else is by that rule.
func TestForgedWithAStolenKey(t *testing.T) {
	w := newWorld(t)
	view := w.sync()
	at := view.trusted.Published().Add(time.Hour)
	base := receipt.Of(offline.Check(view, withText(offline.Query{Domain: "PHAR", Now: at}, w.cards[0])), receipt.Offline)
	mine := w.cards[0].Contract.Insurer
	list := w.cards[0].Place.List
	base.Card = mine + "/" + card.Place{List: list, Index: 1_000_003}.String() // a place that was never given
	known := *view.issuers[mine].Insurer
	with := func(state signing.State) *card.Insurer {
		i := known
		i.CardKeys = nil
		for _, k := range known.CardKeys {
			copied := *k
			copied.State = state
			i.CardKeys = append(i.CardKeys, &copied)
		}
		return &i
	}
	facts := reconcile.Facts{Ours: true, Stolen: true, Counters: []string{"x"}, Arrived: at.Add(time.Hour),
		Released: []reconcile.Release{{At: base.Published, Expires: at.Add(24 * time.Hour), Revision: base.Revision, Listed: true, Policy: base.Policy, Insurer: with(signing.StateActive)}}}
	for _, c := range []struct {
		name string
		want string // "" for honoured
		with func(r *receipt.Receipt, f *reconcile.Facts, at *time.Time)
	}{
		{"believed", "", func(*receipt.Receipt, *reconcile.Facts, *time.Time) {}},
		{"the key was retired already", "", func(_ *receipt.Receipt, f *reconcile.Facts, _ *time.Time) {
			f.Released[0].Insurer = with(signing.StateRetired)
		}},
		{"a reserve that was promised", "", func(r *receipt.Receipt, f *reconcile.Facts, at *time.Time) {
			f.Arrived = at.Add(200 * time.Hour)
			r.Status, r.Reason, r.Age, *at = offline.Reserve, offline.StaleList, 100*time.Hour, r.Published.Add(100*time.Hour)
		}},
		{"no key was stolen", accord.ReasonUnknownCard, func(_ *receipt.Receipt, f *reconcile.Facts, _ *time.Time) { f.Stolen = false }},
		{"the list said that it was", accord.ReasonUnknownCard, func(_ *receipt.Receipt, f *reconcile.Facts, _ *time.Time) {
			f.Released[0].Insurer = with(signing.StateListed)
		}},
		{"the key was dead", accord.ReasonUnknownCard, func(_ *receipt.Receipt, f *reconcile.Facts, _ *time.Time) {
			f.Released[0].Insurer = with(signing.StateDead)
		}},
		{"a key that nobody has", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.KID = "AAECAwQFBgc" }},
		{"another policy", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.Policy = "0123456789abcdef" }},
		{"a revision that never was", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.Revision++ }},
		{"a list that never was", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, at *time.Time) {
			r.Published = r.Published.Add(time.Second)
			*at = at.Add(time.Second)
		}},
		{"the place of another list", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) {
			r.Card = mine + "/" + card.Place{List: list + 1, Index: 5}.String()
		}},
		{"another ceiling", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.PayEuros++ }},
		{"a longer promise", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.PayUntil = r.PayUntil.Add(time.Hour) }},
		{"a list beyond its limit", accord.ReasonUnknownCard, func(r *receipt.Receipt, f *reconcile.Facts, at *time.Time) {
			r.Age, *at = 721*time.Hour, r.Published.Add(721*time.Hour)
			f.Arrived = at.Add(time.Hour)
		}},
		{"a wrong age", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.Age += time.Hour }},
		{"before its list", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, at *time.Time) {
			*at, r.Age = r.Published.Add(-time.Hour), 0
		}},
		{"another counter's journal", accord.ReasonOtherCounter, func(_ *receipt.Receipt, f *reconcile.Facts, _ *time.Time) { f.Counters = nil }},
		{"answered online", accord.ReasonUnknownCard, func(r *receipt.Receipt, _ *reconcile.Facts, _ *time.Time) { r.Mode = receipt.Online }},
	} {
		r, f, moment := base, facts, at
		f.Released = append([]reconcile.Release{}, facts.Released...)
		c.with(&r, &f, &moment)
		got := reconcile.Judge(moment, r, f)
		if want := map[bool]register.Answer{true: register.Honoured, false: register.Disputed}[c.want == ""]; got.Answer != want || got.Reason != c.want {
			t.Errorf("%s: %v %q, want %v %q", c.name, got.Answer, got.Reason, want, c.want)
		}
	}
}

// A pharmacy whose credential was stolen and revoked enrols anew: the accords that it got before are its own. Nobody else's are.
func TestAccordsOfARevokedCredential(t *testing.T) {
	w := newWorld(t)
	enrolled := func(finess string, state issuer.CounterState) string {
		key := must(ecdsa.GenerateKey(elliptic.P256(), crand.Reader))(t)
		public := must(signing.NewSigner(assertion.Kind, key))(t).Public()
		data := must(json.Marshal(map[string]any{"finess": finess, "profession": "pharmacie", "state": state, "jwk": json.RawMessage(public.JWK()), "since": w.clock}))(t)
		if err := w.store.Update(context.Background(), func(tx register.Tx) error {
			return tx.PutDocument(register.Document{Kind: "counter", ID: public.KID, Version: 1, Data: data})
		}); err != nil {
			t.Fatal(err)
		}
		return public.KID
	}
	w.who = issuer.Counter{ID: enrolled("750012345", issuer.CounterActive), FINESS: "750012345"}
	now := w.clock
	for _, c := range []struct {
		name, finess string
		state        issuer.CounterState
		want         string
	}{
		{"its own, revoked", "750012345", issuer.CounterRevoked, ""},
		{"its own, and still in use", "750012345", issuer.CounterActive, accord.ReasonAccordCounter},
		{"its own, suspended only", "750012345", issuer.CounterSuspended, accord.ReasonAccordCounter},
		{"another pharmacy's, revoked", "690054321", issuer.CounterRevoked, accord.ReasonAccordCounter},
	} {
		var random [7]byte
		crand.Read(random[:])
		number := accord.NewNumber(random)
		k := w.cards[0]
		promise := register.Promise{Until: now.Add(24 * time.Hour).Truncate(time.Second), Euros: 150}
		check := register.Check{Number: string(number), Counter: enrolled(c.finess, c.state), At: now, Insurer: k.Contract.Insurer, Place: k.Place, Care: rights.DateAt(now),
			Domain: "PHAR", Status: "valid", Reason: "OK", Pay: promise}
		if err := w.store.Update(context.Background(), func(tx register.Tx) error {
			_, err := tx.AddChecks([]register.Check{check})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		view := w.sync()
		kid := receipt.Of(offline.Check(view, withText(offline.Query{Domain: "PHAR", Now: now}, k)), receipt.Offline).KID
		d := newDevice(t, now)
		d.write(receipt.Receipt{Version: receipt.Version, Card: k.Contract.Insurer + "/" + k.Place.String(), KID: kid, Care: rights.DateAt(now), Domain: "PHAR",
			Status: offline.Valid, Reason: offline.OK, PayUntil: promise.Until, PayEuros: 150, Mode: receipt.Online, Accord: number}.Body(), now)
		got := w.settled(w.upload(d, d.all()).Settlement)[1]
		if got.Reason != c.want {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
		}
	}
}

// Nobody can tell a counter that was deceived from one that invents: what good faith costs is counted, once for each batch, and
// pushes no other alarm out.
func TestForgedRaisesAnAlarm(t *testing.T) {
	w := newWorld(t)
	view := w.sync()
	at := view.trusted.Published().Add(time.Minute)
	genuine := w.cards[0]
	d := newDevice(t, at)
	base := receipt.Of(offline.Check(view, withText(offline.Query{Domain: "PHAR", Now: at}, genuine)), receipt.Offline)
	const n = 40
	for i := range n {
		forged := base
		forged.Card = genuine.Contract.Insurer + "/" + card.Place{List: genuine.Place.List, Index: 1_000_000 + uint32(i)}.String()
		d.write(forged.Body(), at)
		d.write(base.Body(), at) // a genuine one between them
	}
	w.clock = at.Add(time.Hour)
	must(w.issuer.CompromiseCardKey(context.Background(), base.KID))(t)
	res := w.upload(d, d.all())
	honoured := 0
	for _, s := range w.settled(res.Settlement) {
		if s.Answer == accord.Honoured {
			honoured++
		}
	}
	if honoured != 2*n || codes(res.Alarms) != "FORGED 2-80;" || res.Alarms[0].Count != n {
		t.Fatalf("%d honoured, %s %+v", honoured, codes(res.Alarms), res.Alarms)
	}
	if all := must(w.rec.Alarms(context.Background(), reconcile.Scope{}, 10))(t); len(all) != 1 || all[0].Count != n || len(all[0].Insurers) != 1 {
		t.Errorf("%+v", all)
	}
	if again := w.upload(d, d.all()); again.Stored != 0 || len(again.Alarms) != 0 {
		t.Errorf("sent again: %s", codes(again.Alarms))
	}
	// Genuine cards of a stolen key raise none.
	honest := newDevice(t, at)
	honest.write(base.Body(), at)
	if res := w.upload(honest, honest.all()); codes(res.Alarms) != "" || w.settled(res.Settlement)[1].Answer != accord.Honoured {
		t.Errorf("%s", codes(res.Alarms))
	}
	for _, lang := range []string{"fr", "en"} {
		if reconcile.AlarmSentence(lang, reconcile.AlarmForged) == reconcile.AlarmForged {
			t.Error(lang)
		}
	}
}
