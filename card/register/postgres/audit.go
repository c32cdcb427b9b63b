// The audit chain in SQL: entry and head move in the transaction of the change.

package postgres

import (
	"errors"
	"time"

	"sceau/card/register"
	"sceau/signing/journal"
)

// AppendAudit implements register.Audit.
func (t *txn) AppendAudit(body []byte, at time.Time) (journal.Entry, error) {
	if err := t.ready(true); err != nil {
		return journal.Entry{}, err
	}
	head, err := t.AuditHead()
	if err != nil {
		return journal.Entry{}, err
	}
	e, err := journal.Append(head, body, at)
	if err != nil {
		return journal.Entry{}, err
	}
	next := e.Head()
	_, err = t.change(`WITH entry AS (INSERT INTO audit (seq, at, body, prev) VALUES ($1, $2, $3, $4))
		INSERT INTO audit_head (id, seq, hash) VALUES (1, $5, $6) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`,
		int64(e.Seq), e.At.UnixMicro(), blob(e.Body), e.Prev[:], int64(next.Seq), next.Hash[:])
	if err != nil {
		return journal.Entry{}, err
	}
	t.head = &next
	return e, nil
}

// AuditHead implements register.Audit.
func (t *txn) AuditHead() (journal.Head, error) {
	if err := t.ready(false); err != nil {
		return journal.Head{}, err
	}
	if t.head != nil {
		return *t.head, nil
	}
	var seq int64
	var hash []byte
	var h journal.Head
	err := t.row(`SELECT seq, hash FROM audit_head WHERE id = 1`)(&seq, &hash)
	if errors.Is(err, register.ErrNotFound) {
		h, err = journal.Start(register.AuditChain)
	} else if err == nil {
		h.Seq = uint64(seq)
		err = fixed(h.Hash[:], hash, "head of the audit chain")
	}
	if err != nil {
		return journal.Head{}, err
	}
	t.head = &h
	return h, nil
}

// AuditAfter implements register.Audit.
func (t *txn) AuditAfter(seq uint64, limit int) ([]journal.Entry, error) {
	return all(t, func(scan scanner) (journal.Entry, error) {
		var n, at int64
		var body, prev []byte
		if err := scan(&n, &at, &body, &prev); err != nil {
			return journal.Entry{}, err
		}
		e := journal.Entry{Seq: uint64(n), At: time.UnixMicro(at).UTC(), Body: body}
		return e, fixed(e.Prev[:], prev, "link of an audit entry")
	}, `SELECT seq, at, body, prev FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, int64(seq), most(limit))
}
