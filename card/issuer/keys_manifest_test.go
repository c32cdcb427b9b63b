// The key of manifests: made when an operator is founded, or at the next publication with the offline keys, and replaced like the
// service's others.

package issuer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/signing"
	"sceau/signing/trust"
)

// foundedBefore takes the manifest key out of what is published and held, as an operator has it that was founded by an older program.
func (w *world) foundedBefore() {
	w.t.Helper()
	_, _, err := w.issuer.publish(context.Background(), time.Time{}, func(e *edition, _ time.Time) error {
		own := *e.published
		own.ManifestKeys = nil
		b, err := own.Bytes()
		if err != nil {
			return err
		}
		e.service = b
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.online = hiding{w.online, keyManifest}
	w.reopen()
}

// hiding lacks a key until it is made again.
type hiding struct {
	Keys
	name string
}

func (h hiding) Names() ([]string, error) {
	names, err := h.Keys.Names()
	for i, n := range names {
		if n == h.name {
			names = append(names[:i:i], names[i+1:]...)
			break
		}
	}
	return names, err
}

func TestManifestKeyOfAnOlderOperator(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.clock = w.clock.Add(time.Hour)
	w.foundedBefore()
	if n := len(w.service().ManifestKeys); n != 0 {
		t.Fatalf("%d keys", n)
	}
	if s, err := w.issuer.ManifestSigner(); !errors.Is(err, ErrNoServiceKey) || s != nil {
		t.Fatalf("%v", err)
	}
	inv := w.inventory(false)
	if !strings.Contains(strings.Join(inv.codes(), " "), FindingKeyMissing) {
		t.Errorf("%v", inv.codes())
	}
	for _, f := range inv.Findings {
		if f.Code == FindingKeyMissing && f.Serious {
			t.Errorf("serious: %s", f.Text)
		}
	}
	// Without the offline keys nothing changes; with them it is made once.
	w.clock = w.clock.Add(time.Hour)
	w.issuer.Offline = nil
	must(w.issuer.Publish(ctx, w.clock))(t)
	if n := len(w.service().ManifestKeys); n != 0 {
		t.Fatalf("%d keys", n)
	}
	w.issuer.Offline = w.offline
	for range 2 {
		w.clock = w.clock.Add(time.Hour)
		must(w.issuer.Publish(ctx, w.clock))(t)
	}
	w.online = w.online.(hiding).Keys
	w.reopen()
	keys := w.service().ManifestKeys
	s := must(w.issuer.ManifestSigner())(t)
	if len(keys) != 1 || keys[0].KID != s.KID() || keys[0].State != signing.StateActive || s.Kind() != card.ManifestKind {
		t.Errorf("%+v", keys)
	}
}

func TestManifestKeyRotation(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	first := must(w.issuer.ManifestSigner())(t).KID()
	w.clock = w.clock.Add(time.Hour)
	c := must(w.issuer.RotateServiceKey(ctx, PurposeManifest, w.clock.Add(time.Hour)))(t)
	if c.Old != first || c.New == first || must(w.issuer.ManifestSigner())(t).KID() != first {
		t.Fatalf("%+v", c)
	}
	w.clock = w.clock.Add(2 * time.Hour)
	if kid := must(w.issuer.ManifestSigner())(t).KID(); kid != c.New {
		t.Errorf("%s signs", kid)
	}
	must(w.issuer.Publish(ctx, w.clock))(t)
	if k := keyOfKID(w.service().ManifestKeys, first); k.State != signing.StateRetired {
		t.Errorf("%s", k.State)
	}
	w.clock = w.clock.Add(time.Hour)
	theft := must(w.issuer.CompromiseServiceKey(ctx, PurposeManifest))(t)
	if theft.KID != c.New || theft.Purpose != PurposeManifest {
		t.Errorf("%+v", theft)
	}
	doc := w.service()
	if keyOfKID(doc.ManifestKeys, c.New).State != signing.StateDead || len(doc.AccordKeys) != 1 || len(doc.SettlementKeys) != 1 {
		t.Errorf("%+v", doc)
	}
	w.clock = w.clock.Add(cacheLife + time.Second)
	if kid := must(w.issuer.ManifestSigner())(t).KID(); kid != theft.Next {
		t.Errorf("%s signs", kid)
	}
	if got := w.inventory(false).of(PurposeManifest, string(signing.StateActive)); len(got) != 1 || got[0].KID != theft.Next || got[0].Name != "manifest.3" || !strings.Contains(got[0].Verb, "compromise DIR manifest") {
		t.Errorf("%+v", got)
	}
	// Only the operator's offline key names it.
	w.issuer.Offline = nil
	if _, err := w.issuer.RotateServiceKey(ctx, PurposeManifest, time.Time{}); !errors.Is(err, ErrNoOfflineKeys) || !strings.Contains(err.Error(), trust.RoleTargets) {
		t.Errorf("%v", err)
	}
}
