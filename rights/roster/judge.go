// The judgement of one line: every cell checked, every fault named, the beneficiary made.

package roster

import (
	"bytes"
	"fmt"
	"slices"

	"sceau/rights"
)

// facts are what all lines of a contract must say alike.
type facts struct {
	conventions []string
	csr         string
	responsable bool
	from, to    rights.Date
	notes       []string
	address     *rights.Address
	closure     bool // only to says something then
}

var factColumns = []column{colConvention, colCSR, colResponsable, colDebut, colFin, colNotes, colAdresse1, colAdresse2, colAdresse3, colAdresse4,
	colCodePostal, colVille, colPays, colMouvement}

// knownInsurer is a N° AMC already looked up.
type knownInsurer struct {
	cell  string
	amc   rights.AMC
	err   error
	known bool
}

func (r *Reader) lookInsurer(cell []byte) *knownInsurer {
	if string(cell) != r.insurer.cell {
		r.insurer = knownInsurer{cell: string(cell)}
		r.insurer.amc, r.insurer.err = rights.ParseAMC(upper(string(cell)))
		r.insurer.known = r.insurer.err == nil && (r.o.Insurers == nil || r.o.Insurers(r.insurer.amc.Key()))
	}
	return &r.insurer
}

// cell returns a cell of the row, or nil when the file has no such column.
func (w *row) cell(c column) []byte {
	if at := w.reader.header.at[c]; at >= 0 {
		return w.cells[at]
	}
	return nil
}

func (w *row) bad(name string, f *flaw) {
	w.faults = append(w.faults, Reject{Line: w.number, Column: name, Code: f.code, Cause: f.cause})
}

func (w *row) badIf(c column, f *flaw) {
	if f != nil {
		w.bad(columnNames[c], f)
	}
}

// judge checks the row as a line of b and adds to the row's faults. The result counts only when there are none.
func (r *Reader) judge(b *block) rights.Beneficiary {
	w := &r.row
	before := len(w.faults)
	r.judgeKey()
	f, agreed := r.judgeFacts(b)
	if f.closure {
		if b.count > rights.MaxBeneficiaries {
			w.bad("", flawOf(rights.ErrBeneficiaries))
		}
		return rights.Beneficiary{}
	}
	p := r.judgePerson()
	if agreed {
		var flaws [2]*flaw
		p.From, flaws[0] = ownDay(w.cell(colDebutBeneficiaire))
		p.To, flaws[1] = ownDay(w.cell(colFinBeneficiaire))
		w.badIf(colDebutBeneficiaire, flaws[0])
		w.badIf(colFinBeneficiaire, flaws[1])
		if flaws[0] == nil && flaws[1] == nil && (p.From != 0 || p.To != 0) {
			from, to, err := rights.OwnPeriod(f.from, f.to, p.From, p.To)
			if err != nil {
				name := colDebutBeneficiaire
				if p.From == 0 || (p.From >= f.from && p.From <= f.to) {
					name = colFinBeneficiaire
				}
				w.badIf(name, flawOf(err))
			}
			p.From, p.To = from, to
		}
		p.Guarantees = r.judgeGuarantees(b, f)
	}
	if b.count > rights.MaxBeneficiaries {
		w.bad("", flawOf(rights.ErrBeneficiaries))
	}
	if len(w.faults) == before {
		for i, other := range b.contract.Beneficiaries {
			if p.SamePerson(other) {
				w.faults = append(w.faults, Reject{Line: w.number, Code: rights.ErrDuplicate.Code, Related: b.lines[i],
					Cause: fmt.Sprintf("même bénéficiaire qu'à la ligne %d (nom, prénom, naissance et rang) : retirez une ligne, ou donnez un autre rang à un jumeau", b.lines[i])})
				break
			}
		}
	}
	return p
}

// judgeKey gives every row without a good key a fault.
func (r *Reader) judgeKey() {
	w := &r.row
	if w.key == keyGood {
		return
	}
	amc, adherent := w.cell(colAMC), w.cell(colAdherent)
	if i := r.lookInsurer(amc); len(amc) == 0 {
		w.badIf(colAMC, flawEmpty)
	} else if i.err != nil {
		w.badIf(colAMC, flawOf(i.err))
	} else if !i.known {
		w.badIf(colAMC, &flaw{CodeInsurerUnknown, "cet opérateur n'a pas d'assureur de ce numéro : corrigez le N° AMC ou ajoutez l'assureur"})
	}
	if len(adherent) == 0 {
		w.badIf(colAdherent, flawEmpty)
	} else if err := rights.CheckAdherent(adherentText(adherent)); err != nil {
		w.badIf(colAdherent, flawOf(err))
	}
}

// judgeFacts reads the contract-level cells and compares them with the contract's first line. The result is true when
// they are good; they may still differ, which is a fault but leaves something to judge the other cells by.
func (r *Reader) judgeFacts(b *block) (facts, bool) {
	w := &r.row
	r.facts = r.facts[:0]
	for _, c := range r.factsAt {
		r.facts = append(append(r.facts, w.cells[r.header.at[c]]...), 0)
	}
	if b.factsLine != 0 && string(r.facts) == b.factsKey {
		return b.facts, true
	}
	f, flaws := r.readFacts()
	good := true
	for c, flaw := range flaws {
		w.badIf(column(c), flaw)
		good = good && flaw == nil
	}
	if !good {
		return facts{closure: f.closure}, false
	}
	if b.factsLine == 0 {
		b.facts, b.factsLine, b.factsKey = f, w.number, string(r.facts)
		k := &b.contract
		k.Conventions, k.CSR, k.Responsable, k.From, k.To, k.Notes, k.Address = f.conventions, f.csr, f.responsable, f.from, f.to, f.notes, f.address
		return f, true
	}
	for _, c := range factColumns {
		if f.differs(b.facts, c) {
			w.faults = append(w.faults, Reject{Line: w.number, Column: columnNames[c], Code: CodeContractConflict, Related: b.factsLine,
				Cause: fmt.Sprintf("la valeur diffère de celle de la ligne %d du même contrat : donnez la même à toutes ses lignes", b.factsLine)})
		}
	}
	return f, true
}

