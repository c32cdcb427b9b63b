// What goes wrong around a service, in words for people at the counter: enrolling, alarms on a journal, disputed receipts.

package desk

import (
	"net/http"
	"strings"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/receipt"
)

var (
	errNoServices = &known{http.StatusConflict, "no_services", words{"ce programme ne peut pas inscrire ce poste auprès d’un service", "le poste fonctionne avec les listes ; mettre le programme à jour"},
		words{"this program can't enrol this counter with a service", "the counter works from the lists; update the program"}}
	errInvitation = &known{http.StatusUnprocessableEntity, "bad_invitation", words{"ce n’est pas un code d’inscription, ou il n’a pas été lu en entier",
		"scanner de nouveau le code remis par l’opérateur, ou taper l’adresse et le code court écrits dessous"},
		words{"this is not an enrolment code, or it was not read whole", "scan the operator's code again, or type the address and the short code written below it"}}
	errShortCode = &known{http.StatusUnprocessableEntity, "short_code", words{"ce code court n’est pas complet", "le recopier en entier : quatre groupes de quatre, par exemple K7QF-XM3T-9ABC-D2EF"},
		words{"this short code is not complete", "copy all of it: four groups of four, for example K7QF-XM3T-9ABC-D2EF"}}
	errServiceAddress = &known{http.StatusUnprocessableEntity, "service_address", words{"cette adresse n’est pas celle d’un service", "la recopier telle qu’elle est écrite sous le code : elle commence par https"},
		words{"this is not the address of a service", "copy it as it is written below the code: it begins with https"}}
	errOfferGone = &known{http.StatusGone, "offer_gone", words{"cette proposition n’est plus en mémoire", "scanner de nouveau le même code d’inscription : il reste valable sur ce poste"},
		words{"this offer is no longer in memory", "scan the same enrolment code again: it stays good on this computer"}}
)

// enrolling is an error of an enrolment, whose words differ from those of a check: no card waits, and there may be no list yet.
type enrolling struct{ error }

func (e enrolling) Unwrap() error { return e.error }

// onlineCode is before the codes of a service's troubles, as Options.Explain gives them.
const onlineCode = "online_"

