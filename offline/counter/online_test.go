package counter_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/offline/scan"
	"sceau/rights"
)

// known are lists that know their operator.
type known struct {
	*lists
	service error
}

func (k known) Facts(ctx context.Context) (counter.Facts, func(), error) {
	_, release, err := k.lists.Facts(ctx)
	return k, release, err
}
func (k known) Operator(insurer string) (string, error) {
	if insurer != k.issuer.Insurer.AMC.Key() {
		return "", offline.ErrUnknownIssuer
	}
	return "3F0A", nil
}
func (k known) Service(string) (*card.Service, error) { return &card.Service{}, k.service }

// line is a service that answers what a test says.
type line struct {
	answer   func(e counter.Enquiry) (*counter.Asked, error)
	asked    []counter.Enquiry
	enrolled bool
}

func (l *line) Enrolled() bool { return l.enrolled }
func (l *line) Ask(_ context.Context, e counter.Enquiry) (*counter.Asked, error) {
	l.asked = append(l.asked, e)
	if _, err := e.Service(e.Root); err != nil {
		return nil, &counter.Rescue{Code: counter.RescueNoKeys, Err: err}
	}
	return l.answer(e)
}

func (s *scene) online(t *testing.T) *line {
	l := &line{enrolled: true}
	l.answer = func(e counter.Enquiry) (*counter.Asked, error) {
		u, err := card.Parse(e.Card)
		if err != nil {
			t.Fatal(err)
		}
		a := &accord.Accord{Number: "A7QF-XM3T-9ABD", Request: "q83vEjRWeJCrze8SNFZ4kA", Insurer: e.Insurer, Place: u.PlaceUnsafe(), KID: u.KID(), Counter: "AAECAwQFBgc", Care: e.Care, Person: e.Person,
			At: s.now, Until: s.now.Add(time.Hour), Changed: true, Answers: []accord.Answer{{Domain: e.Domain, Status: "valid", Reason: "OK",
				People:   []accord.PersonValue{{Number: 1, Covered: true, Value: rights.Guarantee{Kind: rights.Rate, Rates: [3]int{80}}}, {Number: 2, Covered: true, Value: rights.Guarantee{Kind: rights.Rate, Rates: [3]int{80}}}},
				PayUntil: s.now.Add(48 * time.Hour), PayEuros: 90}}}
		return &counter.Asked{Accord: a, Now: s.now}, nil
	}
	s.Counter.Lists, s.Counter.Online = known{lists: s.lists}, l
	return l
}

func TestOnlineFirst(t *testing.T) {
	s := newScene(t)
	l := s.online(t)
	a := s.ask(s.code, pharmacy)
	d := a.Document(offline.French)
	if a.Mode != counter.ModeOnline || a.Reason != offline.OK || d.Mode != "online" || d.Accord == nil || d.Accord.Number != "A7QF-XM3T-9ABD" || !d.Accord.Changed ||
		d.Invoice != "A7QF-XM3T-9ABD" || d.Receipt == "" || d.Rescue != "" || d.List != nil || d.Payment == nil || d.Payment.Euros != 90 {
		t.Fatalf("%+v", d)
	}
	if d.People[0].Value != "80%" || d.People[0].Guarantees[0].Value != "80%" || d.People[0].Guarantees[1].Value != "100%" {
		t.Errorf("values of now: %+v", d.People[0])
	}
	if len(s.journal.written) != 1 || s.journal.written[0].Mode != receipt.Online || s.journal.written[0].Accord != "A7QF-XM3T-9ABD" || s.journal.written[0].Check() != nil {
		t.Errorf("journal: %+v", s.journal.written)
	}
	if e := l.asked[0]; e.Domain != "PHAR" || e.Root != "3F0A" || e.Card != s.code || e.Care == 0 {
		t.Errorf("asked %+v", e)
	}
	// What could not be written is still promised by the service, whose own trace is the proof.
	s.journal.err = counter.ErrFull
	if d := s.ask(s.code, pharmacy).Document(offline.French); d.Recorded || d.Invoice != "A7QF-XM3T-9ABD" || d.Payment == nil {
		t.Errorf("%+v", d)
	}
}

// Nobody invoices on a refusal: its answer has a number, and the invoice none.
func TestNoInvoiceOnRefusal(t *testing.T) {
	s := newScene(t)
	l := s.online(t)
	given := l.answer
	l.answer = func(e counter.Enquiry) (*counter.Asked, error) {
		got, err := given(e)
		got.Accord.Answers[0] = accord.Answer{Domain: e.Domain, Status: "refused", Reason: "REVOKED", Since: e.Care, People: []accord.PersonValue{{Number: 1}, {Number: 2}}}
		return got, err
	}
	if d := s.ask(s.code, pharmacy).Document(offline.French); d.Status != offline.Refused || d.Mode != "online" || d.Accord == nil || d.Accord.Number == "" || d.Invoice != "" || d.Receipt == "" {
		t.Errorf("%+v", d)
	}
}

