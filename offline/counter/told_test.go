package counter_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/status"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/offline/scan"
	"sceau/rights"
)

// diary is a journal that can be searched, as the real one is.
type diary struct {
	*memory
	records []receipt.Record // as they were written
	err     error
	asked   int
	after   time.Time
}

func (d *diary) AskedOnline(ctx context.Context, card string, after time.Time) ([]receipt.Record, error) {
	if err := errors.Join(d.err, ctx.Err()); err != nil {
		return nil, err
	}
	d.asked, d.after = d.asked+1, after
	var out []receipt.Record
	for _, rec := range slices.Backward(d.records) {
		if rec.Receipt.Card == card { // and whatever its date: the counter looks again
			out = append(out, rec)
		}
	}
	return out, nil
}

// told is a scene at 10:00 with a list of 8:00, whose journal remembers what a service answered.
func told(t *testing.T, change func(s *scene, d *diary, base receipt.Record)) (counter.Answer, *scene, *diary) {
	t.Helper()
	s := newScene(t)
	d := &diary{memory: s.journal}
	s.Counter.Journal = d
	first := s.ask(s.code, pharmacy)
	if first.Reason != offline.OK {
		t.Fatal(first.Reason)
	}
	r := receipt.Receipt{Version: receipt.Version, Card: "775670482/" + first.Card.Place().String(), KID: first.Card.KID(), Care: rights.DateAt(s.now), Domain: "PHAR",
		Status: offline.Refused, Reason: offline.Revoked, Since: rights.DateAt(s.now) - 3, Mode: receipt.Online, Accord: "A7QF-XM3T-9ABD"}
	change(s, d, receipt.Record{At: s.now.Add(-time.Hour), Receipt: r})
	for _, rec := range d.records {
		if err := rec.Receipt.Check(); err != nil {
			t.Fatal(err)
		}
	}
	s.journal.written = nil
	return s.ask(s.code, pharmacy), s, d
}

// also gives a record some minutes later, changed.
func also(rec receipt.Record, minutes int, change func(r *receipt.Receipt)) receipt.Record {
	rec.At = rec.At.Add(time.Duration(minutes) * time.Minute)
	change(&rec.Receipt)
	return rec
}

func alive(r *receipt.Receipt) { r.Status, r.Reason, r.Since = offline.Valid, offline.OK, 0 }

// What was told online after the list was published: the verdict is the refusal, says where it is from, and promises nothing.
func TestToldOnlinePrevails(t *testing.T) {
	for name, change := range map[string]func(s *scene, r *receipt.Receipt){
		"revoked": func(*scene, *receipt.Receipt) {}, "replaced": func(_ *scene, r *receipt.Receipt) { r.Reason = offline.Replaced },
		"suspended": func(_ *scene, r *receipt.Receipt) { r.Reason = offline.Suspended }, "contract closed": func(_ *scene, r *receipt.Receipt) { r.Reason = offline.RightsEnded },
		"never issued":              func(_ *scene, r *receipt.Receipt) { r.Reason, r.Since = offline.NotIssued, 0 },
		"never issued, earlier day": func(_ *scene, r *receipt.Receipt) { r.Reason, r.Since, r.Care = offline.NotIssued, 0, r.Care+9 },
		"another domain":            func(_ *scene, r *receipt.Receipt) { r.Domain = "OPTI" },
		"the card alone":            func(_ *scene, r *receipt.Receipt) { r.Domain = "" },
		"another person":            func(_ *scene, r *receipt.Receipt) { r.Person = 2 },
		"on the day itself":         func(s *scene, r *receipt.Receipt) { r.Since = rights.DateAt(s.now) },
		"no day given":              func(_ *scene, r *receipt.Receipt) { r.Since = 0 },
		"a list that needs confirming": func(s *scene, _ *receipt.Receipt) {
			s.lists.issuer.Published, s.lists.issuer.Expires = s.now.Add(-60*time.Hour), s.now.Add(-time.Minute)
		},
	} {
		want := offline.Revoked
		a, s, asked := told(t, func(s *scene, d *diary, rec receipt.Record) {
			change(s, &rec.Receipt)
			want = rec.Receipt.Reason
			d.records = append(d.records, rec)
		})
		d := a.Document(offline.French)
		if !asked.after.Equal(s.lists.issuer.Published) {
			t.Errorf("%s: asked after %s", name, asked.after)
		}
		if a.Status != offline.Refused || a.Reason != want || d.Mode != "offline" || d.Told == nil || d.Told.Accord != "A7QF-XM3T-9ABD" || d.Told.At != "2027-03-02T08:00:00Z" ||
			d.Accord != nil || d.Payment != nil || d.List == nil || d.People[0].Covered || d.Invoice != "" || d.Receipt == "" || d.Detail != "told_online" {
			t.Errorf("%s: %+v", name, d)
		}
		if !strings.HasSuffix(d.Words.Meaning, " D’après la vérification en ligne du 02/03/2027 à 09:00, plus récente que la liste.") ||
			!strings.HasSuffix(a.Words(offline.English).Meaning, " According to the online check of 02/03/2027 at 09:00, which is newer than the list.") {
			t.Errorf("%s: %s", name, d.Words.Meaning)
		}
		w := s.journal.written[0]
		if w.Check() != nil || w.Status != offline.Refused || w.Reason != want || w.Mode != receipt.Offline || w.Accord != "" || !w.PayUntil.IsZero() || w.List == 0 || w.Detail != offline.DetailTold {
			t.Errorf("%s: %+v", name, w)
		}
		if again, err := receipt.Decode(w.Body()); err != nil || again != w {
			t.Errorf("%s: %+v %v", name, again, err)
		}
	}
}

