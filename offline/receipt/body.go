// The bodies of journal entries: one value, one text, and nothing else is read.

package receipt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

// bodyText is a receipt's JSON, members in this order.
type bodyText struct {
	V         int         `json:"v"`
	Card      string      `json:"card,omitempty"`
	KID       string      `json:"kid,omitempty"`
	Care      rights.Date `json:"care,omitzero"`
	Domain    string      `json:"domain,omitempty"`
	Person    int         `json:"person,omitempty"`
	Status    string      `json:"status"`
	Reason    string      `json:"reason"`
	Detail    string      `json:"detail,omitempty"`
	Since     rights.Date `json:"since,omitzero"`
	Own       bool        `json:"own,omitempty"`
	List      uint32      `json:"list,omitempty"`
	Revision  uint64      `json:"revision,omitempty"`
	Published int64       `json:"published,omitempty"` // seconds since 1970
	Age       int64       `json:"age,omitempty"`       // seconds
	Policy    string      `json:"policy,omitempty"`
	PayUntil  int64       `json:"pay_until,omitempty"` // seconds since 1970
	PayEuros  int         `json:"pay_euros,omitempty"`
	Mode      string      `json:"mode"`
	Accord    string      `json:"accord,omitempty"`
}

// Body returns the canonical JSON, without white space. What Check refuses has a body too, which nothing decodes.
func (r Receipt) Body() []byte {
	t := bodyText{V: r.Version, Card: r.Card, KID: r.KID, Care: r.Care, Domain: r.Domain, Person: r.Person, Status: string(r.Status),
		Reason: string(r.Reason), Detail: r.Detail, Since: r.Since, Own: r.Own, List: r.List, Revision: r.Revision, Age: int64(r.Age / time.Second),
		Policy: r.Policy, PayEuros: r.PayEuros, Mode: r.Mode, Accord: string(r.Accord)}
	if !r.Published.IsZero() {
		t.Published = r.Published.Unix()
	}
	if !r.PayUntil.IsZero() {
		t.PayUntil = r.PayUntil.Unix()
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic("receipt: " + err.Error()) // numbers and strings always marshal
	}
	return b
}

// Check refuses a receipt that Of does not make. The error is ErrReceipt.
func (r Receipt) Check() error {
	refuse := func(member string) error { return fmt.Errorf("%w: %s", ErrReceipt, member) }
	switch {
	case r.Version != Version:
		return refuse("v")
	case r.Card != "" && !isCard(r.Card):
		return refuse("card")
	case (r.Card == "") != (r.KID == "") || r.KID != "" && !isKID(r.KID):
		return refuse("kid")
	case r.Care != 0 && !isDay(r.Care):
		return refuse("care")
	case r.Domain != "" && !isDomain(r.Domain):
		return refuse("domain")
	case r.Person < 0 || r.Person > card.MaxPeople:
		return refuse("person")
	case r.Status != offline.Valid && r.Status != offline.Reserve && r.Status != offline.Refused && r.Status != offline.Unknown:
		return refuse("status")
	case !isCode(string(r.Reason), upper, maxReason):
		return refuse("reason")
	case r.Detail != "" && !isCode(r.Detail, lower, maxDetail):
		return refuse("detail")
	case r.Since != 0 && !isDay(r.Since):
		return refuse("since")
	case r.Policy != "" && (len(r.Policy) != policyDigits || !isCode(r.Policy, hexDigits, policyDigits)):
		return refuse("policy")
	case r.Mode != Offline && r.Mode != Online:
		return refuse("mode")
	case r.Accord != "" && (r.Mode != Online || r.Card == "" || r.Accord.Check() != nil):
		return refuse("accord")
	}
	return r.checkList()
}

// checkList looks at what is only there together: a list and its age, a promise and its ceiling, and a card under both.
func (r Receipt) checkList() error {
	refuse := func(member string) error { return fmt.Errorf("%w: %s", ErrReceipt, member) }
	whole := func(t time.Time) bool { return isTime(t) && t.Equal(seconds(t)) && t.Location() == time.UTC }
	switch {
	case r.List == 0 && (r.Revision != 0 || !r.Published.IsZero() || r.Age != 0), r.List > card.MaxList:
		return refuse("list")
	case r.List > 0 && !whole(r.Published):
		return refuse("published")
	case r.Age < 0 || r.Age > maxAge || r.Age%time.Second != 0:
		return refuse("age")
	case !r.PayUntil.IsZero() && !whole(r.PayUntil), r.PayUntil.IsZero() && r.PayEuros != 0:
		return refuse("pay_until")
	case r.PayEuros < 0 || r.PayEuros > card.MaxPayableEuros:
		return refuse("pay_euros")
	case r.Card == "" && (r.List != 0 || r.Policy != "" || !r.PayUntil.IsZero() || r.Status == offline.Valid || r.Status == offline.Reserve):
		return refuse("card") // nothing is good, and no list is consulted, without an authentic card
	}
	return nil
}

