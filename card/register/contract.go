// Whom the register knows: insurers, their contracts, and the files these came from.

package register

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"sceau/rights"
)

// Insurer is one insurer of this operator.
type Insurer struct {
	Key      string   // rights.AMC.Key(): the identity, and the part of its repository roles and paths
	Document []byte   // issuer.json in force: name, phones, card keys with windows and states, outage policy
	Keys     KeyNames // names in the key stores; the register never holds a private key
}

// KeyNames are the names of an insurer's first private keys in the operator's key stores; its later keys have numbered names, and
// are found by their public halves.
type KeyNames struct {
	Card    string `json:"card"`    // signs cards; online
	List    string `json:"list"`    // signs Token Status Lists; online
	Status  string `json:"status"`  // repository role amc-<key>-status; online
	Insurer string `json:"insurer"` // repository role amc-<key>; offline
}

// Insurers keeps the operator's insurers.
type Insurers interface {
	// PutInsurer adds an insurer or replaces its facts.
	PutInsurer(Insurer) error
	// Insurer returns ErrNotFound for an unknown key.
	Insurer(key string) (Insurer, error)
	// Insurers returns all, in the order of their keys.
	Insurers() ([]Insurer, error)
}

// ContractKey names a contract: one insurer's key (rights.AMC.Key) and its N° adhérent.
type ContractKey struct {
	Insurer  string
	Adherent string
}

// Contract is the present state of one contract.
type Contract struct {
	Key       ContractKey
	Revision  int64             // 1 for the first, one more for each change
	From, To  rights.Date       // first and last day, inclusive
	Hash      [sha256.Size]byte // SHA-256 of Canonical
	Canonical []byte            // JSON of rights.Contract: the only encoding
	Changed   time.Time         // when this revision was stored, to the second, as its writer says; zero for one of before there was this
}

// ChangedUnix is Changed as a column and a ciphertext hold it: Unix seconds, 0 for the zero time.
func (c Contract) ChangedUnix() int64 {
	if c.Changed.IsZero() {
		return 0
	}
	return c.Changed.Unix()
}

// SetChangedUnix is the way back.
func (c *Contract) SetChangedUnix(seconds int64) {
	c.Changed = time.Time{}
	if seconds != 0 {
		c.Changed = time.Unix(seconds, 0).UTC()
	}
}

// NewContract encodes c as revision of its contract, without Changed.
func NewContract(c rights.Contract, revision int64) (Contract, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return Contract{}, fmt.Errorf("register: encode a contract: %w", err)
	}
	return Contract{
		Key:      ContractKey{Insurer: c.Insurer.Key(), Adherent: c.Adherent},
		Revision: revision, From: c.From, To: c.To, Hash: sha256.Sum256(b), Canonical: b,
	}, nil
}

// Rights decodes the contract. ErrCorrupt when the bytes do not hash to Hash or name another contract.
func (c Contract) Rights() (rights.Contract, error) {
	var out rights.Contract
	if sha256.Sum256(c.Canonical) != c.Hash || json.Unmarshal(c.Canonical, &out) != nil {
		return rights.Contract{}, fmt.Errorf("%w: a contract's bytes are not what was hashed", ErrCorrupt)
	}
	if out.Insurer.Key() != c.Key.Insurer || out.Adherent != c.Key.Adherent || out.From != c.From || out.To != c.To {
		return rights.Contract{}, fmt.Errorf("%w: a contract's bytes belong to another row", ErrCorrupt)
	}
	return out, nil
}

// Contracts keeps the present state of each contract.
type Contracts interface {
	// Contract returns ErrNotFound for an unknown key.
	Contract(ContractKey) (Contract, error)
	// PutContract stores revision 1 of a new contract or the next revision of a known one; any other revision is
	// ErrConflict, an unknown insurer ErrNotFound.
	PutContract(Contract) error
	// ContractsAfter returns at most limit contracts of an insurer that come after that of the given N° adhérent ("" begins), in
	// an order of the store's own that never changes for a contract: byte order of the N° adhérent, or of what an encrypting
	// store keeps in its place. The contract of the given N° need not exist.
	ContractsAfter(insurer, adherent string, limit int) ([]Contract, error)
}

// Import is the record of one roster that was read to its end.
type Import struct {
	SHA256    [sha256.Size]byte // of the file's bytes
	At        time.Time         // to the second
	Lines     int64
	Contracts int64 // whole contracts read
	Created   int64
	Changed   int64
	Unchanged int64
	Rejected  int64 // rejects, one for each faulty cell
	Strict    bool
}

// Imports keeps the record of every import, also of those that changed nothing.
type Imports interface {
	AddImport(Import) error
	// Imports returns the newest first, at most limit.
	Imports(limit int) ([]Import, error)
}
