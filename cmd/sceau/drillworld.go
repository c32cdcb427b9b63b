// The world of a drill: its folder and clock, and how it runs the real programs in it.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"sceau/cmd/internal/clock"
	"sceau/rights"
)

// drillInsurer is the one insurer of a drill.
const drillInsurer, drillInsurerName = "775670482", "Mutuelle Exemple"

// drillWorld is one way through January.
type drillWorld struct {
	flags           drillFlags
	sceau, comptoir string
	dir             string
	without         string // the control that is left out
	told            string // the control that the judge knows to be left out
	progress        func(string)

	now      time.Time
	address  string // of the service
	serving  *drillService
	mirrors  [2]*drillMirror
	counters []*drillCounter
	cards    []*drillCard
	dice     *rand.Rand
	lists    []drillList // every publication
	figures  []drillFigure

	exposedCards map[*drillCard]bool // that the thief of the account read
	forged       []drillForgery
	issuedBefore int   // cards in the register when the key was stolen
	reprinted    int64 // cards since then
	asleep       int64 // scans of the counter that was switched off

	mu                                 sync.Mutex // guards what follows
	notes                              map[string]string
	log                                *os.File
	tally                              drillTally
	codes                              map[string]map[string]int // of refused syncs, by attack
	attacks, accepted, mornings, moved int64
}

// drillTally is what is counted while the days go by.
type drillTally struct {
	scans, answered, wrong           int64
	outageScans, outageWrong         int64
	forgedWrong, mirrorWrong         int64
	endedLate, endedRefused          int64
	endedAsked                       int64
	promised, forgedPromised, unpaid rights.Cents
}

func (w *drillWorld) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// paris is a moment of the day in January 2024.
func paris(day, hour, minute int) time.Time {
	return time.Date(2024, time.January, day, hour, minute, 0, 0, rights.Paris())
}

// at moves the drill's time on.
func (w *drillWorld) at(t time.Time) error {
	if t.Before(w.now) {
		return fmt.Errorf("the drill's time would go back from %s to %s", w.now, t)
	}
	w.now = t
	return clock.Set(w.dir, t)
}

// environment is a program's: nothing of this computer's own settings of these programs, and the drill.
func (w *drillWorld) environment() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SCEAU_") && !strings.HasPrefix(v, "COMPTOIR_") {
			out = append(out, v)
		}
	}
	return append(out, clock.Variable+"="+w.dir, "NO_COLOR=1", "SCEAU_PUBLISH_EVERY=0s", "SCEAU_STATUS_CHANGES_PER_DAY=100000")
}

// command is a process that is about to start.
func (w *drillWorld) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	name := w.sceau
	if program == "comptoir" {
		name = w.comptoir
	}
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = w.dir, w.environment()
	return c
}

// drillExit is a program that did not end as it must.
type drillExit struct {
	line string
	code int
	said string
}

func (e *drillExit) Error() string {
	return fmt.Sprintf("%s\nended with %d: %s", e.line, e.code, abridge(e.said))
}

// asExit says whether a program ended as it must not.
func asExit(err error, exit **drillExit) bool { return errors.As(err, exit) }

// run runs a program to its end, with one of these exit codes.
func (w *drillWorld) run(ctx context.Context, codes []int, stdin, program string, args ...string) (out, errs []byte, err error) {
	c := w.command(ctx, program, args...)
	var o, e bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &o, &e
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, nil, err
	}
	code := c.ProcessState.ExitCode()
	line := shell(append([]string{program}, args...))
	w.mu.Lock()
	fmt.Fprintf(w.log, "%s  %s  → %d\n", w.now.Format("2006-01-02 15:04:05"), line, code)
	w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if !slices.Contains(codes, code) {
		return nil, nil, &drillExit{line, code, e.String() + o.String()}
	}
	return o.Bytes(), e.Bytes(), nil
}

// do runs a program that must succeed.
func (w *drillWorld) do(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, _, err := w.run(ctx, []int{0}, "", program, args...)
	return out, err
}

// read runs a program that must succeed and say one JSON document.
func (w *drillWorld) read(ctx context.Context, into any, program string, args ...string) error {
	out, err := w.do(ctx, program, args...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("%s: %w: %.300s", shell(append([]string{program}, args...)), err, out)
	}
	return nil
}

// all does something for each of some counters, as many at once as this machine has processors.
func (w *drillWorld) all(counters []*drillCounter, do func(*drillCounter) error) error {
	slots := make(chan struct{}, runtime.NumCPU())
	errs := make([]error, len(counters))
	var group sync.WaitGroup
	for i, c := range counters {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := do(c); err != nil {
				errs[i] = fmt.Errorf("counter %d: %w", c.number, err)
			}
		})
	}
	group.Wait()
	for _, err := range errs { // one is enough to read
		if err != nil {
			return err
		}
	}
	return nil
}

// drillService is a running sceau serve.
type drillService struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan error
}

// serve opens the service, and waits until it answers.
func (w *drillWorld) serve(ctx context.Context) error {
	s := &drillService{cmd: w.command(ctx, "sceau", "serve", w.path("operator"), "--listen", w.address, "--admin-listen", "off", "--public-url", "http://"+w.address), ended: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	w.serving = s
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(60 * time.Second); ; {
		if answer, err := http.Get("http://" + w.address + "/healthz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.ended:
			w.serving = nil
			return &drillExit{"sceau serve", s.cmd.ProcessState.ExitCode(), s.said.String()}
		case <-late:
			w.unplug()
			return errors.New("sceau serve did not answer within a minute")
		case <-ctx.Done():
			w.unplug()
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// unplug ends the service as pulling the plug does.
func (w *drillWorld) unplug() {
	if w.serving == nil {
		return
	}
	_ = w.serving.cmd.Process.Kill()
	<-w.serving.ended
	w.serving = nil
}

// freeAddress is one that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// play plays everything once.
func (w *drillWorld) play(ctx context.Context) (err error) {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	if w.dir, err = filepath.EvalSymlinks(w.dir); err != nil {
		return err
	}
	w.now, w.notes, w.codes = paris(8, 7, 0), map[string]string{}, map[string]map[string]int{}
	w.dice = rand.New(rand.NewPCG(w.flags.seed, 1))
	if err := clock.Make(w.dir, w.now); err != nil {
		return err
	}
	if w.log, err = os.Create(w.path("commands.log")); err != nil {
		return err
	}
	defer w.log.Close()
	if w.address, err = freeAddress(); err != nil {
		return err
	}
	defer w.unplug()
	defer func() {
		for _, m := range w.mirrors {
			m.close()
		}
	}()
	for _, act := range []struct {
		name string
		play func(context.Context) error
	}{
		{"préparation", w.prepare}, {"A  compte volé", w.phished}, {"B  la panne", w.outage}, {"E  le retour", w.back},
	} {
		w.progress(act.name)
		if err := act.play(ctx); err != nil {
			w.progress("")
			return fmt.Errorf("%s: %w", strings.TrimSpace(act.name), err)
		}
	}
	w.progress("")
	w.summary()
	return nil
}
