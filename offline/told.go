// An online refusal remembered: what a service answered lately outweighs a list that was published before it.

package offline

import (
	"time"

	"sceau/card/accord"
	"sceau/rights"
)

// DetailTold is the Detail of a verdict that relies on an earlier answer of a rights service in place of the list.
const DetailTold = "told_online"

// Told is an earlier answer of a rights service about the card of a verdict, and the rule it gave: Since is the first day of
// the refusal, 0 for one of every day.
type Told struct {
	Accord accord.Number
	At     time.Time // by the counter's clock
	Reason Reason
	Since  rights.Date
}

// Ended says that the card itself, or its contract, is refused from a day on, for everybody and every domain: what a service
// that said so goes on saying until it says otherwise.
func (r Reason) Ended() bool {
	switch r {
	case Revoked, Replaced, Suspended, RightsEnded, NotIssued:
		return true
	}
	return false
}

// Alive says that whoever gave this reason had found the card and its contract not ended on the date of care.
func (r Reason) Alive() bool {
	return StatusOf(r) == Valid || r == ChoosePerson || r == OnlineOnly || r == NotCovered
}

// Recall is the verdict of a list, overruled by a refusal that the counter was told online after that list was published. It
// only ever takes away: what is not open by the list stays as it is, and so does what t has no say in. Which answers count is
// for the caller to choose.
func (v Verdict) Recall(t Told) Verdict {
	open := v.Status == Valid || v.Status == Reserve
	if !open || v.Card == nil || v.Online != nil || !t.Reason.Ended() || t.Since > v.Care {
		return v
	}
	v.Told, v.Pay, v.Since, v.Own, v.Ahead = &t, nil, t.Since, false, false
	v.People = append([]Person(nil), v.People...)
	v.Detail = DetailTold
	return v.say(t.Reason, nil)
}

// toldWords says where the refusal is from.
func (v Verdict) toldWords(lang Language) string {
	if v.Told == nil {
		return ""
	}
	at := v.Told.At.In(rights.Paris())
	day, hour := rights.DateAt(at).French(), at.Format("15:04")
	if lang == English {
		return " According to the online check of " + day + " at " + hour + ", which is newer than the list."
	}
	return " D’après la vérification en ligne du " + day + " à " + hour + ", plus récente que la liste."
}
