package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJournalRoutes(t *testing.T) {
	s := newScene(t)
	for i := range 60 {
		s.post("scan", scanOf(i, s.good))
	}
	var page struct {
		Records []recordRow
		More    bool
	}
	s.get("journal").json(t, &page)
	if len(page.Records) != pageOfRecords || !page.More || page.Records[0].Row != 60 || page.Records[0].Card != mutuelle+"/3-583021" {
		t.Fatalf("%d records, more %v, first %+v", len(page.Records), page.More, page.Records[0])
	}
	s.get(fmt.Sprintf("journal?before=%d", page.Records[49].Row)).json(t, &page)
	if len(page.Records) != 10 || page.More {
		t.Errorf("second page: %d, more %v", len(page.Records), page.More)
	}
	s.get("journal?number=k7qf%203%20m3tz").json(t, &page)
	if len(page.Records) != 1 {
		t.Errorf("by number: %d", len(page.Records))
	}
	for _, q := range []string{"from=2027-13-01", "number=zz", "status=green", "before=-1", "name=LEFEVRE", "from=2027-03-02&to=2027-03-01", "care=x", "before=1&before=2"} {
		if a := s.get("journal?" + q); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", q, a.status)
		}
	}
	for _, ext := range []string{"csv", "json"} {
		a := s.get("journal." + ext)
		if a.status != 200 || !strings.Contains(a.header.Get("Content-Disposition"), "attachment") || bytes.Count(a.body, []byte("M3TZ")) < 60 {
			t.Errorf("%s: %d, %d bytes", ext, a.status, len(a.body))
		}
		for _, person := range []string{"LEF", "Anne", "0012284", "19850312"} {
			if bytes.Contains(a.body, []byte(person)) {
				t.Errorf("%s holds %q", ext, person)
			}
		}
	}
	// Half a journal is never taken for a whole one.
	cutAt := func(err error) {
		s.book.mu.Lock()
		defer s.book.mu.Unlock()
		s.book.cut = err
	}
	cutAt(errors.New("damaged"))
	for _, ext := range []string{"csv", "json"} {
		a, err := client.Get(s.origin() + "/s/" + s.secret + "/journal." + ext)
		if err == nil {
			_, err = io.ReadAll(a.Body)
			a.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: cut short, and it looks whole", ext)
		}
	}
	cutAt(nil)
	s.book.verified = Verified{Entries: 61, Head: "ab", Signed: true}
	var v verified
	s.post("journal/verify", `{}`).json(t, &v)
	if !v.OK || v.Entries != 61 {
		t.Errorf("%+v", v)
	}
	s.book.verified = Verified{Entries: 61, Bad: 12, Fault: "edited"}
	s.post("journal/verify", `{}`).json(t, &v)
	if v.OK || v.Bad != 12 || v.Fault != "edited" {
		t.Errorf("%+v", v)
	}
	a := s.get("receipt/K7QF-1-M3TZ.pdf")
	if a.status != 200 || a.header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(a.body, []byte("%PDF-")) {
		t.Errorf("receipt: %d %s %.20q", a.status, a.header.Get("Content-Type"), a.body)
	}
	for _, name := range []string{"K7QF-999-M3TZ.pdf", "nonsense.pdf", "K7QF-1-M3TZ"} {
		if a := s.get("receipt/" + name); a.status != 404 && a.status != 422 {
			t.Errorf("receipt %s: %d", name, a.status)
		}
	}
	if got := s.get("receipt/K7QF-1-M3TZ.pdf?download=1").header.Get("Content-Disposition"); got != `attachment; filename="attestation-K7QF-1-M3TZ.pdf"` {
		t.Errorf("kept as %s", got)
	}
	// Half past midnight in Paris is the next day, wherever the computer thinks it is.
	late := newScene(t, func(o *Options) { o.Now = func() time.Time { return time.Date(2027, 3, 2, 23, 30, 0, 0, time.UTC) } })
	if got := late.get("journal.csv").header.Get("Content-Disposition"); !strings.Contains(got, "journal-2027-03-03.csv") {
		t.Errorf("exported as %s", got)
	}
	s.book.err = errors.New("LEFÈVRE")
	for _, name := range []string{"journal", "journal.csv", "receipt/K7QF-1-M3TZ.pdf"} {
		if a := s.get(name); a.status != 500 || bytes.Contains(a.body, []byte("LEF")) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.book.err = nil
}

