// The part of the demonstration in which the rights service answers, is unplugged, and comes back.

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"time"

	"sceau/cmd/internal/ui"
)

// demoService is a sceau serve of the demonstration.
type demoService struct {
	stop context.CancelFunc
	done chan int
	said bytes.Buffer // read once done
}

// serve starts the service and waits until it answers.
func (d *demo) serve(operator, address string) (*demoService, error) {
	args := []string{"sceau", "serve", operator, "--listen", address, "--admin-listen", "off"}
	fmt.Fprintf(d.out, "\n$ %s &\n", shell(args))
	ctx, stop := context.WithCancel(d.ctx)
	s := &demoService{stop: stop, done: make(chan int, 1)}
	root := newRoot()
	root.SetArgs(args[1:])
	root.SetOut(&s.said)
	root.SetErr(&s.said)
	root.SetContext(ctx)
	go func() { s.done <- ui.Main(root, ui.English) }()
	d.steps = append(d.steps, step{shell(args) + " &", "listening on http://" + address + "\n", 0})
	fmt.Fprintf(d.out, "listening on http://%s\n", address)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		if answer, err := http.Get("http://" + address + "/healthz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		select {
		case code := <-s.done:
			stop()
			return nil, fmt.Errorf("sceau serve ended with %d: %s", code, s.said.String())
		case <-late:
			stop()
			return nil, fmt.Errorf("sceau serve did not answer within 30 s")
		case <-tick.C:
		}
	}
}

// unplug stops the service as SIGTERM would.
func (d *demo) unplug(s *demoService) error {
	s.stop()
	if code := <-s.done; code != 0 {
		return fmt.Errorf("sceau serve ended with %d: %s", code, s.said.String())
	}
	const line = "kill %1    # the service is unplugged"
	fmt.Fprintf(d.out, "\n$ %s\n", line)
	d.steps = append(d.steps, step{line, "", 0})
	return nil
}

var invitationText = regexp.MustCompile(`TPE1[A-Z2-7]+`)

// service plays a day with an outage: enrolment, a check online, the same from the list, and the journal that arrives afterwards.
func (d *demo) service(operator, counter string, verify []string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return err
	}
	s, err := d.serve(operator, address)
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	if err := d.each(command{0, []string{"sceau", "counter", "invite", operator, "--finess", "600100713", "--profession", "pharmacie", "--networks", "SP",
		"--name", "Pharmacie du Marché", "--address", "http://" + address}, ""}); err != nil {
		return err
	}
	invitation := invitationText.FindString(d.steps[len(d.steps)-1].Output)
	if err := d.each(command{0, []string{"comptoir", "enroll", counter, invitation}, ""}, command{0, verify, ""}); err != nil {
		return err
	}
	if err := d.unplug(s); err != nil {
		return err
	}
	if err := d.each(command{0, verify, ""}); err != nil {
		return err
	}
	if s, err = d.serve(operator, address); err != nil {
		return err
	}
	if err := d.each(command{0, []string{"comptoir", "journal", "send", counter}, ""}, command{0, []string{"comptoir", "journal", "list", counter, "--limit", "2"}, ""}); err != nil {
		return err
	}
	return d.unplug(s)
}
