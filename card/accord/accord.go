// Package accord is what the rights service signs: the answer to an online check (Accord), the answer to an uploaded
// journal (Settlement), and the invitation by which a counter enrolls. FORMAT.md says every byte.
//
// An accord names nobody: people are numbered as on the card, which the counter has in hand.
package accord

import (
	"time"

	"sceau/card"
	"sceau/rights"
	"sceau/signing"
)

// Kind is what an accord's key signs, and nothing else.
const Kind = card.AccordKind

// SettlementKind is what a settlement's key signs, and nothing else.
const SettlementKind = card.SettlementKind

const (
	// MaxAnswers bounds the domains of one question: the busiest profession works with seven.
	MaxAnswers = 8
	// MaxAccord is the longest sealed accord, in characters: eight domains for twelve people need 7,700.
	MaxAccord = 16 << 10
)

// Accord is the answer to one online check.
type Accord struct {
	Number    Number
	Request   string // id of the signed request that it answers: assertion.CheckID
	Insurer   string // key of the card's insurer
	Place     card.Place
	KID       string      // card key
	Counter   string      // id of the counter that asked
	FINESS    string      // of its establishment
	Care      rights.Date // date of care
	Person    int         // as asked: place on the card, 1 to 12, or 0 for everybody on it
	At, Until time.Time   // when it was given, and until when it may be relied on without asking again; whole seconds
	Answers   []Answer    // one for each domain asked, 1 to MaxAnswers, in the order of the question
	Changed   bool        // what the register holds of these people is no longer what the card prints
}

// Answer is what holds for one domain. Status and Reason are the stable codes of package offline.
type Answer struct {
	Domain   string // "" for the card alone
	Status   string
	Reason   string
	Since    rights.Date // day that the reason speaks of, or 0
	Own      bool        // that day is the beneficiaries' own
	People   []PersonValue
	PayUntil time.Time // the care is paid when it is invoiced by then; zero for no promise; whole seconds
	PayEuros int       // highest share promised; 0 for no ceiling
}

// PersonValue is what one person of the card has.
type PersonValue struct {
	Number  int // place on the card, 1 to 12
	Covered bool
	Value   rights.Guarantee // as the register holds it now; zero unless covered
}

// Seal signs an accord and gives its compact token, which was opened again before it is returned.
func Seal(s *signing.Signer, a *Accord) (string, error) {
	if s.Kind() != Kind {
		return "", refused(signing.ErrWrongKind, "signer_other_kind", "signer is not for accords")
	}
	payload, err := a.Payload()
	if err != nil {
		return "", err
	}
	return s.Seal(payload)
}

// Open verifies a token under a key of Kind and reads it. The key's state and window are judged too, at the time the accord
// was given: ErrKey. Other errors are those of signing and ErrMalformed.
func Open(k *signing.PublicKey, compact string) (*Accord, error) {
	payload, err := k.OpenUpTo(Kind, compact, MaxAccord)
	if err != nil {
		return nil, err
	}
	a, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	if err := believed(k, a.At); err != nil {
		return nil, err
	}
	return a, nil
}

// believed refuses a key that could not sign at that time, or that was withdrawn.
func believed(k *signing.PublicKey, at time.Time) error {
	if k.State != signing.StateActive && k.State != signing.StateRetired {
		return refused(ErrKey, "key_withdrawn", "the key is withdrawn")
	}
	if !k.InWindow(at) {
		return refused(ErrKey, "key_window", "signed outside the key's window")
	}
	return nil
}
