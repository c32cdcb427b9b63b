// Linking a batch to what is stored: how far the chain reaches without a gap, and what contradicts what.

package reconcile

import (
	"slices"
	"time"

	"sceau/card/register"
	"sceau/signing/journal"
)

const (
	// walkPages bounds how many pages of entries stored beyond the head one upload walks over once a gap is filled; the next
	// upload goes on.
	walkPages = 20
	page      = 1000
	// maxBranches bounds how many rows are read for the numbers of one batch.
	maxBranches = 8
	// maxForks bounds how many entries of one number are taken: no honest journal has a second one more than now and then.
	maxForks = 256
	// minRetention is what no counter removes: counter.MinRetention.
	minRetention = 30 * 24 * time.Hour
)

// linker works inside one write transaction.
type linker struct {
	in    *intake
	tx    register.Tx
	chain *Chain

	known    map[key]register.Receipt
	atSeq    map[uint64][][32]byte // hashes known of a number: stored before, and of this batch as they are taken
	times    map[key]time.Time     // of entries, to the microsecond
	alarms   []Alarm
	filled   []Span
	insurers []string
}

func (l *linker) alarm(code string, from, to uint64) {
	if l.insurers == nil {
		l.insurers = insurersOf(l.in.rows)
	}
	l.alarms = append(l.alarms, Alarm{Code: code, Counter: l.in.who.ID, Device: l.chain.Device, From: from, To: to, At: l.in.arrived, Insurers: l.insurers})
}

// read takes what is stored under the numbers of the batch, and the one before.
func (l *linker) read() error {
	l.known, l.atSeq, l.times = map[key]register.Receipt{}, map[uint64][][32]byte{}, map[key]time.Time{}
	rows := l.in.rows
	if len(rows) == 0 {
		return nil
	}
	// Entries of one batch need not be neighbours: each run of numbers is read for itself.
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && rows[j].Seq <= rows[j-1].Seq+64 {
			j++
		}
		if err := l.readRun(rows[i].Seq, rows[j-1].Seq); err != nil {
			return err
		}
		i = j
	}
	return nil
}

func (l *linker) readRun(first, last uint64) error {
	after := first - min(first, 2)
	for n := 0; n < maxBranches*page; {
		stored, err := l.tx.ReceiptsOf(l.chain.ID, after, page)
		if err != nil {
			return err
		}
		for _, s := range stored {
			if s.Seq > last {
				return nil
			}
			l.take(s)
		}
		if len(stored) < page {
			return nil
		}
		n += len(stored)
		after = stored[len(stored)-1].Seq // a page holds all rows of its last number
	}
	return nil
}

func (l *linker) take(s register.Receipt) {
	k := key{s.Seq, s.Hash}
	if _, ok := l.times[k]; ok {
		return
	}
	e, err := journal.DecodeEntry(s.Entry)
	if err != nil {
		return
	}
	l.known[k], l.times[k] = s, e.At
	l.atSeq[s.Seq] = append(l.atSeq[s.Seq], s.Hash)
}

// runs gathers numbers of one kind of fault into one alarm for each run of the batch.
type runs struct{ spans []Span }

func (r *runs) add(seq uint64) {
	if n := len(r.spans); n > 0 && seq <= r.spans[n-1].To+1 {
		r.spans[n-1].To = max(r.spans[n-1].To, seq)
		return
	}
	r.spans = append(r.spans, Span{seq, seq})
}

