package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sceau/card/register"
	"sceau/card/status"
	"sceau/rights"
)

// TestPlanIsTheOracle: what is planned is what Issue would make, in the order of a plain sort.
func TestPlanIsTheOracle(t *testing.T) {
	for _, perPerson := range []bool{false, true} {
		for _, order := range []string{OrderPostal, OrderAdherent} {
			w := newWorld(t)
			w.issuer.Batch, w.issuer.runEntries = 7, 10 // many batches, many runs
			keys := w.seedAddressed(90)
			w.mixed(keys, perPerson)
			want := w.oracle(perPerson, order)
			spec := year2027("Campagne")
			spec.PerPerson, spec.Order = perPerson, order
			c := w.plan(spec)
			var got []sortEntry
			for i, it := range w.items(c.ID) {
				if it.Sequence != int64(i+1) || it.Cause != "" || it.Contract.Insurer != amc {
					t.Fatalf("number %d: %+v", i+1, it)
				}
				got = append(got, sortEntry{Adherent: it.Contract.Adherent, Person: it.Person})
			}
			for i := range want {
				want[i].Key = ""
			}
			if !slices.Equal(got, want) {
				t.Errorf("per person %v, %s: %d planned, want %d", perPerson, order, len(got), len(want))
			}
			p := c.Parts[0]
			if p.Cards != int64(len(want)) || p.Contracts != 90 || p.Shards != (len(want)+2)/3 || p.Files != (p.Shards+1)/2 || c.State != CampaignPlanned {
				t.Errorf("%+v", p)
			}
			if n := w.documents(kindSort); n != 0 {
				t.Errorf("%d documents of the sort are left", n)
			}
			if n := w.documents(kindShard); n != p.Shards {
				t.Errorf("%d shards are stored of %d", n, p.Shards)
			}
			// What Issue says of the same contracts.
			r, _ := w.issue(IssueRequest{All: true, PerPerson: perPerson})
			if int64(r.Issued+r.Resumed) != p.Cards {
				t.Errorf("%d planned, %d issued", p.Cards, r.Issued)
			}
			sum := p.LeftOut[CauseExisting] + p.LeftOut[CauseOutdated] + p.LeftOut[CauseSuspended]
			if int64(r.Existing) != sum || int64(r.Withheld) != p.LeftOut[CauseWithheld] || int64(r.OtherForm) != p.LeftOut[CauseOtherForm] || len(r.NotIssued) != int(p.LeftOut[CauseTooLong]) {
				t.Errorf("left out %v, issue says %+v", p.LeftOut, r)
			}
			if p.LeftOut[CauseExisting] == 0 || p.LeftOut[CauseOutdated] == 0 || p.LeftOut[CauseSuspended] == 0 || p.LeftOut[CauseWithheld] == 0 || p.LeftOut[CauseTooLong] == 0 {
				t.Errorf("the world has too little in it: %v", p.LeftOut)
			}
			left := map[string]int64{}
			err := w.issuer.CampaignLeft(t.Context(), c.ID, amc, func(i CampaignItem) error { left[i.Cause]++; return nil })
			if err != nil {
				t.Fatal(err)
			}
			for _, cause := range shown {
				if left[cause] != p.LeftOut[cause] {
					t.Errorf("%s: %d listed, %d counted", cause, left[cause], p.LeftOut[cause])
				}
			}
		}
	}
}

