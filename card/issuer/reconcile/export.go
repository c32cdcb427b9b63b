// Reports as documents for programs and as sheets for French spreadsheets.

package reconcile

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sceau/offline/receipt"
	"sceau/rights"
)

// Names of the reports.
const (
	ReportServed    = "served"
	ReportDisputed  = "disputed"
	ReportBusyCards = "busy-cards"
	ReportOldLists  = "old-lists"
	ReportAlarms    = "alarms"
)

// ReportNames are all of them.
func ReportNames() []string {
	return []string{ReportServed, ReportDisputed, ReportBusyCards, ReportOldLists, ReportAlarms}
}

// Request says what a report covers. The zero values of the last three take the defaults.
type Request struct {
	Name     string
	Insurer  string      // key; "" for all
	From, To rights.Date // days in Paris, both included
	Counters int         // of busy cards
	Window   time.Duration
	Minimum  time.Duration // of old lists
}

// ErrRequest: a report that there is none of. The text says which part is wrong.
var ErrRequest = errors.New("reconcile: no such report")

func (q Request) check() (Request, error) {
	if q.Counters == 0 {
		q.Counters = BusyCounters
	}
	if q.Window == 0 {
		q.Window = BusyWindow
	}
	if q.Minimum == 0 {
		q.Minimum = OldList
	}
	switch {
	case q.From > q.To || q.From == 0 || q.To-q.From >= MaxDays:
		return q, fmt.Errorf("%w: from and to: at most %d days", ErrRequest, MaxDays)
	case q.Counters < 2 || q.Counters > 100:
		return q, fmt.Errorf("%w: counters: 2 to 100", ErrRequest)
	case q.Window < time.Minute || q.Window > 24*time.Hour:
		return q, fmt.Errorf("%w: window: a minute to a day", ErrRequest)
	case q.Minimum < time.Second || q.Minimum > 366*24*time.Hour:
		return q, fmt.Errorf("%w: minimum: up to a year", ErrRequest)
	}
	return q, nil
}

func (q Request) scope() Scope {
	return Scope{Insurer: q.Insurer, From: q.From.Midnight(), To: (q.To + 1).Midnight()}
}

// Report is one report. Exactly one of the lists is set.
type Report struct {
	Schema   string         `json:"schema"`
	Insurer  string         `json:"insurer"` // "" for all of the operator's
	From     string         `json:"from"`
	To       string         `json:"to"` // included
	More     bool           `json:"more,omitempty"`
	Days     []Day          `json:"days,omitempty"`
	Disputed []DisputedItem `json:"disputed,omitempty"`
	Cards    []BusyCard     `json:"cards,omitempty"`
	Counters []OldListItem  `json:"counters,omitempty"`
	Alarms   []AlarmItem    `json:"alarms,omitempty"`
	name     string
}

// DisputedItem is a disputed receipt in a document.
type DisputedItem struct {
	Number  receipt.Number `json:"number"`
	Counter string         `json:"counter"`
	At      string         `json:"at"` // RFC 3339, UTC
	Arrived string         `json:"arrived"`
	Card    string         `json:"card"`
	Care    string         `json:"care"`
	Domain  string         `json:"domain"`
	Mode    string         `json:"mode"`
	Reason  string         `json:"reason"`
	Words   string         `json:"words"` // in French
}

// OldListItem is a counter whose list is old, in a document.
type OldListItem struct {
	Counter string `json:"counter"`
	Checks  int64  `json:"checks"`
	Oldest  int64  `json:"oldest_seconds"`
	Last    int64  `json:"last_seconds"`
	At      string `json:"at"` // of its last check
}

