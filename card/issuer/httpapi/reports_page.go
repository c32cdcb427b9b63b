// The page of reports: plain HTML with drawings made here, one style sheet, no script. What a drawing shows stands in a table
// beside it, so that nothing is lost to who can't see it, or prints it.

package httpapi

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sceau/card"
	"sceau/card/accord"
	"sceau/card/issuer/reconcile"
	"sceau/card/register"
	"sceau/rights"
)

//go:embed web/reports.html web/reports.css
var reportFiles embed.FS

var reportsTemplate = template.Must(template.New("reports.html").Funcs(template.FuncMap{"nb": thousands, "when": paris}).ParseFS(reportFiles, "web/reports.html"))

func (s *Server) pageRoutes() {
	p := staffPolicy(0, RoleRead, RoleAudit)
	p.Page, p.Reads = true, true
	p.Journal = func(ctx context.Context, who Principal, _, _ any) error {
		return s.journalAsked(ctx, who, "page")
	}
	s.raw(http.MethodGet, "/reports", p, func(w http.ResponseWriter, r *http.Request, who Principal) {
		b, err := s.reportsPage(r, who)
		if err != nil {
			s.fail(w, visitOf(r.Context()), err)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(b)
	})
	style, err := reportFiles.ReadFile("web/reports.css")
	if err != nil {
		panic(err)
	}
	s.raw(http.MethodGet, "/reports/style.css", Policy{Roles: []Role{RolePublic}, Tenant: NoTenant}, func(w http.ResponseWriter, _ *http.Request, _ Principal) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", cacheAsk)
		_, _ = w.Write(style)
	})
}

// reportsData is what the page shows.
type reportsData struct {
	Whose    string // name of the insurer, or of all of them
	From, To rights.Date
	Made     string
	Query    string // of the links to the sheets
	Totals   []figure
	Served   columns
	Days     []reconcile.Day
	Reasons  []bar
	Disputed []reconcile.DisputedItem
	More     int // disputed receipts that the page leaves out
	Cards    []reconcile.BusyCard
	Lists    []bar
	Ages     []reconcile.OldListItem
	Alarms   []reconcile.AlarmItem
	Counters int
	Minutes  int
	Hours    int
}

// figure is one number at the top.
type figure struct {
	Value, Label, Note string
}

// bar is one line of a bar chart. Width is of 100.
type bar struct {
	Label, Title, Value string
	Width               float64
}

// pageRows is how many rows of a kind the page shows; the sheets have all.
const pageRows = 50

func (s *Server) reportsPage(r *http.Request, who Principal) ([]byte, error) {
	in, err := reportQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	d := reportsData{Counters: in.Counters, Minutes: in.Minutes, Hours: in.Hours}
	if d.From, d.To, err = s.span(in); err != nil {
		return nil, err
	}
	for _, n := range []struct {
		at       *int
		standard int
	}{{&d.Counters, reconcile.BusyCounters}, {&d.Minutes, int(reconcile.BusyWindow / time.Minute)}, {&d.Hours, int(reconcile.OldList / time.Hour)}} {
		if *n.at == 0 {
			*n.at = n.standard
		}
	}
	ctx := r.Context()
	got := map[string]*reconcile.Report{}
	for _, name := range reconcile.ReportNames() {
		if got[name], err = s.report(ctx, who, name, in); err != nil {
			return nil, err
		}
	}
	if d.Whose, err = s.whose(ctx, who); err != nil {
		return nil, err
	}
	d.Made = paris(s.now().UTC().Format(time.RFC3339))
	d.Query = fmt.Sprintf("?from=%s&to=%s", d.From, d.To)
	d.fill(got)
	if err := s.journalReport(ctx, who, "page", &reconcile.Report{Disputed: d.Disputed, Cards: d.Cards}); err != nil {
		return nil, fmt.Errorf("journal of reads: %w", err)
	}
	var b bytes.Buffer
	if err := reportsTemplate.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("httpapi: page of reports: %w", err)
	}
	return b.Bytes(), nil
}

// whose names the insurer whose reports these are.
func (s *Server) whose(ctx context.Context, who Principal) (string, error) {
	if who.Insurer == "" {
		return "tous les organismes", nil
	}
	var name string
	err := s.o.Issuer.Store.View(ctx, func(tx register.Tx) error {
		i, err := tx.Insurer(who.Insurer)
		if err != nil {
			return err
		}
		doc, err := card.ParseInsurer(i.Document)
		if err == nil {
			name = doc.Name + " (" + who.Insurer + ")"
		}
		return err
	})
	return name, err
}

