// Comparing what a journal's signed heads and openings say with the entries that are here.

package reconcile

import (
	"bytes"
	"errors"
	"slices"

	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// heads compares signed heads with the entries that they speak of, once those are here.
func (l *linker) heads(main bool) error {
	c, in := l.chain, l.in
	said := in.said.Head
	if said.Seq < c.SaidSeq && in.said.At.After(c.SaidAt) {
		l.alarm(AlarmShort, said.Seq+1, c.SaidSeq)
	}
	if said.Seq >= c.SaidSeq || in.said.At.After(c.SaidAt) {
		c.SaidSeq, c.SaidAt = said.Seq, in.said.At
	}
	ok, err := l.stored(said)
	if err != nil {
		return err
	}
	var last uint64
	if n := len(in.rows); n > 0 {
		last = in.rows[n-1].Seq
	}
	pending := slices.DeleteFunc(c.Said, func(s Statement) bool { return s.Head == said })
	if !ok {
		pending = append(pending, Statement{said, in.said.At})
	}
	var open []Statement
	for _, s := range pending {
		here, err := l.stored(s.Head)
		if err != nil {
			return err
		}
		switch {
		case here:
		case last >= s.Head.Seq && in.rows[0].Seq <= s.Head.Seq, main && c.Head.Seq >= s.Head.Seq:
			l.alarm(AlarmHead, s.Head.Seq, s.Head.Seq) // the entry of that number is another
		default:
			open = append(open, s)
		}
	}
	c.Said = keep(open, maxTips)
	return nil
}

// opening looks at the first entry of a chain.
func (l *linker) opening(e journal.Entry) error {
	o, err := receipt.DecodeOpening(e.Body)
	if err != nil || o.Device != l.chain.Device || !bytes.Equal(o.Key, l.chain.Key) {
		l.alarm(AlarmOpening, 1, 1)
		return nil
	}
	if o.Because == receipt.Damaged && o.Claimed > o.Seq {
		l.alarm(AlarmAnew, 1, 1)
	}
	if o.Before == "" || o.Seq == 0 {
		return nil
	}
	// What it says of the chain before can be compared with what was sent of that.
	c, _, err := readChain(l.tx, o.Before)
	if errors.Is(err, register.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Head.Seq < o.Seq || !slices.ContainsFunc(c.Counters, func(id string) bool { return slices.Contains(l.chain.Counters, id) }) {
		return nil
	}
	rows, err := l.tx.ReceiptsOf(c.ID, o.Seq-1, maxBranches*16)
	if err != nil {
		return err
	}
	told := journal.Head{Seq: o.Seq, Hash: o.Hash}
	if told != c.Base && !slices.ContainsFunc(rows, func(r register.Receipt) bool { return r.Seq == told.Seq && r.Hash == told.Hash }) {
		l.alarm(AlarmHead, 1, 1)
	}
	return nil
}
