// Errors of the interface: RFC 9457, a stable code, generic words, and one table from errors to statuses.

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sceau/card/issuer"
	"sceau/card/register"
)

// Problem is an error of the interface. Code is stable and may be branched on; the rest is for people.
type Problem struct {
	Type    string `json:"type" doc:"always about:blank" example:"about:blank"`
	Title   string `json:"title" doc:"what happened, in words"`
	Status  int    `json:"status" doc:"the HTTP status"`
	Code    string `json:"code" doc:"stable code of the error" example:"body"`
	Detail  string `json:"detail,omitempty" doc:"the member that is wrong; never what was sent"`
	Request string `json:"request,omitempty" doc:"id of the request, as the service's own log has it"`
}

func (p *Problem) Error() string             { return p.Code }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// refusal is an error that says what the interface answers.
type refusal struct {
	status int
	code   string
	title  string
	detail string
	after  time.Duration // Retry-After
	cause  error         // for the log
}

func (r *refusal) Error() string {
	if r.cause != nil {
		return fmt.Sprintf("%s: %v", r.code, r.cause)
	}
	return r.code
}

func (r *refusal) Unwrap() error { return r.cause }

// refusing makes an error with its own answer. title is read by everybody: it quotes nothing of what was sent.
func refusing(status int, code, title string) *refusal {
	return &refusal{status: status, code: code, title: title}
}

func (r *refusal) because(err error) *refusal {
	c := *r
	c.cause = err
	return &c
}

func (r *refusal) about(detail string) *refusal {
	c := *r
	c.detail = detail
	return &c
}

func (r *refusal) wait(d time.Duration) *refusal {
	c := *r
	c.after = d
	return &c
}

// Refusals of the engine.
var (
	errInside    = refusing(http.StatusInternalServerError, "internal", "the service failed; the request id names the line in its log")
	errAbsent    = refusing(http.StatusNotFound, "not_found", "there is nothing at this address")
	errMethod    = refusing(http.StatusMethodNotAllowed, "method", "this address takes other methods")
	errBody      = refusing(http.StatusBadRequest, "body", "the body is not the JSON that this route takes")
	errField     = refusing(http.StatusUnprocessableEntity, "field", "a member or parameter is missing, unknown or not of its form")
	errLong      = refusing(http.StatusRequestEntityTooLarge, "too_long", "the body is longer than this route takes")
	errMedia     = refusing(http.StatusUnsupportedMediaType, "media", "the body is not of a type that this route takes")
	errSlow      = refusing(http.StatusRequestTimeout, "slow", "the body took too long to come")
	errNobody    = refusing(http.StatusUnauthorized, "credential", "this route needs a credential that is known and valid")
	errClock     = refusing(http.StatusUnauthorized, "clock", "the request is signed for another time; the Date header has this service's")
	errReplayed  = refusing(http.StatusUnauthorized, "replayed", "this request was made before")
	errSigned    = refusing(http.StatusUnauthorized, "signature", "what is signed is not what was sent here")
	errSuspended = refusing(http.StatusForbidden, "suspended", "this counter is suspended")
	errRevoked   = refusing(http.StatusForbidden, "revoked", "this counter is revoked")
	errRole      = refusing(http.StatusForbidden, "role", "this credential may not use this route")
	errOrigin    = refusing(http.StatusForbidden, "origin", "requests of other sites' pages are refused")
	errBudget    = refusing(http.StatusTooManyRequests, "budget", "too many requests; Retry-After says when to come back")
	errAway      = refusing(http.StatusServiceUnavailable, "unavailable", "the service can't answer now; try again").wait(2 * time.Second)
)

// fault is a line of the table from errors to answers.
type fault struct {
	err error
	is  *refusal
}

