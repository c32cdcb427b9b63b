// The people of a drill, and the oracle: what each of their cards is worth on a day, worked out from the roster and from what the
// drill did, without any code that judges cards.

package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"sceau/fixtures/gen"
	"sceau/rights"
)

// drillCard is a household's card, and all that happens to it.
type drillCard struct {
	adherent string
	people   int
	from, to rights.Date // of the contract
	cells    map[string]string
	number   string // "3-583021"
	text     string
	events   []drillEvent
	spare    bool // nothing happens to it by the drill's hand
}

// drillEvent is what the drill did to a card, by the command line.
type drillEvent struct {
	verb string // revoke, suspend, restore
	at   time.Time
	from rights.Date
}

// drillList is one publication.
type drillList struct {
	at time.Time
}

// drillDomains are asked for: medicines, and glasses, for which a prise en charge must be asked.
const drillPharmacy, drillGlasses = "PHAR", "OPTI"

// people draws households and writes the roster. One in twelve contracts begins in February, one in twelve ends on
// 20 January, in the middle of the outage, and one in ten has no tiers payant for medicines.
func (w *drillWorld) people() error {
	p, err := gen.New(w.flags.seed, gen.Options{Households: w.flags.cards, Insurers: 1, From: paris2024, To: paris2024 + 365})
	if err != nil {
		return err
	}
	f, err := os.Create(w.path("roster.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	out := csv.NewWriter(f)
	out.Comma = ';'
	_ = out.Write([]string{"amc", "adherent", "responsable", "debut", "fin", "nir", "nom", "prenom", "naissance", "rang", drillPharmacy, drillGlasses, "HOSP"})
	i := 0
	for c := range p.Contracts() {
		k := &drillCard{adherent: c.Adherent, people: len(c.Beneficiaries), from: paris2024, to: paris2024 + 365,
			cells: map[string]string{drillPharmacy: []string{"100/100/15", "100/65/15", "100%"}[i%3], drillGlasses: "PEC", "HOSP": "100%"}}
		switch {
		case i%12 == 5:
			k.from = paris2024 + 31
		case i%12 == 9:
			k.to = paris2024 + 19
		case i%10 == 7:
			k.cells[drillPharmacy] = "-"
		default:
			k.spare = true
		}
		for _, b := range c.Beneficiaries {
			_ = out.Write([]string{drillInsurer, c.Adherent, "O", k.from.French(), k.to.French(), b.NIR, b.Nom, b.Prenom, b.Birth.French(),
				strconv.Itoa(b.Rang), k.cells[drillPharmacy], k.cells[drillGlasses], k.cells["HOSP"]})
		}
		w.cards = append(w.cards, k)
		i++
	}
	out.Flush()
	return out.Error()
}

// paris2024 is 1 January 2024.
var paris2024 = rights.DateAt(time.Date(2024, time.January, 1, 12, 0, 0, 0, rights.Paris()))

// readCards takes the card of each household from what the issuer said.
func (w *drillWorld) readCards(rows []cardRow) error {
	by := map[string]*drillCard{}
	for _, k := range w.cards {
		by[k.adherent] = k
	}
	for _, r := range rows {
		k := by[r.Adherent]
		if k == nil || k.number != "" {
			return fmt.Errorf("a card that nobody asked for: %s", r.Card)
		}
		b, err := os.ReadFile(w.path("cards", r.Card+".txt"))
		if err != nil {
			return err
		}
		k.number, k.text = r.Card, strings.TrimSpace(string(b))
	}
	for _, k := range w.cards {
		if k.number == "" {
			return fmt.Errorf("a household without a card")
		}
	}
	return nil
}

// drillVerdict is what an answer must say.
type drillVerdict struct {
	status, reason string
}

// Limits of the outage policy that the drill's insurer has, in its own words: the default one.
const (
	drillReserve        = 72 * time.Hour
	drillGlassesReserve = 24 * time.Hour
)

// expected is the verdict on a card for a counter that knows what happened until a moment: that of its list (published), or now
// for one that asks online.
func (k *drillCard) expected(domain string, care rights.Date, now, known time.Time) drillVerdict {
	if care < k.from {
		return drillVerdict{"refused", "NOT_YET"}
	}
	if care > k.to {
		return drillVerdict{"refused", "EXPIRED"}
	}
	end, later := "", false // on the day of care; after it
	for _, e := range k.events {
		reason := map[string]string{"revoke": "REVOKED", "suspend": "SUSPENDED", "restore": ""}[e.verb]
		switch {
		case e.at.After(known): // nobody told this counter
		case care >= e.from:
			end, later = reason, false
		default:
			later = reason != ""
		}
	}
	if end != "" {
		return drillVerdict{"refused", end}
	}
	cell := k.cells[domain]
	if cell == "-" {
		return drillVerdict{"refused", "NOT_COVERED"}
	}
	reserve := drillReserve
	if domain == drillGlasses {
		reserve = drillGlassesReserve
	}
	switch {
	case now.Sub(known) > reserve:
		return drillVerdict{"reserve", "STALE_LIST"}
	case later:
		return drillVerdict{"valid", "BEFORE_REVOCATION"}
	case cell == "PEC":
		return drillVerdict{"valid", "OK_PEC"}
	}
	return drillVerdict{"valid", "OK"}
}

// ended says whether the drill ended a card's rights for a day of care, whoever knows it.
func (k *drillCard) ended(care rights.Date, now time.Time) bool {
	v := k.expected("HOSP", care, now, now)
	return v.reason == "REVOKED" || v.reason == "SUSPENDED"
}

// share is the AMC's part of a basket of medicines, by the calculator: what the pharmacist advances for the insurer.
func (k *drillCard) share(spent rights.Cents, class int, care rights.Date) rights.Cents {
	g, err := rights.ParseGuarantee(k.cells[drillPharmacy])
	if err != nil {
		return 0
	}
	s, err := rights.DefaultShareRules().Share(rights.ShareQuestion{Spent: spent, Base: spent, Class: class, Regime: rights.RegimeGeneral, Guarantee: g, At: care})
	if err != nil {
		return 0
	}
	return s.AMC
}
