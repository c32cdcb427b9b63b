// Contracts one by one: made, changed, closed and read by an insurer's staff, named by a pseudonym.

package issuer

import (
	"context"
	"errors"
	"fmt"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// Pseudonyms is the power of a register that names contracts without their N° adhérent. *sealed.Store has it.
type Pseudonyms interface {
	// Pseudonym is the same for ever and says nothing about the contract.
	Pseudonym(register.ContractKey) string
	// ByPseudonym reads the contract in a transaction of this store; register.ErrNotFound when there is none.
	ByPseudonym(tx register.Tx, insurer, pseudonym string) (register.Contract, error)
}

// Errors about contracts.
var (
	// ErrUnsealed says that the register can't name contracts without their N° adhérent: it isn't encrypted.
	ErrUnsealed = errors.New("issuer: the register has no pseudonyms")
	// ErrRevision says that the contract was changed since it was read.
	ErrRevision = errors.New("issuer: the contract was changed meanwhile")
	// ErrExists says that there is a contract of that number.
	ErrExists = errors.New("issuer: the contract is there already")
	// ErrInvalid says that the facts are no contract; it wraps a rights.Invalid, which names no value.
	ErrInvalid = errors.New("issuer: not a contract")
)

// ContractFacts is a contract as staff see it.
type ContractFacts struct {
	ID       string // pseudonym
	Revision int64
	Rights   rights.Contract
}

func (s *Issuer) pseudonyms() (Pseudonyms, error) {
	p, ok := s.Store.(Pseudonyms)
	if !ok {
		return nil, ErrUnsealed
	}
	return p, nil
}

// PseudonymOf names a contract.
func (s *Issuer) PseudonymOf(k register.ContractKey) (string, error) {
	p, err := s.pseudonyms()
	if err != nil {
		return "", err
	}
	return p.Pseudonym(k), nil
}

// byPseudonym reads a contract of a tenant. What is another's is unknown.
func (s *Issuer) byPseudonym(tx register.Tx, insurerKey, id string) (register.Contract, error) {
	p, err := s.pseudonyms()
	if err != nil {
		return register.Contract{}, err
	}
	for _, c := range []byte(id) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return register.Contract{}, ErrUnknownContract
		}
	}
	if len(id) < 8 || len(id) > 64 || insurerKey == "" {
		return register.Contract{}, ErrUnknownContract
	}
	c, err := p.ByPseudonym(tx, insurerKey, id)
	if errors.Is(err, register.ErrNotFound) {
		return register.Contract{}, ErrUnknownContract
	}
	return c, err
}

func (s *Issuer) codes() *rights.Codes {
	if s.Codes == nil {
		return rights.DefaultCodes()
	}
	return s.Codes
}

// CreateContract stores a new contract of the tenant, whatever insurer c names. done is called in the transaction.
func (s *Issuer) CreateContract(ctx context.Context, who Staff, c rights.Contract, done func(register.Tx, ContractFacts) error) (ContractFacts, error) {
	return s.putContract(ctx, who, done, "contract.create", func(tx register.Tx, amc rights.AMC) (rights.Contract, int64, error) {
		c.Insurer = amc
		_, err := tx.Contract(register.ContractKey{Insurer: amc.Key(), Adherent: c.Adherent})
		if err == nil {
			return c, 0, ErrExists
		}
		if !errors.Is(err, register.ErrNotFound) {
			return c, 0, err
		}
		return c, 1, nil
	})
}

// ChangeContract replaces the facts of a contract whose revision is still the given one. Its number can't change.
func (s *Issuer) ChangeContract(ctx context.Context, who Staff, id string, revision int64, c rights.Contract, done func(register.Tx, ContractFacts) error) (ContractFacts, error) {
	return s.putContract(ctx, who, done, "contract.change", func(tx register.Tx, amc rights.AMC) (rights.Contract, int64, error) {
		old, err := s.byPseudonym(tx, who.Insurer, id)
		if err != nil {
			return c, 0, err
		}
		if old.Revision != revision {
			return c, 0, ErrRevision
		}
		c.Insurer, c.Adherent = amc, old.Key.Adherent
		return c, revision + 1, nil
	})
}

