// Taking a batch in: judged outside, stored with its answers, the chain's state and the alarms in one transaction.

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// Result of an upload.
type Result struct {
	Settlement string // sealed answers to every entry of the batch; "" when there was none
	Next       uint64 // the entry to send next, on the branch of this batch
	Stored     int    // entries that were new
	Alarms     []Alarm
	Chain      Chain
}

// Upload stores the entries of a batch that are new by (chain, number, hash), and answers all of them. It may be repeated, by
// several uploaders at once and in any order: the same entries have the same answers. Errors: ErrBatch, ErrUnsigned (an alarm is
// raised), and those of the register; register.ErrOutcomeUnknown among them means that the batch is to be sent again.
func (r *Reconciler) Upload(ctx context.Context, who issuer.Counter, device string, b receipt.Batch) (*Result, error) {
	if b.Device != device || receipt.Short(device) == "" || len(b.Entries) > receipt.MaxBatchEntries || who.ID == "" {
		return nil, fmt.Errorf("%w: device or length", ErrBatch)
	}
	if _, err := headKey(b.Key); err != nil {
		return nil, fmt.Errorf("%w: key", ErrBatch)
	}
	for _, e := range b.Entries {
		// An entry of a later program or of another hand may say anything, but not this: no journal comes so far.
		if e.Seq == 0 || e.Seq > maxSeq || len(e.Body) == 0 || len(e.Body) > journal.MaxBody {
			return nil, fmt.Errorf("%w: entry", ErrBatch)
		}
	}
	arrived := r.now().UTC().Truncate(time.Second)
	in := &intake{who: who, batch: b, arrived: arrived}
	err := errMoved
	for tries := 0; errors.Is(err, errMoved) && tries < 4; tries++ {
		in.rows = nil
		if err = r.Store.View(ctx, in.judge); err == nil {
			err = r.Store.Update(ctx, in.store)
		}
	}
	if errors.Is(err, ErrUnsigned) {
		raised := r.Store.Update(ctx, func(tx register.Tx) error {
			// Of a chain that is not here one alarm for each counter: a name costs its sender nothing.
			id := in.chain.ID
			if _, _, err := readChain(tx, id); errors.Is(err, register.ErrNotFound) {
				id = "of-" + who.ID
			} else if err != nil {
				return err
			}
			_, err := raise(tx, id, Alarm{Code: AlarmSignature, Counter: who.ID, Device: device, At: arrived})
			return err
		})
		return nil, errors.Join(err, raised)
	}
	if err != nil {
		return nil, err
	}
	res := &Result{Next: in.next(), Stored: in.stored, Alarms: in.raised, Chain: *in.chain}
	if res.Settlement, err = r.settle(in.chain.Device, who.ID, arrived, in.answers()); err != nil {
		return nil, err
	}
	return res, nil
}

// maxSeq is the largest number that a settlement can name.
const maxSeq = 1<<53 - 1

// errMoved: another upload took the chain's name after the batch was judged. It also is ErrBusy, should it not end.
var errMoved = fmt.Errorf("reconcile: another upload was faster: %w", register.ErrBusy)

// intake is one batch on its way in.
type intake struct {
	who     issuer.Counter
	batch   receipt.Batch
	arrived time.Time

	chain  *Chain
	said   journal.Statement // the signed head
	base   journal.Statement // the signed base; Seq 0 for the start
	rows   []register.Receipt
	order  bool // the entries came in the order of their numbers
	broken map[uint64]bool
	faith  map[key]bool // honoured in good faith after a theft

	raised []Alarm
	stored int
	final  map[key]register.Receipt // as stored
}

// key is the identity of an entry in its chain.
type key struct {
	seq  uint64
	hash [32]byte
}

// judge verifies the heads and makes the rows with their answers. What it reads never changes, so it needs no write transaction.
func (in *intake) judge(tx register.Tx) error {
	c, _, _, err := place(tx, in.who, in.batch)
	if err != nil {
		return err
	}
	in.chain = c
	all, err := keys(tx, in.who, c.Key)
	if err != nil {
		return err
	}
	if in.said, err = openHead(all, in.batch.Device, in.batch.Head); err != nil {
		return err
	}
	start, err := journal.Start(in.batch.Device)
	if err != nil {
		return fmt.Errorf("%w: device", ErrBatch)
	}
	in.base = journal.Statement{Head: start}
	if in.batch.Base != "" {
		if in.base, err = openHead(all, in.batch.Device, in.batch.Base); err != nil {
			return err
		}
		if in.base.Head.Seq == 0 && in.base.Head != start {
			return ErrUnsigned
		}
	}
	counters := c.Counters
	if c.Foreign {
		counters = nil
	}
	g := gather(tx, in.arrived)
	in.order, in.broken, in.faith = true, map[uint64]bool{}, map[key]bool{}
	for i, e := range in.batch.Entries {
		if e.Seq > in.said.Head.Seq {
			return ErrUnsigned // nobody vouches for what lies beyond the signed head
		}
		in.order = in.order && (i == 0 || e.Seq > in.batch.Entries[i-1].Seq)
		row, err := in.row(g, e, counters)
		if err != nil {
			return err
		}
		in.rows = append(in.rows, row)
	}
	slices.SortStableFunc(in.rows, func(a, b register.Receipt) int {
		switch {
		case a.Seq < b.Seq:
			return -1
		case a.Seq > b.Seq:
			return 1
		}
		return strings.Compare(string(a.Hash[:]), string(b.Hash[:]))
	})
	in.rows = slices.CompactFunc(in.rows, func(a, b register.Receipt) bool { return a.Seq == b.Seq && a.Hash == b.Hash })
	return nil
}

