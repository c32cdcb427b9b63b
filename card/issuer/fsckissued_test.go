// Fsck and the lists of stolen keys: each card of the key is on it, and nothing else is.

package issuer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/register"
	"sceau/signing"
)

func TestFsckIssuedLists(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func([][issued.DigestSize]byte) [][issued.DigestSize]byte // what is published; nil publishes no list
		want   int
	}{
		{"whole", func(d [][issued.DigestSize]byte) [][issued.DigestSize]byte { return d }, 0},
		{"a card left out", func(d [][issued.DigestSize]byte) [][issued.DigestSize]byte { return d[1:] }, 1},
		{"all left out", func([][issued.DigestSize]byte) [][issued.DigestSize]byte { return nil }, 5},
		{"a forged card", func(d [][issued.DigestSize]byte) [][issued.DigestSize]byte {
			return append(d, [issued.DigestSize]byte{7})
		}, 1},
		{"one for another", func(d [][issued.DigestSize]byte) [][issued.DigestSize]byte { d[2][3] ^= 1; return d }, 2},
	} {
		w := newWorld(t)
		w.seed(5)
		w.issue(IssueRequest{All: true})
		kid := w.signingKID()
		var digests [][issued.DigestSize]byte
		for _, k := range w.all() {
			sum := sha256.Sum256([]byte(signing.SigningInput(card.Kind, k.KID, k.Payload)))
			digests = append(digests, [issued.DigestSize]byte(sum[:]))
		}
		files := must(issued.Parts(amc, kid, c.change(digests)))(t)
		if err := w.issuer.listKey(context.Background(), &Theft{Purpose: PurposeCard, KID: kid, At: w.clock}); err != nil {
			t.Fatal(err)
		}
		w.sound() // listed in the register, and not told yet: no fault
		if _, _, err := w.issuer.publish(context.Background(), w.clock, func(e *edition, _ time.Time) error {
			e.stolen[kid] = &stolenList{files: files}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got := w.codes(); got[FoundIssuedList] != c.want || len(got) > 1 || c.want == 0 && len(got) > 0 {
			t.Errorf("%s: %v, want %d", c.name, got, c.want)
		}
		w.put(household(t, "B1", 1, 0))
		w.issue(IssueRequest{All: true}) // with the key that followed: on no list, and no fault
		if got := w.codes(); got[FoundIssuedList] != c.want {
			t.Errorf("%s: %v after another card, want %d", c.name, got, c.want)
		}
	}
}

// A card that direct SQL puts under a stolen key is found, and a key that is listed with no list too.
func TestFsckIssuedListsOfAnEditedRegister(t *testing.T) {
	w := newWorld(t)
	w.seed(4)
	_, out := w.issue(IssueRequest{All: true})
	kid := w.signingKID()
	must(w.issuer.CompromiseCardKey(context.Background(), kid))(t)
	w.sound()
	w.tamper(fmt.Sprintf("UPDATE card SET payload = (SELECT payload FROM card WHERE idx = %d) WHERE idx = %d", out[1].Place.Index, out[2].Place.Index))
	if got := w.codes(); got[FoundIssuedList] != 0 || got[FoundSignLogDigest] == 0 {
		t.Errorf("two rows with one payload: %v", got)
	}
	w.tamper(fmt.Sprintf("DELETE FROM file WHERE path LIKE 'amc/%s/issued/%%'", amc))
	if got := w.codes(); got[FoundTarget] == 0 {
		t.Errorf("no list: %v", got)
	}
	_ = register.Live
}
