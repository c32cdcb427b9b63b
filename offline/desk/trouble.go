// Errors in words, for people and for software: a stable code, what happened, and what to do.

package desk

import (
	"errors"
	"net/http"

	"sceau/offline"
)

// known is an error of the desk's own, with its words. It quotes nothing of what was sent.
type known struct {
	status int
	code   string
	fr, en words
}

type words struct{ what, todo string }

func (k *known) Error() string { return "desk: " + k.code }

// errOutside is answered as if there were nothing here.
var errOutside = errors.New("desk: not let in")

var (
	errBody = &known{http.StatusBadRequest, "bad_request", words{"la demande est mal formée", "recharger la page ; si cela continue, mettre le programme à jour"},
		words{"the request is malformed", "reload the page; if it happens again, update the program"}}
	errNowhere = &known{http.StatusNotFound, "no_such_path", words{"cette adresse n’existe pas dans l’interface", "voir /v1/openapi.json"},
		words{"the interface has no such path", "see /v1/openapi.json"}}
	errLong = &known{http.StatusRequestEntityTooLarge, "too_long", words{"ce qui a été envoyé est trop long", "scanner de nouveau, ou choisir un fichier plus petit"},
		words{"what was sent is too long", "scan again, or choose a smaller file"}}
	errMedia = &known{http.StatusUnsupportedMediaType, "media_type", words{"ce type de fichier n’est pas accepté", "choisir un PDF, un PNG ou un JPEG ; pour une liste, un fichier zip"},
		words{"this type of file is not accepted", "choose a PDF, PNG or JPEG; for a list, a zip file"}}
	errInside = &known{http.StatusInternalServerError, "internal", words{"le programme a rencontré une erreur", "recommencer ; si cela continue, fermer puis rouvrir le comptoir"},
		words{"the program met an error", "try again; if it happens again, close the desk and open it anew"}}
	errBusy = &known{http.StatusServiceUnavailable, "busy", words{"le comptoir est occupé", "attendre quelques secondes et recommencer"},
		words{"the desk is busy", "wait some seconds and try again"}}
	errSettings = &known{http.StatusUnprocessableEntity, "settings_refused", words{"ces réglages ne sont pas acceptés ; les anciens restent en service", "corriger la valeur indiquée"},
		words{"these settings are not accepted; the old ones stay", "correct the value shown"}}
	errNoCode = &known{http.StatusUnprocessableEntity, "no_code", words{"aucun code n’a été trouvé dans ce fichier", "cadrer le code entier, bien éclairé, ou le scanner avec la douchette"},
		words{"no code was found in this file", "show the whole code, well lit, or scan it"}}
	errNotPicture = &known{http.StatusUnprocessableEntity, "not_a_picture", words{"ce fichier n’est ni un PDF ni une image lisible", "choisir un PDF, un PNG ou un JPEG"},
		words{"this file is neither a PDF nor a readable picture", "choose a PDF, PNG or JPEG"}}
	errPictureLarge = &known{http.StatusUnprocessableEntity, "picture_too_large", words{"cette image est trop grande", "l’enregistrer en plus petit, ou scanner le code avec la douchette"},
		words{"this picture is too large", "save it smaller, or scan the code"}}
	errPictureSlow = &known{http.StatusUnprocessableEntity, "picture_too_slow", words{"la lecture de ce fichier prend trop de temps", "scanner le code avec la douchette, ou en faire une photo"},
		words{"reading this file takes too long", "scan the code, or take a photo of it"}}
	errReader = &known{http.StatusUnprocessableEntity, "reader_failed", words{"ce fichier n’a pas pu être lu", "scanner le code avec la douchette, ou en faire une photo"},
		words{"this file could not be read", "scan the code, or take a photo of it"}}
	errSeveral = &known{http.StatusUnprocessableEntity, "several_codes", words{"ce fichier contient plusieurs cartes", "envoyer une carte à la fois"},
		words{"this file holds several cards", "send one card at a time"}}
	errBundleGone = &known{http.StatusGone, "bundle_gone", words{"le fichier déposé n’est plus là", "déposer le fichier de nouveau"},
		words{"the dropped file is gone", "drop the file again"}}
	errNumber = &known{http.StatusUnprocessableEntity, "receipt_number", words{"ce n’est pas un numéro de preuve", "le recopier tel qu’il est imprimé, par exemple K7QF-1042-M3TZ"},
		words{"this is not a receipt number", "copy it as it is printed, for example K7QF-1042-M3TZ"}}
	errNoReceipt = &known{http.StatusNotFound, "no_receipt", words{"aucune vérification de ce poste ne porte ce numéro", "vérifier le numéro, ou chercher sur le poste qui a fait la vérification"},
		words{"no check of this counter has this number", "check the number, or search on the computer that made the check"}}
	errFilter = &known{http.StatusUnprocessableEntity, "filter", words{"un critère de recherche n’est pas valable", "écrire les dates AAAA-MM-JJ"},
		words{"a search criterion is not valid", "write dates YYYY-MM-DD"}}
	errNotCalibration = &known{http.StatusUnprocessableEntity, "not_calibration", words{"ce n’est pas le code d’étalonnage, ou il est incomplet", "scanner le code d’étalonnage affiché, en entier et sans toucher au clavier"},
		words{"this is not the calibration code, or it is incomplete", "scan the whole calibration code shown, without touching the keyboard"}}
	errAmbiguous = &known{http.StatusUnprocessableEntity, "ambiguous", words{"ce clavier écrit plusieurs caractères de la même façon", "régler la douchette sur la même disposition que l’ordinateur, ou l’utiliser en mode série (USB-COM)"},
		words{"this keyboard types several characters alike", "set the scanner to the computer's layout, or use its serial mode (USB-COM)"}}
	errAmount = &known{http.StatusUnprocessableEntity, "amount", words{"ce montant, ce taux ou cette garantie n’est pas valable", "écrire les montants comme 25,00 et choisir le taux et la garantie proposés"},
		words{"this amount, rate or guarantee is not valid", "write amounts like 25,00 and choose a rate and guarantee offered"}}
	errGeneral = &known{http.StatusInternalServerError, "failed", words{"cela n’a pas abouti", "recommencer ; si cela continue, fermer puis rouvrir le comptoir et suivre l’écran « En cas de panne »"},
		words{"this did not work", "try again; if it happens again, close the desk, open it anew and follow the “Outage” screen"}}
	errCanceled = &known{http.StatusServiceUnavailable, "canceled", words{"interrompu", "recommencer"}, words{"interrupted", "try again"}}
)

