// ImportFile: a file is read to its end before anything of it is stored, and stops when it would do what no insurer means to do.

package issuer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sceau/card/register"
	"sceau/rights"
	"sceau/rights/roster"
)

const (
	// maxClosed is how many of an insurer's contracts in force one file may close unasked, in percent.
	maxClosed = 5.0
	// minClosures never stop a file: a small insurer loses some contracts in a month like any other.
	minClosures = 20
	// importsLooked is how many imports back a file is recognised.
	importsLooked = 10_000
)

var (
	// ErrMassClosure says that a file would end too many contracts; *MassClosure has the numbers. Nothing was changed.
	ErrMassClosure = errors.New("issuer: the file would close too many contracts, nothing was changed")
	// ErrRejectRate says that too many lines of a file are rejected. Nothing was changed.
	ErrRejectRate = errors.New("issuer: too many lines are rejected, nothing was changed")
	// ErrFileReplayed says that a file was imported already, and another one after it. Nothing was changed.
	ErrFileReplayed = errors.New("issuer: the file was imported already, and another one since; nothing was changed")
)

// InsurerClosures is what a file would close of one insurer.
type InsurerClosures struct {
	Insurer   string
	Closures  int
	Contracts int  // in force; 0 when nobody had to count them
	Over      bool // more than was allowed
}

// MassClosure says what a file would close.
type MassClosure struct {
	Closures int // of all insurers: the number to accept
	Insurers []InsurerClosures
}

// Error names the insurers that stopped the file.
func (m *MassClosure) Error() string {
	var over []string
	for _, i := range m.Insurers {
		if i.Over {
			over = append(over, fmt.Sprintf("%d of %d contracts of %s", i.Closures, i.Contracts, i.Insurer))
		}
	}
	return fmt.Sprintf("%v: it would close %s", ErrMassClosure, strings.Join(over, ", "))
}

// Is makes it an ErrMassClosure.
func (m *MassClosure) Is(target error) bool { return target == ErrMassClosure }

// ImportFile is Import with a first reading that stores nothing, after which it may stop: with a MassClosure, ErrRejectRate,
// ErrRejected (Strict, CloseFrom) or ErrFileReplayed. open gives the file from its beginning, each time the same bytes. The first
// reading costs as much as one that finds nothing changed; while the register has no contract that could be closed and nothing else
// asks for it, it only looks for what refuses the file as a whole (roster.Scan), which costs little: nothing is taken of such a file.
//
// A strict import is then stored in batches like any other: killed in between, the same file completes it.
func (s *Issuer) ImportFile(ctx context.Context, open func() (io.Reader, error), o ImportOptions) (*ImportReport, error) {
	o.Strict = o.Strict || o.CloseFrom != 0
	need, err := s.needsCheck(ctx, o)
	if err != nil {
		return &ImportReport{Untouched: true}, err
	}
	real := o
	var before time.Time
	if need {
		check := o
		check.DryRun = true
		report, i, err := s.importOpened(ctx, open, check)
		if err == nil || errors.Is(err, ErrRejected) {
			err = errors.Join(err, s.judge(ctx, i, report, o))
		}
		if err != nil || o.DryRun {
			report.Untouched = err != nil
			return report, err
		}
		real.limited, real.closures, real.Reject = true, report.Closed, nil // the check handed the rejects over
		before = report.Before
	} else if before, err = s.scan(ctx, open, o); err != nil {
		return &ImportReport{Before: before, Untouched: true}, err
	}
	report, _, err := s.importOpened(ctx, open, real)
	report.Before = before
	return report, err
}

// scan looks for what refuses a file as a whole, and says when it was imported last.
func (s *Issuer) scan(ctx context.Context, open func() (io.Reader, error), o ImportOptions) (before time.Time, err error) {
	f, err := open()
	if err != nil {
		return time.Time{}, err
	}
	h := sha256.New()
	if err := roster.Scan(io.TeeReader(contextReader{ctx, f}, h), roster.Options{Codes: s.Codes, Delta: o.Delta}); err != nil {
		return time.Time{}, err
	}
	return s.replayed(ctx, o, [sha256.Size]byte(h.Sum(nil)))
}

