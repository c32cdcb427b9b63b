package issuer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/rights"
)

// TestCampaignStates: every act in every state, and what it says.
func TestCampaignStates(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(4)
	acts := map[string]func(context.Context, Staff, string) (*Campaign, error){
		"start": w.issuer.StartCampaign, "pause": w.issuer.PauseCampaign, "resume": w.issuer.ResumeCampaign, "cancel": w.issuer.CancelCampaign,
	}
	allowed := map[CampaignState]string{
		CampaignPlanned: "start cancel", CampaignStarted: "pause cancel", CampaignPaused: "resume cancel", CampaignCancelled: "", CampaignDone: "",
	}
	to := map[string]CampaignState{"start": CampaignStarted, "pause": CampaignPaused, "resume": CampaignStarted, "cancel": CampaignCancelled}
	n := 0
	for state, may := range allowed {
		for name, act := range acts {
			n++
			c := w.plan(year2027(fmt.Sprint("Campagne ", n)))
			w.update(func(tx register.Tx) error {
				d, v, err := campaign(tx, c.ID)
				v.State = state
				return errors.Join(err, writeDocument(tx, d, v))
			})
			got, err := act(t.Context(), operatorStaff, c.ID)
			if strings.Contains(may, name) {
				if err != nil || got.State != to[name] {
					t.Errorf("%s a %s campaign: %v, %v", name, state, got, err)
				}
				continue
			}
			if !errors.Is(err, ErrCampaignState) || !strings.Contains(err.Error(), c.ID+" is "+string(state)) {
				t.Errorf("%s a %s campaign: %v", name, state, err)
			}
		}
	}
	for name, act := range acts {
		for _, id := range []string{"", "261201-zzzz", "../../etc", strings.Repeat("a", 200), "261201-zzzz/" + amc} {
			if _, err := act(t.Context(), operatorStaff, id); !errors.Is(err, ErrUnknownCampaign) {
				t.Errorf("%s of %q: %v", name, id, err)
			}
		}
	}
}

