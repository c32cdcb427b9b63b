package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// The committed description is what the code describes, it is sound, and the server gives it byte for byte.
func TestOpenAPI(t *testing.T) {
	s := build(Options{})
	want := append(must(described(s))(t), '\n')
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(openAPI, want) {
		t.Fatal("openapi.json is not what the code describes: go generate ./card/issuer/httpapi")
	}
	if !bytes.Equal(want, append(must(described(build(Options{})))(t), '\n')) {
		t.Error("the description is another one each time")
	}
	w := newWorld(t)
	a := w.do(httptest.NewRequest("GET", "/openapi.json", nil))
	if a.Code != 200 || !bytes.Equal(a.Body.Bytes(), openAPI) {
		t.Errorf("served: %d, %d bytes", a.Code, a.Body.Len())
	}
	var d struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
			Security    *[]map[string][]string
		}
		Components struct {
			Schemas         map[string]json.RawMessage
			SecuritySchemes map[string]any
		}
	}
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for path, item := range d.Paths {
		for method, op := range item {
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operation id %q", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			if op.Security == nil {
				t.Errorf("%s %s says nothing of credentials", method, path)
				continue
			}
			for _, one := range *op.Security {
				for name := range one {
					if _, ok := d.Components.SecuritySchemes[name]; !ok {
						t.Errorf("%s %s names %s", method, path, name)
					}
				}
			}
			ok := false
			for status := range op.Responses {
				ok = ok || status[0] == '2'
			}
			if !ok || op.Responses["429"] == nil {
				t.Errorf("%s %s: answers are missing", method, path)
			}
		}
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1") || len(ids) < 3 {
		t.Errorf("OpenAPI %s with %d operations", d.OpenAPI, len(ids))
	}
	// Every schema compiles as JSON Schema 2020-12, and every reference leads somewhere.
	document := must(jsonschema.UnmarshalJSON(bytes.NewReader(openAPI)))(t)
	for name := range d.Components.Schemas {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		if err := c.AddResource("openapi.json", document); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ref := range strings.Split(string(openAPI), `"$ref": "#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(ref, `"`)
		if _, ok := d.Components.Schemas[name]; !ok {
			t.Errorf("nothing is called %s", name)
		}
	}
}

// Every route that programs call is an operation, with what they must know to call it.
func TestEveryRouteIsDescribed(t *testing.T) {
	var d struct {
		Paths map[string]map[string]docsOperation
	}
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	met := 0
	for _, r := range build(Options{}).Table() {
		if r.Method == "OPTIONS" || !strings.HasPrefix(r.Pattern, "/v1/") && !strings.HasPrefix(r.Pattern, repositoryPath) {
			continue
		}
		met++
		name := r.Method + " " + r.Pattern
		op, ok := d.Paths[strings.ReplaceAll(r.Pattern, "...}", "}")][strings.ToLower(r.Method)]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		if op.Summary == "" {
			t.Errorf("%s has no summary", name)
		}
		for _, part := range strings.Split(r.Pattern, "{")[1:] {
			part, _, _ = strings.Cut(strings.ReplaceAll(part, "...", ""), "}")
			if !slices.ContainsFunc(op.Parameters, func(p struct {
				Name, In, Description string
				Required              bool
				Schema                schema
			}) bool {
				return p.Name == part && p.In == "path" && p.Required
			}) {
				t.Errorf("%s: {%s} is not described", name, part)
			}
		}
		if (r.Body > 0) != (op.RequestBody != nil && len(op.RequestBody.Content) > 0) {
			t.Errorf("%s takes %d bytes: %v", name, r.Body, op.RequestBody)
		}
		good, problems := 0, 0
		for status, answer := range op.Responses {
			_, problem := answer.Content["application/problem+json"]
			switch {
			case problem:
				problems++
			case status == "204" || len(answer.Content) > 0:
				good++
			default:
				t.Errorf("%s: what the answer %s is", name, status)
			}
		}
		if good == 0 || problems < 4 {
			t.Errorf("%s: %d answers, %d problems", name, good, problems)
		}
	}
	if met < 40 {
		t.Errorf("met %d routes", met)
	}
	for _, path := range []string{"/v1/cards", "/v1/status-changes", "/v1/imports"} {
		for _, status := range []string{"202", "404", "409", "422", "429"} {
			if _, ok := d.Paths[path]["post"].Responses[status]; !ok {
				t.Errorf("POST %s doesn't declare %s", path, status)
			}
		}
	}
}

// fits validates a body by a schema of the description.
func fits(t *testing.T, name string, body []byte) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	strict := bytes.ReplaceAll(openAPI, []byte(`"additionalProperties": true`), []byte(`"additionalProperties": false`))
	if err := c.AddResource("openapi.json", must(jsonschema.UnmarshalJSON(bytes.NewReader(strict)))(t)); err != nil {
		t.Fatal(err)
	}
	v := must(jsonschema.UnmarshalJSON(bytes.NewReader(body)))(t)
	if err := must(c.Compile("openapi.json#/components/schemas/" + name))(t).Validate(v); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}

// The page names every route, and loads nothing but its own style sheet.
func TestDocs(t *testing.T) {
	w := newWorld(t)
	a := w.do(httptest.NewRequest("GET", "/docs", nil))
	csp := a.Header().Get("Content-Security-Policy")
	if a.Code != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") || strings.Contains(csp, "http") {
		t.Fatalf("%d %q", a.Code, csp)
	}
	text := a.Body.String()
	for _, r := range w.server.Table() {
		if (r.JSON || strings.HasPrefix(r.Pattern, "/v1/")) && !strings.Contains(text, r.Method+" "+r.Pattern) {
			t.Errorf("%s %s is not on the page", r.Method, r.Pattern)
		}
	}
	node := must(html.Parse(strings.NewReader(text)))(t)
	for n := range node.Descendants() {
		for _, at := range n.Attr {
			if slices.Contains([]string{"src", "href", "action", "srcset"}, at.Key) && !strings.HasPrefix(at.Val, "#") && at.Val != "/docs/style.css" && at.Val != "/openapi.json" {
				t.Errorf("<%s> loads %s", n.Data, at.Val)
			}
			if strings.HasPrefix(at.Key, "on") || at.Key == "style" {
				t.Errorf("<%s> has %s", n.Data, at.Key)
			}
		}
		if n.Data == "script" || n.Data == "style" || n.Data == "iframe" {
			t.Errorf("<%s> on the page", n.Data)
		}
	}
	style := w.do(httptest.NewRequest("GET", "/docs/style.css", nil))
	if style.Code != 200 || style.Header().Get("Content-Type") != "text/css; charset=utf-8" || strings.Contains(style.Body.String(), "url(") || strings.Contains(style.Body.String(), "@import") {
		t.Errorf("style: %d", style.Code)
	}
}

func TestAnswersFitTheirSchema(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Budgets = generous })
	d := w.counter()
	fits(t, "CounterFacts", d.send("GET", "/v1/counter", "").Body.Bytes())
	for _, a := range []*httptest.ResponseRecorder{d.send("POST", "/v1/checks", "{}"), d.send("POST", "/v1/checks", "x"), w.do(httptest.NewRequest("GET", "/nowhere", nil)), w.do(httptest.NewRequest("GET", "/v1/counter", nil))} {
		fits(t, "Problem", a.Body.Bytes())
	}
}
