// The words of a verdict, French first: what is read from a metre away, what it means, and what to do next.

package offline

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sceau/rights"
)

// Language of the words: "fr" or "en".
type Language string

const (
	French  Language = "fr"
	English Language = "en"
)

// Words are what a person reads. They never accuse, never give a motive, and never say that the bearer was verified:
// a card can be photocopied, so only the card is authentic.
type Words struct {
	Headline string // upper case, at most a line
	Meaning  string // one sentence
	Next     string // what to do now
}

// phrase holds the words of one reason. {day} is Verdict.Since and {eve} the day before it, {care} the date of
// care, {list} the list's date, {age} its age, {value} the value for the domain, {domain} its label.
type phrase struct{ headline, meaning, next string }

var phrases = map[Language]map[Reason]phrase{
	French: {
		OK: {"DROITS OUVERTS", "Carte authentique. Tiers payant possible{value}.",
			"Comparer l’identité, facturer et garder la preuve de cette vérification."},
		OKPEC: {"DROITS OUVERTS : PRISE EN CHARGE À DEMANDER", "Carte authentique. {domain} : accord préalable de la mutuelle nécessaire.",
			"Demander la prise en charge en ligne ou par téléphone ; sans réponse, le devis reste indicatif."},
		BeforeEnd: {"SOINS ANTÉRIEURS À LA FIN DE DROITS : DROITS OUVERTS À CETTE DATE", "Carte authentique. Les droits sont ouverts le {care}, et jusqu’au {eve} inclus{value}.",
			"Facturer avec la date des soins et garder la preuve de cette vérification."},
		StaleList: {"À CONFIRMER : LISTE DU {list}", "Carte authentique, mais la liste a {age} : une fin de droits récente peut manquer.",
			"Mettre la liste à jour ou confirmer en ligne ; à défaut, appliquer la politique de l’officine."},
		ChoosePerson: {"À PRÉCISER : CHOISIR LE BÉNÉFICIAIRE", "Carte authentique, mais ses bénéficiaires n’ont pas tous les mêmes droits à cette date.",
			"Choisir le bénéficiaire et vérifier de nouveau."},
		NotCovered: {"DOMAINE NON COUVERT EN TIERS PAYANT", "Carte authentique. {domain} : pas de tiers payant sur cette carte.",
			"Faire régler la part complémentaire ; la mutuelle remboursera. La part obligatoire est inchangée."},
		NotYet: {"CARTE PAS ENCORE VALABLE (À PARTIR DU {day})", "Carte authentique, pas encore valable à la date des soins ({care}).",
			"Demander la carte de la période précédente."},
		Expired: {"CARTE EXPIRÉE LE {day}", "Carte authentique, mais sa période est terminée à la date des soins ({care}).",
			"Demander la nouvelle carte."},
		ownNotYet: {"DROITS PAS ENCORE OUVERTS (À PARTIR DU {day})", "Carte authentique, mais les droits de ce bénéficiaire commencent après les soins ({care}).",
			"Demander la carte qui couvrait le bénéficiaire à cette date."},
		ownExpired: {"DROITS DU BÉNÉFICIAIRE TERMINÉS LE {day}", "Carte authentique, mais les droits de ce bénéficiaire étaient terminés le jour des soins ({care}).",
			"Demander au bénéficiaire sa carte actuelle."},
		ownNotCovered: {"DOMAINE NON COUVERT EN TIERS PAYANT", "Carte authentique. {domain} : pas de tiers payant pour ce bénéficiaire.",
			"Faire régler la part complémentaire ; la mutuelle remboursera. La part obligatoire est inchangée."},
		Revoked: {"CARTE NON VALABLE DEPUIS LE {day}", "Carte annulée à la date des soins ({care}).",
			"Ne pas pratiquer le tiers payant complémentaire ; la part obligatoire est inchangée."},
		Replaced: {"CARTE REMPLACÉE : DEMANDER LA NOUVELLE CARTE", "Une carte plus récente existe depuis le {day}.",
			"Demander la nouvelle carte ; la part obligatoire est inchangée."},
		Suspended: {"CARTE SUSPENDUE DEPUIS LE {day}", "Les droits sont suspendus à la date des soins ({care}).",
			"Ne pas pratiquer le tiers payant complémentaire ; inviter l’assuré à joindre sa mutuelle."},
		RightsEnded: {"DROITS FERMÉS DEPUIS LE {day}", "Carte authentique, mais le contrat était terminé à la date des soins ({care}).",
			"Demander la carte du contrat actuel ; la part obligatoire est inchangée."},
		OnlineOnly: {"À CONFIRMER : RÉPONSE EN LIGNE SEULE", "L’organisme répond en ligne que les droits sont ouverts{value}, mais ce poste n’a pas encore reçu de quoi authentifier la carte.",
			"Comparer le nom imprimé sur la carte avec une pièce d’identité, mettre les listes à jour, puis scanner de nouveau."},
		ListTooOld: {"LISTE TROP ANCIENNE : TIERS PAYANT NON GARANTI", "Carte authentique, mais la liste du {list} a {age} : le paiement n’est plus garanti.",
			"Mettre la liste à jour (internet, clé USB, confrère) puis vérifier de nouveau."},
		NotListed: {"BÉNÉFICIAIRE NON INSCRIT SUR CETTE CARTE", "Carte authentique, mais ce bénéficiaire n’y figure pas.",
			"Vérifier le nom, ou demander l’autre carte du foyer."},
		BadSignature: {"CARTE NON AUTHENTIFIÉE", "La signature ne correspond pas au contenu du code.",
			"Scanner de nouveau ; si le message revient, ne pas accepter la carte et prévenir la mutuelle."},
		Malformed: {"CARTE NON AUTHENTIFIÉE", "Ce code n’est pas celui d’une carte de tiers payant reconnue.",
			"Scanner le code de la carte de tiers payant ; si le message revient, ne pas accepter la carte."},
		WrongInsurer: {"CARTE NON AUTHENTIFIÉE", "La carte est signée par un autre organisme que celui qu’elle annonce.",
			"Ne pas accepter la carte et prévenir la mutuelle."},
		KeyWindow: {"CARTE NON AUTHENTIFIÉE", "La carte est datée d’un jour où sa clé de signature n’était pas en service.",
			"Ne pas accepter la carte et prévenir la mutuelle."},
		KeyDead: {"CARTE NON AUTHENTIFIÉE", "La clé qui a signé cette carte n’est plus acceptée.",
			"Demander une carte plus récente."},
		NotIssued: {"CARTE NON AUTHENTIFIÉE", "L’organisme n’a jamais émis cette carte, bien que sa signature soit juste.",
			"Ne pas accepter la carte et prévenir la mutuelle."},
		KeyListed: {"NON VÉRIFIÉ : CARTE À CONFIRMER", "Les cartes de cette clé doivent être confirmées, et celle-ci ne peut pas l’être ici.",
			"Mettre la liste à jour ou joindre la mutuelle."},
		UnknownKey: {"NON VÉRIFIÉ : CLÉ INCONNUE", "Cet organisme est connu, mais pas la clé qui a signé la carte.",
			"Mettre la liste à jour puis scanner de nouveau."},
		UnknownIssuer: {"ÉMETTEUR INCONNU", "Aucune liste reçue ne parle de cet organisme : la carte n’est pas vérifiée.",
			"Mettre les listes à jour ; à défaut, joindre la mutuelle."},
		UnknownDomain: {"NON VÉRIFIÉ : DOMAINE INCONNU", "Le code de domaine {domain} ne figure ni sur la carte ni dans les tables.",
			"Choisir un autre domaine."},
		ListMissing: {"NON VÉRIFIÉ : LISTE MANQUANTE", "La carte est authentique, mais la liste qui dirait si elle est toujours valable n’a pas été reçue.",
			"Mettre la liste à jour puis scanner de nouveau."},
		ClockWrong: {"NON VÉRIFIÉ : HORLOGE DE L’ORDINATEUR FAUSSE", "L’heure de ce poste est antérieure à la dernière publication signée.",
			"Régler la date et l’heure de l’ordinateur, puis scanner de nouveau."},
		Unreadable: {"LECTURE INCOMPLÈTE", "Aucun code de carte n’a été lu en entier : la carte n’est pas en cause.",
			"Scanner de nouveau, ou vérifier le réglage de la douchette."},
		FactsUnreadable: {"NON VÉRIFIÉ : DONNÉES DU POSTE ABÎMÉES", "Les listes enregistrées sur ce poste ne sont plus lisibles.",
			"Mettre les listes à jour ; si le message revient, faire vérifier ce poste (« comptoir fsck »)."},
	},
	English: {
		OK: {"RIGHTS OPEN", "Authentic card. Tiers payant possible{value}.",
			"Compare the identity, invoice, and keep the proof of this check."},
		OKPEC: {"RIGHTS OPEN: PRIOR AGREEMENT TO REQUEST", "Authentic card. {domain}: the insurer's prior agreement is needed.",
			"Request the agreement online or by phone; without it a quote is only indicative."},
		BeforeEnd: {"CARE BEFORE THE END OF RIGHTS: OPEN ON THAT DAY", "Authentic card. Rights are open on {care}, and until {eve} included{value}.",
			"Invoice with the date of care and keep the proof of this check."},
		StaleList: {"TO CONFIRM: LIST OF {list}", "Authentic card, but the list is {age} old: a recent end of rights may be missing.",
			"Update the list or confirm online; failing that, apply the pharmacy's policy."},
		ChoosePerson: {"CHOOSE THE BENEFICIARY", "Authentic card, but its beneficiaries do not all have the same rights on that day.",
			"Choose the beneficiary and check again."},
		NotCovered: {"DOMAIN NOT COVERED BY TIERS PAYANT", "Authentic card. {domain}: no tiers payant on this card.",
			"Have the complementary share paid; the insurer will refund it. The compulsory share is unchanged."},
		NotYet: {"CARD NOT VALID YET (FROM {day})", "Authentic card, not yet valid on the date of care ({care}).",
			"Ask for the card of the previous period."},
		Expired: {"CARD EXPIRED ON {day}", "Authentic card, but its period is over on the date of care ({care}).",
			"Ask for the new card."},
		ownNotYet: {"RIGHTS NOT OPEN YET (FROM {day})", "Authentic card, but this beneficiary's rights begin after the care ({care}).",
			"Ask for the card that covered the beneficiary on that day."},
		ownExpired: {"BENEFICIARY'S RIGHTS ENDED ON {day}", "Authentic card, but this beneficiary's rights had ended on the date of care ({care}).",
			"Ask the beneficiary for the present card."},
		ownNotCovered: {"DOMAIN NOT COVERED BY TIERS PAYANT", "Authentic card. {domain}: no tiers payant for this beneficiary.",
			"Have the complementary share paid; the insurer will refund it. The compulsory share is unchanged."},
		Revoked: {"CARD NOT VALID SINCE {day}", "Card cancelled on the date of care ({care}).",
			"No complementary tiers payant; the compulsory share is unchanged."},
		Replaced: {"CARD REPLACED: ASK FOR THE NEW ONE", "A more recent card exists since {day}.",
			"Ask for the new card; the compulsory share is unchanged."},
		Suspended: {"CARD SUSPENDED SINCE {day}", "Rights are suspended on the date of care ({care}).",
			"No complementary tiers payant; invite the insured person to contact the insurer."},
		RightsEnded: {"RIGHTS CLOSED SINCE {day}", "Authentic card, but the contract was over on the date of care ({care}).",
			"Ask for the card of the present contract; the compulsory share is unchanged."},
		OnlineOnly: {"TO CONFIRM: ONLINE ANSWER ALONE", "The insurer answers online that rights are open{value}, but this computer has not yet received what it needs to authenticate the card.",
			"Compare the name printed on the card with an identity paper, update the lists, then scan again."},
		ListTooOld: {"LIST TOO OLD: PAYMENT NOT GUARANTEED", "Authentic card, but the list of {list} is {age} old: payment is no longer guaranteed.",
			"Update the list (internet, USB stick, neighbour), then check again."},
		NotListed: {"BENEFICIARY NOT ON THIS CARD", "Authentic card, but this beneficiary is not on it.",
			"Check the name, or ask for the household's other card."},
		BadSignature: {"CARD NOT AUTHENTICATED", "The signature does not match the content of the code.",
			"Scan again; if the message returns, do not accept the card and tell the insurer."},
		Malformed: {"CARD NOT AUTHENTICATED", "This code is not that of a recognised tiers payant card.",
			"Scan the code of the tiers payant card; if the message returns, do not accept the card."},
		WrongInsurer: {"CARD NOT AUTHENTICATED", "The card is signed by another insurer than the one it names.",
			"Do not accept the card and tell the insurer."},
		KeyWindow: {"CARD NOT AUTHENTICATED", "The card is dated on a day when its signing key was not in service.",
			"Do not accept the card and tell the insurer."},
		KeyDead: {"CARD NOT AUTHENTICATED", "The key that signed this card is no longer accepted.",
			"Ask for a more recent card."},
		NotIssued: {"CARD NOT AUTHENTICATED", "The insurer never issued this card, although its signature is right.",
			"Do not accept the card and tell the insurer."},
		KeyListed: {"NOT VERIFIED: CARD TO CONFIRM", "Cards of this key must be confirmed, and this one can't be here.",
			"Update the list or call the insurer."},
		UnknownKey: {"NOT VERIFIED: UNKNOWN KEY", "This insurer is known, but not the key that signed the card.",
			"Update the list, then scan again."},
		UnknownIssuer: {"UNKNOWN ISSUER", "No list received speaks of this insurer: the card is not verified.",
			"Update the lists; failing that, call the insurer."},
		UnknownDomain: {"NOT VERIFIED: UNKNOWN DOMAIN", "The domain code {domain} is neither on the card nor in the tables.",
			"Choose another domain."},
		ListMissing: {"NOT VERIFIED: LIST MISSING", "The card is authentic, but the list that would say whether it still holds was not received.",
			"Update the list, then scan again."},
		ClockWrong: {"NOT VERIFIED: THE COMPUTER'S CLOCK IS WRONG", "This computer's time is earlier than the last signed publication.",
			"Set the computer's date and time, then scan again."},
		Unreadable: {"INCOMPLETE READING", "No card's code was read in full: the card is not at fault.",
			"Scan again, or check the scanner's settings."},
		FactsUnreadable: {"NOT VERIFIED: DAMAGED DATA", "The lists kept on this computer can't be read any more.",
			"Update the lists; if the message returns, have this computer checked (“comptoir fsck”)."},
	},
}