// readFacts reads the contract-level cells of the row.
func (r *Reader) readFacts() (f facts, flaws [fixedColumns]*flaw) {
	w := &r.row
	if r.header.at[colMouvement] >= 0 {
		if f.closure, flaws[colMouvement] = movement(w.cell(colMouvement)); f.closure {
			f.to, flaws[colFin] = contractDay(w.cell(colFin))
			return f, flaws
		}
	}
	f.conventions, flaws[colConvention] = conventions(w.cell(colConvention))
	f.csr, flaws[colCSR] = csr(w.cell(colCSR))
	f.responsable, flaws[colResponsable] = yesNo(w.cell(colResponsable))
	f.from, flaws[colDebut] = contractDay(w.cell(colDebut))
	f.to, flaws[colFin] = contractDay(w.cell(colFin))
	f.notes, flaws[colNotes] = notes(w.cell(colNotes))
	if flaws[colDebut] == nil && flaws[colFin] == nil {
		if err := rights.CheckPeriod(f.from, f.to); err != nil {
			flaws[colFin] = flawOf(err)
		}
		for _, code := range f.conventions {
			if _, ok := r.o.Codes.Convention(code, f.from); !ok {
				flaws[colConvention] = flawOf(rights.ErrUnknownConvention)
			}
		}
	}
	if r.header.hasAddress() {
		f.address = r.readAddress(&flaws)
	}
	return f, flaws
}

func (f facts) differs(g facts, c column) bool {
	if f.closure != g.closure {
		return c == colMouvement
	}
	switch c {
	case colMouvement, colAdresse2, colAdresse3, colAdresse4:
		return false
	case colAdresse1, colCodePostal, colVille, colPays:
		return differ(f.address, g.address, c)
	case colConvention:
		return !slices.Equal(f.conventions, g.conventions)
	case colCSR:
		return f.csr != g.csr
	case colResponsable:
		return f.responsable != g.responsable
	case colDebut:
		return f.from != g.from
	case colFin:
		return f.to != g.to
	}
	return !slices.Equal(f.notes, g.notes)
}

func (r *Reader) judgePerson() rights.Beneficiary {
	w := &r.row
	var p rights.Beneficiary
	var flaws [fixedColumns]*flaw
	p.NIR, flaws[colNIR] = nir(w.cell(colNIR))
	p.Nom, flaws[colNom] = name(w.cell(colNom))
	p.Prenom, flaws[colPrenom] = name(w.cell(colPrenom))
	p.Birth, flaws[colNaissance] = birth(w.cell(colNaissance))
	p.Rang, flaws[colRang] = rang(w.cell(colRang))
	for c, flaw := range flaws {
		w.badIf(column(c), flaw)
	}
	return p
}

// judgeGuarantees reads the guarantee columns. A beneficiary with the very cells of the one before shares that map: most
// households have one table for all.
func (r *Reader) judgeGuarantees(b *block, f facts) map[string]rights.Guarantee {
	w, h := &r.row, r.header
	r.values, r.lastValues = r.lastValues[:0], r.values
	for _, d := range h.domains {
		r.values = append(append(r.values, w.cells[d.at]...), 0)
	}
	if n := len(b.lines); n > 0 && bytes.Equal(r.values, r.lastValues) { // the line before is good and was read just now
		return b.contract.Beneficiaries[n-1].Guarantees
	}
	if r.domainAt != f.from {
		r.domainAt = f.from
		for i, d := range h.domains {
			_, r.domainOK[i] = r.o.Codes.Domain(d.code, f.from)
		}
	}
	filled := 0
	for _, d := range h.domains {
		if len(w.cells[d.at]) > 0 {
			filled++
		}
	}
	values := make(map[string]rights.Guarantee, filled)
	for i, d := range h.domains {
		cell := w.cells[d.at]
		if len(cell) == 0 {
			continue
		}
		v := r.guarantee(cell)
		switch {
		case v.flaw != nil:
			w.bad(d.code, v.flaw)
		case !r.domainOK[i]:
			w.bad(d.code, flawOf(rights.ErrUnknownDomain))
		case v.value.Note > len(f.notes):
			w.bad(d.code, flawOf(rights.ErrNoteMissing))
		case !r.circuitsInForce(v, f.from):
			w.bad(d.code, flawOf(rights.ErrUnknownCircuit))
		default:
			values[d.code] = v.value
		}
	}
	return values
}

// parsedCell is a guarantee already read, with the last day its circuits were looked up for.
type parsedCell struct {
	value rights.Guarantee
	flaw  *flaw
	at    rights.Date
	known bool
}

func (r *Reader) guarantee(cell []byte) *parsedCell {
	if v, ok := r.cells[string(cell)]; ok {
		return v
	}
	v := &parsedCell{}
	v.value, v.flaw = guarantee(string(cell))
	if len(r.cells) >= maxCells {
		clear(r.cells)
	}
	r.cells[string(cell)] = v
	return v
}

func (r *Reader) circuitsInForce(v *parsedCell, at rights.Date) bool {
	if v.at != at {
		v.at, v.known = at, true
		for _, c := range v.value.Circuits {
			_, ok := r.o.Codes.Convention(c, at)
			v.known = v.known && ok
		}
	}
	return v.known
}