// AlarmItem is an alarm in a document.
type AlarmItem struct {
	Code    string `json:"code"`
	Counter string `json:"counter"`
	Device  string `json:"device"`
	From    uint64 `json:"from,omitempty"`
	To      uint64 `json:"to,omitempty"`
	At      string `json:"at"`
	Closed  string `json:"closed,omitempty"`
	Words   string `json:"words"`
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Report makes a report. ErrRequest says what of the request is wrong.
func (r *Reconciler) Report(ctx context.Context, q Request) (*Report, error) {
	q, err := q.check()
	if err != nil {
		return nil, err
	}
	out := &Report{Schema: "sceau-report-" + q.Name + "-1", Insurer: q.Insurer, From: q.From.String(), To: q.To.String(), name: q.Name}
	s := q.scope()
	switch q.Name {
	case ReportServed:
		out.Days, err = r.Served(ctx, s)
	case ReportDisputed:
		var all []Dispute
		all, out.More, err = r.Disputed(ctx, s)
		out.Disputed = []DisputedItem{}
		for _, d := range all {
			out.Disputed = append(out.Disputed, DisputedItem{d.Number, d.Counter, stamp(d.At), stamp(d.Arrived), d.Card, d.Care.String(), d.Domain, d.Mode, d.Reason, spaced(d.Sentence("fr"))})
		}
	case ReportBusyCards:
		out.Cards, err = r.BusyCards(ctx, s, q.Counters, q.Window)
	case ReportOldLists:
		rows, failed := r.Lists(ctx, s, q.Minimum)
		err = failed
		for _, row := range rows {
			out.Counters = append(out.Counters, OldListItem{row.Counter, row.Checks, row.Oldest, row.Last, stamp(row.At)})
		}
	case ReportAlarms:
		all, failed := r.Alarms(ctx, s, MaxRows)
		err = failed
		for _, a := range all {
			out.Alarms = append(out.Alarms, AlarmItem{a.Code, a.Counter, a.Device, a.From, a.To, stamp(a.At), stamp(a.Closed), AlarmSentence("fr", a.Code)})
		}
	default:
		return nil, fmt.Errorf("%w: name", ErrRequest)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Sheet is the report as columns and rows, in French.
func (r *Report) Sheet() (columns []string, rows [][]string) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch r.name {
	case ReportServed:
		columns = []string{"Jour", "En ligne", "Hors ligne", "Honorées", "Contestées", "Sans engagement"}
		for _, d := range r.Days {
			rows = append(rows, []string{d.Day.String(), number(d.Online), number(d.Offline), number(d.Honoured), number(d.Disputed), number(d.Noted)})
		}
	case ReportDisputed:
		columns = []string{"Numéro", "Poste", "Vérifié le (heure de Paris)", "Reçu le (heure de Paris)", "Carte", "Date des soins", "Domaine", "Mode", "Motif", "Explication"}
		for _, d := range r.Disputed {
			rows = append(rows, []string{string(d.Number), d.Counter, civil(d.At), civil(d.Arrived), d.Card, d.Care, d.Domain, modeWord(d.Mode), d.Reason, d.Words})
		}
	case ReportBusyCards:
		columns = []string{"Carte", "Nombre de postes", "Postes", "Première vue (heure de Paris)", "Dernière vue (heure de Paris)", "Nombre de fois"}
		for _, c := range r.Cards {
			rows = append(rows, []string{c.Card, number(int64(len(c.Counters))), strings.Join(c.Counters, " "), civil(stamp(c.First)), civil(stamp(c.Last)), number(int64(c.Windows))})
		}
	case ReportOldLists:
		columns = []string{"Poste", "Vérifications", "Liste la plus ancienne (heures)", "À la dernière vérification (heures)", "Dernière vérification (heure de Paris)"}
		for _, c := range r.Counters {
			rows = append(rows, []string{c.Counter, number(c.Checks), number(c.Oldest / 3600), number(c.Last / 3600), civil(c.At)})
		}
	case ReportAlarms:
		columns = []string{"Alarme", "Poste", "Journal", "De l’entrée", "À l’entrée", "Le (heure de Paris)", "Close le (heure de Paris)", "Explication"}
		for _, a := range r.Alarms {
			rows = append(rows, []string{a.Code, a.Counter, a.Device, strconv.FormatUint(a.From, 10), strconv.FormatUint(a.To, 10), civil(a.At), civil(a.Closed), a.Words})
		}
	}
	return columns, rows
}

func modeWord(mode string) string {
	if mode == receipt.Online {
		return "en ligne"
	}
	return "hors ligne"
}

// civil is a time of a document in Paris.
func civil(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return ""
	}
	return t.In(rights.Paris()).Format("2006-01-02 15:04:05")
}

// WriteCSV writes the report for a French spreadsheet: a byte order mark, ';' between cells, and no cell that would be a formula.
func (r *Report) WriteCSV(w io.Writer) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	columns, rows := r.Sheet()
	c := csv.NewWriter(w)
	c.Comma, c.UseCRLF = ';', true
	for _, row := range append([][]string{columns}, rows...) {
		for i := range row {
			row[i] = receipt.Cell(row[i])
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
