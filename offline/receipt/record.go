// One recorded check, and what is printed of it.

package receipt

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/rights"
)

// Record is a receipt as it stands in a journal.
type Record struct {
	Number  Number
	Device  string // id of the device: 32 hexadecimal digits
	Seq     uint64 // number of the entry in the device's chain
	Row     uint64 // place in this counter's journal, over all its chains: what a search continues before
	At      time.Time
	Hash    [32]byte // of the entry
	Receipt Receipt
	Settled Settlement // zero: no service has answered for it yet
}

// Answers of a service for one entry of a journal that was sent to it.
const (
	Honoured = accord.Honoured // it will be paid as promised
	Disputed = accord.Disputed // the insurer contests it
	Noted    = accord.Noted    // nothing was promised, so nothing is owed
)

// Settlement is what a service answered for one entry.
type Settlement struct {
	Answer string // Honoured, Disputed, Noted; "" for none
	Reason string // code
	At     time.Time
}

// Counter is who checked, for paper. Both may be empty.
type Counter struct{ Name, FINESS string }

// Row is one line of a printed receipt.
type Row struct{ Label, Value string }

// phrases of the printed receipt in one language.
type phrases struct {
	title, titleOnline                                                                                      string
	number, counter, at, care, domain, person, verdict, card, key, list, policy, pay, mode, device, imprint string
	paris, none, alone, place, household, unauthentic, noList, noPay, noCeiling, offline, told, online      string
	listWords, payWords, code                                                                               string
	accord, answer, smallAnswer, onInvoice, designates                                                      string // the last two: how the third paragraph begins with and without an invoice
	settled, settledAt                                                                                      string
	statuses                                                                                                map[offline.Status]string
	answers                                                                                                 map[string]string
	smallOnline                                                                                             string
	small                                                                                                   []string
}

var books = map[offline.Language]phrases{
	offline.French: {
		title:       "Attestation de vérification hors ligne",
		titleOnline: "Attestation de vérification en ligne",
		number:      "Numéro de preuve", counter: "Établissement", at: "Vérification faite le", care: "Date des soins", domain: "Domaine",
		person: "Bénéficiaire", verdict: "Réponse", card: "Carte", key: "Clé de signature", list: "Liste consultée", policy: "Politique de l’organisme",
		pay: "Engagement de paiement", mode: "Mode", device: "Poste", imprint: "Empreinte de l’entrée",
		paris: " (heure de Paris)", none: "non précisée", alone: "carte seule, sans domaine", place: "n° ", household: "tous ceux de la carte",
		unauthentic: "non authentifiée : aucune carte n’est désignée", noList: "aucune", noPay: "aucun", noCeiling: "sans plafond",
		offline: "hors ligne, d’après les listes signées de ce poste", told: "hors ligne, d’après une réponse en ligne plus récente que la liste", online: "en ligne, auprès de l’organisme",
		listWords: "n° {list}, révision {revision}, publiée le {published} ; âge : {age}", payWords: "jusqu’au {until}, part complémentaire : {ceiling}",
		code:   "code ",
		accord: "Numéro d’accord", answer: "Numéro de la réponse", settled: "Réponse de l’organisme", settledAt: " le ",
		answers: map[string]string{Honoured: "paiement confirmé", Disputed: "contestée", Noted: "prise en note"},
		smallOnline: "Cette attestation prouve que ce poste a posé cette question en ligne à l’heure de son horloge et qu’il a donné cette réponse, qui est celle que le service de " +
			"l’organisme a signée sous le numéro d’accord indiqué. Elle vaut pour la date des soins et le domaine indiqués. Le numéro d’accord se reporte sur la facture.",
		smallAnswer: "Cette attestation prouve que ce poste a posé cette question en ligne à l’heure de son horloge et qu’il a donné cette réponse, qui est celle que le service de " +
			"l’organisme a signée sous le numéro de réponse indiqué. Elle vaut pour la date des soins et le domaine indiqués.",
		onInvoice: "Le numéro se reporte sur la facture. Il désigne", designates: "Le numéro de preuve désigne",
		statuses: map[offline.Status]string{offline.Valid: "valide", offline.Reserve: "à confirmer", offline.Refused: "refusé", offline.Unknown: "non vérifié"},
		small: []string{
			"Cette attestation prouve que ce poste a fait cette vérification à l’heure de son horloge et qu’il a donné cette réponse, d’après les seules informations " +
				"signées qu’il détenait alors. Elle vaut pour la date des soins et le domaine indiqués.",
			"« Carte authentique » signifie que l’organisme désigné par la carte a bien signé son code. Une carte se photocopie : l’attestation ne prouve pas l’identité de " +
				"la personne qui l’a présentée, et cette identité est à comparer comme d’habitude.",
			"Le numéro se reporte sur la facture. Il désigne l’entrée du journal de ce poste ; ses quatre derniers caractères viennent de l’empreinte de cette entrée, " +
				"qui contient celle de l’entrée précédente : une entrée modifiée après coup n’a plus ce numéro. L’attestation ne contient ni nom, ni numéro d’adhérent, ni numéro de " +
				"sécurité sociale.",
		},
	},
	offline.English: {
		title:       "Certificate of an offline check",
		titleOnline: "Certificate of an online check",
		number:      "Receipt number", counter: "Counter", at: "Checked on", care: "Date of care", domain: "Domain",
		person: "Beneficiary", verdict: "Answer", card: "Card", key: "Signing key", list: "List consulted", policy: "Insurer's policy",
		pay: "Payment promise", mode: "Mode", device: "Device", imprint: "Hash of the entry",
		paris: " (Paris time)", none: "not given", alone: "the card alone, no domain", place: "no. ", household: "everybody on the card",
		unauthentic: "not authenticated: no card is named", noList: "none", noPay: "none", noCeiling: "without a ceiling",
		offline: "offline, from the signed lists on this computer", told: "offline, from an online answer that is newer than the list", online: "online, by the insurer",
		listWords: "no. {list}, revision {revision}, published on {published}; age: {age}", payWords: "until {until}, complementary share: {ceiling}",
		code:   "code ",
		accord: "Accord number", answer: "Answer number", settled: "Insurer's answer", settledAt: " on ",
		answers: map[string]string{Honoured: "payment confirmed", Disputed: "disputed", Noted: "noted"},
		smallOnline: "This certificate proves that this computer asked this question online at the time of its clock, and that it gave this answer, which is the one that the insurer's " +
			"service signed under the accord number shown. It holds for the date of care and the domain shown. The accord number goes on the invoice.",
		smallAnswer: "This certificate proves that this computer asked this question online at the time of its clock, and that it gave this answer, which is the one that the insurer's " +
			"service signed under the answer number shown. It holds for the date of care and the domain shown.",
		onInvoice: "The number goes on the invoice. It names", designates: "The receipt number names",
		statuses: map[offline.Status]string{offline.Valid: "valid", offline.Reserve: "to confirm", offline.Refused: "refused", offline.Unknown: "not verified"},
		small: []string{
			"This certificate proves that this computer made this check at the time of its clock, and that it gave this answer from nothing but the signed facts that it held then. " +
				"It holds for the date of care and the domain shown.",
			"“Authentic card” means that the insurer named by the card has signed its code. A card can be photocopied: the certificate does not prove the identity of the " +
				"person who showed it, which is to be compared as usual.",
			"The number goes on the invoice. It names the entry in this computer's journal; its last four characters come from that entry's hash, which holds the hash of " +
				"the entry before: an entry that was changed afterwards no longer has this number. The certificate holds no name, no member number and no social security number.",
		},
	},
}

