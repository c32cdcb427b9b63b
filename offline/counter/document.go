// The answer as a document: the JSON of `comptoir verify --json`, of the interface for pharmacy software, of the watched
// folder and of the page itself.

package counter

import (
	"errors"
	"slices"
	"time"

	"sceau/offline"
	"sceau/offline/scan"
	"sceau/rights"
)

// Schema is the name and version of Document. Members may be added under it; none changes its meaning or goes away.
const Schema = "sceau-verdict-1"

// Document is an answer in one language. Status, Reason and Detail are stable codes; words are not to be parsed.
type Document struct {
	Schema     string         `json:"schema"`
	Status     offline.Status `json:"status"` // valid, reserve, refused, unknown
	Reason     offline.Reason `json:"reason"`
	Detail     string         `json:"detail,omitempty"`  // code of the refusal underneath
	Misread    string         `json:"misread,omitempty"` // why no code was read: empty, incomplete, not_code, merged, invitation
	Card       *string        `json:"card"`              // "3-583021"; null when the card is not authentic
	AMC        string         `json:"amc,omitempty"`
	Insurer    string         `json:"insurer,omitempty"`
	Phone      string         `json:"phone,omitempty"` // the insurer's, for professionals
	KID        string         `json:"kid,omitempty"`
	Care       string         `json:"care"` // date of care, AAAA-MM-JJ
	Domain     string         `json:"domain,omitempty"`
	Label      string         `json:"domain_label,omitempty"`
	Person     int            `json:"beneficiary,omitempty"` // as asked
	Since      string         `json:"since,omitempty"`
	Mode       string         `json:"mode"`                    // online, offline
	Rescue     string         `json:"rescue_reason,omitempty"` // why a counter that is enrolled with a service answers offline: a code
	Accord     *AccordPart    `json:"accord,omitempty"`        // the service's answer that this one relies on
	Told       *ToldPart      `json:"told_online,omitempty"`   // the earlier answer of the service that outweighs the list
	List       *ListPart      `json:"list"`                    // null when no list was consulted
	Routing    *RoutingPart   `json:"routing,omitempty"`
	People     []PersonPart   `json:"people,omitempty"`
	Notes      []string       `json:"notes,omitempty"` // footnotes (1), (2) … of the values
	Payment    *PaymentPart   `json:"payment,omitempty"`
	Words      WordsPart      `json:"words"`
	Repair     string         `json:"repair,omitempty"` // what was undone of the scanner's typing, and what to change
	Receipt    string         `json:"receipt,omitempty"`
	Recorded   bool           `json:"recorded"` // false: nothing was written, and the answer is no proof
	Unrecorded string         `json:"unrecorded,omitempty"`
	Invoice    string         `json:"invoice_number,omitempty"` // what goes on the invoice: the accord's number online, the receipt's offline; "" when refused or unknown, which nobody invoices on
	Checked    string         `json:"checked"`                  // RFC 3339
	Drill      bool           `json:"drill,omitempty"`          // true: the answer of a drill, to nobody's card
}

// AccordPart is the answer of the insurer's service.
type AccordPart struct {
	Number  string `json:"number"`
	At      string `json:"at"`                // RFC 3339, by the service's clock
	Until   string `json:"until"`             // until when it may be relied on without asking again
	Changed bool   `json:"changed,omitempty"` // the guarantees are no longer what the card prints
}

// ToldPart is an earlier answer of the insurer's service, newer than the list: the refusal is the one that it gave.
type ToldPart struct {
	At     string `json:"at"` // RFC 3339, by this counter's clock
	Accord string `json:"accord"`
}

// ListPart says on which list an answer relies.
type ListPart struct {
	List      uint32 `json:"list"`
	Revision  uint64 `json:"revision"`
	Published string `json:"published"` // RFC 3339
	Age       int64  `json:"age"`       // seconds
	AgeWords  string `json:"age_words"`
}

// RoutingPart are the five values of the harmonised block, as the card prints them, for the pharmacy software.
type RoutingPart struct {
	AMC         string   `json:"amc"`
	Conventions []string `json:"conventions"`
	CSR         string   `json:"csr"`
	Adherent    string   `json:"adherent"`
	From        string   `json:"from"` // AAAA-MM-JJ
	To          string   `json:"to"`   // inclusive
	Responsable bool     `json:"responsable"`
}

// PersonPart is one beneficiary.
type PersonPart struct {
	Number     int         `json:"number"`
	Nom        string      `json:"nom"`
	Prenom     string      `json:"prenom"`
	Birth      string      `json:"birth"` // AAAAMMJJ, as on the card
	Rang       int         `json:"rang"`
	From       string      `json:"from,omitempty"`
	To         string      `json:"to,omitempty"`
	Covered    bool        `json:"covered"`
	Value      string      `json:"value,omitempty"` // for the domain asked
	Guarantees []ValuePart `json:"guarantees,omitempty"`
}

// ValuePart is what one beneficiary has in one domain; the counter's own domains come first.
type ValuePart struct {
	Domain string `json:"domain"`
	Label  string `json:"label"`
	Value  string `json:"value"`
	Own    bool   `json:"own,omitempty"`
}

// PaymentPart is what the outage policy promises.
type PaymentPart struct {
	Until string `json:"until"` // RFC 3339
	Euros int    `json:"euros"` // 0: no ceiling
}

