// service.json: published from the start, and given to operators that were founded before.

package issuer

import (
	"context"
	"errors"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/trust"
)

func TestServicePublished(t *testing.T) {
	w := newWorld(t)
	doc := w.service()
	known := must(w.issuer.factsNow(context.Background(), w.clock))(t)
	signer := must(w.issuer.serviceSigner(known, keyAccord, w.clock))(t)
	settlements := must(w.issuer.SettlementSigner())(t)
	if doc.Name != DefaultService || doc.AccordKeys[0].KID != signer.KID() || doc.SettlementKeys[0].KID != settlements.KID() ||
		doc.AccordKeys[0].State != signing.StateActive || !doc.AccordKeys[0].InWindow(w.clock) {
		t.Errorf("%+v", doc)
	}
	// It is signed by targets: no insurer's role may write it.
	w.view(func(tx register.Tx) error {
		e, err := trust.Load(reader(tx))
		if err != nil {
			return err
		}
		if err := e.SetTarget(trust.InsurerRole(amc), servicePath, []byte("{}"), nil); err == nil {
			t.Error("an insurer may write service.json")
		}
		return nil
	})
}

// older is a world whose operator was founded before there was a service.
func older(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	e := must(w.issuer.read(context.Background()))(t)
	if err := e.repo.RemoveTarget(trust.RoleTargets, servicePath); err != nil {
		t.Fatal(err)
	}
	w.clock = w.clock.Add(time.Minute)
	must(w.issuer.found(context.Background(), e.repo, e.last.Version, w.clock, nil, "test"))(t)
	w.clock = w.clock.Add(time.Minute)
	return w
}

func (w *world) hasService() bool {
	w.t.Helper()
	has := false
	w.view(func(tx register.Tx) error {
		p, err := openPublished(tx)
		if err != nil {
			return err
		}
		_, err = p.Target(servicePath)
		if has = err == nil; errors.Is(err, trust.ErrNotFound) {
			err = nil
		}
		return err
	})
	return has
}

func TestServiceAdded(t *testing.T) {
	w := older(t)
	if w.hasService() {
		t.Fatal("the older world has a service")
	}
	// Without the offline keys everything else is published, and it is said what is missing.
	w.issuer.Offline = nil
	r := must(w.issuer.Publish(context.Background(), time.Time{}))(t)
	if len(r.Warnings) == 0 || w.hasService() {
		t.Errorf("warnings %q", r.Warnings)
	}
	w.issuer.Offline = w.offline
	w.clock = w.clock.Add(time.Minute)
	r = must(w.issuer.Publish(context.Background(), time.Time{}))(t)
	if len(r.Warnings) != 0 || !w.hasService() {
		t.Errorf("warnings %q", r.Warnings)
	}
	if _, err := card.ParseService(w.target(servicePath)); err != nil {
		t.Error(err)
	}
	// Once is enough.
	w.clock = w.clock.Add(time.Minute)
	before := string(w.target(servicePath))
	must(w.issuer.Publish(context.Background(), time.Time{}))(t)
	if string(w.target(servicePath)) != before {
		t.Error("service.json was written anew")
	}
	w.sound()
}
