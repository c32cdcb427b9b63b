// The shares of AMO and AMC in a priced sale: arithmetic on figures that people typed, to inform and never to promise.

package rights

import (
	"fmt"
	"slices"
	"strings"
)

// Regime says by which rates the AMO pays.
type Regime string

// The regimes. RegimeALD is care at 100 %: affection de longue durée exonérante, maternité, accident du travail.
const (
	RegimeGeneral       Regime = "general"
	RegimeALD           Regime = "ald"
	RegimeAlsaceMoselle Regime = "alsace-moselle"
)

// Regimes returns all of them, the most usual first.
func Regimes() []Regime { return []Regime{RegimeGeneral, RegimeALD, RegimeAlsaceMoselle} }

// Refusals of ShareRules.Share.
var (
	// ErrNeedsPEC: the payer decides on each request, so nothing can be calculated.
	ErrNeedsPEC = &Invalid{"share_needs_pec", "prise en charge à demander à l’organisme : aucun montant ne peut être calculé ici",
		"a prise en charge must be asked for: no amount can be calculated"}
	ErrShareClass = &Invalid{"share_class", "taux de la Sécurité sociale non prévu : choisissez 65, 30 ou 15 %", "AMO rate is not 65, 30 or 15"}
	// ErrShareRegime: unknown, or the table has no rate for it on that day.
	ErrShareRegime = &Invalid{"share_regime", "régime non prévu à cette date", "no rate for this regime on that day"}
)

// ShareQuestion is one priced product or act.
type ShareQuestion struct {
	Spent     Cents // price: la dépense
	Base      Cents // base de remboursement
	Class     int   // AMO rate of the régime général: 65, 30 or 15
	Regime    Regime
	Guarantee Guarantee
	At        Date // date of care
}

// Share is how the price divides. AMO + AMC + Rest is Spent, and none is negative. It is always indicative: what the AMO and
// the AMC really pay also depends on what neither the card nor this question says.
type Share struct {
	Spent, AMO, AMC, Rest Cents
	Rate                  int     // percent of the base that the AMO pays
	Never                 []Never // what no contrat responsable covers, and Rest does not hold
	Verified              bool    // every figure of the tables that was used had been checked against its source
}

// Share divides q.Spent:
//
//	AMO  = base × AMO rate, at most what was spent
//	AMC  = max(0, min(base × guarantee, spent) − AMO)
//	rest = spent − AMO − AMC
//
// A rate of a guarantee includes the AMO's part ("Sécurité sociale included"); TM is 100 %; a guarantee in euros comes on top of
// the AMO's part; "-" is nothing. Each product is rounded to the cent, half a cent up. Errors: ErrNeedsPEC, ErrShareClass,
// ErrShareRegime, ErrAmountRange, and those of Guarantee.Check.
func (r *ShareRules) Share(q ShareQuestion) (Share, error) {
	if err := q.Guarantee.Check(); err != nil {
		return Share{}, err
	}
	for _, amount := range []Cents{q.Spent, q.Base} {
		if amount < 0 || amount > MaxCents {
			return Share{}, ErrAmountRange
		}
	}
	class := slices.Index(classes[:], q.Class)
	if class < 0 {
		return Share{}, ErrShareClass
	}
	rate, ok := r.rate(q.Regime, q.Class, q.At)
	if !ok {
		return Share{}, ErrShareRegime
	}
	s := Share{Spent: q.Spent, Rate: rate.Rate, Verified: rate.Verified, AMO: min(q.Base.percent(rate.Rate), q.Spent)}
	switch q.Guarantee.Kind {
	case PEC:
		return Share{}, ErrNeedsPEC
	case Rate:
		s.AMC = s.complement(q.Base.percent(q.Guarantee.Rates[0]))
	case Rates3:
		s.AMC = s.complement(q.Base.percent(q.Guarantee.Rates[class]))
	case TM:
		s.AMC = s.complement(q.Base)
	case Amount:
		s.AMC = min(Cents(q.Guarantee.Euros)*100, s.Spent-s.AMO)
	case None:
	}
	s.Rest = s.Spent - s.AMO - s.AMC
	for _, n := range r.never {
		if inForce(n.From, n.To, q.At) {
			s.Never = append(s.Never, n)
			s.Verified = s.Verified && n.Verified
		}
	}
	return s, nil
}

// classes are the AMO rates that Guarantee.Rates stand for, in their order.
var classes = [3]int{65, 30, 15}

// complement is what is left of a guarantee that includes the AMO's part.
func (s Share) complement(guaranteed Cents) Cents { return max(0, min(guaranteed, s.Spent)-s.AMO) }

// shareWords are the phrases of one language. They never say that nothing is to be paid: something always may be.
type shareWords struct {
	start, noAMO, amo, noAMC, amc, rest, covered string // amo takes an amount and a rate, amc and rest an amount
	never, usual                                 string
	amount                                       func(Cents) string
	one                                          func(Never) string // what no contrat responsable covers
}

var (
	frenchShare = shareWords{start: "Indicatif\u00a0: ", noAMO: "aucune part AMO", amo: "part AMO %s (%d\u00a0%% de la base)", noAMC: "aucune part AMC", amc: "part AMC %s",
		rest: "reste %s", covered: "dépense couverte par ces parts", never: " S’y ajoutent, jamais couvertes par un contrat responsable\u00a0: ", usual: " Taux d’usage, à confirmer.",
		amount: Cents.French, one: func(n Never) string { return n.Label + " (" + n.Amount.French() + " " + n.Unit + ")" }}
	// The legal terms stay French.
	englishShare = shareWords{start: "Indicative only: ", noAMO: "no part AMO", amo: "part AMO %s (%d%% of the base)", noAMC: "no part AMC", amc: "part AMC %s",
		rest: "rest %s", covered: "all of it covered by these shares", never: " On top, never covered by a contrat responsable: ", usual: " Usual rate, to be confirmed.",
		amount: Cents.English, one: func(n Never) string { return n.Label + " (" + n.Amount.English() + ")" }}
)

// French says the result in words.
func (s Share) French() string { return s.say(frenchShare) }

// English says it in English.
func (s Share) English() string { return s.say(englishShare) }

func (s Share) say(w shareWords) string {
	amo, amc := w.noAMO, w.noAMC
	if s.AMO > 0 {
		amo = fmt.Sprintf(w.amo, w.amount(s.AMO), s.Rate)
	}
	if s.AMC > 0 {
		amc = fmt.Sprintf(w.amc, w.amount(s.AMC))
	}
	text := w.start + amo + ", " + amc
	switch {
	case s.Rest > 0:
		text += ", " + fmt.Sprintf(w.rest, w.amount(s.Rest))
	case s.Spent > 0:
		text += ", " + w.covered
	}
	text += "."
	if len(s.Never) > 0 {
		var never []string
		for _, n := range s.Never {
			never = append(never, w.one(n))
		}
		text += w.never + strings.Join(never, ", ") + "."
	}
	if !s.Verified {
		text += w.usual
	}
	return text
}
