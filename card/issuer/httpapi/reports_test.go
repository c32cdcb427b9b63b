package httpapi

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/offline/receipt"
	"sceau/rights"
)

const rival = "302927415"

// history fills the register with receipts of some weeks, for two insurers.
func (w *world) history(weeks int) {
	w.t.Helper()
	ctx := context.Background()
	if err := w.issuer.AddInsurer(ctx, issuer.InsurerFacts{AMC: rival, Name: "Mutuelle Rivale"}); err != nil {
		w.t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	ids := make([]string, 14)
	for i := range ids {
		ids[i] = w.device().id()
	}
	reasons := []string{accord.ReasonListTooOld, accord.ReasonListTooOld, accord.ReasonListTooOld, accord.ReasonEnded, accord.ReasonEnded, accord.ReasonUnknownList, accord.ReasonFuture}
	chains := map[string]*chain{}
	var rows []register.Receipt
	seq := 0
	add := func(counter string, at time.Time, insurer string, place card.Place, mode string, answer register.Answer, reason string, age time.Duration) {
		c := chains[counter]
		if c == nil {
			c = newChain(w.t, at)
			chains[counter] = c
		}
		seq++
		c.check(seq, at)
		e := c.entries[len(c.entries)-1]
		rows = append(rows, register.Receipt{Device: c.id, Seq: e.Seq, Hash: e.Hash(), Entry: e.Encode(), Counter: counter, Arrived: at.Add(time.Hour).Truncate(time.Second),
			At: at.Truncate(time.Second), Insurer: insurer, Place: place, Care: rights.DateAt(at), Domain: "PHAR", Mode: mode, Status: "valid", Age: int64(age / time.Second),
			Answer: answer, Reason: reason})
	}
	for day := range weeks * 7 {
		at := begin.Add(-time.Duration(day) * 24 * time.Hour)
		n := 60 + rng.IntN(25)
		switch at.Weekday() {
		case time.Sunday:
			n = 2
		case time.Saturday:
			n /= 2
		}
		cut := day >= 9 && day <= 11 // three days without the service
		for i := range n {
			t := at.Add(time.Duration(i) * 5 * time.Minute).Add(-3 * time.Hour)
			mode, age := receipt.Online, time.Duration(0)
			if cut || rng.IntN(12) == 0 {
				mode, age = receipt.Offline, time.Duration(1+rng.IntN(20))*time.Hour
			}
			answer, reason := register.Honoured, ""
			switch rng.IntN(40) {
			case 0:
				answer, reason = register.Disputed, reasons[rng.IntN(len(reasons))]
			case 1, 2, 3, 4:
				answer, reason = register.Noted, accord.ReasonNoPromise
			}
			counter := rng.IntN(len(ids))
			if counter < 6 && age > 0 {
				age *= time.Duration(4 + counter*2)
			}
			insurer := amc
			if i%9 == 0 {
				insurer = rival
			}
			list := uint32(1)
			if insurer == rival {
				list = 2
			}
			add(ids[counter], t, insurer, card.Place{List: list, Index: uint32(1000 + rng.IntN(4000))}, mode, answer, reason, age)
		}
	}
	for i := range 5 { // a photocopy on its way
		add(ids[i], begin.Add(-26*time.Hour+time.Duration(i)*2*time.Minute), amc, card.Place{List: 1, Index: 583021}, receipt.Offline, register.Honoured, "", 2*time.Hour)
		add(ids[i], begin.Add(-50*time.Hour+time.Duration(i)*7*time.Minute), rival, card.Place{List: 2, Index: 77}, receipt.Offline, register.Honoured, "", 2*time.Hour)
		add(ids[i], begin.Add(-70*time.Hour+time.Duration(i)*3*time.Minute), rival, card.Place{List: 2, Index: 88}, receipt.Offline, register.Disputed, accord.ReasonUnknownCard, 2*time.Hour)
	}
	err := w.store.Update(ctx, func(tx register.Tx) error {
		_, err := tx.AddReceipts(rows)
		if err != nil {
			return err
		}
		for i, a := range []string{`"code":"FORK","from":412,"to":412,"insurers":["775670482"]`, `"code":"GAP","from":90,"to":131,"closed":"2027-01-04T09:00:00Z","insurers":["775670482","302927415"]`, `"code":"TIME","from":7,"to":7,"insurers":["302927415"]`} {
			data := fmt.Sprintf(`{"source":"journal","device":"%032x","at":%q,%s}`, i+1, begin.Add(-time.Duration(30+i)*time.Hour).Format(time.RFC3339), a)
			if err := tx.PutDocument(register.Document{Kind: "alarm", ID: fmt.Sprint("journal.X.", i), Owner: ids[i], Version: 1, Data: []byte(data)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

var (
	auditor = Principal{Kind: KindKey, ID: "k-audit", Insurer: amc, Roles: []Role{RoleAudit}, Actor: "k-audit"}
	house   = Principal{Kind: KindStaff, ID: "p-house", Roles: []Role{RoleAudit}, Actor: "p-house"}
)

func (w *world) as(who Principal, path string) *httptest.ResponseRecorder {
	w.t.Helper()
	w.serve(func(o *Options) { o.Budgets, o.Staff = generous, somebody{who} })
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Authorization", "Bearer sk_good")
	return w.do(r)
}

func (w *world) reportOf(who Principal, path string) reconcile.Report {
	w.t.Helper()
	a := w.as(who, path)
	var r reconcile.Report
	if err := json.Unmarshal(a.Body.Bytes(), &r); err != nil || a.Code != 200 || a.Header().Get("Cache-Control") != "no-store" {
		w.t.Fatalf("%s: %d %s", path, a.Code, a.Body)
	}
	return r
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	w.history(3)
	served := w.reportOf(auditor, "/v1/reports/served")
	all := w.reportOf(house, "/v1/reports/served")
	sum := func(r reconcile.Report) (n int64) {
		for _, d := range r.Days {
			if d.Online+d.Offline != d.Honoured+d.Disputed+d.Noted {
				t.Errorf("%+v", d)
			}
			n += d.Online + d.Offline
		}
		return n
	}
	if len(served.Days) != reportDays || served.Insurer != amc || sum(served) == 0 || sum(all) <= sum(served) {
		t.Errorf("%d of %d checks in %d days", sum(served), sum(all), len(served.Days))
	}
	mine, theirs := w.reportOf(auditor, "/v1/reports/disputed"), w.reportOf(house, "/v1/reports/disputed")
	if len(mine.Disputed) == 0 || len(theirs.Disputed) <= len(mine.Disputed) {
		t.Errorf("%d of %d disputed", len(mine.Disputed), len(theirs.Disputed))
	}
	for _, d := range mine.Disputed {
		if !strings.HasPrefix(d.Card, amc+"/") || d.Words == "" || d.Number == "" {
			t.Errorf("%+v", d)
		}
	}
	if r := w.reportOf(auditor, "/v1/reports/busy-cards"); len(r.Cards) != 1 || r.Cards[0].Card != amc+"/1-583021" || len(r.Cards[0].Counters) != 5 {
		t.Errorf("%+v", r.Cards)
	}
	if r := w.reportOf(auditor, "/v1/reports/busy-cards?counters=6"); len(r.Cards) != 0 {
		t.Errorf("%+v", r.Cards)
	}
	if r := w.reportOf(house, "/v1/reports/busy-cards?minutes=30"); len(r.Cards) != 3 {
		t.Errorf("%+v", r.Cards)
	}
	if r := w.reportOf(auditor, "/v1/reports/old-lists"); len(r.Counters) == 0 || r.Counters[0].Oldest < 86400 {
		t.Errorf("%+v", r.Counters)
	}
	if r := w.reportOf(auditor, "/v1/reports/alarms"); len(r.Alarms) != 2 {
		t.Errorf("%+v", r.Alarms)
	}
	if r := w.reportOf(house, "/v1/reports/alarms"); len(r.Alarms) != 3 {
		t.Errorf("%+v", r.Alarms)
	}
	if r := w.reportOf(auditor, "/v1/reports/served?from=2027-01-01&to=2027-01-02"); len(r.Days) != 2 || r.From != "2027-01-01" || r.To != "2027-01-02" {
		t.Errorf("%+v", r)
	}

	// A credential can't name another insurer, nor anything else that is not a report's.
	for _, path := range []string{"/v1/reports/served?insurer=" + rival, "/v1/reports/served?from=2027-01-03&to=2027-01-02", "/v1/reports/served?from=2020-01-01", "/v1/reports/served?from=2027-02-30",
		"/v1/reports/served.csv?insurer=" + rival, "/v1/reports/served.csv?from=2027-01-01&from=2027-01-01", "/v1/reports/busy-cards.csv?counters=0", "/v1/reports/busy-cards?counters=101",
		"/v1/reports/busy-cards.csv?minutes=x", "/reports?insurer=" + rival, "/reports?from=hier"} {
		if a := w.as(auditor, path); a.Code != 422 {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
	nobody := Principal{Kind: KindKey, ID: "k", Insurer: amc, Roles: []Role{RoleIssue, RoleRevoke, RolePublish}, Actor: "k"}
	d := w.counter()
	for _, name := range reconcile.ReportNames() {
		for _, path := range []string{"/v1/reports/" + name, "/v1/reports/" + name + ".csv", "/reports"} {
			w.problem(w.as(nobody, path), 403, "role")
			w.problem(d.send("GET", path, ""), 403, "role")
			if a := w.do(httptest.NewRequest("GET", path, nil)); a.Code != http.StatusUnauthorized && a.Code != http.StatusSeeOther && a.Code != http.StatusFound {
				t.Errorf("nobody at %s: %d", path, a.Code)
			}
		}
	}
}

func TestReportSheets(t *testing.T) {
	w := newWorld(t)
	w.history(2)
	for _, name := range reconcile.ReportNames() {
		a := w.as(house, "/v1/reports/"+name+".csv")
		text, bom := strings.CutPrefix(a.Body.String(), "\ufeff")
		if a.Code != 200 || !bom || a.Header().Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(a.Header().Get("Content-Disposition"), name+".csv") {
			t.Fatalf("%s: %d %q", name, a.Code, a.Header())
		}
		c := csv.NewReader(strings.NewReader(text))
		c.Comma = ';'
		rows := 0
		for {
			row, err := c.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s: a formula: %q", name, cell)
				}
			}
			rows++
		}
		if rows < 2 {
			t.Errorf("%s has %d rows", name, rows)
		}
	}
}

// What names cards is a read, and is in the audit chain before anybody has it.
func TestReportsAreJournalled(t *testing.T) {
	w := newWorld(t)
	w.history(1)
	type read struct {
		What   string   `json:"what"`
		Listed string   `json:"listed"`
		Cards  []string `json:"cards"`
	}
	seq := uint64(0)
	news := func() (out []read) {
		err := w.store.View(context.Background(), func(tx register.Tx) error {
			page, err := tx.AuditAfter(seq, 10_000)
			for _, e := range page {
				r, err := register.ReadAudit(e)
				if err != nil {
					return err
				}
				seq = e.Seq
				if r.Act == "person.read" {
					var d read
					if err := json.Unmarshal(r.Detail, &d); err != nil {
						return err
					}
					out = append(out, d)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	number := regexp.MustCompile(amc + "/([0-9]+-[0-9]+)|\\b(1-[0-9]{5,6})\\b")
	named := 0
	for path, want := range map[string]int{"/reports": 2, "/v1/reports/disputed": 1, "/v1/reports/disputed.csv": 2, "/v1/reports/busy-cards": 1, "/v1/reports/busy-cards.csv": 2, "/v1/reports/served": 0, "/v1/reports/old-lists.csv": 0} {
		news()
		a := w.as(auditor, path)
		if a.Code != 200 {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
		got := news()
		if len(got) != want {
			t.Errorf("%s: %d audit entries, want %d", path, len(got), want)
			continue
		}
		if want == 0 {
			continue
		}
		if want == 2 && (got[0].Listed != issuer.ReportListed || got[0].Cards != nil) {
			t.Errorf("%s: %+v comes first", path, got[0])
		}
		// The entry names the cards of the answer, each of them and no other.
		told := map[string]bool{}
		for _, m := range number.FindAllStringSubmatch(a.Body.String(), -1) {
			told[m[1]+m[2]] = true
		}
		if cards := got[want-1].Cards; cards == nil || !slices.Equal(cards, slices.Sorted(maps.Keys(told))) {
			t.Errorf("%s: journal %q, answer %v", path, cards, told)
		}
		named += len(told)
	}
	if named == 0 {
		t.Error("no report named a card")
	}
}

func TestReportsPage(t *testing.T) {
	w := newWorld(t)
	empty := w.as(auditor, "/reports")
	if empty.Code != 200 || strings.Count(empty.Body.String(), `class="none"`) != 4 || strings.Contains(empty.Body.String(), "NaN") {
		t.Errorf("%d %s", empty.Code, empty.Body)
	}
	w.history(3)
	a := w.as(auditor, "/reports")
	text := a.Body.String()
	csp := a.Header().Get("Content-Security-Policy")
	if a.Code != 200 || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(text, "<script") || strings.Contains(text, "style=") || strings.Contains(text, "http") && strings.Contains(text, "://") {
		t.Errorf("%d %s", a.Code, csp)
	}
	if strings.Contains(text, rival) || strings.Contains(text, "ZgotmplZ") {
		t.Error("another insurer's cards, or an unsafe value")
	}
	for _, want := range []string{"Mutuelle Exemple", "583021", "FORK", accord.Sentence("fr", accord.ReasonListTooOld), `lang="fr"`, "<caption"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if style := w.as(auditor, "/reports/style.css"); style.Code != 404 && style.Code != 200 {
		t.Errorf("%d", style.Code)
	}
	if b := w.as(house, "/reports?from=2024-06-01"); b.Code != 200 || !strings.Contains(b.Body.String(), "Une colonne couvre") {
		t.Errorf("%d", b.Code)
	}
}

func TestChart(t *testing.T) {
	day := rights.DateAt(begin)
	for n := range int64(3000) {
		step, lines := niceStep(n)
		if step < 1 || lines < 1 || lines > 5 || step*lines < n || n > 20 && step*(lines-1) >= n {
			t.Fatalf("%d: %d lines of %d", n, lines, step)
		}
	}
	for _, days := range []int{0, 1, 2, 30, 92, 93, 400, reconcile.MaxDays} {
		var all []reconcile.Day
		for i := range days {
			all = append(all, reconcile.Day{Day: day + rights.Date(i), Online: int64(i * 7 % 100), Offline: int64(i % 13)})
		}
		c := stacked(all)
		if len(c.Bars) > mostBars || days > 0 && len(c.Bars) != (days+c.PerColumn-1)/c.PerColumn {
			t.Errorf("%d days: %d columns", days, len(c.Bars))
		}
		for _, b := range c.Bars {
			if b.OffY < chartTop-1 || b.OnY+b.OnH > float64(c.Base)+.2 || b.X < chartLeft || b.X+b.W > float64(c.Right)+.2 {
				t.Fatalf("%d days: a column outside: %+v", days, b)
			}
		}
	}
}
