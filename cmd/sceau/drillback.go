// Act E: the service is back; journals go up, and what was promised is settled.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sceau/rights"
)

func (w *drillWorld) back(ctx context.Context) error {
	w.hijackFigures()
	if err := w.at(paris(drillCut+drillDays+1, 8, 0)); err != nil {
		return err
	}
	for _, m := range w.mirrors {
		m.turn(mirrorHonest, w.path("public"))
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	if err := w.serve(ctx); err != nil {
		return err
	}
	if err := w.at(w.now.Add(time.Hour)); err != nil {
		return err
	}
	if err := w.wakeUp(ctx); err != nil {
		return err
	}
	for _, c := range w.counters { // every network is back
		c.cut = false
	}
	if err := w.refresh(ctx, false); err != nil {
		return err
	}
	if err := w.at(w.now.Add(time.Hour)); err != nil {
		return err
	}
	wrong, scans := w.tally.wrong, w.tally.scans
	if err := w.all(w.counters, func(c *drillCounter) error {
		return w.round(ctx, c, drillAsked{cards: w.some(c, drillOnlineRound), domain: drillPharmacy, care: rights.DateAt(w.now), online: true, act: "E"})
	}); err != nil {
		return err
	}
	w.figure("E", "back_wrong", w.tally.wrong-wrong, w.tally.scans-scans, "=0", "Verdicts faux, de nouveau en ligne", "Wrong verdicts, online again")
	if err := w.at(w.now.Add(time.Hour)); err != nil {
		return err
	}
	return w.settle(ctx)
}

// drillSettled is what a counter's journal says of itself after it was sent.
type drillSettled struct {
	Records []struct {
		Number  string
		Settled struct{ Answer, Reason string }
	}
}

// settle sends every journal, twice, and compares what the counters were told with what they are paid.
func (w *drillWorld) settle(ctx context.Context) error {
	entries, settled, twice, honoured, disputed := int64(0), int64(0), int64(0), int64(0), int64(0)
	var forgedUnpaid rights.Cents
	if err := w.all(w.counters, func(c *drillCounter) error {
		folder := w.folder(c)
		if w.without == "journal" {
			names, err := filepath.Glob(filepath.Join(folder, "journal.db*"))
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := os.Remove(name); err != nil {
					return err
				}
			}
		}
		again := int64(0)
		answers := map[string]string{}
		if w.without != "journal" {
			sent, err := w.send(ctx, c)
			if err != nil {
				return err
			}
			if again, err = w.send(ctx, c); err != nil {
				return err
			}
			out, err := w.do(ctx, "comptoir", "journal", "export", folder, "--format", "json")
			if err != nil {
				return err
			}
			var all drillSettled
			if err := json.Unmarshal(out, &all); err != nil {
				return err
			}
			for _, r := range all.Records {
				answers[r.Number] = r.Settled.Answer
				if r.Settled.Answer == "disputed" {
					w.note("unpaid", "counter %d, proof %s: disputed, %s", c.number, r.Number, r.Settled.Reason)
				}
			}
			w.mu.Lock()
			entries += sent
			w.mu.Unlock()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		twice += again
		for _, answer := range answers {
			if answer != "" {
				settled++
			}
			switch answer {
			case "honoured":
				honoured++
			case "disputed":
				disputed++
			}
		}
		for number, amount := range c.sums {
			if answers[number] != "honoured" {
				w.tally.unpaid += amount
			}
		}
		for number, amount := range c.forged {
			if answers[number] != "honoured" {
				forgedUnpaid += amount
			}
		}
		return nil
	}); err != nil {
		return err
	}
	w.figure("E", "settled", settled, w.tally.answered-w.asleep, "=of", "Vérifications des journaux réglées, une seule fois", "Checks in the journals, settled exactly once")
	w.figure("E", "twice", twice, entries, "=0", "Entrées comptées deux fois, si tout est renvoyé", "Entries counted twice, when all is sent again")
	w.figure("E", "honoured", honoured, honoured+disputed, "", "Promesses de paiement tenues", "Promises of payment kept")
	w.figure("E", "promised", int64(w.tally.promised+w.tally.forgedPromised), 0, ">0", "Euros promis aux pharmaciens", "Euros promised to pharmacists")
	w.unit("cents")
	w.tally.unpaid += forgedUnpaid
	w.figure("E", "forged_euros", int64(w.tally.forgedPromised), 0, "", "… dont cartes forgées, à la charge de l’organisme", "… of which forged cards, borne by the insurer")
	w.unit("cents")
	return w.sound(ctx)
}

// send sends a counter's journal, and returns how many entries went.
func (w *drillWorld) send(ctx context.Context, c *drillCounter) (int64, error) {
	out, err := w.do(ctx, "comptoir", "journal", "send", w.folder(c), "--json")
	if err != nil {
		return 0, err
	}
	sent := int64(0)
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var s struct {
			OK   bool
			Sent int64
		}
		if err := dec.Decode(&s); err != nil {
			return 0, err
		}
		if !s.OK {
			return 0, fmt.Errorf("counter %d: the journal was not taken: %.300s", c.number, out)
		}
		sent += s.Sent
	}
	return sent, nil
}

// sound lets both programs look for damage in what they keep.
func (w *drillWorld) sound(ctx context.Context) error {
	checks, fine := int64(0), int64(0)
	try := func(program string, args ...string) error {
		checks++
		_, _, err := w.run(ctx, []int{0}, "", program, args...)
		var exit *drillExit
		switch {
		case err == nil:
			fine++
			return nil
		case asExit(err, &exit):
			w.note("sound", "%s", exit)
			return nil
		}
		return err
	}
	for _, args := range [][]string{{"fsck", w.path("operator"), "--public", w.path("public")}, {"audit", "verify", w.path("operator")}} {
		if err := try("sceau", args...); err != nil {
			return err
		}
	}
	for _, c := range w.counters {
		for _, args := range [][]string{{"fsck", w.folder(c)}, {"journal", "verify", w.folder(c)}} {
			if w.without == "journal" && args[0] == "journal" {
				continue
			}
			if err := try("comptoir", args...); err != nil {
				return err
			}
		}
	}
	rows, err := w.cardRows(ctx)
	if err != nil {
		return err
	}
	w.reprinted = int64(len(rows) - w.issuedBefore)
	w.figure("E", "sound", fine, checks, "=of", "Contrôles du registre, de l’audit, des journaux", "Checks of register, audit, journals")
	return nil
}

// summary is the head of the table.
func (w *drillWorld) summary() {
	t := w.tally
	var people drillFigure
	var rest []drillFigure
	for _, f := range w.figures {
		if f.Code == "exposed" {
			people = f
		} else {
			rest = append(rest, f)
		}
	}
	w.figures = nil
	w.figure("", "answered", t.answered, t.scans, "=of", "Scans aux comptoirs, répondus et inscrits", "Scans at the counters, each answered and recorded")
	w.figure("", "wrong", t.wrong, 0, "=0", "Verdicts faux", "Wrong verdicts")
	people.Act = ""
	w.figures = append(w.figures, people)
	w.figure("", "reprinted", w.reprinted, int64(len(w.cards)), "=0", "Cartes à réimprimer", "Cards to print again")
	w.figure("", "unpaid", int64(t.unpaid), 0, "=0", "Euros promis et restés impayés, de bonne foi", "Euros promised and left unpaid, in good faith")
	w.unit("cents")
	w.figures = append(w.figures, rest...)
}
