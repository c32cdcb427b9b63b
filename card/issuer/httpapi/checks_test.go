package httpapi

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/card/register"
	"sceau/signing"
)

// accordKey is the public key of the service's accords.
func (w *world) accordKey() *signing.PublicKey {
	w.t.Helper()
	s := must(w.online.Signer("accord"))(w.t)
	return must(signing.NewPublicKey(accord.Kind, s.Public().(*ecdsa.PublicKey)))(w.t)
}

func (w *world) traced(id string) []register.Check {
	w.t.Helper()
	var out []register.Check
	if err := w.issuer.TraceOf(context.Background(), id, 0, func(c register.Check) error { out = append(out, c); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// silent fails when a text holds anything of the person, in any of the forms in which it could.
func (w *world) silent(where string, text []byte) {
	w.t.Helper()
	low := strings.ToLower(string(text))
	for _, name := range w.names {
		for _, form := range []string{name, hex.EncodeToString([]byte(name)), base64.RawStdEncoding.EncodeToString([]byte(name)), base64.RawURLEncoding.EncodeToString([]byte(name))} {
			if strings.Contains(low, strings.ToLower(form)) {
				w.t.Errorf("%s holds a name or a number of a person", where)
			}
		}
	}
	for _, part := range strings.Split(string(text), ".") { // of a JWS
		if b, err := base64.RawURLEncoding.DecodeString(part); err == nil && len(b) > 20 && bytes.HasPrefix(b, []byte("{")) {
			w.silent(where+" (payload)", b)
		}
	}
}

func TestChecks(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d := w.counter()
	text := w.card()
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.pass(time.Minute)
	body := `{"card":"` + text + `","domains":["PHAR","OPTI"],"care":"2027-01-05","person":1}`
	a := d.send("POST", "/v1/checks", body)
	var answer CheckAnswer
	if err := json.Unmarshal(a.Body.Bytes(), &answer); err != nil || a.Code != 200 || a.Header().Get("Content-Type") != "application/json" || a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Vary") != "Accept" {
		t.Fatalf("%d %v %s", a.Code, a.Header(), a.Body)
	}
	fits(t, "CheckAnswer", a.Body.Bytes())
	got, err := accord.Open(w.accordKey(), answer.Accord)
	if err != nil || string(got.Number) != answer.Number || got.Counter != d.id() || got.Insurer != amc || len(got.Answers) != 2 || got.Answers[0].Status != "valid" || got.Answers[1].Status != "refused" {
		t.Fatalf("%v %+v", err, got)
	}
	w.silent("the answer", a.Body.Bytes())
	w.silent("the accord", []byte(answer.Accord))
	if rows := w.traced(d.id()); len(rows) != 1 || rows[0].Number != answer.Number {
		t.Errorf("the trace: %+v", rows)
	}
	// A replay is refused, and leaves no second trace.
	w.problem(w.do(replay(d, "POST", "/v1/checks", body)), 401, "replayed")
	if rows := w.traced(d.id()); len(rows) != 1 {
		t.Errorf("the replay is traced: %d rows", len(rows))
	}
	// A card that is not authentic has no accord, and is traced.
	forged := []byte(text)
	forged[len(forged)-9] ^= 3
	a = d.send("POST", "/v1/checks", `{"card":"`+string(forged)+`"}`)
	if a.Code != 200 || strings.Contains(a.Body.String(), "accord") || !strings.Contains(a.Body.String(), `"refused":"`) {
		t.Errorf("forged: %d %s", a.Code, a.Body)
	}
	fits(t, "CheckAnswer", a.Body.Bytes())
	if rows := w.traced(d.id()); len(rows) != 2 {
		t.Errorf("the forged card is not traced: %d rows", len(rows))
	}
	w.problem(d.send("POST", "/v1/checks", `{"card":"`+text+`","domains":["PHAR","PHAR"]}`), 422, "field")
}

// The FHIR view says what the accord says and carries it; what is unknown is neither in force nor out of force.
func TestFHIR(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d := w.counter()
	text := w.card()
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.pass(time.Minute)
	ask := func(body, accept string) *httptest.ResponseRecorder {
		r := d.signed("POST", "/v1/checks", body, nil)
		r.Header.Set("Accept", accept)
		return w.do(r)
	}
	a := ask(`{"card":"`+text+`","domains":["PHAR","OPTI","HOSP"]}`, "application/fhir+json")
	if a.Code != 200 || a.Header().Get("Content-Type") != fhirMedia {
		t.Fatalf("%d %s %s", a.Code, a.Header().Get("Content-Type"), a.Body)
	}
	w.silent("the FHIR view", a.Body.Bytes())
	var view struct {
		ResourceType, Status, Outcome, Created, Disposition, PreAuthRef string
		Purpose                                                         []string
		Patient, Insurer, Requestor, Request                            fhirReference
		Contained                                                       []struct {
			ResourceType, ContentType string
			Data                      []byte
		}
		Insurance []struct {
			Inforce *bool
			Item    []struct {
				Category fhirConcept
				Excluded bool
			}
		}
	}
	if err := json.Unmarshal(a.Body.Bytes(), &view); err != nil {
		t.Fatal(err)
	}
	if view.ResourceType != "CoverageEligibilityResponse" || view.Status != "active" || view.Outcome != "complete" || len(view.Purpose) == 0 || view.Created == "" ||
		view.Patient.Identifier == nil || view.Insurer.Identifier == nil || view.Request.Identifier == nil || view.Requestor.Identifier == nil || len(view.Contained) != 1 || len(view.Insurance) != 3 {
		t.Fatalf("%s", a.Body)
	}
	got, err := accord.Open(w.accordKey(), string(view.Contained[0].Data))
	if err != nil || view.PreAuthRef != string(got.Number) {
		t.Fatalf("the accord in it: %v", err)
	}
	for i, answer := range got.Answers {
		open := view.Insurance[i].Inforce
		if open == nil || *open != (answer.Status == "valid") || view.Insurance[i].Item[0].Excluded != (answer.Status == "refused") || view.Insurance[i].Item[0].Category.Coding[0].Code != answer.Domain {
			t.Errorf("%+v: %+v", answer, view.Insurance[i])
		}
	}
	for status, want := range map[string]*bool{"unknown": nil, "reserve": nil, "refused": new(bool), "something new": nil} {
		in := insurance(accord.Answer{Status: status, Reason: "X"}, nil)
		if (in.Inforce == nil) != (want == nil) || in.Inforce != nil && *in.Inforce != *want {
			t.Errorf("%s: in force %v", status, in.Inforce)
		}
	}
	forged := []byte(text)
	forged[len(forged)-9] ^= 3
	if a := ask(`{"card":"`+string(forged)+`"}`, fhirMedia); a.Code != 200 || !strings.Contains(a.Body.String(), `"outcome":"error"`) || strings.Contains(a.Body.String(), "inforce") {
		t.Errorf("forged: %d %s", a.Code, a.Body)
	}
	for accept, fhir := range map[string]bool{"": false, "*/*": false, "application/json": false, "application/fhir+json": true, "application/json, application/fhir+json;q=0.5": true,
		"application/fhir+json;q=0": false, "application/fhir+xml": false, "application/fhir+json; fhirVersion=4.0": true, ";;,": false, "text/html": false} {
		if got := wantsFHIR(accept); got != fhir {
			t.Errorf("%q: %v", accept, got)
		}
	}
	w.problem(ask(`{}`, fhirMedia), 422, "field")
}

// T01: whatever a counter asks on any route, no answer holds a name, a birth date or a N° adhérent.
func TestCountersLearnNobody(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d := w.counter()
	text := w.card()
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.refresh()
	asked := 0
	for _, r := range w.server.Table() {
		for _, id := range []string{"1", "timestamp.json", amc, "A4242777", "ZORGLUBINE", "1-1", d.id()} {
			path := r.Pattern
			for strings.Contains(path, "{") {
				before, rest, _ := strings.Cut(path, "{")
				_, after, _ := strings.Cut(rest, "}")
				path = before + id + after
			}
			for _, body := range []string{"", `{"card":"` + text + `"}`, `{"nom":"ZORGLUBINE"}`, `{"card":"A4242777"}`, `{"card":"ZORGLUBINE"}`} {
				for _, query := range []string{"", "?q=ZORGLUBINE", "?after=&limit=1000"} {
					q := d.signed(r.Method, path+query, body, nil)
					a := w.do(q)
					asked++
					w.silent(r.Method+" "+r.Pattern, a.Body.Bytes())
					for name, all := range a.Header() {
						w.silent("header "+name+" of "+r.Pattern, []byte(strings.Join(all, " ")))
					}
				}
			}
		}
	}
	for path, data := range w.published() {
		w.silent("published file "+path, data)
	}
	if asked < 500 {
		t.Errorf("only %d requests", asked)
	}
}
