package issuer

import (
	"context"
	"errors"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
	"sceau/signing"
)

// A backup of before a theft is restored: the stolen key does not sign again, and nothing is made more trusted than it was.
func TestAdoptKeyStates(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.seed(3)
	w.issue(IssueRequest{All: true})
	kid := w.signingKID()
	document := func() *card.Insurer {
		var doc *card.Insurer
		w.view(func(tx register.Tx) (err error) { doc, err = documentOf(tx, amc); return err })
		return doc
	}
	before := document()
	published := document()
	keyOfKID(published.CardKeys, kid).State = signing.StateListed
	got := must(w.issuer.AdoptKeyStates(ctx, published))(t)
	if len(got) != 1 || got[0].KID != kid || w.keyState(kid).State != signing.StateListed {
		t.Fatalf("%+v", got)
	}
	w.put(household(t, "B1", 1, 0))
	if _, err := w.issuer.Issue(ctx, IssueRequest{All: true}, func(Issued) error { return nil }); !errors.Is(err, ErrNoCardKey) {
		t.Errorf("the stolen key signs: %v", err)
	}
	if got = must(w.issuer.AdoptKeyStates(ctx, published))(t); len(got) != 0 {
		t.Errorf("twice: %+v", got)
	}
	if got = must(w.issuer.AdoptKeyStates(ctx, before))(t); len(got) != 0 || w.keyState(kid).State != signing.StateListed {
		t.Errorf("an older document made it active again: %+v", got)
	}
	theft := must(w.issuer.CompromiseCardKey(ctx, kid))(t)
	if theft.Cards != 3 || theft.Next == "" {
		t.Errorf("%+v", theft)
	}
	w.issue(IssueRequest{All: true})
	w.sound()
	published.AMC = rights.AMC("123456782")
	if _, err := w.issuer.AdoptKeyStates(ctx, published); !errors.Is(err, ErrUnknownInsurer) {
		t.Error(err)
	}
}