// TestRealShards: with cards that are really signed, from the plan to the end, and the register agrees.
func TestRealShards(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(10)
	theme := []byte(`{"some":"theme"}`)
	c := must(w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), func(key string) ([]byte, error) {
		if key != amc {
			t.Errorf("asked for the theme of %s", key)
		}
		return theme, nil
	}, nil))(t)
	if _, err := w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "w"}); !errors.Is(err, ErrPaused) {
		t.Errorf("before the start: %v", err)
	}
	if refs := must(w.issuer.NextShards(t.Context(), "", 5))(t); len(refs) != 0 {
		t.Errorf("before the start: %v", refs)
	}
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	for steps := 0; ; steps++ {
		refs := must(w.issuer.NextShards(t.Context(), "", 1))(t)
		if len(refs) == 0 || steps > 20 {
			break
		}
		w.clock = w.clock.Add(10 * time.Second)
		sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, refs[0].N, Claim{Worker: "w"}))(t)
		r := must(w.issuer.Shard(t.Context(), sh.Request(w.clock)))(t)
		f := must(w.issuer.EndShard(t.Context(), sh, r))(t)
		if f == nil {
			continue
		}
		if _, err := w.issuer.OpenFile(t.Context(), c.ID, amc, f.N, Claim{Worker: "other"}); !errors.Is(err, ErrLeased) {
			t.Errorf("a file that another has: %v", err)
		}
		f = must(w.issuer.OpenFile(t.Context(), c.ID, amc, f.N, Claim{Worker: "w"}))(t)
		for _, it := range f.Items {
			k := w.card(it.Place)
			if k.State != register.Live || k.Contract != it.Contract {
				t.Errorf("number %d: %+v", it.Sequence, it)
			}
			facts := must(w.contract(it.Contract).Rights())(t)
			if (len(it.Address) == 0) != (facts.Address == nil) {
				t.Errorf("number %d: address %q", it.Sequence, it.Address)
			}
		}
		if must(w.issuer.EndFile(t.Context(), f, outputsOf(f), nil))(t) {
			if _, err := w.issuer.EndFile(t.Context(), f, outputsOf(f), map[int64]string{f.First: CauseGlyph}); !errors.Is(err, ErrDamaged) {
				t.Errorf("drawn again, and not the same: %v", err)
			}
			if !must(w.issuer.EndPart(t.Context(), c.ID, amc, ManifestFact{Name: "m", SHA256: "1"}))(t) {
				t.Error("the last manifest ends nothing")
			}
			if !must(w.issuer.EndPart(t.Context(), c.ID, amc, ManifestFact{Name: "m", SHA256: "1", KID: "new"}))(t) {
				t.Error("a manifest that is sealed anew")
			}
		}
	}
	done := must(w.issuer.CampaignOf(t.Context(), operatorStaff, c.ID))(t)
	if p := done.Parts[0]; done.State != CampaignDone || p.Issued != 10 || p.Made != 10 || p.DoneFiles != 2 || p.Pages != 10 || p.Manifest.KID != "new" {
		t.Errorf("%+v", done)
	}
	frozen := must(w.issuer.Frozen(t.Context(), c.ID, amc))(t)
	if string(frozen.Theme) != string(theme) || must(card.ParseInsurer(frozen.Document))(t).AMC != amc || must(rights.ParseCodes(frozen.Codes))(t) == nil {
		t.Error("what it is printed with is not what it was")
	}
	w.sound()
	// A second campaign of the same contracts makes nothing, and says why.
	var nothing *NothingToMake
	if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Encore"), nil, nil); !errors.As(err, &nothing) || nothing.LeftOut[CauseExisting] != 10 {
		t.Errorf("%v", err)
	}
	spec := year2027("Toutes")
	spec.Existing = true
	if all := w.plan(spec).Parts[0]; all.Cards != 10 {
		t.Errorf("%+v", all)
	}
	w.auditHas(t, map[string]int{"campaign.create": 2, "campaign.start": 1, "campaign.manifest": 2, "campaign.done": 1})
	// Long after its end nothing of it is left.
	w.clock = w.clock.Add(campaignKept + 48*time.Hour)
	if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, CampaignSpec{Name: "Plus tard", Existing: true}, nil, nil); !errors.As(err, &nothing) {
		t.Errorf("%v", err)
	}
	if _, err := w.issuer.CampaignOf(t.Context(), operatorStaff, c.ID); !errors.Is(err, ErrUnknownCampaign) {
		t.Errorf("%v", err)
	}
	for _, kind := range campaignKinds {
		err := w.issuer.eachBelow(t.Context(), kind, c.ID, 10, func(d register.Document) error { t.Errorf("%s %s is left", kind, d.ID); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) contract(k register.ContractKey) (c register.Contract) {
	w.t.Helper()
	w.view(func(tx register.Tx) (err error) { c, err = tx.Contract(k); return err })
	return c
}

// auditHas counts the acts about campaigns, and looks that they name nobody.
func (w *world) auditHas(t *testing.T, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	w.view(func(tx register.Tx) error {
		entries, err := tx.AuditAfter(0, 10_000)
		for _, e := range entries {
			r, err := register.ReadAudit(e)
			if err != nil {
				return err
			}
			if strings.HasPrefix(r.Act, "campaign.") {
				got[r.Act]++
				noPerson(t, "the audit chain", string(r.Detail))
			}
		}
		return err
	})
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("acts %v, want %v", got, want)
	}
}

// TestCancelledWork: what is in hand may be ended, and nothing follows from it.
func TestCancelledWork(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(6)
	c := w.plan(year2027("Campagne"))
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	one := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "a"}))(t)
	two := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 2, Claim{Worker: "b"}))(t)
	must(w.issuer.PauseCampaign(t.Context(), operatorStaff, c.ID))(t)
	if f := must(w.issuer.EndShard(t.Context(), one, pretend(one)))(t); f != nil {
		t.Errorf("%+v", f)
	}
	must(w.issuer.CancelCampaign(t.Context(), operatorStaff, c.ID))(t)
	if f := must(w.issuer.EndShard(t.Context(), two, pretend(two)))(t); f != nil {
		t.Errorf("%+v", f)
	}
	for name, err := range map[string]error{
		"file": func() error { _, err := w.issuer.OpenFile(t.Context(), c.ID, amc, 1, Claim{Worker: "a"}); return err }(),
		"part": func() error {
			_, _, _, err := w.issuer.OpenPart(t.Context(), c.ID, amc, Claim{Worker: "a"})
			return err
		}(),
	} {
		if !errors.Is(err, ErrCancelled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "a"}))(t); !sh.Done || sh.Items[0].Place == (card.Place{}) {
		t.Errorf("a shard that is done can't be read: %+v", sh)
	}
	if p := must(w.issuer.CampaignOf(t.Context(), operatorStaff, c.ID))(t).Parts[0]; p.Made != 6 || p.DoneFiles != 0 {
		t.Errorf("%+v", p)
	}
}

