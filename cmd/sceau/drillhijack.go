// Act D: one of the two mirrors is taken over, and tries everything.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// hijackPlan is what the mirror does, and the codes under which a counter may refuse it. The names of the attacks are in the table.
var hijackPlan = []struct {
	how     string
	archive int // publications back; 0 for none
	codes   []string
}{
	{mirrorReplay, 4, nil},
	{mirrorAltered, 0, nil},
	{mirrorEndless, 0, nil},
	{mirrorForeign, 0, []string{"other_root"}},
}

// hijack is a morning of the last days: the first mirror lies, the second doesn't.
func (w *drillWorld) hijack(ctx context.Context, day int) error {
	w.progress("D  miroir pris")
	bad := w.mirrors[0]
	if day > drillHijack {
		// From the second day on it stays as it was: it looks like a mirror that is merely late.
		bad.turn(mirrorFreeze, w.archive(len(w.lists)-1-(day-drillHijack)))
		return w.lied(ctx, day)
	}
	networked := w.networked()
	for _, a := range hijackPlan {
		folder := w.path("public")
		switch a.how {
		case mirrorForeign:
			folder = w.path("pirate-public")
		case mirrorReplay:
			folder = w.archive(len(w.lists) - 1 - a.archive)
		}
		bad.turn(a.how, folder)
		err := w.all(networked, func(c *drillCounter) error {
			said, err := w.trySync(ctx, c, bad.url())
			if err != nil {
				return err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.attacks++
			if said[0].OK || said[0].Code == "" {
				w.accepted++
				if w.notes["mirror_accepted"] == "" {
					w.notes["mirror_accepted"] = fmt.Sprintf("counter %d took what the mirror sent (%s)", c.number, a.how)
				}
				return nil
			}
			if w.codes[a.how] == nil {
				w.codes[a.how] = map[string]int{}
			}
			w.codes[a.how][said[0].Code]++
			return nil
		})
		if err != nil {
			return err
		}
		if err := w.at(w.now.Add(time.Minute)); err != nil {
			return err
		}
	}
	bad.turn(mirrorReplay, w.archive(len(w.lists)-2))
	return w.lied(ctx, day)
}

// lied is the morning's refresh from both mirrors at once, of which one lies.
func (w *drillWorld) lied(ctx context.Context, day int) error {
	latest := w.lists[len(w.lists)-1].at
	err := w.all(w.networked(), func(c *drillCounter) error {
		c.due = latest
		var urls []string
		for _, m := range w.sources() {
			urls = append(urls, m.url())
		}
		if _, err := w.trySync(ctx, c, urls...); err != nil {
			return err
		}
		at, err := w.listOf(ctx, c)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mornings++
		if at.Equal(latest) {
			w.moved++
		} else if w.notes["mirror_moved"] == "" {
			w.notes["mirror_moved"] = fmt.Sprintf("counter %d has the list of %s", c.number, at.Format(time.RFC3339))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !stickDays[day] {
		return nil
	}
	return w.carry(ctx)
}

func (w *drillWorld) networked() []*drillCounter {
	var out []*drillCounter
	for _, c := range w.counters {
		if !c.cut {
			out = append(out, c)
		}
	}
	return out
}

// drillSync is what comptoir sync --json says of one source.
type drillSync struct {
	OK        bool   `json:"ok"`
	Code      string `json:"code"`
	Error     string `json:"error"`
	Published string `json:"published"`
}

// trySync lets a counter sync from sources that may be bad.
func (w *drillWorld) trySync(ctx context.Context, c *drillCounter, from ...string) ([]drillSync, error) {
	args := []string{"sync", w.folder(c), "--json", "--timeout", "20s"}
	for _, f := range from {
		args = append(args, "--from", f)
	}
	out, errs, err := w.run(ctx, []int{0, 1}, "", "comptoir", args...)
	if err != nil {
		return nil, err
	}
	var all []drillSync
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var s drillSync
		if err := dec.Decode(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if len(all) != len(from) {
		return nil, fmt.Errorf("comptoir sync: %d answers for %d sources: %.300s", len(all), len(from), errs)
	}
	return all, nil
}

// listOf is the date of a counter's list.
func (w *drillWorld) listOf(ctx context.Context, c *drillCounter) (time.Time, error) {
	var status struct {
		Repositories []struct{ Published string }
	}
	if err := w.read(ctx, &status, "comptoir", "status", w.folder(c), "--json"); err != nil {
		return time.Time{}, err
	}
	if len(status.Repositories) != 1 {
		return time.Time{}, fmt.Errorf("counter %d follows %d repositories", c.number, len(status.Repositories))
	}
	return time.Parse(time.RFC3339, status.Repositories[0].Published)
}

func (w *drillWorld) hijackFigures() {
	own := map[string]bool{}
	var words string
	for _, a := range hijackPlan {
		for code := range w.codes[a.how] {
			own[code] = true
			words += " " + a.how + "=" + code
		}
	}
	w.figure("D", "mirror_accepted", w.accepted, w.attacks, "=0", "Envois du miroir pris\u00a0: acceptés", "What the hijacked mirror sent: accepted")
	w.figure("D", "mirror_codes", int64(len(own)), int64(len(hijackPlan)), "=of", "Attaques refusées, chacune avec son message", "Attacks refused with a message of their own")
	w.note("mirror_codes", "%s", words)
	w.figure("D", "mirror_moved", w.moved, w.mornings, "=of", "Listes du matin arrivées par l’autre miroir", "The morning’s lists that came by the other mirror")
	w.figure("D", "mirror_wrong", w.tally.mirrorWrong, 0, "=0", "Verdicts faux pendant ces jours", "Wrong verdicts on these days")
}