// enrolWords are by the codes of Explain.
var enrolWords = map[string]*known{
	"online_invitation": {0, "", words{"ce code d’inscription n’est pas reconnu : il est mal recopié, a déjà servi, ou son délai est passé", "comparer le code, puis en demander un nouveau à l’opérateur"},
		words{"this enrolment code is not known: it is mistyped, was used already, or its time is over", "compare the code, then ask the operator for a new one"}},
	"online_unreachable": {0, "", words{"le service de l’opérateur est injoignable", "vérifier la connexion internet, puis recommencer ; le code n’est pas consommé"},
		words{"the operator's service can't be reached", "check the internet connection, then try again; the code is not used up"}},
	"online_timeout": {0, "", words{"le service de l’opérateur n’a pas répondu à temps", "recommencer avec le même code, dans quelques minutes"},
		words{"the operator's service did not answer in time", "try again with the same code, in some minutes"}},
	"online_busy": {0, "", words{"le service de l’opérateur est débordé ou en maintenance", "recommencer avec le même code, dans quelques minutes"},
		words{"the operator's service is overloaded or under maintenance", "try again with the same code, in some minutes"}},
	"online_clock": {0, "", words{"l’horloge de ce poste est fausse : le service refuse l’inscription", "régler la date et l’heure de l’ordinateur, puis recommencer avec le même code"},
		words{"this computer's clock is wrong: the service refuses the enrolment", "set the computer's date and time, then try again with the same code"}},
	"online_tls": {0, "", words{"la connexion sécurisée au service n’a pas pu être établie", "vérifier la date et l’heure de l’ordinateur, puis l’adresse ; sinon appeler l’opérateur"},
		words{"the secure connection to the service could not be made", "check the computer's date and time, then the address; else call the operator"}},
	"online_proxy": {0, "", words{"le serveur mandataire du réseau refuse la connexion au service", "voir ses réglages avec le service informatique, puis recommencer"},
		words{"the network's proxy refuses the connection to the service", "see its settings with your computer service, then try again"}},
	"online_redirect": {0, "", words{"le réseau renvoie vers une autre machine que le service", "ouvrir la page de connexion du réseau s’il en a une, puis recommencer"},
		words{"the network sends on to another machine than the service", "open the network's login page if it has one, then try again"}},
	"online_not_the_service": {0, "", words{"ce qui répond à cette adresse n’est pas un service de droits", "vérifier l’adresse ; ouvrir la page de connexion du réseau s’il en a une"},
		words{"what answers at this address is not a rights service", "check the address; open the network's login page if it has one"}},
	"online_other_root": {0, "", words{"le service qui répond appartient à un autre opérateur que celui du code", "ne pas poursuivre : appeler l’opérateur au numéro que vous connaissez déjà"},
		words{"the service that answers belongs to another operator than the code's", "do not go on: call the operator at the number that you know already"}},
	"online_suspended": {0, "", words{"l’opérateur a suspendu ce poste", "appeler l’opérateur"}, words{"the operator has suspended this counter", "call the operator"}},
	"online_revoked": {0, "", words{"l’opérateur a annulé l’inscription de ce poste", "demander un nouveau code à l’opérateur"},
		words{"the operator has cancelled this counter's enrolment", "ask the operator for a new code"}},
	"online_credential": {0, "", words{"le service ne reconnaît pas la clé de ce poste", "demander un nouveau code à l’opérateur"},
		words{"the service does not know this computer's key", "ask the operator for a new code"}},
	"online_service_key_taken": {0, "", words{"le service connaît déjà la clé de ce poste sous une autre inscription", "appeler l’opérateur, qui retirera l’ancienne inscription"},
		words{"the service knows this computer's key under another enrolment", "call the operator, who will remove the old enrolment"}},
	"online_": {0, "", words{"le service n’a pas accepté cette inscription", "recommencer ; si cela continue, appeler l’opérateur"},
		words{"the service did not accept this enrolment", "try again; if it goes on, call the operator"}},
	"enrolled": {0, "", words{"ce poste est déjà inscrit auprès de cet opérateur", "rien à faire ; pour l’inscrire de nouveau, retirer d’abord l’inscription dans « Listes »"},
		words{"this counter is enrolled with this operator already", "nothing to do; to enrol it anew, remove the enrolment first in “Lists”"}},
}

// whileEnrolling replaces the words of a check by those of an enrolment.
func whileEnrolling(t Trouble, lang offline.Language) Trouble {
	k, ok := enrolWords[t.Code]
	if !ok && strings.HasPrefix(t.Code, onlineCode) {
		k, ok = enrolWords[onlineCode], true
	}
	if !ok {
		return t
	}
	said := k.trouble(lang)
	return Trouble{t.Code, said.What, said.Todo}
}

