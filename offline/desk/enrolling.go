// The routes with which people enrol this counter with an operator's service, and switch the online check off.

package desk

import (
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"sceau/card/accord"
	"sceau/offline/counter"
	"sceau/offline/scan"
	"sceau/rights"
	"sceau/signing/trust"
)

// offers keep what was proposed until a person has looked at it: the newest one, for a while.
type offers struct {
	now func() time.Time

	mu    sync.Mutex
	id    string
	until time.Time
	p     Proposal
}

const offerLife = 30 * time.Minute

func (o *offers) keep(p Proposal) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.id, o.until, o.p = NewSecret(), o.now().Add(offerLife), p
	return o.id
}

// take gives a proposal to the one who was shown it. It stays, for a confirmation that fails.
func (o *offers) take(id, root string) (Proposal, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id == "" || id != o.id || o.now().After(o.until) {
		return Proposal{}, errOfferGone
	}
	if root == "" || !trust.SameFingerprint(root, o.p.Root) {
		return Proposal{}, errBody // nobody enrols with a root that no person has seen
	}
	return o.p, nil
}

func (o *offers) drop(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id == o.id {
		o.id, o.p = "", Proposal{}
	}
}

// invitationBody is a scan, or what a person typed in its place.
type invitationBody struct {
	Typed   string       `json:"typed"`
	Presses []scan.Press `json:"presses"`
	Address string       `json:"address"`
	Code    string       `json:"code"`
}

// proposed is what a person is shown before anything of it counts.
type proposed struct {
	ID         string   `json:"id"`
	Address    string   `json:"address"`
	Root       string   `json:"root"`
	Known      bool     `json:"known"`
	Scanned    bool     `json:"scanned"` // the invitation named the root itself
	FINESS     string   `json:"finess"`
	Profession string   `json:"profession"`
	Name       string   `json:"name"`
	Networks   []string `json:"networks"`
}

// read gives the invitation. The errors quote nothing: it holds a secret.
func (b invitationBody) read(learnt *scan.Map) (Invitation, error) {
	if b.Address == "" && b.Code == "" {
		text, _, err := scan.Invitation(scan.Typed{Text: b.Typed, Presses: b.Presses}, learnt)
		if err != nil {
			return Invitation{}, errInvitation
		}
		i, err := accord.ParseInvitation(text)
		if err != nil {
			return Invitation{}, errInvitation
		}
		return Invitation{Address: i.Address, Code: i.Code, Root: hex.EncodeToString(i.Root[:])}, nil
	}
	if b.Typed != "" || len(b.Presses) > 0 {
		return Invitation{}, errBody
	}
	address := strings.TrimSpace(b.Address)
	if len(address) > accord.MaxAddress || !sourceText(address) {
		return Invitation{}, errServiceAddress
	}
	code, err := accord.ParseCode(b.Code)
	if err != nil {
		return Invitation{}, errShortCode
	}
	return Invitation{Address: address, Code: code}, nil
}

// propose shows what the operator registered.
func (s *Server) propose(w http.ResponseWriter, r *http.Request, v *visit) error {
	var b invitationBody
	if err := readJSON(w, r, maxScanBody, &b); err != nil {
		return err
	}
	if s.o.Enrol == nil {
		return errNoServices
	}
	i, err := b.read(s.wishes.get().Learnt)
	if err != nil {
		return err
	}
	s.patient(w)
	p, err := s.o.Enrol.Propose(r.Context(), i)
	if err != nil {
		return enrolling{err}
	}
	return writeJSON(w, http.StatusOK, proposed{ID: s.offers.keep(p), Address: p.Address, Root: p.Root, Known: p.Known, Scanned: i.Root != "", FINESS: p.FINESS,
		Profession: professionOf(p.Profession, v.lang), Name: p.Name, Networks: append([]string{}, p.Networks...)})
}

// enrolled is what came of a confirmation.
type enrolled struct {
	Done  bool     `json:"done"`
	Lists *Trouble `json:"lists_error,omitempty"`
}

// enrol does what a person confirmed, and answers the first start's questions with it.
func (s *Server) enrol(w http.ResponseWriter, r *http.Request, v *visit) error {
	var b struct {
		ID   string `json:"id"`
		Root string `json:"root"`
	}
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	if s.o.Enrol == nil {
		return errNoServices
	}
	p, err := s.offers.take(b.ID, b.Root)
	if err != nil {
		return err
	}
	s.patient(w)
	got, err := s.o.Enrol.Accept(r.Context(), p)
	if err != nil {
		return enrolling{err}
	}
	s.offers.drop(b.ID)
	out := enrolled{Done: true}
	if got.Lists != nil {
		_, t := s.explain(outer{got.Lists}, v.lang)
		out.Lists = &t
	}
	saved, err := s.wishes.change(r.Context(), func(old counter.Settings) (counter.Settings, error) { return Registered(old, p), nil })
	if err != nil {
		s.log.Warn("registered facts not kept as settings")
	} else if s.o.SettingsChanged != nil {
		s.o.SettingsChanged(saved)
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, out)
}

// Registered fills in what a counter has not said of itself. What it has said stays: it prints what its people chose.
func Registered(s counter.Settings, p Proposal) counter.Settings {
	try := func(change func(*counter.Settings)) {
		next := s
		if change(&next); next.Check() == nil {
			s = next
		}
	}
	if s.Profession == "" {
		try(func(n *counter.Settings) { n.Profession = p.Profession })
	}
	if _, err := rights.CheckFINESS(p.FINESS); s.FINESS == "" && err == nil {
		try(func(n *counter.Settings) { n.FINESS = p.FINESS })
	}
	if s.Name == "" {
		try(func(n *counter.Settings) { n.Name = p.Name })
	}
	return s
}

// unenrol forgets an enrolment.
func (s *Server) unenrol(w http.ResponseWriter, r *http.Request, _ *visit) error {
	var b struct {
		Root string `json:"root"`
	}
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	if s.o.Enrol == nil {
		return errNoServices
	}
	if b.Root == "" || len(b.Root) > 256 {
		return errBody
	}
	if err := s.o.Enrol.Remove(r.Context(), b.Root); err != nil {
		return outer{err}
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, done{true})
}

// online switches the online check on or off. It counts from the next check on.
func (s *Server) online(w http.ResponseWriter, r *http.Request, _ *visit) error {
	var b struct {
		On bool `json:"on"`
	}
	if err := readJSON(w, r, maxSmallBody, &b); err != nil {
		return err
	}
	return s.save(w, r, func(old counter.Settings) (counter.Settings, error) {
		switch {
		case b.On:
			old.OfflineSince = time.Time{}
		case old.OfflineSince.IsZero():
			old.OfflineSince = s.o.Now().UTC().Truncate(time.Second)
		}
		return old, nil
	})
}