// Decode reads what Body writes and nothing else. The error is ErrReceipt.
func Decode(b []byte) (Receipt, error) {
	var t bodyText
	if err := strict(b, &t); err != nil {
		return Receipt{}, err
	}
	if t.Age < 0 || t.Age > int64(maxAge/time.Second) {
		return Receipt{}, fmt.Errorf("%w: age", ErrReceipt)
	}
	r := Receipt{Version: t.V, Card: t.Card, KID: t.KID, Care: t.Care, Domain: t.Domain, Person: t.Person, Status: offline.Status(t.Status),
		Reason: offline.Reason(t.Reason), Detail: t.Detail, Since: t.Since, Own: t.Own, List: t.List, Revision: t.Revision,
		Age: time.Duration(t.Age) * time.Second, Policy: t.Policy, PayEuros: t.PayEuros, Mode: t.Mode, Accord: accord.Number(t.Accord)}
	if t.Published != 0 {
		r.Published = time.Unix(t.Published, 0).UTC()
	}
	if t.PayUntil != 0 {
		r.PayUntil = time.Unix(t.PayUntil, 0).UTC()
	}
	if err := r.Check(); err != nil {
		return Receipt{}, err
	}
	// One value, one text: duplicates, blanks, other cases and orders end here.
	if !bytes.Equal(r.Body(), b) {
		return Receipt{}, fmt.Errorf("%w: spelled in another way", ErrReceipt)
	}
	return r, nil
}

func strict(b []byte, into any) error {
	if len(b) > MaxBody {
		return fmt.Errorf("%w: longer than %d bytes", ErrReceipt, MaxBody)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil {
		return fmt.Errorf("%w: JSON", ErrReceipt) // never the decoder's own words: they quote
	}
	return nil
}

// Why a chain was begun.
const (
	First   = "first"    // no journal was there
	KeyLost = "key_lost" // the key of the chain before can't be opened here: the folder was copied to another user or computer
	Damaged = "damaged"  // the chain before was not whole
)

// Opening is the first entry of each chain: it says whose it is and, when the counter had a chain before, where that stood.
type Opening struct {
	Device  string // id: 32 hexadecimal digits
	Key     []byte // canonical public JWK of the device's key
	Because string
	Before  string   // device of the chain before; "" when there was none, or nothing of it can be read
	Seq     uint64   // its last entry that holds
	Hash    [32]byte // of that entry
	Claimed uint64   // the entry that its signed head speaks of; above Seq when entries were lost; 0 when that can't be read
}

type openingText struct {
	V       int             `json:"v"`
	Opens   string          `json:"opens"`
	Key     json.RawMessage `json:"key"`
	Because string          `json:"because"`
	Before  string          `json:"before,omitempty"`
	Seq     uint64          `json:"seq,omitempty"`
	Hash    string          `json:"hash,omitempty"`
	Claimed uint64          `json:"claimed,omitempty"`
}

// Body returns the canonical JSON, or ErrReceipt for what DecodeOpening would refuse.
func (o Opening) Body() ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	t := openingText{V: Version, Opens: o.Device, Key: o.Key, Because: o.Because, Before: o.Before, Seq: o.Seq, Claimed: o.Claimed}
	if o.Before != "" {
		t.Hash = hex.EncodeToString(o.Hash[:])
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("%w: key", ErrReceipt)
	}
	return b, nil
}

func (o Opening) check() error {
	key, err := signing.ParseJWK(o.Key)
	switch {
	case !isDevice(o.Device):
		return fmt.Errorf("%w: opens", ErrReceipt)
	case err != nil || !bytes.Equal(key.JWK(), o.Key):
		return fmt.Errorf("%w: key", ErrReceipt)
	case o.Because != First && o.Because != KeyLost && o.Because != Damaged:
		return fmt.Errorf("%w: because", ErrReceipt)
	case o.Before != "" && (!isDevice(o.Before) || o.Before == o.Device || o.Because == First):
		return fmt.Errorf("%w: before", ErrReceipt)
	case o.Before == "" && (o.Seq != 0 || o.Hash != [32]byte{} || o.Claimed != 0):
		return fmt.Errorf("%w: before", ErrReceipt)
	}
	return nil
}

// DecodeOpening reads what Opening.Body writes and nothing else. The error is ErrReceipt.
func DecodeOpening(b []byte) (Opening, error) {
	var t openingText
	if err := strict(b, &t); err != nil {
		return Opening{}, err
	}
	o := Opening{Device: t.Opens, Key: t.Key, Because: t.Because, Before: t.Before, Seq: t.Seq, Claimed: t.Claimed}
	if t.Hash != "" {
		hash, err := hex.DecodeString(t.Hash)
		if err != nil || len(hash) != len(o.Hash) {
			return Opening{}, fmt.Errorf("%w: hash", ErrReceipt)
		}
		o.Hash = [32]byte(hash)
	}
	again, err := o.Body()
	if err != nil {
		return Opening{}, err
	}
	if !bytes.Equal(again, b) || t.V != Version {
		return Opening{}, fmt.Errorf("%w: spelled in another way", ErrReceipt)
	}
	return o, nil
}

func isDevice(id string) bool { return len(id) == DeviceDigits && isCode(id, hexDigits, DeviceDigits) }
