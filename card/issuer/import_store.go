// The half of an import that stores: what is new, what changed, what ends.

package issuer

import (
	"bytes"
	"errors"
	"fmt"

	"sceau/card/register"
	"sceau/rights"
	"sceau/rights/roster"
)

// Codes of rejects that only the register can know.
const (
	codeClosureUnknown = "closure_unknown"
	codeClosureEarly   = "closure_early"
)

// errMore says that a file closes more contracts, or has more faults, than when it was checked.
var errMore = errors.New("issuer: the file is not as it was when it was checked: it changed meanwhile, or the register did; import it again")

// put stores what is new or changed, and says so in the audit chain when anything is.
func (i *importing) put(tx register.Tx, p *portion) error {
	known, err := i.known(tx, p.contracts)
	if err != nil {
		return err
	}
	at := i.issuer.second()
	var rows []register.Contract
	created, changed, closed := 0, 0, 0
	for k, c := range p.contracts {
		key := register.ContractKey{Insurer: c.Insurer.Key(), Adherent: c.Adherent}
		i.met[key.Insurer] = true
		old, exists := known[key]
		next, refusal, err := i.nextOf(c, p.rows[k], old, exists)
		if err != nil {
			return err
		}
		if refusal != nil {
			refusal.Line = p.lines[k]
			i.late++
			i.report.Rejects, i.report.Rejected, i.report.Refused = i.report.Rejects+1, i.report.Rejected+1, i.report.Refused+1
			if err := i.reject(*refusal, false); err != nil {
				return err
			}
			continue
		}
		i.report.Contracts++
		switch {
		case !exists:
			created++
		case old.Hash == next.Hash:
			i.report.Unchanged++
			continue
		default:
			changed++
			next.Revision = old.Revision + 1
			if i.ends(old, next) {
				closed++
			}
		}
		next.Changed = at
		rows = append(rows, next)
	}
	i.report.Created += created
	i.report.Changed += changed
	return i.write(tx, rows, map[string]int{"created": created, "changed": changed}, closed)
}

// write stores rows with their entry in the audit chain.
func (i *importing) write(tx register.Tx, rows []register.Contract, detail map[string]int, closed int) error {
	i.report.Closed += closed
	if i.o.limited && i.report.Closed > i.o.closures {
		return errMore
	}
	if i.o.DryRun || len(rows) == 0 {
		return nil
	}
	if err := tx.PutContracts(rows); err != nil {
		return err
	}
	if closed > 0 {
		detail["closed"] = closed
	}
	return i.issuer.audit(tx, "import.contracts", detail)
}

// known reads what the register has of a batch.
func (i *importing) known(tx register.Tx, contracts []rights.Contract) (map[register.ContractKey]register.Contract, error) {
	names := map[string][]string{}
	for _, c := range contracts {
		key := c.Insurer.Key()
		names[key] = append(names[key], c.Adherent)
	}
	known := make(map[register.ContractKey]register.Contract, len(contracts))
	for insurer, adherents := range names {
		found, err := tx.ContractsNamed(insurer, adherents)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			known[c.Key] = c
		}
	}
	return known, nil
}

// nextOf is the row that a contract of the file becomes, beside the one that is there.
func (i *importing) nextOf(c rights.Contract, row, old register.Contract, exists bool) (register.Contract, *roster.Reject, error) {
	if len(c.Beneficiaries) == 0 {
		return i.closureOf(c.To, old, exists)
	}
	if !exists || old.Hash == row.Hash || i.reader.HasAddresses() || !bytes.Contains(old.Canonical, []byte(`"adresse":`)) {
		return row, nil, nil
	}
	was, err := old.Rights() // the file says nothing of addresses: the one that is known stays
	if err != nil {
		return row, nil, err
	}
	c.Address = was.Address
	row, err = register.NewContract(c, 1)
	return row, nil, err
}

// closureOf ends a contract that the file says is over.
func (i *importing) closureOf(last rights.Date, old register.Contract, exists bool) (register.Contract, *roster.Reject, error) {
	if !exists {
		return old, &roster.Reject{Column: "adherent", Code: codeClosureUnknown,
			Cause: "le registre n'a pas de contrat de ce numéro : rien n'est à clore, vérifiez le N° AMC et le N° adhérent"}, nil
	}
	if old.To <= last { // over already, or on that day
		return old, nil, nil
	}
	next, err := closedRow(old, last)
	if isRefusal(err) {
		return old, &roster.Reject{Column: "fin", Code: codeClosureEarly,
			Cause: "le dernier jour est avant le premier jour du contrat ou de ses bénéficiaires : corrigez-le, ou révoquez la carte"}, nil
	}
	return next, nil, err
}

// closedRow is a contract that ends on its last day.
func closedRow(old register.Contract, last rights.Date) (register.Contract, error) {
	c, err := old.Rights()
	if err != nil {
		return register.Contract{}, err
	}
	if c, err = closedOn(c, last); err != nil {
		return register.Contract{}, err
	}
	if err := c.Check(); err != nil {
		return register.Contract{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return register.NewContract(c, old.Revision+1)
}

// closedOn sets the last day of a contract. People whose rights would only have begun after it leave the contract.
func closedOn(c rights.Contract, last rights.Date) (rights.Contract, error) {
	if last < c.From {
		return c, fmt.Errorf("%w: %w", ErrInvalid, rights.ErrPeriod)
	}
	c.To = last
	var people []rights.Beneficiary
	for _, b := range c.Beneficiaries {
		if b.From > last {
			continue
		}
		if b.To >= last {
			b.To = 0
		}
		people = append(people, b)
	}
	c.Beneficiaries = people
	return c, nil
}

// ends says whether a change takes days from a contract that is in force or will be, at its end.
func (i *importing) ends(old, next register.Contract) bool {
	if old.To < rights.DateAt(i.issuer.now()) || next.To >= old.To {
		return false
	}
	i.closed[old.Key.Insurer]++
	return true
}

// closeAbsent closes those contracts of an insurer, one batch behind after, that the file did not name.
func (i *importing) closeAbsent(tx register.Tx, insurer, after string) (next string, more bool, err error) {
	page, err := tx.ContractsAfter(insurer, after, min(i.issuer.batch(), register.MaxBatch))
	if err != nil || len(page) == 0 || i.o.CloseFrom == 0 {
		return "", false, err
	}
	at := i.issuer.second()
	var rows []register.Contract
	closed := 0
	for _, old := range page {
		if old.To < i.o.CloseFrom || i.reader.Has(old.Key.Insurer, old.Key.Adherent) {
			continue
		}
		row, err := closedRow(old, i.o.CloseFrom-1)
		if isRefusal(err) {
			i.report.Ahead++
			continue
		}
		if err != nil {
			return "", false, err
		}
		if i.ends(old, row) {
			closed++
		}
		row.Changed = at
		rows = append(rows, row)
	}
	i.report.Absent += len(rows)
	i.report.Changed += len(rows)
	return page[len(page)-1].Key.Adherent, true, i.write(tx, rows, map[string]int{"absent": len(rows)}, closed)
}
