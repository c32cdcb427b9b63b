// The interface for pharmacy software: /v1, behind the guard and its token. Bodies are checked and described by huma; what is
// particular to it here: bodies are strict JSON before huma sees them (it takes the last of two equal members), its errors are
// replaced by ours (its own quote the value that was refused), and pictures go round it, because it has no operation whose body is
// JSON or a file.

package desk

import (
	"bytes"
	"context"
	_ "embed"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
)

//go:generate go test -run TestOpenAPI -update-openapi

//go:embed openapi.json
var openAPI []byte

// APIVersion is the version of /v1's description. Members may be added under one major version; none changes or goes away.
const APIVersion = "1.0.0"

// Problem is an error of the interface (RFC 9457). Code is stable; title, detail and todo are words.
type Problem struct {
	Type   string `json:"type" doc:"always about:blank" example:"about:blank"`
	Title  string `json:"title" doc:"what happened, in words"`
	Status int    `json:"status" doc:"the HTTP status"`
	Code   string `json:"code" doc:"stable code of the error" example:"bad_request"`
	Todo   string `json:"todo" doc:"what to do, in words"`
}

func problemOf(status int, t Trouble) *Problem {
	return &Problem{"about:blank", t.What, status, t.Code, t.Todo}
}

func (p *Problem) Error() string             { return p.Code }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return "application/problem+json" }
func writeProblem(w http.ResponseWriter, status int, t Trouble) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = huma.DefaultJSONFormat.Marshal(w, problemOf(status, t)) // whoever asked may have left
}

// VerifyBody is a scan and its question.
type VerifyBody struct {
	Code        string       `json:"code,omitempty" maxLength:"16384" doc:"what the scanner typed, as it came, or a card's code text; either this or presses"`
	Presses     []scan.Press `json:"presses,omitempty" maxItems:"8192" doc:"the physical keys of one scan, where the software sees them: no keyboard layout can garble those"`
	Domain      string       `json:"domain,omitempty" pattern:"^[A-Z0-9]{0,16}$" doc:"domain code; empty asks for the counter's own domains" example:"PHAR"`
	DateOfCare  string       `json:"date_of_care,omitempty" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$" doc:"AAAA-MM-JJ; empty is today in Paris" example:"2027-03-02"`
	Beneficiary int          `json:"beneficiary,omitempty" minimum:"0" maximum:"12" doc:"place on the card; 0 asks for the household"`
}

type langInput struct {
	Lang string `query:"lang" enum:"fr,en" doc:"language of the words; the counter's own when missing"`
}

type verifyInput struct {
	Lang        string `query:"lang" enum:"fr,en" doc:"language of the words; the counter's own when missing"`
	Domain      string `query:"domain" pattern:"^[A-Z0-9]{0,16}$" doc:"as in the JSON body; for pictures only"`
	DateOfCare  string `query:"date_of_care" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$" doc:"as in the JSON body; for pictures only"`
	Beneficiary int    `query:"beneficiary" minimum:"0" maximum:"12" doc:"as in the JSON body; for pictures only"`
	Body        VerifyBody
}

type documentOutput struct{ Body counter.Document }

// Status says how the counter stands.
type Status struct {
	Schema   string          `json:"schema" enum:"sceau-desk-status-1"`
	Version  string          `json:"version" doc:"of the program"`
	Mode     string          `json:"mode" enum:"rescue,online,offline" doc:"what the next check relies on: the operators' services, or the lists alone"`
	Rescue   string          `json:"rescue_reason,omitempty" doc:"stable code of why the mode is rescue: none (enrolled with no service), off (switched off by hand), timeout, unreachable, suspended, revoked, …; later versions may add some"`
	Since    *time.Time      `json:"mode_since,omitempty" doc:"when that began; missing when nobody knows"`
	Services []StatusService `json:"services" nullable:"false" doc:"those that this counter is enrolled with"`
	Waiting  int             `json:"waiting" doc:"checks that the services have not acknowledged"`
	Disputed int             `json:"disputed" doc:"checks of the journal that an insurer disputes"`
	Clock    time.Time       `json:"clock" doc:"the counter's own"`
	Recorded bool            `json:"recorded" doc:"checks can be written in the journal"`
	Lists    []StatusList    `json:"lists" nullable:"false"`
	Notices  []StatusNotice  `json:"notices" nullable:"false" doc:"signed messages of operators and insurers that hold now, the gravest of each first"`
}

// StatusService is one enrolment.
type StatusService struct {
	Operator string `json:"operator,omitempty"`
	Address  string `json:"address"`
	Root     string `json:"root" doc:"fingerprint of the operator's repository"`
	Counter  string `json:"counter" doc:"id of this counter there"`
	Online   bool   `json:"online" doc:"it is asked first"`
	Rescue   string `json:"rescue_reason,omitempty" doc:"why it is not"`
	Waiting  int    `json:"waiting"`
}

