// The chains of a journal as they are stored: one for each device that this counter ever was, and their entries.

package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"math"
	"time"

	"sceau/offline/receipt"
	"sceau/rights"
	"sceau/signing"
	"sceau/signing/journal"
)

// chainRow is one stored chain. Its name is the device's id.
type chainRow struct {
	id     int64
	device string
	public []byte
	sealed []byte // private key; nil once the chain has ended
	skip   uint64 // rows of the chains before
	base   string // signed head below the first entry kept
	head   string // signed head of the last entry
}

// key is the device's public key; nil, which opens nothing, when it can't be read.
func (r *chainRow) key() *signing.PublicKey {
	key, err := headKey(r.public)
	if err != nil {
		return nil
	}
	return key
}

// chainSet is all of them, the present one last.
type chainSet []chainRow

// maxSkip bounds what a damaged row may claim.
const maxSkip = 1 << 48

func chains(ctx context.Context, c *sql.Conn) (chainSet, error) {
	rows, err := c.QueryContext(ctx, "SELECT id, device, public, key, skip, base, head FROM chain ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all chainSet
	for rows.Next() {
		var r chainRow
		var skip int64
		if err := rows.Scan(&r.id, &r.device, &r.public, &r.sealed, &skip, &r.base, &r.head); err != nil {
			return nil, err
		}
		r.skip = uint64(min(max(0, skip), maxSkip))
		all = append(all, r)
	}
	return all, rows.Err()
}

// errHead: no device of this journal signed that.
var errHead = errors.New("mirror: signed head of the journal does not verify")

// open verifies a signed head of chain r. The chain's own device signed it, or a later one of this journal, which is what
// vouches for a chain whose key is gone. The error is errHead.
func (all chainSet) open(r *chainRow, token string) (journal.Head, error) {
	try := func(key *signing.PublicKey) (journal.Head, bool) {
		st, err := journal.OpenHead(key, token)
		return st.Head, err == nil && st.Name == r.device
	}
	if head, ok := try(r.key()); ok {
		return head, nil
	}
	for i := range all {
		if all[i].id > r.id {
			if head, ok := try(all[i].key()); ok {
				return head, nil
			}
		}
	}
	return journal.Head{}, errHead
}

// row is one stored entry.
type row struct {
	chain  int64
	entry  journal.Entry
	care   int64
	status string
}

// lawful says whether the row holds what this package writes: a receipt with its columns, or an opening.
func (r row) lawful() (receipt.Receipt, bool) {
	if r.status == "" {
		_, err := receipt.DecodeOpening(r.entry.Body)
		return receipt.Receipt{}, err == nil && r.care == 0
	}
	got, err := receipt.Decode(r.entry.Body)
	return got, err == nil && int64(got.Care) == r.care && string(got.Status) == r.status
}

// columns says whether the row's columns are those of its body, which is canonical: a member's text stands in it once. It
// is what a walk over a million entries can afford, where the hashes say the rest.
func (r row) columns() bool {
	member := func(name, value string) bool {
		_, rest, ok := bytes.Cut(r.entry.Body, []byte(`"`+name+`":"`))
		return ok == (value != "") && (!ok || bytes.HasPrefix(rest, []byte(value+`"`)))
	}
	return member("status", r.status) && r.care >= 0 && r.care <= math.MaxInt32 && member("care", rights.Date(r.care).String())
}

// errStop ends a walk early, without an error.
var errStop = errors.New("stop")

// walkRows gives the entries that the clauses select.
func walkRows(ctx context.Context, c *sql.Conn, clauses string, args []any, fn func(row) error) error {
	rows, err := c.QueryContext(ctx, "SELECT chain, seq, at, prev, body, care, status FROM entry "+clauses, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var seq, at int64
		var prev sql.RawBytes
		var body []byte
		if err := rows.Scan(&r.chain, &seq, &at, &prev, &body, &r.care, &r.status); err != nil {
			return err
		}
		r.entry = journal.Entry{Seq: uint64(max(0, seq)), At: time.UnixMicro(at).UTC(), Body: body}
		if len(prev) == len(r.entry.Prev) {
			r.entry.Prev = [32]byte(prev)
		} else {
			r.entry.Prev = sha256.Sum256(prev) // no longer what it was, whatever it begins with
		}
		if err := fn(r); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
	}
	return rows.Err()
}

// start is where a chain's entries begin: its signed base or, when that can't be believed, the start of its name.
func (all chainSet) start(r *chainRow) (journal.Head, error) {
	if base, err := all.open(r, r.base); err == nil {
		return base, nil
	}
	return journal.Start(r.device)
}

// goodPrefix walks a chain from its base up to the first entry that does not hold, or to what its signed head speaks of,
// and gives each good row to keep, one late: the signed head may show the last one to be edited. stored is the highest
// number met.
func (all chainSet) goodPrefix(ctx context.Context, c *sql.Conn, r *chainRow, keep func(row) error) (good journal.Head, stored uint64, err error) {
	if good, err = all.start(r); err != nil {
		return journal.Head{}, 0, nil // not even a name: nothing holds
	}
	claimed, unsigned := all.open(r, r.head)
	stored = good.Seq
	var pending *row
	flush := func() error {
		if pending == nil || keep == nil {
			return nil
		}
		return keep(*pending)
	}
	before := good
	var failed error
	// An error of reading ends what is good; what was read before it stands.
	read := walkRows(ctx, c, "WHERE chain = ? ORDER BY seq", []any{r.id}, func(x row) error {
		_, ok := x.lawful()
		if !ok || x.entry.Seq != good.Seq+1 || x.entry.Prev != good.Hash || unsigned == nil && x.entry.Seq > claimed.Seq {
			return errStop
		}
		if failed = flush(); failed != nil {
			return errStop
		}
		pending, before, good, stored = &x, good, x.entry.Head(), x.entry.Seq
		return nil
	})
	if failed == nil && read != nil && keep == nil {
		failed = read
	}
	if failed != nil {
		return journal.Head{}, 0, failed
	}
	if pending != nil && unsigned == nil && good.Seq == claimed.Seq && good.Hash != claimed.Hash {
		return before, stored, nil
	}
	return good, stored, flush()
}

// endsAt says whether the last stored entry of a chain is the one that head speaks of. After retention has removed all of
// them, the base says where the chain stands.
func (all chainSet) endsAt(ctx context.Context, c *sql.Conn, r *chainRow, head journal.Head) (bool, error) {
	var e journal.Entry
	err := walkRows(ctx, c, "WHERE chain = ? ORDER BY seq DESC LIMIT 1", []any{r.id}, func(x row) error {
		e = x.entry
		return nil
	})
	if err != nil {
		return false, err
	}
	if e.Seq != 0 {
		return e.Head() == head, nil
	}
	base, err := all.open(r, r.base)
	return err == nil && base == head, nil
}
