// Places drawn at random, and work spread over the processors.

package issuer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"sceau/card"
	"sceau/card/register"
)

// drawer draws free places at random for one transaction.
type drawer struct {
	issuer *Issuer
	tx     register.Tx
	drawn  map[card.Place]bool
	lists  map[string]register.List // open list by insurer, Used counting the draws of this transaction
}

// place is places for one card.
func (d *drawer) place(insurerKey string) (card.Place, error) {
	p, err := d.places(insurerKey, 1)
	if err != nil {
		return card.Place{}, err
	}
	return p[0], nil
}

// places draws n of the free places of the insurer's open list, each uniformly: what a number says about a card is nothing.
func (d *drawer) places(insurerKey string, n int) ([]card.Place, error) {
	l, err := d.list(insurerKey)
	if err != nil {
		return nil, err
	}
	out := make([]card.Place, 0, n)
	for len(out) < n {
		// Those that turn out to be taken are drawn again, so that each place was drawn among all that are free.
		var drawn []card.Place
		for len(drawn) < min(n-len(out), register.MaxBatch) {
			var b [4]byte
			if _, err := io.ReadFull(d.issuer.random(), b[:]); err != nil {
				return nil, fmt.Errorf("issuer: draw a place: %w", err)
			}
			p := card.Place{List: l.Number, Index: binary.BigEndian.Uint32(b[:]) & card.MaxIndex}
			if !d.drawn[p] {
				d.drawn[p] = true
				drawn = append(drawn, p)
			}
		}
		taken, err := d.tx.TakenOf(drawn)
		if err != nil {
			return nil, err
		}
		for _, p := range drawn {
			if !taken[p] {
				out = append(out, p)
			}
		}
	}
	l.Used += int64(n)
	d.lists[insurerKey] = l
	return out, nil
}

func (d *drawer) list(insurerKey string) (register.List, error) {
	l, ok := d.lists[insurerKey]
	var err error
	if !ok {
		l, err = d.tx.OpenList(insurerKey)
		if errors.Is(err, register.ErrNotFound) {
			l, err = d.tx.AddList(insurerKey)
		}
	}
	// A list is only closed between transactions, never while cards of this one wait to be added to it.
	if err == nil && !ok && l.Used >= d.issuer.listFill() {
		l, err = d.tx.AddList(insurerKey)
	}
	if err != nil {
		return register.List{}, err
	}
	d.lists[insurerKey] = l
	return l, nil
}

// listFill is Issuer.fill or what it means by zero.
func (s *Issuer) listFill() int64 {
	if s.fill == 0 {
		return (card.MaxIndex + 1) / 2
	}
	return s.fill
}

// parallel calls fn(0) to fn(n-1) on all processors and returns the first error; once one failed no further call begins.
func parallel(n int, fn func(int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	var once sync.Once
	var first error
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := fn(i); err != nil {
					once.Do(func() { first = err })
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return first
}