func (s *Issuer) importOpened(ctx context.Context, open func() (io.Reader, error), o ImportOptions) (*ImportReport, *importing, error) {
	f, err := open()
	if err != nil {
		return new(ImportReport), nil, err
	}
	return s.importOnce(ctx, f, o)
}

// needsCheck says whether a file must be read before it is taken.
func (s *Issuer) needsCheck(ctx context.Context, o ImportOptions) (need bool, err error) {
	if o.DryRun || o.Strict || o.MaxRejects > 0 {
		return true, nil
	}
	if o.MaxClosed >= 100 {
		return false, nil
	}
	keys, err := s.insurers(ctx)
	if err != nil {
		return false, err
	}
	err = s.Store.View(ctx, func(tx register.Tx) error {
		for _, key := range keys {
			if o.Insurer != "" && key != o.Insurer {
				continue
			}
			some, err := tx.ContractsAfter(key, "", 1)
			if err != nil {
				return err
			}
			if need = len(some) > 0; need {
				return nil
			}
		}
		return nil
	})
	return need, err
}

// judge says what stops a file that was checked.
func (s *Issuer) judge(ctx context.Context, i *importing, r *ImportReport, o ImportOptions) (err error) {
	if r.Before, err = s.replayed(ctx, o, r.SHA256); err != nil {
		return err
	}
	if o.MaxRejects > 0 && float64(r.Rejected)*100 > o.MaxRejects*float64(r.Lines) {
		return fmt.Errorf("%w: %d of %d lines", ErrRejectRate, r.Rejected, r.Lines)
	}
	return s.judgeClosures(ctx, i.closed, o)
}

func (s *Issuer) judgeClosures(ctx context.Context, closed map[string]int, o ImportOptions) error {
	limit := o.MaxClosed
	if limit <= 0 {
		limit = maxClosed
	}
	m := new(MassClosure)
	over := false
	for key, n := range closed {
		c := InsurerClosures{Insurer: key, Closures: n}
		if n >= minClosures && limit < 100 {
			var err error
			if c.Contracts, c.Over, err = s.overLimit(ctx, key, n, limit); err != nil {
				return err
			}
		}
		over = over || c.Over
		m.Closures += n
		m.Insurers = append(m.Insurers, c)
	}
	if !over || o.AcceptClosures == m.Closures {
		return nil
	}
	slices.SortFunc(m.Insurers, func(a, b InsurerClosures) int {
		return cmp.Or(b.Closures-a.Closures, cmp.Compare(a.Insurer, b.Insurer))
	})
	return m
}

// overLimit counts an insurer's contracts in force until it is clear that n are not too many of them. So a file that closes few
// contracts costs little, whatever the insurer's size.
func (s *Issuer) overLimit(ctx context.Context, key string, n int, limit float64) (contracts int, over bool, err error) {
	today := rights.DateAt(s.now())
	enough := func() bool { return float64(n)*100 <= limit*float64(contracts) }
	for after, more := "", true; more && !enough(); {
		err := s.Store.View(ctx, func(tx register.Tx) error {
			page, err := tx.ContractsAfter(key, after, register.MaxBatch)
			if more = len(page) > 0; err != nil || !more {
				return err
			}
			after = page[len(page)-1].Key.Adherent
			for _, c := range page {
				if c.To >= today {
					contracts++
				}
			}
			return nil
		})
		if err != nil {
			return 0, false, err
		}
	}
	return contracts, !enough(), nil
}

// replayed says when a file was imported last; ErrFileReplayed when another one was since, whose changes it would undo.
func (s *Issuer) replayed(ctx context.Context, o ImportOptions, is [sha256.Size]byte) (time.Time, error) {
	var all []register.Import
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		all, err = tx.Imports(importsLooked)
		return err
	})
	if err != nil || len(all) == 0 {
		return time.Time{}, err
	}
	for n, old := range all {
		if old.SHA256 != is {
			continue
		}
		if n > 0 && !o.Again {
			return old.At, fmt.Errorf("%w: on %s", ErrFileReplayed, old.At.UTC().Format("2006-01-02 15:04 UTC"))
		}
		return old.At, nil
	}
	return time.Time{}, nil
}
