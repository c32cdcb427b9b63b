// Verifying the journal: every chain from its signed base to its signed head, every body, every column.

package mirror

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// Verify walks every chain, whatever is appended meanwhile, and returns where the present one stands. A *journal.Fault in
// the error names the first bad entry, and its chain is named before it; ErrDamaged is a database or a signed head that
// can't be believed.
//
// It finds what was changed by someone without the device's key. Against the key's owner only a head helps that was kept
// elsewhere: see [Book.Head].
func (b *Book) Verify(ctx context.Context) (journal.Head, Count, error) {
	var head journal.Head
	var n Count
	err := b.read(ctx, func(c *sql.Conn) (err error) {
		head, n, err = verify(ctx, c)
		return err
	})
	if err != nil {
		return journal.Head{}, Count{}, err
	}
	return head, n, nil
}

func verify(ctx context.Context, c *sql.Conn) (journal.Head, Count, error) {
	all, err := chains(ctx, c)
	if err != nil {
		return journal.Head{}, Count{}, err
	}
	if len(all) == 0 {
		return journal.Head{}, Count{}, damaged("%s holds no chain", BookName)
	}
	v := verifier{ctx: ctx, c: c, all: all, n: &Count{Devices: len(all)}, vouched: map[string]journal.Head{}}
	var head journal.Head
	// The last one first: its opening vouches for the one before.
	for i := len(all) - 1; i >= 0; i-- {
		got, err := v.chain(&all[i])
		if err != nil {
			return journal.Head{}, Count{}, err
		}
		if i == len(all)-1 {
			head = got
		}
	}
	for name, h := range v.vouched {
		if h.Seq > 0 {
			return journal.Head{}, Count{}, fmt.Errorf("mirror: chain of device %s: %w", receipt.Short(name), &journal.Fault{Seq: 1, What: journal.ErrDeleted})
		}
	}
	if err := v.orphans(); err != nil {
		return journal.Head{}, Count{}, err
	}
	return head, *v.n, nil
}

type verifier struct {
	ctx     context.Context
	c       *sql.Conn
	all     chainSet
	n       *Count
	vouched map[string]journal.Head // by openings of later chains: where the one before stood
}

func (v *verifier) chain(r *chainRow) (journal.Head, error) {
	base, err := v.all.open(r, r.base)
	if err != nil {
		return journal.Head{}, damaged("device %s: %w", receipt.Short(r.device), err)
	}
	end, err := v.all.open(r, r.head)
	if err != nil {
		return journal.Head{}, damaged("device %s: %w", receipt.Short(r.device), err)
	}
	known := []journal.Head{end}
	if h, ok := v.vouched[r.device]; ok {
		known = append(known, h)
		delete(v.vouched, r.device)
	}
	v.n.Pruned += base.Seq
	w := walked{v: v, r: r}
	head, err := journal.Verify(base, w.entries(), known...)
	switch {
	case err == nil && head != end:
		err = &journal.Fault{Seq: end.Seq + 1, What: journal.ErrInserted} // nobody signed what follows
	case err == nil && w.bad != 0:
		err = &journal.Fault{Seq: w.bad, What: journal.ErrEdited}
	}
	// Of two faults the first entry counts; a row that holds nothing lawful has already told where it stands.
	if f := (*journal.Fault)(nil); errors.As(err, &f) && w.bad != 0 && w.bad < f.Seq {
		err = &journal.Fault{Seq: w.bad, What: journal.ErrEdited}
	}
	if err != nil {
		return journal.Head{}, fmt.Errorf("mirror: chain of device %s: %w", receipt.Short(r.device), err)
	}
	return head, nil
}

// walked gives the entries of one chain to the check, and looks at what the chain's hashes do not cover.
type walked struct {
	v   *verifier
	r   *chainRow
	bad uint64 // first entry whose body or columns are not lawful
}

func (w *walked) entries() iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		stopped := false
		err := walkRows(w.v.ctx, w.v.c, "WHERE chain = ? ORDER BY seq", []any{w.r.id}, func(x row) error {
			w.look(x)
			if !yield(x.entry, nil) {
				stopped = true
				return errStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(journal.Entry{}, err)
		}
	}
}

func (w *walked) look(x row) {
	w.v.n.Entries++
	ok := x.columns()
	if x.status != "" {
		w.v.n.Checks++
	}
	if (x.status == "") != (x.entry.Seq == 1) {
		ok = false // the first entry is the opening, and no other is
	}
	if ok && x.entry.Seq == 1 {
		o, err := receipt.DecodeOpening(x.entry.Body)
		if ok = err == nil && o.Device == w.r.device && bytes.Equal(o.Key, w.r.public); ok && o.Before != "" {
			w.v.vouched[o.Before] = journal.Head{Seq: o.Seq, Hash: o.Hash}
		}
	}
	if !ok && w.bad == 0 {
		w.bad = max(1, x.entry.Seq)
	}
}

// orphans are entries of no chain.
func (v *verifier) orphans() error {
	return walkRows(v.ctx, v.c, "WHERE chain NOT IN (SELECT id FROM chain) ORDER BY chain, seq LIMIT 1", nil, func(x row) error {
		return fmt.Errorf("mirror: an unknown chain: %w", &journal.Fault{Seq: max(1, x.entry.Seq), What: journal.ErrInserted})
	})
}
