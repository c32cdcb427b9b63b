// The grammar of guarantee values: what stands in one cell of a card's grid.

package rights

import (
	"slices"
	"strconv"
	"strings"
)

// GuaranteeKind says what a guarantee's value is.
type GuaranteeKind uint8

// The kinds, with their written form.
const (
	None   GuaranteeKind = iota // "-": no tiers payant in this domain
	Rate                        // "100%" of the base de remboursement, Sécurité sociale included
	Rates3                      // "100/100/15": rates of the pharmacy classes 65, 30 and 15; 15 there means no complement
	PEC                         // "PEC": a prise en charge must be asked for first
	TM                          // "TM": the ticket modérateur only
	Amount                      // "150EUR": an amount in euros
)

// Guarantee is one value of the grid: `[CIRCUITS ]VALUE[ (n)]`. The zero value is "-".
// A value has one written form, and ParseGuarantee reads no other.
type Guarantee struct {
	Circuits []string // 0 to MaxCircuits type de convention codes, distinct, in printed order; none for None
	Kind     GuaranteeKind
	Rates    [3]int // percent, 1 to MaxRate for Rate (only Rates[0]), 0 to MaxRate for Rates3
	Euros    int    // for Amount, 1 to MaxEuros
	Note     int    // number of a footnote of the contract, 1 to MaxNotes; 0 for none
}

// The refusals of ParseGuarantee and Guarantee.Check.
var (
	ErrGuarantee = &Invalid{"guarantee_format",
		"valeur non comprise : écrivez par exemple 100%, 100/100/15, PEC, TM, 150EUR ou -, avec le circuit devant (IS 100%) et la note derrière (100% (1))",
		"guarantee is not [CIRCUITS ]VALUE[ (n)]"}
	ErrGuaranteeRange = &Invalid{"guarantee_range",
		"valeur hors limites : un taux va de 1 à 999 %, un montant de 1 à 99999 EUR, une note de 1 à 9",
		"guarantee out of range"}
	ErrCircuits = &Invalid{"guarantee_circuits",
		"circuits non admis : 1 à 4 codes de 2 caractères, différents, séparés par / ; aucun devant -",
		"guarantee has bad circuits"}
)

// ParseGuarantee reads the one written form of a guarantee: the accepted text is what String returns.
// Errors: ErrGuarantee, ErrGuaranteeRange, ErrCircuits.
func ParseGuarantee(s string) (Guarantee, error) {
	var g Guarantee
	value := s
	if before, note, ok := strings.Cut(value, " ("); ok {
		n, ok := number(strings.TrimSuffix(note, ")"))
		if !ok || !strings.HasSuffix(note, ")") {
			return Guarantee{}, ErrGuarantee
		}
		if n < 1 || n > MaxNotes {
			return Guarantee{}, ErrGuaranteeRange
		}
		value, g.Note = before, n
	}
	if circuits, after, ok := strings.Cut(value, " "); ok {
		value, g.Circuits = after, strings.Split(circuits, "/")
	}
	if err := g.parseValue(value); err != nil {
		return Guarantee{}, err
	}
	if err := g.Check(); err != nil {
		return Guarantee{}, err
	}
	return g, nil
}

func (g *Guarantee) parseValue(s string) error {
	switch s {
	case "-":
		g.Kind = None
		return nil
	case "PEC":
		g.Kind = PEC
		return nil
	case "TM":
		g.Kind = TM
		return nil
	}
	var ok bool
	if n, isRate := strings.CutSuffix(s, "%"); isRate {
		g.Kind = Rate
		g.Rates[0], ok = number(n)
	} else if n, isAmount := strings.CutSuffix(s, "EUR"); isAmount {
		g.Kind = Amount
		g.Euros, ok = number(n)
	} else if a, rest, isTriple := strings.Cut(s, "/"); isTriple {
		g.Kind = Rates3
		b, c, isTriple := strings.Cut(rest, "/")
		var okA, okB, okC bool
		g.Rates[0], okA = number(a)
		g.Rates[1], okB = number(b)
		g.Rates[2], okC = number(c)
		ok = isTriple && okA && okB && okC
	}
	if !ok {
		return ErrGuarantee
	}
	return nil
}

