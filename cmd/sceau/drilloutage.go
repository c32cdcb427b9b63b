// Act B: ten days without the service. Acts C and D happen in the middle of them.

package main

import (
	"context"

	"sceau/rights"
)

// Days of January 2024, and of the outage (1 to 10).
const (
	drillCut      = 14 // the evening
	drillDays     = 10
	drillTheft    = 6
	drillHijack   = 8
	drillPatients = 30 // of each counter in a round
)

// stickDays are those on which somebody drives to the counters without a network.
var stickDays = map[int]bool{2: true, 5: true, 8: true}

func (w *drillWorld) outage(ctx context.Context) error {
	if err := w.at(paris(drillCut, 18, 0)); err != nil {
		return err
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	if err := w.refresh(ctx, true); err != nil {
		return err
	}
	w.unplug()
	for day := 1; day <= drillDays; day++ {
		if err := w.day(ctx, day); err != nil {
			return err
		}
	}
	w.outageFigures()
	return nil
}

// day is one day of the outage.
func (w *drillWorld) day(ctx context.Context, day int) error {
	date := drillCut + day
	if err := w.at(paris(date, 8, 0)); err != nil {
		return err
	}
	if day == 1 {
		if err := w.notice(ctx); err != nil {
			return err
		}
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	if err := w.at(paris(date, 8, 30)); err != nil {
		return err
	}
	act := "B"
	if day >= drillHijack {
		act = "D"
		if err := w.hijack(ctx, day); err != nil {
			return err
		}
	} else if err := w.refresh(ctx, stickDays[day]); err != nil {
		return err
	}
	if day == 2 {
		if err := w.noticed(ctx); err != nil {
			return err
		}
	}
	if day == drillTheft {
		act = "C"
		w.progress("C  clé copiée")
		if err := w.stolenKey(ctx, date); err != nil {
			return err
		}
	} else {
		w.progress("B  la panne")
	}
	today := rights.DateAt(w.now)
	if err := w.at(paris(date, 14, 0)); err != nil {
		return err
	}
	err := w.all(w.counters, func(c *drillCounter) error {
		for _, q := range []drillAsked{
			{cards: w.some(c, drillPatients), domain: drillPharmacy, care: today},
			{cards: w.some(c, drillPatients/3), domain: drillPharmacy, care: today - rights.Date(1+c.dice.IntN(4))},
			{cards: w.some(c, drillPatients/5), domain: drillGlasses, care: today},
		} {
			q.act = act
			if err := w.round(ctx, c, q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.evening(ctx, day, date)
}

// evening is when rights end: cards are revoked from today on, suspended from tomorrow on, and some are restored.
func (w *drillWorld) evening(ctx context.Context, day, date int) error {
	if err := w.at(paris(date, 17, 0)); err != nil {
		return err
	}
	today := rights.DateAt(w.now)
	var fresh, held []*drillCard
	for _, i := range w.dice.Perm(len(w.cards)) {
		k := w.cards[i]
		switch {
		case !k.spare:
		case len(k.events) == 0:
			fresh = append(fresh, k)
		case k.events[len(k.events)-1].verb == "suspend":
			held = append(held, k)
		}
	}
	n := max(3, len(w.cards)/60)
	n = min(n, len(fresh)/4)
	if err := w.change(ctx, "revoke", fresh[:n], today); err != nil {
		return err
	}
	if day%2 == 1 {
		if err := w.change(ctx, "suspend", fresh[n:2*n], today+1); err != nil {
			return err
		}
	}
	if day == 6 {
		return w.change(ctx, "restore", held[:len(held)/2], today)
	}
	return nil
}

func (w *drillWorld) outageFigures() {
	t := &w.tally
	w.figure("B", "outage_wrong", t.outageWrong, t.outageScans, "=0", "Verdicts faux pendant la panne, hors actes C et D", "Wrong verdicts during the outage, acts C and D apart")
	w.figure("B", "ended_refused", t.endedRefused, t.endedAsked, ">0", "Scans après une fin de droits\u00a0: refusés", "Scans after the end of rights: refused")
	w.figure("B", "ended_late", t.endedLate, t.endedAsked, "", "… acceptés avant la liste suivante, et payés", "… accepted before the next list came, and paid")
}