// faults is that table: the first line that matches answers. An error that is not here is internal, and its text is not told.
var faults = []fault{
	{context.DeadlineExceeded, errAway},
	{context.Canceled, errAway},
	{register.ErrBusy, errAway},
	{register.ErrOutcomeUnknown, errAway},
	{issuer.ErrBusy, errAway},
	{issuer.ErrStopped, errAway},
	{issuer.ErrReplayed, errReplayed},
	{issuer.ErrQuestion, errField},
	{issuer.ErrCounterState, errSuspended},
	{issuer.ErrUnknownCounter, refusing(http.StatusNotFound, "unknown_counter", "there is no such counter")},
	{issuer.ErrInvitation, refusing(http.StatusForbidden, "invitation", "no invitation has this code: it was never given, was used, or is over")},
	{issuer.ErrKeyTaken, refusing(http.StatusConflict, "key_taken", "this key is in use; a counter enrols with a new one")},
	{issuer.ErrCounterFacts, refusing(http.StatusUnprocessableEntity, "counter_facts", "a fact about the counter is not of its form")},
	{issuer.ErrUnknownCard, refusing(http.StatusNotFound, "unknown_card", "there is no such card")},
	{issuer.ErrUnknownContract, refusing(http.StatusNotFound, "unknown_contract", "there is no such contract")},
	{issuer.ErrUnknownInsurer, refusing(http.StatusNotFound, "unknown_insurer", "there is no such insurer")},
	{issuer.ErrState, refusing(http.StatusConflict, "state", "the present state forbids this")},
	{issuer.ErrConcurrent, refusing(http.StatusConflict, "concurrent", "somebody else did this meanwhile; look and try again")},
	{issuer.ErrNoOfflineKeys, refusing(http.StatusConflict, "offline_keys", "this change needs the offline keys")},
	{issuer.ErrNoCardKey, refusing(http.StatusConflict, "no_card_key", "no card key may sign now")},
	{issuer.ErrClock, refusing(http.StatusServiceUnavailable, "service_clock", "the service's clock is wrong")},
}

// explain turns an error into what is answered. known is false for what the table doesn't name.
func explain(err error) (answer *refusal, known bool) {
	var own *refusal
	if errors.As(err, &own) {
		return own, true
	}
	for _, f := range faults {
		if errors.Is(err, f.err) {
			return f.is, true
		}
	}
	return errInside, false
}

func (r *refusal) problem(request string) *Problem {
	return &Problem{Type: "about:blank", Title: r.title, Status: r.status, Code: r.code, Detail: r.detail, Request: request}
}

// headers sets what goes with a refusal.
func (r *refusal) headers(h http.Header) {
	if r.after > 0 {
		seconds := int64((r.after + time.Second - 1) / time.Second)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if r.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Sceau, Bearer")
	}
}

// fail answers with an error, and notes it.
func (s *Server) fail(w http.ResponseWriter, v *visit, err error) {
	is := s.noted(v, err)
	is.headers(w.Header())
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(is.status)
	if v.head {
		return
	}
	_ = json.NewEncoder(w).Encode(is.problem(v.id)) // whoever asked may have left
}

// noted remembers, for the log line, why a request failed.
func (s *Server) noted(v *visit, err error) *refusal {
	is, known := explain(err)
	v.code = is.code
	if !known || is.status >= 500 {
		v.err = err
	}
	return is
}

// ownWords replaces huma's errors, which quote what was sent, and those that handlers return.
func (s *Server) ownWords(ctx huma.Context, _ string, answer any) (any, error) {
	v := visitOf(ctx.Context())
	switch theirs := answer.(type) {
	case *handed:
		is := s.noted(v, theirs.err)
		h := http.Header{}
		is.headers(h)
		for name := range h {
			ctx.SetHeader(name, h.Get(name))
		}
		ctx.SetHeader("Cache-Control", "no-store")
		return is.problem(v.id), nil
	case *huma.ErrorModel:
		is := errField
		switch theirs.Status {
		case http.StatusRequestEntityTooLarge:
			is = errLong
		case http.StatusUnsupportedMediaType:
			is = errMedia
		case http.StatusBadRequest:
			if is = errBody; slices.ContainsFunc(theirs.Errors, func(e *huma.ErrorDetail) bool { return e.Location == "header."+keyHeader }) {
				is = errKeyMissing
			}
		case http.StatusRequestTimeout:
			is = errSlow
		case http.StatusUnprocessableEntity:
			is = errField.about(blamed(theirs))
		case http.StatusInternalServerError:
			is = errInside
		}
		// The status line is written after this: it is theirs, so it is kept.
		out := *is
		out.status = theirs.Status
		s.noted(v, &out)
		ctx.SetHeader("Cache-Control", "no-store")
		return out.problem(v.id), nil
	}
	return answer, nil
}

// handed carries a handler's error through huma, with the status that it gets.
type handed struct {
	err    error
	status int
}

func (h *handed) Error() string             { return "handed" }
func (h *handed) GetStatus() int            { return h.status }
func (h *handed) ContentType(string) string { return "application/problem+json" }