func (k *known) trouble(lang offline.Language) Trouble {
	if lang == offline.English {
		return Trouble{k.code, k.en.what, k.en.todo}
	}
	return Trouble{k.code, spaced(k.fr.what), spaced(k.fr.todo)}
}

// misused is errBody, with the member of the request that is wrong: for software, whose maker reads it. It never holds a value.
type misused struct{ fr, en string }

func (m *misused) Error() string { return "desk: malformed request" }
func (m *misused) Unwrap() error { return errBody }

// members says what each member of a question must be.
var members = map[string]*misused{
	"code":         {"code : un texte de 1 à 16384 caractères", "code: a text of 1 to 16384 characters"},
	"presses":      {"presses : une liste de 1 à 8192 touches", "presses: a list of 1 to 8192 keys"},
	"domain":       {"domain : 16 lettres majuscules ou chiffres au plus, par exemple PHAR", "domain: at most 16 capital letters or digits, for example PHAR"},
	"date_of_care": {"date_of_care : AAAA-MM-JJ", "date_of_care: YYYY-MM-DD"},
	"beneficiary":  {"beneficiary : 1 à 12, ou 0 pour le foyer", "beneficiary: 1 to 12, or 0 for the household"},
	"lang":         {"lang : fr ou en", "lang: fr or en"},
	"number":       {"number : 64 caractères au plus", "number: at most 64 characters"},
}

