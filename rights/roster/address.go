// Cells of addresses and of movements, each brought to its one form.

package roster

import (
	"errors"
	"slices"

	"sceau/rights"
)

var (
	flawMovement    = &flaw{CodeMovement, "écrivez C (création), M (modification) ou S (suppression, résiliation : la colonne fin est alors le dernier jour)"}
	flawAddressHole = &flaw{CodeEmpty, "l'adresse est incomplète : remplissez cette case, ou videz toutes celles de l'adresse"}
)

// readAddress reads the address of the row; nil when all its cells are empty, or one has a flaw.
func (r *Reader) readAddress(flaws *[fixedColumns]*flaw) *rights.Address {
	w := &r.row
	var a rights.Address
	good := true
	text := func(c column) string { return plainText(string(w.cell(c))) }
	refuse := func(c column, f *flaw) {
		if flaws[c] == nil {
			flaws[c] = f
		}
		good = good && f == nil
	}
	for _, c := range addressLines {
		if line := text(c); line != "" {
			a.Lines = append(a.Lines, line)
			refuse(c, flawOf(rights.CheckAddressLine(line)))
		}
	}
	a.PostalCode, a.City = upper(text(colCodePostal)), text(colVille)
	country := text(colPays)
	if len(a.Lines) == 0 && a.PostalCode == "" && a.City == "" {
		return nil // a country alone is no address
	}
	var err error
	if a.Country, err = rights.ParseCountry(country); err != nil {
		refuse(colPays, flawOf(err))
		return nil
	}
	if len(a.Lines) == 0 {
		refuse(colAdresse1, flawAddressHole)
	}
	if a.PostalCode == "" && a.Country == "" {
		refuse(colCodePostal, flawAddressHole)
	} else {
		refuse(colCodePostal, flawOf(a.CheckPostalCode()))
	}
	if a.City == "" {
		refuse(colVille, flawAddressHole)
	} else {
		refuse(colVille, flawOf(rights.CheckAddressLine(a.City)))
	}
	if err := a.Check(); good && err != nil { // what is about several cells: too many lines, too long a city
		c := colVille
		if errors.Is(err, rights.ErrAddressLines) {
			c = colAdresse4
		}
		refuse(c, flawOf(err))
	}
	if !good {
		return nil
	}
	return &a
}

// differ compares two addresses of a contract in what the column says.
func differ(a, b *rights.Address, c column) bool {
	if a == nil || b == nil {
		return a != b && c == colAdresse1
	}
	switch c {
	case colAdresse1:
		return !slices.Equal(a.Lines, b.Lines)
	case colCodePostal:
		return a.PostalCode != b.PostalCode
	case colVille:
		return a.City != b.City
	}
	return a.Country != b.Country
}

// movement says whether a line closes its contract.
func movement(cell []byte) (closes bool, f *flaw) {
	switch fold(string(cell)) {
	case "":
		return false, flawEmpty
	case "c", "creation", "m", "modification":
		return false, nil
	case "s", "suppression", "resiliation":
		return true, nil
	}
	return false, flawMovement
}

// addressCells are the cells of an address, from adresse1 to pays.
func addressCells(a *rights.Address) []string {
	cells := make([]string, len(addressLines)+3)
	if a != nil {
		copy(cells, a.Lines)
		copy(cells[len(addressLines):], []string{a.PostalCode, a.City, a.Country})
	}
	return cells
}
