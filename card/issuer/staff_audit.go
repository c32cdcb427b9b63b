// The audit chain as a tenant may read it, and the documents that are over.

package issuer

import (
	"context"
	"encoding/json"
	"time"

	"sceau/card/register"
)

// AuditLine is an entry of the audit chain.
type AuditLine struct {
	Seq    uint64
	At     time.Time
	Actor  string
	Act    string
	Detail json.RawMessage
	Hash   [32]byte
}

// auditScan is how many entries one page looks at, at most: a quiet tenant's page may be empty and have a next.
const auditScan = 5000

// AuditPage returns at most limit entries of an insurer behind number after, "*" for all entries, and the number behind which
// the next page begins; 0 at the end of the chain.
func (s *Issuer) AuditPage(ctx context.Context, insurerKey string, after uint64, limit int) (lines []AuditLine, next uint64, err error) {
	err = s.Store.View(ctx, func(tx register.Tx) error {
		lines, next = nil, after
		for looked := 0; looked < auditScan; {
			page, err := tx.AuditAfter(next, 1000)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				next = 0
				return nil
			}
			for _, e := range page {
				looked++
				r, err := register.ReadAudit(e)
				if err != nil {
					return err
				}
				next = e.Seq
				if insurerKey != "*" && r.Insurer != insurerKey {
					continue
				}
				lines = append(lines, AuditLine{Seq: e.Seq, At: e.At, Actor: r.Actor, Act: r.Act, Detail: r.Detail, Hash: e.Hash()})
				if len(lines) == limit {
					return nil
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return lines, next, nil
}

// SweepStaff drops sessions, idempotency keys, jobs, counts and old approvals that are over, and says how many.
func (s *Issuer) SweepStaff(ctx context.Context) (int64, error) {
	var n int64
	err := s.Store.Update(ctx, func(tx register.Tx) error {
		n = 0
		for _, kind := range []string{kindSession, kindOnce, kindJob, kindRejects, kindSpending, kindApproval} {
			k, err := tx.DropDocuments(kind, s.second())
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