// book gives the phrases of a language; one that is not known is French.
func book(lang offline.Language) (offline.Language, phrases) {
	if b, ok := books[lang]; ok {
		return lang, b
	}
	return offline.French, books[offline.French]
}

// Title of the printed receipt.
func Title(lang offline.Language, r Record) string {
	_, b := book(lang)
	if r.Receipt.Mode == Online {
		return b.titleOnline
	}
	return b.title
}

// SmallPrintOf says what a receipt proves and what it does not; of an online check the first paragraph is another.
func SmallPrintOf(lang offline.Language, r Record) []string {
	lang, b := book(lang)
	out := make([]string, len(b.small))
	for i, s := range b.small {
		switch promises := r.Receipt.mayBeInvoiced(); {
		case i == 0 && r.Receipt.Accord != "" && promises:
			s = b.smallOnline
		case i == 0 && r.Receipt.Accord != "":
			s = b.smallAnswer
		case !promises:
			s = strings.Replace(s, b.onInvoice, b.designates, 1)
		}
		out[i] = spaced(lang, s)
	}
	return out
}

// mayBeInvoiced says whether a number of the check goes on an invoice: not that of a refusal, of an unknown, or of a service's
// reserve that promises nothing.
func (r Receipt) mayBeInvoiced() bool {
	return r.Status == offline.Valid || r.Status == offline.Reserve && (r.Accord == "" || !r.PayUntil.IsZero())
}

// StatusWord is the answer in one word.
func StatusWord(lang offline.Language, s offline.Status) string {
	_, b := book(lang)
	if w, ok := b.statuses[s]; ok {
		return w
	}
	return b.statuses[offline.Unknown]
}

// AnswerWord is a service's answer for an entry in one word; "" for none.
func AnswerWord(lang offline.Language, answer string) string {
	_, b := book(lang)
	return b.answers[answer]
}

