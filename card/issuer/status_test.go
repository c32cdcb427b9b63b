package issuer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

func (w *world) set(kind status.Kind, from string, targets ...Target) (*StatusReport, error) {
	w.t.Helper()
	return w.issuer.SetStatus(context.Background(), StatusRequest{Kind: kind, Targets: targets, From: must(rights.ParseDate(from))(w.t), Class: "closed"})
}

func TestStatusChanges(t *testing.T) {
	w := newWorld(t)
	key := w.put(household(t, "A1", 1, 0))
	_, out := w.issue(IssueRequest{All: true})
	p := out[0].Place
	one := Target{Place: p}
	for i, step := range []struct {
		kind     status.Kind
		from     string
		recorded int
		after    register.State
	}{
		{status.Restored, "2027-01-01", 0, register.Live},
		{status.Suspended, "2027-03-01", 1, register.Suspended},
		{status.Suspended, "2027-03-01", 0, register.Suspended}, // the same again
		{status.Suspended, "2027-04-01", 0, register.Suspended}, // suspended by then
		{status.Suspended, "2027-02-01", 1, register.Suspended}, // earlier: an event of its own
		{status.Restored, "2027-02-01", 1, register.Live},
		{status.Void, "2027-05-01", 1, register.Void},
		{status.Void, "2027-05-01", 0, register.Void},
		{status.Void, "2027-06-01", 0, register.Void},
		{status.Void, "2027-04-01", 1, register.Void},
		{status.Restored, "2027-04-01", 1, register.Live}, // a correction
	} {
		r, err := w.set(step.kind, step.from, one)
		if err != nil || r.Recorded() != step.recorded || w.card(p).State != step.after {
			t.Fatalf("step %d: %+v %v, card %v", i, r, err, w.card(p).State)
		}
	}
	if _, err := w.set(status.Void, "2027-05-01", Target{Contract: key}); err != nil || w.card(p).State != register.Void {
		t.Fatalf("by contract: %v", err)
	}
	if r, _ := w.issue(IssueRequest{All: true}); r.Issued != 0 || r.Withheld != 1 {
		t.Errorf("a revoked card was renewed: %+v", r)
	}
	if _, err := w.set(status.Suspended, "2027-05-01", one); !errors.Is(err, ErrState) {
		t.Errorf("suspend a void card: %v", err)
	}
	if r, err := w.issuer.SetStatus(context.Background(), StatusRequest{Kind: status.Void, Targets: []Target{one}}); err != nil || r.From.String() != "2026-12-01" || r.Recorded() != 1 {
		t.Errorf("from today: %+v %v", r, err)
	}
	for _, kind := range []status.Kind{status.OK, status.Replaced, 9} {
		if _, err := w.set(kind, "2027-05-01", one); err == nil {
			t.Errorf("kind %v was taken", kind)
		}
	}
	if _, err := w.issuer.SetStatus(context.Background(), StatusRequest{Kind: status.Void, Targets: []Target{one}, Class: "Mme X"}); err == nil {
		t.Error("a free text was taken as a class")
	}
	w.sound()
}

func TestStatusOfSuccessors(t *testing.T) {
	w := newWorld(t)
	key := w.put(household(t, "A1", 1, 0))
	_, out := w.issue(IssueRequest{All: true})
	old := out[0].Place
	must(w.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{old}}, func(i Issued) error { out = append(out, i); return nil }))(t)
	must(w.set(status.Void, "2026-11-15", Target{Place: old}))(t)
	if _, err := w.set(status.Restored, "2027-05-01", Target{Place: old}); !errors.Is(err, ErrState) {
		t.Errorf("restore beside a successor: %v", err)
	}
	must(w.issuer.Reprint(context.Background(), ReprintRequest{Places: []card.Place{out[1].Place}}, func(i Issued) error { out = append(out, i); return nil }))(t)
	for _, kind := range []status.Kind{status.Restored, status.Suspended} {
		if _, err := w.set(kind, "2027-05-01", Target{Place: out[1].Place}); !errors.Is(err, ErrState) {
			t.Errorf("%v of a replaced card: %v", kind, err)
		}
	}
	// A stolen card may be ended earlier than it was replaced, and still never comes back.
	if r, err := w.set(status.Void, "2026-11-01", Target{Place: out[1].Place}); err != nil || r.Recorded() != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := w.set(status.Restored, "2026-11-01", Target{Place: out[1].Place}); !errors.Is(err, ErrState) {
		t.Errorf("restore: %v", err)
	}
	r, err := w.set(status.Void, "2027-06-01", Target{Contract: key})
	if err != nil || len(r.Changes) != 1 || r.Changes[0].Place != out[2].Place {
		t.Errorf("by contract, only the newest card: %+v %v", r, err)
	}
	// Nothing stands in the way any more, and still a replaced card stays replaced.
	if _, err := w.set(status.Restored, "2026-11-01", Target{Place: out[1].Place}); !errors.Is(err, ErrState) {
		t.Errorf("restore without a standing successor: %v", err)
	}
	w.sound()
}

func TestStatusAllOrNothing(t *testing.T) {
	w := newWorld(t)
	w.seed(3)
	_, out := w.issue(IssueRequest{All: true})
	text := fmt.Sprintf("\ufeff# list of today\n%s\r\n\n%s;A000001\n9-9\n%s;Z9\n", out[0].Place, amc, amc)
	targets := must(ReadTargets(strings.NewReader(text)))(t)
	_, err := w.set(status.Void, "2027-05-01", targets...)
	var faults *TargetsError
	if !errors.As(err, &faults) || len(faults.Faults) != 2 || faults.Faults[0].Line != 5 || faults.Faults[1].Line != 6 ||
		!errors.Is(faults.Faults[0].Err, ErrUnknownCard) || !errors.Is(faults.Faults[1].Err, ErrUnknownContract) || !errors.Is(err, ErrTargets) {
		t.Fatalf("%v", err)
	}
	for _, o := range out {
		if w.card(o.Place).State != register.Live {
			t.Error("something was done")
		}
	}
	r, err := w.set(status.Void, "2027-05-01", targets[:2]...)
	if err != nil || r.Recorded() != 2 {
		t.Errorf("%+v %v", r, err)
	}
	w.sound()
}

func TestReadTargetsRefusals(t *testing.T) {
	text := "3-583021\nx\n03-1\n3-1048576\n-1-2\n775670482;\n;A1\n775670482;A1;B\n775670482;bad space\n" + strings.Repeat("9", 300) + "\n"
	_, err := ReadTargets(strings.NewReader(text))
	var faults *TargetsError
	if !errors.As(err, &faults) {
		t.Fatalf("%v", err)
	}
	want := 2
	for _, f := range faults.Faults {
		if f.Line != want {
			t.Errorf("line %d, want %d", f.Line, want)
		}
		want++
	}
	if want != 11 {
		t.Errorf("lines up to %d", want)
	}
	if strings.Contains(err.Error(), "A1") {
		t.Errorf("%v quotes a contract", err)
	}
}

func FuzzReadTargets(f *testing.F) {
	f.Add("3-583021\n775670482;012284\n")
	f.Add("\ufeff# x\n\r\n;;\n")
	f.Fuzz(func(t *testing.T, text string) {
		targets, err := ReadTargets(strings.NewReader(text))
		if err != nil && targets != nil {
			t.Error("targets beside an error")
		}
		for _, x := range targets {
			if x.Line < 1 || (x.Place == card.Place{}) == (x.Contract == register.ContractKey{}) {
				t.Errorf("%+v", x)
			}
		}
	})
}
