// What can still be read of a damaged journal, taken over into a new one up to the first entry that does not hold.

package mirror

import (
	"context"
	"database/sql"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"sceau/offline/receipt"
	"sceau/signing/journal"
)

// salvaged is a damaged journal, open to be read as far as it goes.
type salvaged struct {
	db  *sql.DB         // nil: nothing of it can be read
	ids map[int64]int64 // of the chains, before and after
}

func (s *salvaged) close() {
	if s != nil && s.db != nil {
		s.db.Close()
		s.db = nil
	}
}

// salvage opens what lies at name, or returns nil when nothing does.
func salvage(name string) *salvaged {
	if !exists(name) && !exists(name+"-wal") {
		return nil
	}
	if isBookFile(name) != nil {
		return &salvaged{}
	}
	for _, extra := range []string{"", "immutable=1"} {
		// With writable_schema SQLite reads on where a file is shorter than it says. Nothing is written: mode is ro.
		db, err := database(name, "ro", strings.TrimPrefix(extra+"&_pragma=writable_schema(on)", "&"))
		if err != nil {
			continue
		}
		var tables int
		if db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('chain', 'entry')").Scan(&tables) == nil && tables > 0 {
			return &salvaged{db: db}
		}
		db.Close()
	}
	return &salvaged{}
}

// store copies what holds into the new journal, in whose name d signs where each old chain now ends, and returns what the
// new chain's opening says. Errors are those of the new journal alone.
func (s *salvaged) store(ctx context.Context, to *sql.Conn, d *device, at time.Time) (receipt.Opening, uint64, Notice, error) {
	opening, notice := receipt.Opening{Because: receipt.Damaged}, Notice{Code: NoticeDamaged}
	if s.db == nil {
		return opening, 0, notice, nil
	}
	from, err := s.db.Conn(ctx)
	if err != nil {
		return opening, 0, notice, nil
	}
	defer from.Close()
	s.settings(ctx, from, to)
	s.ids = map[int64]int64{}
	all := s.chains(ctx, from)
	var skip uint64
	for i := range all {
		r := &all[i]
		if r.key() == nil || receipt.Short(r.device) == "" {
			continue
		}
		good, n, err := s.chain(ctx, from, to, all, r, d, skip, at)
		if err != nil {
			return opening, 0, notice, err
		}
		opening.Before, opening.Seq, opening.Hash, opening.Claimed = r.device, good.Seq, good.Hash, 0
		if claimed, err := all.open(r, r.head); err == nil {
			opening.Claimed = claimed.Seq
			notice.Lost += claimed.Seq - min(good.Seq, claimed.Seq)
		}
		notice.Kept += n
		skip += good.Seq
	}
	if err := s.links(ctx, from, to); err != nil {
		return opening, 0, notice, err
	}
	return opening, skip, notice, nil
}

// links takes the enrolments over with their keys, and what their services have acknowledged and answered, as far as it can
// be read: what is missing is sent again, and answered alike. Errors are those of the new journal alone.
func (s *salvaged) links(ctx context.Context, from, to *sql.Conn) error {
	if ok, err := linked(ctx, from); !ok || err != nil {
		return nil
	}
	copyRows := func(query, insert string, chain int, width int) error {
		rows, err := from.QueryContext(ctx, query)
		if err != nil {
			return nil
		}
		defer rows.Close()
		for rows.Next() {
			values, into := make([]any, width), make([]any, width)
			for i := range values {
				into[i] = &values[i]
			}
			if rows.Scan(into...) != nil {
				return nil
			}
			if chain >= 0 {
				old, _ := values[chain].(int64)
				id, kept := s.ids[old]
				if !kept {
					continue
				}
				values[chain] = id
			}
			if _, err := to.ExecContext(ctx, insert, values...); err != nil && sqliteCode(err)&0xff != sqlite3.SQLITE_CONSTRAINT {
				return err
			}
		}
		return nil
	}
	err := copyRows("SELECT id, root, address, counter, state, public, key, facts, since FROM enrolment",
		"INSERT INTO enrolment (id, root, address, counter, state, public, key, facts, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, 9)
	if err == nil {
		err = copyRows("SELECT enrolment, chain, next FROM upload", "INSERT INTO upload (enrolment, chain, next) VALUES (?, ?, ?)", 1, 3)
	}
	if err == nil {
		err = copyRows("SELECT chain, seq, enrolment, answer, reason, at FROM settled",
			"INSERT INTO settled (chain, seq, enrolment, answer, reason, at) VALUES (?, ?, ?, ?, ?, ?)", 0, 6)
	}
	return err
}

// chain copies one chain.
func (s *salvaged) chain(ctx context.Context, from, to *sql.Conn, all chainSet, r *chainRow, d *device, skip uint64, at time.Time) (journal.Head, uint64, error) {
	base, err := all.start(r)
	if err != nil {
		return journal.Head{}, 0, err
	}
	if _, err := all.open(r, r.base); err != nil {
		if r.base, err = journal.SealHead(d.signer, r.device, base, at); err != nil {
			return journal.Head{}, 0, err
		}
	}
	// Its key stays behind: nothing more is signed in its name.
	var id int64
	err = to.QueryRowContext(ctx, "INSERT INTO chain (device, public, key, skip, base, head) VALUES (?, ?, NULL, ?, ?, '') RETURNING id",
		r.device, r.public, int64(min(skip, maxSkip)), r.base).Scan(&id)
	if err != nil {
		return journal.Head{}, 0, err
	}
	s.ids[r.id] = id
	var n uint64
	good, _, err := all.goodPrefix(ctx, from, r, func(x row) error {
		n++
		return insert(ctx, to, id, x.entry, x.care, x.status)
	})
	if err != nil {
		return journal.Head{}, 0, err
	}
	token := r.head
	if claimed, err := all.open(r, token); err != nil || claimed != good {
		if token, err = journal.SealHead(d.signer, r.device, good, at); err != nil {
			return journal.Head{}, 0, err
		}
	}
	_, err = to.ExecContext(ctx, "UPDATE chain SET head = ? WHERE id = ?", token, id)
	return good, n, err
}

// chains lists the old chains. What the table of chains has lost is found again in the openings of the entries.
func (s *salvaged) chains(ctx context.Context, from *sql.Conn) chainSet {
	all, _ := chains(ctx, from) // as far as it can be read
	for id := int64(1); id <= int64(len(all))+1; id++ {
		if all.byID(id) {
			continue
		}
		walkRows(ctx, from, "WHERE chain = ? ORDER BY seq LIMIT 1", []any{id}, func(x row) error {
			if o, err := receipt.DecodeOpening(x.entry.Body); err == nil {
				all = append(all, chainRow{id: id, device: o.Device, public: o.Key})
			}
			return nil
		})
	}
	return all
}

func (all chainSet) byID(id int64) bool {
	for i := range all {
		if all[i].id == id {
			return true
		}
	}
	return false
}

// settings are taken over when they can be read; the desk asks again when they can't.
func (s *salvaged) settings(ctx context.Context, from, to *sql.Conn) {
	var data []byte
	if from.QueryRowContext(ctx, "SELECT data FROM settings").Scan(&data) == nil && len(data) <= MaxSettings {
		to.ExecContext(ctx, "INSERT INTO settings (id, data) VALUES (1, ?)", data)
	}
}
