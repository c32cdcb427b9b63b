// Before the drill's story: an operator, its cards, its counters, two mirrors, and another operator whose files will turn up.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"sceau/rights"
)

func (w *drillWorld) prepare(ctx context.Context) error {
	if err := w.people(); err != nil {
		return err
	}
	operator := w.path("operator")
	for _, args := range [][]string{
		{"init", operator, "--insurer", drillInsurer, "--name", drillInsurerName, "--phone-professionals", "01 99 00 12 34"}, // a number kept for fiction
		{"import", operator, w.path("roster.csv")},
		{"issue", operator, "--all", "--out", w.path("cards")},
		{"init", w.path("pirate"), "--insurer", "999999999", "--name", "Mutuelle Pirate"},
		{"publish", w.path("pirate"), "--to", w.path("pirate-public")},
	} {
		if _, err := w.do(ctx, "sceau", args...); err != nil {
			return err
		}
	}
	rows, err := w.cardRows(ctx)
	if err != nil {
		return err
	}
	if err := w.readCards(rows); err != nil {
		return err
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	for i := range w.mirrors {
		if w.mirrors[i], err = newDrillMirror(w.path("public")); err != nil {
			return err
		}
	}
	if err := w.serve(ctx); err != nil {
		return err
	}
	for n := 1; n <= w.flags.counters; n++ {
		finess := fmt.Sprintf("%08d", 60010000+n)
		w.counters = append(w.counters, &drillCounter{number: n, cut: n%3 == 0, finess: finess + luhn(finess), dice: rand.New(rand.NewPCG(w.flags.seed, uint64(1000+n))),
			sums: map[string]rights.Cents{}, forged: map[string]rights.Cents{}})
	}
	for _, c := range w.counters {
		if err := w.enrol(ctx, c); err != nil {
			return err
		}
	}
	if err := w.refresh(ctx, true); err != nil {
		return err
	}
	// A usual morning, with the service: fewer questions a minute than would look like a harvest.
	if err := w.at(paris(8, 10, 0)); err != nil {
		return err
	}
	return w.all(w.counters, func(c *drillCounter) error {
		return w.round(ctx, c, drillAsked{cards: w.some(c, drillOnlineRound), domain: drillPharmacy, care: rights.DateAt(w.now), online: true, act: "A"})
	})
}

// drillOnlineRound is how many patients a counter has in one minute of an online round: below the service's budgets.
const drillOnlineRound = 25

func (w *drillWorld) cardRows(ctx context.Context) ([]cardRow, error) {
	out, err := w.do(ctx, "sceau", "cards", w.path("operator"), "--json")
	if err != nil {
		return nil, err
	}
	var rows []cardRow
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var r cardRow
		if err := dec.Decode(&r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// publish publishes to the mirrors' folder and to the zip that sticks carry, and keeps a copy of each publication.
func (w *drillWorld) publish(ctx context.Context) error {
	var said struct{ Published string }
	if err := w.read(ctx, &said, "sceau", "publish", w.path("operator"), "--to", w.path("public"), "--zip", w.path("lists.zip"), "--json"); err != nil {
		return err
	}
	w.lists = append(w.lists, drillList{w.now})
	return copyTree(w.path("public"), w.archive(len(w.lists)-1))
}

// archive is the copy of a publication.
func (w *drillWorld) archive(n int) string { return w.path("archive", fmt.Sprint(n)) }

// enrol invites a counter and lets it enrol.
func (w *drillWorld) enrol(ctx context.Context, c *drillCounter) error {
	var invited struct{ Text string }
	if err := w.read(ctx, &invited, "sceau", "counter", "invite", w.path("operator"), "--finess", c.finess, "--profession", "pharmacie", "--networks", "SP",
		"--name", fmt.Sprintf("Pharmacie %d", c.number), "--address", "http://"+w.address, "--json"); err != nil {
		return err
	}
	if _, _, err := w.run(ctx, []int{0}, invited.Text, "comptoir", "enroll", w.folder(c), "-"); err != nil {
		return err
	}
	known, err := w.enrolled(ctx)
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.FINESS == c.finess && k.State == "active" {
			c.id = k.Counter
		}
	}
	if c.id == "" {
		return fmt.Errorf("counter %d is not among the enrolled", c.number)
	}
	return nil
}

// drillEnrolled is a counter as the service knows it.
type drillEnrolled struct{ Counter, FINESS, State, Why string }

func (w *drillWorld) enrolled(ctx context.Context) ([]drillEnrolled, error) {
	out, err := w.do(ctx, "sceau", "counter", "list", w.path("operator"), "--json")
	if err != nil {
		return nil, err
	}
	var all []drillEnrolled
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var k drillEnrolled
		if err := dec.Decode(&k); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// change revokes, suspends or restores cards from a day on.
func (w *drillWorld) change(ctx context.Context, verb string, cards []*drillCard, from rights.Date) error {
	if len(cards) == 0 {
		return nil
	}
	args := []string{verb, w.path("operator"), "--from", from.String(), "--file", "-"}
	var lines strings.Builder
	for _, k := range cards {
		fmt.Fprintln(&lines, k.number)
	}
	if _, _, err := w.run(ctx, []int{0}, lines.String(), "sceau", args...); err != nil {
		return err
	}
	for _, k := range cards {
		k.events = append(k.events, drillEvent{verb, w.now, from})
	}
	return nil
}

// copyTree copies a folder.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	})
}
