// The trace of the checks is bound into the audit chain, so that a row that is altered, added or taken away later shows.

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"sceau/card/register"
)

// ActBind is the act of an audit entry that binds a range of the trace; its detail is a TraceRange.
const ActBind = "trace.bind"

// TraceRange is a range of the trace: every row after number After, up to and including Last.
type TraceRange struct {
	After  int64  `json:"after"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	Count  int64  `json:"count"`
	SHA256 string `json:"sha256"` // of the rows, one after the other
}

// boundKind is one document of this package: id "trace", no owner, Data = the TraceRange that was bound last.
const (
	boundKind = "watch"
	boundID   = "trace"
)

// bindRows bounds one range, so that checking it needs no more than reading it again.
const bindRows = 100_000

// BindTrace binds the rows that are new since it was done last. Several processes may do it at once: each row is bound once.
func (s *Issuer) BindTrace(ctx context.Context) error {
	for {
		more, err := s.bindOnce(ctx)
		if err != nil || !more {
			return err
		}
	}
}

func (s *Issuer) bindOnce(ctx context.Context) (more bool, err error) {
	last, version, err := s.readBound(ctx)
	if err != nil {
		return false, err
	}
	// Rows are never altered and numbers rise with commits, so that they can be read outside of the transaction that binds them.
	next, _, err := s.sumTrace(ctx, last.Last, 0)
	if err != nil || next.Count == 0 {
		return false, err
	}
	data, err := json.Marshal(next)
	if err != nil {
		return false, fmt.Errorf("issuer: bind the trace: %w", err)
	}
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		err := tx.PutDocument(register.Document{Kind: boundKind, ID: boundID, Version: version + 1, Data: data})
		if err != nil {
			return err
		}
		return s.audit(tx, ActBind, next)
	})
	if errors.Is(err, register.ErrConflict) {
		return false, nil // another process was faster; the next round goes on from there
	}
	return next.Count == bindRows, err
}

func (s *Issuer) boundTrace(ctx context.Context) (TraceRange, error) {
	r, _, err := s.readBound(ctx)
	return r, err
}

func (s *Issuer) readBound(ctx context.Context) (r TraceRange, version int64, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		d, err := tx.Document(boundKind, boundID)
		if errors.Is(err, register.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		version = d.Version
		if json.Unmarshal(d.Data, &r) != nil {
			return fmt.Errorf("%w: bound range of the trace", ErrDamaged)
		}
		return nil
	})
	return r, version, err
}

// sumTrace adds up the rows after a number: up to and including last, or with 0 at most bindRows. rest says that rows follow.
func (s *Issuer) sumTrace(ctx context.Context, after, last int64) (r TraceRange, rest bool, err error) {
	r = TraceRange{After: after}
	sum := sha256.New()
	for seq := after; ; {
		limit := tracePage
		if last == 0 {
			limit = int(min(tracePage, bindRows-r.Count))
		}
		if limit == 0 {
			rest = true
			break
		}
		var page []register.Check
		err := s.Store.View(ctx, func(tx register.Tx) (err error) {
			page, err = tx.ChecksAfter(seq, "", "", limit)
			return err
		})
		if err != nil {
			return TraceRange{}, false, err
		}
		for _, k := range page {
			if last != 0 && k.Seq > last {
				rest = true
				break
			}
			writeCheck(sum, k)
			if r.Count == 0 {
				r.First = k.Seq
			}
			seq, r.Last = k.Seq, k.Seq
			r.Count++
		}
		if rest || len(page) < limit {
			break
		}
	}
	if r.Count > 0 {
		r.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	return r, rest, nil
}

// writeCheck is the one encoding of a row that is hashed: "sceau-check-1" 0x00, then each member in the order of the type;
// numbers in eight bytes big-endian, texts with their length before them in the same form.
func writeCheck(h hash.Hash, k register.Check) {
	b := make([]byte, 0, 256)
	b = append(b, "sceau-check-1\x00"...)
	number := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	text := func(s string) {
		number(int64(len(s)))
		b = append(b, s...)
	}
	number(k.Seq)
	text(k.Number)
	text(k.Counter)
	number(k.At.UnixMilli())
	text(k.Insurer)
	number(int64(k.Place.List))
	number(int64(k.Place.Index))
	number(int64(k.Care))
	text(k.Domain)
	number(int64(k.Person))
	text(k.Status)
	text(k.Reason)
	until := int64(0)
	if !k.Pay.Until.IsZero() {
		until = k.Pay.Until.Unix()
	}
	number(until)
	number(int64(k.Pay.Euros))
	h.Write(b)
}

// TraceFault is a range of the trace that is not what was bound.
type TraceFault struct {
	Audit uint64     // number of the audit entry
	Range TraceRange // as bound
	What  string     // "altered", "missing", "added", "gap" or "unreadable"
}

// TraceReport is what CheckTrace found.
type TraceReport struct {
	Ranges  int   // bound
	Rows    int64 // in these
	Unbound int64 // rows after the last range, which nothing vouches for yet: those of the last minute
	Faults  []TraceFault
}

// CheckTrace compares the trace with every range that the audit chain holds. That the chain itself is whole is
// register.CheckAudit's to say.
func (s *Issuer) CheckTrace(ctx context.Context) (*TraceReport, error) {
	report := new(TraceReport)
	after := int64(0)
	err := s.eachBound(ctx, func(seq uint64, r TraceRange) error {
		report.Ranges++
		report.Rows += r.Count
		fault := func(what string) { report.Faults = append(report.Faults, TraceFault{seq, r, what}) }
		if r.Count < 1 || r.After > r.First || r.First > r.Last {
			fault("unreadable")
			return nil
		}
		if r.After != after {
			fault("gap")
		}
		after = r.Last
		got, _, err := s.sumTrace(ctx, r.After, r.Last)
		switch {
		case err != nil:
			return err
		case got.Count < r.Count:
			fault("missing")
		case got.Count > r.Count:
			fault("added")
		case got != r:
			fault("altered")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for {
		next, rest, err := s.sumTrace(ctx, after, 0)
		if err != nil {
			return nil, err
		}
		report.Unbound += next.Count
		if after = next.Last; !rest {
			return report, nil
		}
	}
}

// eachBound walks the ranges in the order of the chain.
func (s *Issuer) eachBound(ctx context.Context, each func(seq uint64, r TraceRange) error) error {
	type found struct {
		seq uint64
		r   TraceRange
	}
	for seq, more := uint64(0), true; more; {
		var ranges []found
		err := s.Store.View(ctx, func(tx register.Tx) error {
			page, err := tx.AuditAfter(seq, tracePage)
			if err != nil {
				return err
			}
			more = len(page) == tracePage
			for _, e := range page {
				seq = e.Seq
				record, err := register.ReadAudit(e)
				if err != nil {
					return err
				}
				if record.Act != ActBind {
					continue
				}
				f := found{seq: e.Seq}
				if json.Unmarshal(record.Detail, &f.r) != nil {
					f.r = TraceRange{}
				}
				ranges = append(ranges, f)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, f := range ranges {
			if err := each(f.seq, f.r); err != nil {
				return err
			}
		}
	}
	return nil
}
