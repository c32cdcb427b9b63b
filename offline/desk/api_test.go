package desk

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
)

var updateOpenAPI = flag.Bool("update-openapi", false, "write openapi.json anew") // -update is for the screens

// The committed document is the one that the code describes, and the server gives it byte for byte.
func TestOpenAPI(t *testing.T) {
	s := newScene(t)
	document := s.describe(http.NewServeMux())
	plain := must(json.Marshal(document))(t)
	var want bytes.Buffer
	if err := json.Indent(&want, plain, "", "  "); err != nil {
		t.Fatal(err)
	}
	want.WriteByte('\n')
	if *updateOpenAPI {
		if err := os.WriteFile("openapi.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(openAPI, want.Bytes()) {
		t.Fatal("openapi.json is not what the code describes: go generate ./offline/desk")
	}
	if a := s.v1("GET", "openapi.json", ""); a.status != 200 || !bytes.Equal(a.body, openAPI) {
		t.Errorf("served: %d, %d bytes", a.status, len(a.body))
	}
	// Every route of the table is described, and the other way round.
	for path, item := range document.Paths {
		for method, op := range map[string]bool{"GET": item.Get != nil, "POST": item.Post != nil, "PUT": item.Put != nil, "DELETE": item.Delete != nil} {
			base, _, _ := strings.Cut(path, "{")
			if op && !slices.ContainsFunc(s.routes, func(r route) bool { return r.kind == software && r.method == method && r.name+r.under == base }) {
				t.Errorf("%s %s is described and not routed", method, path)
			}
		}
	}
}

// schemaOf compiles one schema of the committed document; strict refuses members that it doesn't name.
func schemaOf(t *testing.T, name string, strict bool) *jsonschema.Schema {
	t.Helper()
	text := openAPI
	if strict {
		text = bytes.ReplaceAll(text, []byte(`"additionalProperties": true`), []byte(`"additionalProperties": false`))
	}
	document := must(jsonschema.UnmarshalJSON(bytes.NewReader(text)))(t)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return must(c.Compile("openapi.json#/components/schemas/" + name))(t)
}

func (r reply) fits(t *testing.T, schema *jsonschema.Schema) {
	t.Helper()
	v := must(jsonschema.UnmarshalJSON(bytes.NewReader(r.body)))(t)
	if err := schema.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, r.body)
	}
}

// Real answers, of every kind that a counter gives, are what the document says, and have no member that it doesn't name.
func TestAnswersFitTheirSchema(t *testing.T) {
	s := newScene(t)
	document, problem := schemaOf(t, "Document", true), schemaOf(t, "Problem", true)
	half := s.good[:len(s.good)/2]
	seen := map[offline.Reason]bool{}
	for _, body := range []VerifyBody{{Code: s.good}, {Code: s.good, Domain: "PHAR", DateOfCare: "2027-03-02", Beneficiary: 1}, {Code: s.good, Domain: "OPTI"},
		{Code: s.good, Domain: "ZZZZ"}, {Code: s.good, DateOfCare: "2029-03-02"}, {Code: s.good, Beneficiary: 9}, {Code: s.forged[0]}, {Code: half}, {Code: "x"},
		{Code: strings.ToLower(s.good)}} {
		a := s.v1("POST", "verify", string(must(json.Marshal(body))(t)))
		if a.status != 200 || a.header.Get("Content-Type") != "application/json" || bytes.Contains(a.body, []byte("$schema")) {
			t.Fatalf("%+v: %d %s %s", body.Domain, a.status, a.header.Get("Content-Type"), a.body)
		}
		a.fits(t, document)
		var d counter.Document
		a.json(t, &d)
		seen[d.Reason] = true
	}
	if len(seen) < 5 {
		t.Errorf("only %d reasons met: %v", len(seen), seen)
	}
	a := s.v1("GET", "status", "")
	a.fits(t, schemaOf(t, "Status", true))
	a = s.v1("GET", "receipts/k7qf-1-m3tz?lang=en", "")
	a.fits(t, schemaOf(t, "RecordRow", true))
	if a.status != 200 || a.header.Get("Link") != "" {
		t.Errorf("receipt: %d %v", a.status, a.header)
	}
	for name, bad := range map[string]reply{"body": s.v1("POST", "verify", `{"code":1}`), "media": s.v1("POST", "verify", "x", "Content-Type", "text/csv"),
		"nothing": s.v1("POST", "verify", `{}`), "number": s.v1("GET", "receipts/zz", ""), "absent": s.v1("GET", "receipts/K7QF-99-M3TZ", ""),
		"query": s.v1("GET", "status?x=1", ""), "lang": s.v1("GET", "status?lang=de", ""), "day": s.v1("POST", "verify", `{"code":"x","date_of_care":"2027-02-30"}`),
		"long": s.v1("POST", "verify", `{"code":"`+strings.Repeat("A", maxScanBody)+`"}`), "both": s.v1("POST", "verify?domain=PHAR", `{"code":"x"}`)} {
		if bad.status < 400 || bad.status >= 500 || bad.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, bad.status, bad.header.Get("Content-Type"))
		}
		bad.fits(t, problem)
	}
}