// Lines are the rows of the printed receipt. verdict is the headline that the screen showed; "" to say it from the receipt alone.
func Lines(lang offline.Language, rec Record, verdict string, c Counter) []Row {
	lang, b := book(lang)
	r, v := rec.Receipt, rec.Receipt.Verdict()
	if verdict == "" {
		verdict = v.Words(lang).Headline
	}
	rows := []Row{{b.number, string(rec.Number)}}
	if r.Accord != "" {
		label := b.accord
		if !r.mayBeInvoiced() {
			label = b.answer
		}
		rows = []Row{{label, string(r.Accord)}, {b.number, string(rec.Number)}}
	}
	who := []string{}
	if c.Name != "" {
		who = append(who, c.Name)
	}
	if c.FINESS != "" {
		who = append(who, "FINESS "+c.FINESS)
	}
	if len(who) > 0 {
		rows = append(rows, Row{b.counter, strings.Join(who, ", ")})
	}
	answer := verdict + " (" + b.code + string(r.Reason)
	if r.Detail != "" {
		answer += ", " + r.Detail
	}
	rows = append(rows,
		Row{b.at, moment(lang, rec.At, true) + b.paris},
		Row{b.care, orElse(r.Care.French(), b.none)},
		Row{b.domain, b.domainWords(r)},
		Row{b.verdict, answer + ")"},
		Row{b.card, orElse(r.Card, b.unauthentic)})
	if r.KID != "" {
		rows = append(rows, Row{b.key, r.KID})
	}
	if r.Card != "" {
		rows = append(rows, Row{b.person, b.personWords(r)})
	}
	list := b.noList
	if r.List > 0 {
		list = strings.NewReplacer("{list}", strconv.FormatUint(uint64(r.List), 10), "{revision}", strconv.FormatUint(r.Revision, 10),
			"{published}", moment(lang, r.Published, false), "{age}", v.Age(lang)).Replace(b.listWords)
	}
	rows = append(rows, Row{b.list, list})
	if r.Policy != "" {
		rows = append(rows, Row{b.policy, groups(r.Policy, 4)})
	}
	pay := b.noPay
	if !r.PayUntil.IsZero() {
		ceiling := b.noCeiling
		if r.PayEuros > 0 {
			ceiling = map[offline.Language]string{offline.French: strconv.Itoa(r.PayEuros) + " € au plus", offline.English: "up to €" + strconv.Itoa(r.PayEuros)}[lang]
		}
		pay = strings.NewReplacer("{until}", moment(lang, r.PayUntil, false), "{ceiling}", ceiling).Replace(b.payWords)
	}
	mode := b.offline
	switch {
	case r.Mode == Online:
		mode = b.online
	case r.Detail == offline.DetailTold:
		mode = b.told
	}
	rows = append(rows, Row{b.pay, pay}, Row{b.mode, mode})
	if s := rec.Settled; s.Answer != "" {
		said := b.answers[s.Answer] + b.settledAt + moment(lang, s.At, false)
		if s.Reason != "" {
			said += " (" + b.code + s.Reason + ")"
		}
		rows = append(rows, Row{b.settled, said})
	}
	rows = append(rows,
		Row{b.device, Short(rec.Device) + " · " + groups(rec.Device, 8)},
		Row{b.imprint, halves(groups(hex.EncodeToString(rec.Hash[:]), 8))})
	for i := range rows {
		rows[i] = Row{spaced(lang, rows[i].Label), spaced(lang, rows[i].Value)}
	}
	return rows
}

// domainWords names the domain by the table that the program carries; its labels are French in every language.
func (b phrases) domainWords(r Receipt) string {
	if r.Domain == "" {
		return b.alone
	}
	if d, ok := rights.DefaultCodes().Domain(r.Domain, r.Care); ok {
		return d.Label + " (" + r.Domain + ")"
	}
	return r.Domain
}

func (b phrases) personWords(r Receipt) string {
	if r.Person == 0 {
		return b.household
	}
	return b.place + strconv.Itoa(r.Person)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// moment writes a time in Paris, to the second or to the minute. In the hour that comes twice in October, the offset tells
// the two apart.
func moment(lang offline.Language, t time.Time, second bool) string {
	layout, between := "15:04", " à "
	if lang == offline.English {
		between = " at "
	}
	if second {
		layout = "15:04:05"
	}
	t = t.In(rights.Paris())
	_, offset := t.Zone()
	_, before := t.Add(-time.Hour).Zone()
	_, after := t.Add(time.Hour).Zone()
	out := rights.DateAt(t).French() + between + t.Format(layout)
	if (before > offset || after < offset) && t.Hour() == 2 {
		out += t.Format(" UTC-07:00")
	}
	return out
}

// groups cuts s into groups of n, so that it can be compared by eye.
func groups(s string, n int) string {
	var b strings.Builder
	for i := 0; i < len(s); i += n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i:min(i+n, len(s))])
	}
	return b.String()
}

// halves lets a line break in the middle of a row of groups and nowhere else.
func halves(s string) string {
	half := len(s) / 2
	return strings.ReplaceAll(s[:half], " ", "\u00a0") + s[half:half+1] + strings.ReplaceAll(s[half+1:], " ", "\u00a0")
}

// spaced puts the no-break spaces of French typography.
func spaced(lang offline.Language, s string) string {
	if lang != offline.French {
		return s
	}
	return french.Replace(s)
}

var french = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»", " €", "\u00a0€", "n° ", "n°\u00a0")
