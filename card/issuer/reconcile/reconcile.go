// Package reconcile takes counters' journals in, exactly once, and answers every entry: honoured, disputed or noted, judged on
// what the counter could have known. It counts, for insurers, what was served without the service. FORMAT.md has the rules.
//
// Nothing that a counter sends is lost: what contradicts what is there is stored beside it, and an alarm is raised.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sceau/card/register"
	"sceau/signing"
)

// Errors of an upload. Nothing of it was stored.
var (
	// ErrBatch says that the batch is none: too long, no device's name, no key.
	ErrBatch = errors.New("reconcile: not a batch of a journal")
	// ErrUnsigned says that no key of this counter's chains vouches for the entries: the signed head is another chain's, does
	// not verify, or stands before the last entry.
	ErrUnsigned = errors.New("reconcile: nobody vouches for these entries")
	// ErrForks says that the journal has more branches than any accident makes: people must look at it.
	ErrForks = errors.New("reconcile: too many entries of one number")
	// ErrChains says that the counter has as many journals as any that is honest ever begins: people must look at it.
	ErrChains = errors.New("reconcile: too many journals of one counter")
	// ErrUnknownChain says that the counter has no such chain.
	ErrUnknownChain = errors.New("reconcile: the counter has no such chain")
)

// Reconciler works on one register. Store is required.
type Reconciler struct {
	Store register.Store
	Now   func() time.Time // the clock; nil means time.Now

	// Signer seals settlements; it is asked for at each settlement, and nil leaves them unsealed ("").
	Signer func() (*signing.Signer, error)
}

func (r *Reconciler) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// document reads one of this package's documents into a value.
func document(tx register.Documents, kind, id string, read func([]byte) error) (register.Document, error) {
	d, err := tx.Document(kind, id)
	if err != nil {
		return register.Document{}, err
	}
	if err := read(d.Data); err != nil {
		return register.Document{}, fmt.Errorf("%w: %s document", register.ErrCorrupt, kind)
	}
	return d, nil
}

// view runs fn and returns its value.
func view[T any](ctx context.Context, s register.Store, fn func(register.Tx) (T, error)) (T, error) {
	var out T
	err := s.View(ctx, func(tx register.Tx) (err error) {
		out, err = fn(tx)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}
