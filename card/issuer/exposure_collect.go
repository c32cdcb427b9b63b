// Reading the traces of one credential: checks, journals of counters, and the audit chain.

package issuer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/offline"
)

// traces is what was found about a credential.
type traces struct {
	issuer   *Issuer
	out      *Exposure
	counters []string
	devices  []string // chains whose entries are on the stolen computer
	actor    string
	places   map[uint32]*marks
	files    map[string]*fileRead // by insurer and pseudonym
	reach    map[string]Data      // of everyone, by insurer

	discovered time.Time
}

// collect reads the traces within the span.
func (t *traces) collect(ctx context.Context) error {
	err := t.issuer.Store.View(ctx, func(tx register.Tx) error {
		lists, err := tx.Lists()
		for _, l := range lists {
			t.places[l.Number] = new(marks)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range t.counters {
		if err := t.collectChecks(ctx, id); err != nil {
			return err
		}
		if err := t.collectReceipts(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range t.devices {
		err := t.eachReceiptOf(ctx, id, t.receipt)
		if err != nil {
			return err
		}
	}
	if t.actor == "" {
		return nil
	}
	if err := t.collectChanges(ctx); err != nil {
		return err
	}
	return t.issuer.eachAudit(ctx, t.staffRead)
}

// collectChanges reads which cards were revoked, suspended or restored: who did it was told their numbers.
func (t *traces) collectChanges(ctx context.Context) error {
	for seq, n := int64(0), tracePage; n == tracePage; {
		err := t.issuer.Store.View(ctx, func(tx register.Tx) error {
			page, err := tx.EventsAfter(seq, tracePage)
			n = len(page)
			for _, e := range page {
				seq = e.Seq
				if e.Actor == t.actor && t.inside(e.At) {
					t.out.Changes++
					t.reads(e.At)
					t.mark(e.Place, DataChange, true)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inside says whether a moment is in the span, and counts it when it is not.
func (t *traces) inside(at time.Time) bool {
	switch {
	case !t.out.From.IsZero() && at.Before(t.out.From):
		t.out.Before++
		return false
	case !at.Before(t.out.To):
		t.out.After++
		return false
	}
	return true
}

// reads notes the moment of something that the credential did read or change.
func (t *traces) reads(at time.Time) {
	if !t.discovered.IsZero() && !at.Before(t.discovered) {
		t.out.Late++
	}
	if t.out.First.IsZero() || at.Before(t.out.First) {
		t.out.First = at
	}
	t.out.Last = later(t.out.Last, at)
}

func (t *traces) mark(p card.Place, d Data, read bool) {
	m := t.places[p.List]
	if m == nil || p.Index >= listPlaces { // no such list: no card of this register
		t.out.UnknownCards++
		return
	}
	if m.set(p.Index, d, read) {
		t.out.Cards++
	}
}

// collectChecks reads the on-line questions of a counter. A question shows a card: nobody can be asked about by name, so
// that what could be read with the counter's key is what was shown to it.
func (t *traces) collectChecks(ctx context.Context, id string) error {
	return t.issuer.TraceOf(ctx, id, 0, func(k register.Check) error {
		if !t.inside(k.At) {
			return nil
		}
		if k.Number == "" || k.Insurer == "" || k.Reason == string(offline.NotIssued) {
			t.out.Refused++ // nothing of the register was read
			return nil
		}
		t.out.Checks++
		t.reads(k.At)
		t.mark(k.Place, DataRights, true)
		return nil
	})
}

// collectReceipts reads what a counter's journals said: these entries lie on its computer too.
func (t *traces) collectReceipts(ctx context.Context, id string) error {
	if len(t.devices) > 0 {
		return nil // the computer's own journals are read, whoever sent them
	}
	return t.eachReceiptFrom(ctx, id, t.receipt)
}

// eachReceiptFrom reads the entries that a counter sent.
func (t *traces) eachReceiptFrom(ctx context.Context, counter string, each func(register.Receipt)) error {
	for row, n := int64(0), tracePage; n == tracePage; {
		var page []register.Receipt
		err := t.issuer.Store.View(ctx, func(tx register.Tx) (err error) {
			page, err = tx.ReceiptsAfter(row, "", counter, 0, tracePage)
			return err
		})
		if err != nil {
			return err
		}
		n = len(page)
		for _, r := range page {
			row = r.Row
			each(r)
		}
	}
	return nil
}

// eachReceiptOf reads the journal of one computer.
func (t *traces) eachReceiptOf(ctx context.Context, device string, each func(register.Receipt)) error {
	for seq := uint64(0); ; {
		var page []register.Receipt
		err := t.issuer.Store.View(ctx, func(tx register.Tx) (err error) {
			page, err = tx.ReceiptsOf(device, seq, tracePage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			seq = r.Seq
			each(r)
		}
	}
}

// receipt takes an entry of a journal: read by whoever has the computer, within reach of whoever has only the counter's key.
func (t *traces) receipt(r register.Receipt) {
	at := r.At
	if at.After(r.Arrived) {
		at = r.Arrived // the counter's clock was ahead: nobody was read after this was told
	}
	if r.Insurer == "" || r.Status == "" || !t.inside(at) {
		return
	}
	t.out.Receipts++
	if len(t.devices) > 0 {
		t.reads(at)
	}
	t.mark(r.Place, DataVisit, len(t.devices) > 0)
}

// staffRead takes an entry of the audit chain.
func (t *traces) staffRead(e auditEntry) error {
	if e.Actor != t.actor || e.Act != actRead || !t.inside(e.At) {
		return nil
	}
	var d struct {
		Contract  string    `json:"contract"`
		Contracts []string  `json:"contracts"`
		Revision  int64     `json:"revision"`
		What      string    `json:"what"`
		Card      string    `json:"card"`
		Cards     *[]string `json:"cards"`
		Found     *bool     `json:"found"`
		Listed    string    `json:"listed"`
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return fmt.Errorf("%w: audit entry %d", ErrDamaged, e.Seq)
	}
	if d.Found != nil && !*d.Found {
		t.out.StaffMisses++
		return nil
	}
	if d.Listed == ReportListed {
		return nil // the entry that follows names the cards
	}
	t.out.StaffReads++
	t.reads(e.At)
	switch d.What {
	case "":
		f := t.file(e.Insurer, d.Contract)
		if !slices.Contains(f.revisions, d.Revision) {
			f.revisions = append(f.revisions, d.Revision)
		}
	case "cards":
		for _, id := range append(d.Contracts, d.Contract) {
			if id != "" {
				f := t.file(e.Insurer, id)
				f.cards = later(f.cards, e.At)
			}
		}
	case "report":
		if d.Cards == nil {
			t.out.Unnamed++
			return nil
		}
		return t.markAll(*d.Cards, DataReport, e.Seq)
	case "state":
		list := []string{d.Card}
		if d.Cards != nil {
			list = *d.Cards
		}
		return t.markAll(list, DataState, e.Seq)
	default:
		return t.markAll([]string{d.Card}, DataCard, e.Seq)
	}
	return nil
}

// ReportListed in an entry about a report says that its cards follow in entries of their own, or that it was not given.
const ReportListed = "next"

func (t *traces) markAll(list []string, d Data, seq uint64) error {
	for _, text := range list {
		p, err := card.ParsePlace(text)
		if err != nil {
			return fmt.Errorf("%w: audit entry %d", ErrDamaged, seq)
		}
		t.mark(p, d, true)
	}
	return nil
}

func (t *traces) file(insurer, id string) *fileRead {
	key := insurer + "\x00" + id
	f := t.files[key]
	if f == nil {
		f = new(fileRead)
		t.files[key] = f
	}
	return f
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// auditEntry is an entry with its number and time.
type auditEntry struct {
	Seq uint64
	At  time.Time
	register.AuditRecord
}

// eachAudit reads the audit chain; that it is whole is register.CheckAudit's to say. An entry that can't be read is left out:
// the verified chain has none.
func (s *Issuer) eachAudit(ctx context.Context, each func(auditEntry) error) error {
	for seq, n := uint64(0), tracePage; n == tracePage; {
		var found []auditEntry
		err := s.Store.View(ctx, func(tx register.Tx) error {
			page, err := tx.AuditAfter(seq, tracePage)
			if err != nil {
				return err
			}
			n = len(page)
			for _, e := range page {
				seq = e.Seq
				if r, err := register.ReadAudit(e); err == nil {
					found = append(found, auditEntry{e.Seq, e.At.UTC(), r})
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, e := range found {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}
