// Target files: one card or contract a line, all checked before anything is done.

package issuer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// Fault is one faulty target.
type Fault struct {
	Line  int        // from 1; 0 for a target that came from no file
	Place card.Place // when it is a card
	Err   error
}

// TargetsError lists every faulty target. It quotes no contract.
type TargetsError struct{ Faults []Fault }

// Error names the first fault and counts the others.
func (e *TargetsError) Error() string {
	f := e.Faults[0]
	text := fmt.Sprintf("%v: %v", ErrTargets, f.Err)
	if f.Line > 0 {
		text = fmt.Sprintf("%v: line %d: %v", ErrTargets, f.Line, f.Err)
	}
	if n := len(e.Faults) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Unwrap gives ErrTargets and every cause.
func (e *TargetsError) Unwrap() []error {
	out := []error{ErrTargets}
	for _, f := range e.Faults {
		out = append(out, f.Err)
	}
	return out
}

// add takes a fault of the caller's input; any other error is not its business.
func (e *TargetsError) add(t Target, err error) bool {
	if !errors.Is(err, ErrUnknownCard) && !errors.Is(err, ErrUnknownContract) && !errors.Is(err, ErrState) {
		return false
	}
	e.Faults = append(e.Faults, Fault{Line: t.Line, Place: t.Place, Err: err})
	return true
}

// maxTargetLine bounds a line: the longest target has 27 characters.
const maxTargetLine = 256

// ReadTargets reads a file of targets: one "3-583021" (card) or "775670482;012284" (N° AMC; N° adhérent) a line. Blank
// lines and those that begin with # are skipped. All faulty lines are reported together, as *TargetsError.
func ReadTargets(r io.Reader) ([]Target, error) {
	var targets []Target
	var faults TargetsError
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, maxTargetLine), maxTargetLine)
	line := 0
	for scan.Scan() {
		line++
		text := scan.Text()
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text = strings.TrimSpace(text); text == "" || text[0] == '#' {
			continue
		}
		t, err := parseTarget(text)
		if err != nil {
			faults.Faults = append(faults.Faults, Fault{Line: line, Err: err})
			continue
		}
		t.Line = line
		targets = append(targets, t)
	}
	if err := scan.Err(); errors.Is(err, bufio.ErrTooLong) {
		faults.Faults = append(faults.Faults, Fault{Line: line + 1, Err: errors.New("the line is longer than any target")})
	} else if err != nil {
		return nil, fmt.Errorf("issuer: read targets: %w", err)
	}
	if len(faults.Faults) > 0 {
		return nil, &faults
	}
	return targets, nil
}

func parseTarget(text string) (Target, error) {
	amc, adherent, contract := strings.Cut(text, ";")
	if !contract {
		p, err := card.ParsePlace(text)
		if err != nil {
			return Target{}, errors.New("neither a card number such as 3-583021 nor amc;adherent")
		}
		return Target{Place: p}, nil
	}
	a, err := rights.ParseAMC(amc)
	if err != nil {
		return Target{}, errors.New("the part before the semicolon is no N° AMC")
	}
	adherent = strings.TrimSpace(adherent)
	if rights.CheckAdherent(adherent) != nil {
		return Target{}, errors.New("the part after the semicolon is no N° adhérent")
	}
	return Target{Contract: register.ContractKey{Insurer: a.Key(), Adherent: adherent}}, nil
}