// StatusList is one list that is followed.
type StatusList struct {
	Fingerprint string          `json:"fingerprint" doc:"of the repository's root"`
	Published   time.Time       `json:"published"`
	Age         int64           `json:"age_seconds"`
	Level       string          `json:"level" enum:"ok,reserve,refuse"`
	Insurers    []StatusInsurer `json:"insurers" nullable:"false"`
}

// StatusInsurer is one insurer of a list.
type StatusInsurer struct {
	AMC  string `json:"amc"`
	Name string `json:"name"`
}

type statusOutput struct{ Body Status }

type receiptInput struct {
	Lang   string `query:"lang" enum:"fr,en" doc:"language of the words; the counter's own when missing"`
	Number string `path:"number" maxLength:"64" doc:"as printed, or as a person types it" example:"K7QF-1042-M3TZ"`
}

type receiptOutput struct{ Body recordRow }

// newSoftware makes the handler of /v1.
func (s *Server) newSoftware() http.Handler {
	mux := http.NewServeMux()
	s.describe(mux)
	return mux
}

// describe registers every operation, and returns what describes them.
func (s *Server) describe(mux *http.ServeMux) *huma.OpenAPI {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Comptoir", Version: APIVersion, Description: apiAbout},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				"token": {Type: "http", Scheme: "bearer", Description: "content of the file api-token in the counter's folder, which only its user can read"}}},
			Security: []map[string][]string{{"token": {}}},
			Servers:  []*huma.Server{{URL: "http://127.0.0.1:{port}", Description: "the port is in the file desk.json beside it", Variables: map[string]*huma.ServerVariable{"port": {Default: "0"}}}},
		},
		// No OpenAPIPath, DocsPath or SchemasPath: the document is a file, and nothing else is served.
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
		Transformers: []huma.Transformer{s.ownWords},
	}
	api := humago.New(mux, config)
	problem := registry.Schema(problemType, true, "Problem")
	answers := func(statuses ...int) map[string]*huma.Response {
		out := map[string]*huma.Response{"403": {Description: "no token, another token, a browser, or another method; the body is empty"}}
		for _, status := range statuses {
			out[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}
		}
		return out
	}
	huma.Register(api, huma.Operation{OperationID: "verify", Method: http.MethodPost, Path: "/v1/verify", Summary: "Verify one scan, or the picture of a card",
		Description: verifyAbout, MaxBodyBytes: maxScanBody, SkipValidateParams: false, Responses: answers(400, 413, 415, 422, 500, 503)}, s.verify)
	huma.Register(api, huma.Operation{OperationID: "status", Method: http.MethodGet, Path: "/v1/status", Summary: "Lists, their age, and whether checks are recorded",
		Responses: answers(422, 500)}, s.status)
	huma.Register(api, huma.Operation{OperationID: "receipt", Method: http.MethodGet, Path: "/v1/receipts/{number}", Summary: "One check of this counter's journal",
		Responses: answers(404, 422, 500)}, s.receipt)
	document := api.OpenAPI()
	finish(document, registry)
	return document
}

// verify answers a JSON body.
func (s *Server) verify(ctx context.Context, in *verifyInput) (*documentOutput, error) {
	lang := s.lang(in.Lang)
	if in.Domain != "" || in.DateOfCare != "" || in.Beneficiary != 0 {
		return nil, s.problem(errTwoPlace, lang)
	}
	if (in.Body.Code == "") == (len(in.Body.Presses) == 0) {
		return nil, s.problem(errOneCode, lang)
	}
	q, err := question(in.Body.Domain, in.Body.DateOfCare, in.Body.Beneficiary)
	if err != nil {
		return nil, s.problem(err, lang)
	}
	q.Scan = scan.Typed{Text: in.Body.Code, Presses: in.Body.Presses}
	d, err := s.document(ctx, q, lang)
	if err != nil {
		return nil, s.problem(err, lang)
	}
	return &documentOutput{d}, nil
}

// document asks the counter.
func (s *Server) document(ctx context.Context, q counter.Question, lang offline.Language) (counter.Document, error) {
	if err := enter(ctx, s.scans); err != nil {
		return counter.Document{}, err
	}
	defer func() { <-s.scans }()
	settings := s.wishes.get()
	q.Learnt, q.Domains = settings.Learnt, settings.Domains()
	a := s.o.Ask.Ask(ctx, q)
	s.noted(a)
	return a.Document(lang), nil
}

