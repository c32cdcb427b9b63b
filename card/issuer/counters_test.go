// Counters: one code, one key, one counter; and what was taken back stays back.

package issuer

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/card/register"
	"sceau/signing"
	"sceau/signing/assertion"
)

func (s *shop) invite(change ...func(*InviteRequest)) (*Invited, error) {
	r := InviteRequest{FINESS: finess, Profession: "pharmacie", Name: "Pharmacie du Port", Networks: []string{"SP", "IS"}, Address: "https://droits.example"}
	for _, c := range change {
		c(&r)
	}
	return s.issuer.Invite(context.Background(), r)
}

func (s *shop) enrolWith(code string, key *signing.PublicKey) (Counter, error) {
	return s.issuer.Enrol(context.Background(), EnrolRequest{Code: code, Key: key, RequestID: s.requestID()})
}

func TestEnrol(t *testing.T) {
	s := newShop(t)
	ctx := context.Background()
	i := must(s.invite())(t)
	if !i.Until.Equal(s.clock.Add(48 * time.Hour)) {
		t.Errorf("until %s", i.Until)
	}
	key := newRequestKey(t)
	c := must(s.enrolWith(strings.ToLower(i.Invitation.CodeText()), key))(t)
	got := must(s.issuer.Counter(ctx, c.ID))(t)
	if got.ID != key.KID || got.FINESS != finess || got.Profession != "pharmacie" || got.State != CounterActive || len(got.Networks) != 2 || string(got.JWK) != string(key.JWK()) {
		t.Errorf("%+v", got)
	}
	if _, err := s.enrolWith(i.Invitation.CodeText(), newRequestKey(t)); !errors.Is(err, ErrInvitation) {
		t.Errorf("a code twice: %v", err)
	}
	// The code itself is kept nowhere.
	var kept strings.Builder
	s.view(func(tx register.Tx) error {
		for _, kind := range []string{invitationKind, counterKind} {
			docs, err := tx.DocumentsAfter(kind, "*", "", 100)
			if err != nil {
				return err
			}
			for _, d := range docs {
				kept.WriteString(d.ID)
				kept.Write(d.Data)
			}
		}
		entries, err := tx.AuditAfter(0, 1000)
		for _, e := range entries {
			kept.Write(e.Body)
		}
		return err
	})
	if strings.Contains(kept.String(), i.Invitation.CodeText()) || strings.Contains(kept.String(), strings.ReplaceAll(i.Invitation.CodeText(), "-", "")) {
		t.Error("the code was kept")
	}
	late := must(s.invite(func(r *InviteRequest) { r.Hours = 1 }))(t)
	s.clock = s.clock.Add(time.Hour)
	if _, err := s.enrolWith(late.Invitation.CodeText(), newRequestKey(t)); !errors.Is(err, ErrInvitation) {
		t.Errorf("a code that is over: %v", err)
	}
}

