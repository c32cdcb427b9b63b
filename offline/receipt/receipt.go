// Package receipt is what a counter remembers of one check, and the number that goes on the invoice: the body of a journal
// entry, its strict JSON, its printed lines and its exports. It opens nothing and reads no clock. FORMAT.md describes it.
//
// A receipt names a card by its place in the insurer's lists. It has no room for a name, a N° adhérent or a NIR.
package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

// Version of the bodies that this package writes.
const Version = 1

// MaxBody is the longest body, in bytes; a usual receipt has about 350.
const MaxBody = 1024

// How a check was made.
const (
	Offline = "offline" // from the signed lists on this computer
	Online  = "online"  // by the issuer's service
)

// ErrReceipt: the bytes or the fields are no receipt. The text names the member and never quotes it.
var ErrReceipt = errors.New("receipt: not a receipt")

// Receipt is what is kept of one check. What was not known is the zero value.
type Receipt struct {
	Version   int
	Card      string      // "<AMC key>/<list>-<index>"; "" unless the signature held
	KID       string      // of the key that signed the card; "" unless the signature held
	Care      rights.Date // date of care asked for
	Domain    string      // domain code asked for; "" for the card alone
	Person    int         // 1 to 12, the place on the card; 0 for the household
	Status    offline.Status
	Reason    offline.Reason
	Detail    string        // code of the refusal underneath
	Since     rights.Date   // day that the reason speaks of
	Own       bool          // that day is the beneficiaries' own, not the card's
	List      uint32        // status list consulted; 0 for none
	Revision  uint64        // of its page
	Published time.Time     // date of the list: whole seconds, UTC
	Age       time.Duration // of the list: whole seconds
	Policy    string        // first 16 hexadecimal digits of the SHA-256 of the insurer's issuer.json
	PayUntil  time.Time     // end of the payment promise: whole seconds, UTC; zero for no promise
	PayEuros  int           // highest AMC share promised; 0 for no ceiling
	Mode      string        // Offline or Online
	Accord    accord.Number // of the service's answer that the check relied on; "" for none, and always when offline
}

// Of makes the receipt of a verdict. It never fails: what no receipt may hold, such as a domain code that is none or a
// place that no card has, is left out.
func Of(v offline.Verdict, mode string) Receipt {
	r := Receipt{Version: Version, Status: v.Status, Reason: v.Reason, Own: v.Own, Mode: mode}
	if isDay(v.Care) {
		r.Care = v.Care
	}
	if isDay(v.Since) {
		r.Since = v.Since
	}
	if isDomain(v.Domain) {
		r.Domain = v.Domain
	}
	if v.Person > 0 && v.Person <= card.MaxPeople {
		r.Person = v.Person
	}
	if isCode(v.Detail, lower, maxDetail) {
		r.Detail = v.Detail
	}
	if v.Card != nil {
		r.Card, r.KID = v.Card.Issuer().Key()+"/"+v.Card.Place().String(), v.Card.KID()
	}
	if o := v.Online; o != nil && o.Number.Check() == nil && mode == Online {
		r.Accord = o.Number
		if v.Card == nil { // the service vouches for the card
			r.Card, r.KID = o.Insurer+"/"+o.Place.String(), o.KID
		}
	}
	if v.Issuer != nil && v.Issuer.Insurer != nil {
		if b, err := v.Issuer.Insurer.Bytes(); err == nil {
			sum := sha256.Sum256(b)
			r.Policy = hex.EncodeToString(sum[:])[:policyDigits]
		}
	}
	if l := v.List; l != nil && l.List > 0 && isTime(l.Published) {
		r.List, r.Revision, r.Published = l.List, l.Revision, seconds(l.Published)
		r.Age = min(max(0, l.Age), maxAge).Truncate(time.Second)
	}
	if v.Pay != nil && isTime(v.Pay.Until) {
		r.PayUntil, r.PayEuros = seconds(v.Pay.Until), v.Pay.Euros
	}
	return r
}

// Verdict is the verdict as far as a receipt tells: enough for its words, without the value and the people.
func (r Receipt) Verdict() offline.Verdict {
	v := offline.Verdict{Status: r.Status, Reason: r.Reason, Detail: r.Detail, Care: r.Care, Domain: r.Domain, Since: r.Since,
		Own: r.Own, Person: r.Person}
	if r.List > 0 {
		v.List = &offline.List{List: r.List, Revision: r.Revision, Published: r.Published, Age: r.Age}
	}
	if !r.PayUntil.IsZero() {
		v.Pay = &offline.Payment{Until: r.PayUntil, Euros: r.PayEuros}
	}
	return v
}

func seconds(t time.Time) time.Time { return time.Unix(t.Unix(), 0).UTC() }

const (
	policyDigits = 16
	maxDetail    = 64
	maxReason    = 32
	lower        = "abcdefghijklmnopqrstuvwxyz0123456789_"
	upper        = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	alnum        = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	hexDigits    = "0123456789abcdef"
)

// maxAge is the oldest that a list may be: a century, the span of a card's dates.
const maxAge = 100 * 366 * 24 * time.Hour

func isCode(s, alphabet string, most int) bool {
	return len(s) > 0 && len(s) <= most && strings.Trim(s, alphabet) == ""
}

// isDomain is the form of a code of package rights. A NIR has twice its length.
func isDomain(s string) bool { return len(s) >= 2 && isCode(s, alnum, 6) }

func isDay(d rights.Date) bool {
	again, err := rights.ParseDate(d.String())
	return err == nil && again == d
}

// isTime refuses what the calendar of this format lacks: before 1970 and after the year 9999.
func isTime(t time.Time) bool { return t.Unix() > 0 && t.UTC().Year() <= 9999 }

func isCard(s string) bool {
	key, place, ok := strings.Cut(s, "/")
	if !ok {
		return false
	}
	amc, err := rights.ParseAMC(key)
	if err != nil || amc.Key() != key {
		return false
	}
	_, err = card.ParsePlace(place)
	return err == nil
}

func isKID(s string) bool {
	b, err := signing.KIDBytes(s)
	return err == nil && signing.KIDText(b) == s
}
