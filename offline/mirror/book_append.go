// Writing one check: number, hash, entry and signed head in one transaction, on the disk before it returns.

package mirror

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// Append records a check durably and gives it its number. It needs no other process and no network. Errors are of
// ErrNotRecorded, and then nothing was written; the next Append may succeed with the same Book.
func (b *Book) Append(ctx context.Context, r receipt.Receipt) (Record, error) {
	if err := r.Check(); err != nil {
		return Record{}, &NotRecorded{CauseRefused, err}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var rec Record
	var next standing
	err := b.write(ctx, func(c *sql.Conn) error {
		at := b.now()
		s, err := b.standing(ctx, c, at)
		if err != nil {
			return err
		}
		e, err := journal.Append(s.head, r.Body(), at)
		if err != nil {
			return err
		}
		if s.token, err = store(ctx, c, s.chain, s.device, e, int64(r.Care), string(r.Status)); err != nil {
			return err
		}
		s.head = e.Head()
		next = s
		rec = record(s.device.id, s.skip, e, r)
		return nil
	})
	if err != nil {
		return Record{}, err
	}
	b.file.device, b.file.token, b.file.head = next.device, next.token, next.head
	b.tell(next.notice)
	return rec, nil
}

func record(device string, skip uint64, e journal.Entry, r receipt.Receipt) Record {
	return Record{Number: receipt.NumberOf(device, e), Device: device, Seq: e.Seq, Row: skip + e.Seq, At: e.At, Hash: e.Hash(), Receipt: r}
}

// write runs fn in one transaction on a journal that can be written. On a full disk the write-ahead log is first put into
// the file, which makes room where there is any; a file that turns out to be damaged is set aside. Then fn runs once more.
// The caller holds b.mu.
func (b *Book) write(ctx context.Context, fn func(*sql.Conn) error) error {
	for again := false; ; again = true {
		if err := b.open(); err != nil {
			return notRecorded(err)
		}
		err := transaction(ctx, b.file.db, fn)
		if err == nil {
			return nil
		}
		err = family(err)
		switch {
		case IsCorrupt(err) && !again:
			b.drop()
			notice, renewed := renew(b.dir, b.now(), true)
			if renewed != nil {
				return &NotRecorded{CauseDamaged, damaged("%w", errors.Join(err, renewed))}
			}
			b.tell(notice)
		case errors.Is(err, ErrFull) && !again:
			b.file.db.ExecContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)") // the next try says whether it helped
		default:
			// After a fault of the disk nothing that a connection remembers is worth keeping.
			err = notRecorded(err)
			if isDisk(err) {
				b.drop()
			}
			return err
		}
	}
}

func isDisk(err error) bool {
	var n *NotRecorded
	return errors.As(err, &n) && (n.Cause == CauseDisk || n.Cause == CauseReadOnly || n.Cause == CauseDamaged)
}

// standing is where the present chain stands.
type standing struct {
	chain  int64
	skip   uint64
	device *device
	head   journal.Head
	token  string
	notice Notice
}

// standing reads the present chain, and begins a new one when this device can't go on with it: the signed head doesn't verify,
// the last entry isn't the one that it speaks of, or the key can't be opened. b.mu is held.
func (b *Book) standing(ctx context.Context, c *sql.Conn, at time.Time) (standing, error) {
	all, err := chains(ctx, c)
	if err != nil {
		return standing{}, err
	}
	if len(all) == 0 {
		return standing{}, damaged("%s holds no chain", BookName)
	}
	last := &all[len(all)-1]
	s := standing{chain: last.id, skip: last.skip, token: last.head}
	known := b.file.device != nil && b.file.device.id == last.device && b.file.token == last.head
	if known {
		s.device, s.head = b.file.device, b.file.head
	} else if s.head, err = all.open(last, last.head); err != nil {
		return anew(ctx, c, all, receipt.Damaged, at)
	}
	whole, err := all.endsAt(ctx, c, last, s.head)
	if err != nil {
		return standing{}, err
	}
	if !whole {
		return anew(ctx, c, all, receipt.Damaged, at)
	}
	if !known {
		if s.device, err = openDevice(last.device, last.public, last.sealed); err != nil {
			return anew(ctx, c, all, receipt.KeyLost, at)
		}
	}
	return s, nil
}

