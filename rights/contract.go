// Package rights says who is insured, for what, and from which day to which. It is pure: no file, no network, no clock.
package rights

// Contract is one household's (or one person's) complementary cover with one insurer for one period.
// Its key is (Insurer.Key(), Adherent); a later file with other facts for the same key changes it.
type Contract struct {
	Insurer       AMC           `json:"amc"`
	Adherent      string        `json:"adherent"` // N° adhérent, leading zeros kept, 1 to 16 of A-Z 0-9 - /
	Conventions   []string      `json:"conventions,omitempty"`
	CSR           string        `json:"csr,omitempty"` // critère secondaire de routage, at most 8
	Responsable   bool          `json:"responsable,omitempty"`
	From          Date          `json:"from"`            // first day, inclusive
	To            Date          `json:"to"`              // last day, inclusive
	Beneficiaries []Beneficiary `json:"beneficiaries"`   // 1 to 12, in file order
	Notes         []string      `json:"notes,omitempty"` // footnotes (1), (2)… in order
	// Address is where letters go; nil when the file has none. It is never on a card nor in its code, and makes no card outdated.
	Address *Address `json:"adresse,omitempty"`
}

// Beneficiary is one insured person of a contract.
type Beneficiary struct {
	NIR        string               `json:"nir,omitempty"` // 15 characters with its key, normalised; never leaves the register
	Nom        string               `json:"nom"`
	Prenom     string               `json:"prenom"`
	Birth      BirthDate            `json:"birth"`
	Rang       int                  `json:"rang"`          // rang gémellaire, 1 to 9
	From       Date                 `json:"from,omitzero"` // own first day when later than the contract's, else 0
	To         Date                 `json:"to,omitzero"`   // own last day when earlier than the contract's, else 0
	Guarantees map[string]Guarantee `json:"guarantees"`    // domain code → value; a missing domain has no tiers payant
}
