// Cards, their places in the lists, and the log that is written before any signature is made.

package register

import (
	"crypto/sha256"
	"time"

	"sceau/card"
	"sceau/rights"
)

// State is what the register believes of a card: the last thing that happened to it.
type State uint8

// A card is born as an intent and stands while live or suspended.
const (
	Intent    State = 1 // place and payload reserved and logged; the signature is not stored yet
	Live      State = 2
	Suspended State = 3
	Void      State = 4
	Replaced  State = 5 // by a newer card: final, apart from Void
)

// String names the state as `sceau` prints it in JSON.
func (s State) String() string {
	switch s {
	case Intent:
		return "intent"
	case Live:
		return "live"
	case Suspended:
		return "suspended"
	case Void:
		return "void"
	case Replaced:
		return "replaced"
	}
	return "invalid"
}

// Standing says whether the card holds the one slot of its contract, person and period.
func (s State) Standing() bool { return s == Live || s == Suspended }

// Household is the Person of a card that carries the whole household.
const Household = -1

// Card is one card. Its identity is its Place; the signature is not (ECDSA signatures are malleable and random).
//
// Person is given once: where the person stood in the contract when the first card was made, or a free number when that was
// taken. Every later card of the person keeps it, wherever a new roster puts them; who it is stands in the payload.
type Card struct {
	Place     card.Place
	Contract  ContractKey
	Person    int         // Household, or the person's number in the contract, 0 to 11: no position, see below
	From, To  rights.Date // validity, inclusive
	Revision  int64       // of the contract when the card was made
	KID       string      // card key
	IssuedAt  time.Time   // the claim iat, to the second
	Payload   []byte      // of the JWS; kept from the intent on, so that a crash is finished with the same signing input
	Signature []byte      // 64 bytes r ‖ s; nil while Intent
	State     State
	// Replaces is the card that dies when this one becomes live (Place{} for none), from the day ReplacedFrom.
	Replaces     card.Place
	ReplacedFrom rights.Date
}

// Cards keeps every card ever intended.
type Cards interface {
	// AddCard stores a card in state Intent. ErrConflict when the place is taken, when the contract and person already have
	// an intent, or when the list is not an open list of the contract's insurer; ErrNotFound for an unknown contract.
	AddCard(Card) error
	// Card returns ErrNotFound for a free place.
	Card(card.Place) (Card, error)
	// CardsOf returns all cards of a contract, oldest first.
	CardsOf(ContractKey) ([]Card, error)
}

// CardStates moves cards from state to state.
type CardStates interface {
	// SealCard stores the 64-byte signature of an intent and makes it Live. ErrConflict when the card is no intent (another
	// process finished it: read what it stored) or when a standing card of the same contract, person and first day exists.
	SealCard(p card.Place, signature []byte) error
	// SetCardState moves a card that is in state from to state to (never Intent). ErrConflict when it is in another
	// state or would become the second standing card of its slot; ErrNotFound for a free place.
	SetCardState(p card.Place, from, to State) error
}

// CardWalk reads cards in bulk.
type CardWalk interface {
	// CardsAfter returns at most limit cards of a list whose index comes after the given one, in index order; -1 begins.
	CardsAfter(list uint32, index int64, limit int) ([]Card, error)
	// Intents returns at most limit unfinished cards, oldest first.
	Intents(limit int) ([]Card, error)
	// Taken says whether the place holds a card.
	Taken(card.Place) (bool, error)
}

// List is one status list: 2^20 places of one insurer. Numbers are unique in the register, so a place names one card.
type List struct {
	Number   uint32
	Insurer  string
	Open     bool   // new cards are placed in the newest open list
	Used     int64  // places taken
	Revision uint64 // of the published page; 0 for an empty page and before the first publication
}

// Lists keeps the status lists.
type Lists interface {
	// AddList opens the next list of an insurer and closes its others.
	AddList(insurer string) (List, error)
	// OpenList returns the open list of an insurer, or ErrNotFound.
	OpenList(insurer string) (List, error)
	// Lists returns all, in the order of their numbers.
	Lists() ([]List, error)
}

// Pages keeps the newest published status page of each list, verbatim.
type Pages interface {
	// Page returns the page's bytes, or ErrNotFound before the first publication of the list.
	Page(list uint32) ([]byte, error)
	// SetPage stores the page of revision to. ErrConflict unless the stored revision is from and to is from+1. The first page
	// of a list may be its empty one: from and to are then 0, and no page is stored yet.
	SetPage(list uint32, from, to uint64, page []byte) error
}

// SignEntry says that a signature of this input was about to be made. There is one for each attempt, so that every
// signature a key ever made has an entry; an entry without a signature is the trace of a crash.
type SignEntry struct {
	Seq     int64 // given by the store, rising
	Place   card.Place
	KID     string
	Digest  [sha256.Size]byte // SHA-256 of the signing input
	Attempt int               // 1, 2…
	At      time.Time         // to the second
}

// SignLog is append-only.
type SignLog interface {
	// LogSign appends and returns the entry with its Seq and Attempt filled in. ErrNotFound when the place holds no card.
	LogSign(SignEntry) (SignEntry, error)
	// SignLog returns the entries of one place, oldest first.
	SignLog(card.Place) ([]SignEntry, error)
	// SignLogAfter returns at most limit entries with a Seq after the given one; 0 begins.
	SignLogAfter(seq int64, limit int) ([]SignEntry, error)
}
