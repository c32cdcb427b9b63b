// Stable codes of verdicts: software branches on them, people never read them.

package offline

// Status is the answer in one word.
type Status string

const (
	Valid   Status = "valid"   // rights are open
	Reserve Status = "reserve" // rights look open, but something must be confirmed
	Refused Status = "refused" // no tiers payant on this card for this question
	Unknown Status = "unknown" // nothing can be said; never to be read as valid nor as revoked
)

// Reason is the stable code of a verdict.
type Reason string

const (
	OK              Reason = "OK"
	OKPEC           Reason = "OK_PEC"            // rights open, prise en charge to request first
	BeforeEnd       Reason = "BEFORE_REVOCATION" // care given before the end of rights
	StaleList       Reason = "STALE_LIST"        // list older than the reserve limit
	ChoosePerson    Reason = "CHOOSE_PERSON"     // beneficiaries of the card differ for this domain and day
	NotCovered      Reason = "NOT_COVERED"
	NotYet          Reason = "NOT_YET"
	Expired         Reason = "EXPIRED"
	Revoked         Reason = "REVOKED"
	Replaced        Reason = "REPLACED"
	Suspended       Reason = "SUSPENDED"
	RightsEnded     Reason = "RIGHTS_ENDED" // the contract is closed: Since is the first day without rights; only a rights service says so
	OnlineOnly      Reason = "ONLINE_ONLY"  // the rights service says yes of a card that this counter can't verify itself
	ListTooOld      Reason = "LIST_TOO_OLD" // list older than the refuse limit
	NotListed       Reason = "BENEF_NOT_LISTED"
	BadSignature    Reason = "BAD_SIGNATURE"
	Malformed       Reason = "MALFORMED" // well transported, but not a card of this format
	WrongInsurer    Reason = "WRONG_INSURER"
	KeyWindow       Reason = "KEY_WINDOW" // issued when its key could not issue
	KeyDead         Reason = "KEY_DEAD"
	NotIssued       Reason = "NOT_ISSUED" // the signature holds, and the insurer never issued this card: its stolen key's list, or a rights service, says so
	KeyListed       Reason = "KEY_LISTED" // key stolen, and its list is not held: this card can't be told from a forged one
	UnknownKey      Reason = "UNKNOWN_KEY"
	UnknownIssuer   Reason = "UNKNOWN_ISSUER"
	UnknownDomain   Reason = "UNKNOWN_DOMAIN"
	ListMissing     Reason = "LIST_MISSING"
	ClockWrong      Reason = "CLOCK_WRONG"
	Unreadable      Reason = "UNREADABLE"
	FactsUnreadable Reason = "FACTS_DAMAGED" // what the counter stored can't be believed
)

var statusOf = map[Reason]Status{
	OK: Valid, OKPEC: Valid, BeforeEnd: Valid,
	StaleList: Reserve, ChoosePerson: Reserve, OnlineOnly: Reserve,
	NotCovered: Refused, NotYet: Refused, Expired: Refused, Revoked: Refused, Replaced: Refused, Suspended: Refused, RightsEnded: Refused,
	ListTooOld: Refused, NotListed: Refused, BadSignature: Refused, Malformed: Refused, WrongInsurer: Refused,
	KeyWindow: Refused, KeyDead: Refused, NotIssued: Refused,
	KeyListed: Unknown, UnknownKey: Unknown, UnknownIssuer: Unknown, UnknownDomain: Unknown, ListMissing: Unknown,
	ClockWrong: Unknown, Unreadable: Unknown, FactsUnreadable: Unknown,
}

// StatusOf returns the status that a reason implies; a reason that is not listed is Unknown.
func StatusOf(r Reason) Status {
	if s, ok := statusOf[r]; ok {
		return s
	}
	return Unknown
}

// Reasons returns every stable code.
func Reasons() []Reason {
	out := make([]Reason, 0, len(statusOf))
	for r := range statusOf {
		out = append(out, r)
	}
	return out
}
