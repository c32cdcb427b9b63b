// The counter's settings, kept in memory and in the store. A stored text that can't be meant gives the defaults.

package desk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/scan"
)

// wishes holds the settings.
type wishes struct {
	store Store

	mu      sync.Mutex // guards what follows, and is held while they are saved
	now     counter.Settings
	fresh   bool // never saved
	refused bool // what was stored was refused
}

// readWishes reads the settings; a language that is not "" comes instead of theirs until they are saved.
func readWishes(store Store, lang offline.Language) *wishes {
	w := &wishes{store: store, now: counter.DefaultSettings()}
	defer func() {
		if lang != "" {
			w.now.Language = lang
		}
	}()
	b, err := store.Settings(context.Background())
	if err != nil {
		w.refused = true
		return w
	}
	w.fresh = len(b) == 0
	if w.now, err = counter.ParseSettings(b); err != nil {
		w.now, w.refused = counter.DefaultSettings(), true
	}
	return w
}

func (w *wishes) get() counter.Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *wishes) how() (now counter.Settings, fresh, refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now, w.fresh, w.refused
}

// change replaces the settings by what fn makes of them, once they are saved.
func (w *wishes) change(ctx context.Context, fn func(counter.Settings) (counter.Settings, error)) (counter.Settings, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next, err := fn(w.now)
	if err != nil {
		return w.now, err
	}
	b, err := next.Bytes()
	if err != nil {
		return w.now, errSettings
	}
	// What is saved must be what the next start will read.
	if next, err = counter.ParseSettings(b); err != nil {
		return w.now, errSettings
	}
	if err := w.store.SaveSettings(context.WithoutCancel(ctx), b); err != nil {
		return w.now, outer{err}
	}
	w.now, w.fresh, w.refused = next, false, false
	return next, nil
}

// shown are the settings without what has a button of its own: the learnt keyboard, the switch, what was looked at.
func shown(s counter.Settings) counter.Settings {
	s.Learnt, s.OfflineSince, s.DisputesSeen = nil, time.Time{}, time.Time{}
	return s
}

func (s *Server) settings(w http.ResponseWriter, _ *http.Request, _ *visit) error {
	return writeJSON(w, http.StatusOK, shown(s.wishes.get()))
}

// saveSettings replaces the settings: members that are missing get their defaults. What shown leaves out stays as it is.
func (s *Server) saveSettings(w http.ResponseWriter, r *http.Request, _ *visit) error {
	b, err := readJSONBody(w, r, maxSmallBody)
	if err != nil {
		return err
	}
	if err := checkJSON(b); err != nil {
		return err
	}
	asked, err := counter.ParseSettings(b)
	if err != nil {
		return errSettings
	}
	return s.save(w, r, func(old counter.Settings) (counter.Settings, error) {
		asked.Learnt, asked.OfflineSince, asked.DisputesSeen = old.Learnt, old.OfflineSince, old.DisputesSeen
		return asked, nil
	})
}

func (s *Server) save(w http.ResponseWriter, r *http.Request, fn func(counter.Settings) (counter.Settings, error)) error {
	saved, err := s.wishes.change(r.Context(), fn)
	if err != nil {
		return err
	}
	if s.o.SettingsChanged != nil {
		s.o.SettingsChanged(saved)
	}
	s.hub.wake()
	return writeJSON(w, http.StatusOK, shown(saved))
}

// calibrated is what a calibration scan taught.
type calibrated struct {
	Layout string `json:"layout"`
	Advice string `json:"advice"`
}

// calibrate learns the keyboard from one scan of the calibration code.
func (s *Server) calibrate(w http.ResponseWriter, r *http.Request, v *visit) error {
	var t scan.Typed
	if err := readJSON(w, r, maxScanBody, &t); err != nil {
		return err
	}
	learnt, err := scan.Learn(t)
	switch {
	case errors.Is(err, scan.ErrAmbiguous):
		return errAmbiguous
	case err != nil:
		return errNotCalibration
	}
	// What can't be kept must not be used: it would be gone after the next start.
	if _, err := json.Marshal(learnt); err != nil {
		return errNotCalibration
	}
	if _, err := s.wishes.change(r.Context(), func(old counter.Settings) (counter.Settings, error) {
		old.Learnt = learnt
		return old, nil
	}); err != nil {
		return err
	}
	s.hub.wake()
	out := calibrated{"clavier appris", "la douchette est prête"}
	if v.lang == "en" {
		out = calibrated{"keyboard learnt", "the scanner is ready"}
	}
	return writeJSON(w, http.StatusOK, out)
}

func (s *Server) forgetCalibration(w http.ResponseWriter, r *http.Request, _ *visit) error {
	if err := readJSON(w, r, maxSmallBody, &struct{}{}); err != nil {
		return err
	}
	return s.save(w, r, func(old counter.Settings) (counter.Settings, error) {
		old.Learnt = nil
		return old, nil
	})
}