// TestWorkRefused: shards, files and results that don't exist or don't fit.
func TestWorkRefused(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(9)
	c := w.plan(year2027("Campagne"))
	must(w.issuer.StartCampaign(t.Context(), operatorStaff, c.ID))(t)
	claim := Claim{Worker: "w"}
	for name, err := range map[string]error{
		"shard 0":       errOf(w.issuer.OpenShard(t.Context(), c.ID, amc, 0, claim)),
		"shard 4":       errOf(w.issuer.OpenShard(t.Context(), c.ID, amc, 4, claim)),
		"other insurer": errOf(w.issuer.OpenShard(t.Context(), c.ID, "999999999", 1, claim)),
		"no campaign":   errOf(w.issuer.OpenShard(t.Context(), "261201-zzzz", amc, 1, claim)),
		"file 0":        errOf(w.issuer.OpenFile(t.Context(), c.ID, amc, 0, claim)),
		"file 3":        errOf(w.issuer.OpenFile(t.Context(), c.ID, amc, 3, claim)),
		"frozen":        errOf(w.issuer.Frozen(t.Context(), c.ID, "999999999")),
		"numbers":       w.issuer.CampaignItems(t.Context(), c.ID, amc, 5, 10, nil),
		"turned round":  w.issuer.CampaignItems(t.Context(), c.ID, amc, 5, 4, nil),
		"next":          errOf(w.issuer.NextShards(t.Context(), "261201-zzzz", 1)),
	} {
		if !errors.Is(err, ErrUnknownCampaign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.issuer.OpenFile(t.Context(), c.ID, amc, 1, claim); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a file too soon: %v", err)
	}
	if _, err := w.issuer.EndPart(t.Context(), c.ID, amc, ManifestFact{}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a manifest too soon: %v", err)
	}
	for _, worker := range []string{"", "a b", strings.Repeat("w", 129), "é"} {
		if _, err := w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: worker}); err == nil {
			t.Errorf("a worker %q", worker)
		}
	}
	sh := must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, claim))(t)
	if _, err := w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "x"}); !errors.Is(err, ErrLeased) {
		t.Errorf("another's: %v", err)
	}
	must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, claim))(t) // its own again
	w.clock = w.clock.Add(DefaultLease)
	must(w.issuer.OpenShard(t.Context(), c.ID, amc, 1, Claim{Worker: "x"}))(t) // run out
	for name, spoil := range map[string]func(*ShardResult){
		"too few":  func(r *ShardResult) { r.Cards = r.Cards[1:] },
		"no facts": func(r *ShardResult) { r.Facts = nil },
		"neither":  func(r *ShardResult) { r.Cards[0] = Issued{} },
		"both":     func(r *ShardResult) { r.Causes[0] = CauseGone },
	} {
		r := pretend(sh)
		spoil(r)
		if _, err := w.issuer.EndShard(t.Context(), sh, r); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	must(w.issuer.EndShard(t.Context(), sh, pretend(sh)))(t) // late, and still right
	if err := w.issuer.ReleaseShard(t.Context(), &CampaignShard{Campaign: c.ID, Insurer: amc, N: 2, Claim: Claim{Worker: "nobody"}}); err != nil {
		t.Error(err)
	}
}

func errOf[T any](_ T, err error) error { return err }