// mixed gives some contracts cards, some of these an end, some contracts a change, and one too much to say.
func (w *world) mixed(keys []register.ContractKey, perPerson bool) {
	w.t.Helper()
	_, cards := w.issue(IssueRequest{Contracts: keys[:40], PerPerson: perPerson})
	set := func(kind status.Kind, from, to int) {
		var some []Target
		for _, c := range cards[from:to] {
			some = append(some, Target{Place: c.Place})
		}
		must(w.issuer.SetStatus(context.Background(), StatusRequest{Targets: some, Kind: kind, From: calendarDay("2026-12-01"), Class: "test"}))(w.t)
	}
	set(status.Void, 0, 3)
	set(status.Suspended, 3, 5)
	for i, k := range keys[30:36] {
		w.put(household(w.t, k.Adherent, 1+(30+i)%4, 7))
	}
	long := household(w.t, keys[80].Adherent, 2, 0)
	noise := sha256.Sum256([]byte("incompressible"))
	for range rights.MaxNotes {
		long.Notes = append(long.Notes, base64.RawStdEncoding.EncodeToString(append(noise[:], noise[:16]...)))
		noise = sha256.Sum256(noise[:])
	}
	w.put(long)
}

// oracle plans in memory.
func (w *world) oracle(perPerson bool, order string) []sortEntry {
	w.t.Helper()
	var out []sortEntry
	w.view(func(tx register.Tx) error {
		contracts, err := tx.ContractsAfter(amc, "", 1000)
		for _, c := range contracts {
			cards, err := tx.CardsOf(c.Key)
			if err != nil {
				return err
			}
			jobs, err := planIssue(c, cards, perPerson, calendarDay("2026-12-01"), new(IssueReport))
			if err != nil {
				return err
			}
			for _, j := range jobs {
				e := sortEntry{Adherent: c.Key.Adherent, Person: j.person}
				if j.facts.Notes != nil {
					continue // too long
				}
				if order == OrderPostal {
					if e.Key = "\xff"; j.facts.Address != nil {
						e.Key = j.facts.Address.SortKey()
					}
				}
				out = append(out, e)
			}
		}
		return err
	})
	slices.SortStableFunc(out, func(a, b sortEntry) int {
		if a.Key != b.Key {
			return strings.Compare(a.Key, b.Key)
		}
		if a.Adherent != b.Adherent {
			return strings.Compare(a.Adherent, b.Adherent)
		}
		return a.Person - b.Person
	})
	return out
}

// TestPlanCrashes: planning dies at every write in turn, in three ways; the same call completes it to the same plan, once.
func TestPlanCrashes(t *testing.T) {
	fresh := func() *world {
		w := newWorld(t)
		w.issuer.Batch, w.issuer.runEntries = 7, 10
		w.seedAddressed(40)
		return w
	}
	w := fresh()
	whole := &brokenStore{Store: w.store}
	w.issuer.Store = whole
	want := w.items(w.plan(year2027("Campagne")).ID)
	if len(want) != 40 || whole.seen < 10 {
		t.Fatalf("%d items, %d writes", len(want), whole.seen)
	}
	for at := 1; at <= whole.seen; at++ {
		for _, how := range []string{"fail", "panic", "unknown"}[at%3:][:1] {
			w := fresh()
			w.issuer.Store = &brokenStore{Store: w.store, at: at, how: how}
			err := crashing(func() error {
				_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, nil)
				return err
			})
			if !errors.Is(err, errCrash) && !errors.Is(err, register.ErrOutcomeUnknown) {
				t.Fatalf("write %d, %s: %v", at, how, err)
			}
			w.issuer.Store = w.store
			w.clock = w.clock.Add(DefaultLease + 1)
			c, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, nil)
			var there *CampaignExists
			if errors.As(err, &there) && there.Same && there.State == CampaignPlanned {
				c, err = w.issuer.CampaignOf(t.Context(), operatorStaff, there.ID) // the last write was done, and nobody heard
			}
			if err != nil {
				t.Fatalf("write %d, %s, again: %v", at, how, err)
			}
			got := w.items(c.ID)
			if !slices.EqualFunc(got, want, func(a, b CampaignItem) bool {
				return a.Sequence == b.Sequence && a.Contract == b.Contract && a.Person == b.Person
			}) {
				t.Errorf("write %d, %s: another plan", at, how)
			}
			all := must(w.issuer.Campaigns(t.Context(), operatorStaff, "", 10))(t)
			if len(all) != 1 || all[0].State != CampaignPlanned || w.documents(kindSort) != 0 || w.documents(kindLease) != 0 || w.documents(kindShard) != c.Parts[0].Shards {
				t.Errorf("write %d, %s: %d campaigns, %d sort, %d leases, %d shards", at, how, len(all), w.documents(kindSort), w.documents(kindLease), w.documents(kindShard))
			}
		}
	}
}

