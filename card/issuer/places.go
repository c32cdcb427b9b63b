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

// place draws uniformly among the free places of the insurer's open list: what a number says about a card is nothing.
func (d *drawer) place(insurerKey string) (card.Place, error) {
	l, err := d.list(insurerKey)
	if err != nil {
		return card.Place{}, err
	}
	for {
		var b [4]byte
		if _, err := io.ReadFull(d.issuer.random(), b[:]); err != nil {
			return card.Place{}, fmt.Errorf("issuer: draw a place: %w", err)
		}
		p := card.Place{List: l.Number, Index: binary.BigEndian.Uint32(b[:]) & card.MaxIndex}
		if d.drawn[p] {
			continue
		}
		taken, err := d.tx.Taken(p)
		if err != nil {
			return card.Place{}, err
		}
		if taken {
			continue
		}
		d.drawn[p] = true
		l.Used++
		d.lists[insurerKey] = l
		return p, nil
	}
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
	fill := d.issuer.fill
	if fill == 0 {
		fill = (card.MaxIndex + 1) / 2
	}
	// A list is only closed between transactions, never while cards of this one wait to be added to it.
	if err == nil && !ok && l.Used >= fill {
		l, err = d.tx.AddList(insurerKey)
	}
	if err != nil {
		return register.List{}, err
	}
	d.lists[insurerKey] = l
	return l, nil
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
