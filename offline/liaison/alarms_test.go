// What a service finds in a journal is remembered up to a bound.
package liaison_test

import (
	"testing"

	"sceau/offline/liaison"
)

// A service that finds fault with everything fills no memory: each alarm is kept once, and no more than can be shown.
func TestAlarmsAreBounded(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	for n := range uint64(900) {
		s.alarms = append(s.alarms, liaison.Alarm{Code: "GAP", From: n / 2, To: n / 2})
	}
	run := sender(s, c, newBook(chainOf(t, 3, "")))
	sent, err := run.Send(t.Context(), nil)
	if err != nil || sent.Entries != 3 {
		t.Fatalf("%+v %v", sent, err)
	}
	st, _ := run.State()
	if len(sent.Alarms) != 50 || len(st.Alarms) != 50 || sent.Alarms[1].From != 1 {
		t.Errorf("%d alarms sent back, %d remembered", len(sent.Alarms), len(st.Alarms))
	}
}
