package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
	"sceau/signing"
)

// households are the items of contracts whose cards are for the household.
func households(keys []register.ContractKey) []ShardItem {
	var out []ShardItem
	for _, k := range keys {
		out = append(out, ShardItem{Contract: k, Person: register.Household})
	}
	return out
}

func (w *world) shard(req ShardRequest) *ShardResult {
	w.t.Helper()
	return must(w.issuer.Shard(context.Background(), req))(w.t)
}

// checkShard wants a live card or a cause for each item, and facts that the card agrees with.
func (w *world) checkShard(req ShardRequest, r *ShardResult) {
	w.t.Helper()
	for i, item := range req.Items {
		c := r.Cards[i]
		if made := c.Place != (card.Place{}); made == (r.Causes[i] != "") {
			w.t.Errorf("item %d: card %s and cause %q", i, c.Place, r.Causes[i])
		} else if !made {
			continue
		}
		if c.Contract != item.Contract || w.card(c.Place).State != register.Live || c.Claims.Place != c.Place || c.CodeText == "" {
			w.t.Errorf("item %d: %+v", i, c)
		}
		if r.Facts[i].Adherent != item.Contract.Adherent {
			w.t.Errorf("item %d: facts of %q", i, r.Facts[i].Adherent)
		}
	}
}

func shardPlaces(r *ShardResult) []card.Place {
	var out []card.Place
	for _, c := range r.Cards {
		out = append(out, c.Place)
	}
	return out
}

func TestShard(t *testing.T) {
	w := newWorld(t)
	keys := w.seed(30)
	w.issuer.Batch = 7
	req := ShardRequest{Items: households(keys[:20])}
	slices.Reverse(req.Items)
	first := w.shard(req)
	w.checkShard(req, first)
	if first.Issued != 20 || first.Existing+first.Resumed+first.Replaced != 0 || len(first.Stuck) != 0 {
		t.Errorf("%+v", first)
	}
	again := w.shard(req)
	w.checkShard(req, again)
	if again.Existing != 20 || again.Issued+again.Resumed != 0 || !slices.Equal(shardPlaces(first), shardPlaces(again)) {
		t.Errorf("again: %+v", again)
	}
	for i := range first.Cards { // a card from the signer and one from the register are the same
		a, b := first.Cards[i], again.Cards[i]
		if a.JWS != b.JWS || a.CodeText != b.CodeText || a.Person != b.Person || !slices.Equal(a.Claims.People, b.Claims.People) {
			t.Errorf("item %d: %+v and %+v", i, a, b)
		}
	}
	if f := w.sound(); f.Cards != 20 || f.Signatures != 20 {
		t.Errorf("%+v", f)
	}
	if r := w.shard(ShardRequest{}); len(r.Cards) != 0 {
		t.Error("cards of nothing")
	}
}

// TestShardPerPerson: people are named by position, and keep their card when the roster moves them.
func TestShardPerPerson(t *testing.T) {
	w := newWorld(t)
	c := household(t, "A1", 3, 0)
	key := w.put(c)
	req := ShardRequest{PerPerson: true, Items: []ShardItem{{Contract: key, Person: 2}, {Contract: key, Person: 0}, {Contract: key, Person: 1}, {Contract: key, Person: 3}}}
	r := w.shard(req)
	if w.checkShard(req, r); r.Issued != 3 || r.Causes[3] != CauseGone || r.Cards[0].Claims.People[0].Prenom != "Noé" {
		t.Fatalf("%+v", r)
	}
	slices.Reverse(c.Beneficiaries)
	w.put(c)
	again := w.shard(req)
	if w.checkShard(req, again); again.Existing != 3 || again.Cards[1].Place != r.Cards[0].Place {
		t.Errorf("%+v", again)
	}
	w.sound()
}

