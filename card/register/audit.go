// The audit chain: who changed what, when; each entry is bound to all before it.

package register

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"sceau/signing/journal"
)

// AuditChain is the name of the chain (journal.Start).
const AuditChain = "sceau-register"

// AuditRecord is what an entry of the chain says, as JSON in its body.
type AuditRecord struct {
	Actor   string          `json:"actor"`             // an account or a program, never a beneficiary
	Insurer string          `json:"insurer,omitempty"` // key of the insurer for whom it was done; "" when the operator did it
	Act     string          `json:"act"`               // what was done, such as "import" or "issue.log"
	Detail  json.RawMessage `json:"detail,omitempty"`  // counts, ranges and digests; no name, no NIR, no N° adhérent
}

// Body encodes the record for AppendAudit.
func (r AuditRecord) Body() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("register: encode an audit record: %w", err)
	}
	return b, nil
}

// ReadAudit decodes an entry's body; ErrCorrupt when it is no record.
func ReadAudit(e journal.Entry) (AuditRecord, error) {
	var r AuditRecord
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return AuditRecord{}, fmt.Errorf("%w: audit entry %d", ErrCorrupt, e.Seq)
	}
	return r, nil
}

// Audit is append-only. An entry is written in the transaction of the change it speaks of, so that there is no change
// without its entry and no entry without its change.
type Audit interface {
	// AppendAudit adds an entry at the head and moves the head.
	AppendAudit(body []byte, at time.Time) (journal.Entry, error)
	// AuditHead returns where the chain stands; that of the empty chain is journal.Start(AuditChain).
	AuditHead() (journal.Head, error)
	// AuditAfter returns at most limit entries after number seq, in order; 0 begins.
	AuditAfter(seq uint64, limit int) ([]journal.Entry, error)
}

// CheckAudit walks the chain from its first entry to the head that the register keeps apart, through the known heads, and
// returns where it arrives. A *journal.Fault names the first bad entry.
func CheckAudit(tx Audit, known ...journal.Head) (journal.Head, error) {
	start, err := journal.Start(AuditChain)
	if err != nil {
		return journal.Head{}, err
	}
	return CheckAuditSince(tx, start, known...)
}

// CheckAuditSince is CheckAudit for the entries after a head that is vouched for: it says nothing of those before. Known heads
// before it are passed over; a chain that ends before it is truncated.
func CheckAuditSince(tx Audit, start journal.Head, known ...journal.Head) (journal.Head, error) {
	head, err := tx.AuditHead()
	if err != nil {
		return journal.Head{}, err
	}
	if head.Seq < start.Seq {
		return journal.Head{}, &journal.Fault{Seq: head.Seq + 1, What: journal.ErrTruncated}
	}
	end, err := journal.Verify(start, auditEntries(tx, start.Seq), append([]journal.Head{head}, known...)...)
	if err != nil {
		return journal.Head{}, err
	}
	if end != head {
		return journal.Head{}, &journal.Fault{Seq: head.Seq + 1, What: journal.ErrInserted} // beyond the head
	}
	return end, nil
}

// auditEntries reads the entries after a number page by page, in the order of the stored numbers.
func auditEntries(tx Audit, seq uint64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for {
			page, err := tx.AuditAfter(seq, 1000)
			if err != nil {
				yield(journal.Entry{}, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				seq = e.Seq
			}
		}
	}
}
