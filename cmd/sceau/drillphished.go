// Act A: somebody has the folder of a counter, and asks the service for as long as it answers.

package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sceau/rights"
)

const (
	// thiefLoot is how many cards the thief has photographed at most: without them the account reads nobody.
	thiefLoot = 240
	// thiefPause keeps the thief below what the service takes of one counter in the long run (5 a second), after a burst of 40.
	thiefBurst, thiefPause = 38, 220 * time.Millisecond
)

func (w *drillWorld) phished(ctx context.Context) error {
	victim := w.counters[0]
	night := paris(10, 22, 0)
	if err := w.at(night); err != nil {
		return err
	}
	thief := w.path("thief", "counter")
	if err := copyTree(w.folder(victim), thief); err != nil {
		return err
	}
	// A platform that answers whoever has an account for a name or a NIR would give everybody.
	insured := 0
	for _, k := range w.cards {
		insured += k.people
	}
	asked, told := int64(0), int64(0)
	for _, question := range []string{"/v1/rights?nir=199010100000000", "/v1/people?nom=MARTIN", "/v1/beneficiaries?adherent=00000012", "/v1/contracts?nir=199010100000000", "/v1/cards"} {
		answer, err := http.Get("http://" + w.address + question)
		if err != nil {
			return err
		}
		answer.Body.Close()
		asked++
		if answer.StatusCode == http.StatusOK {
			told++
		}
	}
	loot := make([]*drillCard, 0, thiefLoot)
	for _, i := range w.dice.Perm(len(w.cards))[:min(thiefLoot, len(w.cards))] {
		loot = append(loot, w.cards[i])
	}
	read, took, suspended, err := w.harvest(ctx, thief, victim, loot, night)
	if err != nil {
		return err
	}
	if err := w.at(w.now.Add(time.Minute).Truncate(time.Minute)); err != nil {
		return err
	}
	exposed := int64(0)
	for k := range read {
		exposed += int64(k.people)
	}
	w.exposedCards = read
	w.figure("A", "by_name", told, asked, "=0", "Questions par NIR, nom ou contrat\u00a0: réponses obtenues", "The thief's questions by NIR, name, contract: answers")
	w.figure("A", "stolen_read", int64(len(read)), int64(len(loot)), "<of", "Cartes photographiées, lues avant la suspension", "Cards photographed, read online before the suspension")
	w.figure("A", "suspended_after", int64(took/time.Second), 0, ">0", "Suspension automatique du compte, en", "The account suspended by itself after")
	w.unit("seconds")
	w.figure("A", "exposed", exposed, int64(insured), "<of", "Personnes exposées (portail de 2024\u00a0: toutes)", "People exposed (a portal of 2024: all)")
	if !suspended {
		w.note("exposed", "the thief read everything that was stolen, and was not stopped")
	}
	return w.afterThief(ctx, victim)
}

// harvest plays the thief: card after card, as fast as the service takes them, in a time that runs as real time does, because the
// service watches in real time.
func (w *drillWorld) harvest(ctx context.Context, thief string, victim *drillCounter, loot []*drillCard, night time.Time) (read map[*drillCard]bool, took time.Duration, suspended bool, err error) {
	read = map[*drillCard]bool{}
	started := time.Now()
	elapsed := func() time.Duration { return time.Since(started) }
	for next := 0; next < len(loot) && !suspended; {
		burst := 0
		if next == 0 {
			burst = thiefBurst
		}
		n, stopped, err := w.steal(ctx, thief, loot[next:], burst, func(k *drillCard) { read[k] = true }, func() error { return w.at(night.Add(elapsed())) })
		if err != nil {
			return nil, 0, false, err
		}
		next += n
		if !stopped {
			break
		}
		if took == 0 {
			took = elapsed()
		}
		if w.without != "suspension" {
			suspended = true
			break
		}
		if _, err := w.do(ctx, "sceau", "counter", "restore", w.path("operator"), victim.id); err != nil {
			return nil, 0, false, err
		}
		time.Sleep(1100 * time.Millisecond) // the service remembers a counter for a second
		if err := w.at(night.Add(elapsed())); err != nil {
			return nil, 0, false, err
		}
	}
	return read, took, suspended, nil
}

