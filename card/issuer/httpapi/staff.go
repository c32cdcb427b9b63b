// Staff's routes: what they share. Insurers' programs and people, and the operator's, ask here; whom they are comes from their
// credential alone, and so does the insurer whose data they touch.

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/pdf"
	"sceau/rights"
)

// Office is what staff's routes need beside the issuer. The zero value serves all of them but the login.
type Office struct {
	// People is where people log in; nil: nobody does.
	People *OIDC
	// Theme is the look of an insurer's printed cards; nil or a nil theme is the plain one.
	Theme func(insurer string) *pdf.Theme
	// Roster is the longest roster of an import, in bytes; 0 is 64 MiB, at most MaxBody.
	Roster int64
	// Spool is the folder where a roster waits, encrypted under a key that only this process has; "" is the system's.
	Spool string
}

func (s *Server) staffRoutes() {
	s.contractRoutes()
	s.cardRoutes()
	s.statusRoutes()
	s.importRoutes()
	s.campaignRoutes()
	s.publicationRoutes()
	s.operatorRoutes()
	s.keyRoutes()
	s.loginRoutes()
}

// NewStaff believes the API keys and the sessions of an issuer's register.
func NewStaff(i *issuer.Issuer) Staff { return &credentials{i} }

type credentials struct{ issuer *issuer.Issuer }

// Bearer implements Staff.
func (r *credentials) Bearer(ctx context.Context, token string) (Principal, error) {
	who, err := r.issuer.AuthenticateKey(ctx, token)
	if err != nil {
		return Principal{}, believed(err)
	}
	return principal(KindKey, strings.TrimPrefix(who.Credential, "key:"), who), nil
}

// Session implements Staff.
func (r *credentials) Session(ctx context.Context, req *http.Request) (Principal, error) {
	secret, ok := cookieOf(req, sessionCookie)
	if !ok {
		return Principal{}, ErrNoCredential
	}
	who, err := r.issuer.Session(ctx, secret)
	if err != nil {
		return Principal{}, believed(err)
	}
	return principal(KindStaff, strings.TrimPrefix(who.Person, "person:"), who), nil
}

func believed(err error) error {
	if errors.Is(err, issuer.ErrCredential) {
		return ErrCredential
	}
	return err
}

func principal(kind Kind, id string, who issuer.Staff) Principal {
	p := Principal{Kind: kind, ID: id, Person: who.Person, Insurer: who.Insurer, Actor: who.Actor}
	for _, r := range who.Roles {
		p.Roles = append(p.Roles, Role(r))
	}
	return p
}

// cookieOf returns a cookie that came once.
func cookieOf(r *http.Request, name string) (string, bool) {
	var value string
	n := 0
	for _, c := range r.Cookies() {
		if c.Name == name {
			value = c.Value
			n++
		}
	}
	return value, n == 1 && value != ""
}

// acting is a principal as the core knows them.
func acting(p Principal) issuer.Staff {
	w := issuer.Staff{Credential: string(p.Kind) + ":" + p.ID, Person: p.Person, Insurer: p.Insurer, Actor: p.Actor}
	if w.Person == "" {
		w.Person = w.Credential
	}
	for _, r := range p.Roles {
		w.Roles = append(w.Roles, issuer.Role(r))
	}
	return w
}

// scope is whose lists a principal sees: an insurer's own, or all of them for the operator.
func scope(p Principal) string {
	if p.Insurer == "" {
		return "*"
	}
	return p.Insurer
}

// staffPolicy is the rule of most routes: some roles of an insurer, for its own data.
func staffPolicy(body int64, any ...Role) Policy {
	return Policy{Roles: any, Tenant: OwnInsurer, Body: body}
}

// Refusals of staff's routes.
var (
	errKeyMissing = refusing(http.StatusBadRequest, "idempotency_key", "this route needs the header Idempotency-Key, 8 to 128 printable characters")
	errIfMatch    = refusing(http.StatusPreconditionRequired, "if_match", "this route needs the header If-Match with the ETag that was read")
	errETag       = refusing(http.StatusPreconditionFailed, "changed", "the contract was changed since it was read")
)

