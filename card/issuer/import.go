// Import: an insurer's file becomes contracts, whole contracts or none.

package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
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
	// Delta admits the column mouvement, by which a file closes contracts.
	Delta bool
	// CloseFrom, in a file that is all that its insurers have: their contracts that it doesn't name end the day before; 0 leaves
	// them. An insurer that the file doesn't name keeps all. Such an import is strict: a contract whose line was rejected must not
	// be taken for an absent one.
	CloseFrom rights.Date
	// Reject receives each reject in the order of the lines; nil drops them, the report still counts them. Closures that the
	// register refuses come a little later than their lines.
	Reject func(roster.Reject) error
	// Progress is told after every batch how far the file is; nil for nobody.
	Progress func(ImportProgress)

	// Of ImportFile alone:

	// MaxClosed is how many of an insurer's contracts in force a file may close, in percent; 0 means 5, and 100 all.
	MaxClosed float64
	// AcceptClosures is the number that a MassClosure said: so many may be closed all the same.
	AcceptClosures int
	// MaxRejects is how many lines may be rejected, in percent; 0 means any number.
	MaxRejects float64
	// Again takes a file that was imported before the one imported last.
	Again bool

	closures int // at most so many, when limited
	limited  bool
}

// ImportReport counts what a file held.
type ImportReport struct {
	SHA256    [sha256.Size]byte // of the file; zero when it was not read to its end
	Bytes     int64
	Lines     int // behind the header
	Contracts int // taken, whole
	Created   int
	Changed   int // those closed are among them
	Unchanged int
	Closed    int  // contracts in force that end earlier than before: by their dates, by a movement, or because they are absent
	Absent    int  // of which absent
	Ahead     int  // absent, but they begin only after the day: they stay
	Rejected  int  // lines with at least one reject
	Refused   int  // contracts left out because of them
	Rejects   int  // faults, of which a line may have several
	Open      bool // the last line lacks its end, as when a file was cut short
	Causes    []RejectCause
	Before    time.Time // when the same file was imported last; zero when it was not, or nobody looked
	Untouched bool      // beside an error of ImportFile: it came before the first change, and the counts say what would have been
}

// ImportProgress says how far an import is.
type ImportProgress struct {
	Check     bool // the first reading, which stores nothing
	Bytes     int64
	Lines     int
	Contracts int
	Rejected  int
}

// Import reads a roster as a stream and stores its contracts, a batch in a transaction; a contract with a rejected line is
// left out whole. Cut short, what was taken stays, and the same file taken again completes it. The same file twice changes
// no contract; a contract whose facts changed gets the next revision. A file without columns of addresses leaves those that are
// known. Every import that was read to its end leaves a record and an audit entry, also one that changed nothing: who sent what,
// and when, is worth knowing.
//
// Strict holds the register's write lock from the first line to the last, and returns ErrRejected beside the report when
// lines were rejected. The report is valid also beside an error.
//
// It reads the file once, so it can't stop before a mass closure: ImportFile does.
func (s *Issuer) Import(ctx context.Context, r io.Reader, o ImportOptions) (*ImportReport, error) {
	report, _, err := s.importOnce(ctx, r, o)
	return report, err
}

func (s *Issuer) importOnce(ctx context.Context, r io.Reader, o ImportOptions) (*ImportReport, *importing, error) {
	o.Strict = o.Strict || o.CloseFrom != 0
	i := newImporting(s, o)
	keys, err := s.insurers(ctx)
	if err != nil {
		return i.report, i, err
	}
	for _, k := range keys {
		i.insurers[k] = o.Insurer == "" || k == o.Insurer
	}
	if err := i.open(r); err != nil {
		return i.report, i, err
	}
	stop := i.read()
	defer stop() // the reader works beside the transactions, and ends before the report is returned
	if o.Strict && !o.DryRun && !o.limited {
		err = s.Store.Update(ctx, func(tx register.Tx) error { return i.everything(ctx, tx) })
	} else {
		err = i.inBatches(ctx)
	}
	stop()
	i.report.Causes = i.causes.list()
	if err == nil && o.Strict && i.report.Rejects > 0 {
		err = ErrRejected // a dry run says what the real one would have said
	}
	if err != nil && o.Strict && !o.limited { // nothing was taken
		i.report.Contracts, i.report.Created, i.report.Changed, i.report.Unchanged, i.report.Closed, i.report.Absent = 0, 0, 0, 0, 0, 0
	}
	return i.report, i, err
}

// everything takes the whole file in one transaction.
func (i *importing) everything(ctx context.Context, tx register.Tx) error {
	for {
		p, err := i.next()
		if err != nil {
			return err
		}
		if err := i.put(tx, p); err != nil {
			return err
		}
		i.tell()
		if p.end {
			break
		}
	}
	if i.report.Rejects > 0 {
		return ErrRejected
	}
	for key := range i.met {
		for after, more := "", true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if after, more, err = i.closeAbsent(tx, key, after); err != nil {
				return err
			}
		}
	}
	return i.record(tx)
}

// inBatches takes one batch after the other, each in its own transaction. The file is read outside of them.
func (i *importing) inBatches(ctx context.Context) error {
	transact := func(fn func(tx register.Tx) error) error {
		before := *i.report
		do := i.issuer.Store.Update
		if i.o.DryRun {
			do = i.issuer.Store.View
		}
		err := do(ctx, fn)
		if err != nil {
			before.Rejects, before.Rejected, before.Refused = i.report.Rejects, i.report.Rejected, i.report.Refused
			*i.report = before // what was rolled back was not taken
		}
		return err
	}
	record := func(tx register.Tx) error {
		if i.o.DryRun || i.o.Strict && i.report.Rejects > 0 {
			return nil
		}
		return i.record(tx)
	}
	for end := false; !end; {
		p, err := i.next()
		if err != nil {
			return err
		}
		end = p.end
		last := end && i.o.CloseFrom == 0
		err = transact(func(tx register.Tx) error {
			if err := i.put(tx, p); err != nil || !last {
				return err
			}
			return record(tx)
		})
		if err != nil {
			return err
		}
		i.tell()
	}
	if i.o.CloseFrom == 0 || i.report.Rejects > 0 { // a rejected contract must not be taken for an absent one
		return nil
	}
	for key := range i.met {
		for after, more := "", true; more; {
			var next string
			err := transact(func(tx register.Tx) (err error) {
				next, more, err = i.closeAbsent(tx, key, after)
				return err
			})
			if err != nil {
				return err
			}
			after = next
			i.tell()
		}
	}
	return transact(record)
}

// tell reports progress.
func (i *importing) tell() {
	if i.o.Progress != nil {
		r := i.report
		i.o.Progress(ImportProgress{i.o.DryRun, r.Bytes, r.Lines, r.Contracts, r.Rejected})
	}
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
	detail := map[string]any{"contracts": r.Contracts, "created": r.Created, "changed": r.Changed, "rejected": r.Rejected, "strict": i.o.Strict}
	if r.Closed > 0 {
		detail["closed"] = r.Closed
	}
	if i.o.AcceptClosures > 0 {
		detail["accepted_closures"] = i.o.AcceptClosures
	}
	return i.issuer.audit(tx, "import", detail)
}

// isRefusal says whether an error is about one contract and no fault of the register.
func isRefusal(err error) bool { return errors.Is(err, ErrInvalid) }