// TestSpecRefused: what a campaign can't be asked for; nothing is stored.
func TestSpecRefused(t *testing.T) {
	w := newWorld(t)
	w.seedAddressed(2)
	keys := func(n int) []register.ContractKey {
		out := make([]register.ContractKey, n)
		for i := range out {
			out[i] = register.ContractKey{Insurer: amc, Adherent: fmt.Sprint(i)}
		}
		return out
	}
	for name, c := range map[string]struct {
		set  func(*CampaignSpec)
		want error
	}{
		"no name":           {func(s *CampaignSpec) { s.Name = "" }, ErrCampaignSpec},
		"long name":         {func(s *CampaignSpec) { s.Name = strings.Repeat("n", 65) }, ErrCampaignSpec},
		"line in the name":  {func(s *CampaignSpec) { s.Name = "a\nb" }, ErrCampaignSpec},
		"backwards":         {func(s *CampaignSpec) { s.Last = s.First - 1 }, ErrCampaignSpec},
		"before the world":  {func(s *CampaignSpec) { s.First = 5 }, ErrCampaignSpec},
		"renewal outside":   {func(s *CampaignSpec) { s.Renewal = s.Last + 1 }, ErrCampaignSpec},
		"big shard":         {func(s *CampaignSpec) { s.ShardSize = 1001; s.FileSize = 2002 }, ErrCampaignSpec},
		"negative shard":    {func(s *CampaignSpec) { s.ShardSize = -1 }, ErrCampaignSpec},
		"big file":          {func(s *CampaignSpec) { s.ShardSize = 1000; s.FileSize = 6000 }, ErrCampaignSpec},
		"file no multiple":  {func(s *CampaignSpec) { s.FileSize = 7 }, ErrCampaignSpec},
		"file too small":    {func(s *CampaignSpec) { s.FileSize = 2 }, ErrCampaignSpec},
		"layout":            {func(s *CampaignSpec) { s.Layout = "a3" }, ErrCampaignSpec},
		"window":            {func(s *CampaignSpec) { s.Window = "c4" }, ErrCampaignSpec},
		"window on a card":  {func(s *CampaignSpec) { s.Window = WindowDL; s.Layout = LayoutCard }, ErrCampaignSpec},
		"order":             {func(s *CampaignSpec) { s.Order = "random" }, ErrCampaignSpec},
		"output":            {func(s *CampaignSpec) { s.Outputs = []string{"doc"} }, ErrCampaignSpec},
		"no output":         {func(s *CampaignSpec) { s.Outputs = []string{} }, ErrCampaignSpec},
		"output twice":      {func(s *CampaignSpec) { s.Outputs = []string{"pdf", "pdf"} }, ErrCampaignSpec},
		"rate":              {func(s *CampaignSpec) { s.SignRate = -1 }, ErrCampaignSpec},
		"no contract":       {func(s *CampaignSpec) { s.Contracts = []register.ContractKey{} }, ErrCampaignSpec},
		"too many":          {func(s *CampaignSpec) { s.Contracts = keys(MaxNamedContracts + 1) }, ErrCampaignSpec},
		"no N°":             {func(s *CampaignSpec) { s.Contracts = []register.ContractKey{{Insurer: amc, Adherent: "né à"}} }, ErrCampaignSpec},
		"another's":         {func(s *CampaignSpec) { s.Contracts = []register.ContractKey{{Insurer: "999999999", Adherent: "A1"}} }, ErrUnknownInsurer},
		"insurer":           {func(s *CampaignSpec) { s.Insurers = []string{"999999999"} }, ErrUnknownInsurer},
		"theme":             {func(s *CampaignSpec) {}, fs.ErrNotExist},
		"theme without end": {func(s *CampaignSpec) { s.Name = "theme" }, ErrCampaignSpec},
	} {
		spec := year2027("Campagne")
		c.set(&spec)
		_, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, spec, func(string) ([]byte, error) {
			if spec.Name == "theme" {
				return make([]byte, register.MaxDocument+1), nil
			}
			return nil, fs.ErrNotExist
		}, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			noPerson(t, name, err.Error())
		}
	}
	if n := w.documents(kindCampaign) + w.documents(kindPart) + w.documents(kindLease) + w.documents(kindFrozen); n != 0 {
		t.Errorf("%d documents are stored", n)
	}
	w.clock = w.clock.AddDate(-20, 0, 0)
	if _, err := w.issuer.CreateCampaign(t.Context(), operatorStaff, year2027("Campagne"), nil, nil); !errors.Is(err, ErrNoCardKey) {
		t.Errorf("without a key: %v", err)
	}
}

