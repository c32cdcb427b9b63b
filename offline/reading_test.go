// Reading: one card for several questions, none of which leaves anything behind for the next.

package offline_test

import (
	"reflect"
	"testing"

	"sceau/offline"
)

func TestReading(t *testing.T) {
	w := newWorld(t)
	text := w.issue(t, mutuelle, mutuelle, home, nil)
	reading := offline.Read(w, text)
	if reading.Card() == nil || reading.Card().Place() != home {
		t.Fatal("an authentic card was not read")
	}
	questions := 0
	for range 2 {
		for _, domain := range []string{"", "PHAR", "OPTI", "ZZZZ"} {
			for _, care := range []string{"2026-01-01", "2027-03-02", "2027-03-09", "2030-01-01"} {
				for person := range 4 {
					q := offline.Query{Domain: domain, Person: person, Care: day(t, care), Now: w.now}
					got := reading.Judge(w, q)
					q.Text = text
					want := offline.Read(w, text).Judge(w, q)
					got.Card, want.Card = nil, nil
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%+v: got %+v, want %+v", q, got, want)
					}
					questions++
				}
			}
		}
	}
	if questions == 0 {
		t.Fatal("nothing was asked")
	}
	for bad, want := range map[string]offline.Reason{"": offline.Unreadable, text[:30]: offline.Unreadable,
		w.issue(t, mutuelle, other, home, nil): offline.WrongInsurer} {
		r := offline.Read(w, bad)
		v := r.Judge(w, offline.Query{Domain: "PHAR", Now: w.now})
		if r.Card() != nil || v.Reason != want || v.Domain != "PHAR" || v.Care != day(t, "2027-03-02") || len(v.People) != 0 {
			t.Errorf("%.10q: %+v", bad, v)
		}
	}
}
