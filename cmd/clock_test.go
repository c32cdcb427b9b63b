// The computer's clock, set wrong in every direction, with a restart at each step.

package cmd

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An expired card is never green, whatever the clock is turned to after the list that came after its end; and once the clock is
// right again everything works as before, without any repair: a jump into the future leaves nothing behind.
func TestTurnedClock(t *testing.T) {
	s := newShop(t)
	work := filepath.Dir(s.dir)
	code := ""
	for _, c := range s.cards {
		code = c
		break
	}
	ask := func(at time.Time) (status, reason string) {
		if err := setClock(work, at.Format(time.RFC3339)); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(filepath.Join(bin, "comptoir"), "verify", s.dir, "--json")
		c.Env, c.Stdin = s.env, strings.NewReader(code+"\n")
		out, _ := c.Output() // the exit code is the verdict's
		var d struct{ Status, Reason string }
		if err := json.Unmarshal(out, &d); err != nil {
			t.Fatalf("%s: %s: %v", at, out, err)
		}
		return d.Status, d.Reason
	}
	sync := func(at time.Time) {
		if err := setClock(work, at.Format(time.RFC3339)); err != nil {
			t.Fatal(err)
		}
		s.run(t, 0, "sceau", "publish", filepath.Join(work, "operator"), "--to", filepath.Join(work, "public"))
		s.run(t, 0, "comptoir", "sync", s.dir)
	}
	right, err := time.Parse(time.RFC3339, shopDay)
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	steps := []time.Duration{-10 * 365 * day, -365 * day, -61 * day, -30 * day, -day, -time.Hour, -11 * time.Minute,
		day, 2 * day, 4 * day, 29 * day, 31 * day, 300 * day, 365 * day, 10 * 365 * day, 72 * 365 * day}
	wrong := 0
	for _, step := range steps {
		status, reason := ask(right.Add(step))
		if step < 0 && (status != "unknown" || reason != "CLOCK_WRONG") {
			t.Errorf("clock turned back by %s: %s %s", -step, status, reason)
		}
		if step > 3*day && status == "valid" {
			t.Errorf("list %s old: %s %s", step, status, reason)
		}
		if status, reason := ask(right); status != "valid" {
			t.Errorf("clock set right after a turn of %s: %s %s", step, status, reason)
		}
		wrong++
	}
	over := right.AddDate(1, 0, 0) // 2028: the card ended with 2027
	sync(over)
	for _, step := range append(steps, 0, -time.Minute) {
		if status, reason := ask(over.Add(step)); status == "valid" || status == "reserve" {
			t.Errorf("expired card, clock turned by %s: %s %s", step, status, reason)
		}
		if status, reason := ask(over); fmt.Sprint(status, reason) != "refusedEXPIRED" {
			t.Errorf("clock set right after a turn of %s: %s %s", step, status, reason)
		}
		wrong++
	}
	// The journal has seen all those times and holds together.
	s.run(t, 0, "comptoir", "journal", "verify", s.dir)
	t.Logf("count: %d wrong clocks, none green on an expired card", wrong)
}