// alarmWords are calm: most of them come from a restored backup or a clock, and none stops a check.
var alarmWords = map[string]*known{
	"GAP": {0, "", words{"il manque des entrées dans le journal reçu par l’opérateur", "rien à faire pour les cartes ; si cet ordinateur a été restauré ou réparé, le dire à l’opérateur"},
		words{"entries are missing in the journal that the operator received", "nothing to do about cards; if this computer was restored or repaired, tell the operator"}},
	"FORK": {0, "", words{"l’opérateur a reçu deux versions différentes du journal de ce poste", "le dire à l’opérateur ; cela arrive quand un ordinateur a été cloné ou restauré d’une sauvegarde"},
		words{"the operator received two different versions of this counter's journal", "tell the operator; it happens when a computer was cloned or restored from a backup"}},
	"BEHIND": {0, "", words{"l’opérateur détient plus d’entrées que le journal de ce poste", "le dire à l’opérateur ; cela arrive quand un ordinateur est revenu à une sauvegarde"},
		words{"the operator holds more entries than this counter's journal", "tell the operator; it happens when a computer went back to a backup"}},
	"CLOCK": {0, "", words{"des vérifications sont arrivées avec une date à venir", "vérifier la date et l’heure de cet ordinateur"},
		words{"checks arrived with a date to come", "check this computer's date and time"}},
	"TIME": {0, "", words{"l’horloge de ce poste a reculé entre deux vérifications", "vérifier la date et l’heure de cet ordinateur"},
		words{"this computer's clock went back between two checks", "check this computer's date and time"}},
	"ANEW": {0, "", words{"le journal de ce poste a été recommencé après un dommage", "rien à faire ; l’opérateur en est informé"},
		words{"this counter's journal was begun anew after damage", "nothing to do; the operator knows"}},
	"ENROLLED": {0, "", words{"ce poste continue un journal commencé sous une inscription précédente", "rien à faire"},
		words{"this counter goes on with a journal begun under an earlier enrolment", "nothing to do"}},
	"": {0, "", words{"l’opérateur a relevé une anomalie dans le journal de ce poste", "contrôler le journal dans « Journal », puis prévenir l’opérateur"},
		words{"the operator noticed something odd in this counter's journal", "check the journal in “Journal”, then tell the operator"}},
}

func alarmOf(a Alarm, lang offline.Language) alarmState {
	if a.Code == "SHORT" || a.Code == "HEAD" {
		a.Code = "BEHIND"
	}
	k, ok := alarmWords[a.Code]
	if !ok {
		k, a.Code = alarmWords[""], ""
	}
	said := k.trouble(lang)
	return alarmState{a.Code, said.What, said.Todo}
}

type inBoth struct{ fr, en string }

// The ways out of a dispute, by what its reason calls for.
var (
	putInvoiceRight = inBoth{"corriger la facture et la renvoyer ; si elle est juste, envoyer l’attestation PDF à l’organisme", "correct the invoice and send it again; if it is right, send the PDF certificate to the insurer"}
	sayNumber       = inBoth{"comparer le numéro reporté sur la facture avec celui d’ici, puis corriger la facture", "compare the number on the invoice with the one here, then correct the invoice"}
	setClock        = inBoth{"vérifier la date et l’heure de cet ordinateur, puis envoyer l’attestation PDF à l’organisme", "check this computer's date and time, then send the PDF certificate to the insurer"}
	renewLists      = inBoth{"mettre les listes à jour dans « Listes », vérifier la carte de nouveau, puis appeler l’organisme", "update the lists in “Lists”, check the card again, then call the insurer"}
	callWithProof   = inBoth{"appeler l’organisme avec ce numéro et lui envoyer l’attestation PDF", "call the insurer with this number and send it the PDF certificate"}
)

var disputeTodos = map[string]inBoth{
	accord.ReasonCareOutside: putInvoiceRight, accord.ReasonEnded: putInvoiceRight, accord.ReasonNotCovered: putInvoiceRight,
	accord.ReasonUnknownAccord: sayNumber, accord.ReasonAccordCounter: sayNumber, accord.ReasonAccordCard: sayNumber, accord.ReasonAccordCare: sayNumber,
	accord.ReasonBeforeList: setClock, accord.ReasonAge: setClock, accord.ReasonFuture: setClock, accord.ReasonListTooOld: renewLists,
}

// Dispute is why an insurer disputes a check, and what to do about it, in words.
type Dispute struct {
	Reason string `json:"reason" doc:"stable code"`
	What   string `json:"what"`
	Todo   string `json:"todo"`
}

// disputeOf says it; nil for an entry that nobody disputes.
func disputeOf(s receipt.Settlement, lang offline.Language) *Dispute {
	if s.Answer != receipt.Disputed {
		return nil
	}
	todo, ok := disputeTodos[s.Reason]
	if !ok {
		todo = callWithProof
	}
	if lang == offline.English {
		return &Dispute{s.Reason, accord.Sentence("en", s.Reason), todo.en}
	}
	return &Dispute{s.Reason, spaced(accord.Sentence("fr", s.Reason)), spaced(todo.fr)}
}
