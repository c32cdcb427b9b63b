// Amounts of money as people type and read them in France.

package rights

import (
	"strconv"
	"strings"
)

// Cents is an amount in euro cents.
type Cents int64

// MaxCents is the highest amount that a calculation takes: 999,999.99 €, above any invoice of a counter.
const MaxCents Cents = 99_999_999

// Refusals of ParseCents.
var (
	ErrAmount = &Invalid{"amount_format", "montant non compris : écrivez par exemple 25,00 ou 1 234,50 €, avec deux décimales ou aucune",
		"amount is not EUROS[,CC]"}
	ErrAmountRange = &Invalid{"amount_range", "montant hors limites : de 0 à 999 999,99 €", "amount out of range"}
)

const nbsp, narrowNBSP = "\u00a0", "\u202f"

// ParseCents reads an amount in euros: "25", "25,00", "25.00", "1 234,50 €". Groups of three digits may be separated by one blank
// each, common, no-break or narrow, then all of them are. Decimals are two or none, so that neither "1.234" nor "1,234.50" can be
// taken for another amount than was meant. No sign, no useless leading zero; blanks at the ends are dropped.
// Errors: ErrAmount, ErrAmountRange.
func ParseCents(s string) (Cents, error) {
	if len(s) > 64 {
		return 0, ErrAmount
	}
	s = strings.NewReplacer(nbsp, " ", narrowNBSP, " ").Replace(s)
	s = strings.Trim(s, " ")
	if before, ok := strings.CutSuffix(s, "€"); ok {
		s = strings.TrimSuffix(before, " ")
	}
	whole, decimals := s, "00"
	if i := strings.IndexAny(s, ",."); i >= 0 {
		if whole, decimals = s[:i], s[i+1:]; len(decimals) != 2 || !isDigits(decimals) {
			return 0, ErrAmount
		}
	}
	if groups := strings.Split(whole, " "); len(groups) > 1 {
		for i, g := range groups {
			if len(g) > 3 || len(g) < 3 && i > 0 {
				return 0, ErrAmount
			}
		}
		whole = strings.Join(groups, "")
	}
	if whole == "" || !isDigits(whole) || (whole[0] == '0' && len(whole) > 1) {
		return 0, ErrAmount
	}
	if len(whole) > 6 {
		return 0, ErrAmountRange
	}
	n, err := strconv.ParseInt(whole+decimals, 10, 64)
	if err != nil {
		return 0, ErrAmount
	}
	return Cents(n), nil
}

// percent is c × percent / 100, rounded to the cent, half a cent up.
func (c Cents) percent(percent int) Cents { return (c*Cents(percent) + 50) / 100 }

// French returns "1 234,50 €", with no-break spaces.
func (c Cents) French() string {
	whole, decimals := c.split()
	var b strings.Builder
	for i, d := range whole {
		if left := len(whole) - i; i > 0 && left%3 == 0 {
			b.WriteString(nbsp)
		}
		b.WriteRune(d)
	}
	return b.String() + "," + decimals + nbsp + "€"
}

// English returns "€1234.50".
func (c Cents) English() string { return "€" + c.String() }

// String returns "1234.50".
func (c Cents) String() string {
	whole, decimals := c.split()
	return whole + "." + decimals
}

func (c Cents) split() (whole, decimals string) {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	digits := strconv.FormatInt(int64(c), 10)
	for len(digits) < 3 {
		digits = "0" + digits
	}
	return sign + digits[:len(digits)-2], digits[len(digits)-2:]
}

// MarshalText writes "1234.50".
func (c Cents) MarshalText() ([]byte, error) {
	if c < 0 || c > MaxCents {
		return nil, ErrAmountRange
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads what ParseCents reads.
func (c *Cents) UnmarshalText(b []byte) error {
	v, err := ParseCents(string(b))
	if err != nil {
		return err
	}
	*c = v
	return nil
}
