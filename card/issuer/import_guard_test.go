package issuer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/rights"
	"sceau/rights/roster"
)

// guarded takes a text with the guard.
func (w *world) guarded(text string, o ImportOptions) (*ImportReport, []roster.Reject, error) {
	w.t.Helper()
	var rejects []roster.Reject
	o.Reject = func(r roster.Reject) error { rejects = append(rejects, r); return nil }
	r, err := w.issuer.ImportFile(w.t.Context(), func() (io.Reader, error) { return strings.NewReader(text), nil }, o)
	return r, rejects, err
}

// rosterUntil has n contracts of which the first so many end on another day.
func rosterUntil(n, early int, fin string) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		l := line(fmt.Sprintf("A%04d", i), "Éloïse", "100%")
		if i < early {
			l = strings.Replace(l, "31/12/2027", fin, 1)
		}
		b.WriteString(l)
	}
	return b.String()
}

func TestMassClosure(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 100
	whole := rosterUntil(500, 0, "")
	if r, _, err := w.guarded(whole, ImportOptions{}); err != nil || r.Created != 500 {
		t.Fatalf("%+v %v", r, err)
	}
	before := w.contracts()
	same := func(what string) {
		t.Helper()
		for k, c := range w.contracts() {
			if c.Hash != before[k].Hash || c.Revision != before[k].Revision {
				t.Fatalf("%s: contract changed", what)
			}
		}
		w.view(func(tx register.Tx) error {
			if all, err := tx.Imports(10); err != nil || len(all) != 1 {
				t.Errorf("%s: %d imports %v", what, len(all), err)
			}
			return nil
		})
	}
	many := rosterUntil(500, 26, "30/06/2027") // 5.2 %
	for name, o := range map[string]ImportOptions{"default": {}, "wrong number": {AcceptClosures: 25}, "5 %": {MaxClosed: 5}, "dry run": {DryRun: true}, "strict": {Strict: true}, "none": {MaxClosed: 1e-9}} {
		r, _, err := w.guarded(many, o)
		m := new(MassClosure)
		if !errors.Is(err, ErrMassClosure) || !errors.As(err, &m) || m.Closures != 26 || len(m.Insurers) != 1 || m.Insurers[0] != (InsurerClosures{amc, 26, 500, true}) {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(err.Error(), "26 of 500 contracts of 775670482") || r == nil {
			t.Errorf("%s: %v", name, err)
		}
		same(name)
	}
	// Every contract at once, as happened once.
	all := rosterUntil(500, 500, "30/06/2027")
	if _, _, err := w.guarded(all, ImportOptions{MaxClosed: 99}); !errors.Is(err, ErrMassClosure) {
		t.Errorf("%v", err)
	}
	same("all of them")
	for _, step := range []struct {
		name string
		text string
		o    ImportOptions
		n    int
	}{
		{"exactly 5 %", rosterUntil(500, 25, "30/06/2027"), ImportOptions{}, 25},
		{"again", rosterUntil(500, 25, "30/06/2027"), ImportOptions{}, 0},
		{"by a larger share", rosterUntil(500, 44, "30/05/2027"), ImportOptions{MaxClosed: 10}, 44},
		{"by number", rosterUntil(500, 100, "29/05/2027"), ImportOptions{AcceptClosures: 100}, 100},
		{"without a guard", rosterUntil(500, 500, "28/05/2027"), ImportOptions{MaxClosed: 100}, 500},
		{"longer", rosterUntil(500, 500, "31/12/2028"), ImportOptions{}, 0},
	} {
		r, _, err := w.guarded(step.text, step.o)
		if err != nil || r.Closed != step.n {
			t.Errorf("%s: %+v %v", step.name, r, err)
		}
	}
	w.clock = time.Date(2029, 2, 1, 0, 0, 0, 0, time.UTC)
	if r, _, err := w.guarded(rosterUntil(500, 500, "31/05/2028"), ImportOptions{}); err != nil || r.Closed != 0 || r.Changed != 500 {
		t.Errorf("contracts that are over: %+v %v", r, err)
	}
	w.sound()
}

// TestFewClosures: under twenty never stop a file, whatever the share.
func TestFewClosures(t *testing.T) {
	w := newWorld(t)
	must1(w.take(rosterUntil(30, 0, ""), ImportOptions{}))(t)
	if r, _, err := w.guarded(rosterUntil(30, 19, "30/06/2027"), ImportOptions{}); err != nil || r.Closed != 19 {
		t.Errorf("%+v %v", r, err)
	}
	if _, _, err := w.guarded(rosterUntil(30, 20, "29/06/2027"), ImportOptions{}); !errors.Is(err, ErrMassClosure) {
		t.Errorf("%v", err)
	}
}

// TestFileChangedMeanwhile: what was checked is what is taken; a file that closes more the second time stops.
func TestFileChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 10
	must1(w.take(rosterUntil(100, 0, ""), ImportOptions{}))(t)
	n := 0
	other := func(first, second string, o ImportOptions) error {
		n = 0
		_, err := w.issuer.ImportFile(t.Context(), func() (io.Reader, error) {
			if n++; n == 1 {
				return strings.NewReader(first), nil
			}
			return strings.NewReader(second), nil
		}, o)
		return err
	}
	if err := other(rosterUntil(100, 3, "30/06/2027"), rosterUntil(100, 90, "30/06/2027"), ImportOptions{}); !errors.Is(err, errMore) {
		t.Errorf("%v", err)
	}
	closed := 0
	for _, c := range w.contracts() {
		if c.Revision > 1 {
			closed++
		}
	}
	if closed > 3 {
		t.Errorf("%d contracts were closed", closed)
	}
	if err := other(rosterUntil(50, 0, ""), rosterUntil(50, 0, "")+"x;y\n", ImportOptions{Strict: true}); !errors.Is(err, errMore) {
		t.Errorf("%v", err)
	}
	gone := errors.New("gone")
	if _, err := w.issuer.ImportFile(t.Context(), func() (io.Reader, error) { return nil, gone }, ImportOptions{}); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	w.sound()
}

