// Act C: the key that signs cards is copied, and forges.

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"sceau/card"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/keystore"
)

// drillForgery is a card that the insurer never issued, under its own key.
type drillForgery struct {
	text  string
	owner *drillCard // whose guarantees it prints, for the amounts
	kind  string
}

// thiefOfKey opens the copied folder as its thief does, who has the passphrase too.
func (w *drillWorld) thiefOfKey() (*signing.Signer, error) {
	stolen := w.path("thief", "keys")
	if err := copyTree(w.path("operator", onlineName), stolen); err != nil {
		return nil, err
	}
	passphrase, err := os.ReadFile(w.path("operator", "passphrase"))
	if err != nil {
		return nil, err
	}
	store, err := keystore.Open(stolen, bytes.TrimSpace(passphrase))
	if err != nil {
		return nil, err
	}
	key, err := store.Signer("card-" + drillInsurer + "-1")
	if err != nil {
		return nil, err
	}
	return signing.NewSigner(card.Kind, key)
}

// forge makes cards with the real key: of people who are insured nowhere, in places of others, dated back, and with other amounts.
func (w *drillWorld) forge(key *signing.Signer, n int) ([]drillForgery, error) {
	dice := rand.New(rand.NewPCG(w.flags.seed, 77))
	var standing []*drillCard
	used := map[uint32]bool{}
	for _, k := range w.cards {
		p, err := card.ParsePlace(k.number)
		if err != nil {
			return nil, err
		}
		used[p.Index] = true
		if k.spare && len(k.events) == 0 {
			standing = append(standing, k)
		}
	}
	out := make([]drillForgery, 0, n)
	for i := range n {
		model := standing[dice.IntN(len(standing))]
		u, err := card.Parse(model.text)
		if err != nil {
			return nil, err
		}
		c := u.PeekUnsafe()
		c.IssuedAt = w.now.Unix()
		free := func() {
			for c.Place.Index = dice.Uint32N(card.MaxIndex); used[c.Place.Index]; c.Place.Index = dice.Uint32N(card.MaxIndex) {
			}
			used[c.Place.Index] = true
		}
		kind := []string{"stranger", "copied", "backdated", "amounts"}[i%4]
		switch kind {
		case "stranger":
			free()
			c.Adherent = fmt.Sprintf("FAUX%06d", i)
		case "backdated":
			free()
			c.IssuedAt = paris(8, 9, 0).Unix() + int64(dice.IntN(3600)) // when the genuine ones were issued
			c.Adherent = fmt.Sprintf("FAUX%06d", i)
		case "copied":
			c.Adherent = fmt.Sprintf("FAUX%06d", i)
		case "amounts":
			c.IssuedAt = w.now.Unix() - int64(dice.IntN(86400))
			for g := range c.Guarantees {
				for v := range c.Guarantees[g].Values {
					if c.Guarantees[g].Values[v].Domain == drillGlasses {
						c.Guarantees[g].Values[v].Value = rights.Guarantee{Kind: rights.Amount, Euros: 300 + dice.IntN(600)}
					}
				}
			}
		}
		if kind != "amounts" {
			for p := range c.People {
				c.People[p].Nom = "FAUSSAIRE"
			}
		}
		d, err := card.Prepare(c, key.KID())
		if err != nil {
			return nil, err
		}
		t, err := d.Seal(key)
		if err != nil {
			return nil, err
		}
		out = append(out, drillForgery{t.CodeText(), model, kind})
	}
	return out, nil
}

