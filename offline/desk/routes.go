// Every route of the desk, how it may be asked, and what happens around its handler.

package desk

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"sceau/offline"
)

// kind says who a route is for, and so what lets a request in.
type kind uint8

const (
	people   kind = iota // a session's secret in the path
	software             // a token
	launch               // a one-time code
	instance             // a proof in the body
)

func (k kind) String() string { return [...]string{"people", "software", "launch", "instance"}[k] }

// route is one row of the table.
type route struct {
	method string
	kind   kind
	name   string   // path below the kind's place
	under  string   // instead of name: everything below
	dest   []string // what a browser may want a GET for (Sec-Fetch-Dest)
	handle func(w http.ResponseWriter, r *http.Request, v *visit) error
}

// key names the route in the log and in tests; it never holds what somebody sent.
func (r *route) key() string { return r.method + " " + r.kind.String() + " " + r.name + r.under }

// visit is what the guard found out about a request.
type visit struct {
	secret  string
	rest    string // below route.under
	session *opened
	lang    offline.Language
}

var (
	asDocument = []string{"document"}
	asData     = []string{"empty"}
	asFile     = []string{"document", "empty"}
	asImage    = []string{"image", "empty", "document"}
	asPart     = []string{"script", "style", "image", "font", "worker", "audio", "manifest", "empty"}
)

func (s *Server) table() []route {
	get, post := http.MethodGet, http.MethodPost
	return []route{
		{get, launch, "", "open/", asDocument, s.open},
		{get, people, "", "", asDocument, s.page("desk.html")},
		{get, people, "", "web/", asPart, s.static},

		{post, people, "scan", "", nil, s.scan},
		{post, people, "picture", "", nil, s.picture},
		{post, people, "share", "", nil, s.share},

		{get, people, "state", "", asData, s.state},
		{get, people, "events", "", asData, s.events},
		{post, people, "sync", "", nil, s.sync},
		{post, people, "peek", "", nil, s.peek},
		{post, people, "follow", "", nil, s.follow},
		{post, people, "bundle", "", nil, s.bundle},
		{post, people, "forget", "", nil, s.forget},

		{post, people, "invitation", "", nil, s.propose},
		{post, people, "enrol", "", nil, s.enrol},
		{post, people, "unenrol", "", nil, s.unenrol},
		{post, people, "online", "", nil, s.online},

		{get, people, "settings", "", asData, s.settings},
		{post, people, "settings", "", nil, s.saveSettings},
		{get, people, "calibration.svg", "", asImage, s.calibrationSymbol},
		{post, people, "calibration", "", nil, s.calibrate},
		{post, people, "calibration/forget", "", nil, s.forgetCalibration},

		{get, people, "journal", "", asData, s.journal},
		{get, people, "journal.csv", "", asFile, s.journalCSV},
		{get, people, "journal.json", "", asFile, s.journalJSON},
		{post, people, "journal/verify", "", nil, s.verifyJournal},
		{post, people, "journal/seen", "", nil, s.seen},
		{get, people, "", "receipt/", asFile, s.receiptPDF},

		{post, instance, "/instance", "", nil, s.instance},

		{post, software, "/v1/verify", "", nil, s.api},
		{get, software, "/v1/status", "", nil, s.api},
		{get, software, "", "/v1/receipts/", nil, s.api},
		{get, software, "/v1/openapi.json", "", nil, s.api},
	}
}

// usedUp is for the person who opens an address again, or too late. It says the same of a code that never was.
const usedUp = "Cette adresse a déjà servi ou a expiré\u00a0: relancez comptoir.\nThis address was used or has expired: start comptoir again.\n"

// open turns a one-time code into a session.
func (s *Server) open(w http.ResponseWriter, r *http.Request, v *visit) error {
	if foreign(r.RemoteAddr, s.host) {
		s.o.Log.Warn("another user of this computer tried to open the desk")
		return errOutside
	}
	secret, ok := s.launches.open(v.rest)
	if !ok {
		if len(v.rest) == secretSize && r.Header.Get("Sec-Fetch-Dest") == "document" { // the guard saw that it is nobody's link
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			_, err := io.WriteString(w, usedUp)
			return gone(err)
		}
		return errOutside
	}
	w.Header().Set("Location", "/s/"+secret+"/")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// answer remembers what was sent.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// serve runs a handler. Whatever happens in it, the server lives on and a person gets an answer in words.
func (s *Server) serve(w *answer, r *http.Request, to *route, v *visit) {
	v.lang = s.language(r)
	defer func() {
		if thrown := recover(); thrown != nil {
			if thrown == http.ErrAbortHandler {
				panic(thrown)
			}
			// Neither the value nor the arguments in a stack trace: they may hold what was on a card.
			s.log.Error("handler panicked", "route", to.key(), "at", frames())
			s.fail(w, to, v, errInside)
		}
	}()
	if err := to.handle(w, r, v); err != nil {
		s.fail(w, to, v, err)
	}
}

// fail puts an error into words, unless the answer has begun.
func (s *Server) fail(w *answer, to *route, v *visit, err error) {
	if w.status != 0 {
		return
	}
	if errors.Is(err, errOutside) {
		outside(w)
		return
	}
	status, t := s.explain(err, v.lang)
	var known *known
	if !errors.As(err, &known) {
		s.log.Warn("request failed", "route", to.key(), "code", t.Code)
	}
	if to.kind == software {
		t = forSoftware(err, t, v.lang)
		writeProblem(w, status, t)
		return
	}
	body := failure{Error: t}
	var u *unverified
	if errors.As(err, &u) {
		body.ID, body.Status, body.Words = &u.id, offline.Unknown, notVerified(v.lang, t)
	}
	if err := writeJSON(w, status, body); err != nil {
		s.log.Debug("answer not sent", "route", to.key())
	}
}

// language is the one asked for, else the counter's own.
func (s *Server) language(r *http.Request) offline.Language {
	switch lang := offline.Language(r.URL.Query().Get("lang")); lang {
	case offline.French, offline.English:
		return lang
	}
	return s.wishes.get().Language
}

// note writes one line: method, route, status, time. Never a path, a query or a body.
func (s *Server) note(r *http.Request, to *route, a *answer, started time.Time, why string) {
	name := "none"
	if to != nil {
		name = to.kind.String() + " " + to.name + to.under
	}
	method := r.Method
	if method != http.MethodGet && method != http.MethodPost {
		method = "OTHER" // a method is the sender's text
	}
	attrs := []slog.Attr{slog.String("method", method), slog.String("route", name), slog.Int("status", a.status),
		slog.Duration("took", s.o.Now().Sub(started))}
	level := slog.LevelDebug
	if why != "" {
		level = slog.LevelInfo
		attrs = append(attrs, slog.String("refused", why))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// frames names the functions that were under way, without their arguments.
func frames() []string {
	pcs := make([]uintptr, 32)
	all := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var out []string
	for {
		f, more := all.Next()
		if strings.HasPrefix(f.Function, "sceau/") {
			out = append(out, f.Function)
		}
		if !more {
			return out
		}
	}
}
