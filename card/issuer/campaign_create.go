// CreateCampaign: what is asked for is written down, the contracts are walked once, and each card to make gets its number.

package issuer

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"

	"sceau/card/register"
	"sceau/rights"
)

// CreateCampaign writes a campaign down and plans it: memory does not depend on its size, and contracts may change meanwhile (a shard
// looks again). freeze is asked for the theme of each insurer, once; nil is the default theme. progress is told how many contracts
// were looked at.
//
// It can be cut short anywhere: the same call goes on, insurer by insurer. While a campaign of that name and owner is not over,
// another call is *CampaignExists; Same says that it was asked for in the same words. *CampaignBeside names another one that would print
// the same cards. Without a card to make it is *NothingToMake, and CampaignEmpty for a day. Errors: ErrCampaignSpec, ErrUnknownInsurer,
// ErrNoCardKey, ErrLeased when another process plans it, ErrCancelled when somebody gave it up meanwhile.
func (s *Issuer) CreateCampaign(ctx context.Context, who Staff, spec CampaignSpec,
	freeze func(insurer string) (theme []byte, err error), progress func(done int64)) (*Campaign, error) {
	c, err := s.BeginCampaign(ctx, who, spec, freeze)
	if err != nil {
		return nil, err
	}
	return s.PlanCampaign(ctx, who, c.ID, spec, progress)
}

// BeginCampaign is the first part of CreateCampaign: the campaign is written down, or found where its planning was cut short.
func (s *Issuer) BeginCampaign(ctx context.Context, who Staff, spec CampaignSpec, freeze func(insurer string) (theme []byte, err error)) (*Campaign, error) {
	a, err := s.checkSpec(ctx, who, spec)
	if err != nil {
		return nil, err
	}
	as := s.As(who)
	if err := as.forgetCampaigns(ctx); err != nil {
		return nil, err
	}
	id, err := as.foundCampaign(ctx, a, who, freeze)
	if err != nil {
		return nil, err
	}
	return s.CampaignOf(ctx, who, id)
}

// PlanCampaign is the second part: it plans a campaign that was begun with the same spec, Contracts included, which are not kept.
// One that is planned is returned as it is.
func (s *Issuer) PlanCampaign(ctx context.Context, who Staff, id string, spec CampaignSpec, progress func(done int64)) (*Campaign, error) {
	a, err := s.checkSpec(ctx, who, spec)
	if err != nil {
		return nil, err
	}
	as := s.As(who)
	planner, err := s.draw(9)
	if err != nil {
		return nil, err
	}
	planned, empty := false, false
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		d, c, err := campaign(tx, id)
		if err != nil {
			return err
		}
		if d.Owner != a.owner || c.Asked != a.digest {
			return notCampaign("campaign %s was begun in other words", id)
		}
		planned, empty = c.State != CampaignPlanning && c.State != CampaignCancelled, c.State == CampaignEmpty
		if planned {
			return nil
		}
		return errors.Join(notPlanning(c.State), s.lease(tx, id, a.owner, Claim{Worker: planner}))
	})
	if err != nil {
		return nil, err
	}
	p := &planning{issuer: as, asked: a, id: id, worker: planner, progress: progress}
	if !planned {
		err = p.run(ctx)
	}
	if err != nil {
		// The next call needn't wait for the lease of one that ended in order.
		s.Store.Update(context.WithoutCancel(ctx), func(tx register.Tx) error { return release(tx, id, planner) })
		return nil, err
	}
	c, err := s.CampaignOf(ctx, who, id)
	if err == nil && empty {
		return nil, nothingToMake(c)
	}
	return c, err
}

