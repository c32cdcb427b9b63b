package reconcile_test

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
)

// Good faith: whatever happens to cards, lists and clocks, every receipt that the counter's own check made on what it really had
// synchronised is honoured when it promises payment, and noted when it does not.
func TestGoodFaithIsNeverDisputed(t *testing.T) {
	promised, seen := 0, map[string]int{}
	histories := 0
	rapid.Check(t, func(rt *rapid.T) {
		if histories++; histories > 40 {
			return // each is a register of its own, with keys and signatures
		}
		w := newWorld(t)
		type counter struct {
			d     *device
			facts *synced
			skew  time.Duration
			sent  int
		}
		var counters []*counter
		for range rapid.IntRange(1, 3).Draw(rt, "counters") {
			skew := rapid.SampledFrom([]time.Duration{0, 0, -9 * time.Minute, 7 * time.Minute, 3 * time.Hour, 20 * time.Hour, -2 * time.Hour}).Draw(rt, "skew")
			counters = append(counters, &counter{newDevice(t, w.clock.Add(skew)), w.sync(), skew, 0})
		}
		for range rapid.IntRange(20, 80).Draw(rt, "steps") {
			w.clock = w.clock.Add(time.Duration(rapid.Int64Range(0, int64(12*time.Hour)).Draw(rt, "pause")) / 1000 * 1000)
			today := rights.DateAt(w.clock)
			c := rapid.SampledFrom(counters).Draw(rt, "counter")
			target := rapid.SampledFrom(w.cards).Draw(rt, "card")
			switch rapid.SampledFrom([]string{"check", "check", "check", "check", "check", "check", "sync", "sync", "status", "publish", "upload", "jump"}).Draw(rt, "step") {
			case "sync":
				c.facts = w.sync()
			case "publish":
				w.publish()
			case "status":
				kind := rapid.SampledFrom([]status.Kind{status.Void, status.Suspended, status.Restored}).Draw(rt, "kind")
				_ = w.set(kind, target, today+rights.Date(rapid.IntRange(-20, 20).Draw(rt, "from"))) // what the state forbids changes nothing
				if rapid.Bool().Draw(rt, "at once") {
					w.publish()
					c.facts = w.sync()
				}
			case "jump":
				w.clock = w.clock.Add(time.Duration(rapid.IntRange(0, 35).Draw(rt, "days")) * 24 * time.Hour)
			case "upload":
				c.sent = w.goodFaith(rt, c.d, c.sent, &promised, seen)
			case "check":
				q := offline.Query{Domain: rapid.SampledFrom([]string{"PHAR", "PHAR", "PHAR", "PHAR", "OPTI", "HOSP", "", "ZZZZ"}).Draw(rt, "domain"),
					Person: rapid.SampledFrom([]int{0, 0, 1, 1, 2, 4}).Draw(rt, "person"), Now: w.clock.Add(c.skew).Truncate(time.Microsecond)}
				if rapid.Bool().Draw(rt, "other day") {
					q.Care = today + rights.Date(rapid.IntRange(-30, 2).Draw(rt, "care"))
				}
				// The entry may be written some time after the check.
				v := offline.Check(c.facts, withText(q, target))
				if rapid.IntRange(0, 9).Draw(rt, "told") == 0 { // refused online since the list, and the service is silent
					v = v.Recall(offline.Told{Accord: "A7QF-XM3T-9ABD", At: q.Now, Reason: offline.Revoked, Since: v.Care})
				}
				r := receipt.Of(v, receipt.Offline)
				c.d.write(r.Body(), q.Now.Add(time.Duration(rapid.IntRange(0, 200_000).Draw(rt, "late"))*time.Millisecond))
			}
		}
		w.clock = w.clock.Add(24 * time.Hour)
		for _, c := range counters {
			w.goodFaith(rt, c.d, c.sent, &promised, seen)
		}
	})
	t.Logf("%d promises honoured; reasons seen: %v", promised, seen)
	if promised < 50 || seen["OK"] == 0 || seen["STALE_LIST"] == 0 {
		t.Errorf("the histories are too tame: %d promises, %v", promised, seen)
	}
}

func withText(q offline.Query, c issuer.Issued) offline.Query {
	q.Text = c.CodeText
	return q
}

