// Package httpapi is the face of the issuer: routes, who may use them, and what counters, insurers and browsers are answered.
//
// # Routes
//
// Every route is registered through add (JSON) or raw (files, uploads, pages), with its Policy. There is no other door: a route
// without a policy stops the program, and Table lists them all.
//
// # Who asks
//
// A Principal comes from a credential: a counter's signed request, an API key or a session. A handler takes the tenant from it,
// never from what is asked. A counter's role reaches no name, NIR or N° adhérent: the counter has the card.
//
// # What is said
//
// Errors are RFC 9457 problems with a stable code; their text never quotes what was sent. The log has one line for each request,
// by the pattern of its route: no path, no query, no header, no body.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// ErrOptions says that a part of the server is missing or of no use.
var ErrOptions = errors.New("httpapi: faulty options")

// Server answers requests. Make one with New; it is an http.Handler for the public listener.
type Server struct {
	o        Options
	now      func() time.Time
	log      *slog.Logger
	audience string // origin that signed requests name

	mux    *http.ServeMux
	door   *door
	api    huma.API
	routes []*route

	public, guess, counters, staff, failures *budget
	trusted                                  trusted
	keys                                     requestKeys
	sameOrigin                               *http.CrossOriginProtection

	metrics *metrics
	files   *repository
	ready   readiness
	imports imports
}

// New makes a server. It panics when a route is not fully declared: that is a fault of the program.
func New(o Options) (*Server, error) {
	if o.Issuer == nil {
		return nil, fmt.Errorf("%w: no issuer", ErrOptions)
	}
	if _, err := Origin(o.PublicURL); err != nil {
		return nil, err
	}
	return build(o), nil
}

// Routes is the table of routes of a server, without one.
func Routes() []RouteInfo { return build(Options{}).Table() }

// build makes a server; without an issuer it can only be asked for its table and its description.
func build(o Options) *Server {
	s := &Server{o: o, now: o.Now, log: o.Log, mux: http.NewServeMux(), sameOrigin: http.NewCrossOriginProtection()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.audience, _ = Origin(o.PublicURL)
	budgets := o.Budgets.defaults()
	s.public, s.guess = newBudget(budgets.Public, maxBuckets), newBudget(budgets.Guess, maxBuckets)
	s.counters, s.staff = newBudget(budgets.Counter, maxBuckets), newBudget(budgets.Staff, maxBuckets)
	s.failures = newBudget(budgets.Failure, maxBuckets)
	s.metrics = newMetrics(s)
	s.files = newRepository(s)
	s.door = &door{mux: s.mux}
	s.api = s.newAPI()
	s.parts()
	return s
}

// Origin checks a public URL and returns its origin, as signed requests name it: scheme, host and port, no path.
func Origin(public string) (string, error) {
	u, err := url.Parse(public)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return "", fmt.Errorf("%w: the public URL must be https://HOST or https://HOST:PORT", ErrOptions)
	}
	return u.Scheme + "://" + u.Host, nil
}

// Run keeps the published files up to date until ctx ends.
func (s *Server) Run(ctx context.Context) error { return s.files.run(ctx) }

// HTTP makes the http.Server of the public listener. Serve it on a listener of Listen.
func (s *Server) HTTP() *http.Server {
	return &http.Server{Handler: s, ReadHeaderTimeout: headerPatience, ReadTimeout: defaultPatience, WriteTimeout: 2 * defaultPatience,
		IdleTimeout: idlePatience, MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		ConnContext: withConn, ErrorLog: log.New(silent{s.log}, "", 0)}
}

// patient gives the exchange its time: net/http's own bounds are for the shortest.
func (s *Server) patient(w http.ResponseWriter, rt *route) {
	c := http.NewResponseController(w)
	// The connection's deadlines are the kernel's clock, never the service's. A writer without deadlines (a test's) has none.
	now := time.Now()
	if rt.policy.unmetered {
		_ = c.SetWriteDeadline(now.Add(filePatience))
		return
	}
	_ = c.SetReadDeadline(now.Add(rt.policy.patience()))
	_ = c.SetWriteDeadline(now.Add(2 * rt.policy.patience()))
}

// silent keeps net/http's own lines, which may quote what was sent, out of the log.
type silent struct{ log *slog.Logger }

func (s silent) Write(b []byte) (int, error) {
	s.log.Debug("connection fault")
	return len(b), nil
}

// Listen wraps a listener so that connections are bounded, in all and for each source.
func (s *Server) Listen(l net.Listener) net.Listener { return newRoom(l, s) }