// Whatever doesn't count leaves the verdict to the list.
func TestToldOnlineDoesNotCount(t *testing.T) {
	one := func(change func(s *scene, rec *receipt.Record)) func(*scene, *diary, receipt.Record) {
		return func(s *scene, d *diary, rec receipt.Record) {
			change(s, &rec)
			d.records = append(d.records, rec)
		}
	}
	more := func(changes ...func(r *receipt.Receipt)) func(*scene, *diary, receipt.Record) {
		return func(s *scene, d *diary, rec receipt.Record) {
			d.records = append(d.records, rec)
			for i, c := range changes {
				d.records = append(d.records, also(rec, i+1, c))
			}
		}
	}
	for name, change := range map[string]func(*scene, *diary, receipt.Record){
		"nothing":         func(*scene, *diary, receipt.Record) {},
		"another card":    one(func(_ *scene, rec *receipt.Record) { rec.Receipt.Card = "775670482/3-583022" }),
		"another insurer": one(func(_ *scene, rec *receipt.Record) { rec.Receipt.Card = "333/3-583021" }),
		"another key":     one(func(_ *scene, rec *receipt.Record) { rec.Receipt.KID = "AAECAwQFBgc" }),
		"from a list": one(func(_ *scene, rec *receipt.Record) {
			rec.Receipt.Mode, rec.Receipt.Accord, rec.Receipt.Detail = receipt.Offline, "", offline.DetailTold
		}),
		"care before": one(func(s *scene, rec *receipt.Record) { rec.Receipt.Since = rights.DateAt(s.now) + 1 }),
		"no day given, care to come": one(func(s *scene, rec *receipt.Record) {
			rec.Receipt.Since, rec.Receipt.Care = 0, rights.DateAt(s.now)+1
		}),
		"older than the list":   one(func(s *scene, rec *receipt.Record) { rec.At = s.now.Add(-2*time.Hour - time.Second) }),
		"of the list's moment":  one(func(s *scene, rec *receipt.Record) { rec.At = s.lists.issuer.Published }),
		"a newer list":          one(func(s *scene, _ *receipt.Record) { s.lists.issuer.Published = s.now.Add(-time.Minute) }),
		"dated in the future":   one(func(s *scene, rec *receipt.Record) { rec.At = s.now.Add(time.Second) }),
		"dated in another year": one(func(s *scene, rec *receipt.Record) { rec.At = s.now.AddDate(1, 0, 0) }),
		"a passing reason":      one(func(_ *scene, rec *receipt.Record) { rec.Receipt.Reason = offline.Expired }),
		"nothing known": one(func(_ *scene, rec *receipt.Record) {
			rec.Receipt.Status, rec.Receipt.Reason = offline.Unknown, offline.UnknownDomain
		}),
		"restored":              more(alive),
		"restored, not covered": more(func(r *receipt.Receipt) { r.Reason, r.Since = offline.NotCovered, 0 }),
		"restored, to confirm":  more(func(r *receipt.Receipt) { r.Status, r.Reason, r.Since = offline.Reserve, offline.ChoosePerson, 0 }),
		"restored, then nothing known": more(alive, func(r *receipt.Receipt) {
			r.Status, r.Reason = offline.Unknown, offline.UnknownDomain
		}),
		"restored by a clock that was ahead": func(s *scene, d *diary, rec receipt.Record) {
			d.records = append(d.records, rec, also(rec, 60*24*400, alive))
		},
		"put off": more(func(r *receipt.Receipt) { r.Since += 20 }),
		"put off, and still covered before": more(func(r *receipt.Receipt) {
			r.Status, r.Reason, r.Since = offline.Valid, offline.BeforeEnd, r.Care+1
		}),
		"not to be read": func(_ *scene, d *diary, rec receipt.Record) {
			d.records, d.err = append(d.records, rec), errors.New("damaged")
		},
	} {
		if a, s, _ := told(t, change); a.Status != offline.Valid || a.Told != nil || a.Pay == nil || a.Document(offline.French).Told != nil || s.journal.written[0].Detail != "" {
			t.Errorf("%s: %s %+v", name, a.Reason, a.Told)
		}
	}
}

