// The calculator: what the AMC share of an amount would be. It informs and promises nothing.

package desk

import (
	"net/http"

	"sceau/offline"
	"sceau/rights"
)

// shareBody is one priced product, as people type it.
type shareBody struct {
	Spent     string        `json:"spent"`
	Base      string        `json:"base"`
	AMO       int           `json:"amo"` // the product's rate in the régime général: 65, 30 or 15, whatever the regime pays
	Guarantee string        `json:"guarantee"`
	Regime    rights.Regime `json:"regime"`
	Care      string        `json:"care"` // date of care; today when missing
}

type shares struct {
	AMO     string `json:"amo"`
	AMC     string `json:"amc"`
	Rest    string `json:"rest,omitempty"`    // "" when nothing is left: no sum of zero is ever promised
	Covered string `json:"covered,omitempty"` // what is said instead
	Rate    int    `json:"rate"`              // percent of the base that the AMO pays
	Words   string `json:"words"`
}

func (s *Server) share(w http.ResponseWriter, r *http.Request, v *visit) error {
	var b shareBody
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	q, err := b.question(rights.DateAt(s.o.Now()))
	if err != nil {
		return amountError(err)
	}
	got, err := rights.DefaultShareRules().Share(q)
	if err != nil {
		return amountError(err)
	}
	out := shares{AMO: got.AMO.French(), AMC: got.AMC.French(), Rest: got.Rest.French(), Rate: got.Rate, Words: got.French()}
	if v.lang == offline.English {
		out = shares{AMO: got.AMO.English(), AMC: got.AMC.English(), Rest: got.Rest.English(), Rate: got.Rate, Words: got.English()}
	}
	if got.Rest == 0 {
		out.Rest, out.Covered = "", covered(got.Spent, q.Base, v.lang)
	}
	return writeJSON(w, http.StatusOK, out)
}

// covered says what stands in the place of a rest of zero. Franchises and participations are left to the insured person by
// law, so "nothing to pay" would be wrong.
func covered(spent, base rights.Cents, lang offline.Language) string {
	switch {
	case spent == 0:
		return ""
	case spent < base && lang == offline.English:
		return "amount below the reimbursement base, covered by both shares, deductibles and contributions aside"
	case spent < base:
		return "montant inférieur à la base de remboursement, couvert par les deux parts, hors franchises et participations"
	case lang == offline.English:
		return "covered at 100% of the reimbursement base, deductibles and contributions aside"
	}
	return "pris en charge à 100\u00a0% de la base de remboursement, hors franchises et participations"
}

func (b shareBody) question(today rights.Date) (q rights.ShareQuestion, err error) {
	if len(b.Spent) > 32 || len(b.Base) > 32 || len(b.Guarantee) > 64 {
		return q, errAmount
	}
	q.Class, q.Regime, q.At = b.AMO, b.Regime, today
	if b.Care != "" {
		if q.At, err = rights.ParseDate(b.Care); err != nil {
			return q, err
		}
	}
	if q.Spent, err = rights.ParseCents(b.Spent); err != nil {
		return q, err
	}
	if q.Base, err = rights.ParseCents(b.Base); err != nil {
		return q, err
	}
	q.Guarantee, err = rights.ParseGuarantee(b.Guarantee)
	return q, err
}

// amountError says which of the figures is meant, where package rights does; it never quotes them.
func amountError(err error) error {
	code := rights.CodeOf(err)
	if code == "" {
		return errAmount
	}
	precise := *errAmount
	precise.code, precise.fr.what = code, rights.FrenchOf(err)
	if what, ok := amountEnglish[code]; ok {
		precise.en.what = what
	}
	if code == rights.ErrNeedsPEC.Code {
		precise.fr.todo, precise.en.todo = "demander la prise en charge à la mutuelle", "ask the insurer for the prise en charge"
	}
	return &precise
}

// amountEnglish has the words of package rights, whose own are for programs.
var amountEnglish = map[string]string{
	rights.ErrNeedsPEC.Code:       "a prise en charge must be asked of the insurer: no amount can be worked out here",
	rights.ErrShareClass.Code:     "this AMO rate is not one of a product: choose 65, 30 or 15 %",
	rights.ErrShareRegime.Code:    "no rate is known for this scheme on that day",
	rights.ErrAmount.Code:         "amount not understood: write for example 25,00 or 1 234,50 €, with two decimals or none",
	rights.ErrAmountRange.Code:    "amount out of range: from 0 to 999 999,99 €",
	rights.ErrGuarantee.Code:      "guarantee not understood: write it as the card does, for example 100%, 100/100/15, TM or PEC",
	rights.ErrGuaranteeRange.Code: "guarantee out of range",
	rights.ErrCircuits.Code:       "the guarantee names its circuits in a way that no card does",
}
