// What a campaign would cost: some of its cards are really made, with a key that is thrown away, and multiplied.

package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/card/qr"
	"sceau/card/register"
	"sceau/cmd/internal/clock"
	"sceau/rights"
	"sceau/signing"
)

// Beside what is measured: bytes of a line of CSV or NDJSON without its code text, those of a picture in a zip without its own, and how
// much longer a campaign takes than making and drawing its cards (the register writes each of them thrice).
const (
	lineBytes    = 260
	ndjsonBytes  = 420
	entryBytes   = 240
	registerCost = 1.6
)

// campaignCost is what a campaign is expected to need.
type campaignCost struct {
	versions map[int]int64
	pages    int64
	bytes    int64
	took     time.Duration
}

// versionLine lists the versions of the symbols.
func (c *campaignCost) versionLine() string {
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(c.versions)) {
		parts = append(parts, fmt.Sprintf("%d: %s", v, thousands(c.versions[v])))
	}
	return strings.Join(parts, ", ")
}

// byCount lists keys by how often they occur, the most frequent first.
func byCount(m map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b)) })
}

// cost draws the sample of an estimate. No key of the operator signs.
func (o *operator) cost(ctx context.Context, e *issuer.Estimate, theme string) (*campaignCost, error) {
	c := &campaignCost{versions: map[int]int64{}}
	printer := qr.NewPrinter()
	for length, n := range e.Lengths {
		// A symbol's version follows from the length: every character is of the same mode.
		m, err := printer.Encode(strings.Repeat("A", length))
		if err != nil {
			return nil, err
		}
		c.versions[m.Version()] += n
	}
	t := e.Total()
	if len(e.Sample) == 0 || t.Cards == 0 {
		return c, nil
	}
	look := &outputs{printer: printer}
	if err := look.describe(ctx, o, theme); err != nil {
		return nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := signing.NewSigner(card.Kind, private)
	if err != nil {
		return nil, err
	}
	began, at := time.Now(), clock.Now()
	var cards []issuer.Issued
	var made []rights.Contract
	for i, facts := range e.Sample {
		person := register.Household
		if e.Spec.PerPerson {
			person = 0
		}
		claims, err := card.FromContract(facts, card.Place{List: 1, Index: uint32(i)}, at, person)
		if err != nil {
			return nil, err
		}
		draft, err := card.Prepare(claims, signer.KID())
		if err != nil {
			continue
		}
		token, err := draft.Seal(signer)
		if err != nil {
			return nil, err
		}
		made = append(made, facts)
		cards = append(cards, issuer.Issued{Contract: register.ContractKey{Insurer: facts.Insurer.Key()}, Claims: claims, CodeText: token.CodeText()})
	}
	if len(cards) == 0 {
		return c, nil
	}
	d := &sampleDrawing{outputs: look, spec: e.Spec, made: made}
	if err := d.draw(cards); err != nil {
		return nil, err
	}
	perCard := time.Since(began) / time.Duration(len(cards))
	c.pages, c.bytes = d.pages(t.Cards), d.bytes(t.Cards, t.Files)
	c.took = time.Duration(float64(perCard) * float64(t.Cards) * registerCost / float64(runtime.GOMAXPROCS(0)))
	if rate := e.Spec.SignRate; rate > 0 {
		for _, p := range e.Parts {
			c.took = max(c.took, time.Duration(p.Cards)*time.Second/time.Duration(rate))
		}
	}
	return c, nil
}

// sampleDrawing draws some cards as the campaign would.
type sampleDrawing struct {
	*outputs
	spec issuer.CampaignSpec
	made []rights.Contract // of the cards that are drawn

	fixed    float64 // bytes of a PDF without a card
	each     float64 // bytes of a card in it
	pictures float64
	code     float64
}

type countedBytes int64

func (c *countedBytes) Write(b []byte) (int, error) { *c += countedBytes(len(b)); return len(b), nil }

// run opens a document of the campaign's look.
func (d *sampleDrawing) run(theme *pdf.Theme, total int64) (*pdf.Run, error) {
	layout, o := pdf.LayoutA4, pdf.RunOptions{Marks: d.spec.Marks, Total: total}
	switch d.spec.Layout {
	case issuer.LayoutCard:
		layout = pdf.LayoutCard
	case issuer.LayoutSheet2:
		layout, o.Sheet = pdf.LayoutCard, pdf.Impose2Up
	case issuer.LayoutSheet10:
		layout, o.Sheet = pdf.LayoutCard, pdf.Impose10Up
	}
	switch d.spec.Window {
	case issuer.WindowDL:
		o.Window = pdf.WindowDL
	case issuer.WindowC5:
		o.Window = pdf.WindowC5
	}
	return pdf.NewRunWith(layout, theme, o)
}

// size draws cards into one document and returns how long it is.
func (d *sampleDrawing) size(cards []issuer.Issued) (int64, error) {
	var run *pdf.Run
	for i, c := range cards {
		s, theme, err := d.sheet(c)
		if err != nil {
			return 0, err
		}
		s.Sequence = int64(i + 1)
		if a := d.made[i].Address; a != nil && d.spec.Window != "" {
			s.Address = a.Envelope(d.made[i])
		}
		if run == nil {
			if run, err = d.run(theme, int64(len(cards))); err != nil {
				return 0, err
			}
		}
		// One that can't be drawn would be a reject: it adds nothing.
		if err := run.Add(s); err != nil && !errors.Is(err, pdf.ErrNoRoom) && !errors.Is(err, pdf.ErrGlyph) {
			return 0, err
		}
	}
	var n countedBytes
	_, err := run.WriteTo(&n)
	return int64(n), err
}

func (d *sampleDrawing) draw(cards []issuer.Issued) error {
	for _, c := range cards {
		d.code += float64(len(c.CodeText)) / float64(len(cards))
		if !slices.Contains(d.spec.Outputs, issuer.OutputPNG) {
			continue
		}
		m, err := d.printer.Encode(c.CodeText)
		if err != nil {
			return err
		}
		var n countedBytes
		if err := m.PNG(&n, pngModule); err != nil {
			return err
		}
		d.pictures += float64(n) / float64(len(cards))
	}
	if !slices.Contains(d.spec.Outputs, issuer.OutputPDF) {
		return nil
	}
	all, err := d.size(cards)
	if err != nil {
		return err
	}
	one, err := d.size(cards[:1])
	if err != nil {
		return err
	}
	if len(cards) > 1 {
		d.each = float64(all-one) / float64(len(cards)-1)
	}
	d.fixed = float64(one) - d.each
	return nil
}

// bytes are those of all outputs.
func (d *sampleDrawing) bytes(cards, files int64) int64 {
	sum := 0.0
	for _, o := range d.spec.Outputs {
		switch o {
		case issuer.OutputPDF:
			sum += d.fixed*float64(files) + d.each*float64(cards)
		case issuer.OutputCSV:
			sum += (d.code + lineBytes) * float64(cards)
		case issuer.OutputNDJSON:
			sum += (d.code + ndjsonBytes) * float64(cards)
		case issuer.OutputPNG:
			sum += (d.pictures + entryBytes) * float64(cards)
		}
	}
	return int64(sum)
}

// pages are those of the PDF.
func (d *sampleDrawing) pages(cards int64) int64 {
	if !slices.Contains(d.spec.Outputs, issuer.OutputPDF) {
		return 0
	}
	per := map[string]int64{issuer.LayoutSheet2: 2, issuer.LayoutSheet10: 10}[d.spec.Layout]
	switch {
	case per > 0:
		return 2 * ((cards + per - 1) / per)
	case d.spec.Layout == issuer.LayoutCard:
		return 2 * cards
	}
	return cards
}