func (s *Server) status(ctx context.Context, in *langInput) (*statusOutput, error) {
	now := s.situation(ctx, s.lang(in.Lang))
	out := Status{Schema: "sceau-desk-status-1", Version: now.Version, Mode: now.Mode, Clock: now.Clock, Recorded: now.Recorded, Lists: []StatusList{},
		Services: []StatusService{}, Waiting: now.Waiting, Disputed: now.DisputedAll, Notices: statusNotices(now.Notices)}
	since := now.OnlineSince
	if now.Rescue != nil {
		out.Rescue, since = now.Rescue.Code, now.Rescue.Since
	}
	if !since.IsZero() {
		out.Since = &since
	}
	for _, v := range now.Services {
		one := StatusService{Operator: v.Operator, Address: v.Address, Root: v.Root, Counter: v.Counter, Online: v.Rescue == nil && !now.Offline, Waiting: v.Waiting}
		if v.Rescue != nil {
			one.Rescue = v.Rescue.Code
		}
		out.Services = append(out.Services, one)
	}
	for _, l := range now.Lists {
		one := StatusList{Fingerprint: l.Fingerprint, Published: l.Published, Age: l.AgeSeconds, Level: l.Level, Insurers: []StatusInsurer{}}
		for _, i := range l.Insurers {
			one.Insurers = append(one.Insurers, StatusInsurer{i.AMC, i.Name})
		}
		out.Lists = append(out.Lists, one)
	}
	return &statusOutput{out}, nil
}

func (s *Server) receipt(ctx context.Context, in *receiptInput) (*receiptOutput, error) {
	lang := s.lang(in.Lang)
	one, err := s.record(ctx, in.Number)
	if err != nil {
		return nil, s.problem(err, lang)
	}
	return &receiptOutput{rowOf(one, lang)}, nil
}

func (s *Server) lang(asked string) offline.Language {
	if asked == "" {
		return s.wishes.get().Language
	}
	return offline.Language(asked) // one of two: huma checked
}

func (s *Server) problem(err error, lang offline.Language) error {
	status, t := s.explain(err, lang)
	return problemOf(status, forSoftware(err, t, lang))
}

// ownWords replaces huma's errors, which quote what was sent.
func (s *Server) ownWords(ctx huma.Context, _ string, v any) (any, error) {
	theirs, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	k := errBody
	switch theirs.Status {
	case http.StatusRequestEntityTooLarge:
		k = errLong
	case http.StatusUnsupportedMediaType:
		k = errMedia
	case http.StatusInternalServerError:
		k = errInside
	}
	lang := s.wishes.get().Language
	if asked := offline.Language(ctx.Query("lang")); asked == offline.French || asked == offline.English {
		lang = asked
	}
	var err error = k
	if k == errBody {
		err = blamed(theirs)
	}
	return problemOf(theirs.Status, forSoftware(err, k.trouble(lang), lang)), nil
}

// blamed finds the member that huma refused. Of what was sent it keeps at most a member's name.
func blamed(theirs *huma.ErrorModel) error {
	for _, one := range theirs.Errors {
		at := strings.Split(one.Location, ".")
		if len(at) < 2 {
			continue
		}
		name, _, _ := strings.Cut(at[1], "[")
		if known, ok := members[name]; ok {
			return known
		}
		return unknownMember(name)
	}
	return errBody
}

// api answers every route of /v1.
func (s *Server) api(w http.ResponseWriter, r *http.Request, v *visit) error {
	s.hub.asked()
	switch {
	case r.URL.Path == "/v1/openapi.json":
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(openAPI)
		return gone(err)
	case r.Method == http.MethodPost && !isMedia(r, "application/json"):
		return s.verifyPicture(w, r, v)
	case r.Method == http.MethodPost:
		b, err := readJSONBody(w, r, maxScanBody)
		if err != nil {
			return err
		}
		if err := checkJSON(b); err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	r.Header.Set("Accept", "application/json") // there is no other form, whatever was asked for
	s.software.ServeHTTP(w, r)
	return nil
}

// verifyPicture answers a PDF, PNG or JPEG body; the question is in the address and holds no person's data.
func (s *Server) verifyPicture(w http.ResponseWriter, r *http.Request, v *visit) error {
	values := r.URL.Query()
	for name, all := range values {
		switch name {
		case "lang", "domain", "date_of_care", "beneficiary":
			if len(all) == 1 {
				continue
			}
			return members[name]
		}
		return unknownMember(name)
	}
	person, err := beneficiary(values)
	if err != nil {
		return err
	}
	q, err := question(values.Get("domain"), values.Get("date_of_care"), person)
	if err != nil {
		return err
	}
	pages, err := s.readPicture(w, r)
	if err != nil {
		return err
	}
	if q.Scan.Text, err = oneCard(pages.Texts); err != nil {
		return err
	}
	d, err := s.document(r.Context(), q, v.lang)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, d)
}

func beneficiary(values url.Values) (int, error) {
	text := values.Get("beneficiary")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, members["beneficiary"]
	}
	return n, nil
}
