// How long the code is: characters, symbol version, and the same cards in SMART Health Cards' transport.

package main

import (
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"sceau/card"
	"sceau/card/qr"
	"sceau/fixtures/gen"
	"sceau/rights"
	"sceau/signing"
)

// wantVersion is the median symbol version promised for a household of 1, 3 and 6.
var wantVersion = map[int]int{1: 11, 3: 12, 6: 14}

// allWithin is the version that no card may pass.
const allWithin = 15

const sampleCards = 300

func newSigner() (*signing.Signer, *ecdsa.PrivateKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	s, err := signing.NewSigner(card.Kind, private)
	return s, private, err
}

// at is when the cards of the benchmarks are issued.
var at = time.Unix(1_795_000_000, 0)

// seal issues the card of a contract.
func seal(s *signing.Signer, c rights.Contract, place card.Place, at time.Time) (*card.Token, card.Claims, error) {
	claims, err := card.FromContract(c, place, at, -1)
	if err != nil {
		return nil, claims, err
	}
	draft, err := card.Prepare(claims, s.KID())
	if err != nil {
		return nil, claims, err
	}
	token, err := draft.Seal(s)
	return token, claims, err
}

// place is the first list's.
func place(index int) card.Place { return card.Place{List: 1, Index: uint32(index)} }

// shcDigits is the length that SMART Health Cards' rules give the same claims: DEFLATE without a dictionary, a JWS, and two
// digits for each of its characters.
func shcDigits(claims card.Claims, jws string) (int, error) {
	plain, err := claims.MarshalCanonical()
	if err != nil {
		return 0, err
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(plain); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	parts, err := signing.SplitCompact(jws)
	if err != nil {
		return 0, err
	}
	text := len(jws) - (len(parts.Payload)*4+2)/3 + (b.Len()*4+2)/3
	return 2 * text, nil
}

func (b *bench) codes() error {
	signer, _, err := newSigner()
	if err != nil {
		return err
	}
	printer := qr.NewPrinter()
	worst := 0
	for _, people := range []int{1, 3, 6} {
		var versions, chars, digits []float64
		for seed := range sampleCards {
			token, claims, err := seal(signer, gen.Household(uint64(seed), people), place(seed), at)
			if err != nil {
				return err
			}
			m, err := printer.Encode(token.CodeText())
			if err != nil {
				return err
			}
			d, err := shcDigits(claims, token.JWS())
			if err != nil {
				return err
			}
			versions = append(versions, float64(m.Version()))
			chars = append(chars, float64(len(token.CodeText())))
			digits = append(digits, float64(d))
		}
		v := median(versions)
		worst = max(worst, int(slices.Max(versions)))
		b.add(fmt.Sprintf("code of a household of %d: median QR version (%.0f characters)", people, median(chars)),
			fmt.Sprintf("v%.0f", v), fmt.Sprintf("v%d promised", wantVersion[people]), v/float64(wantVersion[people]), 1)
		b.add(fmt.Sprintf("keystrokes of a household of %d", people), fmt.Sprintf("%.0f", median(chars)),
			fmt.Sprintf("%.0f digits as a SMART Health Card", median(digits)), median(chars)/median(digits), 0)
	}
	b.add("largest code of all these", fmt.Sprintf("v%d", worst), fmt.Sprintf("v%d", allWithin), float64(worst)/allWithin, 1)
	return nil
}
