package offline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

// granted is the accord of a question about a card of the world.
func granted(t *testing.T, text string, q offline.Query, reason offline.Reason) *accord.Accord {
	t.Helper()
	u, err := card.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	care := q.Care
	if care == 0 {
		care = rights.DateAt(q.Now)
	}
	a := &accord.Accord{Number: "A7QF-XM3T-9ABD", Request: "q83vEjRWeJCrze8SNFZ4kA", Insurer: u.IssuerUnsafe().Key(), Place: u.PlaceUnsafe(), KID: u.KID(), Counter: "AAECAwQFBgc", FINESS: "290000017",
		Care: care, Person: q.Person, At: q.Now, Until: q.Now.Add(10 * time.Minute)}
	n := accord.Answer{Domain: q.Domain, Status: string(offline.StatusOf(reason)), Reason: string(reason), People: []accord.PersonValue{{Number: 1}, {Number: 2}}}
	if n.Status == "valid" || n.Status == "reserve" {
		n.People[0].Covered = true
		if q.Domain != "" {
			n.People[0].Value = guarantee(t, "SP 80%")
			n.PayUntil, n.PayEuros = a.Until.Add(time.Hour), 90
		}
	} else {
		n.Since = day(t, "2027-02-20")
	}
	a.Answers = []accord.Answer{n}
	return a
}

func TestAnsweredWins(t *testing.T) {
	for name, c := range map[string]struct {
		setup  func(w *world)
		local  offline.Reason
		online offline.Reason
	}{
		"open here, closed contract there": {local: offline.OK, online: offline.RightsEnded},
		"open here, revoked there":         {local: offline.OK, online: offline.Revoked},
		"open here, never issued there":    {local: offline.OK, online: offline.NotIssued},
		"revoked here, restored there": {setup: func(w *world) {
			w.event(t, 1, status.Entry{Index: home.Index, From: day(t, "2027-02-01"), Published: day(t, "2027-02-01"), Kind: status.Suspended})
		}, local: offline.Suspended, online: offline.OK},
		"list too old here": {setup: func(w *world) {
			iss := w.issuers[mutuelle.Key()]
			iss.Published, iss.Expires = w.now.Add(-1000*time.Hour), w.now.Add(-500*time.Hour)
		}, local: offline.ListTooOld, online: offline.OK},
		"no list here":     {setup: func(w *world) { delete(w.pages, 1) }, local: offline.ListMissing, online: offline.OK},
		"agreement needed": {local: offline.OK, online: offline.OKPEC},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := w.issue(t, mutuelle, mutuelle, home, nil)
			if c.setup != nil {
				c.setup(w)
			}
			q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
			local := offline.Check(w, q)
			if local.Reason != c.local {
				t.Fatalf("the list says %s", local.Reason)
			}
			v, err := offline.Answered(local, q, granted(t, text, q, c.online))
			if err != nil || v.Reason != c.online || v.Status != offline.StatusOf(c.online) || v.Card == nil || v.Issuer == nil || v.Online == nil || v.List != nil {
				t.Fatalf("%+v %v", v, err)
			}
			open := v.Status == offline.Valid
			if open != (v.Pay != nil) || open && (v.Pay.Euros != 90 || v.People[0].Value.String() != "SP 80%") || v.People[0].Covered != open {
				t.Errorf("values of now: %+v %+v", v.Pay, v.People[0])
			}
			if !open && v.People[0].Value.String() != "SP 100%" {
				t.Errorf("what is written on the card stays: %s", v.People[0].Value)
			}
		})
	}
}

