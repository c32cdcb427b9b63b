// The keys of a store over time: a rotation adds keys while it works.

package sealed

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"sceau/card/register"
)

// ring is every generation of keys that this process met, the newest first. Older ones are kept: a transaction that began before a
// rotation ended still reads rows of a key that is retired since.
type ring struct {
	reload func() (*Keys, error) // nil when there is nothing to read them from

	mu  sync.Mutex // one goroutine adds
	all atomic.Pointer[[]*Keys]
}

func newRing(k *Keys, reload func() (*Keys, error)) *ring {
	r := &ring{reload: reload}
	r.all.Store(&[]*Keys{k})
	return r
}

func (r *ring) list() []*Keys { return *r.all.Load() }

// newest are the keys in force, as far as this process knows.
func (r *ring) newest() *Keys { return r.list()[0] }

// of returns keys that open a ciphertext, reading the keys in force anew when it names one that is not known. When none does, it
// returns the newest, which will say that the row is another's. Keys that can't be read are errBehind: nobody altered the row.
func (r *ring) of(ciphertext []byte) (*Keys, error) {
	k, err := r.find(ciphertext)
	switch {
	case errors.Is(err, ErrKeys):
		return r.newest(), nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errBehind, err)
	}
	return k, nil
}

func (r *ring) find(ciphertext []byte) (*Keys, error) {
	for _, k := range r.list() {
		if k.knows(ciphertext) {
			return k, nil
		}
	}
	if _, ok := keyOf(ciphertext); !ok || r.reload == nil {
		return nil, ErrKeys
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.list() { // another goroutine was faster
		if k.knows(ciphertext) {
			return k, nil
		}
	}
	k, err := r.reload()
	if err != nil {
		return nil, err
	}
	if !k.knows(ciphertext) {
		return nil, ErrKeys
	}
	r.add(k)
	return k, nil
}

// add puts keys before all others; mu is held.
func (r *ring) add(k *Keys) {
	all := append([]*Keys{k}, r.list()...)
	r.all.Store(&all)
}

// errBehind says that the register is sealed with a newer key than can be read.
var errBehind = errors.New("sealed: the register has a newer key, which can't be read here")

// follow makes sure, in a transaction that will write, that the key of the mark is known: then nothing is written with one before.
func (r *ring) follow(tx register.Tx) error {
	d, err := tx.Document(markKind, markID)
	if errors.Is(err, register.ErrNotFound) {
		return nil // not marked yet
	}
	if err != nil {
		return err
	}
	switch _, err := r.find(d.Data); {
	case errors.Is(err, ErrKeys):
		return fmt.Errorf("%w: the mark is sealed with other keys", register.ErrCorrupt)
	case err != nil:
		return fmt.Errorf("%w: %w", errBehind, err)
	}
	return nil
}
