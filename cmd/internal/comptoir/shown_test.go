package comptoir

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sceau/card"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing/trust"
)

// What the desk shows of a list's age is what its verdicts go by: the limits of the domains that this counter invoices.
func TestStrictestLimits(t *testing.T) {
	o := card.OutagePolicy{Default: card.Limits{ReserveHours: 24, RefuseHours: 72}, Domains: map[string]card.Limits{
		"PHAR": {ReserveHours: 12, RefuseHours: 96}, "LABO": {ReserveHours: 30, RefuseHours: 36}, "DENT": {ReserveHours: 1, RefuseHours: 2}}}
	for _, c := range []struct {
		own             []string
		reserve, refuse int
	}{
		{nil, 24, 72}, {[]string{"PHAR"}, 12, 96}, {[]string{"PHAR", "LABO"}, 12, 36}, {[]string{"LABO"}, 30, 36}, {[]string{"OPTI"}, 24, 72}, {[]string{"LABO", "OPTI"}, 24, 36},
	} {
		if reserve, refuse := strictest(o, c.own); reserve != c.reserve || refuse != c.refuse {
			t.Errorf("%v: %d, %d; want %d, %d", c.own, reserve, refuse, c.reserve, c.refuse)
		}
	}
}

// Under a refusal or an unknown nobody looks covered, and nobody is said not to be when that is not the reason.
func TestDescribe(t *testing.T) {
	full, err := rights.ParseGuarantee("100%")
	if err != nil {
		t.Fatal(err)
	}
	covered, written, none := offline.Person{Covered: true, Value: full}, offline.Person{Value: full}, offline.Person{}
	for name, c := range map[string]struct {
		status offline.Status
		reason offline.Reason
		domain string
		person offline.Person
		want   string
	}{
		"open":           {offline.Valid, offline.OK, "PHAR", covered, " : PHAR 100%"},
		"reserve":        {offline.Reserve, offline.StaleList, "PHAR", covered, " : PHAR 100%"},
		"not this one":   {offline.Valid, offline.OK, "PHAR", written, " : PHAR non couvert à cette date"},
		"card alone":     {offline.Valid, offline.OK, "", covered, ""},
		"gone":           {offline.Valid, offline.OK, "", none, " : non couvert(e) à cette date"},
		"revoked":        {offline.Refused, offline.Revoked, "PHAR", written, " : inscrit sur la carte, PHAR 100%"},
		"revoked, alone": {offline.Refused, offline.Revoked, "", written, ""},
		"unknown":        {offline.Unknown, offline.ListMissing, "PHAR", written, " : inscrit sur la carte, PHAR 100%"},
		"nothing there":  {offline.Refused, offline.Revoked, "PHAR", none, ""},
		"not covered":    {offline.Refused, offline.NotCovered, "PHAR", none, " : PHAR non couvert à cette date"},
	} {
		got := labels[offline.French].describe(offline.Verdict{Status: c.status, Reason: c.reason, Domain: c.domain}, c.person)
		if _, after, _ := strings.Cut(got, "né(e) le "); strings.TrimLeft(after, "0123456789/") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The desk has no terminal: what it advises names no command and no flag.
func TestDeskNamesNoCommand(t *testing.T) {
	families := []error{errors.New("other"), trust.ErrUnreachable, trust.ErrNotFound}
	for _, known := range troubles {
		families = append(families, known.family)
	}
	for _, lang := range []offline.Language{offline.French, offline.English} {
		for _, family := range families {
			said := explain(fmt.Errorf("x: %w", family), lang)
			for _, word := range []string{"« comptoir", "“comptoir", "--", "fsck"} {
				if said.What == "" || said.Todo == "" || strings.Contains(said.What+said.Todo, word) {
					t.Errorf("%s %s: %s; %s", lang, said.Code, said.What, said.Todo)
				}
			}
		}
	}
	for code := range deskTodos {
		if _, ok := english[code]; !ok {
			t.Errorf("%s is no code", code)
		}
	}
}