// What would lift a refusal, and doesn't.
func TestToldOnlineStands(t *testing.T) {
	for name, change := range map[string]func(r *receipt.Receipt){
		"open before the end": func(r *receipt.Receipt) { r.Status, r.Reason, r.Care = offline.Valid, offline.BeforeEnd, r.Since-1 },
		"open on an earlier day": func(r *receipt.Receipt) {
			alive(r)
			r.Care -= 10
		},
		"open, with an end": func(r *receipt.Receipt) {
			r.Status, r.Reason, r.Care, r.Since = offline.Valid, offline.BeforeEnd, r.Care-1, r.Care
		},
		"nothing known": func(r *receipt.Receipt) { r.Status, r.Reason = offline.Unknown, offline.UnknownDomain },
		"open for another card": func(r *receipt.Receipt) {
			alive(r)
			r.Card = "775670482/3-583022"
		},
		"open by a list": func(r *receipt.Receipt) {
			alive(r)
			r.Mode, r.Accord = receipt.Offline, ""
		},
		"refused again": func(*receipt.Receipt) {},
	} {
		a, _, _ := told(t, func(_ *scene, d *diary, rec receipt.Record) { d.records = append(d.records, rec, also(rec, 1, change)) })
		if a.Reason != offline.Revoked || a.Told == nil || a.Pay != nil {
			t.Errorf("%s: %s", name, a.Reason)
		}
	}
	// Open again on a day before it was refused anew.
	a, _, _ := told(t, func(_ *scene, d *diary, rec receipt.Record) {
		d.records = append(d.records, also(rec, -1, alive), rec)
	})
	if a.Reason != offline.Revoked {
		t.Error(a.Reason)
	}
}

// What is not open by the list, and what was answered online, is left alone: the unknown is never refused for it.
func TestToldOnlineOnlyTakesAway(t *testing.T) {
	for name, x := range map[string]struct {
		change func(s *scene)
		want   offline.Reason
	}{
		"clock": {func(s *scene) { s.lists.issuer.Floor = s.now.Add(time.Hour) }, offline.ClockWrong},
		"list too old": {func(s *scene) {
			s.lists.issuer.Published, s.lists.issuer.Expires = s.now.Add(-5000*time.Hour), s.now.Add(-4000*time.Hour)
		}, offline.ListTooOld},
		"suspended by the list": {func(s *scene) {
			day := rights.DateAt(s.now)
			page, err := s.lists.page.Append([]status.Entry{{Index: 583021, From: day - 1, Published: day, Kind: status.Suspended}})
			if err != nil {
				t.Fatal(err)
			}
			s.lists.page = page
		}, offline.Suspended},
		"damaged lists": {func(s *scene) { s.lists.err = errors.New("damaged") }, offline.FactsUnreadable},
		"online":        {func(s *scene) { s.online(t) }, offline.OK},
	} {
		a, _, d := told(t, func(s *scene, d *diary, rec receipt.Record) {
			d.records = append(d.records, rec)
			x.change(s)
		})
		if a.Reason != x.want || a.Told != nil || a.Detail == offline.DetailTold || d.asked != 1 { // once, before the scene was set
			t.Errorf("%s: %s %+v, asked %d times", name, a.Reason, a.Told, d.asked)
		}
	}
}

// The service is silent, whoever asked is gone, and nothing can be written: the refusal stands and the document says all of it.
func TestToldOnlineWithoutAJournalToWrite(t *testing.T) {
	a, s, _ := told(t, func(s *scene, d *diary, rec receipt.Record) {
		d.records = append(d.records, rec)
		l := s.online(t)
		l.answer = func(counter.Enquiry) (*counter.Asked, error) { return nil, &counter.Rescue{Code: "timeout"} }
		d.memory.err = counter.ErrFull
	})
	b, err := json.Marshal(a.Document(offline.French))
	if err != nil || a.Reason != offline.Revoked || a.Rescue != "timeout" || len(s.journal.written) != 0 {
		t.Fatalf("%+v %v", a, err)
	}
	for _, want := range []string{`"told_online":{"at":"2027-03-02T08:00:00Z","accord":"A7QF-XM3T-9ABD"}`, `"recorded":false`, "non enregistrée"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if a := s.Counter.Ask(gone, counter.Question{Scan: scan.Typed{Text: s.code}}); a.Reason != offline.Revoked {
		t.Errorf("whoever asked was gone: %s", a.Reason)
	}
}
