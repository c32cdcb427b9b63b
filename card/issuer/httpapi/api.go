// The description of the JSON routes: huma reads it from the Go types, and it is committed as openapi.json.

package httpapi

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

//go:generate go test -run TestOpenAPI -update

//go:embed openapi.json
var openAPI []byte

// APIVersion is the version of /v1's description. Members may be added under one major version; none changes or goes away.
const APIVersion = "1.0.0"

const apiAbout = `The rights service: online checks, journals and enrolment for counters; contracts, cards and reports for insurers. ` +
	`Codes (status, reason, code of a problem) are stable and may be branched on; words are for people and must not be parsed. ` +
	`Unknown members of answers must be ignored: later versions add some. Unknown members of requests are refused.`

func (s *Server) newAPI() huma.API {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return humago.New(s.door, huma.Config{
		OpenAPI: &huma.OpenAPI{OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Sceau", Version: APIVersion, Description: apiAbout},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				"counter": {Type: "apiKey", In: "header", Name: "Authorization", Description: `"Sceau " and a compact JWS by the counter's request key over the origin, method, path, body hash, a fresh id and the time`},
				"apikey":  {Type: "http", Scheme: "bearer", Description: "an API key, sk_…"},
				"session": {Type: "apiKey", In: "cookie", Name: "__Host-sceau", Description: "the session of a person, from the login page"}}},
			Servers: []*huma.Server{{URL: "https://{host}", Variables: map[string]*huma.ServerVariable{"host": {Default: "localhost", Description: "the operator says it"}}}},
		},
		// No OpenAPIPath, DocsPath or SchemasPath: the document is a file, and huma serves nothing by itself.
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
		Transformers: []huma.Transformer{s.ownWords},
	})
}

// describeRoute completes what the document says of a route with what its policy says.
func (s *Server) describeRoute(op *huma.Operation, p Policy, more ...int) {
	if op.OperationID == "" {
		op.OperationID = strings.ToLower(op.Method) + strings.NewReplacer("/v1/", "-", "/", "-", "{", "", "}", "").Replace(op.Path)
	}
	statuses := []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	statuses = append(statuses, more...)
	if strings.Contains(op.Path, "{") || op.Method != http.MethodGet {
		statuses = append(statuses, http.StatusNotFound)
	}
	if op.Method != http.MethodGet {
		statuses = append(statuses, http.StatusConflict)
	}
	if p.Body > 0 {
		statuses = append(statuses, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	names := make([]string, len(p.Roles))
	for i, r := range p.Roles {
		names[i] = string(r)
	}
	note := "Roles: " + strings.Join(names, ", ") + ". Tenant: " + p.Tenant.String() + "."
	if p.Reads {
		note += " Every reading is journalled."
	}
	op.Description = strings.TrimSpace(op.Description + "\n\n" + note)
	switch {
	case p.public():
		op.Security = []map[string][]string{}
	case slices.Contains(p.Roles, RoleCounter):
		op.Security = []map[string][]string{{"counter": {}}}
	default:
		op.Security = []map[string][]string{{"apikey": {}}, {"session": {}}}
	}
	if !p.public() {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
	}
	problem := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	for _, status := range statuses {
		if key := statusKey(status); op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}
		}
	}
}

func statusKey(status int) string { return strconv.Itoa(status) }

// document is the whole description; answers may grow, what is sent may not.
func (s *Server) document() *huma.OpenAPI {
	d := s.api.OpenAPI()
	sent := map[string]bool{}
	schemas := d.Components.Schemas.Map()
	for _, item := range d.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				reach(schemas, media.Schema, sent)
			}
		}
	}
	for name, schema := range schemas {
		if !sent[name] && schema.Type == huma.TypeObject && schema.AdditionalProperties == false {
			schema.AdditionalProperties = true
		}
	}
	return d
}

// reach marks the named schemas that one refers to.
func reach(all map[string]*huma.Schema, one *huma.Schema, seen map[string]bool) {
	if one == nil {
		return
	}
	if name, ok := strings.CutPrefix(one.Ref, "#/components/schemas/"); ok {
		if !seen[name] {
			seen[name] = true
			reach(all, all[name], seen)
		}
		return
	}
	reach(all, one.Items, seen)
	for _, p := range one.Properties {
		reach(all, p, seen)
	}
}

// OpenAPI is the committed description.
func OpenAPI() []byte { return openAPI }

func described(s *Server) ([]byte, error) { return json.MarshalIndent(s.document(), "", "  ") }