// What the signed facts call forged, or not a card, is never asked about and never turned green.
func TestAnsweredNeverForged(t *testing.T) {
	w := newWorld(t)
	good := w.issue(t, mutuelle, mutuelle, home, nil)
	q := offline.Query{Text: good, Domain: "PHAR", Person: 1, Now: w.now}
	for _, reason := range []offline.Reason{offline.BadSignature, offline.Malformed, offline.WrongInsurer, offline.KeyWindow, offline.KeyDead, offline.NotListed, offline.ClockWrong, offline.Unreadable} {
		local := offline.Check(w, q)
		local.Reason, local.Status = reason, offline.StatusOf(reason)
		if _, err := offline.Answered(local, q, granted(t, good, q, offline.OK)); !errors.Is(err, offline.ErrAccord) || offline.Askable(local) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	forged := w.issue(t, mutuelle, other, home, nil) // another insurer's key
	q.Text = forged
	if local := offline.Check(w, q); local.Status == offline.Valid || offline.Askable(local) {
		t.Errorf("%s", local.Reason)
	}
}

// A card that this counter can't verify is at best to be confirmed, whatever the service says; its refusal stands.
func TestAnsweredUnverified(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	w.issuers[mutuelle.Key()].Keys = new(signing.Keyring) // the key is newer than the list
	q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
	local := offline.Check(w, q)
	if local.Reason != offline.UnknownKey {
		t.Fatal(local.Reason)
	}
	v, err := offline.Answered(local, q, granted(t, text, q, offline.OK))
	if err != nil || v.Reason != offline.OnlineOnly || v.Status != offline.Reserve || v.Card != nil || len(v.People) != 0 || v.Pay == nil {
		t.Errorf("%+v %v", v, err)
	}
	if v, err = offline.Answered(local, q, granted(t, text, q, offline.RightsEnded)); err != nil || v.Reason != offline.RightsEnded || v.Status != offline.Refused {
		t.Errorf("%+v %v", v, err)
	}
}

// A card of an insurer that no followed list speaks for has no service that may be asked, and none whose answer counts.
func TestAnsweredUnknownIssuer(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	delete(w.issuers, mutuelle.Key())
	q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
	local := offline.Check(w, q)
	if local.Reason != offline.UnknownIssuer || offline.Askable(local) {
		t.Fatal(local.Reason)
	}
	for _, reason := range []offline.Reason{offline.OK, offline.RightsEnded} {
		if v, err := offline.Answered(local, q, granted(t, text, q, reason)); !errors.Is(err, offline.ErrAccord) {
			t.Errorf("%s: %s %v", reason, v.Reason, err)
		}
	}
}

// What no register can open again stays closed, whatever a service signs: a day outside the card's own, a card that was replaced.
func TestAnsweredNeverReopens(t *testing.T) {
	for name, c := range map[string]struct {
		setup  func(w *world)
		care   string
		local  offline.Reason
		opened bool
	}{
		"after the card's last day":   {care: "2029-06-01", local: offline.Expired},
		"before the card's first day": {care: "2025-06-01", local: offline.NotYet},
		"replaced": {setup: func(w *world) {
			w.event(t, 1, status.Entry{Index: home.Index, From: day(t, "2027-02-01"), Published: day(t, "2027-02-01"), Kind: status.Replaced})
		}, care: "2027-03-02", local: offline.Replaced},
		"revoked, and restored since": {setup: func(w *world) {
			w.event(t, 1, status.Entry{Index: home.Index, From: day(t, "2027-02-01"), Published: day(t, "2027-02-01"), Kind: status.Void})
		}, care: "2027-03-02", local: offline.Revoked, opened: true},
		"the beneficiaries' own days, which may have moved": {setup: func(w *world) { w.leave = true }, care: "2027-03-02", local: offline.Expired, opened: true},
	} {
		w := newWorld(t)
		if c.setup != nil {
			c.setup(w)
		}
		text := w.issue(t, mutuelle, mutuelle, home, w.change(t))
		q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Care: day(t, c.care), Now: w.now}
		local := offline.Check(w, q)
		if local.Reason != c.local {
			t.Fatalf("%s: the list says %s", name, local.Reason)
		}
		if v, err := offline.Answered(local, q, granted(t, text, q, offline.OK)); (err == nil) != c.opened || err != nil && !errors.Is(err, offline.ErrAccord) {
			t.Errorf("%s: %s %v", name, v.Reason, err)
		}
		if v, err := offline.Answered(local, q, granted(t, text, q, offline.RightsEnded)); err != nil || v.Reason != offline.RightsEnded {
			t.Errorf("%s, a refusal: %s %v", name, v.Reason, err)
		}
	}
}

