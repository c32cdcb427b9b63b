// Insurers, contracts and imports in SQL.

package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sceau/card/register"
)

// txn is one transaction. It lives inside Update or View.
type txn struct {
	c        *conn
	ctx      context.Context
	readOnly bool
	failed   error // of a call that stored a part of what it was given: nothing of this transaction may be stored
}

var _ register.Tx = (*txn)(nil)

// errDone says that a Tx was kept beyond its transaction.
var errDone = errors.New("sqlite: the transaction is over")

// ready is asked before each statement: it is where a transaction notices that its caller gave up.
func (t *txn) ready(change bool) error {
	switch {
	case t.c == nil:
		return errDone
	case change && t.readOnly:
		return register.ErrReadOnly
	case t.failed != nil:
		return t.failed
	}
	return t.ctx.Err()
}

func (t *txn) change(query string, args ...any) error {
	if err := t.ready(true); err != nil {
		return err
	}
	return t.c.exec(query, args...)
}

// changeOne is change for a statement that must touch one row; none is ErrConflict.
func (t *txn) changeOne(what, query string, args ...any) error {
	if err := t.ready(true); err != nil {
		return err
	}
	r, err := t.c.execResult(query, args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("%w: %s", register.ErrConflict, what), err)
	}
	return nil
}

func (t *txn) row(query string, args ...any) row {
	if err := t.ready(false); err != nil {
		return row{err: err}
	}
	return t.c.row(query, args...)
}

func all[T any](t *txn, read func(scan func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	if err := t.ready(false); err != nil {
		return nil, err
	}
	return collect(t.c, query, args, read)
}

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }

// PutInsurer implements register.Insurers.
func (t *txn) PutInsurer(i register.Insurer) error {
	keys, err := json.Marshal(i.Keys)
	if err != nil {
		return err
	}
	return t.change(`INSERT INTO insurer (key, document, keys) VALUES (?1, ?2, ?3)
		ON CONFLICT (key) DO UPDATE SET document = ?2, keys = ?3`, i.Key, i.Document, string(keys))
}

const insurerColumns = `SELECT key, document, keys FROM insurer `

func readInsurer(scan func(...any) error) (register.Insurer, error) {
	var i register.Insurer
	var keys string
	if err := scan(&i.Key, &i.Document, &keys); err != nil {
		return register.Insurer{}, err
	}
	if err := json.Unmarshal([]byte(keys), &i.Keys); err != nil {
		return register.Insurer{}, fmt.Errorf("%w: key names of an insurer", register.ErrCorrupt)
	}
	return i, nil
}

// Insurer implements register.Insurers.
func (t *txn) Insurer(key string) (register.Insurer, error) {
	return readInsurer(t.row(insurerColumns+`WHERE key = ?`, key).Scan)
}

// Insurers implements register.Insurers.
func (t *txn) Insurers() ([]register.Insurer, error) {
	return all(t, readInsurer, insurerColumns+`ORDER BY key`)
}

const contractColumns = `SELECT insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at FROM contract `

func readContract(scan func(...any) error) (register.Contract, error) {
	var c register.Contract
	var hash []byte
	var changed int64
	err := scan(&c.Key.Insurer, &c.Key.Adherent, &c.Revision, &c.From, &c.To, &hash, &c.Canonical, &changed)
	if err != nil {
		return register.Contract{}, err
	}
	c.SetChangedUnix(changed)
	if copy(c.Hash[:], hash) != len(c.Hash) {
		return register.Contract{}, fmt.Errorf("%w: hash of a contract", register.ErrCorrupt)
	}
	return c, nil
}

// Contract implements register.Contracts.
func (t *txn) Contract(k register.ContractKey) (register.Contract, error) {
	return readContract(t.row(contractColumns+`WHERE insurer = ? AND adherent = ?`, k.Insurer, k.Adherent).Scan)
}

// PutContract implements register.Contracts.
func (t *txn) PutContract(c register.Contract) error {
	if c.Revision == 1 {
		return t.change(`INSERT INTO contract (insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at)
			VALUES (?, ?, 1, ?, ?, ?, ?, ?)`, c.Key.Insurer, c.Key.Adherent, c.From, c.To, c.Hash[:], c.Canonical, c.ChangedUnix())
	}
	return t.changeOne("the contract is at another revision",
		`UPDATE contract SET revision = ?1, valid_from = ?2, valid_to = ?3, hash = ?4, canonical = ?5, changed_at = ?6
		WHERE insurer = ?7 AND adherent = ?8 AND revision = ?1 - 1`,
		c.Revision, c.From, c.To, c.Hash[:], c.Canonical, c.ChangedUnix(), c.Key.Insurer, c.Key.Adherent)
}

// ContractsAfter implements register.Contracts.
func (t *txn) ContractsAfter(insurer, adherent string, limit int) ([]register.Contract, error) {
	return all(t, readContract, contractColumns+`WHERE insurer = ? AND adherent > ? ORDER BY adherent LIMIT ?`, insurer, adherent, limit)
}

// AddImport implements register.Imports.
func (t *txn) AddImport(i register.Import) error {
	return t.change(`INSERT INTO import (sha256, at, lines, contracts, created, changed, unchanged, rejected, strict)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		i.SHA256[:], i.At.Unix(), i.Lines, i.Contracts, i.Created, i.Changed, i.Unchanged, i.Rejected, i.Strict)
}

// Imports implements register.Imports.
func (t *txn) Imports(limit int) ([]register.Import, error) {
	return all(t, func(scan func(...any) error) (register.Import, error) {
		var i register.Import
		var sum []byte
		var at int64
		err := scan(&sum, &at, &i.Lines, &i.Contracts, &i.Created, &i.Changed, &i.Unchanged, &i.Rejected, &i.Strict)
		copy(i.SHA256[:], sum)
		i.At = unix(at)
		return i, err
	}, `SELECT sha256, at, lines, contracts, created, changed, unchanged, rejected, strict FROM import ORDER BY id DESC LIMIT ?`, limit)
}
