// Civil dates: rights begin and end on days of the calendar in France, not at instants.

package rights

import (
	"fmt"
	"time"
	_ "time/tzdata" // Windows has no IANA zones of its own
)

// Date is a civil date in Europe/Paris, counted in days since 1970-01-01.
// The zero value means "no date". Range: 1970-01-02 to 9999-12-31.
type Date int32

// maxDate is 9999-12-31, the last day that AAAAMMJJ can write.
const maxDate Date = 2932896

var paris = mustLoad("Europe/Paris")

func mustLoad(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic("rights: embedded time zones: " + err.Error())
	}
	return loc
}

// Paris returns the zone in which every validity of a card is counted.
func Paris() *time.Location { return paris }

// NewDate makes a Date; a day that the calendar lacks (31 April) is an error.
func NewDate(year int, month time.Month, day int) (Date, error) {
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if t.Year() != year || t.Month() != month || t.Day() != day {
		return 0, fmt.Errorf("rights: no such day: %04d-%02d-%02d", year, month, day)
	}
	d := t.Unix() / 86400
	if d < 1 || Date(d) > maxDate {
		return 0, fmt.Errorf("rights: date out of range: %04d-%02d-%02d", year, month, day)
	}
	return Date(d), nil
}

// ParseDate reads "2027-03-01" and nothing else.
func ParseDate(s string) (Date, error) { return parseLayout(s, "2006-01-02") }

// ParseCompact reads "20270301" and nothing else.
func ParseCompact(s string) (Date, error) { return parseLayout(s, "20060102") }

func parseLayout(s, layout string) (Date, error) {
	t, err := time.Parse(layout, s)
	if err != nil || len(s) != len(layout) {
		return 0, fmt.Errorf("rights: not a date of the form %s", layout) // never the text: it may be a misplaced NIR
	}
	return NewDate(t.Year(), t.Month(), t.Day())
}

// DateAt returns the civil date in Paris at t.
func DateAt(t time.Time) Date {
	y, m, d := t.In(paris).Date()
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Midnight returns 00:00 of d in Paris.
func (d Date) Midnight() time.Time {
	u := d.utc()
	return time.Date(u.Year(), u.Month(), u.Day(), 0, 0, 0, 0, paris)
}

func (d Date) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String returns "2027-03-01", or "" for no date.
func (d Date) String() string { return d.format("2006-01-02") }

// Compact returns "20270301", or "" for no date.
func (d Date) Compact() string { return d.format("20060102") }

// French returns "01/03/2027", or "" for no date.
func (d Date) French() string { return d.format("02/01/2006") }

func (d Date) format(layout string) string {
	if d == 0 {
		return ""
	}
	return d.utc().Format(layout)
}

// MarshalText writes "2027-03-01"; no date is empty.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = 0
		return nil
	}
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