// goodFaith uploads what is new of a journal and wants no dispute.
func (w *world) goodFaith(rt *rapid.T, d *device, from int, promised *int, seen map[string]int) int {
	for from < len(d.entries) {
		to := min(len(d.entries), from+10)
		res, err := w.rec.Upload(context.Background(), w.who, d.id, d.batch(from, to))
		if err != nil {
			rt.Fatal(err)
		}
		for i, s := range w.settled(res.Settlement) {
			e := d.entries[from+i]
			r, err := receipt.Decode(e.Body)
			if err != nil {
				continue
			}
			want := accord.Noted
			if !r.PayUntil.IsZero() {
				*promised++
				seen[string(r.Reason)]++
				want = accord.Honoured
			}
			if s.Answer != want || s.Seq != e.Seq {
				rt.Fatalf("entry %d of %s: %s %s\n%s", e.Seq, e.At, s.Answer, s.Reason, e.Body)
			}
		}
		from = to
	}
	return from
}

// Each reason that can be told from a receipt and the register.
func TestReasons(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	first := facts.trusted.Published()
	now := first.Add(time.Hour)
	ask := func(c issuer.Issued, at time.Time, q offline.Query) forged {
		q.Now = at
		return forged{receipt.Of(offline.Check(facts, withText(q, c)), receipt.Offline), at}
	}
	phar := offline.Query{Domain: "PHAR"}
	base := ask(w.cards[0], now, phar)
	told := base
	told.Receipt = receipt.Of(offline.Check(facts, withText(offline.Query{Domain: "PHAR", Now: now}, w.cards[0])).
		Recall(offline.Told{Accord: "A7QF-XM3T-9ABD", At: now.Add(-time.Minute), Reason: offline.Revoked, Since: rights.DateAt(now)}), receipt.Offline)
	if told.Reason != offline.Revoked || told.Detail != offline.DetailTold {
		t.Fatalf("%+v", told)
	}
	mine := w.cards[0].Contract.Insurer
	number := accord.Number("A7QF-XM3T-9ABD")
	check := register.Check{Number: string(number), Counter: w.who.ID, At: now, Insurer: mine, Place: w.cards[0].Place, Care: rights.DateAt(now),
		Domain: "PHAR", Status: "valid", Reason: "OK", Pay: register.Promise{Until: now.Add(24 * time.Hour).Truncate(time.Second), Euros: 150}}
	online := func(change func(*register.Check), on func(*receipt.Receipt)) func(w *world) forged {
		return func(w *world) forged {
			c := check
			var random [7]byte
			crand.Read(random[:])
			c.Number = string(accord.NewNumber(random))
			change(&c)
			err := w.store.Update(context.Background(), func(tx register.Tx) error {
				_, err := tx.AddChecks([]register.Check{c})
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
			r := receipt.Receipt{Version: receipt.Version, Card: mine + "/" + w.cards[0].Place.String(), KID: base.KID, Care: rights.DateAt(now), Domain: "PHAR",
				Status: offline.Valid, Reason: offline.OK, PayUntil: check.Pay.Until, PayEuros: 150, Mode: receipt.Online, Accord: accord.Number(c.Number)}
			on(&r)
			return forged{r, now}
		}
	}
	same := func(*register.Check) {}
	cases := []struct {
		name, want string
		make       func(w *world) forged
	}{
		{"as it was", "", func(*world) forged { return base }},
		{"no promise", accord.ReasonNoPromise, func(*world) forged { return ask(w.cards[0], now, offline.Query{}) }},
		{"told online before", accord.ReasonNoPromise, func(*world) forged { return told }},
		{"told online before, and promised all the same", accord.ReasonOtherVerdict, func(*world) forged {
			f := told
			f.PayUntil, f.PayEuros = base.PayUntil, base.PayEuros
			return f
		}},
		{"agreement to be asked for", accord.ReasonNoPromise, func(*world) forged { return ask(w.cards[0], now, offline.Query{Domain: "HOSP"}) }},
		{"another operator", accord.ReasonOtherOperator, func(*world) forged { f := base; f.Card = "333/" + w.cards[0].Place.String(); return f }},
		{"a card that was never issued", accord.ReasonUnknownCard, func(*world) forged { f := base; f.Card = mine + "/1-1"; return f }},
		{"another key", accord.ReasonUnknownCard, func(*world) forged { f := base; f.KID = "AAECAwQFBgc"; return f }},
		{"a list that never was", accord.ReasonUnknownList, func(*world) forged { f := base; f.Published = f.Published.Add(time.Second); return f }},
		{"a revision that never was", accord.ReasonUnknownList, func(*world) forged { f := base; f.Revision = 9; return f }},
		{"another policy", accord.ReasonOtherPolicy, func(*world) forged { f := base; f.Policy = "0123456789abcdef"; return f }},
		{"before the list", accord.ReasonBeforeList, func(*world) forged { f := base; f.at = first.Add(-11 * time.Minute); f.Age = 0; return f }},
		{"a wrong age", accord.ReasonAge, func(*world) forged { f := base; f.Age += time.Hour; return f }},
		{"in the future", accord.ReasonFuture, func(*world) forged { return ask(w.cards[0], w.clock.Add(25*time.Hour), phar) }},
		{"care to come", accord.ReasonFuture, func(*world) forged { f := base; f.Care += 60; return f }},
		{"list too old", accord.ReasonListTooOld, func(*world) forged {
			f := ask(w.cards[0], first.Add(30*24*time.Hour), phar)
			f.at, f.Age = f.at.Add(time.Minute), f.Age+time.Minute
			return f
		}},
		{"care outside", accord.ReasonCareOutside, func(*world) forged { f := base; f.Care = day(t, "2026-12-30"); return f }},
		{"not covered", accord.ReasonNotCovered, func(*world) forged { f := base; f.Domain = "LABO"; return f }},
		{"nobody of that number", accord.ReasonNotCovered, func(*world) forged { f := base; f.Person = 9; return f }},
		{"another verdict", accord.ReasonOtherVerdict, func(*world) forged { f := base; f.Reason, f.Status = offline.StaleList, offline.Reserve; return f }},
		{"another promise", accord.ReasonOtherPromise, func(*world) forged { f := base; f.PayEuros++; return f }},
		{"ended in that list", accord.ReasonEnded, func(*world) forged {
			if err := w.set(status.Void, w.cards[1], rights.DateAt(w.clock)); err != nil {
				t.Fatal(err)
			}
			w.publish()
			ended := w.sync()
			f := ask(w.cards[1], first.Add(time.Minute), phar)
			page, _ := ended.Page(w.cards[1].Contract.Insurer, w.cards[1].Place.List)
			f.Published, f.Revision, f.Age = ended.trusted.Published(), page.Revision(), time.Minute
			f.at, f.Care = f.Published.Add(time.Minute), rights.DateAt(f.Published)
			f.PayUntil = f.PayUntil.Add(f.Published.Sub(first))
			return f
		}},
		{"care before the end that the list knew", "", func(*world) forged {
			if err := w.set(status.Void, w.cards[2], rights.DateAt(w.clock)); err != nil {
				t.Fatal(err)
			}
			w.publish()
			at := w.sync().trusted.Published().Add(time.Minute)
			q := withText(offline.Query{Domain: "PHAR", Now: at, Care: rights.DateAt(w.clock) - 1}, w.cards[2])
			f := forged{receipt.Of(offline.Check(w.sync(), q), receipt.Offline), at}
			if f.Reason != offline.BeforeEnd {
				t.Errorf("%+v", f)
			}
			return f
		}},
		{"ended after that list", "", func(*world) forged { return ask(w.cards[1], now, phar) }},
		{"online", "", online(same, func(*receipt.Receipt) {})},
		{"no such accord", accord.ReasonUnknownAccord, online(same, func(r *receipt.Receipt) { r.Accord = number })},
		{"accord of another counter", accord.ReasonAccordCounter, online(func(c *register.Check) { c.Counter = w.other.ID }, func(*receipt.Receipt) {})},
		{"accord for another card", accord.ReasonAccordCard, online(func(c *register.Check) { c.Place = w.cards[1].Place }, func(*receipt.Receipt) {})},
		{"accord for another day", accord.ReasonAccordCare, online(same, func(r *receipt.Receipt) { r.Care-- })},
		{"accord for another domain", accord.ReasonAccordCare, online(same, func(r *receipt.Receipt) { r.Domain = "OPTI" })},
		{"accord for another person", accord.ReasonAccordCare, online(same, func(r *receipt.Receipt) { r.Person = 1 })},
		{"accord that refused", accord.ReasonOtherVerdict, online(func(c *register.Check) { c.Status, c.Reason, c.Pay = "refused", "REVOKED", register.Promise{} }, func(*receipt.Receipt) {})},
		{"accord of another promise", accord.ReasonOtherPromise, online(same, func(r *receipt.Receipt) { r.PayEuros = 151 })},
	}
	w.clock = w.clock.Add(40 * 24 * time.Hour)
	for _, c := range cases {
		d := newDevice(t, begin)
		f := c.make(w)
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		clock := w.clock
		if strings.HasPrefix(c.name, "in the future") || c.name == "care to come" {
			w.clock = now.Add(2 * time.Hour)
		}
		if c.name == "in the future" {
			f = ask(w.cards[0], w.clock.Add(25*time.Hour), phar)
		}
		d.write(f.Body(), f.at)
		got := w.settled(w.upload(d, d.all()).Settlement)[1]
		w.clock = clock
		want := accord.Honoured
		if c.want != "" {
			want = accord.Disputed
			for _, r := range accord.Reasons(accord.Noted) {
				if r == c.want {
					want = accord.Noted
				}
			}
		}
		if got.Answer != want || got.Reason != c.want {
			t.Errorf("%s: %s %s", c.name, got.Answer, got.Reason)
		}
	}
}

// Two checks of one card by one counter on one day are two checks.
func TestTwiceOnOneDay(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	d := newDevice(t, w.clock)
	for i := range 2 {
		d.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Duration(i) * time.Hour)})
	}
	w.clock = w.clock.Add(3 * time.Hour)
	for _, s := range w.settled(w.upload(d, d.all()).Settlement)[1:] {
		if s.Answer != accord.Honoured {
			t.Errorf("%+v", s)
		}
	}
}