func init() {
	faults = append(faults, []fault{
		{issuer.ErrKeyForm, errKeyMissing},
		{issuer.ErrKeyReuse, refusing(http.StatusUnprocessableEntity, "idempotency_reuse", "the idempotency key belongs to another request")},
		{issuer.ErrRunning, refusing(http.StatusConflict, "running", "the same request is being worked on; ask again").wait(2 * time.Second)},
		{issuer.ErrRevision, errETag},
		{issuer.ErrExists, refusing(http.StatusConflict, "exists", "there is a contract of this number")},
		{issuer.ErrUnsealed, refusing(http.StatusConflict, "unsealed", "the register is not encrypted: contracts can't be named here")},
		{issuer.ErrUnknownDocument, refusing(http.StatusNotFound, "unknown", "there is no such thing here")},
		{issuer.ErrSameEyes, refusing(http.StatusForbidden, "same_person", "somebody else must decide")},
		{issuer.ErrDecider, errRole},
		{issuer.ErrDecided, refusing(http.StatusConflict, "decided", "this was decided already, or is over")},
		{issuer.ErrTooMany, refusing(http.StatusUnprocessableEntity, "too_many", "too many at once")},
		{issuer.ErrNotRunning, refusing(http.StatusConflict, "over", "the job is over")},
		{issuer.ErrRoles, refusing(http.StatusUnprocessableEntity, "roles", "these roles can't be given together, or not here")},
		{issuer.ErrName, refusing(http.StatusUnprocessableEntity, "name", "a name has 1 to 64 plain characters")},
	}...)
}

// invalid says which rule a contract breaks: codes of package rights, which quote no value.
func invalid(err error) error {
	if !errors.Is(err, issuer.ErrInvalid) {
		return err
	}
	code := rights.CodeOf(err)
	if code == "" {
		code = "does not fit a card"
	}
	return refusing(http.StatusUnprocessableEntity, "contract", "the facts are no contract; detail has the code of the rule").about(code).because(err)
}

// Keyed is the header of every request that makes something.
type Keyed struct {
	Key string `header:"Idempotency-Key" minLength:"8" maxLength:"128" required:"true" doc:"drawn by the client, new for each thing it wants made: the same key and body again, within 24 hours, makes nothing twice and has the same answer"`
}

// Resolve implements huma.Resolver: a missing key is told as such, as routes tell it that read the header themselves.
func (Keyed) Resolve(ctx huma.Context) []error {
	if key := ctx.Header(keyHeader); len(key) < 8 || len(key) > 128 {
		return []error{noKey{}}
	}
	return nil
}

const keyHeader = "Idempotency-Key"

// noKey is huma's form of errKeyMissing.
type noKey struct{}

func (noKey) Error() string  { return errKeyMissing.title }
func (noKey) GetStatus() int { return errKeyMissing.status }
func (noKey) ErrorDetail() *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: "header." + keyHeader}
}

// once does a request once for its key. work stores its answer by the ticket. More binds headers that the work depends on.
func once[A any](ctx context.Context, s *Server, who Principal, key, more string, work func(context.Context, issuer.Staff, *issuer.Ticket) error) (A, error) {
	var out A
	v := visitOf(ctx)
	w := acting(who)
	digest := issuer.RequestDigest(v.request.Method+" "+pathOf(v.request.URL)+"\n"+more, v.body)
	answer, _, err := s.o.Issuer.Once(ctx, w, key, digest, func(ctx context.Context, t *issuer.Ticket) error { return work(ctx, w, t) })
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("stored answer: %w", err)
	}
	return out, nil
}

// page is the query of every list.
type page struct {
	After string `query:"after" maxLength:"128" doc:"next of the page before; none begins"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// etag of a revision.
func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// ifMatch reads the revision that a change wants to follow.
func ifMatch(header string) (int64, error) {
	if header == "" {
		return 0, errIfMatch
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(header, `"`), `"`), 10, 64)
	if err != nil || etag(n) != header {
		return 0, errETag // also "*" and weak tags: nobody may overwrite what they have not read
	}
	return n, nil
}

// dayOf reads a day of a body; "" is none.
func dayOf(name, text string) (rights.Date, error) {
	if text == "" {
		return 0, nil
	}
	d, err := rights.ParseDate(text)
	if err != nil || d < rights.FirstDay || d > rights.LastDay {
		return 0, errField.about(name)
	}
	return d, nil
}

// dayText is a day of an answer, "" for none.
func dayText(d rights.Date) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// momentText is a moment of an answer, "" for none.
func momentText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// journal writes that a person was read, by the pseudonym alone.
func (s *Server) journal(ctx context.Context, who Principal, detail map[string]any) error {
	return s.o.Issuer.As(acting(who)).JournalRead(ctx, detail)
}

func asTargets(err error) (*issuer.TargetsError, bool) {
	var faults *issuer.TargetsError
	ok := errors.As(err, &faults) && len(faults.Faults) > 0
	return faults, ok
}

// sweepEvery is how often what is over is dropped.
const sweepEvery = 10 * time.Minute

// Sweep drops sessions, idempotency keys, jobs and counts that are over, until ctx ends. Several servers may sweep one register.
func (s *Server) Sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if _, err := s.o.Issuer.SweepStaff(ctx); err != nil && ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelError, "sweep", slog.String("fault", err.Error())) // the next time tries again
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