func TestBundle(t *testing.T) {
	s := newScene(t)
	files := func() int { return len(must(filepath.Glob(filepath.Join(s.o.Temp, "*")))(t)) }
	zip := []string{"Content-Type", "application/zip"}
	body := "PK\x03\x04rest"
	var found struct{ Bundle, Fingerprint string }
	s.post("bundle", body, zip...).json(t, &found)
	if found.Fingerprint != "3F0A 91C4" || found.Bundle == "" || files() != 1 {
		t.Fatalf("%+v, %d files", found, files())
	}
	s.post("bundle", body, zip...).json(t, &found)
	if files() != 1 {
		t.Errorf("%d files after a second drop", files())
	}
	follow := func(root string) reply {
		return s.post("follow", fmt.Sprintf(`{"bundle":%q,"root":%q}`, found.Bundle, root))
	}
	if a := follow("FFFF"); a.status < 400 || files() != 1 {
		t.Errorf("another root: %d, %d files", a.status, files())
	}
	if a := follow("3F0A 91C4"); a.status != 200 || files() != 0 || !strings.HasPrefix(s.book.spec, s.o.Temp) {
		t.Errorf("%d, %d files", a.status, files())
	}
	if a := follow("3F0A 91C4"); a.status != http.StatusGone {
		t.Errorf("a second time: %d", a.status)
	}
	if a := s.post("bundle", "<html>captive portal", zip...); a.status != http.StatusUnsupportedMediaType || files() != 0 {
		t.Errorf("no zip: %d, %d files", a.status, files())
	}
	s.book.err = errors.New("damaged")
	if a := s.post("bundle", body, zip...); a.status < 400 || files() != 0 {
		t.Errorf("damaged: %d, %d files", a.status, files())
	}
	s.book.err = nil
	s.post("bundle", body, zip...)
	if err := s.Close(context.Background()); err != nil || files() != 0 {
		t.Errorf("after Close: %v, %d files", err, files())
	}
	// What a killed desk left is gone with the next start.
	left := filepath.Join(s.o.Temp, "sceau-bundle-1.zip")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if newBundles(s.o.Temp); files() != 0 {
		t.Error("a leftover stays")
	}
}

