// What changing keys says back: a rotation, a theft, and the words for both.

package issuer

import (
	"errors"
	"time"
)

// Purposes of keys, as verbs and reports name them.
const (
	PurposeRoot       = "root"
	PurposeTargets    = "targets"
	PurposeSnapshot   = "snapshot"
	PurposeTimestamp  = "timestamp"
	PurposeInsurer    = "insurer"
	PurposeStatus     = "status"
	PurposeCard       = "card"
	PurposeList       = "list"
	PurposeAccord     = "accord"
	PurposeSettlement = "settlement"
	PurposeManifest   = "manifest"
	PurposeOnline     = "online" // snapshot and timestamp together
)

// Errors of rotations and thefts.
var (
	// ErrUnknownKey says that no key has this kid, or that there is no such purpose.
	ErrUnknownKey = errors.New("issuer: unknown key")
	// ErrRotating says that another key is published already and begins to sign at another time: wait for it.
	ErrRotating = errors.New("issuer: a rotation of this key is under way")
	// ErrKeyState says that the key's state forbids the change: a dead key stays dead.
	ErrKeyState = errors.New("issuer: the key's state forbids this")
	// ErrRotationDate says that a new key can't begin at that time.
	ErrRotationDate = errors.New("issuer: a key can't begin at that time")
	// ErrNoListKey says that none of the insurer's keys may sign Token Status Lists now.
	ErrNoListKey = errors.New("issuer: no key may sign status lists at this time")
	// ErrNoServiceKey says that none of the service's keys may sign now.
	ErrNoServiceKey = errors.New("issuer: no key of the service may sign at this time")
	// ErrTooManyKeys says that issuer.json or service.json has no room for another key.
	ErrTooManyKeys = errors.New("issuer: no room for another key")
)

// DefaultLead is how long a new key is published before it signs: counters that synchronise within it know a key before they
// meet its first card.
const DefaultLead = 7 * 24 * time.Hour

// KeyChange says what a rotation did.
type KeyChange struct {
	Purpose string
	Insurer string // key; "" for the operator's
	Name    string // of the new key in its store
	Old     string // kid of the key that ends; "" when there was none
	New     string // kid
	From    time.Time
	Version int64 // publication that told of it; 0 when it had been told before and nothing was done
	// Warnings are those of the publication.
	Warnings []string
}

// Theft says what was done about a stolen key. It names no person.
type Theft struct {
	Purpose  string
	Insurer  string // key; "" for the operator's
	KID      string // the stolen key; "" when a ceremony replaces several
	Next     string // kid of the key that signs from now on; "" when a ceremony has still to put it in force
	Name     string // of that key in its store
	At       time.Time
	Cards    int64 // on the list of a stolen card key: every card that it ever signed, or was about to
	Intents  int64 // of those, begun and not finished when the list was made
	Standing int64 // of those, live or suspended: signed anew at their renewal
	Parts    int   // files of the list
	Bytes    int64 // of those files
	Version  int64 // publication that tells counters; 0 while a ceremony remains
	Ceremony string
	Warnings []string
}
