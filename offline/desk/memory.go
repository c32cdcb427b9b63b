// The routes of the journal: search, exports, check, and the printed receipt.

package desk

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/receipt"
	"sceau/rights"
)

const pageOfRecords = 50

// recordRow is one entry on the screen and in the interface for software.
type recordRow struct {
	Number    receipt.Number `json:"number"`
	Row       uint64         `json:"row"` // for "before"
	At        time.Time      `json:"at"`
	Hash      string         `json:"hash"` // of the entry, hexadecimal
	Card      string         `json:"card,omitempty"`
	Care      string         `json:"care"`
	Domain    string         `json:"domain,omitempty"`
	Person    int            `json:"beneficiary,omitempty"`
	Status    offline.Status `json:"status"`
	Reason    offline.Reason `json:"reason"`
	Detail    string         `json:"detail,omitempty"`
	Headline  string         `json:"headline"`
	Mode      string         `json:"mode"`
	List      uint32         `json:"list,omitempty"`
	Revision  uint64         `json:"revision,omitempty"`
	Published time.Time      `json:"published,omitzero"`
	Age       int64          `json:"age_seconds,omitempty"`
	PayUntil  time.Time      `json:"pay_until,omitzero"`
	PayEuros  int            `json:"pay_euros,omitempty"`
	Accord    string         `json:"accord,omitempty"`  // number of the service's answer that the check relied on
	Invoice   string         `json:"invoice_number"`    // what goes on the invoice: the accord's number, else the receipt's; "" when refused or unknown
	Answer    string         `json:"answer,omitempty"`  // of the insurer: honoured, disputed, noted; "" while it waits
	Answered  time.Time      `json:"answered,omitzero"` // when
	Dispute   *Dispute       `json:"dispute,omitempty"`
}

func rowOf(r receipt.Record, lang offline.Language) recordRow {
	c := r.Receipt
	invoice := string(r.Number)
	if c.Accord != "" {
		invoice = string(c.Accord)
	}
	if c.Status != offline.Valid && c.Status != offline.Reserve {
		invoice = ""
	}
	answered := r.Settled.At
	if !answered.IsZero() {
		answered = answered.UTC()
	}
	return recordRow{Number: r.Number, Row: r.Row, At: r.At.UTC(), Hash: hex.EncodeToString(r.Hash[:]), Card: c.Card, Care: c.Care.String(), Domain: c.Domain,
		Person: c.Person, Status: c.Status, Reason: c.Reason, Detail: c.Detail, Headline: c.Verdict().Words(lang).Headline, Mode: c.Mode,
		List: c.List, Revision: c.Revision, Published: c.Published, Age: int64(c.Age / time.Second), PayUntil: c.PayUntil, PayEuros: c.PayEuros,
		Accord: string(c.Accord), Invoice: invoice, Answer: r.Settled.Answer, Answered: answered, Dispute: disputeOf(r.Settled, lang)}
}

// searchOf reads the filters of an address. None of them can hold a person's data: errFilter, errNumber.
func searchOf(q url.Values) (Search, error) {
	out := Search{Limit: pageOfRecords}
	for name, values := range q {
		value := values[0]
		if len(values) != 1 {
			return Search{}, errFilter
		}
		if value == "" {
			continue
		}
		var err error
		switch name {
		case "number":
			var parts receipt.Parts
			if parts, err = receipt.ParseNumber(value); err != nil {
				return Search{}, errNumber
			}
			out.Number = parts.Number()
		case "from":
			out.From, err = rights.ParseDate(value)
		case "to":
			out.To, err = rights.ParseDate(value)
		case "care":
			out.Care, err = rights.ParseDate(value)
		case "before":
			out.Before, err = strconv.ParseUint(value, 10, 53)
		case "status":
			switch out.Status = offline.Status(value); out.Status {
			case offline.Valid, offline.Reserve, offline.Refused, offline.Unknown:
			default:
				err = errFilter
			}
		case "answer":
			switch out.Answer = value; value {
			case receipt.Honoured, receipt.Disputed, receipt.Noted:
			default:
				err = errFilter
			}
		case "lang", "download":
		default:
			err = errFilter
		}
		if err != nil {
			return Search{}, errFilter
		}
	}
	if out.From != 0 && out.To != 0 && out.From > out.To {
		return Search{}, errFilter
	}
	return out, nil
}

func (s *Server) journal(w http.ResponseWriter, r *http.Request, v *visit) error {
	q, err := searchOf(r.URL.Query())
	if err != nil {
		return err
	}
	q.Limit++
	all, err := s.o.Memory.Find(r.Context(), q)
	if err != nil {
		return outer{err}
	}
	more := len(all) == q.Limit
	if more {
		all = all[:pageOfRecords]
	}
	rows := []recordRow{}
	for _, one := range all {
		rows = append(rows, rowOf(one, v.lang))
	}
	return writeJSON(w, http.StatusOK, struct {
		Records []recordRow `json:"records"`
		More    bool        `json:"more"`
	}{rows, more})
}

