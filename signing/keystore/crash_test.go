// This file kills real processes between the steps of Generate: a key is there whole or not at all.

//go:build unix

package keystore

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	crashEnv = "KEYSTORE_TEST_CRASH" // folder, then ":" and the step to die at
	whatEnv  = "KEYSTORE_TEST_WHAT"  // "secret" dies in GenerateSecret, else in Generate
	raceEnv  = "KEYSTORE_TEST_RACE"  // folder
)

// TestMain plays the child when asked to.
func TestMain(m *testing.M) {
	if order := os.Getenv(crashEnv); order != "" {
		i := strings.LastIndex(order, ":")
		die, err := strconv.Atoi(order[i+1:])
		if err != nil {
			panic(err)
		}
		s, err := Open(order[:i], passphrase)
		if err != nil {
			panic(err)
		}
		at := 0
		s.step = func(string) {
			if at++; at == die {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				time.Sleep(time.Minute)
			}
		}
		if os.Getenv(whatEnv) == "secret" {
			_, err = s.GenerateSecret("card-1", fixed("canary"))
		} else {
			_, err = s.Generate("card-1")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(raceEnv); dir != "" {
		s, err := Open(dir, passphrase)
		if err != nil {
			panic(err)
		}
		if _, err := s.Generate("card-1"); errors.Is(err, ErrExists) {
			os.Exit(7)
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(env, value string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env+"="+value)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestKilledBetweenSteps: SIGKILL at step 1, 2, 3 … until none is left. After
// each the folder opens, has the key whole or not, and if not a new Generate
// makes it and sweeps what was left.
func TestKilledBetweenSteps(t *testing.T) {
	killed, without, with := 0, 0, 0
	for step := 1; ; step++ {
		s := newStore(t)
		err := child(crashEnv, s.Dir()+":"+strconv.Itoa(step)).Run()
		if err == nil {
			break // it finished: there are no more steps
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("step %d: not killed: %v", step, err)
		}
		killed++
		again, err := Open(s.Dir(), passphrase)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		names, err := again.Names()
		if err != nil {
			t.Fatal(err)
		}
		_, signerErr := again.Signer("card-1")
		_, publicErr := again.Public("card-1")
		switch len(names) {
		case 0:
			without++
			if !errors.Is(signerErr, ErrNoKey) || !errors.Is(publicErr, ErrNoKey) {
				t.Errorf("step %d: no key, and %v, %v", step, signerErr, publicErr)
			}
			k, err := again.Generate("card-1")
			if err != nil {
				t.Fatalf("step %d: again: %v", step, err)
			}
			if public, err := again.Public("card-1"); err != nil || !public.ECDSA().Equal(k.Public().(*ecdsa.PublicKey)) {
				t.Errorf("step %d: again: %v", step, err)
			}
		default:
			with++
			if signerErr != nil || publicErr != nil {
				t.Errorf("step %d: a key, and %v, %v", step, signerErr, publicErr)
			}
			if _, err := again.Generate("card-2"); err != nil {
				t.Error(err)
			}
		}
		left, err := filepath.Glob(filepath.Join(s.Dir(), tempPrefix+"*"))
		if err != nil || len(left) != 0 {
			t.Errorf("step %d: left behind: %v %v", step, left, err)
		}
	}
	t.Logf("count: killed at %d steps: %d times no key, %d times a whole key", killed, without, with)
	if killed < 10 || without == 0 || with == 0 {
		t.Error("the kills did not fall where they should")
	}
}

// TestSecretKilledBetweenSteps: the same for GenerateSecret.
func TestSecretKilledBetweenSteps(t *testing.T) {
	without, with := 0, 0
	for step := 1; ; step++ {
		s := newStore(t)
		cmd := child(crashEnv, s.Dir()+":"+strconv.Itoa(step))
		cmd.Env = append(cmd.Env, whatEnv+"=secret")
		err := cmd.Run()
		if err == nil {
			break
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("step %d: not killed: %v", step, err)
		}
		again, err := Open(s.Dir(), passphrase)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		got, err := again.Secret("card-1")
		if errors.Is(err, ErrNoKey) {
			without++
			got, err = again.GenerateSecret("card-1", fixed("canary"))
		} else {
			with++
		}
		if err != nil || string(got) != "canary" {
			t.Errorf("step %d: %v", step, err)
		}
		if _, err := again.GenerateSecret("card-2", fixed("x")); err != nil {
			t.Errorf("step %d: another: %v", step, err)
		}
		if left, err := filepath.Glob(filepath.Join(s.Dir(), tempPrefix+"*")); err != nil || len(left) != 0 {
			t.Errorf("step %d: left behind: %v %v", step, left, err)
		}
	}
	if t.Logf("count: %d times no secret, %d times a whole one", without, with); without < 3 || with == 0 {
		t.Error("the kills did not fall where they should")
	}
}

// TestProcessesRace: eight processes make the same key; one does.
func TestProcessesRace(t *testing.T) {
	s := newStore(t)
	var running []*exec.Cmd
	for range 8 {
		cmd := child(raceEnv, s.Dir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	won, lost := 0, 0
	for _, cmd := range running {
		cmd.Wait()
		switch cmd.ProcessState.ExitCode() {
		case 0:
			won++
		case 7:
			lost++
		}
	}
	if won != 1 || lost != 7 {
		t.Errorf("%d won, %d were told that it exists", won, lost)
	}
	if _, err := s.Signer("card-1"); err != nil {
		t.Error(err)
	}
}