const deltaHeader = "amc;adherent;convention;responsable;debut;fin;nom;prenom;naissance;rang;PHAR;HOSP;mouvement\n"

func moved(m, l string) string { return strings.TrimSuffix(l, "\n") + ";" + m + "\n" }

func TestDelta(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 2
	must1(w.take(rosterUntil(6, 0, ""), ImportOptions{}))(t)
	ends := func(adherent, fin string) string { return amc + ";" + adherent + ";;;;" + fin + ";;;;;;;S\n" }
	delta := deltaHeader + moved("C", line("N1", "Zoé", "100%")) + moved("M", line("A0001", "Zoé", "150%")) + ends("A0002", "31/03/2027") + ends("UNKNOWN", "31/03/2027") +
		ends("A0003", "31/12/2026") + ends("A0004", "31/12/2028") + moved("M", line("N2", "Zoé", "100%"))
	var whole *roster.FileError
	if _, _, err := w.guarded(delta, ImportOptions{}); !errors.As(err, &whole) || whole.Code != "delta" {
		t.Errorf("%v", err)
	}
	dry, _, err := w.guarded(delta, ImportOptions{Delta: true, DryRun: true})
	if err != nil || len(w.contracts()) != 6 {
		t.Fatal(err)
	}
	r, rejects, err := w.guarded(delta, ImportOptions{Delta: true})
	if err != nil || r.Created != 2 || r.Changed != 2 || r.Closed != 1 || r.Unchanged != 1 || r.Rejected != 2 || r.Refused != 2 || r.Contracts != 5 {
		t.Fatalf("%+v %v", r, err)
	}
	if dry.Created != r.Created || dry.Changed != r.Changed || dry.Closed != r.Closed || dry.Rejected != r.Rejected {
		t.Errorf("the dry run said %+v", dry)
	}
	var codes []string
	for _, j := range rejects {
		codes = append(codes, fmt.Sprint(j.Line, " ", j.Column, " ", j.Code))
	}
	if !slices.Equal(codes, []string{"5 adherent closure_unknown", "6 fin closure_early"}) || len(r.Causes) != 2 {
		t.Errorf("%v %+v", codes, r.Causes)
	}
	all := w.contracts()
	end, _ := rights.ParseDate("2027-03-31")
	if all["A0002"].To != end || all["A0002"].Revision != 2 || all["A0005"].Revision != 1 || all["A0004"].Revision != 1 || !all["A0002"].Changed.Equal(w.clock) {
		t.Errorf("%+v", all["A0002"])
	}
	// The same delta again changes nothing, and after another file it is refused: it would undo that.
	if r, _, err := w.guarded(delta, ImportOptions{Delta: true}); err != nil || r.Created+r.Changed != 0 || r.Before.IsZero() {
		t.Errorf("again: %+v %v", r, err)
	}
	must1(w.take(deltaHeader+moved("M", line("A0001", "Zoé", "200%")), ImportOptions{Delta: true}))(t)
	if _, _, err := w.guarded(delta, ImportOptions{Delta: true}); !errors.Is(err, ErrFileReplayed) || w.contracts()["A0001"].Revision != 3 {
		t.Errorf("an old delta: %v", err)
	}
	if _, _, err := w.guarded(delta, ImportOptions{Delta: true, MaxClosed: 100}); !errors.Is(err, ErrFileReplayed) {
		t.Errorf("an old delta in one reading: %v", err)
	}
	if r, _, err := w.guarded(delta, ImportOptions{Delta: true, Again: true}); err != nil || r.Changed != 1 {
		t.Errorf("--again: %+v %v", r, err)
	}
	if _, _, err := w.guarded(deltaHeader+ends("NOBODY", "31/03/2027"), ImportOptions{Delta: true, Strict: true}); !errors.Is(err, ErrRejected) {
		t.Errorf("strict: %v", err)
	}
	// Closures count like any other.
	must1(w.take(rosterUntil(60, 0, ""), ImportOptions{}))(t)
	var b strings.Builder
	b.WriteString(deltaHeader)
	for i := range 20 {
		b.WriteString(ends(fmt.Sprintf("A%04d", 10+i), "30/06/2027"))
	}
	if _, _, err := w.guarded(b.String(), ImportOptions{Delta: true}); !errors.Is(err, ErrMassClosure) {
		t.Errorf("%v", err)
	}
	if r, _, err := w.guarded(b.String(), ImportOptions{Delta: true, AcceptClosures: 20}); err != nil || r.Closed != 20 {
		t.Errorf("%+v %v", r, err)
	}
	w.sound()
}