// A problem quotes nothing of what was sent, whoever refuses it.
func TestProblemsQuoteNothing(t *testing.T) {
	s := newScene(t)
	for _, body := range []string{`{"code":"x","domain":"LEFEVRE"}x`, `{"code":"x","domain":"Lefèvre Anne"}`, `{"code":"x","beneficiary":18503123}`, `{"LEFEVRE":"x"}`, `{"code":["LEFEVRE"]}`,
		`{"code":"x","date_of_care":"LEFEVRE"}`, `{"code":"` + strings.Repeat("LEFEVRE", 4000) + `"}`} {
		a := s.v1("POST", "verify", body)
		if a.status < 400 || bytes.Contains(a.body, []byte("LEF")) || bytes.Contains(a.body, []byte("Lef")) || bytes.Contains(a.body, []byte("18503123")) {
			t.Errorf("%.40s: %d %s", body, a.status, a.body)
		}
	}
}

// A problem names the member that is wrong, in words for whoever writes the software.
func TestProblemsNameTheMember(t *testing.T) {
	s := newScene(t)
	for body, want := range map[string]string{`{"code":"x","date_of_care":"02/03/2027"}`: "date_of_care : AAAA-MM-JJ", `{"code":"x","date_of_care":"2027-02-30"}`: "date_of_care : AAAA-MM-JJ",
		`{"code":"x","beneficiary":99}`: "beneficiary : 1 à 12", `{"code":"x","domaine":"PHAR"}`: "domaine : ", `{"code":1}`: "code : ", `{`: "JSON", `{}`: "code ou presses",
		`{"code":"x","` + strings.Repeat("z", maxNamed+1) + `":1}`: "inconnu"} {
		a := s.v1("POST", "verify", body)
		var p Problem
		a.json(t, &p)
		said := strings.ReplaceAll(p.Todo, "\u00a0", " ")
		if a.status < 400 || !strings.Contains(said, want) || strings.Contains(said, "page") || strings.Contains(said, "zzz") {
			t.Errorf("%.50s: %d %q", body, a.status, p.Todo)
		}
	}
	if a := s.v1("POST", "verify", `{"code":"x"}`, "Content-Type", ""); a.status != 415 || !bytes.Contains(a.body, []byte("application/json")) {
		t.Errorf("no media type: %d %s", a.status, a.body)
	}
	for _, path := range []string{"nowhere", "verify/", "receipts/", "docs", "schemas/Document.json"} {
		if a := s.v1("GET", path, ""); a.status != 404 || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d", path, a.status)
		}
		if a := s.send("GET", "/v1/"+path, "", "Authorization", "Bearer x"); a.status != 403 || len(a.body) != 0 {
			t.Errorf("%s without the token: %d", path, a.status)
		}
	}
}

func TestVerifyPicture(t *testing.T) {
	s := newScene(t)
	png := []string{"Content-Type", "image/png"}
	var d counter.Document
	s.v1("POST", "verify?domain=PHAR&beneficiary=1", s.good+" https://example.org", png...).json(t, &d)
	if d.Status != offline.Valid || d.Domain != "PHAR" || d.Person != 1 {
		t.Errorf("%+v", d)
	}
	d = counter.Document{}
	s.v1("POST", "verify", s.good+" "+s.good, png...).json(t, &d)
	if d.Status != offline.Valid {
		t.Errorf("the same code twice: %s", d.Reason)
	}
	before := s.book.effects.Load()
	for name, a := range map[string]reply{"two cards": s.v1("POST", "verify", s.good+" "+s.forged[0], png...), "none": s.v1("POST", "verify", "", png...),
		"query": s.v1("POST", "verify?nom=x", s.good, png...), "twice": s.v1("POST", "verify?domain=PHAR&domain=OPTI", s.good, png...),
		"person": s.v1("POST", "verify?beneficiary=x", s.good, png...), "day": s.v1("POST", "verify?date_of_care=x", s.good, png...)} {
		if a.status != 422 && a.status != 400 || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if s.book.effects.Load() != before {
		t.Error("a refused picture was journalled")
	}
}

// The keys that software sees are believed like those that the page sees.
func TestVerifyPresses(t *testing.T) {
	s := newScene(t)
	var presses []scan.Press
	for _, c := range s.good {
		press := scan.Press{Code: "Key" + string(c), Shift: true}
		if c >= '0' && c <= '9' {
			press = scan.Press{Code: "Digit" + string(c)}
		}
		presses = append(presses, press)
	}
	var d counter.Document
	s.v1("POST", "verify", string(must(json.Marshal(VerifyBody{Presses: presses}))(t))).json(t, &d)
	if d.Status != offline.Valid {
		t.Errorf("%s %s", d.Reason, d.Misread)
	}
}

func TestTokenAlone(t *testing.T) {
	s := newScene(t)
	for name, pairs := range map[string][]string{"none": nil, "empty": {"Authorization", "Bearer "}, "other": {"Authorization", "Bearer x"}, "prefix": {"Authorization", "Bearer " + someToken[:8]},
		"basic": {"Authorization", "Basic " + someToken}, "twice": {"Authorization", "Bearer " + someToken, "Authorization", "Bearer " + someToken},
		"browser": {"Authorization", "Bearer " + someToken, "Origin", s.origin()}, "navigation": {"Authorization", "Bearer " + someToken, "Sec-Fetch-Site", "none"}} {
		for _, path := range []string{"/v1/status", "/v1/openapi.json", "/v1/receipts/K7QF-1-M3TZ"} {
			if a := s.send("GET", path, "", pairs...); a.status != 403 || len(a.body) != 0 {
				t.Errorf("%s %s: %d, %d bytes", name, path, a.status, len(a.body))
			}
		}
	}
	closed := newScene(t, func(o *Options) { o.Token = "" })
	if a := closed.send("GET", "/v1/status", "", "Authorization", "Bearer "); a.status != 403 {
		t.Errorf("no token at all: %d", a.status)
	}
}
