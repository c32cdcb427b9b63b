// Why an entry of a counter's journal was answered as it was: stable codes, and sentences for people.

package accord

import "slices"

// Reasons of answers; an honoured entry has none.
const (
	// Noted.
	ReasonOpening       = "OPENING"        // the first entry of a chain
	ReasonNoPromise     = "NO_PROMISE"     // the check promised no payment
	ReasonOtherOperator = "OTHER_OPERATOR" // a card of an insurer that this service does not keep
	ReasonNotAReceipt   = "NOT_A_RECEIPT"  // an entry that this service can't read

	// Disputed.
	ReasonUnknownCard   = "UNKNOWN_CARD"   // the register has no such card under that key
	ReasonUnknownList   = "UNKNOWN_LIST"   // no publication of that date had that page of the card's list
	ReasonOtherPolicy   = "OTHER_POLICY"   // not the issuer.json of that publication
	ReasonBeforeList    = "BEFORE_LIST"    // dated before the list that it relies on
	ReasonAge           = "AGE"            // the entry's time and the list's age contradict each other
	ReasonFuture        = "FUTURE"         // the entry, or the care, is dated after its arrival
	ReasonListTooOld    = "LIST_TOO_OLD"   // beyond the policy's limit
	ReasonCareOutside   = "CARE_OUTSIDE"   // the date of care is none of the card's or the person's days
	ReasonEnded         = "ENDED"          // that list ended the card for that date of care
	ReasonNotCovered    = "NOT_COVERED"    // the card does not give the domain to the person, or not to everybody asked for
	ReasonOtherVerdict  = "OTHER_VERDICT"  // from that list the verdict is another one
	ReasonOtherPromise  = "OTHER_PROMISE"  // from that policy the promise is another one
	ReasonOtherCounter  = "OTHER_COUNTER"  // the chain belongs to another counter
	ReasonUnknownAccord = "UNKNOWN_ACCORD" // this service gave no such accord
	ReasonAccordCounter = "ACCORD_COUNTER" // it gave it to another counter
	ReasonAccordCard    = "ACCORD_CARD"    // it gave it for another card
	ReasonAccordCare    = "ACCORD_CARE"    // it gave it for another day, domain or person
)

var reasons = map[string]struct{ answer, fr, en string }{
	ReasonOpening:       {Noted, "Début d’un journal.", "Beginning of a journal."},
	ReasonNoPromise:     {Noted, "Cette vérification n’engageait aucun paiement.", "This check promised no payment."},
	ReasonOtherOperator: {Noted, "La carte est celle d’un organisme que ce service ne gère pas.", "The card is of an insurer that this service does not keep."},
	ReasonNotAReceipt:   {Noted, "Le service ne sait pas lire cette entrée du journal.", "The service can't read this entry of the journal."},
	ReasonUnknownCard:   {Disputed, "L’organisme n’a émis aucune carte de ce numéro sous cette clé.", "The insurer has issued no card of this number under this key."},
	ReasonUnknownList:   {Disputed, "Aucune publication de cette date ne portait cette révision de la liste.", "No publication of that date had this revision of the list."},
	ReasonOtherPolicy:   {Disputed, "La politique citée n’était pas celle de l’organisme dans cette publication.", "The policy named was not the insurer’s in that publication."},
	ReasonBeforeList:    {Disputed, "La vérification est datée d’avant la liste sur laquelle elle s’appuie.", "The check is dated before the list that it relies on."},
	ReasonAge:           {Disputed, "L’heure de la vérification contredit l’âge indiqué pour la liste.", "The time of the check contradicts the age given for the list."},
	ReasonFuture:        {Disputed, "La vérification, ou les soins, sont datés d’après leur réception.", "The check, or the care, is dated after its arrival."},
	ReasonListTooOld:    {Disputed, "La liste était plus ancienne que la politique de l’organisme ne l’admet.", "The list was older than the insurer’s policy allows."},
	ReasonCareOutside:   {Disputed, "La date des soins est hors de la période de droits de la carte ou du bénéficiaire.", "The date of care is outside the days of the card or of the beneficiary."},
	ReasonEnded:         {Disputed, "La liste consultée mettait déjà fin à la carte pour cette date de soins.", "The list that was consulted already ended the card for that date of care."},
	ReasonNotCovered:    {Disputed, "La carte ne couvre pas ce domaine pour le ou les bénéficiaires demandés.", "The card does not cover this domain for the beneficiaries asked for."},
	ReasonOtherVerdict:  {Disputed, "D’après la liste citée, la réponse est une autre.", "From the list named, the verdict is another one."},
	ReasonOtherPromise:  {Disputed, "L’engagement de paiement n’est pas celui que donne la politique de l’organisme.", "The payment promise is not the one that the insurer’s policy gives."},
	ReasonOtherCounter:  {Disputed, "Ce journal appartient à un autre poste.", "This journal belongs to another counter."},
	ReasonUnknownAccord: {Disputed, "Le service n’a donné aucun accord de ce numéro.", "The service gave no accord of this number."},
	ReasonAccordCounter: {Disputed, "L’accord cité a été donné à un autre poste.", "The accord named was given to another counter."},
	ReasonAccordCard:    {Disputed, "L’accord cité a été donné pour une autre carte.", "The accord named was given for another card."},
	ReasonAccordCare:    {Disputed, "L’accord cité a été donné pour une autre date, un autre domaine ou un autre bénéficiaire.", "The accord named was given for another date, domain or beneficiary."},
}

// Reasons returns every reason of an answer, in order; "" for all answers.
func Reasons(answer string) []string {
	var out []string
	for code, r := range reasons {
		if answer == "" || r.answer == answer {
			out = append(out, code)
		}
	}
	slices.Sort(out)
	return out
}

// Sentence says a reason to people, in French ("fr", and any other) or English ("en"); an unknown code is said as such.
func Sentence(lang, reason string) string {
	r, known := reasons[reason]
	switch {
	case !known && lang == "en":
		return "Reason unknown to this program (" + reason + ")."
	case !known:
		return "Motif inconnu de ce programme (" + reason + ")."
	case lang == "en":
		return r.en
	}
	return r.fr
}