func TestFull(t *testing.T) {
	w := newWorld(t)
	w.issuer.Batch = 7
	must1(w.take(rosterUntil(300, 0, ""), ImportOptions{}))(t)
	ahead := strings.ReplaceAll(strings.ReplaceAll(header+line("LATE", "Zoé", "100%"), "01/01/2027", "01/01/2028"), "31/12/2027", "31/12/2028")
	must1(w.take(ahead, ImportOptions{}))(t)
	day, _ := rights.ParseDate("2027-04-01")
	rest := header + strings.Join(strings.SplitAfter(rosterUntil(300, 0, ""), "\n")[1+15:], "") // without the first 15
	if r, _, err := w.guarded(rest, ImportOptions{}); err != nil || r.Closed != 0 || r.Changed != 0 {
		t.Fatalf("a file changes what it does not name: %+v %v", r, err)
	}
	if _, _, err := w.guarded(rest+"x;y\n", ImportOptions{CloseFrom: day}); !errors.Is(err, ErrRejected) {
		t.Errorf("a rejected line may be a contract that is taken for absent: %v", err)
	}
	dry, _, err := w.guarded(rest, ImportOptions{CloseFrom: day, DryRun: true})
	if err != nil || dry.Absent != 15 {
		t.Fatalf("%+v %v", dry, err)
	}
	r, _, err := w.guarded(rest, ImportOptions{CloseFrom: day})
	if err != nil || r.Absent != 15 || r.Closed != 15 || r.Ahead != 1 || r.Unchanged != 285 {
		t.Fatalf("%+v %v", r, err)
	}
	for k, c := range w.contracts() {
		if k < "A0015" && (c.To != day-1 || c.Revision != 2) || k >= "A0015" && c.Revision != 1 {
			t.Errorf("%s: until %s, revision %d", k, c.To, c.Revision)
		}
	}
	if r, _, err := w.guarded(rest, ImportOptions{CloseFrom: day}); err != nil || r.Absent != 0 || r.Changed != 0 {
		t.Errorf("again: %+v %v", r, err)
	}
	few := header + line("A0299", "Éloïse", "100%")
	if _, _, err := w.guarded(few, ImportOptions{CloseFrom: day}); !errors.Is(err, ErrMassClosure) {
		t.Errorf("284 absent contracts: %v", err)
	}
	// In one reading, in one transaction.
	if r, _, err := w.take(few, ImportOptions{CloseFrom: day}); err != nil || r.Absent != 284 {
		t.Errorf("%+v %v", r, err)
	}
	w.sound()
}

