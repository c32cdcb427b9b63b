// The part of Fsck that looks at cards, the sign log and the events.

package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/journal"
)

// fsckPage is how many rows are read at a time.
const fsckPage = 2000

// audit walks the chain, through the head that the last publication was made after.
func (c *checker) audit(tx register.Tx) error {
	var known []journal.Head
	p, err := tx.LastPublication()
	switch {
	case err == nil:
		known = append(known, p.Audit)
	case !errors.Is(err, register.ErrNotFound):
		return err
	}
	end, err := register.CheckAudit(tx, known...)
	var fault *journal.Fault
	if errors.As(err, &fault) {
		return c.found(FoundAudit, fmt.Sprintf("audit %d", fault.Seq), "%v", fault.What)
	}
	c.report.AuditEntries = int64(end.Seq)
	return err
}

// signLog looks for gaps, and for entries that are not those that the audit chain speaks of.
func (c *checker) signLog(tx register.Tx) error {
	var seq int64
	digests := map[int64][sha256.Size]byte{}
	for {
		entries, err := tx.SignLogAfter(seq, fsckPage)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			if e.Seq != seq+1 {
				if err := c.found(FoundSignLogGap, fmt.Sprintf("sign log %d", seq+1), "missing"); err != nil {
					return err
				}
			}
			seq = e.Seq
			digests[seq] = e.Digest
			c.report.Signatures++
		}
	}
	var spoken int64
	for n := uint64(0); ; {
		entries, err := tx.AuditAfter(n, fsckPage)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			n = e.Seq
			r, err := register.ReadAudit(e)
			if err != nil || (r.Act != "issue.log" && r.Act != "issue.resume") {
				continue // a body that is no record breaks the chain, and is found there
			}
			var l logged
			if err := json.Unmarshal(r.Detail, &l); err != nil || l.First != spoken+1 || l.Last < l.First {
				if err := c.found(FoundAuditDetail, fmt.Sprintf("audit %d", n), "does not continue the sign log at %d", spoken+1); err != nil {
					return err
				}
				continue
			}
			spoken = l.Last
			h := sha256.New()
			for i := l.First; i <= l.Last; i++ {
				d := digests[i]
				h.Write(d[:])
				delete(digests, i)
			}
			if hex.EncodeToString(h.Sum(nil)) != l.Digests {
				if err := c.found(FoundAuditDetail, fmt.Sprintf("audit %d", n), "entries %d to %d of the sign log were altered", l.First, l.Last); err != nil {
					return err
				}
			}
		}
	}
	if len(digests) > 0 {
		return c.found(FoundAuditDetail, "sign log", "%d entries that the audit chain does not speak of", len(digests))
	}
	return nil
}

// stander is a standing card of a contract.
type stander struct {
	place    card.Place
	from, to rights.Date
	who      string // "" for the household
}

// history is what the events say.
type history struct {
	last      map[card.Place]status.Kind
	published map[uint32][]status.Entry // by list, in the order of publication
	revision  map[uint32]uint64         // highest that an event names
}

func (c *checker) events(tx register.Tx) (history, error) {
	h := history{last: map[card.Place]status.Kind{}, published: map[uint32][]status.Entry{}, revision: map[uint32]uint64{}}
	var seq int64
	for {
		events, err := tx.EventsAfter(seq, fsckPage)
		if err != nil || len(events) == 0 {
			return h, err
		}
		for _, e := range events {
			if e.Seq != seq+1 {
				if err := c.found(FoundEventGap, fmt.Sprintf("event %d", seq+1), "missing"); err != nil {
					return h, err
				}
			}
			seq = e.Seq
			c.report.Events++
			h.last[e.Place] = e.Kind
			if e.Revision > 0 {
				l := e.Place.List
				h.published[l] = append(h.published[l], status.Entry{Index: e.Place.Index, From: e.From, Published: e.Published, Kind: e.Kind})
				h.revision[l] = max(h.revision[l], e.Revision)
			}
		}
	}
}