// Words returns the verdict in words. A language that is not known is French.
func (v Verdict) Words(lang Language) Words {
	book, ok := phrases[lang]
	if !ok {
		lang, book = French, phrases[French]
	}
	p := book[v.wording()]
	fill := strings.NewReplacer(
		"{day}", v.Since.French(), "{eve}", eve(v.Since).French(), "{care}", v.Care.French(), "{list}", v.listDay(), "{age}", v.Age(lang),
		"{value}", v.value(lang), "{domain}", v.domainLabel(lang))
	w := Words{Headline: fill.Replace(p.headline), Meaning: fill.Replace(p.meaning), Next: fill.Replace(p.next)}
	if v.Ahead && v.Status == Valid {
		w.Meaning += map[Language]string{French: " Les soins sont à venir : vérifier de nouveau le jour même.",
			English: " The care is still to come: check again on the day."}[lang]
	}
	if v.Online != nil && v.Online.Changed {
		w.Meaning += map[Language]string{French: " Garanties modifiées depuis l’impression de la carte : les valeurs affichées sont celles d’aujourd’hui.",
			English: " The guarantees have changed since the card was printed: the values shown are today's."}[lang]
	}
	w.Meaning += v.toldWords(lang)
	w.Meaning += v.behindWords(lang)
	if lang == French {
		w = Words{spaced.Replace(w.Headline), spaced.Replace(w.Meaning), spaced.Replace(w.Next)}
	}
	return w
}

