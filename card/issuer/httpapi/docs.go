// The description as a page: plain HTML and one style sheet from this server, no script, nothing from elsewhere.

package httpapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

//go:embed docs.html docs.css
var docsFiles embed.FS

func (s *Server) documentRoutes() {
	p := Policy{Roles: []Role{RolePublic}, Tenant: NoTenant}
	s.raw("GET", "/openapi.json", p, func(w http.ResponseWriter, _ *http.Request, _ Principal) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		w.Header().Set("Cache-Control", cacheAsk)
		_, _ = w.Write(openAPI)
	})
	page := sync.OnceValues(func() ([]byte, error) { return docsPage(openAPI) })
	s.raw("GET", "/docs", p, func(w http.ResponseWriter, r *http.Request, _ Principal) {
		b, err := page()
		if err != nil {
			s.fail(w, visitOf(r.Context()), err)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", cacheAsk)
		_, _ = w.Write(b)
	})
	style, err := docsFiles.ReadFile("docs.css")
	if err != nil {
		panic(err)
	}
	s.raw("GET", "/docs/style.css", p, func(w http.ResponseWriter, _ *http.Request, _ Principal) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", cacheAsk)
		_, _ = w.Write(style)
	})
}

// schema is what the page shows of a JSON schema.
type schema struct {
	Ref         string            `json:"$ref"`
	Type        any               `json:"type"`
	Description string            `json:"description"`
	Format      string            `json:"format"`
	Pattern     string            `json:"pattern"`
	Enum        []any             `json:"enum"`
	Items       *schema           `json:"items"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
}

// Name is the schema's type in one word.
func (s schema) Name() string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Items != nil:
		return s.Items.Name() + "[]"
	}
	if many, ok := s.Type.([]any); ok {
		var names []string
		for _, one := range many {
			if n, ok := one.(string); ok {
				names = append(names, n)
			}
		}
		return strings.Join(names, " | ")
	}
	name, _ := s.Type.(string)
	return name
}

// Anchor is the named schema that a type leads to, or "".
func (s schema) Anchor() string {
	if s.Items != nil {
		return s.Items.Anchor()
	}
	return strings.TrimPrefix(s.Ref, "#/components/schemas/")
}

// Needs says whether a member is required.
func (s schema) Needs(name string) bool { return slices.Contains(s.Required, name) }

type docsOperation struct {
	Method, Path         string
	Summary, Description string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
		Schema                schema
	}
	RequestBody *struct {
		Content map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema schema }
	}
}

// docsPage renders the committed description.
func docsPage(document []byte) ([]byte, error) {
	var d struct {
		Info       struct{ Title, Version, Description string }
		Paths      map[string]map[string]docsOperation
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	var all []docsOperation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if op, ok := d.Paths[path][method]; ok {
				op.Method, op.Path = strings.ToUpper(method), path
				all = append(all, op)
			}
		}
	}
	t, err := template.ParseFS(docsFiles, "docs.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Info": d.Info, "Operations": all, "Schemas": d.Components.Schemas})
	return b.Bytes(), err
}