// TestShardRefused: requests that are no shard touch nothing.
func TestShardRefused(t *testing.T) {
	w := newWorld(t)
	key := w.put(household(t, "A1", 2, 0))
	one := ShardItem{Contract: key, Person: register.Household}
	for _, req := range []ShardRequest{
		{Items: []ShardItem{one, one}},
		{Items: []ShardItem{one}, PerPerson: true},
		{Items: []ShardItem{{Contract: key, Person: 0}}},
		{Items: []ShardItem{{Contract: key, Person: -2}}},
		{Items: []ShardItem{{Contract: register.ContractKey{Insurer: "999", Adherent: "A1"}, Person: register.Household}}},
	} {
		if r, err := w.issuer.Shard(context.Background(), req); err == nil || r != nil {
			t.Errorf("%+v: %+v %v", req, r, err)
		}
	}
	other := w.issuer.As(Staff{Actor: "x", Insurer: "999"})
	if _, err := other.Shard(context.Background(), ShardRequest{Items: []ShardItem{one}}); !errors.Is(err, ErrUnknownContract) {
		t.Errorf("another insurer's: %v", err)
	}
	if f := w.sound(); f.Cards+f.Signatures != 0 {
		t.Errorf("%+v", f)
	}
}

// TestShardCauses: why an item has no card, each in one word; the others of its shard get theirs.
func TestShardCauses(t *testing.T) {
	day := func(text string) rights.Date { return must(rights.ParseDate(text))(t) }
	over := household(t, "X", 1, 0)
	over.From, over.To = day("2026-01-01"), day("2026-06-30")
	long := household(t, "X", 12, 0)
	for i := range long.Beneficiaries {
		b := &long.Beneficiaries[i]
		b.Nom, b.Birth = fmt.Sprintf("%c%s", 'A'+i, "QWZXKVBNMPLGHJD-ÉÈÀÛÏÖÆŒ"), rights.BirthDate(fmt.Sprint(19800101+i))
		b.Guarantees = map[string]rights.Guarantee{}
		for d := range 12 {
			b.Guarantees[fmt.Sprintf("D%c%d", 'A'+i, d)] = must(rights.ParseGuarantee(fmt.Sprintf("%d%%", 101+7*i+13*d)))(t)
		}
	}
	issued := func(w *world, perPerson bool) []Issued {
		_, out := w.issue(IssueRequest{All: true, PerPerson: perPerson})
		return out
	}
	for cause, prepare := range map[string]func(w *world){
		"": func(w *world) { w.put(household(t, "X", 2, 0)) },
		CauseWithheld: func(w *world) {
			w.put(household(t, "X", 2, 0))
			must(w.set(status.Void, "2027-03-01", Target{Place: issued(w, false)[0].Place}))(t)
		},
		CauseSuspended: func(w *world) {
			w.put(household(t, "X", 2, 0))
			must(w.set(status.Suspended, "2027-03-01", Target{Place: issued(w, false)[0].Place}))(t)
			w.put(household(t, "X", 2, 50)) // outdated as well
		},
		CauseOutdated: func(w *world) {
			w.put(household(t, "X", 2, 0))
			issued(w, false)
			w.put(household(t, "X", 2, 50))
		},
		CauseEnded:     func(w *world) { w.put(over) },
		CauseOtherForm: func(w *world) { w.put(household(t, "X", 2, 0)); issued(w, true) },
		CauseTooLong:   func(w *world) { w.put(long) },
		CauseGone:      func(w *world) {},
		CauseDamaged: func(w *world) {
			w.put(household(t, "X", 2, 0))
			issued(w, false)
			w.tamper("UPDATE contract SET canonical = x'00' WHERE adherent = 'X'")
		},
	} {
		t.Run("cause "+cause, func(t *testing.T) {
			w := newWorld(t)
			prepare(w)
			w.put(household(t, "Y", 2, 0)) // whatever is wrong with one
			req := ShardRequest{Items: []ShardItem{{Contract: register.ContractKey{Insurer: amc, Adherent: "X"}, Person: register.Household}, {Contract: register.ContractKey{Insurer: amc, Adherent: "Y"}, Person: register.Household}}}
			for range 2 {
				r := w.shard(req)
				if w.checkShard(req, r); r.Causes[0] != cause || r.Causes[1] != "" {
					t.Errorf("causes %q, want %q and none: %+v", r.Causes, cause, r.Stuck)
				}
			}
		})
	}
}

