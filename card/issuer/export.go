// Export: the published directory, in an order in which a reader sees the old state or the new one.

package issuer

import (
	"context"
	"fmt"

	"sceau/card/register"
)

// Destination takes the files of a publication. static.Zip is one.
type Destination interface {
	// Put writes one file, durably when it returns. A file that is there already with the same bytes needs no writing. Paths
	// are relative, slash-separated and safe on every system.
	Put(path string, data []byte) error
}

// ExportReport counts what was handed to the destination.
type ExportReport struct {
	Version int64
	Files   int
	Bytes   int64
}

// Export hands every file of the register's publications to the destination, in the order in which they were made: targets
// before the metadata that names them, timestamp.json last of all. Cut short, it leaves the old state whole; run again, it
// completes the new one. A destination never loses files by it, so that slow readers finish on the state they began.
func (s *Issuer) Export(ctx context.Context, to Destination) (*ExportReport, error) {
	report := new(ExportReport)
	err := s.Store.View(ctx, func(tx register.Tx) error {
		p, err := tx.LastPublication()
		if err != nil {
			return fmt.Errorf("issuer: export: %w", err)
		}
		report.Version = p.Version
		return tx.EachFile(func(f register.File) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := to.Put(f.Path, f.Data); err != nil {
				return fmt.Errorf("issuer: export %s: %w", f.Path, err)
			}
			report.Files++
			report.Bytes += int64(len(f.Data))
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// Catalogue is what the register has published, from one committed state.
type Catalogue struct {
	Last  register.Publication
	Files []register.File // in writing order, timestamp.json last, without Data
	read  func(path string) ([]byte, error)
}

// Read returns one file's bytes.
func (c *Catalogue) Read(path string) ([]byte, error) { return c.read(path) }

// Catalogue gives fn what was published, for a destination that needs only some of it. The Catalogue may not outlive fn, nor be
// used by two goroutines at once.
func (s *Issuer) Catalogue(ctx context.Context, fn func(*Catalogue) error) error {
	return s.Store.View(ctx, func(tx register.Tx) error {
		c := &Catalogue{}
		var err error
		if c.Last, err = tx.LastPublication(); err != nil {
			return fmt.Errorf("issuer: export: %w", err)
		}
		if c.Files, err = tx.ListFiles(); err != nil {
			return err
		}
		c.read = func(path string) ([]byte, error) {
			b, err := tx.File(path)
			if err != nil {
				return nil, fmt.Errorf("issuer: export %s: %w", path, err)
			}
			return b, nil
		}
		return fn(c)
	})
}
