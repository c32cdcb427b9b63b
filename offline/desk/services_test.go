package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
)

// operator is a service as the desk sees it through its program.
type operator struct {
	mu       sync.Mutex
	proposed []Invitation
	accepted []Proposal
	removed  []string
	p        Proposal
	err      error
	lists    error
}

func (o *operator) Propose(_ context.Context, i Invitation) (Proposal, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.proposed = append(o.proposed, i)
	if o.err != nil {
		return Proposal{}, o.err
	}
	return o.p, nil
}

func (o *operator) Accept(_ context.Context, p Proposal) (Accepted, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return Accepted{}, o.err
	}
	o.accepted = append(o.accepted, p)
	return Accepted{Lists: o.lists}, nil
}

func (o *operator) Remove(_ context.Context, root string) error {
	o.removed = append(o.removed, root)
	return o.err
}

const someRoot = "3f0a91c43f0a91c43f0a91c43f0a91c43f0a91c43f0a91c43f0a91c43f0a91c4"

// listed follows the operator's own list.
type listed struct{ *notebook }

func (l listed) Overview(ctx context.Context) ([]Repository, error) {
	all, err := l.notebook.Overview(ctx)
	all[0].Fingerprint = "3F0A 91C4 3F0A 91C4 3F0A 91C4 3F0A 91C4 3F0A 91C4 3F0A 91C4 3F0A 91C4 3F0A 91C4"
	return all, err
}

func newOperator() *operator {
	return &operator{p: Proposal{Address: "https://droits.example", Lists: "https://droits.example/repo/", Root: someRoot, Counter: "AAECAwQFBgc", FINESS: "750000010",
		Profession: "optique", Name: "Optique du Port", Networks: []string{"SP"}}}
}

var someInvitation = accord.Invitation{Code: [10]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Root: [32]byte{0x3f, 0x0a}, Address: "https://droits.example"}

