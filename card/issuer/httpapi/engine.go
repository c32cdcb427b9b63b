// The engine: the one way from a request to a handler. Whoever registers a route gives its policy; the engine finds out who asks,
// bounds what is sent, and lets nobody in whom the policy doesn't name.

package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// route is one line of the table.
type route struct {
	method  string
	pattern string
	policy  Policy
	json    bool
	handle  func(http.ResponseWriter, *http.Request, *visit)
}

// door is the mux that huma registers on: it takes only the pattern that add is registering.
type door struct {
	mux    *http.ServeMux
	handle func(http.ResponseWriter, *http.Request)
	want   string
}

func (d *door) HandleFunc(pattern string, handle func(http.ResponseWriter, *http.Request)) {
	if pattern != d.want {
		panic("httpapi: huma registers " + pattern + " by itself")
	}
	d.handle = handle
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// add registers a JSON route: it is the only door for those. It panics, naming the route, when the policy is none.
func add[I, O any](s *Server, op huma.Operation, p Policy, h func(context.Context, Principal, *I) (*O, error)) {
	name := op.Method + " " + op.Path
	s.vet(op.Method, op.Path, p, false)
	op.MaxBodyBytes = max(p.Body, 1)
	op.BodyReadTimeout = -1 // the engine has read the body
	op.RejectUnknownQueryParameters = true
	s.describeRoute(&op, p)
	s.door.want, s.door.handle = name, nil
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		v := visitOf(ctx)
		out, err := h(ctx, v.who, in)
		if err == nil && p.Reads {
			if err = p.Journal(ctx, v.who, in, out); err != nil {
				err = fmt.Errorf("journal of reads: %w", err)
			}
		}
		if err != nil {
			is, _ := explain(err)
			return nil, &handed{err, is.status}
		}
		return out, nil
	})
	inner := s.door.handle
	s.put(&route{method: op.Method, pattern: op.Path, policy: p, json: true, handle: func(w http.ResponseWriter, r *http.Request, _ *visit) {
		inner(w, r)
	}})
}

// raw registers a route of files, uploads or pages. It panics, naming the route, when the policy is none.
func (s *Server) raw(method, pattern string, p Policy, h func(http.ResponseWriter, *http.Request, Principal)) {
	s.vet(method, pattern, p, true)
	s.describeFile(method, pattern, p)
	s.put(&route{method: method, pattern: pattern, policy: p, handle: func(w http.ResponseWriter, r *http.Request, v *visit) {
		if p.Reads {
			if err := p.Journal(r.Context(), v.who, r, nil); err != nil {
				s.fail(w, v, fmt.Errorf("journal of reads: %w", err))
				return
			}
		}
		h(w, r, v.who)
	}})
}

// vet refuses to start with a route that is not fully declared.
func (s *Server) vet(method, pattern string, p Policy, raw bool) {
	name := method + " " + pattern
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) || !strings.HasPrefix(pattern, "/") {
		panic("httpapi: route " + name + " has no method or no path")
	}
	if err := p.check(method, raw); err != nil {
		panic("httpapi: route " + name + " " + err.Error())
	}
}

func (s *Server) put(rt *route) {
	s.routes = append(s.routes, rt)
	s.mux.HandleFunc(rt.method+" "+rt.pattern, func(w http.ResponseWriter, r *http.Request) { s.enter(w, r, rt) })
}

// ServeHTTP implements http.Handler for the public listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := s.mux.Handler(r)
	// Routes are functions; what else the mux answers with is a redirect, which nobody who means well needs.
	if _, own := h.(http.HandlerFunc); !own || pattern == "" || !clean(r) {
		s.lost(w, r, h)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// clean refuses paths that have another spelling.
func clean(r *http.Request) bool {
	p := r.URL.EscapedPath()
	return r.Method != http.MethodConnect && strings.HasPrefix(p, "/") && !strings.Contains(p, "//") && !strings.Contains(p, "/./") &&
		!strings.Contains(p, "/../") && !strings.HasSuffix(p, "/..") && !strings.HasSuffix(p, "/.")
}

// lost answers what no route takes.
func (s *Server) lost(w http.ResponseWriter, r *http.Request, h http.Handler) {
	rt := &route{method: "OTHER", pattern: "none", policy: Policy{Roles: []Role{RolePublic}, Tenant: NoTenant}}
	rt.handle = func(w http.ResponseWriter, r *http.Request, v *visit) {
		allow := http.Header{}
		if clean(r) {
			h.ServeHTTP(discard{allow}, r) // the mux says which methods the path has
		}
		if a := allow.Get("Allow"); a != "" {
			w.Header().Set("Allow", a)
			s.fail(w, v, errMethod)
			return
		}
		s.fail(w, v, errAbsent)
	}
	s.enter(w, r, rt)
}

// discard takes the mux's own answer to no route, of which only a header counts.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// enter is the way in.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, rt *route) {
	v, done := s.begin(r, rt)
	out := &answer{ResponseWriter: w}
	defer func() { done(out, recover()) }()
	s.patient(out, rt)
	if serving := connOf(r.Context()); serving != nil {
		serving.busy.Add(1)
		defer serving.busy.Add(-1)
	}
	secure(out.Header())
	out.Header().Set("X-Request-Id", v.id)
	out.Header()["Date"] = []string{s.now().UTC().Format(http.TimeFormat)} // counters set their clock by it
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if err := s.admit(out, r, rt, v); err != nil {
		if is, _ := explain(err); rt.policy.Page && is.code == errNobody.code && v.authorization == "" && s.o.Office.People != nil {
			s.noted(v, err)
			out.Header().Set("Cache-Control", "no-store")
			http.Redirect(out, r, "/login", http.StatusSeeOther)
			return
		}
		s.fail(out, v, err)
		return
	}
	if rt.json {
		// There is one form, whatever was asked for; the routes that have two look at the visit.
		v.accept = r.Header.Get("Accept")
		r.Header.Set("Accept", "application/json")
	}
	rt.handle(out, r, v)
}

// admit finds out who asks and whether they may; it reads the body where that is bounded by the policy.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, rt *route, v *visit) error {
	p := rt.policy
	if p.unmetered {
		return noBody(r)
	}
	now := s.now()
	if p.public() {
		bucket := s.public
		if p.Guess {
			bucket = s.guess
		}
		if wait := bucket.take(v.source, now); wait > 0 {
			s.metrics.refused("source")
			return errBudget.wait(wait)
		}
	}
	if r.ContentLength > p.Body {
		return errLong
	}
	if p.Body == 0 {
		if err := noBody(r); err != nil {
			return err
		}
	} else {
		r.Body = http.MaxBytesReader(w, r.Body, p.Body)
		media := p.Media
		if rt.json {
			media = []string{"application/json"}
		}
		if r.Header.Get("Content-Encoding") != "" && rt.json || !isMedia(r, media) {
			return errMedia
		}
	}
	if !p.public() {
		if err := s.identify(r, rt, v, now); err != nil {
			return err
		}
	}
	if rt.json && p.Body > 0 {
		if err := v.read(r); err != nil {
			return err
		}
		if err := checkJSON(v.body); err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(v.body))
	}
	return nil
}

// secure sets what every answer bears.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Strict-Transport-Security", "max-age=31536000")
}