// foundCampaign writes a new campaign down, with what its outputs will be made with, or finds the one whose planning was cut short.
func (s *Issuer) foundCampaign(ctx context.Context, a *asked, who Staff, freeze func(string) ([]byte, error)) (string, error) {
	for _, key := range a.insurers {
		// Before anything is stored: can it be signed for at all?
		if _, err := s.selection(ctx, a, key); err != nil {
			return "", err
		}
	}
	id, err := s.sameName(ctx, a)
	if err != nil || id != "" {
		return id, err
	}
	themes := map[string][]byte{}
	for _, key := range a.insurers {
		if freeze == nil {
			break
		}
		theme, err := freeze(key)
		if err != nil {
			return "", err
		}
		if len(theme) > register.MaxDocument {
			return "", notCampaign("the theme of insurer %s has %d bytes, at most %d can be kept", key, len(theme), register.MaxDocument)
		}
		themes[key] = theme
	}
	var b [3]byte
	if _, err := io.ReadFull(s.random(), b[:]); err != nil {
		return "", fmt.Errorf("issuer: draw an id: %w", err)
	}
	now := s.second()
	id = now.In(rights.Paris()).Format("060102") + "-" + strings.ToLower(base32.HexEncoding.EncodeToString(b[:]))[:4]
	err = s.Store.Update(ctx, func(tx register.Tx) error {
		// Looked for again, in the transaction that adds it: two who ask at the same time get one.
		if err := s.nameIsFree(tx, a); err != nil {
			return err
		}
		if err := noneBeside(tx, a); err != nil {
			return err
		}
		c := storedCampaign{Spec: a.spec, State: CampaignPlanning, Insurers: a.insurers, Asked: a.digest, By: digestOf(a.owner, who.Person), Created: now}
		c.Spec.Contracts = nil
		if err := writeDocument(tx, register.Document{Kind: kindCampaign, ID: id, Owner: a.owner}, c); err != nil {
			return err
		}
		for _, key := range a.insurers {
			if err := s.foundPart(tx, id, key, themes[key]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// foundPart writes a part down, and freezes what it will be printed with.
func (s *Issuer) foundPart(tx register.Tx, id, key string, theme []byte) error {
	d := register.Document{Kind: kindPart, ID: partID(id, key), Owner: key}
	if err := writeDocument(tx, d, storedPart{CampaignPart: CampaignPart{Insurer: key}}); err != nil {
		return err
	}
	i, err := insurer(tx, key)
	if err != nil {
		return err
	}
	codes := s.Codes
	if codes == nil {
		var published liveFacts
		if err := s.readCodes(tx, &liveFacts{}, &published); err != nil {
			return err
		}
		codes = published.codes
	}
	for name, b := range map[string][]byte{"issuer": i.Document, "codes": codes.Bytes(), "theme": theme} {
		if b == nil {
			continue
		}
		if err := tx.PutDocument(register.Document{Kind: kindFrozen, ID: partID(id, key) + "/" + name, Owner: key, Version: 1, Data: b}); err != nil {
			return err
		}
	}
	return nil
}

func notPlanning(state CampaignState) error {
	switch state {
	case CampaignPlanning:
		return nil
	case CampaignCancelled:
		return ErrCancelled
	}
	return ErrConcurrent
}

// sameName finds the campaign of that name and owner whose planning was cut short; *CampaignExists for one that is planned, or that
// was asked for in other words.
func (s *Issuer) sameName(ctx context.Context, a *asked) (string, error) {
	var err error
	viewed := s.Store.View(ctx, func(tx register.Tx) error { err = s.nameIsFree(tx, a); return nil })
	var there *CampaignExists
	if viewed == nil && errors.As(err, &there) && there.Same && there.State == CampaignPlanning {
		return there.ID, nil
	}
	return "", errors.Join(viewed, err)
}

func (s *Issuer) nameIsFree(tx register.Tx, a *asked) error {
	var there error
	err := eachCampaign(tx, a.owner, func(d register.Document, c storedCampaign) error {
		if c.Spec.Name == a.spec.Name && !c.State.Over() {
			there = &CampaignExists{ID: d.ID, State: c.State, Same: c.Asked == a.digest}
		}
		return nil
	})
	return errors.Join(err, there)
}