// Two computers with one code: one enrolls, however close they are.
func TestEnrolAtOnce(t *testing.T) {
	s := newShop(t)
	for range 5 {
		code := must(s.invite())(t).Invitation.CodeText()
		var won atomic.Int64
		var wg sync.WaitGroup
		for n := range 8 {
			key := newRequestKey(t)
			id := assertion.NewID([16]byte{byte(n), 1, byte(s.asked)})
			s.asked++
			wg.Go(func() {
				_, err := s.issuer.Enrol(context.Background(), EnrolRequest{Code: code, Key: key, RequestID: id})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, ErrInvitation) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d enrolled with one code", won.Load())
		}
	}
}

// Guessing codes finds none, is counted, and becomes an alarm.
func TestEnrolGuesses(t *testing.T) {
	s := newShop(t)
	for range 20 {
		must(s.invite())(t)
	}
	before := s.issuer.living().wrongCodes.Load()
	key := newRequestKey(t)
	const tries = 500
	for n := range tries {
		if _, err := s.enrolWith(accord.CodeText([10]byte{byte(n), byte(n >> 8), 7}), key); !errors.Is(err, ErrInvitation) {
			t.Fatalf("try %d: %v", n, err)
		}
	}
	if got := s.issuer.living().wrongCodes.Load() - before; got != tries {
		t.Errorf("%d counted", got)
	}
	if err := s.issuer.watcher().round(context.Background(), s.clock); err != nil {
		t.Fatal(err)
	}
	alarms := must(s.issuer.Alarms(context.Background(), "*", "", 10))(t)
	if len(alarms) != 1 || alarms[0].Rule != RuleCodes || alarms[0].Count < tries {
		t.Errorf("%+v", alarms)
	}
}

func TestEnrolKeys(t *testing.T) {
	s := newShop(t)
	names := keyNames(amc)
	for _, name := range []string{names.Card, names.List, keyAccord, keySettlement, keySnapshot, keyTimestamp, names.Status} {
		private := must(s.online.Signer(name))(t)
		key := must(signing.NewPublicKey(assertion.Kind, private.Public().(*ecdsa.PublicKey)))(t)
		code := must(s.invite())(t).Invitation.CodeText()
		if _, err := s.enrolWith(code, key); !errors.Is(err, ErrKeyTaken) {
			t.Errorf("%s as a counter's key: %v", name, err)
		}
		// A refused key does not use the code up.
		must(s.enrolWith(code, newRequestKey(t)))(t)
	}
	key := must(signing.ParseJWK(s.counter.JWK))(t)
	key.Kind = assertion.Kind
	for _, state := range []string{"active", "revoked"} {
		if _, err := s.enrolWith(must(s.invite())(t).Invitation.CodeText(), key); !errors.Is(err, ErrKeyTaken) {
			t.Errorf("key of an %s counter: %v", state, err)
		}
		must(s.issuer.RevokeCounter(context.Background(), s.counter.ID, "stolen"))(t)
	}
	other := newRequestKey(t)
	other.Kind = accord.Kind
	code := must(s.invite())(t).Invitation.CodeText()
	for name, r := range map[string]EnrolRequest{
		"no key":     {Code: code, RequestID: s.requestID()},
		"other kind": {Code: code, Key: other, RequestID: s.requestID()},
		"no id":      {Code: code, Key: newRequestKey(t)},
	} {
		if _, err := s.issuer.Enrol(context.Background(), r); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	id := s.requestID()
	fresh := newRequestKey(t)
	for _, want := range []error{ErrInvitation, ErrInvitation} { // a wrong code stores nothing, not even the id
		if _, err := s.issuer.Enrol(context.Background(), EnrolRequest{Code: accord.CodeText([10]byte{9}), Key: fresh, RequestID: id}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	must(s.issuer.Enrol(context.Background(), EnrolRequest{Code: code, Key: fresh, RequestID: id}))(t)
	if _, err := s.issuer.Enrol(context.Background(), EnrolRequest{Code: code, Key: fresh, RequestID: id}); !errors.Is(err, ErrReplayed) {
		t.Errorf("the same request: %v", err)
	}
}

func TestInviteFacts(t *testing.T) {
	s := newShop(t)
	for name, change := range map[string]func(*InviteRequest){
		"finess":          func(r *InviteRequest) { r.FINESS = "750000001" },
		"no finess":       func(r *InviteRequest) { r.FINESS = "" },
		"profession":      func(r *InviteRequest) { r.Profession = "Pharmacie" },
		"no profession":   func(r *InviteRequest) { r.Profession = "" },
		"name":            func(r *InviteRequest) { r.Name = "a\nb" },
		"long name":       func(r *InviteRequest) { r.Name = strings.Repeat("a", 81) },
		"network":         func(r *InviteRequest) { r.Networks = []string{"sp"} },
		"network twice":   func(r *InviteRequest) { r.Networks = []string{"SP", "SP"} },
		"networks":        func(r *InviteRequest) { r.Networks = make([]string, 17) },
		"hours below":     func(r *InviteRequest) { r.Hours = -1 },
		"hours above":     func(r *InviteRequest) { r.Hours = MaxInviteHours + 1 },
		"address":         func(r *InviteRequest) { r.Address = "droits.example" },
		"no address":      func(r *InviteRequest) { r.Address = "" },
		"address with it": func(r *InviteRequest) { r.Address = "https://a:b@droits.example" },
	} {
		if i, err := s.invite(change); !errors.Is(err, ErrCounterFacts) || i != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if i := must(s.invite(func(r *InviteRequest) { r.FINESS = "2A0000014" }))(t); i.Warning == "" {
		t.Error("no warning for a FINESS that can't be checked")
	}
}

func TestCounterStates(t *testing.T) {
	s := newShop(t)
	ctx, id := context.Background(), s.counter.ID
	state := func(want CounterState) {
		t.Helper()
		if c := must(s.issuer.Counter(ctx, id))(t); c.State != want {
			t.Errorf("%s, want %s", c.State, want)
		}
	}
	state(CounterActive) // and in memory from here on: every change must be seen at once
	must(s.issuer.SuspendCounter(ctx, id, "inquiry"))(t)
	state(CounterSuspended)
	must(s.issuer.SuspendCounter(ctx, id, "other"))(t)
	if c := must(s.issuer.Counter(ctx, id))(t); c.Why != "inquiry" {
		t.Errorf("why %q", c.Why)
	}
	must(s.issuer.RestoreCounter(ctx, id))(t)
	state(CounterActive)
	must(s.issuer.RenameCounter(ctx, id, "Pharmacie de la Gare"))(t)
	if c := must(s.issuer.Counter(ctx, id))(t); c.Name != "Pharmacie de la Gare" {
		t.Errorf("name %q", c.Name)
	}
	must(s.issuer.RevokeCounter(ctx, id, "closed"))(t)
	state(CounterRevoked)
	for name, do := range map[string]func() (Counter, error){
		"restore": func() (Counter, error) { return s.issuer.RestoreCounter(ctx, id) },
		"suspend": func() (Counter, error) { return s.issuer.SuspendCounter(ctx, id, "x") },
	} {
		if _, err := do(); !errors.Is(err, ErrState) {
			t.Errorf("%s of a revoked counter: %v", name, err)
		}
	}
	state(CounterRevoked)
	for _, why := range []string{"Madame X", "a1", strings.Repeat("a", 33)} {
		if _, err := s.issuer.SuspendCounter(ctx, id, why); err == nil {
			t.Errorf("reason %q", why)
		}
	}
	for _, unknown := range []string{"", "x", newRequestKey(t).KID, strings.Repeat("A", 11)} {
		if _, err := s.issuer.Counter(ctx, unknown); !errors.Is(err, ErrUnknownCounter) {
			t.Errorf("%q: %v", unknown, err)
		}
		if _, err := s.issuer.RevokeCounter(ctx, unknown, ""); !errors.Is(err, ErrUnknownCounter) {
			t.Errorf("%q: %v", unknown, err)
		}
	}
	// Each change stands in the chain once, under the actor.
	acts := map[string]int{}
	s.view(func(tx register.Tx) error {
		entries, err := tx.AuditAfter(0, 1000)
		for _, e := range entries {
			r := must(register.ReadAudit(e))(t)
			if strings.HasPrefix(r.Act, "counter.") {
				acts[r.Act+" "+r.Actor]++
			}
		}
		return err
	})
	for _, act := range []string{"invite", "enrol", "suspend", "restore", "rename", "revoke"} {
		if acts["counter."+act+" test"] != 1 {
			t.Errorf("%s: %v", act, acts)
		}
	}
	all := must(s.issuer.Counters(ctx, "", 10))(t)
	if len(all) != 1 || all[0].ID != id {
		t.Errorf("list %+v", all)
	}
}

// Another replica sees a revocation within a second; a change of this one is seen at once, also by a read under way.
func TestCounterCache(t *testing.T) {
	s := newShop(t)
	ctx, id := context.Background(), s.counter.ID
	replica := &Issuer{Store: s.store, Online: s.online, Now: s.issuer.Now, Actor: "other"}
	must(replica.Counter(ctx, id))(t)
	must(s.issuer.RevokeCounter(ctx, id, "stolen"))(t)
	s.clock = s.clock.Add(cacheLife)
	if c := must(replica.Counter(ctx, id))(t); c.State != CounterRevoked {
		t.Errorf("%s after a second", c.State)
	}
	l := replica.living()
	_, generation, _ := l.counter(id, s.clock.Add(time.Hour))
	l.forgetCounter(id) // the change, between the read and its keeping
	l.keepCounter(s.counter, generation, s.clock)
	if _, _, ok := l.counter(id, s.clock); ok {
		t.Error("a counter that was read before its change was kept after it")
	}
	s.clock = s.clock.Add(-time.Hour) // a clock that was set back makes nothing young
	if _, _, ok := l.counter(id, s.clock); ok {
		t.Error("read in the future")
	}
}

// A row whose key was exchanged speaks for nobody.
func TestCounterDamaged(t *testing.T) {
	s := newShop(t)
	s.update(func(tx register.Tx) error {
		d, err := tx.Document(counterKind, s.counter.ID)
		if err != nil {
			return err
		}
		c := s.counter
		c.JWK = newRequestKey(t).JWK()
		next, err := c.document(d.Version + 1)
		if err != nil {
			return err
		}
		return tx.PutDocument(next)
	})
	s.clock = s.clock.Add(cacheLife)
	if _, err := s.issuer.Counter(context.Background(), s.counter.ID); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}
