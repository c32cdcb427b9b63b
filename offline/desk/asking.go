// The scan, and the picture that holds one.

package desk

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"sceau/offline/counter"
	"sceau/offline/scan"
	"sceau/rights"
)

const maxID = 1<<53 - 1 // what a page's numbers can count

// scanBody is one scan, and what is asked of it.
type scanBody struct {
	ID      int64        `json:"id"`
	Typed   string       `json:"typed"`
	Presses []scan.Press `json:"presses"`
	Domain  string       `json:"domain"`
	Care    string       `json:"care"`
	Person  int          `json:"person"`
	Fresh   bool         `json:"fresh"` // the screen was cleared: no half of an earlier scan belongs to this one
}

// scanned is the answer: the document, and what binds it to the scan.
type scanned struct {
	counter.Document
	ID    int64    `json:"id"`
	Code  string   `json:"code,omitempty"`  // the code text that was read; ask again with it for another day, domain or person
	Codes []string `json:"codes,omitempty"` // when several were scanned as one: none was verified, ask with each
}

// joiner puts half scans of one session together.
type joiner struct {
	mu sync.Mutex
	j  scan.Joiner
}

// question reads what is asked, wherever the code comes from.
func question(domain, care string, person int) (q counter.Question, err error) {
	if person < 0 || person > 12 {
		return q, members["beneficiary"]
	}
	if len(domain) > 16 {
		return q, members["domain"]
	}
	for i := range len(domain) {
		if c := domain[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return q, members["domain"]
		}
	}
	q.Domain, q.Person = domain, person
	if care != "" {
		if q.Care, err = rights.ParseDate(care); err != nil {
			return q, members["date_of_care"]
		}
	}
	return q, nil
}

func (s *Server) scan(w http.ResponseWriter, r *http.Request, v *visit) error {
	var b scanBody
	if err := readJSON(w, r, maxScanBody, &b); err != nil {
		return &unverified{b.ID, err}
	}
	if b.ID < 0 || b.ID > maxID {
		return &unverified{0, errBody}
	}
	defer func() {
		// A panic below must still say which scan was not verified.
		if thrown := recover(); thrown != nil {
			s.log.Error("scan panicked", "at", frames())
			if a, ok := w.(*answer); ok {
				s.fail(a, &route{kind: people, name: "scan"}, v, &unverified{b.ID, errInside})
			}
		}
	}()
	q, err := question(b.Domain, b.Care, b.Person)
	if err != nil {
		return &unverified{b.ID, err}
	}
	if err := enter(r.Context(), s.scans); err != nil {
		return &unverified{b.ID, err}
	}
	defer func() { <-s.scans }()
	settings := s.wishes.get()
	q.Scan, q.Learnt, q.Domains = scan.Typed{Text: b.Typed, Presses: b.Presses}, settings.Learnt, settings.Domains()
	code, how, misread := v.session.joiner.add(q.Scan, b.Fresh, settings.Learnt, s.o.Now())
	out := scanned{ID: b.ID}
	if misread == nil {
		q.Scan = scan.Typed{Text: code}
	} else if errors.Is(misread, scan.ErrMerged) {
		out.Codes = apart(q.Scan, settings.Learnt)
	}
	a := s.o.Ask.Ask(r.Context(), q)
	out.Document, out.Code = a.Document(v.lang), a.Code
	if misread == nil {
		out.Document.Repair = how.Advice()
	}
	s.noted(a)
	return writeJSON(w, http.StatusOK, out)
}

// noted tells the pages when checks begin, or cease, to be written.
func (s *Server) noted(a counter.Answer) {
	if a.Receipt == "" && a.Unrecorded == nil {
		return
	}
	if lost := a.Unrecorded != nil; s.lost.Swap(lost) != lost {
		s.hub.wake()
	}
}

func (j *joiner) add(t scan.Typed, fresh bool, learnt *scan.Map, at time.Time) (string, scan.Repair, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if fresh {
		j.j.Forget()
	}
	j.j.Learnt = learnt
	return j.j.Add(t, at)
}

// apart reads each of several codes that came as one scan.
func apart(t scan.Typed, learnt *scan.Map) []string {
	var codes []string
	for _, one := range t.Split(learnt) {
		if code, _, err := scan.Read(one, learnt); err == nil {
			codes = append(codes, code)
		}
	}
	return codes
}

// enter waits for room among those that are served at once.
func enter(ctx context.Context, room chan struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errCanceled
	}
}

// found is what a picture holds.
type found struct {
	Codes []string `json:"codes"`
	Pages int      `json:"pages"`
}

func (s *Server) picture(w http.ResponseWriter, r *http.Request, _ *visit) error {
	pages, err := s.readPicture(w, r)
	if err != nil {
		return &unverified{0, err}
	}
	return writeJSON(w, http.StatusOK, found{pages.Texts, pages.Pages})
}

// readPicture gives a body to the reader, at most some at once.
func (s *Server) readPicture(w http.ResponseWriter, r *http.Request) (Pages, error) {
	if !isMedia(r, "application/pdf", "image/", "application/octet-stream") {
		return Pages{}, errMedia
	}
	if r.ContentLength > maxPictureBody {
		return Pages{}, errLong
	}
	if err := enter(r.Context(), s.pictures); err != nil {
		return Pages{}, err
	}
	defer func() { <-s.pictures }()
	body := &counted{Reader: http.MaxBytesReader(w, r.Body, maxPictureBody)}
	pages, err := s.o.Pictures.Read(r.Context(), body)
	switch {
	case body.long:
		return Pages{}, errLong
	case err == nil && len(pages.Texts) > 0:
		return pages, nil
	case err == nil, errors.Is(err, ErrNoCode):
		return Pages{}, errNoCode
	case errors.Is(err, ErrNotPicture):
		return Pages{}, errNotPicture
	case errors.Is(err, ErrTooLarge):
		return Pages{}, errPictureLarge
	case errors.Is(err, ErrSlow):
		return Pages{}, errPictureSlow
	}
	s.log.Warn("picture reader failed", "kind", typeName(err))
	return Pages{}, errReader
}

// oneCard chooses the one card among what a picture held.
func oneCard(texts []string) (string, error) {
	seen := map[string]bool{}
	var codes []string
	for _, t := range texts {
		if code, _, err := scan.Read(scan.Typed{Text: t}, nil); err == nil && !seen[code] {
			seen[code] = true
			codes = append(codes, code)
		}
	}
	switch len(codes) {
	case 0:
		return texts[0], nil // whatever it is, the answer says so
	case 1:
		return codes[0], nil
	}
	return "", errSeveral
}
