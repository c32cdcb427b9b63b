// Birth dates are text: the Vitale world carries "lunar" and fictive ones (day 00, 31 February, month above 12).

package rights

// BirthDate is a birth date as 8 digits AAAAMMJJ. It is compared and shown as text and is no day of the calendar.
type BirthDate string

// ErrBirthDate is what ParseBirthDate returns.
var ErrBirthDate = &Invalid{"birth_format", "la date de naissance s'écrit JJ/MM/AAAA, AAAA-MM-JJ ou AAAAMMJJ",
	"birth date must be JJ/MM/AAAA, AAAA-MM-JJ or AAAAMMJJ"}

// ParseBirthDate reads AAAAMMJJ, JJ/MM/AAAA or AAAA-MM-JJ. Any digits will do. The error is ErrBirthDate.
func ParseBirthDate(s string) (BirthDate, error) {
	switch {
	case len(s) == 10 && s[2] == '/' && s[5] == '/':
		s = s[6:] + s[3:5] + s[:2]
	case len(s) == 10 && s[4] == '-' && s[7] == '-':
		s = s[:4] + s[5:7] + s[8:]
	}
	if len(s) != 8 || !isDigits(s) {
		return "", ErrBirthDate
	}
	return BirthDate(s), nil
}

// French returns JJ/MM/AAAA, or the text unchanged when it is not 8 bytes long.
func (b BirthDate) French() string {
	if len(b) != 8 {
		return string(b)
	}
	return string(b[6:] + "/" + b[4:6] + "/" + b[:4])
}
