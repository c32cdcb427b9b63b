// The rules that make a contract valid as a whole.

package rights

import (
	"fmt"
	"strings"
)

// The refusals of Contract.Check that no single field explains.
var (
	ErrBeneficiaries = &Invalid{"beneficiaries_count", "un contrat a de 1 à 12 bénéficiaires : répartissez-les sur plusieurs contrats",
		"contract must have 1 to 12 beneficiaries"}
	ErrConventions = &Invalid{"conventions", "les types de convention doivent être différents, 6 au plus",
		"types de convention must be distinct, at most 6"}
	ErrNotes = &Invalid{"notes_count", "un contrat a 9 notes au plus : regroupez-les", "contract must have at most 9 notes"}
	ErrRang  = &Invalid{"rang_format", "le rang gémellaire est un chiffre de 1 à 9", "rang must be 1 to 9"}
	ErrOwn   = &Invalid{"own_period", "la période propre du bénéficiaire doit être dans celle du contrat : corrigez l'une ou l'autre",
		"beneficiary's own period must lie within, and be narrower than, the contract's"}
	ErrDuplicate = &Invalid{"beneficiary_duplicate",
		"bénéficiaire déjà présent dans ce contrat (mêmes nom, prénom, naissance et rang) : retirez la ligne, ou donnez un autre rang à un jumeau",
		"beneficiary appears twice in the contract"}
	ErrNoteMissing = &Invalid{"note_missing", "la valeur renvoie à une note que le contrat n'a pas : ajoutez la note ou retirez le renvoi",
		"guarantee refers to a note that the contract lacks"}
)

// Check reports the first rule that c breaks; a valid contract is canonical: every fact has its one form. Whether its
// codes exist is the affair of Codes.CheckContract. Errors wrap an Invalid and name the place, never a value.
func (c Contract) Check() error {
	if amc, err := ParseAMC(string(c.Insurer)); err != nil || amc != c.Insurer {
		return ErrAMC
	}
	if err := CheckAdherent(c.Adherent); err != nil {
		return err
	}
	if err := CheckConventions(c.Conventions); err != nil {
		return err
	}
	if err := CheckCSR(c.CSR); err != nil {
		return err
	}
	if err := CheckPeriod(c.From, c.To); err != nil {
		return err
	}
	if len(c.Notes) > MaxNotes {
		return ErrNotes
	}
	for i, note := range c.Notes {
		if err := CheckNote(note); err != nil {
			return fmt.Errorf("note %d: %w", i+1, err)
		}
	}
	if c.Address != nil {
		if err := c.Address.Check(); err != nil {
			return err
		}
	}
	if len(c.Beneficiaries) == 0 || len(c.Beneficiaries) > MaxBeneficiaries {
		return ErrBeneficiaries
	}
	for i, b := range c.Beneficiaries {
		if err := c.checkBeneficiary(b); err != nil {
			return fmt.Errorf("beneficiary %d: %w", i+1, err)
		}
		for _, other := range c.Beneficiaries[:i] {
			if b.SamePerson(other) {
				return fmt.Errorf("beneficiary %d: %w", i+1, ErrDuplicate)
			}
		}
	}
	return nil
}

// CheckConventions checks the types de convention of a contract. Errors: ErrConvention, ErrConventions.
func CheckConventions(codes []string) error {
	if len(codes) > MaxConventions {
		return ErrConventions
	}
	for i, code := range codes {
		if err := CheckConvention(code); err != nil {
			return err
		}
		for _, other := range codes[:i] {
			if code == other {
				return ErrConventions
			}
		}
	}
	return nil
}

func (c Contract) checkBeneficiary(b Beneficiary) error {
	if b.NIR != "" {
		if nir, err := ParseNIR(b.NIR); err != nil {
			return err
		} else if string(nir) != b.NIR {
			return ErrNIRLength // spaces or small letters
		}
	}
	if err := CheckName(b.Nom); err != nil {
		return err
	}
	if err := CheckName(b.Prenom); err != nil {
		return err
	}
	if birth, err := ParseBirthDate(string(b.Birth)); err != nil || birth != b.Birth {
		return ErrBirthDate
	}
	if b.Rang < 1 || b.Rang > 9 {
		return ErrRang
	}
	if from, to, err := OwnPeriod(c.From, c.To, b.From, b.To); err != nil || from != b.From || to != b.To {
		return ErrOwn
	}
	for domain, g := range b.Guarantees {
		if err := CheckDomain(domain); err != nil {
			return err
		}
		if err := g.Check(); err != nil {
			return err
		}
		if g.Note > len(c.Notes) {
			return ErrNoteMissing
		}
	}
	return nil
}

// OwnPeriod gives a beneficiary's own days their one form: 0 where they do not narrow the contract's (from, to).
// The error is ErrOwn when they leave the contract's period or leave no day.
func OwnPeriod(from, to, ownFrom, ownTo Date) (Date, Date, error) {
	first, last := from, to
	if ownFrom != 0 {
		first = ownFrom
	}
	if ownTo != 0 {
		last = ownTo
	}
	if first < from || last > to || last < first {
		return 0, 0, ErrOwn
	}
	if first == from {
		first = 0
	}
	if last == to {
		last = 0
	}
	return first, last, nil
}

// SamePerson reports whether b and o have the same nom and prénom (without regard to case), birth date and rang.
func (b Beneficiary) SamePerson(o Beneficiary) bool {
	return b.Birth == o.Birth && b.Rang == o.Rang && strings.EqualFold(b.Nom, o.Nom) && strings.EqualFold(b.Prenom, o.Prenom)
}

// The refusals of Codes.CheckContract.
var (
	ErrUnknownDomain = &Invalid{"domain_unknown", "code de domaine absent de la table des codes au premier jour du contrat : corrigez-le ou complétez la table",
		"domain code not in force on the contract's first day"}
	ErrUnknownConvention = &Invalid{"convention_unknown", "type de convention absent de la table des codes au premier jour du contrat : corrigez-le ou complétez la table",
		"type de convention not in force on the contract's first day"}
	ErrUnknownCircuit = &Invalid{"circuit_unknown", "circuit absent de la table des codes au premier jour du contrat : corrigez-le ou complétez la table",
		"circuit not in force on the contract's first day"}
)

// CheckContract refuses a contract with a code that is not in force on its first day. Errors: ErrUnknownDomain,
// ErrUnknownConvention, ErrUnknownCircuit.
func (c *Codes) CheckContract(k Contract) error {
	for _, code := range k.Conventions {
		if _, ok := c.Convention(code, k.From); !ok {
			return ErrUnknownConvention
		}
	}
	for _, b := range k.Beneficiaries {
		for code, g := range b.Guarantees {
			if _, ok := c.Domain(code, k.From); !ok {
				return ErrUnknownDomain
			}
			for _, circuit := range g.Circuits {
				if _, ok := c.Convention(circuit, k.From); !ok {
					return ErrUnknownCircuit
				}
			}
		}
	}
	return nil
}
