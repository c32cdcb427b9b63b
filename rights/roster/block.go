// The lines of one contract, put together: whole or not at all.

package roster

import (
	"fmt"

	"sceau/rights"
)

// block is a run of lines of one contract. As soon as one line has a fault, the block keeps nothing more: the lines held
// until then and all later ones are reported, naming the line at fault.
type block struct {
	good        bool   // the key is believed
	rawAMC      []byte // cells of the key's line, to recognise the next one at once
	rawAdherent []byte
	adherent    string // text, when the key is not good

	contract rights.Contract
	lines    Lines
	count    int  // lines so far, also those left out
	cause    int  // number of the first line at fault, 0: none
	doubt    bool // that line is unreadable, and perhaps of another contract

	facts     facts  // contract-level facts of line factsLine
	factsLine int    // 0: no line had good ones yet
	factsKey  string // the cells they were read from
}

// place puts the row into its contract; it returns the block that the row closed, if any.
func (r *Reader) place() (*block, error) {
	w, b := &r.row, r.current
	if w.key == keyNone {
		r.suspect = w.number
		if b == nil {
			b = &block{} // the line is first of all: it goes into no contract
		}
		return nil, r.add(b)
	}
	if b != nil && b.owns(w) {
		r.suspect = 0
		if !b.good && w.key == keyGood {
			r.start(b)
		}
		return nil, r.add(b)
	}
	r.current = &block{adherent: w.adherent}
	if r.suspect != 0 {
		r.current.cause, r.current.doubt, r.suspect = r.suspect, true, 0
	}
	if w.key == keyGood {
		r.start(r.current)
	}
	return b, r.add(r.current)
}

func (b *block) owns(w *row) bool {
	if b.good && w.key == keyGood {
		return b.contract.Adherent == w.adherent && b.contract.Insurer.Key() == w.amc.Key()
	}
	return b.adherent == w.adherent
}

// start gives a block its key, and refuses a contract whose lines stood higher up.
func (r *Reader) start(b *block) {
	w := &r.row
	b.good, b.adherent = true, w.adherent
	b.contract.Insurer, b.contract.Adherent = w.amc, w.adherent
	b.rawAMC = append([]byte(nil), w.cells[r.header.at[colAMC]]...)
	b.rawAdherent = append([]byte(nil), w.cells[r.header.at[colAdherent]]...)
	if line, found := r.seen.add(r.hash(w.amc.Key(), w.adherent), w.number); found {
		w.faults = append(w.faults, Reject{Line: w.number, Code: CodeContractSplit, Related: line,
			Cause: fmt.Sprintf("ce contrat commence déjà à la ligne %d, avec d'autres contrats entre les deux : mettez ses lignes à la suite", line)})
	}
}

// add judges the row as a line of b.
func (r *Reader) add(b *block) error {
	w := &r.row
	b.count++
	var beneficiary rights.Beneficiary
	if len(w.faults) == 0 || w.faults[0].Code == CodeContractSplit {
		beneficiary = r.judge(b)
	}
	if b.cause == 0 && len(w.faults) > 0 {
		b.cause, b.doubt = w.number, w.key == keyNone
		for _, number := range b.lines {
			if err := r.rejectSibling(b, number); err != nil {
				return err
			}
		}
		b.lines, b.contract.Beneficiaries = nil, nil
	}
	switch {
	case len(w.faults) > 0:
		return r.rejectRow()
	case b.cause != 0:
		return r.rejectSibling(b, w.number)
	}
	b.lines = append(b.lines, w.number)
	if b.facts.closure {
		return nil
	}
	b.contract.Beneficiaries = append(b.contract.Beneficiaries, beneficiary)
	return nil
}

// rejectRow reports the row's own faults, and the other lines of a record that spans several.
func (r *Reader) rejectRow() error {
	w := &r.row
	r.stats.Rejected++
	for _, f := range w.faults {
		if err := r.reject(f); err != nil {
			return err
		}
	}
	for number := w.number + 1; number <= w.last; number++ {
		r.stats.Rejected++
		f := w.faults[0]
		f.Line, f.Related = number, w.number
		f.Cause = fmt.Sprintf("suite de la ligne %d, dont une case contient un saut de ligne : mettez son texte sur une seule ligne", w.number)
		if err := r.reject(f); err != nil {
			return err
		}
	}
	return nil
}

// rejectSibling reports a line without fault of its own.
func (r *Reader) rejectSibling(b *block, number int) error {
	r.stats.Rejected++
	text := "la ligne %d du même contrat est rejetée : corrigez-la, le contrat entier sera repris"
	if b.doubt {
		text = "la ligne %d est illisible et appartient peut-être à ce contrat : corrigez-la, le contrat entier sera repris"
	}
	return r.reject(Reject{Line: number, Code: CodeContractRejected, Cause: fmt.Sprintf(text, b.cause), Related: b.cause})
}