// The policy is that of the publication, also after the insurer has changed it.
func TestPolicyOfThen(t *testing.T) {
	w := newWorld(t)
	old := w.sync()
	d := newDevice(t, w.clock)
	w.clock = w.clock.Add(time.Hour)
	d.check(old, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock})
	err := w.store.Update(context.Background(), func(tx register.Tx) error {
		i, err := tx.Insurer(w.cards[0].Contract.Insurer)
		if err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return err
		}
		doc.Outage.Default = card.Limits{ReserveHours: 1, RefuseHours: 2, PayableEuros: 10}
		doc.Outage.Domains = nil
		if i.Document, err = doc.Bytes(); err != nil {
			return err
		}
		return tx.PutInsurer(i)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.check(old, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Minute)}) // not published yet
	w.publish()
	recent := w.sync()
	r, _ := d.check(recent, w.cards[0], offline.Query{Domain: "PHAR", Now: w.clock.Add(time.Minute)})
	if r.PayEuros != 10 {
		t.Fatalf("%+v", r)
	}
	mixed := r
	mixed.PayEuros = 150
	d.write(mixed.Body(), w.clock.Add(time.Minute))
	w.clock = w.clock.Add(time.Hour)
	var got []string
	for _, s := range w.settled(w.upload(d, d.all()).Settlement)[1:] {
		got = append(got, s.Answer+s.Reason)
	}
	if fmt.Sprint(got) != "[honoured honoured honoured disputed"+accord.ReasonOtherPromise+"]" {
		t.Error(got)
	}
}

// A receipt holds whole seconds; what a part of a second decided is still the same verdict.
func TestPartsOfASecond(t *testing.T) {
	w := newWorld(t)
	facts := w.sync()
	first := facts.trusted.Published()
	d := newDevice(t, w.clock)
	for _, after := range []time.Duration{72*time.Hour - time.Millisecond, 72 * time.Hour, 72*time.Hour + time.Millisecond, 72*time.Hour + 999*time.Millisecond, 720*time.Hour - time.Millisecond, 720 * time.Hour} {
		if r, _ := d.check(facts, w.cards[0], offline.Query{Domain: "PHAR", Now: first.Add(after)}); r.PayUntil.IsZero() {
			t.Fatalf("%s: %+v", after, r)
		}
	}
	w.clock = first.Add(800 * time.Hour)
	for i, s := range w.settled(w.upload(d, d.all()).Settlement)[1:] {
		if s.Answer != accord.Honoured {
			t.Errorf("%d: %+v", i, s)
		}
	}
}