func TestShare(t *testing.T) {
	s := newScene(t)
	var got shares
	a := s.post("share", `{"spent":"25,00","base":"25,00","amo":65,"guarantee":"100%","regime":"general"}`)
	a.json(t, &got)
	if got.AMO != "16,25\u00a0€" || got.AMC != "8,75\u00a0€" || got.Rest != "" || got.Covered != "pris en charge à 100\u00a0% de la base de remboursement, hors franchises et participations" || bytes.Contains(a.body, []byte("0,00")) || !strings.HasPrefix(got.Words, "Indicatif") {
		t.Errorf("%d %s", a.status, a.body)
	}
	got = shares{}
	s.post("share?lang=en", `{"spent":"30","base":"25,00","amo":65,"guarantee":"100%","regime":"ald","care":"2027-02-10"}`).json(t, &got)
	if !strings.Contains(got.AMO, "25.00") || strings.Contains(got.Words, "Indicatif") {
		t.Errorf("ALD, in English: %+v", got)
	}
	if got.Rate != 100 || got.Rest != "€5.00" || got.Covered != "" {
		t.Errorf("ALD, a rest in English: %+v", got)
	}
	// The regime says what the AMO pays; the product's own rate still chooses among the card's three values.
	for class, rest := range map[string]string{"65": "", "30": "25,00\u00a0€", "15": "25,00\u00a0€"} {
		got = shares{}
		s.post("share", `{"spent":"50","base":"25","amo":`+class+`,"guarantee":"200/100/100","regime":"ald"}`).json(t, &got)
		if got.AMO != "25,00\u00a0€" || got.Rest != rest {
			t.Errorf("ALD, class %s: %+v", class, got)
		}
	}
	got = shares{}
	s.post("share?lang=en", `{"spent":"10","base":"25","amo":65,"guarantee":"TM","regime":"general"}`).json(t, &got)
	if got.Rest != "" || !strings.Contains(got.Covered, "below the reimbursement base") {
		t.Errorf("less than the base: %+v", got)
	}
	if s.post("share", `{"spent":"0","base":"25","amo":65,"guarantee":"TM","regime":"general"}`).json(t, &got); got.Rest != "" {
		t.Errorf("nothing spent: %+v", got)
	}
	for code, body := range map[string]string{"share_class": `{"spent":"25","base":"25","amo":100,"guarantee":"100%","regime":"general"}`,
		"share_needs_pec": `{"spent":"25","base":"25","amo":65,"guarantee":"PEC","regime":"general"}`, "share_regime": `{"spent":"25","base":"25","amo":65,"guarantee":"TM","regime":"mars"}`,
		"amount_format": `{"spent":"x","base":"25","amo":65,"guarantee":"TM","regime":"general"}`, "amount_range": `{"spent":"99999999","base":"25","amo":65,"guarantee":"TM","regime":"general"}`,
		"guarantee_format": `{"spent":"25","base":"25","amo":65,"guarantee":"<b>","regime":"general"}`, "guarantee_range": `{"spent":"25","base":"25","amo":65,"guarantee":"99999%","regime":"general"}`} {
		var en, fr failure
		s.post("share?lang=en", body).json(t, &en)
		s.post("share", body).json(t, &fr)
		if en.Error.Code != code || fr.Error.Code != code || en.Error.What == errAmount.en.what || en.Error.What == fr.Error.What || en.Error.Todo == "" {
			t.Errorf("%s: %+v, %+v", code, en.Error, fr.Error)
		}
	}
	for body, code := range map[string]string{`{"spent":"1e9","base":"25","amo":65,"guarantee":"100%","regime":"general"}`: "amount_format", `{"spent":"25","base":"-1","amo":65,"guarantee":"100%","regime":"general"}`: "amount_format",
		`{"spent":"25","base":"25","amo":64,"guarantee":"100%","regime":"general"}`: "share_class", `{"spent":"25","base":"25","amo":65,"guarantee":"PEC","regime":"general"}`: "share_needs_pec",
		`{"spent":"25","base":"25","amo":65,"guarantee":"100%","regime":"mars"}`: "share_regime", `{"spent":"25","base":"25","amo":65,"guarantee":"<b>","regime":"general"}`: "guarantee", `{}`: "amount_format"} {
		if a := s.post("share", body); a.status != 422 || !bytes.Contains(a.body, []byte(`"code":"`+code)) || bytes.Contains(a.body, []byte("mars")) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if s.book.effects.Load() != 0 {
		t.Error("a calculation left a trace")
	}
}

func TestPicture(t *testing.T) {
	s := newScene(t)
	pdf := []string{"Content-Type", "application/pdf"}
	var got found
	s.post("picture", s.good, pdf...).json(t, &got)
	if len(got.Codes) != 1 || got.Codes[0] != s.good || got.Pages != 1 {
		t.Errorf("%+v", got)
	}
	for err, code := range map[error]string{nil: "no_code", ErrNoCode: "no_code", ErrNotPicture: "not_a_picture", ErrTooLarge: "picture_too_large", ErrSlow: "picture_too_slow",
		ErrPicture: "reader_failed", errors.New("LEFÈVRE"): "reader_failed"} {
		s.o.Pictures = reader{err}
		a := s.post("picture", "", pdf...)
		if !bytes.Contains(a.body, []byte(`"code":"`+code+`"`)) || bytes.Contains(a.body, []byte("LEF")) || !bytes.Contains(a.body, []byte("NON VÉRIFIÉ")) {
			t.Errorf("%v: %d %s", err, a.status, a.body)
		}
	}
	s.o.Pictures = reader{}
	if a := s.post("picture", "x", "Content-Type", "text/html"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("html: %d", a.status)
	}
}
