// Reports for insurers: as JSON, as a sheet, and as a page. An insurer's credential sees its own, the operator's sees all.

package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/issuer/reconcile"
	"sceau/rights"
)

// reportDays is how many days a report covers when none are named.
const reportDays = 30

type reportInput struct {
	From     string `query:"from" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"first day, in Paris; 30 days before the last by default"`
	To       string `query:"to" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"last day, included; today by default"`
	Counters int    `query:"counters" minimum:"2" maximum:"100" default:"3" doc:"busy-cards: at how many counters a card must have been seen"`
	Minutes  int    `query:"minutes" minimum:"1" maximum:"1440" default:"10" doc:"busy-cards: within how many minutes"`
	Hours    int    `query:"hours" minimum:"1" maximum:"8784" default:"24" doc:"old-lists: how old a list must have been"`
}

type reportOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         reconcile.Report
}

var reportSummaries = map[string]string{
	reconcile.ReportServed:    "Checks by day, with and without the service, and what was answered to their receipts",
	reconcile.ReportDisputed:  "Disputed receipts, with their reasons",
	reconcile.ReportBusyCards: "Cards seen at too many counters within a short time",
	reconcile.ReportOldLists:  "Counters whose list was old",
	reconcile.ReportAlarms:    "Alarms about counters' journals",
}

func (s *Server) reportRoutes() {
	for _, name := range reconcile.ReportNames() {
		p := s.reportPolicy(name)
		add(s, huma.Operation{OperationID: "report-" + name, Method: http.MethodGet, Path: "/v1/reports/" + name, Summary: reportSummaries[name]}, p,
			func(ctx context.Context, who Principal, in *reportInput) (*reportOutput, error) {
				r, err := s.report(ctx, who, name, *in)
				if err != nil {
					return nil, err
				}
				return &reportOutput{"no-store", *r}, nil
			})
		s.raw(http.MethodGet, "/v1/reports/"+name+".csv", p, func(w http.ResponseWriter, r *http.Request, who Principal) {
			in, err := reportQuery(r.URL.Query())
			var out *reconcile.Report
			if err == nil {
				out, err = s.report(r.Context(), who, name, in)
			}
			if err == nil && p.Reads {
				err = s.journalReport(r.Context(), who, name, out)
			}
			if err != nil {
				s.fail(w, visitOf(r.Context()), err)
				return
			}
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
			w.Header().Set("Cache-Control", "no-store")
			_ = out.WriteCSV(w) // whoever asked may have left
		})
	}
	s.pageRoutes()
}

// reportPolicy is the rule of a report. Those that name cards are reads of what concerns a person, and are journalled.
func (s *Server) reportPolicy(name string) Policy {
	p := staffPolicy(0, RoleRead, RoleAudit)
	if name == reconcile.ReportDisputed || name == reconcile.ReportBusyCards {
		p.Reads = true
		p.Journal = func(ctx context.Context, who Principal, _, out any) error {
			if made, ok := out.(*reportOutput); ok {
				return s.journalReport(ctx, who, name, &made.Body)
			}
			return s.journalAsked(ctx, who, name)
		}
	}
	return p
}

// journalAsked writes that somebody asks for a report whose cards are only known when it is made: journalReport follows before
// the first byte of it.
func (s *Server) journalAsked(ctx context.Context, who Principal, name string) error {
	return s.journal(ctx, who, map[string]any{"what": "report", "report": name, "insurer": who.Insurer, "listed": issuer.ReportListed})
}

// journalledCards is how many cards one entry of the audit chain names.
const journalledCards = 1000

// journalReport writes which cards reports name: whoever is told of a card has read about its people.
func (s *Server) journalReport(ctx context.Context, who Principal, name string, reports ...*reconcile.Report) error {
	var cards []string
	for _, r := range reports {
		for _, d := range r.Disputed {
			cards = append(cards, placeIn(d.Card))
		}
		for _, c := range r.Cards {
			cards = append(cards, placeIn(c.Card))
		}
	}
	return s.journalCards(ctx, who, map[string]any{"what": "report", "report": name, "insurer": who.Insurer}, cards)
}

// journalCards writes that cards were read, in as many entries as it takes; one without any where there are none.
func (s *Server) journalCards(ctx context.Context, who Principal, detail map[string]any, cards []string) error {
	cards = slices.Clone(cards)
	slices.Sort(cards)
	parts := slices.Collect(slices.Chunk(slices.Compact(cards), journalledCards))
	if len(parts) == 0 {
		parts = [][]string{{}} // none: that is an answer too
	}
	for _, part := range parts {
		detail["cards"] = part
		if err := s.journal(ctx, who, detail); err != nil {
			return err
		}
	}
	return nil
}

// placeIn is the place of a card that is named with its insurer, "<AMC key>/<list>-<index>".
func placeIn(name string) string {
	_, place, _ := strings.Cut(name, "/")
	return place
}

// report makes a report for whoever asks: the insurer is theirs, whatever was asked.
func (s *Server) report(ctx context.Context, who Principal, name string, in reportInput) (*reconcile.Report, error) {
	q := reconcile.Request{Name: name, Insurer: who.Insurer, Counters: in.Counters, Window: time.Duration(in.Minutes) * time.Minute, Minimum: time.Duration(in.Hours) * time.Hour}
	var err error
	if q.From, q.To, err = s.span(in); err != nil {
		return nil, err
	}
	return s.reconciler().Report(ctx, q)
}

// span reads the days of a report.
func (s *Server) span(in reportInput) (from, to rights.Date, err error) {
	if to = rights.DateAt(s.now()); in.To != "" {
		if to, err = rights.ParseDate(in.To); err != nil {
			return 0, 0, errReport.about("to").because(err)
		}
	}
	if from = to - reportDays + 1; in.From != "" {
		if from, err = rights.ParseDate(in.From); err != nil {
			return 0, 0, errReport.about("from").because(err)
		}
	}
	return from, to, nil
}

// reportQuery reads the same parameters on a route that huma does not read: each once, and no other.
func reportQuery(q url.Values) (reportInput, error) {
	in := reportInput{}
	numbers := map[string]*int{"counters": &in.Counters, "minutes": &in.Minutes, "hours": &in.Hours}
	days := map[string]*string{"from": &in.From, "to": &in.To}
	for name, values := range q {
		n, isNumber := numbers[name]
		d, isDay := days[name]
		if len(values) != 1 || !isNumber && !isDay {
			return in, errReport
		}
		if isDay {
			*d = values[0]
			continue
		}
		var err error
		if *n, err = strconv.Atoi(values[0]); err != nil || *n < 1 || *n > 10_000 {
			return in, errReport.about(name)
		}
	}
	return in, nil
}
