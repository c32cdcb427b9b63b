// What an insurer's outputs are made with, as it was when the campaign was created.

package batch

import (
	"context"
	"encoding/json"
	"fmt"

	"sceau/card"
	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/pdf"
	"sceau/rights"
)

// frozenTheme is CampaignFrozen.Theme.
type frozenTheme struct {
	Theme json.RawMessage `json:"theme"`
	Logo  []byte          `json:"logo,omitempty"`
}

// FreezeTheme joins a theme file and the bytes of the logo that it names (nil for none) to what a campaign keeps. No theme is nil. It
// refuses what could not be printed with, as pdf.ParseTheme and Theme.SetLogo do.
func FreezeTheme(theme, logo []byte) ([]byte, error) {
	if theme == nil {
		return nil, nil
	}
	b, err := json.Marshal(frozenTheme{theme, logo})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pdf.ErrTheme, err)
	}
	_, err = thaw(b)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func thaw(b []byte) (*pdf.Theme, error) {
	if b == nil {
		return pdf.DefaultTheme(), nil
	}
	var f frozenTheme
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", pdf.ErrTheme, err)
	}
	t, err := pdf.ParseTheme(f.Theme)
	if err != nil {
		return nil, err
	}
	if f.Logo != nil {
		if err := t.SetLogo(f.Logo); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// look is everything that the files of one insurer's part share.
type look struct {
	campaign string
	spec     issuer.CampaignSpec
	key      string // insurer's
	insurer  *card.Insurer
	codes    *rights.Codes
	domains  []string
	theme    *pdf.Theme
}

// lookOf reads it once: it was frozen.
func (w *Worker) lookOf(ctx context.Context, campaign, insurer string) (*look, error) {
	return w.frozen.get(ctx, campaign+"/"+insurer, func(ctx context.Context) (*look, error) {
		c, err := w.Issuer.CampaignOf(ctx, issuer.Staff{Actor: w.Issuer.Actor}, campaign)
		if err != nil {
			return nil, err
		}
		f, err := w.Issuer.Frozen(ctx, campaign, insurer)
		if err != nil {
			return nil, err
		}
		l := &look{campaign: campaign, spec: c.Spec, key: insurer}
		if l.insurer, err = card.ParseInsurer(f.Document); err != nil {
			return nil, fmt.Errorf("%w: issuer.json of the campaign: %w", issuer.ErrDamaged, err)
		}
		if l.codes, err = rights.ParseCodes(f.Codes); err != nil {
			return nil, fmt.Errorf("%w: codes.json of the campaign: %w", issuer.ErrDamaged, err)
		}
		if l.theme, err = thaw(f.Theme); err != nil {
			return nil, fmt.Errorf("%w: theme of the campaign: %w", issuer.ErrDamaged, err)
		}
		l.domains = l.codes.DomainCodes()
		return l, nil
	})
}

// layout is how the pages are made.
func (l *look) layout(total int64) (pdf.Layout, pdf.RunOptions) {
	o := pdf.RunOptions{Marks: l.spec.Marks, Total: total}
	switch l.spec.Window {
	case issuer.WindowDL:
		o.Window = pdf.WindowDL
	case issuer.WindowC5:
		o.Window = pdf.WindowC5
	}
	switch l.spec.Layout {
	case issuer.LayoutCard:
		return pdf.LayoutCard, o
	case issuer.LayoutSheet2:
		o.Sheet = pdf.Impose2Up
		return pdf.LayoutCard, o
	case issuer.LayoutSheet10:
		o.Sheet = pdf.Impose10Up
		return pdf.LayoutCard, o
	}
	return pdf.LayoutA4, o
}

// folder is where the files of the part lie in the destination.
func (l *look) folder() string { return l.campaign + "/" + l.key + "/" }

func (w *Worker) destination(ctx context.Context, l *look) (depot.Depot, error) {
	return w.depots.get(ctx, l.spec.Destination, func(ctx context.Context) (depot.Depot, error) { return w.Open(ctx, l.spec.Destination) })
}
