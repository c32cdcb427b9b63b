// Why a check could not be recorded, in words.

package counter

import (
	"errors"

	"sceau/offline"
)

// Reasons for which a journal may refuse a check; a Journal's errors wrap one of them.
var (
	ErrFull     = errors.New("counter: disk full")
	ErrReadOnly = errors.New("counter: folder read-only")
)

// unrecorded says it to the person at the counter.
func unrecorded(err error, lang offline.Language) string {
	fr, en := "le journal n’a pas pu être écrit", "the journal could not be written"
	switch {
	case errors.Is(err, ErrNoJournal):
		fr, en = "le journal de ce poste n’est pas ouvert", "this counter's journal is not open"
	case errors.Is(err, ErrFull):
		fr, en = "le disque est plein", "the disk is full"
	case errors.Is(err, ErrReadOnly):
		fr, en = "le dossier du comptoir est en lecture seule", "the counter's folder is read-only"
	}
	if lang == offline.English {
		return "not recorded: " + en
	}
	return "non enregistrée\u00a0: " + fr
}

// invitationWords are for an operator's code, scanned where cards are: nothing is wrong with it.
func invitationWords(lang offline.Language) WordsPart {
	if lang == offline.English {
		return WordsPart{"ENROLMENT CODE", "This code is not a card: it enrols this counter with an operator's online service.", "Use it here once, or scan a card."}
	}
	return WordsPart{"CODE D’INSCRIPTION", "Ce code n’est pas une carte\u00a0: il inscrit ce poste auprès du service en ligne d’un opérateur.",
		"L’utiliser ici, une seule fois, ou scanner une carte."}
}

// drillMark opens every headline of a drill.
func drillMark(lang offline.Language) string {
	if lang == offline.English {
		return "DRILL – "
	}
	return "EXERCICE – "
}