// number reads 1 to 6 digits without a useless leading zero.
func number(s string) (int, bool) {
	if len(s) == 0 || len(s) > 6 || !isDigits(s) || (s[0] == '0' && len(s) > 1) {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// Check refuses a guarantee that has no written form. Errors: ErrGuarantee (unknown kind, or a field that the kind does
// not use), ErrGuaranteeRange, ErrCircuits.
func (g Guarantee) Check() error {
	rates, euros := [3]int{}, 0 // what the kind does not use must be zero: one value, one form
	switch g.Kind {
	case None, PEC, TM:
	case Rate:
		rates[0] = g.Rates[0]
		if rates[0] < 1 || rates[0] > MaxRate {
			return ErrGuaranteeRange
		}
	case Rates3:
		rates = g.Rates
		for _, r := range rates {
			if r < 0 || r > MaxRate {
				return ErrGuaranteeRange
			}
		}
	case Amount:
		euros = g.Euros
		if euros < 1 || euros > MaxEuros {
			return ErrGuaranteeRange
		}
	default:
		return ErrGuarantee
	}
	if g.Rates != rates || g.Euros != euros {
		return ErrGuarantee
	}
	if g.Note < 0 || g.Note > MaxNotes {
		return ErrGuaranteeRange
	}
	if len(g.Circuits) > MaxCircuits || (g.Kind == None && len(g.Circuits) > 0) {
		return ErrCircuits
	}
	for i, c := range g.Circuits {
		if CheckConvention(c) != nil || c == "TM" || slices.Contains(g.Circuits[:i], c) {
			return ErrCircuits
		}
	}
	return nil
}

// Equal reports whether g and h are the same value.
func (g Guarantee) Equal(h Guarantee) bool {
	return g.Kind == h.Kind && g.Rates == h.Rates && g.Euros == h.Euros && g.Note == h.Note && slices.Equal(g.Circuits, h.Circuits)
}

// String returns the written form. Of a guarantee that Check refuses it returns a text that ParseGuarantee may refuse.
func (g Guarantee) String() string {
	if len(g.Circuits) == 0 && g.Note == 0 { // no allocation for the most usual
		switch g.Kind {
		case None:
			return "-"
		case PEC:
			return "PEC"
		case TM:
			return "TM"
		}
	}
	return string(g.append(make([]byte, 0, 24)))
}

func (g Guarantee) append(b []byte) []byte {
	for i, c := range g.Circuits {
		if i > 0 {
			b = append(b, '/')
		}
		b = append(b, c...)
	}
	if len(g.Circuits) > 0 {
		b = append(b, ' ')
	}
	switch g.Kind {
	case None:
		b = append(b, '-')
	case Rate:
		b = append(strconv.AppendInt(b, int64(g.Rates[0]), 10), '%')
	case Rates3:
		b = append(strconv.AppendInt(b, int64(g.Rates[0]), 10), '/')
		b = append(strconv.AppendInt(b, int64(g.Rates[1]), 10), '/')
		b = strconv.AppendInt(b, int64(g.Rates[2]), 10)
	case PEC:
		b = append(b, "PEC"...)
	case TM:
		b = append(b, "TM"...)
	case Amount:
		b = append(strconv.AppendInt(b, int64(g.Euros), 10), "EUR"...)
	default:
		b = append(b, '?')
	}
	if g.Note != 0 {
		b = append(b, " ("...)
		b = append(strconv.AppendInt(b, int64(g.Note), 10), ')')
	}
	return b
}

// AppendText appends the written form; the error is that of Check.
func (g Guarantee) AppendText(b []byte) ([]byte, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g.append(b), nil
}

// MarshalText returns the written form; the error is that of Check.
func (g Guarantee) MarshalText() ([]byte, error) { return g.AppendText(nil) }

// UnmarshalText reads the written form.
func (g *Guarantee) UnmarshalText(b []byte) error {
	v, err := ParseGuarantee(string(b))
	if err != nil {
		return err
	}
	*g = v
	return nil
}
