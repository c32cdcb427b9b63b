package httpapi

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// Bodies that are not exactly what the route takes are refused, and nothing of them comes back.
func TestBodies(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d := w.counter()
	canary := secret("canary", "LEFEVRECANARI")
	good := `{"card":"x"}`
	for name, c := range map[string]struct {
		body, media, code string
		status            int
	}{
		"not JSON":           {canary, "application/json", "body", 400},
		"nothing":            {" ", "application/json", "body", 400},
		"a list":             {`["` + canary + `"]`, "application/json", "body", 400},
		"two":                {good + good, "application/json", "body", 400},
		"a member twice":     {`{"card":"x","card":"` + canary + `"}`, "application/json", "body", 400},
		"capitals":           {`{"Card":"` + canary + `"}`, "application/json", "body", 400},
		"null":               {`{"card":null}`, "application/json", "body", 400},
		"NUL":                {`{"card":"a\u0000` + canary + `"}`, "application/json", "body", 400},
		"not UTF-8":          {"{\"card\":\"\xff" + canary + `"}`, "application/json", "body", 400},
		"deep":               {`{"card":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, "application/json", "body", 400},
		"very deep":          {`{"card":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, "application/json", "body", 400},
		"many":               {`{"domains":[` + strings.Repeat("1,", 11000) + `1]}`, "application/json", "body", 400},
		"cut short":          {`{"card":"` + canary, "application/json", "body", 400},
		"unknown member":     {`{"card":"x","` + strings.ToLower(canary) + `":1}`, "application/json", "field", 422},
		"mass assignment":    {`{"card":"x","counter":"other","finess":"1"}`, "application/json", "field", 422},
		"missing":            {`{"person":1}`, "application/json", "field", 422},
		"another type":       {`{"card":["` + canary + `"]}`, "application/json", "field", 422},
		"a person too far":   {`{"card":"x","person":13}`, "application/json", "field", 422},
		"a fraction":         {`{"card":"x","person":1.5}`, "application/json", "field", 422},
		"a day":              {`{"card":"x","care":"` + canary + `"}`, "application/json", "field", 422},
		"no such day":        {`{"card":"x","care":"2027-02-30"}`, "application/json", "field", 422},
		"many domains":       {`{"card":"x","domains":["A","B","C","D","E","F","G","H","I"]}`, "application/json", "field", 422},
		"long":               {`{"card":"` + strings.Repeat("A", maxCheckBody) + `"}`, "application/json", "too_long", 413},
		"text":               {good, "text/plain", "media", 415},
		"a form":             {good, "application/x-www-form-urlencoded", "media", 415},
		"no type":            {good, "", "media", 415},
		"another charset":    {good, "application/json; charset=utf-16", "media", 415},
		"a faulty type":      {good, "application/json; ;;", "media", 415},
		"a type of its kind": {good, "application/problem+json", "media", 415},
	} {
		r := d.signed("POST", "/v1/checks", c.body, nil)
		r.Header.Set("Content-Type", c.media)
		a := w.do(r)
		w.problem(a, c.status, c.code)
		if said := a.Body.String(); strings.Contains(said, canary) || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", name, said)
		}
	}
	for name, change := range map[string]func(r *strings.Builder){} {
		_, _ = name, change
	}
	r := d.signed("POST", "/v1/checks", good, nil)
	r.Header.Set("Content-Encoding", "gzip")
	w.problem(w.do(r), 415, "media")
	r = d.signed("POST", "/v1/checks", good, nil)
	r.Header.Add("Content-Type", "text/plain")
	w.problem(w.do(r), 415, "media")
	r = d.signed("POST", "/v1/checks", good, nil)
	r.ContentLength = -1 // chunked, and longer than allowed
	r.Body = httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat(" ", maxCheckBody+1))).Body
	w.problem(w.do(r), 413, "too_long")
	w.problem(w.do(d.signed("GET", "/v1/counter", "{}", nil)), 413, "too_long")
	w.problem(w.do(httptest.NewRequest("GET", "/docs", strings.NewReader("x"))), 413, "too_long")
	w.problem(w.do(httptest.NewRequest("GET", "/repo/timestamp.json", strings.NewReader("x"))), 413, "too_long")
	w.problem(d.send("GET", "/v1/counter?x=1", ""), 422, "field")
	p := w.problem(d.send("GET", "/v1/counter?"+strings.ToLower(canary)+"=1", ""), 422, "field")
	_ = p
}

// No hidden member of any body changes anything: the union of all member names, each added to each body, is refused.
func TestMassAssignment(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d := w.counter()
	schemas := w.server.api.OpenAPI().Components.Schemas.Map()
	names := map[string]bool{"state": true, "role": true, "roles": true, "insurer": true, "owner": true, "id": true, "version": true}
	for _, s := range schemas {
		for name := range s.Properties {
			names[name] = true
		}
	}
	tried := 0
	for name := range names {
		for path, body := range map[string]struct {
			schema, body string
		}{"/v1/checks": {"CheckBody", `{"card":"x",%s}`}, "/v1/enrolments": {"EnrolmentBody", `{"code":"` + w.code() + `","jwk":` + d.jwk + `,%s}`}} {
			if _, own := schemas[body.schema].Properties[name]; own {
				continue
			}
			for _, value := range []string{`"x"`, `1`, `true`, `{}`, `[]`} {
				tried++
				a := d.send("POST", path, fmt.Sprintf(body.body, `"`+name+`":`+value))
				if a.Code != 422 {
					t.Errorf("%s with %s: %d %s", path, name, a.Code, a.Body)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d bodies tried", tried)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{}`, `{"a":{"b":[1,2,"x"]}}`, `{"a":1,"a":2}`, `{"a":null}`, `[`, `{"a":"\u0000"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := checkJSON(b)
		if err != nil && err != error(errBody) {
			t.Errorf("another error: %v", err)
		}
	})
}