var (
	errOneCode  = &misused{"donner code ou presses, un seul des deux", "give either code or presses"}
	errTwoPlace = &misused{"avec un corps JSON, domain, date_of_care et beneficiary sont ses membres et non des paramètres de l’adresse",
		"with a JSON body, domain, date_of_care and beneficiary are its members, not parameters of the address"}
	errJSON = &misused{"envoyer un objet JSON en UTF-8, chaque membre une seule fois, en minuscules et sans null ; voir /v1/openapi.json",
		"send one JSON object in UTF-8, each member once, in small letters and not null; see /v1/openapi.json"}
)

const maxNamed = 40

// unknownMember names what no request has. A name that could be a person's own, by its letters or its length, is left out.
func unknownMember(name string) *misused {
	if !plainName(name) || len(name) > maxNamed {
		return &misused{"un membre ou un paramètre est inconnu ; voir /v1/openapi.json", "a member or parameter is unknown; see /v1/openapi.json"}
	}
	return &misused{name + " : membre ou paramètre inconnu ; voir /v1/openapi.json", name + ": unknown member or parameter; see /v1/openapi.json"}
}

// forSoftware replaces advice that only somebody at the page could follow.
func forSoftware(err error, t Trouble, lang offline.Language) Trouble {
	var m *misused
	switch {
	case errors.As(err, &m):
	case errors.Is(err, errBody):
		m = errJSON
	case errors.Is(err, errMedia):
		m = &misused{"donner un seul en-tête Content-Type : application/json pour une question ; application/pdf, image/png, image/jpeg ou application/octet-stream pour un fichier",
			"give one Content-Type header: application/json for a question; application/pdf, image/png, image/jpeg or application/octet-stream for a file"}
	default:
		return t
	}
	if errors.Is(err, errMedia) {
		t.What = map[bool]string{true: "this Content-Type is missing or not accepted", false: "le Content-Type manque ou n’est pas accepté"}[lang == offline.English]
	}
	if t.Todo = m.en; lang != offline.English {
		t.Todo = spaced(m.fr)
	}
	return t
}

// outer is an error of the program around the desk, that Options.Explain has words for.
type outer struct{ error }

func (o outer) Unwrap() error { return o.error }

// explain finds status and words of an error. What nobody knows is logged by its code alone, and shown as nothing.
func (s *Server) explain(err error, lang offline.Language) (int, Trouble) {
	var k *known
	if errors.As(err, &k) {
		return k.status, k.trouble(lang)
	}
	var e enrolling
	if errors.As(err, &e) && s.o.Explain != nil {
		if t := s.o.Explain(e.error, lang); t.Code != "" {
			return http.StatusConflict, whileEnrolling(t, lang)
		}
	}
	var o outer
	if errors.As(err, &o) && s.o.Explain != nil {
		if t := s.o.Explain(o.error, lang); t.Code != "" {
			return http.StatusConflict, t
		}
	}
	return errGeneral.status, errGeneral.trouble(lang)
}

// failure is the body of every error on people's routes. Those of a scan say that nothing was verified.
type failure struct {
	Error  Trouble        `json:"error"`
	ID     *int64         `json:"id,omitempty"`
	Status offline.Status `json:"status,omitempty"` // unknown
	Words  *scanWords     `json:"words,omitempty"`
}

type scanWords struct {
	Headline string `json:"headline"`
	Meaning  string `json:"meaning"`
	Next     string `json:"next"`
}

// unverified is an error on the way to a verdict.
type unverified struct {
	id  int64
	err error
}

func (u *unverified) Error() string { return "desk: not verified: " + u.err.Error() }
func (u *unverified) Unwrap() error { return u.err }

func notVerified(lang offline.Language, t Trouble) *scanWords {
	if lang == offline.English {
		return &scanWords{"NOT VERIFIED", "The card was not verified: " + t.What + ".", "What to do: " + t.Todo + "."}
	}
	return &scanWords{"NON VÉRIFIÉ", "La carte n’a pas été vérifiée\u00a0: " + t.What + ".", "À faire\u00a0: " + t.Todo + "."}
}