// Wordings of a reason that speak of the beneficiary instead of the card; never codes of a verdict.
const (
	ownNotYet     Reason = "NOT_YET/own"
	ownExpired    Reason = "EXPIRED/own"
	ownNotCovered Reason = "NOT_COVERED/own"
)

func (v Verdict) wording() Reason {
	switch {
	case v.Reason == NotYet && v.Own:
		return ownNotYet
	case v.Reason == Expired && v.Own:
		return ownExpired
	case v.Reason == NotCovered && v.Person > 0:
		return ownNotCovered
	}
	return v.Reason
}

// behindWords say that the card knows of something newer than this computer does, where the verdict's own words don't.
func (v Verdict) behindWords(lang Language) string {
	if !v.Behind || v.Card == nil || v.Online != nil || v.Told != nil || v.Status == Refused || v.Reason == ListMissing {
		return ""
	}
	if lang == English {
		return " The card is newer than this computer's list: update it."
	}
	return " La carte est plus récente que la liste de ce poste : la mettre à jour."
}

// spaced puts the no-break spaces of French typography.
var spaced = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»")

func eve(d rights.Date) rights.Date {
	if d == 0 {
		return 0
	}
	return d - 1
}

func (v Verdict) listDay() string {
	if v.List == nil {
		return ""
	}
	return rights.DateAt(v.List.Published).French()
}