// An invitation, scanned or typed, shows what the operator registered and changes nothing; the confirmation enrols what was shown,
// once, and fills in what the counter had not said of itself.
func TestEnrol(t *testing.T) {
	o := newOperator()
	s := newScene(t, func(opt *Options) { opt.Enrol = o })
	s.book.mu.Lock()
	s.book.settings = nil
	s.book.mu.Unlock()
	s.wishes.now, s.wishes.fresh = counter.DefaultSettings(), true
	text := must(someInvitation.Text())(t)
	var p proposed
	for name, body := range map[string]string{"scanned": `{"typed":"` + strings.ToLower(text) + `"}`, "typed": `{"address":" https://droits.example ","code":"` + strings.ToLower(someInvitation.CodeText()) + `"}`} {
		a := s.post("invitation", body)
		a.json(t, &p)
		if a.status != 200 || p.Root != someRoot || p.FINESS != "750000010" || p.Profession != "Optique" && p.Profession != "Opticien" && p.Profession == "optique" || p.Scanned != (name == "scanned") || p.ID == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		got := o.proposed[len(o.proposed)-1]
		if got.Code != someInvitation.Code || got.Address != someInvitation.Address || (got.Root != "") != (name == "scanned") {
			t.Errorf("%s: proposed with %+v", name, got)
		}
	}
	if len(o.accepted) != 0 || !s.wishes.fresh {
		t.Fatal("something changed before anybody confirmed it")
	}
	for name, body := range map[string]string{"no root": `{"id":"` + p.ID + `"}`, "another root": `{"id":"` + p.ID + `","root":"AAAA"}`, "another id": `{"id":"x","root":"` + someRoot + `"}`, "no id": `{"root":"` + someRoot + `"}`} {
		if a := s.post("enrol", body); a.status < 400 || len(o.accepted) != 0 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	confirm := `{"id":"` + p.ID + `","root":"` + someRoot + `"}`
	o.lists = errors.New("the source is silent")
	var got enrolled
	if s.post("enrol", confirm).json(t, &got); !got.Done || got.Lists == nil || len(o.accepted) != 1 || o.accepted[0].Lists != o.p.Lists {
		t.Fatalf("%+v, %d accepted", got, len(o.accepted))
	}
	if now := s.Settings(); now.Profession != "optique" || now.FINESS != "750000010" || now.Name != "Optique du Port" || s.wishes.fresh {
		t.Errorf("settings: %+v", now)
	}
	if a := s.post("enrol", confirm); a.status != 410 || len(o.accepted) != 1 {
		t.Errorf("a second time: %d, %d accepted", a.status, len(o.accepted))
	}
	if log := s.log.String(); strings.Contains(strings.ToUpper(log), text[8:40]) || strings.Contains(log, someInvitation.CodeText()) {
		t.Error("the code stands in the log")
	}
}

// What people have said of their counter stays, and what no counter may be is not taken over.
func TestRegisteredFillsGapsOnly(t *testing.T) {
	own := counter.DefaultSettings()
	own.Profession, own.FINESS, own.Name = "pharmacie", "290000017", "Mienne"
	if got := Registered(own, newOperator().p); got.Profession != own.Profession || got.FINESS != own.FINESS || got.Name != own.Name {
		t.Errorf("%+v", got)
	}
	bad := Registered(counter.DefaultSettings(), Proposal{FINESS: "123", Profession: "alchimiste", Name: "a\x00b"})
	if bad.Profession != "" || bad.FINESS != "" || bad.Name != "" || bad.Check() != nil {
		t.Errorf("%+v", bad)
	}
}

// What is no invitation is refused in words, without asking anybody and without quoting it.
func TestInvitationRefused(t *testing.T) {
	o := newOperator()
	s := newScene(t, func(opt *Options) { opt.Enrol = o })
	text := must(someInvitation.Text())(t)
	codes := map[string]bool{}
	for name, body := range map[string]string{"nothing": `{}`, "half": `{"typed":"` + text[:40] + `"}`, "a card": `{"typed":"` + s.good + `"}`, "changed": `{"typed":"` + strings.Replace(text, text[20:22], "77", 1) + `"}`,
		"short code": `{"address":"https://a.fr","code":"K7QF-XM3T"}`, "no code": `{"address":"https://a.fr"}`, "no address": `{"code":"` + someInvitation.CodeText() + `"}`,
		"both": `{"typed":"x","address":"https://a.fr","code":"` + someInvitation.CodeText() + `"}`, "long": `{"address":"https://` + strings.Repeat("a", 300) + `","code":"` + someInvitation.CodeText() + `"}`} {
		a := s.post("invitation", body)
		var f failure
		a.json(t, &f)
		if a.status < 400 || a.status >= 500 || f.Error.What == "" || f.Error.Todo == "" || strings.Contains(string(a.body), "K7QF-XM3T\"") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		codes[f.Error.Code] = true
	}
	if len(o.proposed) != 0 || len(codes) < 4 {
		t.Errorf("%d proposed, codes %v", len(o.proposed), codes)
	}
	bare := newScene(t)
	for _, route := range []string{"invitation", "enrol", "unenrol"} {
		if a := bare.post(route, `{}`); a.status != 409 {
			t.Errorf("%s without services: %d", route, a.status)
		}
	}
}

// Each way in which an enrolment fails has its own sentence and its own next step, in both languages.
func TestEnrolmentErrorsInWords(t *testing.T) {
	var code string
	o := newOperator()
	o.err = errors.New("it fails")
	s := newScene(t, func(opt *Options) {
		opt.Enrol = o
		opt.Explain = func(error, offline.Language) Trouble { return Trouble{code, "of a check", "of a check"} }
	})
	text := must(someInvitation.Text())(t)
	seen := map[string]string{}
	for _, lang := range []string{"fr", "en"} {
		for _, code = range []string{"online_invitation", "online_unreachable", "online_timeout", "online_busy", "online_clock", "online_tls", "online_proxy", "online_redirect", "online_not_the_service",
			"online_other_root", "online_suspended", "online_revoked", "online_credential", "online_service_key_taken", "online_service_novelty", "enrolled"} {
			var f failure
			a := s.post("invitation?lang="+lang, `{"typed":"`+text+`"}`)
			a.json(t, &f)
			if a.status != 409 || f.Error.Code != code || strings.Contains(f.Error.What+f.Error.Todo, "of a check") || f.Error.Todo == "" {
				t.Errorf("%s: %d %s", code, a.status, a.body)
			}
			if other := seen[f.Error.What]; other != "" {
				t.Errorf("%s and %s are said alike: %q", other, code, f.Error.What)
			}
			seen[f.Error.What] = code
		}
	}
}

// The state says the mode, why, whom to call, what waits; the interface for software carries the same.
func TestStanding(t *testing.T) {
	since := someDay.Add(-time.Hour)
	st := Standing{Mode: "rescue", Code: "suspended", Since: since, Services: []Service{{Operator: "Opérateur", Address: "https://droits.example", Root: someRoot, Counter: "AAECAwQFBgc", Profession: "pharmacie",
		Code: "suspended", Since: since, Waiting: 12, Alarms: []Alarm{{Code: "GAP"}, {Code: "GAP", From: 2}, {Code: "NOVELTY"}}}}}
	var failed error
	s := newScene(t, func(o *Options) {
		o.Lists = listed{o.Lists.(*notebook)}
		o.Standing = func(context.Context) (Standing, error) { return st, failed }
		o.Disputes = func(_ context.Context, after time.Time) (Disputes, error) {
			d := Disputes{All: 3, New: 2, Newest: someDay}
			if !after.Before(someDay) {
				d.New = 0
			}
			return d, nil
		}
	})
	var now situation
	s.get("state").json(t, &now)
	if r := now.Rescue; now.Mode != "rescue" || r == nil || r.Code != "suspended" || !r.Since.Equal(since) || r.What == "" || len(r.Call) != 1 || r.Call[0].Phone != "01 99 00 12 34" ||
		now.Waiting != 12 || now.Disputed != 2 || len(now.Services) != 1 || len(now.Services[0].Alarms) != 2 || now.Services[0].Profession != "Pharmacie" {
		t.Errorf("%+v %+v", now.Rescue, now.Services)
	}
	var out Status
	a := s.v1("GET", "status", "")
	a.fits(t, schemaOf(t, "Status", true))
	if a.json(t, &out); out.Rescue != "suspended" || out.Waiting != 12 || out.Disputed != 3 || len(out.Services) != 1 || out.Services[0].Online || out.Since == nil {
		t.Errorf("%+v", out)
	}
	// Looked at once, they are no longer counted; the settings form, which knows nothing of it, doesn't count them again.
	s.post("journal/seen", `{}`)
	s.post("settings", `{"profession":"pharmacie"}`)
	now = situation{}
	if s.get("state").json(t, &now); now.Disputed != 0 || now.DisputedAll != 3 {
		t.Errorf("after a look: %d of %d", now.Disputed, now.DisputedAll)
	}
	// Switched off by hand it says so, since when, and a page's form does not switch it on again.
	st = Standing{Mode: "online", Since: since, Services: []Service{{Address: "https://droits.example", Root: someRoot}}}
	s.post("online", `{"on":false}`)
	s.post("settings", `{"profession":"pharmacie","offline_since":"2000-01-01T00:00:00Z"}`)
	now = situation{}
	if s.get("state").json(t, &now); now.Mode != "rescue" || !now.Offline || now.Rescue.Code != counter.RescueOff || !now.Rescue.Since.Equal(someDay) || !now.Settings.OfflineSince.IsZero() {
		t.Errorf("switched off: %+v", now.Rescue)
	}
	s.post("online", `{"on":true}`)
	now = situation{}
	if s.get("state").json(t, &now); now.Mode != "online" || now.Rescue != nil || now.Offline || !now.OnlineSince.Equal(since) {
		t.Errorf("switched on: %+v", now)
	}
	failed = errors.New("the journal can't be read")
	now = situation{}
	if s.get("state").json(t, &now); now.Mode != "rescue" || now.ServicesError == nil {
		t.Errorf("unreadable: %+v", now)
	}
}

// A disputed entry says why and what to do, whatever the reason; an entry of the service has the accord's number for the invoice.
func TestDisputedEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, reason := range append(accord.Reasons(accord.Disputed), "A_NEW_REASON") {
		rec := receipt.Record{Number: "K7QF-1-M3TZ", Receipt: receipt.Receipt{Status: offline.Valid, Accord: "A7QF-XM3T-9ABD"}, Settled: receipt.Settlement{Answer: receipt.Disputed, Reason: reason, At: someDay}}
		fr, en := rowOf(rec, offline.French), rowOf(rec, offline.English)
		if fr.Dispute == nil || fr.Dispute.What == "" || fr.Dispute.Todo == "" || fr.Dispute.What == en.Dispute.What || fr.Dispute.Todo == en.Dispute.Todo || fr.Invoice != "A7QF-XM3T-9ABD" {
			t.Errorf("%s: %+v", reason, fr.Dispute)
		}
		seen[fr.Dispute.Todo] = true
	}
	if len(seen) < 5 {
		t.Errorf("only %d ways out", len(seen))
	}
	if row := rowOf(receipt.Record{Number: "K7QF-1-M3TZ", Receipt: receipt.Receipt{Status: offline.Valid}, Settled: receipt.Settlement{Answer: receipt.Noted, Reason: accord.ReasonNoPromise}}, offline.French); row.Dispute != nil || row.Invoice != "K7QF-1-M3TZ" {
		t.Errorf("%+v", row)
	}
	if got, err := searchOf(map[string][]string{"answer": {"disputed"}}); err != nil || got.Answer != receipt.Disputed {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := searchOf(map[string][]string{"answer": {"maybe"}}); err == nil {
		t.Error("any answer is searched for")
	}
}

// Words of this package about services name no command and are in French as it is printed.
func TestServiceWords(t *testing.T) {
	var all []*known
	for _, k := range enrolWords {
		all = append(all, k)
	}
	for _, k := range alarmWords {
		all = append(all, k)
	}
	for _, k := range append(all, errNoServices, errInvitation, errShortCode, errServiceAddress, errOfferGone) {
		said := k.trouble(offline.French)
		for _, text := range []string{said.What, said.Todo} {
			if text == "" || strings.ContainsAny(text, "'") || slices.ContainsFunc([]string{" :", " ;", " ?", "« "}, func(bad string) bool { return strings.Contains(text, bad) }) || strings.Contains(text, "comptoir ") {
				t.Errorf("%q", text)
			}
		}
	}
}