// steal asks for one card after the other in one process; it returns how many were asked, and whether the service stopped it.
func (w *drillWorld) steal(ctx context.Context, thief string, loot []*drillCard, burst int, read func(*drillCard), tick func() error) (asked int, stopped bool, err error) {
	c := w.command(ctx, "comptoir", "verify", thief, "--json", "--domain", drillPharmacy, "--on", rights.DateAt(w.now).String())
	in, err := c.StdinPipe()
	if err != nil {
		return 0, false, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, false, err
	}
	var errs strings.Builder
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		return 0, false, err
	}
	defer func() { _ = in.Close(); _, _ = io.Copy(io.Discard, out); _ = c.Wait() }()
	answers := bufio.NewReader(out)
	for i, k := range loot {
		if i >= burst {
			select {
			case <-ctx.Done():
				return i, false, ctx.Err()
			case <-time.After(thiefPause):
			}
		}
		if err := tick(); err != nil {
			return i, false, err
		}
		if _, err := io.WriteString(in, k.text+"\n"); err != nil {
			return i, false, err
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			return i, false, fmt.Errorf("the thief's comptoir: %w: %s", err, errs.String())
		}
		var s drillSaid
		if err := json.Unmarshal(line, &s); err != nil {
			return i, false, err
		}
		switch {
		case s.Mode == "online":
			read(k)
		case s.Rescue == "suspended":
			return i, true, nil
		case s.Rescue == "card_not_checked":
		default:
			return i, false, fmt.Errorf("the service did not answer the thief: %s %s %s", s.Status, s.Reason, s.Rescue)
		}
	}
	return len(loot), false, nil
}

// afterThief is the morning after: the pharmacy works from its lists, its stolen credential ends for good, and it gets a new one.
func (w *drillWorld) afterThief(ctx context.Context, victim *drillCounter) error {
	if err := w.at(paris(11, 8, 0)); err != nil {
		return err
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	if err := w.refresh(ctx, true); err != nil {
		return err
	}
	if err := w.at(paris(11, 9, 0)); err != nil {
		return err
	}
	if w.without != "suspension" {
		known, err := w.enrolled(ctx)
		if err != nil {
			return err
		}
		state := int64(0)
		for _, k := range known {
			if k.Counter == victim.id && k.State == "suspended" && strings.HasPrefix(k.Why, "budget-") {
				state++
			}
		}
		w.figure("A", "alarm", state, 1, "=of", "Alarme et suspension inscrites au registre", "Alarm and suspension in the register")
		if err := w.round(ctx, victim, drillAsked{cards: w.some(victim, drillOnlineRound), domain: drillPharmacy, care: rights.DateAt(w.now), act: "A"}); err != nil {
			return err
		}
	}
	if _, err := w.do(ctx, "sceau", "counter", "revoke", w.path("operator"), victim.id, "--why", "phishing"); err != nil {
		return err
	}
	if err := w.exposure(ctx, victim); err != nil {
		return err
	}
	root, err := w.root(ctx, victim)
	if err != nil {
		return err
	}
	if _, err := w.do(ctx, "comptoir", "enroll", w.folder(victim), "--remove", root); err != nil {
		return err
	}
	if err := w.enrol(ctx, victim); err != nil {
		return err
	}
	if err := w.at(paris(11, 9, 30)); err != nil {
		return err
	}
	return w.round(ctx, victim, drillAsked{cards: w.some(victim, drillOnlineRound), domain: drillPharmacy, care: rights.DateAt(w.now), online: true, act: "A"})
}

// root is the fingerprint that a counter follows.
func (w *drillWorld) root(ctx context.Context, c *drillCounter) (string, error) {
	var status struct {
		Repositories []struct{ Fingerprint string }
	}
	if err := w.read(ctx, &status, "comptoir", "status", w.folder(c), "--json"); err != nil {
		return "", err
	}
	if len(status.Repositories) != 1 {
		return "", fmt.Errorf("counter %d follows %d repositories", c.number, len(status.Repositories))
	}
	return status.Repositories[0].Fingerprint, nil
}

// exposure asks the register whom the stolen credential read that night, and compares it with what the thief saw.
func (w *drillWorld) exposure(ctx context.Context, victim *drillCounter) error {
	out := w.path("exposition")
	if _, err := w.do(ctx, "sceau", "exposure", w.path("operator"), "--counter", victim.id, "--from", paris(10, 21, 0).Format(time.RFC3339),
		"--until", paris(11, 6, 0).Format(time.RFC3339), "--discovered", paris(11, 8, 0).Format(time.RFC3339), "--contact", "la déléguée de l’exercice, 01 99 00 12 34", "--out", out); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(out, "personnes.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		return err
	}
	adherent, read := slices.Index(rows[0], "N° d’adhérent"), slices.Index(rows[0], "Lecture enregistrée")
	if adherent < 0 || read < 0 {
		return fmt.Errorf("personnes.csv has other columns than the drill knows: %q", rows[0])
	}
	named := map[string]int64{}
	for _, row := range rows[1:] {
		if row[read] != "" {
			named[row[adherent]]++
		}
	}
	var right, all int64
	for k := range w.exposedCards {
		all += int64(k.people)
		if named[k.adherent] == int64(k.people) {
			right += int64(k.people)
		} else {
			w.note("exposure", "%d people of a contract are named, %d were read", named[k.adherent], k.people)
		}
		delete(named, k.adherent)
	}
	for _, n := range named { // nobody too many either
		right -= n
		w.note("exposure", "people are named whom nobody read")
	}
	w.figure("A", "exposure", right, all, "=of", "Personnes nommées à l’autorité («\u00a0sceau exposure\u00a0»)", "People named to the authority (“sceau exposure”)")
	return nil
}
