// status, the part about rights services: with whom the counter is enrolled, whether they answer, and what waits to be sent.

package comptoir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sceau/offline"
	"sceau/offline/counter"
	"sceau/offline/liaison"
	"sceau/offline/mirror"
)

// serviceState is one enrolment in the JSON of status.
type serviceState struct {
	Address    string   `json:"address"`
	Root       string   `json:"root"`
	Counter    string   `json:"counter"`
	FINESS     string   `json:"finess,omitempty"`
	Profession string   `json:"profession,omitempty"`
	Networks   []string `json:"networks,omitempty"`
	Name       string   `json:"name,omitempty"`
	Since      string   `json:"since"`
	Answers    bool     `json:"answers"`        // it answered just now, and knows this counter
	Code       string   `json:"code,omitempty"` // why not
	Breaker    string   `json:"breaker,omitempty"`
	Waiting    int      `json:"waiting"` // entries of the journal that it has not acknowledged
}

// statusLimit is how long status waits for a service.
const statusLimit = 2 * time.Second

// serviceStates asks each service, unless told not to.
func (s *services) states(ctx context.Context, ask bool) []serviceState {
	out := []serviceState{}
	if _, err := os.Stat(filepath.Join(s.dir, mirror.BookName)); errors.Is(err, os.ErrNotExist) {
		return out // asking must not make a journal
	}
	for _, v := range s.current(ctx) {
		one := serviceState{Address: v.Address, Root: v.Root, Counter: v.Counter, FINESS: v.Facts.FINESS, Profession: v.Facts.Profession, Networks: v.Facts.Networks,
			Name: v.Facts.Name, Since: v.Since.Format(rfc3339)}
		if all, err := s.memory.opened().Stretches(ctx, v.Root); err == nil {
			for _, stretch := range all {
				one.Waiting += stretch.Waiting()
			}
		}
		err := v.err
		if err == nil && ask {
			limited, cancel := context.WithTimeout(ctx, statusLimit)
			_, err = v.client.Self(limited)
			cancel()
			one.Answers = err == nil
		}
		if v.client != nil {
			one.Breaker = v.client.State().Breaker
		}
		if err != nil {
			if one.Code = liaison.CodeOf(err); one.Code == "" {
				one.Code = troubleOf(err).code
			}
		}
		out = append(out, one)
	}
	return out
}

func sayServices(out io.Writer, all []serviceState, asked bool) {
	for _, s := range all {
		name := s.Name
		if name == "" {
			name = "FINESS " + s.FINESS
		}
		fmt.Fprintf(out, "service %s (%s)\n  empreinte %s\n", s.Address, name, s.Root)
		switch {
		case s.Answers:
			fmt.Fprintln(out, "  répond : les cartes sont vérifiées en ligne")
		case s.Code != "":
			what, todo := counter.RescueWords(s.Code, offline.French)
			fmt.Fprintf(out, "  secours : %s ; %s (%s)\n", what, todo, s.Code)
		case !asked:
			fmt.Fprintln(out, "  non interrogé")
		}
		fmt.Fprintf(out, "  %s\n", counted(s.Waiting, "vérification à envoyer", "vérifications à envoyer"))
	}
}
