// One counter of a drill: its folder, its scans, and its judge.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sceau/rights"
)

// drillCounter is a pharmacy.
type drillCounter struct {
	number int
	cut    bool   // no network during the outage: lists come by stick
	id     string // at the service
	finess string
	dice   *rand.Rand
	due    time.Time               // the list that it must have by now, whatever it has: moment of its publication
	sums   map[string]rights.Cents // by number of the receipt: what was promised for it
	forged map[string]rights.Cents // the same, for cards that the thief made
	scans  int64
}

func (w *drillWorld) folder(c *drillCounter) string { return w.path("counters", fmt.Sprint(c.number)) }

// drillSaid is what comptoir verify --json says, as far as a drill looks.
type drillSaid struct {
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Mode    string `json:"mode"`
	Rescue  string `json:"rescue_reason"`
	Receipt string `json:"receipt"`
	Drill   bool   `json:"drill"`
	Words   struct {
		Headline string `json:"headline"`
	} `json:"words"`
	Payment *struct {
		Until string `json:"until"`
		Euros int64  `json:"euros"`
	} `json:"payment"`
}

// ask puts codes to a counter in one process, and returns an answer for each.
func (w *drillWorld) ask(ctx context.Context, folder string, codes []string, domain string, care rights.Date, flags ...string) ([]drillSaid, error) {
	args := append([]string{"verify", folder, "--json", "--domain", domain, "--on", care.String()}, flags...)
	out, errs, err := w.run(ctx, []int{0, 1, 3, 4}, strings.Join(codes, "\n")+"\n", "comptoir", args...)
	if err != nil {
		return nil, err
	}
	var all []drillSaid
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var s drillSaid
		if err := dec.Decode(&s); err != nil {
			return nil, fmt.Errorf("comptoir verify: %w: %.200s", err, out)
		}
		if !s.Drill || !strings.HasPrefix(s.Words.Headline, "EXERCICE") {
			return nil, errors.New("comptoir verify: a verdict of the drill does not say so")
		}
		all = append(all, s)
	}
	if len(all) != len(codes) {
		return nil, fmt.Errorf("comptoir verify: %d verdicts for %d codes: %.300s%.300s", len(all), len(codes), errs, out)
	}
	return all, nil
}

// drillAsked is one round of patients at a counter.
type drillAsked struct {
	cards  []*drillCard
	domain string
	care   rights.Date
	online bool // the service must answer
	act    string
	flags  []string
}

// serveRound lets a counter serve patients, and judges each answer.
func (w *drillWorld) round(ctx context.Context, c *drillCounter, q drillAsked) error {
	if len(q.cards) == 0 {
		return nil
	}
	codes := make([]string, len(q.cards))
	for i, k := range q.cards {
		codes[i] = k.text
	}
	said, err := w.ask(ctx, w.folder(c), codes, q.domain, q.care, q.flags...)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range said {
		w.judge(c, q, q.cards[i], s)
	}
	return nil
}

// judge compares one answer with the oracle. w.mu is held.
func (w *drillWorld) judge(c *drillCounter, q drillAsked, k *drillCard, s drillSaid) {
	t := &w.tally
	t.scans++
	c.scans++
	if s.Status != "" && s.Receipt != "" {
		t.answered++
	}
	known, mode := c.due, "offline"
	if q.online {
		known, mode = w.now, "online"
	}
	want := k.expected(q.domain, q.care, w.now, known)
	wrong := s.Status != want.status || s.Reason != want.reason || s.Mode != mode
	if wrong {
		t.wrong++
		switch q.act {
		case "B":
			t.outageWrong++
		case "C":
			t.forgedWrong++
		case "D":
			t.mirrorWrong++
		}
		if code := "wrong"; w.notes[code] == "" {
			w.notes[code] = fmt.Sprintf("%s, counter %d, card %s, %s on %s: %s %s %s %s, want %s %s %s", w.now.Format("02/01 15:04"), c.number, k.number, q.domain, q.care,
				s.Status, s.Reason, s.Mode, s.Rescue, want.status, want.reason, mode)
		}
	}
	if q.act == "B" {
		t.outageScans++
	}
	if k.ended(q.care, w.now) {
		t.endedAsked++
		if s.Status == "refused" {
			t.endedRefused++
		} else {
			t.endedLate++
		}
	}
	c.promise(s, k, q.domain, q.care, c.sums, &t.promised)
}

// promise notes what a pharmacist advances who was told that it will be paid: the AMC's part of a basket between 5 and 80 euros,
// up to the ceiling that the answer names.
func (c *drillCounter) promise(s drillSaid, k *drillCard, domain string, care rights.Date, sums map[string]rights.Cents, total *rights.Cents) {
	spent, class := rights.Cents(500+c.dice.IntN(7500)), []int{65, 65, 30, 15}[c.dice.IntN(4)]
	if s.Payment == nil || s.Receipt == "" || domain != drillPharmacy {
		return
	}
	amount := k.share(spent, class, care)
	if s.Payment.Euros > 0 {
		amount = min(amount, rights.Cents(s.Payment.Euros)*100)
	}
	sums[s.Receipt] += amount
	*total += amount
}

// some draws cards for a day: anybody's, and those whose rights the drill ended or changed, who are met more often than in life.
func (w *drillWorld) some(c *drillCounter, n int) []*drillCard {
	var touched []*drillCard
	for _, k := range w.cards {
		if len(k.events) > 0 {
			touched = append(touched, k)
		}
	}
	var out []*drillCard
	for i := range n {
		if i%3 == 0 && len(touched) > 0 {
			out = append(out, touched[c.dice.IntN(len(touched))])
		} else {
			out = append(out, w.cards[c.dice.IntN(len(w.cards))])
		}
	}
	return out
}

// sync brings a counter's lists home, from one source.
func (w *drillWorld) sync(ctx context.Context, c *drillCounter, from string) error {
	_, err := w.do(ctx, "comptoir", "sync", w.folder(c), "--from", from)
	return err
}

// refresh is a morning: each counter with a network asks the mirrors, the others have a stick on its days.
func (w *drillWorld) refresh(ctx context.Context, stick bool) error {
	latest := w.lists[len(w.lists)-1].at
	err := w.all(w.networked(), func(c *drillCounter) error {
		c.due = latest
		for _, m := range w.sources() {
			if err := w.sync(ctx, c, m.url()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !stick {
		return err
	}
	return w.carry(ctx)
}

// carry brings the newest lists to the counters without a network. They are due there by now, whether anybody carries them or not.
func (w *drillWorld) carry(ctx context.Context) error {
	b, err := os.ReadFile(w.path("lists.zip"))
	if err != nil {
		return err
	}
	return w.all(w.counters, func(c *drillCounter) error {
		if !c.cut {
			return nil
		}
		c.due = w.lists[len(w.lists)-1].at
		if w.without == "stick" && w.serving == nil {
			return nil
		}
		stick := w.path("usb", fmt.Sprint(c.number))
		if err := os.MkdirAll(stick, 0o700); err != nil {
			return err
		}
		name := filepath.Join(stick, "listes.zip")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			return err
		}
		return w.sync(ctx, c, name)
	})
}

// sources are the mirrors that counters follow.
func (w *drillWorld) sources() []*drillMirror {
	if w.without == "mirrors" {
		return w.mirrors[:1]
	}
	return w.mirrors[:]
}

// luhn is the key of a FINESS.
func luhn(s string) string {
	sum := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return fmt.Sprint((10 - sum%10) % 10)
}
