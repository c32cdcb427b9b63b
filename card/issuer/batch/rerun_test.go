// Spoiled sheets: the same cards under the same numbers, nothing issued, and said in the audit chain.

package batch

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sceau/card/issuer"
	"sceau/card/issuer/depot"
	"sceau/card/manifest"
	"sceau/card/register"
	"sceau/card/status"
)

// audited are the acts of the audit chain.
func (w *world) audited() string {
	w.t.Helper()
	var b strings.Builder
	err := w.store.View(w.t.Context(), func(tx register.Tx) error {
		all, err := tx.AuditAfter(0, 10_000)
		for _, e := range all {
			b.Write(e.Body)
			b.WriteByte('\n')
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func rowsOf(t *testing.T, b []byte) [][]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = ';'
	return must(r.ReadAll())(t)
}

func TestRerun(t *testing.T) {
	w, c := done(t, 20, nil)
	log, places := w.signed(), w.places(c)
	again := must(depot.Open(t.Context(), filepath.Join(w.dir, "again"), depot.Options{}))(t)
	req := RerunRequest{Campaign: c.ID, Insurer: amc, Ranges: []manifest.Range{{First: 5, Last: 8}, {First: 9, Last: 9}, {First: 20, Last: 20}}, Reason: "bourrage", To: again}
	r := must(w.worker().Rerun(t.Context(), req))(t)
	if r.Cards != 6 || r.Pages != 6 || r.Files != 4 || len(r.Left) != 0 {
		t.Fatalf("%+v", r)
	}
	v := must(Verify(t.Context(), again, VerifyOptions{Keys: w.keys(), Campaign: c.ID, Insurers: []string{amc}}))(t)
	if !v.Whole() || v.Manifests[0].Rerun != "bourrage" || v.Manifests[0].Totals.Cards != 6 || v.Manifests[0].Counted != 12 {
		t.Fatalf("%+v", v)
	}
	if w.signed() != log || !slices.Equal(w.places(c), places) {
		t.Error("issued a card")
	}
	if !strings.Contains(w.audited(), `"campaign.rerun"`) || !strings.Contains(w.audited(), `"numbers":"5-9,20"`) {
		t.Error("not in the audit chain")
	}
	// The same lines as the first time, and the same pages for a whole file.
	first := slices.Concat(rowsOf(t, w.read(c.ID, amc, "0000001-0000006.csv")), rowsOf(t, w.read(c.ID, amc, "0000007-0000012.csv"))[1:],
		rowsOf(t, w.read(c.ID, amc, "0000019-0000020.csv"))[1:])
	same := slices.Concat(first[:1], first[5:10], first[len(first)-1:])
	got := rowsOf(t, must(os.ReadFile(filepath.Join(w.dir, "again", r.Folder, "0000005-0000020.csv")))(t))
	if !slices.EqualFunc(got, same, slices.Equal) {
		t.Error("other lines than the first time")
	}
	w.clock = w.clock.Add(1e9)
	req.Ranges, req.Outputs = []manifest.Range{{First: 7, Last: 12}}, []string{manifest.PDF}
	r = must(w.worker().Rerun(t.Context(), req))(t)
	pdf := must(os.ReadFile(filepath.Join(w.dir, "again", r.Folder, "0000007-0000012.pdf")))(t)
	if !bytes.Equal(pdf, w.read(c.ID, amc, "0000007-0000012.pdf")) {
		t.Error("other pages than the first time")
	}
	w.clock = w.clock.Add(1e9)
	r = must(w.worker().Rerun(t.Context(), RerunRequest{Campaign: c.ID, Insurer: amc, Contract: "A0000003", Reason: "courrier perdu", To: again}))(t)
	if r.Cards != 1 || r.Files != 4 {
		t.Errorf("%+v", r)
	}
	if v := must(Verify(t.Context(), again, VerifyOptions{Keys: w.keys()}))(t); !v.Whole() || len(v.Manifests) != 3 {
		t.Errorf("%+v", v.Faults)
	}
	if strings.Contains(w.audited()[strings.Index(w.audited(), `"campaign.rerun"`):], "A0000003") {
		t.Error("the audit chain names a N° adhérent")
	}
}

// blind is a depot as one of two reruns of one moment sees it: nothing of the other's is there yet.
type blind struct{ depot.Depot }

func (blind) List(context.Context, string) ([]depot.Entry, error) { return nil, nil }

// TestRerunsOfOneSecond: neither writes over the other's files or manifest.
func TestRerunsOfOneSecond(t *testing.T) {
	w, c := done(t, 4, func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	again := must(depot.Open(t.Context(), filepath.Join(w.dir, "again"), depot.Options{}))(t)
	for n := range int64(3) {
		must(w.worker().Rerun(t.Context(), RerunRequest{Campaign: c.ID, Insurer: amc, Ranges: []manifest.Range{{First: 1 + n, Last: 1 + n}}, Reason: "bourrage", To: blind{again}}))(t)
	}
	if v := must(Verify(t.Context(), again, VerifyOptions{Keys: w.keys(), Insurers: []string{amc}}))(t); !v.Whole() || len(v.Manifests) != 3 || v.Files != 3 {
		t.Errorf("%+v", v)
	}
}

func TestRerunLeavesOutWhatEnded(t *testing.T) {
	w, c := done(t, 9, func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.PDF} })
	places := w.places(c)
	for kind, n := range map[status.Kind]int{status.Void: 1, status.Suspended: 3} {
		must(w.issuer.SetStatus(t.Context(), issuer.StatusRequest{Kind: kind, Targets: []issuer.Target{{Place: places[n]}}}))(t)
	}
	must(w.issuer.Reprint(t.Context(), issuer.ReprintRequest{Places: places[5:6]}, func(issuer.Issued) error { return nil }))(t)
	log := w.signed()
	again := must(depot.Open(t.Context(), filepath.Join(w.dir, "again"), depot.Options{}))(t)
	req := RerunRequest{Campaign: c.ID, Insurer: amc, Ranges: []manifest.Range{{First: 1, Last: 6}}, Reason: "tache", To: again}
	r := must(w.worker().Rerun(t.Context(), req))(t)
	one := func(n int64) []manifest.Range { return []manifest.Range{{First: n, Last: n}} }
	want := []manifest.Without{{Cause: "replaced", Ranges: one(6)}, {Cause: "suspended", Ranges: one(4)}, {Cause: "withheld", Ranges: one(2)}}
	if r.Cards != 3 || !slices.EqualFunc(r.Left, want, func(a, b manifest.Without) bool { return a.Cause == b.Cause && slices.Equal(a.Ranges, b.Ranges) }) {
		t.Fatalf("%+v", r)
	}
	w.clock = w.clock.Add(1e9)
	req.AlsoEnded = true
	if r = must(w.worker().Rerun(t.Context(), req))(t); r.Cards != 6 || len(r.Left) != 0 {
		t.Fatalf("%+v", r)
	}
	if v := must(Verify(t.Context(), again, VerifyOptions{Keys: w.keys()}))(t); !v.Whole() {
		t.Errorf("%+v", v.Faults)
	}
	w.clock = w.clock.Add(1e9)
	req.AlsoEnded, req.Ranges = false, one(2)
	if r, err := w.worker().Rerun(t.Context(), req); !errors.Is(err, ErrNoPages) || len(r.Left) != 1 {
		t.Errorf("%v %+v", err, r)
	}
	if w.signed() != log {
		t.Error("issued a card")
	}
}

func TestRerunRefuses(t *testing.T) {
	w, c := done(t, 3, func(s *issuer.CampaignSpec) { s.Outputs = []string{manifest.CSV} })
	open := w.campaign(func(s *issuer.CampaignSpec) { s.Name, s.Existing, s.Outputs = "autre", true, []string{manifest.CSV} })
	dir := filepath.Join(w.dir, "again")
	again := must(depot.Open(t.Context(), dir, depot.Options{}))(t)
	good := RerunRequest{Campaign: c.ID, Insurer: amc, Ranges: []manifest.Range{{First: 1, Last: 2}}, Reason: "bourrage", To: again}
	for name, x := range map[string]struct {
		edit func(r *RerunRequest)
		want error
	}{
		"another campaign":    {func(r *RerunRequest) { r.Campaign = "261201-aaaa" }, issuer.ErrUnknownCampaign},
		"another insurer":     {func(r *RerunRequest) { r.Insurer = "123456789" }, issuer.ErrUnknownCampaign},
		"no numbers":          {func(r *RerunRequest) { r.Ranges = nil }, ErrRerun},
		"numbers and names":   {func(r *RerunRequest) { r.Contract = "A0000001" }, ErrRerun},
		"beyond the last":     {func(r *RerunRequest) { r.Ranges[0].Last = 4 }, ErrRerun},
		"number 0":            {func(r *RerunRequest) { r.Ranges[0].First = 0 }, ErrRerun},
		"backward":            {func(r *RerunRequest) { r.Ranges = []manifest.Range{{First: 3, Last: 3}, {First: 1, Last: 1}} }, ErrRerun},
		"overlap":             {func(r *RerunRequest) { r.Ranges = []manifest.Range{{First: 1, Last: 2}, {First: 2, Last: 3}} }, ErrRerun},
		"no reason":           {func(r *RerunRequest) { r.Reason = "" }, ErrRerun},
		"a reason of lines":   {func(r *RerunRequest) { r.Reason = "a\nb" }, ErrRerun},
		"an unknown output":   {func(r *RerunRequest) { r.Outputs = []string{"exe"} }, ErrRerun},
		"an unknown contract": {func(r *RerunRequest) { r.Ranges, r.Contract = nil, "ZZZ" }, ErrRerun},
		"a shard to come":     {func(r *RerunRequest) { r.Campaign = open.ID }, ErrRerun},
		"a full disk":         {func(r *RerunRequest) { r.To = &broken{Depot: again, at: 2} }, errFull},
		"a disk full at once": {func(r *RerunRequest) { r.To = &broken{Depot: again, at: 1} }, errFull},
	} {
		req := good
		req.Ranges = slices.Clone(good.Ranges)
		x.edit(&req)
		if r, err := w.worker().Rerun(t.Context(), req); !errors.Is(err, x.want) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left := must(again.List(t.Context(), ""))(t); len(left) > 0 {
			t.Errorf("%s: left %v behind", name, left)
		}
	}
}
