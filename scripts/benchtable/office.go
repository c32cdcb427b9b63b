// An operator's folder and the service that runs on it: started, watched and stopped from outside, as an administrator would.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sceau/fixtures/pgserver"
	"sceau/signing"
)

type office struct {
	bin, dir string
	env      []string
	server   *pgserver.Server // nil on SQLite
	cards    []string         // code texts
	answer   float64          // bytes of an answer with an accord

	program  *exec.Cmd
	log      *os.File
	address  string
	counters []*signing.Signer
}

func (o *office) operator() string { return filepath.Join(o.dir, "operator") }

func build(bin string) error {
	c := exec.Command("go", "build", "-trimpath", "-o", bin, "sceau/cmd/sceau")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (o *office) command(args ...string) *exec.Cmd {
	c := exec.Command(o.bin, args...)
	c.Env = append(os.Environ(), o.env...)
	return c
}

// run plays one command of the program and returns what it printed.
func (o *office) run(args ...string) (string, error) {
	c := o.command(args...)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("sceau %s: %w: %s", args[0], err, said.Bytes())
	}
	return string(out), nil
}

// start runs the service with its default settings, but for staff's rate: two thousand invitations are made at once.
func (o *office) start() (err error) {
	if o.log, err = os.Create(filepath.Join(o.dir, "serve.log")); err != nil {
		return err
	}
	c := o.command("serve", o.operator(), "--listen", "127.0.0.1:0", "--admin-listen", "off")
	c.Env = append(c.Env, "SCEAU_STAFF_RATE=10000", "SCEAU_STAFF_BURST=10000")
	c.Stderr = o.log
	out, err := c.StdoutPipe()
	if err != nil {
		return errors.Join(err, o.log.Close())
	}
	if err := c.Start(); err != nil {
		return errors.Join(err, o.log.Close())
	}
	o.program = c
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			o.address = address
			return nil
		}
	}
	said, _ := os.ReadFile(o.log.Name())
	return errors.Join(fmt.Errorf("the service said no address: %s", said), o.stop())
}

func (o *office) stop() error {
	err := stop(o.program)
	return errors.Join(err, o.log.Close())
}

// used is CPU time so far: of the service, of the database's server, of this process and of the whole machine.
type usage struct {
	at                            time.Time
	service, store, self, machine time.Duration
}

func (o *office) usage() (u usage, err error) {
	u.at, u.self = time.Now(), cpu()
	if u.service, err = used(o.program); err != nil {
		return u, err
	}
	if u.store, err = o.serverCPU(); err != nil {
		return u, err
	}
	u.machine, err = machineCPU()
	return u, err
}

// serverCPU adds up the database's processes; 0 without a server.
func (o *office) serverCPU() (time.Duration, error) {
	if o.server == nil {
		return 0, nil
	}
	b, err := os.ReadFile(filepath.Join(o.server.Dir(), "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	ticks := int64(0)
	for _, name := range all {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if fields[1] == first || filepath.Base(filepath.Dir(name)) == first { // its children, and itself
			for _, n := range []int{11, 12} {
				one, err := strconv.ParseInt(fields[n], 10, 64)
				if err != nil {
					return 0, err
				}
				ticks += one
			}
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// machineCPU is what all processes and the kernel have used.
func machineCPU() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	ticks := int64(0)
	for n, f := range strings.Fields(line)[1:] {
		if n == 3 || n == 4 || n > 7 { // idle, waiting for a disk; guests are counted in the first already
			continue
		}
		one, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += one
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// ground stands in for a test, to which package pgserver ties its servers.
type ground struct {
	testing.TB
	after []func()
}

type fatal struct{ error }

// Helper, Fatal, Fatalf and Cleanup are all that pgserver asks of a test.
func (*ground) Helper()                      {}
func (*ground) Fatal(args ...any)            { panic(fatal{errors.New(fmt.Sprint(args...))}) }
func (*ground) Fatalf(form string, a ...any) { panic(fatal{fmt.Errorf(form, a...)}) }
func (*ground) Skip(args ...any)             { panic(fatal{errors.New(fmt.Sprint(args...))}) }
func (t *ground) Cleanup(f func())           { t.after = append(t.after, f) }

func (t *ground) run(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case fatal:
			err = p.error
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

func (t *ground) clear() {
	for ; len(t.after) > 0; t.after = t.after[:len(t.after)-1] {
		t.after[len(t.after)-1]()
	}
}
