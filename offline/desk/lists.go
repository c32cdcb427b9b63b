// The routes with which people follow lists, and bring them up to date.

package desk

import (
	"errors"
	"net/http"
	"time"
)

// patience of the routes that read a whole list from somewhere slow.
const followPatience = 15 * time.Minute

// sourceBody says where a list comes from: an address, folder or file, or a bundle that was dropped here.
type sourceBody struct {
	From   string `json:"from"`
	Bundle string `json:"bundle"`
	Root   string `json:"root"`
}

type fingerprintBody struct {
	Fingerprint string `json:"fingerprint"`
}

type done struct {
	Done bool `json:"done"`
}

// patient lets a handler take longer than most.
func (s *Server) patient(w http.ResponseWriter) {
	// Past the deadline of its write an answer is cut.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(followPatience)); err != nil {
		s.log.Debug("no deadline set")
	}
}

func (s *Server) sync(w http.ResponseWriter, r *http.Request, _ *visit) error {
	if err := readJSON(w, r, maxSmallBody, &struct{}{}); err != nil {
		return err
	}
	if err := s.o.Sources.Sync(r.Context()); err != nil {
		return outer{err}
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, done{true})
}

func (s *Server) peek(w http.ResponseWriter, r *http.Request, _ *visit) error {
	var b struct {
		From string `json:"from"`
	}
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	if !sourceText(b.From) {
		return errBody
	}
	s.patient(w)
	found, err := s.o.Sources.Peek(r.Context(), Source{Spec: b.From})
	if err != nil {
		return outer{err}
	}
	return writeJSON(w, http.StatusOK, found)
}

func (s *Server) follow(w http.ResponseWriter, r *http.Request, _ *visit) error {
	var b sourceBody
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	// Nobody follows a root that no person has seen.
	if b.Root == "" || len(b.Root) > 256 || (b.From == "") == (b.Bundle == "") || b.From != "" && !sourceText(b.From) {
		return errBody
	}
	from := Source{Spec: b.From}
	if b.Bundle != "" {
		name, err := s.bundles.take(b.Bundle)
		if err != nil {
			return err
		}
		from = Source{Spec: name, Once: true}
	}
	s.patient(w)
	if err := s.o.Sources.Follow(r.Context(), from, b.Root); err != nil {
		return outer{err} // a bundle stays: the fingerprint may have been mistyped
	}
	if err := s.bundles.done(b.Bundle); err != nil {
		s.log.Warn("temporary file stays")
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, done{true})
}

// sourceText says whether a text can be an address or a path.
func sourceText(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= 2048
}

// bundle keeps a dropped bundle for follow, and says what it holds.
func (s *Server) bundle(w http.ResponseWriter, r *http.Request, _ *visit) error {
	if !isMedia(r, "application/zip", "application/x-zip-compressed", "application/octet-stream") {
		return errMedia
	}
	if r.ContentLength > maxBundleBody {
		return errLong
	}
	body := &counted{Reader: http.MaxBytesReader(w, r.Body, maxBundleBody)}
	id, name, err := s.bundles.keep(body)
	if err != nil {
		if body.long {
			return errLong
		}
		return err
	}
	s.patient(w)
	found, err := s.o.Sources.Peek(r.Context(), Source{Spec: name, Once: true})
	if err != nil {
		return errors.Join(outer{err}, s.bundles.done(id))
	}
	return writeJSON(w, http.StatusOK, struct {
		Found
		Bundle string `json:"bundle"`
	}{found, id})
}

func (s *Server) forget(w http.ResponseWriter, r *http.Request, _ *visit) error {
	var b fingerprintBody
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	if b.Fingerprint == "" || len(b.Fingerprint) > 256 {
		return errBody
	}
	if err := s.o.Lists.Forget(r.Context(), b.Fingerprint); err != nil {
		return outer{err}
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, done{true})
}