// seen keeps that somebody has looked at what is disputed now.
func (s *Server) seen(w http.ResponseWriter, r *http.Request, _ *visit) error {
	if err := readJSON(w, r, maxSmallBody, &struct{}{}); err != nil {
		return err
	}
	if s.o.Disputes == nil {
		return writeJSON(w, http.StatusOK, done{true})
	}
	old := s.wishes.get().DisputesSeen
	d, err := s.o.Disputes(r.Context(), old)
	if err != nil {
		return outer{err}
	}
	if !d.Newest.After(old) {
		return writeJSON(w, http.StatusOK, done{true})
	}
	if _, err := s.wishes.change(r.Context(), func(old counter.Settings) (counter.Settings, error) {
		old.DisputesSeen = d.Newest
		return old, nil
	}); err != nil {
		return err
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, done{true})
}

func (s *Server) journalCSV(w http.ResponseWriter, r *http.Request, _ *visit) error {
	return s.export(w, r, "csv", "text/csv; charset=utf-8", func(all iter.Seq2[receipt.Record, error]) error { return receipt.WriteCSV(w, all) })
}

func (s *Server) journalJSON(w http.ResponseWriter, r *http.Request, _ *visit) error {
	return s.export(w, r, "json", "application/json; charset=utf-8", func(all iter.Seq2[receipt.Record, error]) error { return receipt.WriteJSON(w, all) })
}

// errEnough ends a walk whose reader has gone.
var errEnough = errors.New("desk: enough")

// export streams what a search finds. An error after the first byte cuts the connection, so that half a file can't be taken for
// a whole one.
func (s *Server) export(w http.ResponseWriter, r *http.Request, ext, media string, write func(iter.Seq2[receipt.Record, error]) error) error {
	q, err := searchOf(r.URL.Query())
	if err != nil {
		return err
	}
	// The first entry is fetched before the headers, so that a journal that can't be read is answered in words.
	if _, err := s.o.Memory.Find(r.Context(), Search{Limit: 1}); err != nil {
		return outer{err}
	}
	s.patient(w)
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", `attachment; filename="journal-`+rights.DateAt(s.o.Now()).String()+`.`+ext+`"`)
	all := func(yield func(receipt.Record, error) bool) {
		err := s.o.Memory.Each(r.Context(), q, func(one receipt.Record) error {
			if !yield(one, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(receipt.Record{}, err)
		}
	}
	if err := write(all); err != nil {
		s.log.Warn("export cut short", "kind", typeName(err))
		panic(http.ErrAbortHandler)
	}
	return nil
}

// verified is the answer to POST journal/verify.
type verified struct {
	OK      bool   `json:"ok"`
	Entries uint64 `json:"entries"`
	Head    string `json:"head,omitempty"` // hash of the last entry, hexadecimal
	Signed  bool   `json:"signed"`
	Bad     uint64 `json:"bad,omitempty"` // number of the first bad entry
	Fault   string `json:"fault,omitempty"`
}

func (s *Server) verifyJournal(w http.ResponseWriter, r *http.Request, _ *visit) error {
	if err := readJSON(w, r, maxSmallBody, &struct{}{}); err != nil {
		return err
	}
	s.patient(w)
	found, err := s.o.Memory.Verify(r.Context())
	if err != nil {
		return outer{err}
	}
	return writeJSON(w, http.StatusOK, verified{found.Bad == 0 && found.Fault == "", found.Entries, found.Head, found.Signed, found.Bad, found.Fault})
}

// record finds the one entry of a number, as people type it.
func (s *Server) record(ctx context.Context, number string) (receipt.Record, error) {
	parts, err := receipt.ParseNumber(number)
	if err != nil {
		return receipt.Record{}, errNumber
	}
	all, err := s.o.Memory.Find(ctx, Search{Number: parts.Number(), Limit: 1})
	switch {
	case err != nil:
		return receipt.Record{}, outer{err}
	case len(all) == 0:
		return receipt.Record{}, errNoReceipt
	}
	return all[0], nil
}

// receiptPDF draws receipt/NUMBER.pdf, to print, or with ?download=1 to keep.
func (s *Server) receiptPDF(w http.ResponseWriter, r *http.Request, v *visit) error {
	name, ok := strings.CutSuffix(v.rest, ".pdf")
	if !ok {
		return errNumber
	}
	one, err := s.record(r.Context(), name)
	if err != nil {
		return err
	}
	settings := s.wishes.get()
	var b strings.Builder
	if err := receipt.WritePDF(&b, v.lang, one, receipt.Counter{Name: settings.Name, FINESS: settings.FINESS}); err != nil {
		return err
	}
	place := "inline"
	if r.URL.Query().Get("download") == "1" {
		place = "attachment"
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("Content-Disposition", place+`; filename="attestation-`+string(one.Number)+`.pdf"`)
	w.WriteHeader(http.StatusOK)
	_, err = w.Write([]byte(b.String()))
	return gone(err)
}