// TestShardDamagedCard: a card whose signature was altered in the register is printed no more, and stops no other.
func TestShardDamagedCard(t *testing.T) {
	w := newWorld(t)
	req := ShardRequest{Items: households(w.seed(3))}
	first := w.shard(req)
	w.tamper("UPDATE card SET signature = (SELECT signature FROM card WHERE id = 1) WHERE id = 2")
	r := w.shard(req)
	bad := slices.Index(r.Causes, CauseDamaged)
	if r.Existing != 2 || bad < 0 || len(r.Stuck) != 1 || r.Stuck[0].Place != first.Cards[bad].Place || !errors.Is(r.Stuck[0].Err, ErrDamaged) {
		t.Errorf("%+v", r)
	}
}

// TestShardOutdated: a card that its contract has outgrown is replaced once; without being asked it stays.
func TestShardOutdated(t *testing.T) {
	w := newWorld(t)
	keys := w.seed(4)
	req := ShardRequest{Items: households(keys)}
	old := w.shard(req)
	changed := household(t, keys[1].Adherent, 2, 50)
	w.put(changed)
	if r := w.shard(req); r.Causes[1] != CauseOutdated || r.Existing != 3 {
		t.Fatalf("%+v", r)
	}
	req.Outdated = true
	r := w.shard(req)
	w.checkShard(req, r)
	if r.Replaced != 1 || r.Issued != 1 || r.Existing != 3 || w.card(old.Cards[1].Place).State != register.Replaced || w.card(r.Cards[1].Place).Replaces != old.Cards[1].Place {
		t.Fatalf("%+v", r)
	}
	if again := w.shard(req); again.Existing != 4 || !slices.Equal(shardPlaces(r), shardPlaces(again)) {
		t.Errorf("%+v", again)
	}
	// A new contract that fits no card leaves the old card standing.
	for range 12 {
		b := changed.Beneficiaries[0]
		b.Nom = fmt.Sprintf("%c%s", 'A'+len(changed.Beneficiaries), "QWZXKVBNMPLGHJD-ÉÈÀÛÏÖÆŒQKVZWXPJHÜÂÊÔ")
		b.Birth = rights.BirthDate(fmt.Sprint(19510101 + 10319*len(changed.Beneficiaries)))
		b.Guarantees = map[string]rights.Guarantee{}
		for d := range 12 {
			b.Guarantees[fmt.Sprintf("D%c%d", b.Nom[0], d)] = must(rights.ParseGuarantee(fmt.Sprintf("%d%%", 101+d*17)))(t)
		}
		if changed.Beneficiaries = append(changed.Beneficiaries, b); len(changed.Beneficiaries) == 12 {
			break
		}
	}
	w.put(changed)
	if late := w.shard(req); late.Causes[1] != CauseTooLong || w.card(r.Cards[1].Place).State != register.Live {
		t.Errorf("%+v", late)
	}
	w.sound()
}

// TestShardRevokedMeanwhile: a card whose predecessor is revoked while it is being signed inherits the revocation, and is not
// handed out.
func TestShardRevokedMeanwhile(t *testing.T) {
	w := newWorld(t)
	key := w.put(household(t, "A1", 2, 0))
	req := ShardRequest{Items: households([]register.ContractKey{key}), Outdated: true}
	old := w.shard(req).Cards[0].Place
	w.put(household(t, "A1", 2, 50))
	w.issuer.Online = &counting{Keys: w.online, failAt: 1, fail: func(sig []byte) ([]byte, error) {
		w.update(func(tx register.Tx) error {
			if _, err := tx.AddEvent(register.Event{Place: old, Kind: status.Void, From: must(rights.ParseDate("2027-02-01"))(t), Class: "lost", Actor: "x", At: w.clock}); err != nil {
				return err
			}
			return tx.SetCardState(old, register.Live, register.Void)
		})
		return sig, nil
	}}
	if r := w.shard(req); r.Causes[0] != CauseWithheld || r.Issued != 0 {
		t.Errorf("%+v", r)
	}
	w.sound()
}