// WordsPart are offline.Words.
type WordsPart struct {
	Headline string `json:"headline"`
	Meaning  string `json:"meaning"`
	Next     string `json:"next"`
}

// Document writes the answer in a language.
func (a Answer) Document(lang offline.Language) Document {
	d := Document{Schema: Schema, Status: a.Status, Reason: a.Reason, Detail: a.Detail, Misread: misread(a.Misread), Care: a.Care.String(),
		Domain: a.Domain, Person: a.Person, Since: a.Since.String(), Mode: a.Mode, Rescue: a.Rescue, Words: WordsPart(a.Words(lang)), Repair: advice(a.Repair, lang),
		Receipt: string(a.Receipt), Recorded: a.Receipt != "", Checked: stamp(a.at), Invoice: string(a.Receipt), Drill: a.Drill}
	if errors.Is(a.Misread, scan.ErrInvitation) {
		d.Words = invitationWords(lang)
		if a.Drill {
			d.Words.Headline = drillMark(lang) + d.Words.Headline
		}
	}
	if o := a.Online; o != nil {
		d.Accord = &AccordPart{string(o.Number), stamp(o.At), stamp(o.Until), o.Changed}
		d.Invoice = string(o.Number)
	}
	if a.Status != offline.Valid && a.Status != offline.Reserve {
		d.Invoice = ""
	}
	if t := a.Told; t != nil {
		d.Told = &ToldPart{stamp(t.At), string(t.Accord)}
	}
	if a.Unrecorded != nil {
		d.Unrecorded = unrecorded(a.Unrecorded, lang)
	}
	if a.Domain != "" {
		d.Label = a.label(a.Domain)
	}
	if l := a.List; l != nil {
		d.List = &ListPart{l.List, l.Revision, stamp(l.Published), int64(l.Age.Seconds()), a.Age(lang)}
	}
	if a.Pay != nil && (a.Unrecorded == nil || a.Online != nil) { // without a proof nothing can be claimed later; the service has its own
		d.Payment = &PaymentPart{stamp(a.Pay.Until), a.Pay.Euros}
	}
	if a.Card == nil {
		if o := a.Online; o != nil { // the service vouches for a card that this counter can't verify
			place := o.Place.String()
			d.Card, d.KID = &place, o.KID
		}
		return d
	}
	claims, place := a.Card.Claims(), a.Card.Place().String()
	d.Card, d.AMC, d.KID = &place, string(claims.Issuer), a.Card.KID()
	d.Insurer, d.Phone = a.Issuer.Insurer.Name, a.Issuer.Insurer.PhoneProfessionals
	d.Notes = claims.Notes
	d.Routing = &RoutingPart{AMC: string(claims.Issuer), Conventions: append([]string{}, claims.Conventions...), CSR: claims.CSR, Adherent: claims.Adherent,
		From: claims.ValidFrom().String(), To: claims.ValidTo().String(), Responsable: claims.Responsable}
	domains := a.ordered(claims.Domains())
	for i, p := range a.People {
		part := PersonPart{Number: p.Number, Nom: p.Person.Nom, Prenom: p.Person.Prenom, Birth: string(p.Person.Birth), Rang: p.Person.Rang,
			From: p.Person.From.String(), To: p.Person.To.String(), Covered: p.Covered}
		if a.Domain != "" {
			part.Value = p.Value.String()
		}
		for _, code := range domains {
			if v, ok := claims.Value(i, code); ok {
				if a.Online != nil && code == a.Domain {
					v = p.Value // of today
				}
				part.Guarantees = append(part.Guarantees, ValuePart{code, a.label(code), v.String(), slices.Contains(a.Domains, code)})
			}
		}
		d.People = append(d.People, part)
	}
	return d
}

// ordered puts the counter's own domains first.
func (a Answer) ordered(codes []string) []string {
	var out []string
	for _, own := range a.Domains {
		if slices.Contains(codes, own) {
			out = append(out, own)
		}
	}
	for _, code := range codes {
		if !slices.Contains(a.Domains, code) {
			out = append(out, code)
		}
	}
	return out
}

// label is a domain's French label: codes are the field's terms and have no English ones.
func (a Answer) label(code string) string {
	if a.Issuer != nil {
		if d, ok := a.Issuer.Codes.Domain(code, a.Care); ok {
			return d.Label
		}
	}
	for _, codes := range a.codes {
		if d, ok := codes.Domain(code, a.Care); ok {
			return d.Label
		}
	}
	return code
}

// KnownDomain says whether any table has the code on that day, and returns all codes that are.
func KnownDomain(codes []*rights.Codes, code string, day rights.Date) (known []string, ok bool) {
	for _, table := range codes {
		for _, d := range table.Domains(day) {
			known = append(known, d.Code)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	return known, slices.Contains(known, code)
}

// misread is the code of why no code was read.
func misread(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, scan.ErrEmpty):
		return "empty"
	case errors.Is(err, scan.ErrInvitation):
		return "invitation"
	case errors.Is(err, scan.ErrMerged):
		return "merged"
	case errors.Is(err, scan.ErrNotCode):
		return "not_code"
	}
	return "incomplete"
}

func advice(how scan.Repair, lang offline.Language) string {
	if lang == offline.English {
		return how.AdviceEnglish()
	}
	return how.Advice()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