// link walks the batch.
func (l *linker) link(fresh []bool) error {
	c, in := l.chain, l.in
	if !in.order {
		l.alarm(AlarmOrder, in.rows[0].Seq, in.rows[len(in.rows)-1].Seq)
	}
	if err := l.base(); err != nil {
		return err
	}
	var forks, back, ahead, bodies runs
	var faith Alarm // one for the batch: thousands of them must not push out what else was wrong
	var before register.Receipt
	for i, row := range in.rows {
		e, err := journal.DecodeEntry(row.Entry)
		if err != nil {
			return err // it was encoded a moment ago
		}
		parent := key{e.Seq - 1, e.Prev}
		others := l.atSeq[e.Seq]
		if fresh[i] {
			_, linked := l.times[parent]
			linked = linked || l.foot(parent)
			switch {
			case linked && len(others) > 0:
				// A branch is named by its first entry; its next ones stand beside the other's too.
				if len(l.atSeq[e.Seq-1]) < 2 {
					forks.add(e.Seq)
					l.fork(e)
				}
			case linked:
			case e.Seq == 1 || len(l.atSeq[e.Seq-1]) > 0 || e.Seq == c.Base.Seq+1 || e.Seq == c.Head.Seq+1:
				forks.add(e.Seq)
				l.fork(e)
			default:
				l.gap(e.Seq, before.Seq)
				if len(others) > 0 {
					forks.add(e.Seq)
					l.fork(e)
				}
			}
			if at, ok := l.times[parent]; ok && e.At.Before(at) {
				back.add(e.Seq)
			}
			if e.At.After(in.arrived.Add(Slack)) {
				ahead.add(e.Seq)
			}
			if in.broken[e.Seq] {
				bodies.add(e.Seq)
			}
			if in.faith[key{row.Seq, row.Hash}] {
				if faith.Count++; faith.Count == 1 {
					faith.From = e.Seq
				}
				faith.To = e.Seq
			}
			if e.Seq == 1 {
				if err := l.opening(e); err != nil {
					return err
				}
			}
		}
		l.take(row)
		l.advance(e)
		before = row
	}
	for _, f := range []struct {
		code string
		runs
	}{{AlarmFork, forks}, {AlarmTime, back}, {AlarmClock, ahead}, {AlarmBody, bodies}} {
		for _, s := range f.spans {
			l.alarm(f.code, s.From, s.To)
		}
	}
	if faith.Count > 0 {
		l.alarm(AlarmForged, faith.From, faith.To)
		l.alarms[len(l.alarms)-1].Count = faith.Count
	}
	if err := l.walk(); err != nil {
		return err
	}
	main, err := l.tips()
	if err != nil {
		return err
	}
	return l.heads(main)
}

// foot says whether an entry stands on the chain's start, on a base that the counter signed, or on the head.
func (l *linker) foot(parent key) bool {
	h := journal.Head{Seq: parent.seq, Hash: parent.hash}
	return h == l.chain.Head || h == l.chain.Base || h == l.in.base.Head || parent.seq == 0 && l.start() == h
}

func (l *linker) start() journal.Head {
	h, _ := journal.Start(l.chain.Device)
	return h
}

// base takes a signed base in: what retention removed before it was sent is no gap.
func (l *linker) base() error {
	c, b := l.chain, l.in.base.Head
	switch {
	case b.Seq == 0:
		return nil
	case b.Seq > c.Head.Seq:
		if !c.At.IsZero() && l.in.arrived.Sub(c.At) < minRetention {
			l.alarm(AlarmGap, c.Head.Seq+1, b.Seq) // younger than any retention
		}
		c.Pruned = keep(append(c.Pruned, Span{c.Head.Seq + 1, b.Seq}), maxSpans)
		l.fill(b.Seq)
		c.Head, c.Base, c.At = b, b, time.Time{}
		return nil
	case b == c.Head || b == c.Base:
		return nil
	}
	// Entries up to there are here: the base must be one of them.
	for _, p := range c.Pruned {
		if b.Seq >= p.From && b.Seq < p.To {
			return nil // of those that were never sent
		}
	}
	ok, err := l.stored(b)
	if err == nil && !ok {
		l.alarm(AlarmHead, b.Seq, b.Seq)
	}
	return err
}