// TestShardStuck: an intent whose key is dead is a cause; one whose key is elsewhere is another worker's.
func TestShardStuck(t *testing.T) {
	w := newWorld(t)
	keys := w.seed(3)
	req := ShardRequest{Items: households(keys)}
	w.cut(req)
	w.setKey(amc, signing.StateDead)
	r := w.shard(ShardRequest{Items: req.Items[:1]})
	if r.Causes[0] != CauseDamaged || len(r.Stuck) == 0 || !errors.Is(r.Stuck[0].Err, ErrNoCardKey) {
		t.Errorf("%+v", r)
	}
	w.setKey(amc, signing.StateActive)
	w.issuer.Online = keyless{}
	if _, err := w.issuer.Shard(context.Background(), req); !errors.Is(err, ErrNoCardKey) {
		t.Errorf("%v", err)
	}
	w.issuer.Online = w.online
	if r := w.shard(req); r.Resumed != 3 || r.Issued != 0 {
		t.Errorf("%+v", r)
	}
	w.sound()
}

// cut begins a shard and dies before the first signature.
func (w *world) cut(req ShardRequest) {
	w.t.Helper()
	w.issuer.Online = broken{w.online}
	if _, err := w.issuer.Shard(context.Background(), req); !errors.Is(err, errCrash) {
		w.t.Fatal(err)
	}
	w.issuer.Online = w.online
}

// broken is a store of keys that sign nothing.
type broken struct{ Keys }

func (b broken) Signer(name string) (crypto.Signer, error) {
	s, err := b.Keys.Signer(name)
	if err != nil {
		return nil, err
	}
	return brokenSigner{s}, nil
}

type brokenSigner struct{ crypto.Signer }

func (brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errCrash }

// keyless is a store of keys without one.
type keyless struct{ Keys }

func (keyless) Names() ([]string, error) { return nil, nil }

// TestScopedResume: what another worker began is its own to finish; everybody's is finished when everything is issued.
func TestScopedResume(t *testing.T) {
	w := newWorld(t)
	keys := w.seed(12)
	mine, theirs := keys[:4], keys[4:8]
	w.cut(ShardRequest{Items: households(theirs)})
	signed := w.sound().Signatures
	if r := w.shard(ShardRequest{Items: households(mine)}); r.Issued != 4 || r.Resumed != 0 {
		t.Errorf("%+v", r)
	}
	if r, _ := w.issue(IssueRequest{Contracts: mine}); r.Resumed != 0 || r.Existing != 4 {
		t.Errorf("%+v", r)
	}
	w.put(household(t, mine[0].Adherent, 1, 50))
	if r, _ := w.reprint(ReprintRequest{Changed: true, Contracts: mine[:2]}); r.Resumed != 0 || r.Issued != 1 {
		t.Errorf("%+v", r)
	}
	if f := w.sound(); f.Signatures != signed+5 || f.Intents != 4 {
		t.Errorf("%d signatures after %d, %d intents", f.Signatures, signed, f.Intents)
	}
	if r, _ := w.issue(IssueRequest{Contracts: theirs[:1]}); r.Resumed != 1 {
		t.Errorf("%+v", r)
	}
	if r, _ := w.issue(IssueRequest{All: true}); r.Resumed != 3 || r.Issued != 4 {
		t.Errorf("%+v", r)
	}
	w.sound()
}

func TestReopen(t *testing.T) {
	w := newWorld(t)
	r := w.shard(ShardRequest{Items: households(w.seed(5))})
	places := shardPlaces(r)
	slices.Reverse(places)
	out := must(w.issuer.Reopen(context.Background(), places))(t)
	for i, o := range out {
		if o.Place != places[i] || o.JWS != r.Cards[4-i].JWS || o.CodeText != r.Cards[4-i].CodeText {
			t.Errorf("%d: %+v", i, o)
		}
	}
	if _, err := w.issuer.Reopen(context.Background(), []card.Place{places[0], {List: 9}}); !errors.Is(err, ErrUnknownCard) {
		t.Error(err)
	}
	must(w.set(status.Void, "2027-03-01", Target{Place: places[2]}))(t)
	if _, err := w.issuer.Reopen(context.Background(), places); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	w.tamper("UPDATE card SET signature = zeroblob(64)")
	if _, err := w.issuer.Reopen(context.Background(), places[:1]); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