// TestWindowNeedsAddress: a letter that no postman could deliver is left out when planned, unless no letter is printed.
func TestWindowNeedsAddress(t *testing.T) {
	w := newWorld(t)
	w.seed(2)
	w.put(addressed(household(t, "WITH", 1, 0), rand.New(rand.NewPCG(1, 1))))
	for _, c := range []struct {
		window, output string
		cards, without int64
	}{{WindowDL, OutputPDF, 1, 2}, {WindowC5, OutputPDF, 1, 2}, {"", OutputPDF, 3, 0}, {WindowDL, OutputCSV, 3, 0}} {
		spec := year2027("Campagne")
		spec.Window, spec.Outputs = c.window, []string{c.output}
		e := must(w.issuer.EstimateCampaign(t.Context(), operatorStaff, spec, nil))(t).Total()
		if e.Cards != c.cards || e.LeftOut[CauseNoAddress] != c.without {
			t.Errorf("%+v: %+v", c, e)
		}
	}
}

// TestTenants: an insurer sees and changes its own campaigns, sees its part of the operator's, and nothing else.
func TestTenants(t *testing.T) {
	const second = "433333333"
	w := newWorld(t)
	if err := w.issuer.AddInsurer(t.Context(), facts(second)); err != nil {
		t.Fatal(err)
	}
	w.seedAddressed(5)
	other := household(t, "B1", 1, 0)
	other.Insurer = second
	w.put(other)
	mine := Staff{Actor: "a", Insurer: amc}
	theirs := Staff{Actor: "b", Insurer: second}
	both := w.plan(year2027("Toutes"))
	if len(both.Parts) != 2 || both.Owner != "" {
		t.Fatalf("%+v", both)
	}
	asked := year2027("Toutes")
	if _, err := w.issuer.CreateCampaign(t.Context(), mine, asked, nil, nil); !errors.Is(err, ErrBeside) {
		t.Errorf("beside the operator's: %v", err)
	}
	asked.Beside = []string{both.ID}
	own := must(w.issuer.CreateCampaign(t.Context(), mine, asked, nil, nil))(t)
	if len(own.Parts) != 1 || own.Owner != amc || own.Parts[0].Cards != 5 {
		t.Fatalf("%+v", own)
	}
	part := must(w.issuer.CampaignOf(t.Context(), theirs, both.ID))(t)
	if len(part.Parts) != 1 || part.Parts[0].Insurer != second || part.Total().Cards != 1 {
		t.Errorf("%+v", part)
	}
	for name, err := range map[string]error{
		"see":    errOf(w.issuer.CampaignOf(t.Context(), theirs, own.ID)),
		"start":  errOf(w.issuer.StartCampaign(t.Context(), theirs, own.ID)),
		"cancel": errOf(w.issuer.CancelCampaign(t.Context(), theirs, own.ID)),
		"diff":   errOf(w.issuer.DiffCampaigns(t.Context(), theirs, own.ID, both.ID, nil)),
	} {
		if !errors.Is(err, ErrUnknownCampaign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.issuer.StartCampaign(t.Context(), theirs, both.ID); !errors.Is(err, ErrOperators) {
		t.Errorf("the operator's: %v", err)
	}
	spec := year2027("Autre")
	spec.Insurers = []string{amc}
	if _, err := w.issuer.CreateCampaign(t.Context(), theirs, spec, nil, nil); !errors.Is(err, ErrUnknownInsurer) {
		t.Errorf("for another: %v", err)
	}
	for who, want := range map[string]int{"": 2, amc: 2, second: 1, "111111111": 0} {
		if all := must(w.issuer.Campaigns(t.Context(), Staff{Insurer: who}, "", 10))(t); len(all) != want {
			t.Errorf("%s sees %d campaigns", who, len(all))
		}
	}
	page := must(w.issuer.Campaigns(t.Context(), mine, "", 1))(t)
	if rest := must(w.issuer.Campaigns(t.Context(), mine, page[0].ID, 10))(t); len(rest) != 1 || rest[0].ID == page[0].ID {
		t.Errorf("the second page: %+v", rest)
	}
	must(w.issuer.StartCampaign(t.Context(), mine, own.ID))(t)
}