func (d *reportsData) fill(got map[string]*reconcile.Report) {
	d.Days = got[reconcile.ReportServed].Days
	d.Served = stacked(d.Days)
	var total reconcile.Day
	for _, day := range d.Days {
		total.Online += day.Online
		total.Offline += day.Offline
		total.Honoured += day.Honoured
		total.Disputed += day.Disputed
	}
	disputed := got[reconcile.ReportDisputed].Disputed
	d.Disputed, d.More = disputed[:min(pageRows, len(disputed))], max(0, len(disputed)-pageRows)
	d.Reasons = reasonBars(disputed)
	d.Cards = got[reconcile.ReportBusyCards].Cards
	ages := got[reconcile.ReportOldLists].Counters
	alarms := got[reconcile.ReportAlarms].Alarms
	open := 0
	for _, a := range alarms {
		if a.Closed == "" {
			open++
		}
	}
	d.Totals = []figure{
		{thousands(total.Online + total.Offline), counted(total.Online+total.Offline, "vérification", "vérifications"), share(total.Offline, total.Online+total.Offline) + " hors ligne"},
		{thousands(total.Honoured), counted(total.Honoured, "honorée", "honorées"), ""},
		{thousands(total.Disputed), counted(total.Disputed, "contestée", "contestées"), share(total.Disputed, total.Disputed+total.Honoured) + " des engagements"},
		{thousands(int64(len(d.Cards))), counted(int64(len(d.Cards)), "carte vue en trop de lieux", "cartes vues en trop de lieux"), ""},
		{thousands(int64(len(ages))), counted(int64(len(ages)), "poste à liste ancienne", "postes à liste ancienne"), ""},
		{thousands(int64(open)), counted(int64(open), "alarme ouverte", "alarmes ouvertes"), ""},
	}
	d.Cards = d.Cards[:min(pageRows, len(d.Cards))]
	d.Ages, d.Lists = ages[:min(pageRows, len(ages))], ageBars(ages[:min(15, len(ages))])
	d.Alarms = alarms[:min(pageRows, len(alarms))]
}

func reasonBars(disputed []reconcile.DisputedItem) []bar {
	count := map[string]int64{}
	for _, x := range disputed {
		count[x.Reason]++
	}
	var out []bar
	var most int64
	for _, n := range count {
		most = max(most, n)
	}
	for _, code := range accord.Reasons(accord.Disputed) {
		if n := count[code]; n > 0 {
			out = append(out, bar{Label: code, Title: accord.Sentence("fr", code), Value: thousands(n), Width: math.Round(1000*float64(n)/float64(most)) / 10})
		}
	}
	slices.SortStableFunc(out, func(a, b bar) int {
		switch {
		case a.Width > b.Width:
			return -1
		case a.Width < b.Width:
			return 1
		}
		return 0
	})
	return out
}

func ageBars(ages []reconcile.OldListItem) []bar {
	var out []bar
	for _, a := range ages {
		out = append(out, bar{Label: a.Counter, Value: duration(a.Oldest), Width: math.Round(1000*float64(a.Oldest)/float64(max(1, ages[0].Oldest))) / 10})
	}
	return out
}

// duration says an age in days and hours.
func duration(seconds int64) string {
	days, hours := seconds/86400, seconds%86400/3600
	switch {
	case days == 0:
		return fmt.Sprintf("%d\u00a0h", hours)
	case hours == 0:
		return fmt.Sprintf("%d\u00a0j", days)
	}
	return fmt.Sprintf("%d\u00a0j %d\u00a0h", days, hours)
}

// thousands writes a number as French does.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// counted chooses between one and many; zero is one in French.
func counted(n int64, one, many string) string {
	if n < 2 {
		return one
	}
	return many
}

// share is a percentage, "0 %" of nothing.
func share(part, whole int64) string {
	if whole == 0 {
		return "0\u00a0%"
	}
	text := strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64)
	return strings.TrimSuffix(strings.Replace(text, ".", ",", 1), ",0") + "\u00a0%"
}

// paris says a time of a document in Paris.
func paris(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return ""
	}
	t = t.In(rights.Paris())
	return rights.DateAt(t).French() + " à " + t.Format("15:04")
}
