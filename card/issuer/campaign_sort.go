// Postal order of millions in little memory: runs are sorted, kept in the register, which encrypts them, and merged.

package issuer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sceau/card/register"
)

// Sizes of the sort. What is in memory is one run, or one chunk of each of fanIn runs.
const (
	runEntries   = 50_000
	chunkEntries = 1_000
	fanIn        = 64
	chunksAtOnce = 20 // in one transaction
)

// sortEntry is a card to make, with what it is sorted by.
type sortEntry struct {
	Key      string `json:"k"`
	Adherent string `json:"a"`
	Person   int    `json:"p"`
	Who      string `json:"h,omitempty"`
}

func compareEntries(a, b sortEntry) int {
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Adherent, b.Adherent), cmp.Compare(a.Person, b.Person))
}

// sorter sorts the entries of one part.
type sorter struct {
	issuer *Issuer
	prefix string // of its documents' ids
	owner  string
	guard  func(register.Tx) error // called in every transaction: the planner is still the only one
	size   int                     // entries of a run

	buffer []sortEntry
	runs   []int // numbers of the runs that wait to be merged
	made   int
	chunks []register.Document // not stored yet
}

func (s *Issuer) sorter(id, insurer string, guard func(register.Tx) error) *sorter {
	size := runEntries
	if s.runEntries > 0 {
		size = s.runEntries
	}
	return &sorter{issuer: s, prefix: partID(id, insurer) + "/", owner: insurer, guard: guard, size: size}
}

func (w *sorter) chunkID(run, chunk int) string {
	return fmt.Sprintf("%s%06d-%06d", w.prefix, run, chunk)
}

// chunk is how many entries of a run are in memory while it is merged: a fiftieth of the run.
func (w *sorter) chunk() int { return max(1, w.size/(runEntries/chunkEntries)) }

// add takes an entry, and stores a run when there are enough.
func (w *sorter) add(ctx context.Context, e sortEntry) error {
	w.buffer = append(w.buffer, e)
	if len(w.buffer) < w.size {
		return nil
	}
	return w.spill(ctx)
}

// spill stores what was taken as a sorted run.
func (w *sorter) spill(ctx context.Context) error {
	slices.SortFunc(w.buffer, compareEntries)
	out := w.run()
	for _, e := range w.buffer {
		if err := out.add(ctx, e); err != nil {
			return err
		}
	}
	clear(w.buffer)
	w.buffer = w.buffer[:0]
	return out.close(ctx)
}

// sorted hands out all entries in their order. Runs that were stored are left for whoever cleans up.
func (w *sorter) sorted(ctx context.Context, each func(sortEntry) error) error {
	if len(w.runs) == 0 {
		slices.SortFunc(w.buffer, compareEntries)
		for _, e := range w.buffer {
			if err := each(e); err != nil {
				return err
			}
		}
		return nil
	}
	if len(w.buffer) > 0 {
		if err := w.spill(ctx); err != nil {
			return err
		}
	}
	w.buffer = nil
	for len(w.runs) > fanIn {
		part := w.runs[:fanIn]
		w.runs = slices.Clone(w.runs[fanIn:])
		out := w.run()
		if err := w.merge(ctx, part, func(e sortEntry) error { return out.add(ctx, e) }); err != nil {
			return err
		}
		if err := out.close(ctx); err != nil {
			return err
		}
	}
	return w.merge(ctx, w.runs, each)
}

// runWriter stores a run in chunks.
type runWriter struct {
	sorter *sorter
	number int
	chunks int
	buffer []sortEntry
}

func (w *sorter) run() *runWriter {
	w.made++
	return &runWriter{sorter: w, number: w.made, buffer: make([]sortEntry, 0, w.chunk())}
}

func (r *runWriter) add(ctx context.Context, e sortEntry) error {
	if r.buffer = append(r.buffer, e); len(r.buffer) < r.sorter.chunk() {
		return nil
	}
	return r.flush(ctx)
}