func TestRejectRate(t *testing.T) {
	w := newWorld(t)
	text := rosterUntil(96, 0, "") + strings.Repeat("x;y\n", 4) + line("Z1", "Zoé", "cent") + line("Z2", "Zoé", "cent")
	r, _, err := w.guarded(text, ImportOptions{MaxRejects: 4})
	if !errors.Is(err, ErrRejectRate) || len(w.contracts()) != 0 || r.Rejected < 6 {
		t.Errorf("%+v %v", r, err)
	}
	r, rejects, err := w.guarded(text, ImportOptions{MaxRejects: 10})
	if err != nil || len(w.contracts()) != 95 || len(rejects) != r.Rejects {
		t.Fatalf("%d contracts, %d rejects, %+v %v", len(w.contracts()), len(rejects), r, err)
	}
	want := []RejectCause{{Code: "column_count", Count: 4, Line: 98}, {Code: "guarantee_format", Count: 2, Line: 102, Column: "PHAR"}}
	for i, c := range r.Causes[:2] {
		if c.Cause == "" || c.Code != want[i].Code || c.Count != want[i].Count || c.Line != want[i].Line || c.Column != want[i].Column {
			t.Errorf("%+v", c)
		}
	}
}

// TestAddressOfContract: a change of address is a new revision, makes no card outdated and is in no card; a file without addresses
// leaves them.
func TestAddressOfContract(t *testing.T) {
	w := newWorld(t)
	head := strings.TrimSuffix(header, "\n") + ";adresse1;code_postal;ville\n"
	at := func(l, address string) string { return strings.TrimSuffix(l, "\n") + ";" + address + "\n" }
	plain := header + line("A1", "Éloïse", "100%") + line("A2", "Noé", "100%")
	first := head + at(line("A1", "Éloïse", "100%"), "12 RUE CANARI;75001;CANARIVILLE") + at(line("A2", "Noé", "100%"), ";;")
	if r, _, err := w.guarded(first, ImportOptions{}); err != nil || r.Created != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	issued, cards := w.issue(IssueRequest{All: true})
	if issued.Issued != 2 {
		t.Fatalf("%+v", issued)
	}
	for _, c := range cards {
		if strings.Contains(fmt.Sprintf("%+v", c.Claims), "CANARI") || strings.Contains(c.CodeText, "CANARI") || strings.Contains(string(must(c.Claims.MarshalCanonical())(t)), "CANARI") {
			t.Error("a card says the address")
		}
	}
	second := strings.Replace(first, "12 RUE CANARI", "14 RUE CANARI", 1)
	if r, _, err := w.guarded(second, ImportOptions{}); err != nil || r.Changed != 1 || r.Closed != 0 || w.contracts()["A1"].Revision != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if again, _ := w.issue(IssueRequest{All: true}); again.Issued != 0 || again.Existing != 2 || len(again.Outdated) != 0 {
		t.Errorf("a card is outdated because somebody moved: %+v", again)
	}
	if r, _, err := w.guarded(plain, ImportOptions{}); err != nil || r.Changed != 0 || r.Unchanged != 2 {
		t.Errorf("a file without addresses: %+v %v", r, err)
	}
	changed := strings.Replace(plain, "Éloïse", "Zoé", 1)
	if r, _, err := w.guarded(changed, ImportOptions{}); err != nil || r.Changed != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if c := must(w.contracts()["A1"].Rights())(t); c.Address == nil || c.Address.Lines[0] != "14 RUE CANARI" || c.Beneficiaries[0].Prenom != "Zoé" {
		t.Errorf("%+v", c.Address)
	}
	gone := head + at(line("A1", "Zoé", "100%"), ";;")
	if r, _, err := w.guarded(gone, ImportOptions{}); err != nil || r.Changed != 1 || must(w.contracts()["A1"].Rights())(t).Address != nil {
		t.Errorf("%+v %v", r, err)
	}
	w.sound()
}
