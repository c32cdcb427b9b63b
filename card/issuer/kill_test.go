package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sceau/card"
	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/card/status"
	"sceau/signing/keystore"
)

const (
	childDir   = "SCEAU_TEST_CHILD" // folder of the world that the child works in
	cyclesName = "SCEAU_TEST_KILLS" // how many kills; the default is for every day
	passFile   = "passphrase"       // of both key folders, for the child
	ackFile    = "acknowledged.txt" // what the child said was done, one place a line
)

// TestMain is also the process that gets killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		work := child
		if _, err := os.Stat(filepath.Join(dir, rotateFile)); err == nil {
			work = rotatingChild
		}
		if err := work(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if template.dir != "" {
		os.RemoveAll(template.dir)
	}
	os.Exit(code)
}

// child does an issuer's work, over and over, and says what it was told is done.
func child(dir string) error {
	pass, err := os.ReadFile(filepath.Join(dir, passFile))
	if err != nil {
		return err
	}
	online, err := keystore.Open(filepath.Join(dir, "online"), pass)
	if err != nil {
		return err
	}
	s, err := sqlite.Open(filepath.Join(dir, "register.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	acks, err := os.OpenFile(filepath.Join(dir, ackFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	i := &Issuer{Store: s, Online: online, Actor: "child", Batch: 5}
	ctx := context.Background()
	for round := 0; ; round++ {
		var last card.Place
		ack := func(c Issued) error {
			last = c.Place
			_, err := fmt.Fprintln(acks, c.Place)
			return err
		}
		var keys []register.ContractKey
		err := s.Update(ctx, func(tx register.Tx) error {
			for n := range 12 {
				c, err := register.NewContract(household(new(testing.B), fmt.Sprintf("P%d-%d-%d", os.Getpid(), round, n), 2, 0), 1)
				if err != nil {
					return err
				}
				if err := tx.PutContract(c); err != nil {
					return err
				}
				keys = append(keys, c.Key)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if _, err := i.Issue(ctx, IssueRequest{Contracts: keys}, ack); err != nil {
			return err
		}
		if _, err := i.Reprint(ctx, ReprintRequest{Places: []card.Place{last}}, ack); err != nil {
			return err
		}
		if _, err := i.SetStatus(ctx, StatusRequest{Kind: status.Void, Targets: []Target{{Place: last}}}); err != nil {
			return err
		}
		if _, err := i.Publish(ctx, time.Time{}); err != nil {
			return err
		}
	}
}

// TestKill: F01. kill -9 at a random moment, many times over: after each the register is sound, everything that was
// acknowledged is there, and the next process works without help.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for seconds")
	}
	cycles := 15
	if n, err := strconv.Atoi(os.Getenv(cyclesName)); err == nil {
		cycles = n
	}
	w := newKillWorld(t)
	worked, intents := 0, int64(0)
	for range cycles {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+w.dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(40+rand.IntN(250)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the child ended by itself: %v %s", err, stderr.String())
		}
		w.reopen()
		w.clock = time.Now()
		f := w.sound()
		intents += f.Intents
		acked := w.acknowledged()
		if len(acked) > worked {
			worked = len(acked)
		}
		for _, p := range acked {
			if c := w.card(p); c.State == register.Intent {
				t.Fatalf("card %s was acknowledged and is not finished", p)
			}
		}
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		w.store = nil
	}
	t.Logf("count: %d kills, %d cards acknowledged, %d intents left behind in all", cycles, worked, intents)
	if worked < cycles { // a child that is killed before it works proves nothing
		t.Errorf("only %d cards were acknowledged in %d cycles", worked, cycles)
	}
	w.reopen()
	if _, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if f := w.sound(); f.Intents != 0 {
		t.Errorf("%d intents after the last run", f.Intents)
	}
}

func newKillWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: time.Now().Add(-time.Hour)}
	pass := keystore.NewPassphrase()
	if err := os.WriteFile(filepath.Join(w.dir, passFile), pass, 0o600); err != nil {
		t.Fatal(err)
	}
	w.online = must(keystore.Create(filepath.Join(w.dir, "online"), pass, keystore.Options{ScryptLogN: 10}))(t)
	w.offline = must(keystore.Create(filepath.Join(w.dir, "offline"), pass, keystore.Options{ScryptLogN: 10}))(t)
	w.reopen()
	must(w.issuer.Init(context.Background(), InitOptions{Insurers: []InsurerFacts{facts(amc)}}))(t)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.store = nil
	return w
}

// acknowledged reads whole lines: the last may be cut.
func (w *world) acknowledged() []card.Place {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, ackFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	var out []card.Place
	for _, l := range lines[:len(lines)-1] {
		out = append(out, must(card.ParsePlace(l))(w.t))
	}
	return out
}