// anew begins a chain after the last one, with which this device can't go on. Its entries stay.
func anew(ctx context.Context, c *sql.Conn, all chainSet, because string, at time.Time) (standing, error) {
	old := &all[len(all)-1]
	claimed, unsigned := all.open(old, old.head)
	good, stored := claimed, claimed.Seq
	notice := Notice{Code: NoticeKeyLost}
	if because == receipt.Damaged {
		var err error
		if good, stored, err = all.goodPrefix(ctx, c, old, nil); err != nil {
			return standing{}, err
		}
		notice.Code = NoticeDamaged
	}
	opening := receipt.Opening{Because: because}
	if receipt.Short(old.device) != "" {
		opening.Before, opening.Seq, opening.Hash = old.device, good.Seq, good.Hash
		if unsigned == nil {
			opening.Claimed = claimed.Seq
		}
	}
	notice.Kept = good.Seq
	if unsigned == nil && claimed.Seq > good.Seq {
		notice.Lost = claimed.Seq - good.Seq
	}
	// What an ended chain has signed stands; nothing more can be signed in its name.
	if _, err := c.ExecContext(ctx, "UPDATE chain SET key = NULL WHERE id = ?", old.id); err != nil {
		return standing{}, err
	}
	d, err := newDevice()
	if err != nil {
		return standing{}, err
	}
	s, err := begin(ctx, c, d, opening, old.skip+max(stored, claimed.Seq), at)
	s.notice = notice
	return s, err
}

// begin stores a new chain of device d with its opening. skip counts the rows of the chains before, so that a search can
// continue from one chain to the next.
func begin(ctx context.Context, c *sql.Conn, d *device, opening receipt.Opening, skip uint64, at time.Time) (standing, error) {
	opening.Device, opening.Key = d.id, d.public
	body, err := opening.Body()
	if err != nil {
		return standing{}, err
	}
	start, err := journal.Start(d.id)
	if err != nil {
		return standing{}, err
	}
	base, err := journal.SealHead(d.signer, d.id, start, at)
	if err != nil {
		return standing{}, err
	}
	e, err := journal.Append(start, body, at)
	if err != nil {
		return standing{}, err
	}
	s := standing{device: d, head: e.Head(), skip: min(skip, maxSkip)}
	err = c.QueryRowContext(ctx, "INSERT INTO chain (device, public, key, skip, base, head) VALUES (?, ?, ?, ?, ?, '') RETURNING id",
		d.id, d.public, d.sealed, int64(s.skip), base).Scan(&s.chain)
	if err != nil {
		return standing{}, err
	}
	s.token, err = store(ctx, c, s.chain, d, e, 0, "")
	return s, err
}

// store writes an entry and the signed head after it.
func store(ctx context.Context, c *sql.Conn, chain int64, d *device, e journal.Entry, care int64, status string) (string, error) {
	token, err := journal.SealHead(d.signer, d.id, e.Head(), e.At)
	if err != nil {
		return "", err
	}
	if err := insert(ctx, c, chain, e, care, status); err != nil {
		return "", err
	}
	_, err = c.ExecContext(ctx, "UPDATE chain SET head = ? WHERE id = ?", token, chain)
	return token, err
}

func insert(ctx context.Context, c *sql.Conn, chain int64, e journal.Entry, care int64, status string) error {
	_, err := c.ExecContext(ctx, "INSERT INTO entry (chain, seq, at, prev, body, care, status) VALUES (?, ?, ?, ?, ?, ?, ?)",
		chain, int64(e.Seq), e.At.UnixMicro(), e.Prev[:], e.Body, care, status)
	return err
}