// stored says whether an entry is here.
func (l *linker) stored(h journal.Head) (bool, error) {
	if _, ok := l.known[key{h.Seq, h.Hash}]; ok || h == l.chain.Head || h == l.chain.Base {
		return true, nil
	}
	if h.Seq == 0 {
		return h == l.start(), nil
	}
	rows, err := l.tx.ReceiptsOf(l.chain.ID, h.Seq-1, maxBranches*16)
	return slices.ContainsFunc(rows, func(r register.Receipt) bool { return r.Seq == h.Seq && r.Hash == h.Hash }), err
}

func (l *linker) fork(e journal.Entry) {
	l.chain.Forks = keep(append(l.chain.Forks, e.Head()), maxSpans)
}

// gap records that entries are missing below seq; before is the entry of this batch before it, 0 for none.
func (l *linker) gap(seq, before uint64) {
	from := max(l.chain.Head.Seq, before) + 1
	for _, t := range l.chain.Tips {
		if t.Seq < seq {
			from = max(from, t.Seq+1)
		}
	}
	if from >= seq {
		from = seq - 1
	}
	g := Span{from, seq - 1}
	l.chain.Gaps = keep(append(l.chain.Gaps, g), maxSpans)
	l.alarm(AlarmGap, g.From, g.To)
}

// fill forgets the gaps below the head.
func (l *linker) fill(head uint64) {
	l.chain.Gaps = slices.DeleteFunc(l.chain.Gaps, func(g Span) bool {
		if g.To <= head {
			l.filled = append(l.filled, g)
		}
		return g.To <= head
	})
}

// advance moves the head over an entry that follows it.
func (l *linker) advance(e journal.Entry) bool {
	c := l.chain
	if e.Seq != c.Head.Seq+1 || e.Prev != c.Head.Hash {
		return false
	}
	c.Head, c.At = e.Head(), e.At
	return true
}

// walk moves the head over entries that were stored before the gap below them was filled.
func (l *linker) walk() error {
	c := l.chain
	for range walkPages {
		beyond := func(h journal.Head) bool { return h.Seq > c.Head.Seq }
		if len(c.Gaps) == 0 && !slices.ContainsFunc(c.Tips, beyond) {
			return nil
		}
		rows, err := l.tx.ReceiptsOf(c.ID, c.Head.Seq, page)
		if err != nil {
			return err
		}
		moved := false
		for _, row := range rows {
			e, err := journal.DecodeEntry(row.Entry)
			if err != nil {
				return register.ErrCorrupt
			}
			moved = l.advance(e) || moved
		}
		l.fill(c.Head.Seq)
		if !moved {
			return nil
		}
	}
	return nil
}

// tips remembers where each branch ends, so that an uploader knows how far its own was sent. It says whether the batch ends on
// the branch of the head.
func (l *linker) tips() (main bool, err error) {
	c, rows := l.chain, l.in.rows
	if len(rows) == 0 {
		return true, nil
	}
	parents := map[key]bool{}
	for _, row := range rows {
		if e, err := journal.DecodeEntry(row.Entry); err == nil {
			parents[key{e.Seq - 1, e.Prev}] = true
		}
	}
	c.Tips = slices.DeleteFunc(c.Tips, func(h journal.Head) bool { return parents[key{h.Seq, h.Hash}] || h == c.Head })
	last := journal.Head{Seq: rows[len(rows)-1].Seq, Hash: rows[len(rows)-1].Hash}
	if last == c.Head || last.Seq <= c.Head.Seq && len(l.atSeq[last.Seq]) == 1 {
		return true, nil
	}
	// On another branch, or beyond a gap: its end, unless what follows it is here.
	after, err := l.tx.ReceiptsOf(c.ID, last.Seq, maxBranches)
	if err != nil {
		return false, err
	}
	for _, row := range after {
		if e, err := journal.DecodeEntry(row.Entry); err == nil && e.Prev == last.Hash {
			return false, nil
		}
	}
	if !slices.Contains(c.Tips, last) {
		c.Tips = keep(append(c.Tips, last), maxTips)
	}
	return false, nil
}

// keep drops the oldest of more than n.
func keep[T any](all []T, n int) []T { return all[max(0, len(all)-n):] }