// cards checks every card of every list, and the lists' pages.
func (c *checker) cards(ctx context.Context, tx register.Tx, insurers []register.Insurer) error {
	keys := map[string]*signing.PublicKey{}
	for _, i := range insurers {
		if doc, err := card.ParseInsurer(i.Document); err == nil {
			for _, k := range doc.CardKeys {
				keys[k.KID] = k
			}
		}
	}
	h, err := c.events(tx)
	if err != nil {
		return err
	}
	issued, err := c.issuedLists(tx, insurers)
	if err != nil {
		return err
	}
	lists, err := tx.Lists()
	if err != nil {
		return err
	}
	standing := map[register.ContractKey][]stander{}
	for _, l := range lists {
		var used int64
		for after := int64(-1); ; {
			cards, err := tx.CardsAfter(l.Number, after, fsckPage)
			if err != nil {
				return err
			}
			if len(cards) == 0 {
				break
			}
			after = int64(cards[len(cards)-1].Place.Index)
			used += int64(len(cards))
			if err := errors.Join(ctx.Err(), c.cardRows(tx, cards, h, standing, issued)); err != nil {
				return err
			}
			if err := c.cardTokens(cards, keys); err != nil {
				return err
			}
		}
		if used != l.Used {
			if err := c.found(FoundListCount, fmt.Sprintf("list %d", l.Number), "%d cards, counted as %d", used, l.Used); err != nil {
				return err
			}
		}
		if err := c.page(tx, l, h); err != nil {
			return err
		}
	}
	return c.beyond(issued)
}

// cardRows checks cards against log, events and one another.
func (c *checker) cardRows(tx register.Tx, cards []register.Card, h history, standing map[register.ContractKey][]stander, issued map[string]*told) error {
	for _, k := range cards {
		where := "card " + k.Place.String()
		c.report.Cards++
		entries, err := tx.SignLog(k.Place)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			if err := c.found(FoundSignLogMissing, where, "was never logged"); err != nil {
				return err
			}
		}
		digest := sha256.Sum256([]byte(signing.SigningInput(card.Kind, k.KID, k.Payload)))
		for _, e := range entries {
			if e.Digest != digest || e.KID != k.KID {
				if err := c.found(FoundSignLogDigest, where, "attempt %d logged another signing input", e.Attempt); err != nil {
					return err
				}
			}
		}
		if err := c.onList(issued, k, digest); err != nil {
			return err
		}
		want := register.Live
		switch kind, ok := h.last[k.Place]; {
		case k.State == register.Intent:
			c.report.Intents++
			want = register.Intent
		case ok && kind == status.Void:
			want = register.Void
		case ok && kind == status.Replaced:
			want = register.Replaced
		case ok && kind == status.Suspended:
			want = register.Suspended
		}
		if _, ok := h.last[k.Place]; k.State == register.Intent && ok {
			if err := c.found(FoundCardState, where, "is intent and has events"); err != nil {
				return err
			}
		}
		if k.State != want {
			if err := c.found(FoundCardState, where, "is %s, its events say %s", k.State, want); err != nil {
				return err
			}
		}
		if k.State.Standing() {
			if err := c.alone(k, standing); err != nil {
				return err
			}
		}
	}
	return nil
}

// alone looks for other standing cards of the same contract and days that give the same person the same rights.
func (c *checker) alone(k register.Card, standing map[register.ContractKey][]stander) error {
	who, err := bearer(k)
	if err != nil {
		return nil // a token that can't be read is found by itself
	}
	for _, o := range standing[k.Contract] {
		code, what := "", ""
		switch {
		case !overlap(o.from, o.to, k.From, k.To):
		case o.who == who:
			code, what = FoundCardTwice, "stands for the same person and days as %s"
		case o.who == "" || who == "":
			code, what = FoundCardForms, "stands beside %s: one is the household's, one a person's"
		}
		if code != "" {
			if err := c.found(code, "card "+k.Place.String(), what, o.place); err != nil {
				return err
			}
		}
	}
	standing[k.Contract] = append(standing[k.Contract], stander{k.Place, k.From, k.To, who})
	return nil
}

