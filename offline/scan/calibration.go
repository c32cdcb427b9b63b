// Calibration: one scan of a known text teaches what an unknown keyboard makes of each symbol, or is refused.

package scan

import (
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrNotCalibration: something else was scanned. Scan the calibration code.
	ErrNotCalibration = errors.New("scan: not the calibration code")
	// ErrDamaged: the calibration code did not arrive whole: a character was lost, doubled or changed. Scan it again.
	ErrDamaged = errors.New("scan: calibration code damaged")
	// ErrAmbiguous: two symbols arrive alike, or one arrives as nothing (a dead key). No map leads back; the scanner's layout must be set.
	ErrAmbiguous = errors.New("scan: keyboard has no way back")
)

// Each symbol of the alphabet stands in the calibration text once a round. The rounds go through the alphabet in steps of their own, so that no symbol
// has the same neighbour twice, and whatever is lost, doubled or changed contradicts the other rounds.
var steps = [...]int{24, 5, 17}

// order is the calibration text, as places in the alphabet.
var order = func() (places []int) {
	const p = len(alphabet) + 1 // a prime
	for _, step := range steps {
		for i := 1; i < p; i++ {
			places = append(places, i*step%p-1)
		}
	}
	return places
}()

// CalibrationText is what the calibration QR code holds: each letter and digit three times, in the alphanumeric alphabet of QR codes.
func CalibrationText() string {
	b := make([]byte, len(order))
	for i, place := range order {
		b[i] = alphabet[place]
	}
	return string(b)
}

// extra is how many characters a scanner may be set to put before and after what it read.
const extra = 32

// Learn takes a keyboard from one scan of the calibration code, whatever the layouts of the scanner and of the computer and whether Caps Lock is on. It
// never guesses: a scan that does not fit in every character is refused with ErrDamaged, ErrAmbiguous or ErrNotCalibration. When the keys alone are
// without contradiction (a computer with dead keys), the map knows keys only.
func Learn(t Typed) (*Map, error) {
	if len(t.Text) > maxTyped || len(t.Presses) > MaxPresses {
		return nil, ErrNotCalibration
	}
	if _, _, err := Read(t, nil); err == nil {
		return nil, fmt.Errorf("%w: a card's code", ErrNotCalibration)
	}
	arrives, textErr := align(clean(t.Text).runes)
	if len(t.Presses) == 0 {
		if textErr != nil {
			return nil, textErr
		}
		return learnt(arrives, nil)
	}
	var pressed []string
	for _, p := range t.Presses {
		if k, writes := usKeys[p.Code]; writes && k[0] > ' ' {
			pressed = append(pressed, p.Code)
		}
	}
	codes, err := align(pressed)
	if err != nil {
		return nil, err // the keys are the better witness: where they are in doubt, characters don't help
	}
	if textErr == nil {
		if m, err := learnt(arrives, codes); err == nil {
			return m, nil
		}
	}
	return learnt(nil, codes)
}

func learnt(arrives []rune, codes []string) (*Map, error) {
	m, err := newMap(arrives, codes)
	if err != nil {
		return nil, ErrAmbiguous // an undecodable character stands for a symbol
	}
	return m, nil
}

// align finds the calibration text in what arrived, and returns what arrived for each symbol of the alphabet.
func align[T comparable](got []T) ([]T, error) {
	n := len(order)
	if len(got) > n+extra {
		return nil, ErrNotCalibration
	}
	if len(got) < n {
		return nil, missing(got)
	}
	var found []T
	alike := false
	for from := 0; from+n <= len(got); from++ {
		seen, distinct := match(got[from:from+n], nil)
		switch {
		case seen == nil:
		case !distinct:
			alike = true
		case found != nil:
			return nil, ErrAmbiguous
		case from > 0 && got[from-1] == got[from], from+n < len(got) && got[from+n] == got[from+n-1]:
			return nil, ErrDamaged // a scanner's prefix or the first symbol twice: no telling
		default:
			found = seen
		}
	}
	switch {
	case found != nil:
		return found, nil
	case alike:
		return nil, ErrAmbiguous
	default:
		return nil, ErrDamaged
	}
}

// match reads got as the calibration text without the symbols in dead: what each symbol became (nil when two rounds contradict one another), and
// whether no two became the same.
func match[T comparable](got []T, dead []int) (seen []T, distinct bool) {
	seen = make([]T, len(alphabet))
	known := make([]bool, len(alphabet))
	i := 0
	for _, place := range order {
		if slices.Contains(dead, place) {
			continue
		}
		if i == len(got) || known[place] && seen[place] != got[i] {
			return nil, false
		}
		seen[place], known[place] = got[i], true
		i++
	}
	if i < len(got) {
		return nil, false
	}
	from := map[T]bool{}
	for place, x := range seen {
		if known[place] {
			if from[x] {
				return seen, false
			}
			from[x] = true
		}
	}
	return seen, true
}

// missing says why got is too short: one or two symbols that never arrive are dead keys, and scanning again won't help.
func missing[T comparable](got []T) error {
	for a := range len(alphabet) {
		switch len(got) {
		case len(order) - len(steps):
			if seen, _ := match(got, []int{a}); seen != nil {
				return ErrAmbiguous
			}
		case len(order) - 2*len(steps):
			for b := range a {
				if seen, _ := match(got, []int{a, b}); seen != nil {
					return ErrAmbiguous
				}
			}
		}
	}
	if len(got) < len(order)/2 {
		return ErrNotCalibration
	}
	return ErrDamaged
}
