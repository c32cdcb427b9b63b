// The half of an import that reads: lines become rows of the register beside the transactions that store them, in order.

package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"sceau/card/register"
	"sceau/rights"
	"sceau/rights/roster"
)

// importAhead is how many batches are read before the one that is being stored: enough that nobody waits for a slow commit.
const importAhead = 2

// importing is one Import under way. One goroutine reads and encodes, another stores.
type importing struct {
	issuer   *Issuer
	o        ImportOptions
	insurers map[string]bool // of the register: whether this import takes their contracts
	sum      hash.Hash
	file     *counted
	reader   *roster.Reader

	portions chan *portion
	quit     chan struct{}
	report   *ImportReport // of the storing goroutine

	mu      sync.Mutex // of what follows, and of Reject
	causes  causes
	rejects int // by the reader

	// Of the storing goroutine: what it refused itself, which insurers it met, and how many contracts of each it closed.
	late   int
	met    map[string]bool
	closed map[string]int
}

// portion is a batch of contracts that are read, with the state of the reading behind them.
type portion struct {
	contracts []rights.Contract
	rows      []register.Contract // as they will be stored if nothing is known; of no use for closures
	lines     []int               // first line of each
	stats     roster.Stats
	rejects   int
	bytes     int64
	end       bool
	err       error
}

func newImporting(s *Issuer, o ImportOptions) *importing {
	return &importing{issuer: s, o: o, sum: sha256.New(), report: new(ImportReport), insurers: map[string]bool{}, met: map[string]bool{},
		closed: map[string]int{}, portions: make(chan *portion, importAhead), quit: make(chan struct{}), causes: causes{}}
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// open reads the header.
func (i *importing) open(r io.Reader) (err error) {
	i.file = &counted{r: io.TeeReader(r, i.sum)}
	i.reader, err = roster.Read(i.file, roster.Options{
		Codes:    i.issuer.Codes,
		Insurers: func(key string) bool { return i.insurers[key] },
		Delta:    i.o.Delta,
		OnReject: func(r roster.Reject) error { return i.reject(r, true) },
	})
	return err
}

func (i *importing) reject(r roster.Reject, reading bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if reading {
		i.rejects++
	}
	i.causes.add(r)
	if i.o.Reject == nil {
		return nil
	}
	return i.o.Reject(r)
}

// read starts the reading goroutine; the returned function ends it.
func (i *importing) read() (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			p := i.portion()
			select {
			case i.portions <- p:
			case <-i.quit:
				return
			}
			if p.end || p.err != nil {
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(i.quit); <-done })
}

// portion reads the next batch.
func (i *importing) portion() *portion {
	p := new(portion)
	for len(p.contracts) < min(i.issuer.batch(), register.MaxBatch) {
		c, lines, err := i.reader.Next()
		if errors.Is(err, io.EOF) {
			p.end = true
			break
		}
		if err != nil {
			return &portion{err: err}
		}
		var row register.Contract
		if len(c.Beneficiaries) > 0 {
			if row, err = register.NewContract(c, 1); err != nil {
				return &portion{err: err}
			}
		}
		p.contracts, p.rows, p.lines = append(p.contracts, c), append(p.rows, row), append(p.lines, lines[0])
	}
	if p.end {
		// The reader has met the end of the file; what it did not need of it still belongs to the file's sum.
		if _, err := io.Copy(io.Discard, i.file); err != nil {
			return &portion{err: err}
		}
	}
	i.mu.Lock()
	p.rejects = i.rejects
	i.mu.Unlock()
	p.stats, p.bytes = i.reader.Stats(), i.file.n
	return p
}

// next returns the next batch to store.
func (i *importing) next() (*portion, error) {
	p := <-i.portions
	if p.err != nil {
		return nil, p.err
	}
	r := i.report
	r.Lines, r.Rejected, r.Refused, r.Rejects, r.Bytes = p.stats.Lines, p.stats.Rejected+i.late, p.stats.Refused+i.late, p.rejects+i.late, p.bytes
	if i.o.limited && i.o.Strict && r.Rejects > 0 {
		return nil, errMore
	}
	if p.end {
		i.sum.Sum(r.SHA256[:0])
		r.Open = i.reader.Open()
	}
	return p, nil
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}
