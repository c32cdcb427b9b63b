// The state of the desk as the page shows it, once and as a stream of events.

package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/rights"
)

const (
	minute = time.Minute
	calm   = 250 * time.Millisecond // between two events: a synchronisation reports hundreds of steps
)

// situation is the JSON of GET state and of every event.
type situation struct {
	Mode          string         `json:"mode"`             // rescue, online
	Rescue        *rescueState   `json:"rescue,omitempty"` // why the mode is rescue
	OnlineSince   time.Time      `json:"online_since,omitzero"`
	Offline       bool           `json:"offline"` // switched off by hand
	CanEnrol      bool           `json:"can_enrol"`
	Services      []serviceState `json:"services"`
	ServicesError *Trouble       `json:"services_error,omitempty"`
	Waiting       int            `json:"waiting"` // entries of the journal that services have not acknowledged
	Sending       bool           `json:"sending"`
	Disputed      int            `json:"disputed"`     // that nobody has looked at
	DisputedAll   int            `json:"disputed_all"` // in the journal

	Notices        []noticeState `json:"notices"` // that hold now
	NoticesLeftOut int           `json:"notices_left_out,omitempty"`

	Lists      []listState      `json:"lists"`
	ListsError *Trouble         `json:"lists_error,omitempty"` // what is stored can't be believed
	Oldest     oldest           `json:"oldest"`
	Sync       syncState        `json:"sync"`
	Clock      time.Time        `json:"clock"`
	Recorded   bool             `json:"recorded"` // checks can be written
	Version    string           `json:"version"`
	FirstStart bool             `json:"first_start"`
	Refused    bool             `json:"settings_refused,omitempty"` // what was stored was refused; these are the defaults
	Calibrated bool             `json:"calibrated"`
	Settings   counter.Settings `json:"settings"`
	Domains    []domain         `json:"domains"` // the counter's own first
}

// domain is one choice of what care was given.
type domain struct {
	Code  string `json:"code"`
	Label string `json:"label"`
	Own   bool   `json:"own"`
}

// domainsOf are the codes of today, those of the counter's profession first. An operator's own codes are on its cards alone.
func domainsOf(settings counter.Settings, today rights.Date) []domain {
	own := settings.Domains()
	out := make([]domain, 0, 32)
	for _, code := range own {
		if d, ok := rights.DefaultCodes().Domain(code, today); ok {
			out = append(out, domain{code, d.Label, true})
		}
	}
	for _, d := range rights.DefaultCodes().Domains(today) {
		if !slices.Contains(own, d.Code) {
			out = append(out, domain{d.Code, d.Label, false})
		}
	}
	return out
}

type listState struct {
	Repository
	AgeSeconds int64  `json:"age_seconds"`
	AgeWords   string `json:"age_words"`
	Level      string `json:"level"` // ok, reserve, refuse
}

// oldest is what the age shown on every screen says.
type oldest struct {
	Published time.Time `json:"published,omitzero"`
	AgeWords  string    `json:"age_words"`
	Level     string    `json:"level"` // ok, reserve, refuse, none
}

type syncState struct {
	Progress
	LastError *Trouble `json:"last_error,omitempty"`
}

// situation gathers it. It never fails: a part that can't be had says so itself.
func (s *Server) situation(ctx context.Context, lang offline.Language) situation {
	now := s.o.Now()
	settings, fresh, refused := s.wishes.how()
	out := situation{Lists: []listState{}, Notices: []noticeState{}, Oldest: oldest{Level: "none"}, Clock: now.UTC().Truncate(time.Second),
		Recorded: true, Version: s.o.Version, FirstStart: fresh, Refused: refused, Calibrated: settings.Learnt != nil, Settings: shown(settings),
		Domains: domainsOf(settings, rights.DateAt(now))}
	if s.o.Recorded != nil {
		out.Recorded = s.o.Recorded()
	}
	if s.o.Progress != nil {
		out.Sync.Progress = s.o.Progress()
		if err := out.Sync.Err; err != nil {
			_, t := s.explain(outer{err}, lang)
			out.Sync.LastError = &t
		}
	}
	s.lists(ctx, &out, now, lang)
	s.services(ctx, &out, lang)
	if s.o.Disputes != nil {
		// A journal that can't be read says so where it is opened, and by Recorded.
		if d, err := s.o.Disputes(ctx, settings.DisputesSeen); err == nil {
			out.Disputed, out.DisputedAll = d.New, d.All
		}
	}
	return out
}

// lists writes the lists into a state.
func (s *Server) lists(ctx context.Context, out *situation, now time.Time, lang offline.Language) {
	repos, err := s.o.Lists.Overview(ctx)
	if err != nil {
		_, t := s.explain(outer{err}, lang)
		out.ListsError = &t
		return
	}
	s.notices(out, repos, now)
	for _, r := range repos {
		one := stateOf(r, now, lang)
		out.Lists = append(out.Lists, one)
		if o := &out.Oldest; o.Level == "none" || worse(one.Level, o.Level) || one.Level == o.Level && r.Published.Before(o.Published) {
			*o = oldest{r.Published, one.AgeWords, one.Level}
		}
	}
}

func stateOf(r Repository, now time.Time, lang offline.Language) listState {
	age := max(0, now.Sub(r.Published))
	if r.Insurers == nil {
		r.Insurers = []Insurer{}
	}
	if r.Sources == nil {
		r.Sources = []string{}
	}
	one := listState{Repository: r, AgeSeconds: int64(age / time.Second), Level: "ok",
		AgeWords: offline.Verdict{List: &offline.List{Age: age}}.Age(lang)}
	switch {
	case r.Refuse > 0 && age > time.Duration(r.Refuse)*time.Hour:
		one.Level = "refuse"
	case age > time.Duration(r.Reserve)*time.Hour, !r.Expires.IsZero() && now.After(r.Expires):
		one.Level = "reserve"
	}
	return one
}

var levels = []string{"none", "ok", "reserve", "refuse"}

func worse(a, b string) bool { return slices.Index(levels, a) > slices.Index(levels, b) }

func (s *Server) state(w http.ResponseWriter, r *http.Request, v *visit) error {
	return writeJSON(w, http.StatusOK, s.situation(r.Context(), v.lang))
}

// events sends the state now, at each change and each minute, until the page goes away or its session ends. The page is counted
// as open meanwhile.
func (s *Server) events(w http.ResponseWriter, r *http.Request, v *visit) error {
	p := s.hub.join()
	if p == nil {
		return errBusy
	}
	defer s.hub.leave(p)
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	tick := time.NewTicker(minute)
	defer tick.Stop()
	for {
		b, err := json.Marshal(s.situation(r.Context(), v.lang))
		if err != nil {
			return err
		}
		if rc.SetWriteDeadline(time.Now().Add(patience)) != nil {
			return nil
		}
		if _, err := fmt.Fprintf(w, "event: state\ndata: %s\n\n", b); err != nil || rc.Flush() != nil {
			return nil
		}
		if !s.pause(r.Context(), v, nil, time.After(calm)) || !s.pause(r.Context(), v, p.wake, tick.C) {
			return nil
		}
	}
}

// pause waits for one of two things; false when the page is to go.
func (s *Server) pause(ctx context.Context, v *visit, wake <-chan struct{}, tick <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-v.session.ended:
		return false
	case <-s.ended:
		return false
	case <-wake:
	case <-tick:
	}
	return true
}
