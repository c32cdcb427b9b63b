// Insurers, contracts and imports in SQL.

package postgres

import (
	"encoding/json"
	"fmt"
	"time"

	"sceau/card/register"
	"sceau/rights"
)

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }

// blob is never NULL, which a nil slice would be.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// fixed copies a column into an array; another length is a damaged row.
func fixed(dst, column []byte, what string) error {
	if len(column) != len(dst) {
		return fmt.Errorf("%w: %s of another length", register.ErrCorrupt, what)
	}
	copy(dst, column)
	return nil
}

// PutInsurer implements register.Insurers.
func (t *txn) PutInsurer(i register.Insurer) error {
	keys, err := json.Marshal(i.Keys)
	if err != nil {
		return err
	}
	_, err = t.change(`INSERT INTO insurer (key, document, keys) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET document = excluded.document, keys = excluded.keys`, i.Key, blob(i.Document), string(keys))
	return err
}

const insurerColumns = `SELECT key, document, keys FROM insurer `

func readInsurer(scan scanner) (register.Insurer, error) {
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
	return readInsurer(t.row(insurerColumns+`WHERE key = $1`, key))
}

// Insurers implements register.Insurers.
func (t *txn) Insurers() ([]register.Insurer, error) {
	return all(t, readInsurer, insurerColumns+`ORDER BY key`)
}

const contractColumns = `insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at`

// contractRow is where the columns of a contract are scanned to.
type contractRow struct {
	c        register.Contract
	from, to int32
	hash     []byte
	changed  int64
}

func (r *contractRow) columns() []any {
	return []any{&r.c.Key.Insurer, &r.c.Key.Adherent, &r.c.Revision, &r.from, &r.to, &r.hash, &r.c.Canonical, &r.changed}
}

func (r *contractRow) contract() (register.Contract, error) {
	r.c.From, r.c.To = rights.Date(r.from), rights.Date(r.to)
	r.c.SetChangedUnix(r.changed)
	if err := fixed(r.c.Hash[:], r.hash, "hash of a contract"); err != nil {
		return register.Contract{}, err
	}
	return r.c, nil
}

func readContract(scan scanner) (register.Contract, error) {
	var r contractRow
	if err := scan(r.columns()...); err != nil {
		return register.Contract{}, err
	}
	return r.contract()
}

// Contract implements register.Contracts.
func (t *txn) Contract(k register.ContractKey) (register.Contract, error) {
	return readContract(t.row(`SELECT `+contractColumns+` FROM contract WHERE insurer = $1 AND adherent = $2`, k.Insurer, k.Adherent))
}

// PutContract implements register.Contracts.
func (t *txn) PutContract(c register.Contract) error {
	if c.Revision != 1 {
		known := `SELECT 1 FROM insurer WHERE key = $1`
		err := t.changeOne(register.ErrConflict, "the contract is at another revision",
			`UPDATE contract SET revision = $1, valid_from = $2, valid_to = $3, hash = $4, canonical = $5, changed_at = $6
			WHERE insurer = $7 AND adherent = $8 AND revision = $1 - 1`,
			c.Revision, int32(c.From), int32(c.To), c.Hash[:], blob(c.Canonical), c.ChangedUnix(), c.Key.Insurer, c.Key.Adherent)
		if err != nil && t.failed == nil && t.missing(known, c.Key.Insurer) {
			return fmt.Errorf("%w: insurer of a contract", register.ErrNotFound)
		}
		return err
	}
	// What is not there, or there already, is found without an error of the server, which would end the transaction.
	var known, stored bool
	err := t.changeRow(`WITH known AS (SELECT key FROM insurer WHERE key = $1), stored AS (
			INSERT INTO contract (insurer, adherent, revision, valid_from, valid_to, hash, canonical, changed_at)
			SELECT key, $2, 1, $3, $4, $5, $6, $7 FROM known ON CONFLICT DO NOTHING RETURNING 1)
		SELECT EXISTS (SELECT FROM known), EXISTS (SELECT FROM stored)`,
		c.Key.Insurer, c.Key.Adherent, int32(c.From), int32(c.To), c.Hash[:], blob(c.Canonical), c.ChangedUnix())(&known, &stored)
	switch {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("%w: insurer of a contract", register.ErrNotFound)
	case !stored:
		return fmt.Errorf("%w: the contract is known", register.ErrConflict)
	}
	return nil
}

// missing says whether a query certainly finds no row.
func (t *txn) missing(query string, args ...any) bool {
	var found bool
	return t.row(`SELECT EXISTS (`+query+`)`, args...)(&found) == nil && !found
}

// ContractsAfter implements register.Contracts.
func (t *txn) ContractsAfter(insurer, adherent string, limit int) ([]register.Contract, error) {
	return all(t, readContract, `SELECT `+contractColumns+` FROM contract WHERE insurer = $1 AND adherent > $2 ORDER BY adherent LIMIT $3`,
		insurer, adherent, most(limit))
}

// AddImport implements register.Imports.
func (t *txn) AddImport(i register.Import) error {
	_, err := t.change(`INSERT INTO import (sha256, at, lines, contracts, created, changed, unchanged, rejected, strict)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		i.SHA256[:], i.At.Unix(), i.Lines, i.Contracts, i.Created, i.Changed, i.Unchanged, i.Rejected, i.Strict)
	return err
}

// Imports implements register.Imports.
func (t *txn) Imports(limit int) ([]register.Import, error) {
	return all(t, func(scan scanner) (register.Import, error) {
		var i register.Import
		var sum []byte
		var at int64
		err := scan(&sum, &at, &i.Lines, &i.Contracts, &i.Created, &i.Changed, &i.Unchanged, &i.Rejected, &i.Strict)
		if err == nil {
			err = fixed(i.SHA256[:], sum, "digest of an import")
		}
		i.At = unix(at)
		return i, err
	}, `SELECT sha256, at, lines, contracts, created, changed, unchanged, rejected, strict FROM import ORDER BY id DESC LIMIT $1`, most(limit))
}