func TestAnsweredRefuses(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	second := w.issue(t, mutuelle, mutuelle, card.Place{List: 1, Index: 7}, nil)
	q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
	local := offline.Check(w, q)
	for name, change := range map[string]func(*accord.Accord){
		"another place":       func(a *accord.Accord) { a.Place.Index++ },
		"another insurer":     func(a *accord.Accord) { a.Insurer = other.Key() },
		"another key":         func(a *accord.Accord) { a.KID = "AAECAwQFBgc" },
		"another day":         func(a *accord.Accord) { a.Care++ },
		"another person":      func(a *accord.Accord) { a.Person = 0 },
		"another domain":      func(a *accord.Accord) { a.Answers[0].Domain = "OPTI" },
		"too old":             func(a *accord.Accord) { a.At = a.At.Add(-121 * time.Second) },
		"of yesterday, valid": func(a *accord.Accord) { a.At = a.At.Add(-24 * time.Hour); a.Until = a.Until.Add(24 * time.Hour) },
		"to come":             func(a *accord.Accord) { a.At = a.At.Add(121 * time.Second) },
		"over":                func(a *accord.Accord) { a.At = a.At.Add(-time.Minute); a.Until = w.now.Add(-121 * time.Second) },
		"a list's reason": func(a *accord.Accord) {
			a.Answers[0].Reason, a.Answers[0].Status = string(offline.StaleList), "reserve"
		},
		"another status": func(a *accord.Accord) { a.Answers[0].Reason = string(offline.Revoked) },
		"no such reason": func(a *accord.Accord) { a.Answers[0].Reason = "FINE" },
		"our own reason": func(a *accord.Accord) {
			a.Answers[0].Reason, a.Answers[0].Status = string(offline.OnlineOnly), "reserve"
		},
		"a person too many": func(a *accord.Accord) { a.Answers[0].People[1].Number = 3 },
		"nobody who asked":  func(a *accord.Accord) { a.Answers[0].People = a.Answers[0].People[1:] },
		"a promise on refusal": func(a *accord.Accord) {
			a.Answers[0].Reason, a.Answers[0].Status = string(offline.Revoked), "refused"
		},
	} {
		a := granted(t, text, q, offline.OK)
		change(a)
		if v, err := offline.Answered(local, q, a); !errors.Is(err, offline.ErrAccord) || v.Status != "" {
			t.Errorf("%s: %v %v", name, v.Status, err)
		}
	}
	if _, err := offline.Answered(local, q, granted(t, second, q, offline.OK)); !errors.Is(err, offline.ErrAccord) {
		t.Errorf("an accord of the household's other card: %v", err)
	}
	w.issuers[mutuelle.Key()].Published = w.now.Add(30 * time.Second)
	local = offline.Check(w, q)
	if _, err := offline.Answered(local, q, granted(t, text, q, offline.OK)); !errors.Is(err, offline.ErrAccord) {
		t.Errorf("older than the list: %v", err)
	}
	delete(w.pages, 1)
	if local = offline.Check(w, q); local.Reason != offline.ListMissing {
		t.Fatal(local.Reason)
	}
	if _, err := offline.Answered(local, q, granted(t, text, q, offline.OK)); !errors.Is(err, offline.ErrAccord) {
		t.Errorf("older than the publication whose list is missing: %v", err)
	}
}

func TestAnsweredHousehold(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	q := offline.Query{Text: text, Domain: "PHAR", Care: day(t, "2027-07-01"), Now: w.now}
	local := offline.Check(w, q)
	a := granted(t, text, q, offline.ChoosePerson)
	a.Answers[0].PayUntil, a.Answers[0].PayEuros = time.Time{}, 0
	a.Answers[0].People = a.Answers[0].People[:1]
	v, err := offline.Answered(local, q, a)
	if err != nil || v.Reason != offline.ChoosePerson || !v.People[0].Covered || v.People[1].Covered || !v.Ahead {
		t.Errorf("%+v %v", v, err)
	}
}

func TestChangedIsSaid(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	q := offline.Query{Text: text, Domain: "PHAR", Person: 1, Now: w.now}
	a := granted(t, text, q, offline.OK)
	a.Changed = true
	v, err := offline.Answered(offline.Check(w, q), q, a)
	if err != nil {
		t.Fatal(err)
	}
	if fr, en := v.Words(offline.French).Meaning, v.Words(offline.English).Meaning; !strings.Contains(fr, "modifiées depuis l’impression") || !strings.Contains(fr, "80%") || !strings.Contains(en, "changed since") {
		t.Errorf("%s / %s", fr, en)
	}
	a = granted(t, text, q, offline.RightsEnded)
	v, err = offline.Answered(offline.Check(w, q), q, a)
	if err != nil || v.Words(offline.French).Headline != "DROITS FERMÉS DEPUIS LE 20/02/2027" {
		t.Errorf("%q %v", v.Words(offline.French).Headline, err)
	}
}