func (r *runWriter) flush(ctx context.Context) error {
	b, err := pack(r.buffer)
	if err != nil {
		return err
	}
	r.chunks++
	w := r.sorter
	w.chunks = append(w.chunks, register.Document{Kind: kindSort, ID: w.chunkID(r.number, r.chunks), Owner: w.owner, Version: 1, Data: b})
	r.buffer = r.buffer[:0]
	if len(w.chunks) < chunksAtOnce {
		return nil
	}
	return w.store(ctx)
}

func (r *runWriter) close(ctx context.Context) error {
	if len(r.buffer) > 0 {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.sorter.runs = append(r.sorter.runs, r.number)
	return r.sorter.store(ctx)
}

// store writes the chunks that wait.
func (w *sorter) store(ctx context.Context) error {
	if len(w.chunks) == 0 {
		return nil
	}
	err := w.issuer.Store.Update(ctx, func(tx register.Tx) error {
		if err := w.guard(tx); err != nil {
			return err
		}
		for _, d := range w.chunks {
			if err := tx.PutDocument(d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	clear(w.chunks)
	w.chunks = w.chunks[:0]
	return nil
}

// reader reads one run, a chunk at a time.
type runReader struct {
	sorter *sorter
	run    int
	chunk  int
	buffer []sortEntry
	at     int
}

// head is the next entry; false at the end.
func (r *runReader) head(ctx context.Context) (*sortEntry, bool, error) {
	if r.at < len(r.buffer) {
		return &r.buffer[r.at], true, nil
	}
	r.chunk++
	r.at, r.buffer = 0, r.buffer[:0]
	id := r.sorter.chunkID(r.run, r.chunk)
	var docs []register.Document
	err := r.sorter.issuer.Store.View(ctx, func(tx register.Tx) (err error) {
		docs, err = tx.DocumentsAfter(kindSort, register.AnyOwner, r.sorter.chunkID(r.run, r.chunk-1), 1)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if len(docs) == 0 || docs[0].ID != id {
		return nil, false, nil
	}
	if err := unpack(docs[0], &r.buffer); err != nil || len(r.buffer) == 0 {
		return nil, false, fmt.Errorf("%w: a document of kind %s", ErrDamaged, kindSort)
	}
	return &r.buffer[0], true, nil
}

// merge hands out the entries of runs in order.
func (w *sorter) merge(ctx context.Context, runs []int, each func(sortEntry) error) error {
	var readers []*runReader
	for _, n := range runs {
		readers = append(readers, &runReader{sorter: w, run: n})
	}
	t, err := newTournament(ctx, readers)
	if err != nil {
		return err
	}
	for {
		e, ok, err := t.next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

// tournament is a heap of runs by their heads.
type tournament struct{ readers []*runReader }

func newTournament(ctx context.Context, all []*runReader) (*tournament, error) {
	t := new(tournament)
	for _, r := range all {
		if _, ok, err := r.head(ctx); err != nil {
			return nil, err
		} else if ok {
			t.readers = append(t.readers, r)
		}
	}
	for i := len(t.readers)/2 - 1; i >= 0; i-- {
		t.sink(i)
	}
	return t, nil
}

func (t *tournament) less(a, b int) bool {
	x, y := t.readers[a], t.readers[b]
	return compareEntries(x.buffer[x.at], y.buffer[y.at]) < 0
}

func (t *tournament) sink(i int) {
	for {
		least := i
		for _, c := range []int{2*i + 1, 2*i + 2} {
			if c < len(t.readers) && t.less(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		t.readers[i], t.readers[least] = t.readers[least], t.readers[i]
		i = least
	}
}

func (t *tournament) next(ctx context.Context) (sortEntry, bool, error) {
	if len(t.readers) == 0 {
		return sortEntry{}, false, nil
	}
	r := t.readers[0]
	e := r.buffer[r.at]
	r.at++
	if _, ok, err := r.head(ctx); err != nil {
		return sortEntry{}, false, err
	} else if !ok {
		last := len(t.readers) - 1
		t.readers[0] = t.readers[last]
		t.readers = t.readers[:last]
	}
	t.sink(0)
	return e, true, nil
}
