// The description of the routes of files and uploads: what huma can't read from Go types is said here.

package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer/reconcile"
)

// fileRoute is what the document says of a raw route.
type fileRoute struct {
	id, summary, about string
	media              []string // of the answer
	status             int      // of the answer; 0 is 200
	json               func(huma.Registry) *huma.Schema
	params             []*huma.Param
	like               string // path of the JSON route that has the same parameters
	problems           []int
}

func pathParam(name, pattern, about string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: about, Schema: &huma.Schema{Type: huma.TypeString, Pattern: pattern}}
}

func schemaOf[T any](r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, reflect.TypeFor[T]().Name())
}

// fileRoutes are the raw routes that programs call, by method and pattern. Pages are not among them.
var fileRoutes = func() map[string]fileRoute {
	number := []*huma.Param{pathParam("card", "^[0-9]{1,10}-[0-9]{1,7}$", "number of the card, such as 3-583021")}
	job := []*huma.Param{pathParam("id", "^[A-Za-z0-9_-]{16}$", "id of the import")}
	out := map[string]fileRoute{
		"POST /v1/imports": {id: "start-import", summary: "Import a roster", about: "The answer comes before the import is done: ask for it by its id.",
			status: http.StatusAccepted, json: schemaOf[Import], problems: []int{http.StatusRequestTimeout}, params: []*huma.Param{
				{Name: "strict", In: "query", Description: "take nothing of a roster with a faulty line", Schema: &huma.Schema{Type: huma.TypeBoolean, Default: false}},
				{Name: "accept_closures", In: "query", Description: "end so many contracts all the same: the closures of a held import of this roster", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)}},
				{Name: "Idempotency-Key", In: "header", Required: true, Description: "of one's own making; the same key with the same request is the same request", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(8), MaxLength: new(128)}}}},
		"GET /v1/imports/{id}/rejects.csv": {id: "import-rejects", summary: "The lines that an import did not take, with their faults", media: []string{"text/csv"}, params: job},
		"POST /v1/journals/{device}/entries": {id: "send-journal", summary: "Send entries of a journal; the answer settles them", json: schemaOf[JournalTaken],
			about: "The body is a batch as the counter's journal writes it.", problems: []int{http.StatusRequestTimeout}, params: []*huma.Param{
				pathParam("device", "^[0-9a-f]{32}$", "the chain's device"),
				{Name: "Content-Encoding", In: "header", Description: "gzip, or nothing", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"gzip"}}}}},
		"GET " + repositoryPath + "{path...}": {id: "published-file", summary: "A published file: trust metadata, lists, keys and codes",
			media: []string{"application/json", "application/statuslist+jwt", "application/octet-stream"}, params: []*huma.Param{pathParam("path", "", "path of the file in the repository, with its slashes")}},
	}
	for form, what := range map[string][3]string{
		"card.pdf":   {"application/pdf", "The card, to print in its own size"},
		"letter.pdf": {"application/pdf", "The card, to print on A4 paper"},
		"code.png":   {"image/png", "The card's code as a picture"},
		"code.txt":   {"text/plain", "The text of the card's code"},
		"card.jws":   {"application/jose", "The signed card"},
	} {
		out["GET /v1/cards/{card}/"+form] = fileRoute{id: strings.ReplaceAll(form, ".", "-"), summary: what[1], media: []string{what[0]}, params: number, problems: []int{http.StatusConflict}}
	}
	for _, name := range reconcile.ReportNames() {
		out["GET /v1/reports/"+name+".csv"] = fileRoute{id: "report-" + name + "-csv", summary: reportSummaries[name] + ", as a sheet", media: []string{"text/csv"}, like: "/v1/reports/" + name}
	}
	return out
}()

// describeFile adds a raw route to the document, if programs call it.
func (s *Server) describeFile(method, pattern string, p Policy) {
	f, ok := fileRoutes[method+" "+pattern]
	if !ok {
		return
	}
	d := s.api.OpenAPI()
	op := &huma.Operation{OperationID: f.id, Method: method, Path: strings.ReplaceAll(pattern, "...}", "}"), Summary: f.summary, Description: f.about, Parameters: slices.Clone(f.params)}
	if f.like != "" {
		op.Parameters = slices.Clone(d.Paths[f.like].Get.Parameters)
	}
	bytes := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	if p.Body > 0 {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, media := range p.Media {
			op.RequestBody.Content[media] = &huma.MediaType{Schema: bytes}
		}
	}
	answer := &huma.Response{Content: map[string]*huma.MediaType{}}
	for _, media := range f.media {
		answer.Content[media] = &huma.MediaType{Schema: bytes}
	}
	if f.json != nil {
		answer.Content["application/json"] = &huma.MediaType{Schema: f.json(d.Components.Schemas)}
	}
	status := max(f.status, http.StatusOK)
	answer.Description = http.StatusText(status)
	op.Responses = map[string]*huma.Response{statusKey(status): answer}
	s.describeRoute(op, p, f.problems...)
	d.AddOperation(op)
}

const otherConsent = "waits for another person's consent"

// waiting declares the answer 202, which has the same members as the usual one, and says what it means.
func waiting[T any](s *Server, means string) map[string]*huma.Response {
	return map[string]*huma.Response{statusKey(http.StatusAccepted): {Description: means,
		Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](s.api.OpenAPI().Components.Schemas)}}}}
}
