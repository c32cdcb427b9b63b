package issuer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// TestDiff: contracts that stay, come, leave and change between two years, against what was done to each.
func TestDiff(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 2
	year := func(c rights.Contract, year int) rights.Contract {
		c.From, c.To = calendarDay(fmt.Sprint(year, "-01-01")), calendarDay(fmt.Sprint(year, "-12-31"))
		return c
	}
	want := map[string]ContractDiff{}
	var later []rights.Contract
	both := func(adherent string, old, new rights.Contract, d ContractDiff) {
		d.Contract = w.put(year(old, 2026))
		if len(new.Beneficiaries) > 0 {
			later = append(later, year(new, 2027))
		}
		want[adherent] = d
	}
	hh := func(a string, people, variant int) rights.Contract { return household(t, a, people, variant) }
	noted := func(a string, note string, more ...string) rights.Contract {
		c := hh(a, 2, 0)
		c.Notes = append(more, note)
		g := c.Beneficiaries[0].Guarantees["PHAR"]
		g.Note = len(c.Notes)
		c.Beneficiaries[0].Guarantees = map[string]rights.Guarantee{"PHAR": g, "HOSP": c.Beneficiaries[0].Guarantees["HOSP"]}
		return c
	}
	both("A-SAME", hh("A-SAME", 2, 0), hh("A-SAME", 2, 0), ContractDiff{Kind: DiffRenewed, Old: 1, New: 1})
	both("B-GUAR", hh("B-GUAR", 2, 0), hh("B-GUAR", 2, 5), ContractDiff{Kind: DiffRenewed, Guarantees: true, Old: 1, New: 1})
	both("C-BORN", hh("C-BORN", 2, 0), hh("C-BORN", 3, 0), ContractDiff{Kind: DiffRenewed, People: true, Old: 1, New: 1})
	both("D-LEFT", hh("D-LEFT", 2, 0), rights.Contract{}, ContractDiff{Kind: DiffLeft, Old: 1})
	both("E-NOTE", noted("E-NOTE", "sur devis"), noted("E-NOTE", "sans devis"), ContractDiff{Kind: DiffRenewed, Guarantees: true, Old: 1, New: 1})
	both("F-VOID", hh("F-VOID", 2, 0), hh("F-VOID", 2, 0), ContractDiff{Kind: DiffNew, New: 1})
	w.clock = w.clock.AddDate(0, 0, 1)
	_, cards := w.issue(IssueRequest{All: true})
	for _, c := range cards {
		if c.Contract.Adherent == "F-VOID" {
			must(w.issuer.SetStatus(t.Context(), StatusRequest{Targets: []Target{{Place: c.Place}}, Kind: status.Void, From: calendarDay("2026-12-05"), Class: "test"}))(t)
		}
	}
	old := w.plan(CampaignSpec{Name: "2026", First: calendarDay("2026-01-01"), Last: calendarDay("2026-12-31"), Existing: true})
	for _, c := range later {
		w.put(c)
	}
	want["G-NEW"] = ContractDiff{Contract: w.put(year(hh("G-NEW", 1, 0), 2027)), Kind: DiffNew, New: 1}
	w.issue(IssueRequest{All: true})
	// The form: one card for the household, then one for each of its people.
	form := w.put(year(hh("H-FORM", 2, 0), 2026))
	w.issue(IssueRequest{Contracts: []register.ContractKey{form}})
	w.put(year(hh("H-FORM", 2, 0), 2027))
	w.issue(IssueRequest{Contracts: []register.ContractKey{form}, PerPerson: true})
	want["H-FORM"] = ContractDiff{Contract: form, Kind: DiffRenewed, Form: true, Old: 1, New: 2}
	w.put(year(hh("I-NONE", 1, 0), 2028))

	new := w.plan(CampaignSpec{Name: "2027", First: calendarDay("2027-01-01"), Last: calendarDay("2027-12-31"), Existing: true})
	var got []ContractDiff
	d := must(w.issuer.DiffCampaigns(t.Context(), operatorStaff, old.ID, new.ID, func(c ContractDiff) error { got = append(got, c); return nil }))(t)
	for _, c := range got {
		if c != want[c.Contract.Adherent] {
			t.Errorf("%+v, want %+v", c, want[c.Contract.Adherent])
		}
		delete(want, c.Contract.Adherent)
	}
	for a := range want {
		t.Errorf("%s is missing", a)
	}
	if total := d.Total(); total != (DiffPart{Renewed: 5, New: 2, Left: 1, Form: 1, People: 1, Guarantees: 2}) {
		t.Errorf("%+v", total)
	}
	noPerson(t, "the line", d.String())
	// What can't be compared.
	none := w.plan(CampaignSpec{Name: "any", Existing: true})
	open := w.plan(CampaignSpec{Name: "open", First: calendarDay("2027-01-01"), Existing: true})
	begin := w.plan(CampaignSpec{Name: "begin", Last: calendarDay("2026-12-31"), Existing: true})
	for words, pair := range map[string][2]string{
		none.ID + " has no period": {none.ID, new.ID}, "overlap": {new.ID, new.ID}, "no last day, only the first day 2027-01-01": {old.ID, open.ID},
		"no first day, only the last day 2026-12-31": {begin.ID, new.ID},
	} {
		_, err := w.issuer.DiffCampaigns(t.Context(), operatorStaff, pair[0], pair[1], nil)
		if !errors.Is(err, ErrNotComparable) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "not a campaign") {
			t.Errorf("%s: %v", words, err)
		}
	}
	if d.States != [2]CampaignState{CampaignPlanned, CampaignPlanned} {
		t.Errorf("%v", d.States)
	}
	if _, err := w.issuer.DiffCampaigns(t.Context(), operatorStaff, "261201-zzzz", new.ID, nil); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("%v", err)
	}
	stop := errors.New("stop")
	if _, err := w.issuer.DiffCampaigns(t.Context(), operatorStaff, old.ID, new.ID, func(ContractDiff) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