// cardTokens checks signatures and claims, on all processors.
func (c *checker) cardTokens(cards []register.Card, keys map[string]*signing.PublicKey) error {
	faults := make([]Finding, len(cards))
	_ = parallel(len(cards), func(i int) error { // reports through faults
		if cards[i].State != register.Intent {
			faults[i].Code, faults[i].What = checkToken(cards[i], keys)
		}
		return nil
	})
	for i, f := range faults {
		if f.Code != "" {
			if err := c.found(f.Code, "card "+cards[i].Place.String(), "%s", f.What); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkToken(k register.Card, keys map[string]*signing.PublicKey) (code, what string) {
	if _, ok := keys[k.KID]; !ok {
		return FoundCardKey, "no issuer.json names its key"
	}
	issued, err := reopen(k, keys)
	switch {
	case errors.Is(err, signing.ErrBadSignature):
		return FoundCardSignature, "false signature"
	case errors.Is(err, card.ErrWrongInsurer), errors.Is(err, card.ErrKeyWindow):
		return FoundCardClaims, "signed by a key of another insurer or time: " + signing.CodeOf(err)
	case errors.Is(err, card.ErrMalformed), errors.Is(err, card.ErrUnreadable):
		return FoundCardUnreadable, "the token is no card: " + signing.CodeOf(err)
	case err != nil:
		return FoundCardClaims, "the token is another card's"
	}
	cl := issued.Claims
	var differs []string
	for name, same := range map[string]bool{
		"insurer": cl.Issuer.Key() == k.Contract.Insurer, "contract": cl.Adherent == k.Contract.Adherent,
		"first day": cl.ValidFrom() == k.From, "last day": cl.ValidTo() == k.To,
		"issue time": cl.IssuedAt == k.IssuedAt.Unix(), "person": k.Person == register.Household || len(cl.People) == 1,
	} {
		if !same {
			differs = append(differs, name)
		}
	}
	if len(differs) > 0 {
		slices.Sort(differs)
		return FoundCardClaims, "the card and its row differ in " + strings.Join(differs, ", ")
	}
	return "", ""
}

// page holds a list's page against the events that were published.
func (c *checker) page(tx register.Tx, l register.List, h history) error {
	where := fmt.Sprintf("list %d", l.Number)
	b, err := tx.Page(l.Number)
	if errors.Is(err, register.ErrNotFound) {
		if len(h.published[l.Number]) > 0 || l.Revision != 0 {
			return c.found(FoundPage, where, "events are published and there is no page")
		}
		return nil
	}
	if err != nil {
		return err
	}
	c.report.Pages++
	p, err := status.Decode(b)
	switch {
	case err != nil:
		return c.found(FoundPage, where, "%v", err)
	case p.Issuer() != l.Insurer || p.List() != l.Number || p.Revision() != l.Revision || !bytes.Equal(p.Encode(), b):
		return c.found(FoundPage, where, "not the page of this list and revision")
	case h.revision[l.Number] > l.Revision:
		return c.found(FoundPageEvents, where, "an event names revision %d, the page has %d", h.revision[l.Number], l.Revision)
	}
	want := h.published[l.Number]
	slices.SortStableFunc(want, func(a, b status.Entry) int { return int(a.Index) - int(b.Index) })
	i := 0
	for e := range p.All() {
		if i >= len(want) || e != want[i] {
			return c.found(FoundPageEvents, where, "index %d is not what the events say", e.Index)
		}
		i++
	}
	if i != len(want) {
		return c.found(FoundPageEvents, where, "lacks %d events", len(want)-i)
	}
	return nil
}
