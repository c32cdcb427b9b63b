package issuer

import (
	"context"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// issued makes n household cards of a tenant, within the limits of one person.
func (w *world) issued(who Staff, prefix string, n int) []card.Place {
	w.t.Helper()
	made := must(w.issuer.StaffIssue(context.Background(), who, w.made(who, prefix, n, 1), false, nil))(w.t)
	var places []card.Place
	for _, c := range made.Cards {
		places = append(places, c.Place)
	}
	if len(places) != n {
		w.t.Fatalf("%d cards", len(places))
	}
	return places
}

func targets(places ...card.Place) []Target {
	var out []Target
	for _, p := range places {
		out = append(out, Target{Place: p})
	}
	return out
}

func TestFourEyes(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	w.issuer.Limits.StatusChanges = 3
	asker, _ := w.key(nil, amc, insurerRoles...)
	second, _ := w.key(nil, amc, RoleRevoke)
	reader, _ := w.key(nil, amc, RoleRead)
	stranger, _ := w.key(nil, amc2, insurerRoles...)
	operator, _ := w.key(nil, "", RoleOperator)
	places := w.issued(asker, "A", 8)

	direct, err := w.issuer.ChangeStatus(ctx, asker, StatusRequest{Kind: status.Suspended, Targets: targets(places[:2]...)}, nil)
	if err != nil || direct.Approval != nil || direct.Report.Recorded() != 2 {
		t.Fatal(direct, err)
	}
	// The same again costs nothing; two more would make four.
	if again, err := w.issuer.ChangeStatus(ctx, asker, StatusRequest{Kind: status.Suspended, Targets: targets(places[:2]...)}, nil); err != nil || again.Report == nil {
		t.Fatal(again, err)
	}
	waits, err := w.issuer.ChangeStatus(ctx, asker, StatusRequest{Kind: status.Void, Targets: targets(places[2:6]...), Class: "fraud"}, nil)
	if err != nil || waits.Approval == nil || waits.Approval.Cards != 4 || waits.Report != nil {
		t.Fatal(waits, err)
	}
	for _, p := range places[2:6] {
		if w.card(p).State != register.Live {
			t.Error("done before anybody agreed:", p)
		}
	}
	id := waits.Approval.ID
	// Who can't agree: the asker, another key that the asker made, one without the role, another insurer, the operator.
	asPerson := Staff{Credential: "session:x", Person: asker.Person, Insurer: amc, Roles: insurerRoles, Actor: "person:x"}
	for name, c := range map[string]struct {
		who  Staff
		want error
	}{
		"asker": {asker, ErrSameEyes}, "the asker's other credential": {asPerson, ErrSameEyes}, "reader": {reader, ErrDecider},
		"another insurer": {stranger, ErrUnknownDocument}, "operator": {operator, ErrUnknownDocument},
	} {
		if _, err := w.issuer.Decide(ctx, c.who, id, true, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.issuer.Decide(ctx, second, "unknown", true, nil); !errors.Is(err, ErrUnknownDocument) {
		t.Error(err)
	}
	a, err := w.issuer.Decide(ctx, second, id, true, nil)
	if err != nil || a.State != ApprovalAccepted || a.Decider != second.Actor {
		t.Fatal(a, err)
	}
	for _, p := range places[2:6] {
		if w.card(p).State != register.Void {
			t.Error("agreed to and not done:", p)
		}
	}
	w.view(func(tx register.Tx) error {
		events, err := tx.EventsOf(places[2])
		if err != nil || len(events) != 1 || events[0].Actor != asker.Actor || events[0].Class != "fraud" {
			t.Error(events, err)
		}
		return nil
	})
	for _, accept := range []bool{true, false} {
		if _, err := w.issuer.Decide(ctx, second, id, accept, nil); !errors.Is(err, ErrDecided) {
			t.Error("decided twice:", err)
		}
	}
	acts := strings.Join(w.acts(amc), " ")
	for _, act := range []string{"approval.ask", "approval.accepted", "status"} {
		if !strings.Contains(acts, act) {
			t.Errorf("no %s in %s", act, acts)
		}
	}
	w.chain()
}

func TestApprovalIsRefusedAndExpires(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	w.issuer.Limits.StatusChanges = 1
	asker, _ := w.key(nil, amc, insurerRoles...)
	second, _ := w.key(nil, amc, RoleRevoke)
	places := w.issued(asker, "A", 4)
	ask := func() string {
		t.Helper()
		c := must(w.issuer.ChangeStatus(ctx, asker, StatusRequest{Kind: status.Void, Targets: targets(places...)}, nil))(t)
		return c.Approval.ID
	}
	id := ask()
	if a, err := w.issuer.Decide(ctx, second, id, false, nil); err != nil || a.State != ApprovalRefused {
		t.Fatal(a, err)
	}
	if _, err := w.issuer.Decide(ctx, second, id, true, nil); !errors.Is(err, ErrDecided) {
		t.Error(err)
	}
	id = ask()
	if a, err := w.issuer.Decide(ctx, asker, id, false, nil); err != nil || a.State != ApprovalRefused { // who asked may take it back
		t.Error(a, err)
	}
	id = ask()
	w.pass2(48*time.Hour - time.Second)
	if a, _, err := w.issuer.ApprovalOf(ctx, amc, id); err != nil || a.State != ApprovalOpen {
		t.Error(a, err)
	}
	w.pass2(time.Second)
	if _, err := w.issuer.Decide(ctx, second, id, true, nil); !errors.Is(err, ErrDecided) {
		t.Error("agreed to after two days:", err)
	}
	if a, places, err := w.issuer.ApprovalOf(ctx, amc, id); err != nil || a.State != ApprovalExpired || len(places) != 4 {
		t.Error(a, err)
	}
	if _, _, err := w.issuer.ApprovalOf(ctx, amc2, id); !errors.Is(err, ErrUnknownDocument) {
		t.Error("another insurer's approval is read:", err)
	}
	for _, p := range places {
		if w.card(p).State != register.Live {
			t.Error("nobody agreed:", p)
		}
	}
	list, _, err := w.issuer.Approvals(ctx, amc, "", 10)
	if err != nil || len(list) != 3 {
		t.Error(list, err)
	}
	if list, _, err := w.issuer.Approvals(ctx, amc2, "", 10); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

func TestForeignCardsAreUnknown(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	mine, _ := w.key(nil, amc, insurerRoles...)
	other, _ := w.key(nil, amc2, insurerRoles...)
	places := w.issued(mine, "A", 2)
	for _, kind := range []status.Kind{status.Void, status.Suspended, status.Restored} {
		if _, err := w.issuer.ChangeStatus(ctx, other, StatusRequest{Kind: kind, Targets: targets(places...)}, nil); !errors.Is(err, ErrUnknownCard) {
			t.Error(kind, err)
		}
	}
	// Not even who names the contract of another insurer.
	key := register.ContractKey{Insurer: amc, Adherent: "AAA"}
	if _, err := w.issuer.ChangeStatus(ctx, other, StatusRequest{Kind: status.Void, Targets: []Target{{Contract: key}}}, nil); !errors.Is(err, ErrUnknownCard) {
		t.Error(err)
	}
	if _, err := w.issuer.StaffReprint(ctx, other, places[0], 0, nil, nil); !errors.Is(err, ErrUnknownCard) {
		t.Error(err)
	}
	if _, err := w.issuer.OpenCard(ctx, other, places[0]); !errors.Is(err, ErrUnknownCard) {
		t.Error(err)
	}
	if _, err := w.issuer.ChangeStatus(ctx, Staff{Actor: "operator"}, StatusRequest{Kind: status.Void, Targets: targets(places...)}, nil); err == nil {
		t.Error("an operator's credential revokes")
	}
	for _, p := range places {
		if w.card(p).State != register.Live {
			t.Error(p)
		}
	}
}

func TestIssueQuota(t *testing.T) {
	w := sealedWorld(t)
	ctx := context.Background()
	w.issuer.Limits.Cards = 5
	asker, _ := w.key(nil, amc, insurerRoles...)
	second, _ := w.key(nil, amc, RoleIssue)
	ids := w.made(asker, "A", 8, 1)
	if made, err := w.issuer.StaffIssue(ctx, asker, ids[:4], false, nil); err != nil || len(made.Cards) != 4 {
		t.Fatal(made, err)
	}
	waits, err := w.issuer.StaffIssue(ctx, asker, ids, false, nil)
	if err != nil || waits.Approval == nil || waits.Approval.Cards != 4 || len(waits.Cards) != 0 {
		t.Fatal(waits, err)
	}
	if a, err := w.issuer.Decide(ctx, asker, waits.Approval.ID, true, nil); !errors.Is(err, ErrSameEyes) {
		t.Error(a, err)
	}
	must(w.issuer.Decide(ctx, second, waits.Approval.ID, true, nil))(t)
	made, err := w.issuer.StaffIssue(ctx, asker, ids, false, nil)
	if err != nil || made.Approval != nil || len(made.Cards) != 8 {
		t.Fatal(made, err)
	}
	// What was granted is spent: a reprint beyond it waits too, and the next day begins anew.
	if r, err := w.issuer.StaffReprint(ctx, asker, made.Cards[0].Place, 0, nil, nil); err != nil || r.Approval != nil { // 9 of 5+4
		t.Fatal(r, err)
	}
	r, err := w.issuer.StaffReprint(ctx, asker, made.Cards[1].Place, 0, nil, nil)
	if err != nil || r.Approval == nil {
		t.Fatal(r, err)
	}
	w.pass2(24 * time.Hour)
	if r, err := w.issuer.StaffReprint(ctx, asker, made.Cards[1].Place, 0, nil, nil); err != nil || r.Approval != nil {
		t.Fatal(r, err)
	}
	w.sound2()
}

// sound2 is sound for a sealed register.
func (w *world) sound2() {
	w.t.Helper()
	r := must(w.issuer.Fsck(context.Background(), FsckOptions{Keys: true}))(w.t)
	for _, f := range r.Findings {
		w.t.Errorf("fsck: %+v", f)
	}
}

// T18: in no order of calls does one credential, or all the credentials of one person, change more cards in a day than the
// limit, unless another person of the same insurer agreed.
func TestNobodyExceedsTheLimit(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if err := checks.Set("100"); err != nil {
		t.Fatal(err)
	}
	defer checks.Set(before)
	var seen sequences
	for range sequenceRegisters { // registers, since a card remembers everything that became of it
		seen.run(t)
	}
	if seen.done < 100*sequenceRegisters || seen.waited < 10 || seen.agreed < 10 || seen.changed < 100 {
		t.Errorf("%+v", seen)
	}
	t.Logf("%+v", seen)
}

// sequences counts what a property met: one that met nothing holds nothing.
type sequences struct{ done, calls, waited, agreed, changed int }

func (q *sequences) run(t *testing.T) {
	const limit = 4
	w := sealedWorld(t)
	ctx := context.Background()
	w.issuer.Limits.StatusChanges = limit
	a, _ := w.key(nil, amc, insurerRoles...)
	b, _ := w.key(nil, amc, RoleRevoke)
	b2 := Staff{Credential: "session:b", Person: b.Person, Insurer: amc, Roles: insurerRoles, Actor: "person:b"} // the maker of b
	c, _ := w.key(nil, amc2, insurerRoles...)
	staff := []Staff{a, b, b2, c}
	own := map[string][]card.Place{amc: w.issued(a, "A", 10), amc2: w.issued(c, "B", 6)}
	all := append(append([]card.Place(nil), own[amc]...), own[amc2]...)
	anew := func(t *rapid.T) {
		w.pass2(24 * time.Hour)
		if _, err := w.issuer.SetStatus(ctx, StatusRequest{Kind: status.Restored, Targets: targets(all...)}); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		anew(t)
		changed := map[string]int{} // by person, without anybody's consent
		type open struct {
			id  string
			who Staff
		}
		var asked []open
		for range rapid.IntRange(2, 6).Draw(t, "calls") {
			q.calls++
			who := rapid.SampledFrom(staff).Draw(t, "who")
			if len(asked) > 0 && rapid.Bool().Draw(t, "decide") {
				o := rapid.SampledFrom(asked).Draw(t, "approval")
				_, err := w.issuer.Decide(ctx, who, o.id, true, nil)
				switch {
				case err == nil && (who.Person == o.who.Person || who.Insurer != o.who.Insurer):
					t.Fatalf("%s agreed to what %s asked", who.Credential, o.who.Credential)
				case err == nil:
					q.agreed++
				}
				continue
			}
			kind := rapid.SampledFrom([]status.Kind{status.Void, status.Void, status.Suspended, status.Restored}).Draw(t, "kind")
			cards := own[who.Insurer]
			if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
				cards = all
			}
			list := targets(rapid.SliceOfN(rapid.SampledFrom(cards), 1, 7).Draw(t, "cards")...)
			from := day(w.t, "2027-03-01") - rights.Date(rapid.IntRange(0, 3).Draw(t, "from")) // an earlier day is another event
			out, err := w.issuer.ChangeStatus(ctx, who, StatusRequest{Kind: kind, Targets: list, From: from}, nil)
			switch {
			case err != nil: // another insurer's card, or a state that forbids it: nothing was done
			case out.Approval != nil:
				q.waited++
				asked = append(asked, open{out.Approval.ID, who})
			default:
				changed[who.Insurer+" "+who.Person] += out.Report.Recorded()
				q.changed += out.Report.Recorded()
			}
		}
		for person, n := range changed {
			if n > limit {
				t.Fatalf("%s changed %d cards of %d", person, n, limit)
			}
		}
		q.done++
	})
	w.chain()
}
