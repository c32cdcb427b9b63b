// Package offline is the counter's core: Check says, from signed facts alone, whether the rights of a card are open.
// It opens no file and no connection, reads no clock and holds no private key.
package offline

import (
	"errors"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
)

// ErrUnknownIssuer means that no followed repository speaks for this N° AMC.
var ErrUnknownIssuer = errors.New("offline: unknown issuer")

// ErrNoPage means that the counter holds no status page for this list: nothing may be said of its cards.
var ErrNoPage = errors.New("offline: no status page for this list")

// ErrNoService means that a repository says nothing of a rights service: nothing that one answers can be believed.
var ErrNoService = errors.New("offline: no rights service in this repository")

// ErrNoDigests means that the counter holds no whole list of the cards of a stolen key: none of them can be told from a forged one.
var ErrNoDigests = errors.New("offline: no list of the cards of this key")

// Facts is what a counter has verified and kept. Everything it returns was signed by the operator's repository.
type Facts interface {
	// Issuer returns the facts of the insurer with this AMC key, or ErrUnknownIssuer. Any other error means that
	// what was stored can't be believed any more, and the verdict is then "unknown".
	Issuer(key string) (*Issuer, error)
	// Page returns the status page of one list of that insurer, or ErrNoPage.
	Page(key string, list uint32) (*status.Page, error)
	// OwnerOf returns the AMC key of the insurer whose card key has this kid, or ErrUnknownIssuer. It may be slow:
	// it is asked only when the insurer named by a card doesn't know the key that signed it.
	OwnerOf(kid string) (string, error)
}

// Issuer is one insurer as its repository describes it.
type Issuer struct {
	Insurer   *card.Insurer
	Keys      *signing.Keyring
	Codes     *rights.Codes
	Published time.Time // signed time of the repository's newest publication: the date of the list
	Expires   time.Time // after this instant the counter never goes green
	Floor     time.Time // newest signed time of any repository followed: the clock can't be earlier

	// Issued says whether a card with this digest, the first 16 bytes of card.Digest, stands on the published list of a key
	// in state listed. ErrNoDigests when no whole list of that key is held; any other error means that the one held can't be
	// believed. Nil: no list of any key is held.
	Issued func(kid string, digest [16]byte) (bool, error)
}

// Query is one question at the counter.
type Query struct {
	Text   string      // code text or compact JWS, already repaired
	Domain string      // domain code such as "PHAR"; empty asks for the card alone
	Person int         // 1 to 12, the place of the beneficiary on the card; 0 asks for the household
	Care   rights.Date // date of care; 0 means today in Paris at Now
	Now    time.Time   // the counter's clock
}

// ClockTolerance is how far the counter's clock may lag behind the newest signed time before it is called wrong.
const ClockTolerance = 10 * time.Minute

// Verdict answers a Query. Card is nil unless the signature held.
type Verdict struct {
	Status Status
	Reason Reason
	Detail string // code of the refusal underneath, e.g. "crc_mismatch"; empty when there is none
	Care   rights.Date
	Domain string
	Card   *card.Card
	People []Person
	Since  rights.Date // day that the reason speaks of (end, suspension, first or last day), or 0
	List   *List       // nil when no list was consulted
	Pay    *Payment    // nil unless a payment promise applies
	Person int         // as asked; 0 for the household
	Own    bool        // the day in Since is the beneficiaries' own, not the card's
	Ahead  bool        // the date of care is still to come: the verdict is what is known today
	Issuer *Issuer     // nil while the issuer is unknown
	Online *Online     // nil unless the rights service answered and was believed
	Told   *Told       // nil unless an earlier answer of the rights service outweighs the list
	Behind bool        // the card speaks of something newer than what this counter holds: a sync may bring it
}

// Person is one beneficiary of the card, as seen from the question.
type Person struct {
	Number  int // 1 to 12
	Person  card.Person
	Covered bool             // insured on the date of care, and for the domain when one was asked; never under a refusal or an unknown
	Value   rights.Guarantee // value for the domain asked; zero otherwise
}

// Online says on which answer of a rights service the verdict relies. People, Pay, Status and Reason are then that answer's.
type Online struct {
	Number  accord.Number
	Insurer string // key
	Place   card.Place
	KID     string
	At      time.Time // when it was given
	Until   time.Time // until when it may be relied on
	Changed bool      // the guarantees are no longer what the card prints
}

// List says on which status page the verdict relies.
type List struct {
	List      uint32
	Revision  uint64
	Published time.Time
	Age       time.Duration // counter's clock minus Published, never negative
}

// Payment is what the outage policy promises for one domain, for care until today verified with this list.
type Payment struct {
	Until time.Time // the promise ends when the list reaches its refuse limit
	Euros int       // highest AMC share promised; 0 means that no ceiling is set
}
