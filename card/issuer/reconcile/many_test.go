package reconcile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sceau/card/issuer/reconcile"
)

// A stolen key can't fill the register with names of journals: neither with journals nor with alarms about them.
func TestTooManyChains(t *testing.T) {
	now := begin.Add(time.Hour)
	store := newMemory()
	rec := store.reconciler(&now)
	for range 64 {
		d := newDevice(t, begin)
		must(rec.Upload(context.Background(), who, d.id, d.all()))(t)
	}
	d := newDevice(t, begin)
	if _, err := rec.Upload(context.Background(), who, d.id, d.all()); !errors.Is(err, reconcile.ErrChains) {
		t.Fatal(err)
	}
	another := who
	another.ID, another.FINESS = "BBECAwQFBgc", "690054321"
	must(rec.Upload(context.Background(), another, d.id, d.all()))(t)
	stranger := newDevice(t, begin)
	for range 5 {
		d := newDevice(t, begin)
		b := d.all()
		b.Head = stranger.seal(stranger.head, begin)
		if _, err := rec.Upload(context.Background(), another, d.id, b); !errors.Is(err, reconcile.ErrUnsigned) {
			t.Fatal(err)
		}
	}
	a := must(rec.Alarms(context.Background(), reconcile.Scope{}, 100))(t)
	if len(a) != 1 || a[0].Code != reconcile.AlarmSignature || a[0].Counter != another.ID {
		t.Errorf("%d alarms: %+v", len(a), a)
	}
}
