// Package notice holds what an operator or an insurer tells counters in its own words: the state of the service, what is still
// guaranteed, until when, whom to call. Never a link: FORMAT.md. What comes out of Parse was checked for its form; that its
// author said it is the trust repository's business.
package notice

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sceau/rights"
	"sceau/signing"
)

// ErrMalformed is the family of every refusal of this package; signing.CodeOf gives the code.
var ErrMalformed = signing.ErrMalformed

// Kind says what a notice is about.
type Kind string

// The kinds of this version.
const (
	Outage   Kind = "outage"   // a service does not answer
	Degraded Kind = "degraded" // it answers slowly or in part
	Restored Kind = "restored" // it is as usual again
	Theft    Kind = "theft"    // keys, accounts or data were stolen
	Info     Kind = "info"
)

// Kinds are all of them, the gravest first: in this order they are shown.
func Kinds() []Kind { return []Kind{Theft, Outage, Degraded, Restored, Info} }

// French is the kind as a French counter reads it.
func (k Kind) French() string {
	switch k {
	case Outage:
		return "Panne"
	case Degraded:
		return "Service perturbé"
	case Restored:
		return "Retour à la normale"
	case Theft:
		return "Alerte de sécurité"
	}
	return "Information"
}

// Notice is one message. Times are whole seconds.
type Notice struct {
	ID         string // unique in its file, 1 to MaxID of a-z, 0-9 and "-"
	Kind       Kind
	Issued     time.Time // when it was written
	From       time.Time // first second in which it is shown
	Until      time.Time // first second in which it is shown no more
	Title      string    // 1 to MaxTitle characters, one line
	Text       string    // 1 to MaxText characters, one paragraph
	Guaranteed string    // what stays guaranteed; "" only for Restored and Info
	Phone      string    // whom to call; "" only for Restored and Info
}

// LastDay is the whole day, in Paris, with whose end the notice ends: it is told as that day, not as the first minute of the next.
// false for one that ends within a day.
func (n Notice) LastDay() (rights.Date, bool) {
	day := rights.DateAt(n.Until)
	if !day.Midnight().Equal(n.Until) {
		return 0, false
	}
	return day - 1, true
}

// Bounds on what counters must read, store and show.
const (
	MaxNotices = 16  // of one author: more is a newspaper
	MaxTitle   = 80  // characters
	MaxText    = 600 // characters, of Text and of Guaranteed: a screen's height at 200 % zoom
	MaxID      = 40  // bytes
	MaxFile    = 128 << 10

	// MaxLife bounds how long a notice binds after it was written and after it began: whoever still says it after three
	// months signs it again.
	MaxLife = 90 * 24 * time.Hour
)

// Current are those of all that are to be shown at a moment: the gravest first, then the newest.
func Current(all []Notice, at time.Time) []Notice {
	var out []Notice
	for _, n := range all {
		if !at.Before(n.From) && at.Before(n.Until) {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b Notice) int {
		if d := slices.Index(Kinds(), a.Kind) - slices.Index(Kinds(), b.Kind); d != 0 {
			return d
		}
		return byAge(a, b)
	})
	return out
}

// byAge puts the newest first. It is the order of the file.
func byAge(a, b Notice) int {
	if d := b.Issued.Compare(a.Issued); d != 0 {
		return d
	}
	return strings.Compare(a.ID, b.ID)
}

// Unsuitable is the refusal of one notice, before it is signed or after. It quotes nothing of it.
type Unsuitable struct {
	Field  string // member of the file: id, kind, issued, from, until, title, text, guaranteed, phone
	Code   string
	Detail string // English
}

func (e *Unsuitable) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Field, e.Detail, e.Code) }

// Unwrap gives the family and the code, for signing.CodeOf.
func (e *Unsuitable) Unwrap() error {
	return &signing.Refusal{Family: ErrMalformed, Code: e.Code, Detail: e.Field + ": " + e.Detail}
}

func unsuitable(field, code, detail string) error { return &Unsuitable{field, code, detail} }

func malformed(code, detail string) error {
	return &signing.Refusal{Family: ErrMalformed, Code: code, Detail: detail}
}

// Check refuses a notice that a file can't hold: always an *Unsuitable.
func (n Notice) Check() error {
	if !isID(n.ID) {
		return unsuitable("id", "notice_id", "not 1 to 40 of a-z, 0-9 and -, beginning with a letter or digit")
	}
	if !slices.Contains(Kinds(), n.Kind) {
		return unsuitable("kind", "notice_kind", "no kind of this version")
	}
	if err := n.checkTimes(); err != nil {
		return err
	}
	must := n.Kind == Outage || n.Kind == Degraded || n.Kind == Theft
	for _, t := range []struct {
		field, text string
		must        bool
		limit       int
	}{{"title", n.Title, true, MaxTitle}, {"text", n.Text, true, MaxText}, {"guaranteed", n.Guaranteed, must, MaxText}} {
		if t.text == "" && !t.must {
			continue
		}
		if code, detail := checkText(t.text, t.limit); code != "" {
			return unsuitable(t.field, code, detail)
		}
	}
	if n.Phone == "" && must {
		return unsuitable("phone", "notice_phone", "nobody to call: this kind needs a number")
	}
	if n.Phone != "" && !isPhone(n.Phone) {
		return unsuitable("phone", "notice_phone", "no phone number: 3 to 15 digits in groups, spaces or points between them, perhaps a + before")
	}
	return nil
}

func isID(s string) bool {
	if s == "" || len(s) > MaxID || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Check of a set: what can't stand together in one file.
func checkAll(all []Notice) error {
	if len(all) == 0 {
		return malformed("notices_empty", "no notice: such a file is not published")
	}
	if len(all) > MaxNotices {
		return malformed("notices_count", "more than 16 notices")
	}
	seen := map[string]bool{}
	for _, n := range all {
		if err := n.Check(); err != nil {
			return err
		}
		if seen[n.ID] {
			return unsuitable("id", "notice_twice", "two notices have it")
		}
		seen[n.ID] = true
	}
	return nil
}

// IsUnsuitable tells which notice's member was refused.
func IsUnsuitable(err error) (*Unsuitable, bool) {
	var u *Unsuitable
	ok := errors.As(err, &u)
	return u, ok
}
