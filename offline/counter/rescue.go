// Why the service did not answer, in words. None of them speaks of the card: the lists did, or nobody.

package counter

import (
	"slices"
	"strings"

	"sceau/offline"
)

// rescue is one code in words: what happened, and what to do, in both languages.
type rescue struct{ fr, todo, en, todoEnglish string }

// rescues hold every code that an Online of this project gives, and those of this package.
var rescues = map[string]rescue{
	RescueNoKeys: {"les listes suivies ne nomment aucun service en ligne de cet organisme", "mettre les listes à jour ; si cela persiste, prévenir l’opérateur",
		"the lists that are followed name no online service of this insurer", "update the lists; if it goes on, tell the operator"},
	RescueOther: {"ce poste n’est pas inscrit auprès du service de cet organisme", "rien à faire : la liste répond",
		"this counter is not enrolled with this insurer's service", "nothing to do: the list answers"},
	RescueMismatch: {"la réponse du service ne correspond pas à la question", "rien à faire : la liste répond ; si cela persiste, prévenir l’opérateur",
		"the service's answer does not belong to the question", "nothing to do: the list answers; if it goes on, tell the operator"},
	RescueCard: {"le service n’a pas été interrogé", "rien à faire", "the service was not asked", "nothing to do"},
	RescueClock: {"l’horloge de ce poste est fausse", "régler la date et l’heure de l’ordinateur",
		"this computer's clock is wrong", "set the computer's date and time"},
	RescueUnknown: {"le service en ligne n’a pas répondu", "rien à faire : la liste répond", "the online service did not answer", "nothing to do: the list answers"},
	RescueOff: {"la vérification en ligne est coupée dans les réglages de ce poste", "la rétablir dans Réglages",
		"the online check is switched off in this counter's settings", "switch it on again in Settings"},
	RescueNone: {"ce poste n’est inscrit auprès d’aucun service en ligne", "scanner le code d’inscription remis par l’opérateur",
		"this counter is enrolled with no online service", "scan the enrolment code given by the operator"},
	"timeout": {"le service en ligne n’a pas répondu à temps", "rien à faire : la liste répond, et un nouvel essai est prévu",
		"the online service did not answer in time", "nothing to do: the list answers, and another attempt is planned"},
	"waiting": {"le service en ligne ne répondait pas récemment", "rien à faire : la liste répond, et un nouvel essai est prévu",
		"the online service did not answer lately", "nothing to do: the list answers, and another attempt is planned"},
	"unreachable": {"le service en ligne est injoignable", "vérifier la connexion internet ; la liste répond en attendant",
		"the online service can't be reached", "check the internet connection; the list answers meanwhile"},
	"tls": {"la connexion sécurisée au service n’a pas pu être établie", "vérifier la date et l’heure de l’ordinateur, puis prévenir l’opérateur ; la liste répond en attendant",
		"the secure connection to the service could not be made", "check the computer's date and time, then tell the operator; the list answers meanwhile"},
	"proxy": {"le serveur mandataire du réseau refuse la connexion au service", "voir ses réglages avec le service informatique ; la liste répond en attendant",
		"the network's proxy refuses the connection to the service", "see its settings with your computer service; the list answers meanwhile"},
	"redirect": {"le réseau renvoie vers une autre machine que le service", "ouvrir la page de connexion du réseau s’il en a une ; la liste répond en attendant",
		"the network sends on to another machine than the service", "open the network's login page if it has one; the list answers meanwhile"},
	"not_the_service": {"ce qui répond n’est pas le service", "ouvrir la page de connexion du réseau s’il en a une ; la liste répond en attendant",
		"what answers is not the service", "open the network's login page if it has one; the list answers meanwhile"},
	"answer_too_long": {"ce qui répond n’est pas le service", "prévenir l’opérateur ; la liste répond en attendant",
		"what answers is not the service", "tell the operator; the list answers meanwhile"},
	"busy": {"le service en ligne est débordé ou en maintenance", "rien à faire : la liste répond, et un nouvel essai est prévu",
		"the online service is overloaded or under maintenance", "nothing to do: the list answers, and another attempt is planned"},
	"suspended": {"l’inscription de ce poste est suspendue par l’opérateur", "joindre l’opérateur ; la liste répond en attendant",
		"the operator has suspended this counter's enrolment", "contact the operator; the list answers meanwhile"},
	"revoked": {"l’inscription de ce poste est annulée par l’opérateur", "demander une nouvelle invitation à l’opérateur ; la liste répond en attendant",
		"the operator has cancelled this counter's enrolment", "ask the operator for a new invitation; the list answers meanwhile"},
	"credential": {"le service ne connaît pas ce poste", "demander une nouvelle invitation à l’opérateur ; la liste répond en attendant",
		"the service does not know this counter", "ask the operator for a new invitation; the list answers meanwhile"},
	"replayed": {"le service a donné une réponse qui avait déjà servi", "rien à faire : la liste répond ; si cela persiste, prévenir l’opérateur",
		"the service gave an answer that had served already", "nothing to do: the list answers; if it goes on, tell the operator"},
	"refused": {"le service n’a pas donné d’accord pour cette question", "mettre les listes à jour, puis scanner de nouveau ; si cela persiste, joindre l’organisme",
		"the service gave no accord for this question", "update the lists, then scan again; if it goes on, contact the insurer"},
	"signature": {"la réponse n’est pas signée par le service que les listes nomment", "mettre les listes à jour ; si cela persiste, prévenir l’opérateur",
		"the answer is not signed by the service that the lists name", "update the lists; if it goes on, tell the operator"},
	"invitation": {"cette invitation n’existe pas, a déjà servi ou n’est plus valable", "en demander une autre à l’opérateur",
		"this invitation does not exist, was used already or is over", "ask the operator for another one"},
	"other_root": {"le service appartient à un autre opérateur que celui annoncé", "ne pas poursuivre : demander l’empreinte à l’opérateur par un autre moyen",
		"the service belongs to another operator than the one announced", "do not go on: ask the operator for the fingerprint by another way"},
	"stopped": {"la question a été interrompue", "recommencer", "the question was interrupted", "try again"},
	"enrolment_key": {"la clé d’inscription de ce poste n’est plus lisible", "l’inscrire de nouveau ; la liste répond en attendant",
		"the key of this counter's enrolment can't be read any more", "enrol it again; the list answers meanwhile"},
}

// RescueWords says a code to a person: what happened, and what to do. A code that is not known is said as a refusal of the service.
func RescueWords(code string, lang offline.Language) (what, todo string) {
	r, ok := rescues[code]
	if !ok {
		r = rescues["refused"]
	}
	if lang == offline.English {
		return r.en, r.todoEnglish
	}
	return frenchSpaces.Replace(r.fr), frenchSpaces.Replace(r.todo)
}

// RescueCodes returns every code that has words of its own.
func RescueCodes() []string {
	var out []string
	for code := range rescues {
		out = append(out, code)
	}
	slices.Sort(out)
	return out
}

var frenchSpaces = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;")