// TestPlanningIsOnePlanners: while one plans, nobody else does; who gave up lets the next one in.
func TestPlanningIsOnePlanners(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 5
	w.seedAddressed(20)
	stop := errors.New("stop")
	var inside error
	_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), func(string) ([]byte, error) { return nil, stop }, nil)
	if !errors.Is(err, stop) || w.documents(kindCampaign) != 0 {
		t.Fatalf("freeze failed: %v, %d campaigns", err, w.documents(kindCampaign))
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = w.issuer.CreateCampaign(ctx, operatorStaff, year2027("Campagne"), nil, func(int64) {
		if inside == nil {
			_, inside = w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, nil)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(inside, ErrLeased) {
		t.Fatalf("%v; the second: %v", err, inside)
	}
	all := must(w.issuer.Campaigns(t.Context(), operatorStaff, "", 10))(t)
	if len(all) != 1 || all[0].State != CampaignPlanning {
		t.Fatalf("%+v", all)
	}
	for name, fn := range map[string]func(context.Context, Staff, string) (*Campaign, error){"start": w.issuer.StartCampaign, "pause": w.issuer.PauseCampaign, "resume": w.issuer.ResumeCampaign} {
		if _, err := fn(t.Context(), operatorStaff, all[0].ID); !errors.Is(err, ErrUnplanned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// No lease to wait for: the first ended in order. Given up, it leaves nothing but its name.
	var cancelled error
	once := false
	_, err = w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, func(int64) {
		if !once {
			once = true
			_, cancelled = w.issuer.CancelCampaign(t.Context(), operatorStaff, all[0].ID)
		}
	})
	if !errors.Is(err, ErrCancelled) || cancelled != nil {
		t.Fatalf("%v, %v", err, cancelled)
	}
	if c := w.plan(year2027("Campagne")); c.ID == all[0].ID || c.Parts[0].Cards != 20 {
		t.Errorf("%+v", c)
	}
}

func TestCreateTwice(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(4)
	c := w.plan(year2027("Campagne"))
	var there *CampaignExists
	_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, nil)
	if !errors.Is(err, ErrCampaignExists) || !errors.As(err, &there) || there.ID != c.ID || !there.Same {
		t.Errorf("the same: %v", err)
	}
	other := year2027("Campagne")
	other.PerPerson = true
	_, err = w.issuer.CreateCampaign(t.Context(), operatorStaff, other, nil, nil)
	if !errors.As(err, &there) || there.ID != c.ID || there.Same {
		t.Errorf("others by that name: %v", err)
	}
	must(w.issuer.CancelCampaign(t.Context(), operatorStaff, c.ID))(t)
	if again := w.plan(other); again.ID == c.ID {
		t.Error("a name that is free again is not")
	}
}

// TestSelection: what is named, renewed, changed or of another period.
func TestSelection(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(10)
	old := household(t, "OLD", 1, 0)
	old.From, old.To = calendarDay("2026-01-01"), calendarDay("2026-12-31")
	w.put(old)
	march := household(t, "MARCH", 1, 0)
	march.From = calendarDay("2027-03-01")
	w.put(march)
	past := household(t, "PAST", 1, 0)
	past.From, past.To = calendarDay("2025-01-01"), calendarDay("2025-12-31")
	w.put(past)
	n := must(register.NewContract(household(t, "CHANGED", 1, 0), 1))(t)
	n.Changed = begin.Add(-1 * 3600e9)
	w.update(func(tx register.Tx) error { return tx.PutContract(n) })
	key := func(a string) register.ContractKey { return register.ContractKey{Insurer: amc, Adherent: a} }
	for _, c := range []struct {
		name string
		set  func(*CampaignSpec)
		want string
	}{
		{"all", func(s *CampaignSpec) { s.First, s.Last = 0, 0 }, "13 map[ended:1]"},
		{"period", func(s *CampaignSpec) {}, "12 map[other-period:2]"},
		{"first alone", func(s *CampaignSpec) { s.Last = 0 }, "12 map[other-period:2]"},
		{"last alone", func(s *CampaignSpec) { s.First = 0; s.Last = calendarDay("2026-12-31") }, "1 map[ended:1 other-period:12]"},
		{"renewal", func(s *CampaignSpec) { s.Renewal = calendarDay("2027-03-01") }, "1 map[]"},
		{"changed", func(s *CampaignSpec) { s.ChangedSince = begin.Add(-2 * 3600e9) }, "1 map[]"},
		{"changed later", func(s *CampaignSpec) { s.ChangedSince = begin }, "0 map[]"},
		{"named", func(s *CampaignSpec) {
			s.Contracts = []register.ContractKey{key("MARCH"), key("OLD"), key("MARCH"), key("NOBODY")}
		}, "1 map[gone:1 other-period:1]"},
	} {
		spec := year2027(c.name)
		c.set(&spec)
		e := must(w.issuer.EstimateCampaign(t.Context(), operatorStaff, spec, nil))(t)
		if got := fmt.Sprint(e.Total().Cards, e.Total().LeftOut); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if e.Total().Cards == 0 {
			spec.Beside = w.besides()
			var nothing *NothingToMake
			if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, spec, nil, nil); !errors.As(err, &nothing) {
				t.Errorf("%s, planned: %v", c.name, err)
			}
			continue
		}
		p := w.plan(spec).Total()
		if got := fmt.Sprint(p.Cards, p.LeftOut); got != c.want {
			t.Errorf("%s, planned: %s, want %s", c.name, got, c.want)
		}
		if p.Contracts != e.Total().Contracts || int64(p.Shards) != e.Total().Shards || int64(p.Files) != e.Total().Files {
			t.Errorf("%s: planned %+v, estimated %+v", c.name, p, e.Total())
		}
	}
}

// TestEstimateStoresNothing, and signs nothing.
func TestEstimateStoresNothing(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(200)
	keys := &counting{Keys: w.online}
	w.issuer.Online, w.issuer.Store = keys, readOnly{w.store}
	e := must(w.issuer.EstimateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil))(t)
	if keys.signed.Load() != 0 || e.Encoded != 200 || e.People != 500 || len(e.Sample) < sampled/2 || len(e.Sample) > sampled {
		t.Errorf("%d signed, %d encoded, %d people, %d sampled", keys.signed.Load(), e.Encoded, e.People, len(e.Sample))
	}
	w.issuer.Online, w.issuer.Store = w.online, w.store
	lengths := map[int]int64{}
	_, cards := w.issue(IssueRequest{All: true})
	for _, c := range cards {
		lengths[len(c.CodeText)]++
	}
	// The number of the card and the second of its making are a few digits of a compressed text.
	mean := func(m map[int]int64) float64 {
		var sum, n float64
		for l, k := range m {
			sum, n = sum+float64(l)*float64(k), n+float64(k)
		}
		return sum / n
	}
	if a, b := mean(e.Lengths), mean(lengths); a < b-3 || a > b+6 {
		t.Errorf("estimated %.1f characters, made %.1f: %v, %v", a, b, slices.Sorted(maps.Keys(e.Lengths)), slices.Sorted(maps.Keys(lengths)))
	}
}

type readOnly struct{ register.Store }

func (readOnly) Update(context.Context, func(register.Tx) error) error { return register.ErrReadOnly }
