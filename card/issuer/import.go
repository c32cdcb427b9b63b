// Import: an insurer's file becomes contracts, whole contracts or none.

package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"sceau/card/register"
	"sceau/rights"
	"sceau/rights/roster"
)

// ImportOptions says how to take a file.
type ImportOptions struct {
	Strict bool // one reject, and nothing of the file is taken
	DryRun bool // nothing is stored; the report says what would have been
	// Insurer narrows the import to contracts of one insurer: lines of others are rejected as those of unknown insurers are.
	// "" takes every insurer of the register.
	Insurer string
	// Reject receives each reject in the order of the lines; nil drops them, the report still counts them.
	Reject func(roster.Reject) error
}

// ImportReport counts what a file held.
type ImportReport struct {
	SHA256    [sha256.Size]byte // of the file; zero when it was not read to its end
	Lines     int               // behind the header
	Contracts int               // taken, whole
	Created   int
	Changed   int
	Unchanged int
	Rejected  int // lines with at least one reject
	Refused   int // contracts left out because of them
	Rejects   int // faults, of which a line may have several
}

// Import reads a roster as a stream and stores its contracts, a batch in a transaction; a contract with a rejected line is
// left out whole. Cut short, what was taken stays, and the same file taken again completes it. The same file twice changes
// no contract; a contract whose facts changed gets the next revision. Every import that was read to its end leaves a record
// and an audit entry, also one that changed nothing: who sent what, and when, is worth knowing.
//
// Strict holds the register's write lock from the first line to the last, and returns ErrRejected beside the report when
// lines were rejected. The report is valid also beside an error.
func (s *Issuer) Import(ctx context.Context, r io.Reader, o ImportOptions) (*ImportReport, error) {
	i := &importing{issuer: s, o: o, sum: sha256.New(), report: new(ImportReport), insurers: map[string]bool{}}
	keys, err := s.insurers(ctx)
	if err != nil {
		return i.report, err
	}
	for _, k := range keys {
		i.insurers[k] = o.Insurer == "" || k == o.Insurer
	}
	i.file = io.TeeReader(r, i.sum)
	i.reader, err = roster.Read(i.file, roster.Options{
		Codes:    s.Codes,
		Insurers: func(key string) bool { return i.insurers[key] },
		OnReject: func(r roster.Reject) error {
			i.report.Rejects++
			if o.Reject == nil {
				return nil
			}
			return o.Reject(r)
		},
	})
	if err != nil {
		return i.report, err
	}
	if o.Strict && !o.DryRun {
		err = s.Store.Update(ctx, i.everything)
	} else {
		err = i.inBatches(ctx)
	}
	if err == nil && o.Strict && i.report.Rejects > 0 {
		err = ErrRejected // a dry run says what the real one would have said
	}
	if err != nil && o.Strict { // nothing was taken
		i.report.Contracts, i.report.Created, i.report.Changed, i.report.Unchanged = 0, 0, 0, 0
	}
	return i.report, err
}

// importing is one Import under way.
type importing struct {
	issuer   *Issuer
	o        ImportOptions
	insurers map[string]bool
	sum      hash.Hash
	file     io.Reader
	reader   *roster.Reader
	report   *ImportReport
}

// everything takes the whole file in one transaction.
func (i *importing) everything(tx register.Tx) error {
	for {
		batch, end, err := i.next()
		if err != nil {
			return err
		}
		if err := i.put(tx, batch); err != nil {
			return err
		}
		if end {
			break
		}
	}
	if i.report.Rejects > 0 {
		return ErrRejected
	}
	return i.record(tx)
}

// inBatches takes one batch after the other, each in its own transaction. The file is read outside of them.
func (i *importing) inBatches(ctx context.Context) error {
	transact := i.issuer.Store.Update
	if i.o.DryRun {
		transact = i.issuer.Store.View
	}
	for {
		batch, end, err := i.next()
		if err != nil {
			return err
		}
		before := *i.report
		err = transact(ctx, func(tx register.Tx) error {
			if err := i.put(tx, batch); err != nil || !end || i.o.DryRun {
				return err
			}
			return i.record(tx)
		})
		if err != nil {
			*i.report = before // what was rolled back was not taken
			return err
		}
		if end {
			return nil
		}
	}
}

// next reads the next batch; end says that it is the last.
func (i *importing) next() (batch []rights.Contract, end bool, err error) {
	for len(batch) < i.issuer.batch() {
		c, _, err := i.reader.Next()
		if errors.Is(err, io.EOF) {
			end = true
			break
		}
		if err != nil {
			return nil, false, err
		}
		batch = append(batch, c)
	}
	st := i.reader.Stats()
	i.report.Lines, i.report.Rejected, i.report.Refused = st.Lines, st.Rejected, st.Refused
	if end {
		// The reader has met the end of the file; what it did not need of it still belongs to the file's sum.
		if _, err := io.Copy(io.Discard, i.file); err != nil {
			return nil, false, err
		}
		i.sum.Sum(i.report.SHA256[:0])
	}
	return batch, end, nil
}

// put stores what is new or changed, and says so in the audit chain when anything is.
func (i *importing) put(tx register.Tx, batch []rights.Contract) error {
	created, changed := 0, 0
	for _, c := range batch {
		next, err := register.NewContract(c, 1)
		if err != nil {
			return err
		}
		old, err := tx.Contract(next.Key)
		switch {
		case errors.Is(err, register.ErrNotFound):
			created++
		case err != nil:
			return err
		case old.Hash == next.Hash:
			i.report.Unchanged++
			i.report.Contracts++
			continue
		default:
			changed++
			next.Revision = old.Revision + 1
		}
		if !i.o.DryRun {
			if err := tx.PutContract(next); err != nil {
				return err
			}
		}
		i.report.Contracts++
	}
	i.report.Created += created
	i.report.Changed += changed
	if i.o.DryRun || created+changed == 0 {
		return nil
	}
	return i.issuer.audit(tx, "import.contracts", map[string]int{"created": created, "changed": changed})
}

func (i *importing) record(tx register.Tx) error {
	r := i.report
	at := i.issuer.now().UTC().Truncate(time.Second)
	err := tx.AddImport(register.Import{
		SHA256: r.SHA256, At: at, Lines: int64(r.Lines), Contracts: int64(r.Contracts), Created: int64(r.Created),
		Changed: int64(r.Changed), Unchanged: int64(r.Unchanged), Rejected: int64(r.Rejected), Strict: i.o.Strict,
	})
	if err != nil {
		return fmt.Errorf("issuer: record the import: %w", err)
	}
	// No digest of the file: the audit chain is in clear, and a file of one line can be guessed from it, NIR included. The
	// record above has it.
	return i.issuer.audit(tx, "import", map[string]any{"contracts": r.Contracts,
		"created": r.Created, "changed": r.Changed, "rejected": r.Rejected, "strict": i.o.Strict})
}
