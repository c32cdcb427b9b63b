package reconcile_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
)

// forged is what a counter could write in its journal.
type forged struct {
	receipt.Receipt
	at time.Time
}

// A promise that is changed in any member is honoured only if a check made then, with that question, on what was published under
// those numbers, gives it. The model is the counter's own check on the views that were really published.
func TestForgedPromises(t *testing.T) {
	w := newWorld(t)
	var views []*synced
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 24 {
		w.clock = w.clock.Add(time.Duration(1+rng.IntN(40)) * time.Hour)
		if i%2 == 0 {
			kind := []status.Kind{status.Void, status.Suspended, status.Restored}[rng.IntN(3)]
			_ = w.set(kind, w.cards[rng.IntN(len(w.cards))], rights.DateAt(w.clock)+rights.Date(rng.IntN(20)-10))
		}
		w.publish()
		views = append(views, w.sync())
	}
	w.clock = w.clock.Add(3 * time.Hour)
	arrived := w.clock

	// The model: does any view that was published give this receipt, word for word, at that time?
	lawful := func(f forged) bool {
		for _, v := range views {
			for _, c := range w.cards {
				if c.Contract.Insurer+"/"+c.Place.String() != f.Card {
					continue
				}
				moments := []time.Time{f.at}
				if f.List > 0 {
					// The receipt's own second, when the entry was written within the tolerance of it.
					check := f.Published.Add(f.Age)
					if d := f.at.Sub(check); d < -10*time.Minute || d > 10*time.Minute+time.Second {
						continue
					}
					moments = append(moments, check, check.Add(time.Second-1))
				}
				for _, now := range moments {
					r := receipt.Of(offline.Check(v, withText(offline.Query{Domain: f.Domain, Person: f.Person, Care: f.Care, Now: now}, c)), f.Mode)
					r.Age = f.Age
					if string(r.Body()) == string(f.Body()) {
						return true
					}
				}
			}
		}
		return false
	}
	honest := func() forged {
		for {
			v, c := views[rng.IntN(len(views))], w.cards[rng.IntN(len(w.cards))]
			now := v.trusted.Published().Add(time.Duration(rng.Int64N(int64(100 * time.Hour))))
			if now.After(arrived) {
				continue
			}
			r := receipt.Of(offline.Check(v, withText(offline.Query{Domain: []string{"PHAR", "OPTI"}[rng.IntN(2)], Person: rng.IntN(3), Now: now,
				Care: rights.DateAt(now) - rights.Date(rng.IntN(12))}, c)), receipt.Offline)
			if !r.PayUntil.IsZero() {
				return forged{r, now.Truncate(time.Microsecond)}
			}
		}
	}
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	hours := func() time.Duration { return time.Duration(rng.IntN(2000)-1000) * time.Hour }
	place := func() string {
		c := w.cards[rng.IntN(len(w.cards))]
		return c.Contract.Insurer + "/" + c.Place.String()
	}
	members := map[string]func(f *forged){
		"card": func(f *forged) { f.Card = place() },
		"free place": func(f *forged) {
			f.Card = amc + "/" + card.Place{List: f.List, Index: uint32(rng.IntN(1 << 20))}.String()
		},
		"insurer":   func(f *forged) { _, p, _ := strings.Cut(f.Card, "/"); f.Card = pick(amc, other) + "/" + p },
		"kid":       func(f *forged) { f.KID = honest().KID },
		"other kid": func(f *forged) { f.KID = "AAECAwQFBgc" },
		"care":      func(f *forged) { f.Care += rights.Date(rng.IntN(400) - 200) },
		"domain":    func(f *forged) { f.Domain = pick("PHAR", "OPTI", "HOSP", "DENT", "LABO") },
		"person":    func(f *forged) { f.Person = rng.IntN(13) },
		"status":    func(f *forged) { f.Status = offline.Status(pick("valid", "reserve", "refused", "unknown")) },
		"reason": func(f *forged) {
			f.Reason = offline.Reason(pick("OK", "STALE_LIST", "BEFORE_REVOCATION", "OK_PEC", "CHOOSE_PERSON"))
		},
		"detail":     func(f *forged) { f.Detail = "some_code" },
		"since":      func(f *forged) { f.Since = f.Care + rights.Date(rng.IntN(60)-30) },
		"own":        func(f *forged) { f.Own = !f.Own },
		"list":       func(f *forged) { f.List = uint32(1 + rng.IntN(4)) },
		"revision":   func(f *forged) { f.Revision = uint64(rng.IntN(20)) },
		"published":  func(f *forged) { f.Published = f.Published.Add(hours()) },
		"age":        func(f *forged) { f.Age = max(0, f.Age+hours()) },
		"policy":     func(f *forged) { f.Policy = "0123456789abcdef" },
		"pay until":  func(f *forged) { f.PayUntil = f.PayUntil.Add(hours()) },
		"pay euros":  func(f *forged) { f.PayEuros = rng.IntN(400) },
		"mode":       func(f *forged) { f.Mode = receipt.Online },
		"at":         func(f *forged) { f.at = f.at.Add(hours()) },
		"older view": func(f *forged) { g := honest(); f.Published, f.Revision, f.List = g.Published, g.Revision, g.List },
		"moved":      func(f *forged) { d := hours(); f.at, f.Age = f.at.Add(d), max(0, f.Age+d) },
		"moved list": func(f *forged) {
			d := hours()
			f.at, f.Published, f.PayUntil = f.at.Add(d), f.Published.Add(d), f.PayUntil.Add(d)
		},
		"fresh again": func(f *forged) {
			v := views[len(views)-1].trusted.Published()
			f.PayUntil = f.PayUntil.Add(v.Sub(f.Published))
			f.Published = v
			f.Age = max(0, f.at.Sub(v)).Truncate(time.Second)
		},
	}
	const rounds = 30
	d := newDevice(t, begin)
	var sent []forged
	honoured, wrong := map[string]int{}, map[string]int{}
	var names []string
	add := func(name string, f forged) {
		if f.Check() != nil {
			return
		}
		d.write(f.Body(), f.at)
		sent, names = append(sent, f), append(names, name)
	}
	for range rounds {
		add("", honest())
		for name, change := range members {
			f := honest()
			change(&f)
			add(name, f)
			if rng.IntN(3) == 0 { // two lies at once
				members[pick("care", "age", "at", "published", "revision", "pay until")](&f)
				add(name+" and another", f)
			}
		}
	}
	d.at = arrived
	var answers []accord.Settled
	for i := 0; i < len(d.entries); i += 1000 {
		answers = append(answers, w.settled(w.upload(d, d.batch(i, min(len(d.entries), i+1000))).Settlement)...)
	}
	for i, f := range sent {
		got := answers[i+1]
		want := lawful(f) && !f.at.After(arrived.Add(24*time.Hour)) && f.Mode == receipt.Offline
		switch {
		case got.Answer == accord.Honoured && !want:
			t.Errorf("%s: honoured wrongly: %s at %s", names[i], f.Body(), f.at)
		case got.Answer != accord.Honoured && want && !f.PayUntil.IsZero():
			t.Errorf("%s: %s %s in good faith: %s at %s", names[i], got.Answer, got.Reason, f.Body(), f.at)
		}
		if got.Answer == accord.Honoured {
			honoured[names[i]]++
		} else {
			wrong[got.Reason]++
		}
	}
	t.Logf("%d promises, honoured %v; reasons %v", len(sent), honoured, wrong)
	if honoured[""] != rounds || len(wrong) < 9 {
		t.Errorf("the forgeries are too tame: %v %v", honoured, wrong)
	}
}
