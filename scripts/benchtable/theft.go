// What a stolen card key costs afterwards: the size of the list that saves its cards, and what a verdict pays for looking there.

package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"sceau/card"
	"sceau/card/issued"
	"sceau/card/status"
	"sceau/fixtures/gen"
	"sceau/offline"
	"sceau/rights"
	"sceau/signing"
)

const (
	// portfolio is an average insurer's: 33 million cards among 84.
	portfolio = 33_000_000 / 84
	// listLimit and extraLimit are what was promised of the list and of the verdict.
	listLimit  = 7_000_000
	extraLimit = 5 * time.Microsecond

	theftCards  = 400
	theftRounds = 31
)

// oneInsurer is a counter that follows one insurer, with one empty list.
type oneInsurer struct {
	issuer *offline.Issuer
	page   *status.Page
}

func (f *oneInsurer) Issuer(string) (*offline.Issuer, error)    { return f.issuer, nil }
func (f *oneInsurer) Page(string, uint32) (*status.Page, error) { return f.page, nil }
func (f *oneInsurer) OwnerOf(string) (string, error)            { return "", offline.ErrUnknownIssuer }
func counterOf(i *offline.Issuer, key string, list uint32) offline.Facts {
	return &oneInsurer{i, status.New(key, list)}
}

func (b *bench) theft() error {
	signer, private, err := newSigner()
	if err != nil {
		return err
	}
	insurer := insurerFor(signer)
	insurer.Outage = card.DefaultOutage()
	texts, digests, err := theftSample(signer, insurer)
	if err != nil {
		return err
	}
	files, err := issued.Parts(insurer.AMC.Key(), signer.KID(), digests)
	if err != nil {
		return err
	}
	size := 0
	for _, f := range files {
		size += len(f)
	}
	b.add(fmt.Sprintf("list of the cards of a stolen key, an average insurer's %d", portfolio), fmt.Sprintf("%.2f MB", float64(size)/1e6),
		fmt.Sprintf("limit %d MB", listLimit/1_000_000), float64(size)/listLimit, 1)

	part, err := issued.Decode(files[signer.KID()])
	if err != nil {
		return err
	}
	facts := func(state signing.State) (offline.Facts, error) {
		own := *insurer
		key := *insurer.CardKeys[0]
		key.State = state
		own.CardKeys = []*signing.PublicKey{&key}
		ring, err := own.Keyring()
		if err != nil {
			return nil, err
		}
		return counterOf(&offline.Issuer{Insurer: &own, Keys: ring, Codes: rights.DefaultCodes(), Published: at, Expires: at.Add(7 * 24 * time.Hour),
			Issued: func(_ string, d [16]byte) (bool, error) { return part.Has(d), nil }}, own.AMC.Key(), 1), nil
	}
	active, err := facts(signing.StateActive)
	if err != nil {
		return err
	}
	listed, err := facts(signing.StateListed)
	if err != nil {
		return err
	}
	ask := func(f offline.Facts) func() error {
		return func() error {
			for _, text := range texts {
				if v := offline.Check(f, offline.Query{Text: text, Now: at.Add(time.Hour)}); v.Card == nil {
					return fmt.Errorf("a genuine card was not believed: %s", v.Reason)
				}
			}
			return nil
		}
	}
	extra := make([]float64, theftRounds)
	for i := range extra {
		t, err := interleaved(1, ask(active), ask(listed))
		if err != nil {
			return err
		}
		extra[i] = (t[1] - t[0]) / theftCards
	}
	b.add("a verdict on a card of a stolen key, beyond one on any card", fmt.Sprintf("%.2f µs", max(median(extra), 0)/1000), "limit 5 µs", max(median(extra), 0)/float64(extraLimit), 1)
	return b.lookUp(part, digests, private)
}

// lookUp measures the look-up alone, beside the signature that every verdict verifies.
func (b *bench) lookUp(part *issued.Part, digests [][issued.DigestSize]byte, private *ecdsa.PrivateKey) error {
	const times = 200_000
	sum := sha256.Sum256([]byte("a card"))
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		return err
	}
	t, err := interleaved(9, func() error {
		for i := range times {
			d := digests[i*7919%len(digests)]
			d[issued.DigestSize-1] ^= byte(i & 1) // every second one is forged
			if part.Has(d) != (i&1 == 0) {
				return errors.New("a look-up was wrong")
			}
		}
		return nil
	}, func() error {
		for range times / 1000 {
			if !ecdsa.VerifyASN1(&private.PublicKey, sum[:], signature) {
				return errors.New("not verified")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	look, verify := t[0]/times, t[1]/(times/1000)
	b.add("looking a card up in that list", fmt.Sprintf("%.0f ns", look), fmt.Sprintf("one ecdsa.Verify %.0f µs", verify/1000), look/verify, 0)
	return nil
}

// theftSample makes some real cards, and the digests of a whole portfolio with them in it.
func theftSample(signer *signing.Signer, insurer *card.Insurer) (texts []string, digests [][issued.DigestSize]byte, err error) {
	for i := range portfolio {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		if i < theftCards {
			household := gen.Household(uint64(i), sizes[i%len(sizes)])
			household.Insurer = insurer.AMC
			token, _, err := seal(signer, household, place(i), at)
			if err != nil {
				return nil, nil, err
			}
			u, err := card.Parse(token.CodeText())
			if err != nil {
				return nil, nil, err
			}
			sum = u.Digest()
			texts = append(texts, token.CodeText())
		}
		digests = append(digests, [issued.DigestSize]byte(sum[:]))
	}
	return texts, digests, nil
}
