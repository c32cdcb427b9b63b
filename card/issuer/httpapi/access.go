// The log line of a request, and what happens when a handler panics.

package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// answer counts what is written.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// begin opens a visit; what it returns closes it, with what a handler panicked with.
func (s *Server) begin(r *http.Request, rt *route) (*visit, func(*answer, any)) {
	v := &visit{id: newID(), trace: traceID(r), source: s.sourceOf(r), who: Principal{Kind: KindPublic}, began: time.Now(),
		head: r.Method == http.MethodHead, request: r, authorization: r.Header.Get("Authorization")}
	s.metrics.underWay(1)
	method := r.Method
	if rt.method == "OTHER" {
		method = "OTHER" // a method is the sender's text
	}
	return v, func(w *answer, panicked any) {
		aborted := panicked == http.ErrAbortHandler
		if panicked != nil && !aborted {
			v.err = fmt.Errorf("panic of type %T", panicked)
			if w.status == 0 {
				s.fail(w, v, errInside.because(v.err))
			} else {
				aborted = true // the answer is torn: end the connection
			}
		}
		s.metrics.underWay(-1)
		took := time.Since(v.began)
		status := w.status
		if status == 0 {
			status = http.StatusOK
		}
		s.metrics.answered(method, rt.pattern, status, took)
		attrs := []slog.Attr{slog.String("id", v.id), slog.String("method", method), slog.String("route", rt.pattern), slog.Int("status", status),
			slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", w.bytes), slog.String("kind", string(v.who.Kind))}
		if v.who.ID != "" {
			attrs = append(attrs, slog.String("who", v.who.ID))
		}
		if v.trace != "" {
			attrs = append(attrs, slog.String("trace", v.trace))
		}
		if v.code != "" {
			attrs = append(attrs, slog.String("code", v.code))
		}
		level := slog.LevelInfo
		if v.err != nil {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", v.err.Error()))
			if panicked != nil {
				attrs = append(attrs, slog.Any("frames", frames()))
			}
		}
		s.log.LogAttrs(r.Context(), level, "request", attrs...)
		if aborted {
			panic(http.ErrAbortHandler)
		}
	}
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
