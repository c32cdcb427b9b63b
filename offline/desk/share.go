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
	AMO       int           `json:"amo"` // rate of the régime général: 65, 30 or 15; 100 is care exempt from it
	Guarantee string        `json:"guarantee"`
	Regime    rights.Regime `json:"regime"`
	Care      string        `json:"care"` // date of care; today when missing
}

type shares struct {
	AMO   string `json:"amo"`
	AMC   string `json:"amc"`
	Rest  string `json:"rest"`
	Rate  int    `json:"rate"` // percent of the base that the AMO pays
	Words string `json:"words"`
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
	if v.lang == offline.English {
		return writeJSON(w, http.StatusOK, shares{got.AMO.English(), got.AMC.English(), got.Rest.English(), got.Rate, got.English()})
	}
	return writeJSON(w, http.StatusOK, shares{got.AMO.French(), got.AMC.French(), got.Rest.French(), got.Rate, got.French()})
}

func (b shareBody) question(today rights.Date) (q rights.ShareQuestion, err error) {
	if len(b.Spent) > 32 || len(b.Base) > 32 || len(b.Guarantee) > 64 {
		return q, errAmount
	}
	q.Class, q.Regime, q.At = b.AMO, b.Regime, today
	if b.AMO == 100 {
		q.Class, q.Regime = 65, rights.RegimeALD // that regime pays the same for every class
	}
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
	return &precise
}
