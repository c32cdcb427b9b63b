// What this counter was told online before, and what of it still holds when the service is silent.

package counter

import (
	"context"
	"time"

	"sceau/offline"
	"sceau/offline/receipt"
	"sceau/rights"
)

// Recall is the power of a Journal that can be searched for what a service answered of a card. Without it a counter that is
// cut off knows no more than the lists.
type Recall interface {
	// AskedOnline returns the newest checks of a card ("<AMC key>/<list>-<index>") that a service answered and that are dated
	// after a moment, in the reverse order of their writing. An error says nothing of the card.
	AskedOnline(ctx context.Context, card string, after time.Time) ([]receipt.Record, error)
}

// recall lets a refusal that came online after the list was published prevail over what the list says. It never opens
// anything: without an answer that counts, and whatever goes wrong, the list's verdict stands.
func (a *Answer) recall(ctx context.Context, j Journal, now time.Time) {
	known, ok := j.(Recall)
	if !ok || a.Card == nil || a.List == nil || a.Status != offline.Valid && a.Status != offline.Reserve {
		return
	}
	// Whoever asked may have gone away: the verdict is written all the same, and must be the right one.
	found, err := known.AskedOnline(context.WithoutCancel(ctx), a.Card.Issuer().Key()+"/"+a.Card.Place().String(), a.List.Published)
	if err != nil {
		return
	}
	if t, ok := lastTold(found, a.Card.KID(), a.Care, a.List.Published, now); ok {
		a.Verdict = a.Recall(t)
	}
}

// lastTold finds the refusal that holds on the date of care, in answers about one card, newest first. The order of writing says
// which is the newest, because a clock may have been set in between. A refusal that is not dated after the list and up to
// now doesn't count: nobody knows whether the list is newer. What says that the card lives takes back the refusals before
// it that would have refused it, up to the end that it may itself have told.
func lastTold(found []receipt.Record, kid string, care rights.Date, published, now time.Time) (offline.Told, bool) {
	var alive []receipt.Receipt
	for _, rec := range found {
		r := rec.Receipt
		if r.KID != kid || r.Accord == "" {
			continue // another card that claims the same place
		}
		if r.Reason.Alive() {
			alive = append(alive, r)
			continue
		}
		if !r.Reason.Ended() || !rec.At.After(published) || rec.At.After(now) {
			continue
		}
		t := offline.Told{Accord: r.Accord, At: rec.At, Reason: r.Reason, Since: r.Since}
		if t.Since == 0 && t.Reason != offline.NotIssued {
			t.Since = r.Care // no day was given: it holds from the one that was asked for
		}
		for _, later := range alive {
			if later.Care >= t.Since && (later.Since == 0 || care < later.Since) {
				return offline.Told{}, false
			}
		}
		return t, true // what was said before is outdated by it, also where it has no say itself
	}
	return offline.Told{}, false
}