// CloseContract sets the last day of a contract. People whose rights would only have begun after it leave the contract.
func (s *Issuer) CloseContract(ctx context.Context, who Staff, id string, revision int64, last rights.Date, done func(register.Tx, ContractFacts) error) (ContractFacts, error) {
	return s.putContract(ctx, who, done, "contract.close", func(tx register.Tx, _ rights.AMC) (rights.Contract, int64, error) {
		old, err := s.byPseudonym(tx, who.Insurer, id)
		if err != nil {
			return rights.Contract{}, 0, err
		}
		if old.Revision != revision {
			return rights.Contract{}, 0, ErrRevision
		}
		c, err := old.Rights()
		if err != nil {
			return c, 0, err
		}
		if c, err = closedOn(c, last); err != nil {
			return c, 0, err
		}
		return c, revision + 1, nil
	})
}

func (s *Issuer) putContract(ctx context.Context, who Staff, done func(register.Tx, ContractFacts) error, act string,
	next func(register.Tx, rights.AMC) (rights.Contract, int64, error)) (ContractFacts, error) {
	p, err := s.pseudonyms()
	if err != nil {
		return ContractFacts{}, err
	}
	var out ContractFacts
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		i, err := insurer(tx, who.Insurer)
		if err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err != nil {
			return fmt.Errorf("%w: issuer.json of %s: %w", ErrDamaged, i.Key, err)
		}
		c, revision, err := next(tx, doc.AMC)
		if err != nil {
			return err
		}
		if err := c.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if err := s.codes().CheckContract(c); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		row, err := register.NewContract(c, revision)
		if err != nil {
			return err
		}
		row.Changed = s.second()
		out = ContractFacts{ID: p.Pseudonym(row.Key), Revision: revision, Rights: c}
		if err := s.putRevision(tx, who, act, row, &out); err != nil {
			return err
		}
		return callDone(tx, done, out)
	})
	if err != nil {
		return ContractFacts{}, err
	}
	return out, nil
}

// putRevision stores what changed something; the same facts again keep their revision.
func (s *Issuer) putRevision(tx register.Tx, who Staff, act string, row register.Contract, out *ContractFacts) error {
	if row.Revision > 1 {
		old, err := tx.Contract(row.Key)
		if err != nil {
			return err
		}
		if old.Hash == row.Hash {
			out.Revision = old.Revision
			return nil
		}
	}
	if err := tx.PutContract(row); err != nil {
		return err
	}
	return s.As(who).audit(tx, act, map[string]any{"contract": out.ID, "revision": row.Revision})
}

// ReadContract reads a contract of the tenant. Whoever shows it to a person writes the journal of reads first.
func (s *Issuer) ReadContract(ctx context.Context, who Staff, id string) (ContractFacts, error) {
	return s.readContract(ctx, id, func(tx register.Tx) (register.Contract, error) { return s.byPseudonym(tx, who.Insurer, id) })
}

// FindContract reads a contract of the tenant by its number.
func (s *Issuer) FindContract(ctx context.Context, who Staff, adherent string) (ContractFacts, error) {
	if rights.CheckAdherent(adherent) != nil || who.Insurer == "" {
		return ContractFacts{}, ErrUnknownContract
	}
	k := register.ContractKey{Insurer: who.Insurer, Adherent: adherent}
	id, err := s.PseudonymOf(k)
	if err != nil {
		return ContractFacts{}, err
	}
	return s.readContract(ctx, id, func(tx register.Tx) (register.Contract, error) {
		c, err := tx.Contract(k)
		if errors.Is(err, register.ErrNotFound) {
			err = ErrUnknownContract
		}
		return c, err
	})
}

func (s *Issuer) readContract(ctx context.Context, id string, read func(register.Tx) (register.Contract, error)) (ContractFacts, error) {
	var row register.Contract
	err := s.Store.View(ctx, func(tx register.Tx) (err error) { row, err = read(tx); return err })
	if err != nil {
		return ContractFacts{}, err
	}
	c, err := row.Rights()
	if err != nil {
		return ContractFacts{}, err
	}
	return ContractFacts{ID: id, Revision: row.Revision, Rights: c}, nil
}

// ContractKeys finds the contracts of pseudonyms; all of them are the tenant's, or none is returned.
func (s *Issuer) ContractKeys(ctx context.Context, who Staff, ids []string) ([]register.ContractKey, error) {
	var keys []register.ContractKey
	err := s.Store.View(ctx, func(tx register.Tx) error {
		keys = nil
		for _, id := range ids {
			c, err := s.byPseudonym(tx, who.Insurer, id)
			if err != nil {
				return err
			}
			keys = append(keys, c.Key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}
