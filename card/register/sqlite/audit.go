// The audit chain in SQL: entry and head move in the transaction of the change.

package sqlite

import (
	"errors"
	"time"

	"sceau/card/register"
	"sceau/signing/journal"
)

// AppendAudit implements register.Audit.
func (t *txn) AppendAudit(body []byte, at time.Time) (journal.Entry, error) {
	head, err := t.AuditHead()
	if err != nil {
		return journal.Entry{}, err
	}
	e, err := journal.Append(head, body, at)
	if err != nil {
		return journal.Entry{}, err
	}
	err = t.change(`INSERT INTO audit (seq, at, body, prev) VALUES (?, ?, ?, ?)`, int64(e.Seq), e.At.UnixMicro(), e.Body, e.Prev[:])
	if err != nil {
		return journal.Entry{}, err
	}
	next := e.Head()
	err = t.change(`INSERT INTO audit_head (id, seq, hash) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE SET seq = ?1, hash = ?2`,
		int64(next.Seq), next.Hash[:])
	if err != nil {
		return journal.Entry{}, err
	}
	return e, nil
}

// AuditHead implements register.Audit.
func (t *txn) AuditHead() (journal.Head, error) {
	var seq int64
	var hash []byte
	err := t.row(`SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&seq, &hash)
	if errors.Is(err, register.ErrNotFound) {
		return journal.Start(register.AuditChain)
	}
	if err != nil {
		return journal.Head{}, err
	}
	h := journal.Head{Seq: uint64(seq)}
	copy(h.Hash[:], hash)
	return h, nil
}

// AuditAfter implements register.Audit.
func (t *txn) AuditAfter(seq uint64, limit int) ([]journal.Entry, error) {
	return all(t, func(scan func(...any) error) (journal.Entry, error) {
		var n, at int64
		var body, prev []byte
		err := scan(&n, &at, &body, &prev)
		e := journal.Entry{Seq: uint64(n), At: time.UnixMicro(at).UTC(), Body: body}
		copy(e.Prev[:], prev)
		return e, err
	}, `SELECT seq, at, body, prev FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`, int64(seq), limit)
}
