// Encrypting a register that was plain: what remains to do when its rows were rewritten, and the proof that nothing was lost.

package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"

	"sceau/card/register"
)

// allImports is more imports than a register has.
const allImports = 1 << 30

// Adopt completes a register whose rows were rewritten with SealContract, SealCard, SealDocument and SealImport: it keeps the
// digests of the imports that plain knows, and marks the register as sealed.
func (s *Store) Adopt(ctx context.Context, plain register.Store) error {
	var imports []register.Import
	if err := plain.View(ctx, func(tx register.Tx) (err error) { imports, err = tx.Imports(allImports); return err }); err != nil {
		return err
	}
	return s.Update(ctx, func(tx register.Tx) error {
		for _, i := range imports {
			_, d := s.keys.newest().SealImport(i)
			_, err := tx.Document(d.Kind, d.ID)
			if errors.Is(err, register.ErrNotFound) {
				err = tx.PutDocument(d)
			}
			if err != nil {
				return err
			}
		}
		return tx.PutDocument(s.keys.newest().plainMark())
	})
}

// Difference says what two registers do not have in common. It names no value of a row.
type Difference struct{ What string }

func (d *Difference) Error() string { return "sealed: the two registers differ in " + d.What }

// Compare reads two registers to their ends, each in one committed state, and returns a *Difference for the first thing that
// they do not have in common. Documents are compared by the kinds given.
func Compare(ctx context.Context, a, b register.Store, kinds ...string) error {
	return a.View(ctx, func(x register.Tx) error {
		return b.View(ctx, func(y register.Tx) error {
			for _, compare := range []func(x, y register.Tx) error{compareInsurers, compareContracts, compareCards, compareLogs, compareService, comparePublished} {
				if err := compare(x, y); err != nil {
					return err
				}
			}
			for _, kind := range kinds {
				if err := compareDocuments(x, y, kind); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// same compares two results; an error of either is returned as it is.
func same[T any](what string, a T, errA error, b T, errB error) error {
	if errors.Is(errA, register.ErrNotFound) && errors.Is(errB, register.ErrNotFound) {
		return nil
	}
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if !reflect.DeepEqual(a, b) {
		return &Difference{what}
	}
	return nil
}

// pages compares two walks that are read page by page.
func pages[T any, K any](what string, begin K, last func(T) K, a, b func(after K) ([]T, error)) error {
	for after := begin; ; {
		x, errX := a(after)
		y, errY := b(after)
		if err := same(what, x, errX, y, errY); err != nil {
			return err
		}
		if len(x) == 0 {
			return nil
		}
		after = last(x[len(x)-1])
	}
}

const pageLen = 1000

func compareInsurers(x, y register.Tx) error {
	a, errA := x.Insurers()
	b, errB := y.Insurers()
	if err := same("insurers", a, errA, b, errB); err != nil {
		return err
	}
	c, errC := x.Lists()
	d, errD := y.Lists()
	if err := same("lists", c, errC, d, errD); err != nil {
		return err
	}
	for _, l := range c {
		p, errP := x.Page(l.Number)
		q, errQ := y.Page(l.Number)
		if err := same(fmt.Sprintf("the page of list %d", l.Number), p, errP, q, errQ); err != nil {
			return err
		}
	}
	e, errE := x.Imports(allImports)
	f, errF := y.Imports(allImports)
	return same("imports", e, errE, f, errF)
}

// compareContracts walks each register in its own order and looks each contract up in the other.
func compareContracts(x, y register.Tx) error {
	insurers, err := x.Insurers()
	if err != nil {
		return err
	}
	for _, i := range insurers {
		for _, way := range [][2]register.Tx{{x, y}, {y, x}} {
			for after := ""; ; {
				batch, err := way[0].ContractsAfter(i.Key, after, pageLen)
				if err != nil {
					return err
				}
				if len(batch) == 0 {
					break
				}
				for _, c := range batch {
					other, err := way[1].Contract(c.Key)
					if errors.Is(err, register.ErrNotFound) || err == nil && !reflect.DeepEqual(c, other) {
						return &Difference{"a contract of insurer " + i.Key}
					}
					if err != nil {
						return err
					}
				}
				after = batch[len(batch)-1].Key.Adherent
			}
		}
	}
	return nil
}

func compareCards(x, y register.Tx) error {
	lists, err := x.Lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		walk := func(tx register.Tx) func(int64) ([]register.Card, error) {
			return func(after int64) ([]register.Card, error) { return tx.CardsAfter(l.Number, after, pageLen) }
		}
		err := pages(fmt.Sprintf("cards of list %d", l.Number), -1, func(c register.Card) int64 { return int64(c.Place.Index) }, walk(x), walk(y))
		if err != nil {
			return err
		}
	}
	return nil
}

func compareLogs(x, y register.Tx) error {
	signs := func(tx register.Tx) func(int64) ([]register.SignEntry, error) {
		return func(after int64) ([]register.SignEntry, error) { return tx.SignLogAfter(after, pageLen) }
	}
	if err := pages("the log of signatures", 0, func(e register.SignEntry) int64 { return e.Seq }, signs(x), signs(y)); err != nil {
		return err
	}
	events := func(tx register.Tx) func(int64) ([]register.Event, error) {
		return func(after int64) ([]register.Event, error) { return tx.EventsAfter(after, pageLen) }
	}
	if err := pages("events", 0, func(e register.Event) int64 { return e.Seq }, events(x), events(y)); err != nil {
		return err
	}
	a, errA := register.CheckAudit(x)
	b, errB := register.CheckAudit(y)
	return same("the audit chain", a, errA, b, errB)
}

func compareService(x, y register.Tx) error {
	checks := func(tx register.Tx) func(int64) ([]register.Check, error) {
		return func(after int64) ([]register.Check, error) { return tx.ChecksAfter(after, "", "", pageLen) }
	}
	if err := pages("checks", 0, func(c register.Check) int64 { return c.Seq }, checks(x), checks(y)); err != nil {
		return err
	}
	receipts := func(tx register.Tx) func(int64) ([]register.Receipt, error) {
		return func(after int64) ([]register.Receipt, error) { return tx.ReceiptsAfter(after, "", "", 0, pageLen) }
	}
	return pages("receipts", 0, func(r register.Receipt) int64 { return r.Row }, receipts(x), receipts(y))
}

func comparePublished(x, y register.Tx) error {
	a, errA := x.LastPublication()
	b, errB := y.LastPublication()
	if err := same("publications", a, errA, b, errB); err != nil {
		return err
	}
	c, errC := x.ListFiles()
	d, errD := y.ListFiles()
	if err := same("published files", c, errC, d, errD); err != nil {
		return err
	}
	return x.EachFile(func(f register.File) error {
		other, err := y.File(f.Path)
		if err == nil && !bytes.Equal(f.Data, other) {
			return &Difference{"the published file " + f.Path}
		}
		return err
	})
}

func compareDocuments(x, y register.Tx, kind string) error {
	walk := func(tx register.Tx) func(string) ([]register.Document, error) {
		return func(after string) ([]register.Document, error) {
			return tx.DocumentsAfter(kind, register.AnyOwner, after, pageLen)
		}
	}
	return pages("documents of kind "+kind, "", func(d register.Document) string { return d.ID }, walk(x), walk(y))
}
