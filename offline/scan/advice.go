// What a repair tells the person at the counter to change, in both languages.

package scan

import "strings"

// advice holds the sentences of one language. {scanner} and {host} are layouts.
type advice struct{ keys, layout, caps, repeated string }

var (
	french = advice{
		keys:     "douchette réglée en {scanner} sur un poste d’une autre disposition : régler la douchette sur la disposition du poste, ou l’étalonner",
		layout:   "douchette réglée en {scanner} sur un poste {host} : régler la douchette sur la disposition du poste",
		caps:     "majuscules et minuscules inversées : désactiver Verr. Maj.",
		repeated: "code lu deux fois de suite",
	}
	english = advice{
		keys:     "the scanner is set to {scanner} on a computer of another layout: set the scanner to the computer's layout, or calibrate it",
		layout:   "the scanner is set to {scanner} on a computer with {host}: set the scanner to the computer's layout",
		caps:     "upper and lower case are turned round: switch Caps Lock off",
		repeated: "the code was read twice in a row",
	}
)

// englishHosts are the computers' layouts in English. Package tests hold one for each.
var englishHosts = map[string]string{
	"AZERTY (France, Windows ou Linux)":    "AZERTY (France, Windows or Linux)",
	"AZERTY (Belgique, ou France sur Mac)": "AZERTY (Belgium, or France on a Mac)",
	"AZERTY (norme AFNOR)":                 "AZERTY (AFNOR standard)",
	"QWERTY (États-Unis)":                  "QWERTY (United States)",
	"QWERTZ (Suisse, Luxembourg)":          "QWERTZ (Switzerland, Luxembourg)",
	"QWERTZ (Allemagne, Autriche)":         "QWERTZ (Germany, Austria)",
	"QWERTY (Royaume-Uni)":                 "QWERTY (United Kingdom)",
	"QWERTY (Espagne)":                     "QWERTY (Spain)",
	"QWERTY (Italie)":                      "QWERTY (Italy)",
	"QWERTY (Portugal)":                    "QWERTY (Portugal)",
	"QWERTY (Canada français)":             "QWERTY (Canadian French)",
	"QWERTY (Canada multilingue)":          "QWERTY (Canadian multilingual)",
	"QWERTY (pays nordiques)":              "QWERTY (Nordic countries)",
}

// Advice returns what to tell the person at the counter, in French, or "" when nothing needs to change there.
func (r Repair) Advice() string { return r.advise(french, r.Host) }

// AdviceEnglish says it in English.
func (r Repair) AdviceEnglish() string { return r.advise(english, englishHosts[r.Host]) }

func (r Repair) advise(say advice, host string) string {
	var parts []string
	switch {
	case r.Keys:
		parts = append(parts, say.keys)
	case r.Layout != "":
		parts = append(parts, say.layout)
	}
	if r.CapsLock {
		parts = append(parts, say.caps)
	}
	if r.Repeated {
		parts = append(parts, say.repeated)
	}
	return strings.NewReplacer("{scanner}", r.Scanner, "{host}", host).Replace(strings.Join(parts, " ; "))
}