// row makes the row of one entry, answered.
func (in *intake) row(g *gatherer, e journal.Entry, counters []string) (register.Receipt, error) {
	row := register.Receipt{Device: in.chain.ID, Seq: e.Seq, Hash: e.Hash(), Entry: e.Encode(), Counter: in.who.ID, Arrived: in.arrived,
		At: e.At.Truncate(time.Second)}
	if e.Seq == 1 {
		answer := opening()
		if _, err := receipt.DecodeOpening(e.Body); err != nil {
			in.broken[e.Seq] = true
			answer = unreadable()
		}
		row.Answer, row.Reason = answer.Answer, answer.Reason
		return row, nil
	}
	body, err := receipt.Decode(e.Body)
	if err != nil {
		in.broken[e.Seq] = true
		answer := unreadable()
		row.Answer, row.Reason = answer.Answer, answer.Reason
		return row, nil
	}
	row.Care, row.Domain, row.Mode, row.Status, row.Age = body.Care, body.Domain, body.Mode, string(body.Status), int64(body.Age/time.Second)
	if body.Card != "" {
		row.Insurer, _, _ = strings.Cut(body.Card, "/")
		row.Place, _ = placeOf(body.Card)
	}
	facts, err := g.of(body, counters)
	if err != nil {
		return register.Receipt{}, err
	}
	answer := Judge(e.At, body, facts)
	row.Answer, row.Reason = answer.Answer, answer.Reason
	in.faith[key{row.Seq, row.Hash}] = answer.Faith
	return row, nil
}

// store is the write transaction: what is there decides, whatever was read before.
func (in *intake) store(tx register.Tx) error {
	in.raised, in.stored = nil, 0
	chain, d, news, err := place(tx, in.who, in.batch)
	if err != nil {
		return err
	}
	if chain.ID != in.chain.ID {
		return errMoved
	}
	in.chain = chain
	if d.Version == 0 {
		others, err := tx.DocumentsAfter(chainKind, in.who.ID, "", maxChains)
		if err != nil {
			return err
		}
		if len(others) == maxChains {
			return ErrChains
		}
	}
	l := &linker{in: in, tx: tx, chain: chain}
	for _, code := range news {
		l.alarm(code, 0, 0)
	}
	if err := l.read(); err != nil {
		return err
	}
	for _, row := range in.rows {
		if _, known := l.known[key{row.Seq, row.Hash}]; !known && len(l.atSeq[row.Seq]) >= maxForks {
			return ErrForks
		}
	}
	fresh, err := tx.AddReceipts(in.rows)
	if err != nil {
		return err
	}
	for i, isNew := range fresh {
		if isNew {
			in.stored++
		}
		k := key{in.rows[i].Seq, in.rows[i].Hash}
		if _, known := l.known[k]; !known {
			l.known[k] = in.rows[i]
		}
	}
	in.final = l.known
	if err := l.link(fresh); err != nil {
		return err
	}
	chain.Entries += int64(in.stored)
	chain.Seen = in.arrived
	for _, a := range l.alarms {
		if chain.Alarms >= maxAlarms {
			break
		}
		isNew, err := raise(tx, chain.ID, a)
		if err != nil {
			return err
		}
		if isNew {
			chain.Alarms++
			in.raised = append(in.raised, a)
		}
	}
	if err := closeGaps(tx, chain.ID, l.filled, in.arrived); err != nil {
		return err
	}
	d.Version++
	if d.Data, err = chain.encode(); err != nil {
		return fmt.Errorf("reconcile: encode a chain: %w", err)
	}
	return tx.PutDocument(d)
}

// next is the entry that follows this batch on its branch.
func (in *intake) next() uint64 {
	if n := len(in.rows); n > 0 && in.rows[n-1].Seq > in.chain.Head.Seq {
		return in.rows[n-1].Seq + 1
	}
	return in.chain.Head.Seq + 1
}

// answers are those of the batch's entries, in order, as they are stored.
func (in *intake) answers() []register.Receipt {
	out := make([]register.Receipt, len(in.rows))
	for i, row := range in.rows {
		out[i] = row
		if stored, ok := in.final[key{row.Seq, row.Hash}]; ok {
			out[i] = stored
		}
	}
	return out
}