// Age says how old the list is, in hours or days.
func (v Verdict) Age(lang Language) string {
	if v.List == nil {
		return ""
	}
	hours := int(v.List.Age / time.Hour)
	unit := map[Language][4]string{French: {"moins d’une heure", "heure", "heures", "jours"},
		English: {"less than an hour", "hour", "hours", "days"}}[lang]
	switch {
	case hours < 1:
		return unit[0]
	case hours < 2:
		return "1 " + unit[1]
	case hours < 48:
		return strconv.Itoa(hours) + " " + unit[2]
	}
	return strconv.Itoa(hours/24) + " " + unit[3]
}

// value says what the domain asked is covered at, when the beneficiaries asked for agree on it.
func (v Verdict) value(lang Language) string {
	if v.Domain == "" || v.Card == nil {
		return ""
	}
	var text string
	for _, p := range v.People {
		if !p.Covered {
			continue
		}
		bare := p.Value
		bare.Circuits, bare.Note = nil, 0 // the people's lines have them
		if s := bare.String(); text == "" {
			text = s
		} else if text != s {
			return " : " + v.domainLabel(lang)
		}
	}
	if text == "" {
		return ""
	}
	base := " de la base de remboursement, Sécurité sociale incluse"
	if lang == English {
		base = " of the reimbursement base, Sécurité sociale included"
	}
	if !strings.Contains(text, "%") {
		base = ""
	}
	return fmt.Sprintf(" : %s %s%s", v.domainLabel(lang), text, base)
}

func (v Verdict) domainLabel(lang Language) string {
	if v.Issuer != nil {
		if d, ok := v.Issuer.Codes.Domain(v.Domain, v.Care); ok && lang == French {
			return d.Label + " (" + v.Domain + ")"
		}
	}
	return v.Domain
}