// stolenKey is the day of the theft.
func (w *drillWorld) stolenKey(ctx context.Context, date int) error {
	if err := w.at(paris(date, 9, 0)); err != nil {
		return err
	}
	key, err := w.thiefOfKey()
	if err != nil {
		return err
	}
	forged, err := w.forge(key, w.flags.forged)
	if err != nil {
		return err
	}
	w.forged = forged
	var list strings.Builder
	for _, f := range forged {
		fmt.Fprintf(&list, "%s\t%s\n", f.kind, f.text)
	}
	if err := os.WriteFile(w.path("thief", "forged.tsv"), []byte(list.String()), 0o600); err != nil {
		return err
	}
	// A counter whose computer is switched off from now until the return, lists of this morning.
	if err := copyTree(w.folder(w.counters[1]), w.path("asleep")); err != nil {
		return err
	}
	// Before: each forged card at one counter.
	before, accepted := int64(0), int64(0)
	if err := w.present(ctx, func(i int, c *drillCounter) bool { return i%len(w.counters) == c.number-1 }, w.counters, func(_ drillForgery, s drillSaid) {
		before++
		if s.Status == "valid" || s.Status == "reserve" {
			accepted++
		}
	}); err != nil {
		return err
	}
	cards, err := w.cardRows(ctx)
	if err != nil {
		return err
	}
	// Two hours later it is known. One command, one publication, one refresh: by mirror, and by a stick that leaves at once.
	if err := w.at(paris(date, 11, 0)); err != nil {
		return err
	}
	if w.without != "issued-list" {
		if _, err := w.do(ctx, "sceau", "keys", "compromise", w.path("operator"), "card", key.KID(), "--yes"); err != nil {
			return err
		}
	}
	if err := w.publish(ctx); err != nil {
		return err
	}
	if err := w.refresh(ctx, true); err != nil {
		return err
	}
	if err := w.at(paris(date, 11, 30)); err != nil {
		return err
	}
	after, passed, genuine, refused := int64(0), int64(0), int64(0), int64(0)
	witnesses := []*drillCounter{w.counters[0], w.counters[2]} // one by mirror, one by stick
	if err := w.present(ctx, func(int, *drillCounter) bool { return true }, witnesses, func(f drillForgery, s drillSaid) {
		after++
		if s.Status == "valid" || s.Status == "reserve" {
			passed++
			w.tally.wrong++
			if w.notes["forged_after"] == "" {
				w.notes["forged_after"] = fmt.Sprintf("a forged card (%s): %s %s", f.kind, s.Status, s.Reason)
			}
		}
	}); err != nil {
		return err
	}
	wrongBefore := w.tally.forgedWrong
	if err := w.all(witnesses, func(c *drillCounter) error {
		return w.round(ctx, c, drillAsked{cards: w.cards, domain: drillPharmacy, care: rights.DateAt(w.now), act: "C"})
	}); err != nil {
		return err
	}
	genuine, refused = int64(len(w.cards)*len(witnesses)), w.tally.forgedWrong-wrongBefore
	w.issuedBefore = len(cards)
	w.figure("C", "forged_before", accepted, before, "", "Forgées avec la vraie clé\u00a0: acceptées en deux heures", "Forged with the real key: accepted in 2 h, offline")
	w.figure("C", "forged_after", passed, after, "=0", "… acceptées après «\u00a0keys compromise\u00a0», une mise à jour", "… accepted after “keys compromise” and one refresh")
	w.figure("C", "forged_wrong", refused, genuine, "=0", "Vraies cartes de cette clé mal jugées ensuite", "Genuine cards of that key judged wrongly afterwards")
	return nil
}

// present shows forged cards at counters, and notes what was promised for them.
func (w *drillWorld) present(ctx context.Context, at func(int, *drillCounter) bool, counters []*drillCounter, told func(drillForgery, drillSaid)) error {
	care := rights.DateAt(w.now)
	return w.all(counters, func(c *drillCounter) error {
		var mine []drillForgery
		var codes []string
		for i, f := range w.forged {
			if at(i, c) {
				mine, codes = append(mine, f), append(codes, f.text)
			}
		}
		said, err := w.ask(ctx, w.folder(c), codes, drillPharmacy, care)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, s := range said {
			w.tally.scans++
			if s.Status != "" && s.Receipt != "" {
				w.tally.answered++
			}
			c.promise(s, mine[i].owner, drillPharmacy, care, c.forged, &w.tally.forgedPromised)
			told(mine[i], s)
		}
		return nil
	})
}

// asleep is the counter that was switched off before the theft was known, on the day of the return: its lists believe the forged
// cards, and the service does not.
func (w *drillWorld) wakeUp(ctx context.Context) error {
	const few = 8 // more a minute would suspend it: whoever shows so many forgeries is no pharmacy
	folder := w.path("asleep")
	var codes []string
	for _, f := range w.forged[:few] {
		codes = append(codes, f.text)
	}
	said, err := w.ask(ctx, folder, codes, drillPharmacy, rights.DateAt(w.now))
	if err != nil {
		return err
	}
	refused := int64(0)
	w.asleep = int64(len(said)) // its journal is a copy, and is not sent
	for _, s := range said {
		w.tally.scans++
		if s.Status != "" && s.Receipt != "" {
			w.tally.answered++
		}
		if s.Mode == "online" && s.Status == "refused" && s.Reason == "NOT_ISSUED" {
			refused++
		} else {
			w.note("forged_online", "%s %s %s %s", s.Mode, s.Rescue, s.Status, s.Reason)
		}
	}
	w.figure("E", "forged_online", refused, few, "=of", "Forgées, à un poste éteint depuis\u00a0: refusées en ligne", "Forged, at a counter switched off since: refused online")
	return nil
}