// Whatever keeps the service from being believed: the list answers, says so, and its receipt goes on the invoice.
func TestOfflineSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *scene, l *line)
		code   string
		asked  int
	}{
		"no answer": {func(_ *scene, l *line) {
			l.answer = func(counter.Enquiry) (*counter.Asked, error) { return nil, &counter.Rescue{Code: "timeout"} }
		}, "timeout", 1},
		"an error of another kind": {func(_ *scene, l *line) {
			l.answer = func(counter.Enquiry) (*counter.Asked, error) { return nil, errors.New("?") }
		}, counter.RescueUnknown, 1},
		"no keys":              {func(s *scene, _ *line) { s.Counter.Lists = known{s.lists, offline.ErrNoService} }, counter.RescueNoKeys, 1},
		"lists of no operator": {func(s *scene, _ *line) { s.Counter.Lists = s.lists }, counter.RescueNoKeys, 0},
		"another question": {func(s *scene, l *line) {
			answer := l.answer
			l.answer = func(e counter.Enquiry) (*counter.Asked, error) { e.Person = 2; return answer(e) }
		}, counter.RescueMismatch, 1},
		"not enrolled": {func(_ *scene, l *line) { l.enrolled = false }, "", 0},
	} {
		s := newScene(t)
		l := s.online(t)
		c.change(s, l)
		a := s.ask(s.code, pharmacy)
		d := a.Document(offline.French)
		if a.Mode != counter.ModeOffline || a.Reason != offline.OK || d.Rescue != c.code || d.Invoice != d.Receipt || d.Receipt == "" || d.Accord != nil || d.List == nil || len(l.asked) != c.asked {
			t.Errorf("%s: %+v, asked %d times", name, d, len(l.asked))
		}
		if w := s.journal.written[0]; w.Mode != receipt.Offline || w.Accord != "" {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

// What is no card, or a forged one, never leaves the counter.
func TestNotAsked(t *testing.T) {
	s := newScene(t)
	l := s.online(t)
	for _, text := range []string{"", "hello", s.code[:100], strings.Replace(s.code, "TP1", "TP2", 1)} {
		if a := s.ask(text); a.Mode != counter.ModeOffline || len(l.asked) != 0 || a.Rescue != counter.RescueCard {
			t.Errorf("%q: %+v", text, a.Rescue)
		}
	}
	s.lists.issuer.Floor = s.now.Add(time.Hour)
	if a := s.ask(s.code); a.Reason != offline.ClockWrong || a.Rescue != counter.RescueClock || len(l.asked) != 0 {
		t.Errorf("%s %s", a.Reason, a.Rescue)
	}
}

// A question holds the names on the card. Where no followed list speaks for the insurer, no service may have them.
func TestUnknownInsurerIsNotAsked(t *testing.T) {
	s := newScene(t)
	l := s.online(t)
	s.lists.issuer.Insurer.AMC = "302976568"
	a := s.ask(s.code, pharmacy)
	if a.Reason != offline.UnknownIssuer || a.Mode != counter.ModeOffline || a.Rescue != counter.RescueNoKeys || len(l.asked) != 0 {
		t.Errorf("%s %s, asked %d times", a.Reason, a.Rescue, len(l.asked))
	}
}

// An invitation in the field for cards is said to be one, is no check, and goes nowhere.
func TestInvitationIsNoCard(t *testing.T) {
	s := newScene(t)
	l := s.online(t)
	text, err := accord.Invitation{Code: [10]byte{1}, Root: [32]byte{2}, Address: "https://droits.example"}.Text()
	if err != nil {
		t.Fatal(err)
	}
	a := s.ask(strings.ToLower(text))
	if !errors.Is(a.Misread, scan.ErrInvitation) || a.Status != offline.Unknown || len(l.asked)+len(s.journal.written) != 0 || a.Document(offline.French).Misread != "invitation" {
		t.Errorf("%+v", a)
	}
}

// No word of a rescue speaks of the card, in either language, and each has something to do.
func TestRescueWords(t *testing.T) {
	for _, code := range append(counter.RescueCodes(), "service_field") {
		for _, lang := range []offline.Language{offline.French, offline.English} {
			what, todo := counter.RescueWords(code, lang)
			if text := strings.ToLower(what + todo); what == "" || todo == "" || strings.Contains(text, "carte") || strings.Contains(text, "card") || strings.Contains(text, " :") && lang == offline.French {
				t.Errorf("%s: %s / %s", code, what, todo)
			}
		}
	}
}
