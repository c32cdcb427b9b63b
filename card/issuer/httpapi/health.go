// Health: the process answers; the service can do its work.

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"sceau/card/register"
)

const (
	readyPatience = 2 * time.Second
	readyMemory   = time.Second
)

func (s *Server) healthRoutes() {
	p := Policy{Roles: []Role{RolePublic}, Tenant: NoTenant, unmetered: true}
	s.raw("GET", "/healthz", p, s.healthz)
	s.raw("GET", "/readyz", p, s.readyz)
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request, _ Principal) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// readiness remembers the last look for a moment, so that nobody works the register by asking.
type readiness struct {
	mu    sync.Mutex
	at    time.Time
	state state
}

// state is what readyz says: nothing in it is secret.
type state struct {
	Ready       bool   `json:"ready"`
	Register    string `json:"register"`    // ok, away, damaged
	Keys        string `json:"keys"`        // ok, closed
	Publication string `json:"publication"` // ok, old, none
	Version     int64  `json:"publication_version"`
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request, _ Principal) {
	is := s.look(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !is.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(is)
}

// look finds out whether the service can do its work; one caller looks, the others wait for it.
func (s *Server) look(ctx context.Context) state {
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if !s.ready.at.IsZero() && time.Since(s.ready.at) < readyMemory {
		return s.ready.state
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyPatience)
	defer cancel()
	is := state{Register: "ok", Keys: "ok", Publication: "ok"}
	var last register.Publication
	err := s.o.Issuer.Store.View(ctx, func(tx register.Tx) (err error) { last, err = tx.LastPublication(); return err })
	switch {
	case err == nil:
		is.Version = last.Version
		fresh := s.o.Fresh
		if fresh <= 0 {
			fresh = freshness
		}
		if s.now().Sub(last.At) > fresh {
			is.Publication = "old"
		}
	case errors.Is(err, register.ErrNotFound):
		is.Publication = "none"
	case errors.Is(err, register.ErrCorrupt):
		is.Register, is.Publication = "damaged", "none"
	default:
		is.Register, is.Publication = "away", "none"
	}
	if err := s.o.Issuer.KeysOpen(); err != nil {
		is.Keys = "closed"
	}
	is.Ready = is.Register == "ok" && is.Keys == "ok" && is.Publication == "ok"
	s.ready.at, s.ready.state = time.Now(), is
	return is
}
