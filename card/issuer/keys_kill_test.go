package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/sqlite"
	"sceau/offline"
	"sceau/signing/keystore"
)

// rotateFile tells the child to rotate keys and to declare thefts beside its daily work.
const rotateFile = "rotates"

// rotatingChild issues, rotates, declares thefts and publishes, until it is killed.
func rotatingChild(dir string) error {
	pass, err := os.ReadFile(filepath.Join(dir, passFile))
	if err != nil {
		return err
	}
	i := &Issuer{Actor: "child", Batch: 5}
	if i.Online, err = keystore.Open(filepath.Join(dir, "online"), pass); err != nil {
		return err
	}
	if i.Offline, err = keystore.Open(filepath.Join(dir, "offline"), pass); err != nil {
		return err
	}
	s, err := sqlite.Open(filepath.Join(dir, "register.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	i.Store = s
	acks, err := os.OpenFile(filepath.Join(dir, ackFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for round := rand.IntN(4); ; round++ {
		var keys []register.ContractKey
		var signs string
		err := s.Update(ctx, func(tx register.Tx) error {
			for n := range 8 {
				c, err := register.NewContract(household(new(testing.B), fmt.Sprintf("P%d-%d-%d", os.Getpid(), round, n), 2, 0), 1)
				if err != nil {
					return err
				}
				if err := tx.PutContract(c); err != nil {
					return err
				}
				keys = append(keys, c.Key)
			}
			k, err := i.keyCache().forIssuing(tx, amc, time.Now())
			if err == nil {
				signs = k.signer.KID()
			}
			return err
		})
		if err != nil {
			return err
		}
		_, err = i.Issue(ctx, IssueRequest{Contracts: keys}, func(c Issued) error {
			_, err := fmt.Fprintln(acks, c.Place)
			return err
		})
		if err != nil {
			return err
		}
		switch round % 4 {
		case 0:
			_, err = i.RotateCardKey(ctx, amc, time.Now().Add(time.Second))
		case 1:
			_, err = i.CompromiseCardKey(ctx, signs)
		case 2:
			_, err = i.RotateServiceKey(ctx, PurposeAccord, time.Now().Add(time.Second))
		}
		if err != nil && !errors.Is(err, ErrTooManyKeys) && !errors.Is(err, ErrRotating) {
			return err
		}
		if _, err := i.Publish(ctx, time.Time{}); err != nil {
			return err
		}
	}
}

// F17, F19: kill -9 at a random moment of rotations and thefts. After each the register is sound, every signature is logged,
// the next publication tells what was begun, and every card that left passes at a counter.
func TestKillRotations(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for seconds")
	}
	w := newKillWorld(t)
	if err := os.WriteFile(filepath.Join(w.dir, rotateFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	listed := 0
	for range 12 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+w.dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// At a random moment: this is what is tested, not a wait for something.
		time.Sleep(time.Duration(60+rand.IntN(700)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the child ended by itself: %v %s", err, stderr.String())
		}
		w.reopen()
		w.clock = time.Now()
		w.sound()
		if r := must(w.issuer.Publish(context.Background(), time.Time{}))(t); len(r.Warnings) != 0 {
			t.Errorf("%q", r.Warnings)
		}
		w.passing()
		listed = max(listed, len(w.refreshed().parts))
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		w.store = nil
	}
	if n := len(w.acknowledged()); n < 24 || listed == 0 {
		t.Errorf("%d cards left and %d keys were listed: the test shows little", n, listed)
	}
	w.reopen()
	if _, err := w.issuer.Issue(context.Background(), IssueRequest{All: true}, func(Issued) error { return nil }); err != nil {
		t.Fatal(err)
	}
	w.clock = w.clock.Add(time.Minute)
	w.publish()
	w.passing()
	if f := w.sound(); f.Intents != 0 {
		t.Errorf("%d intents after the last run", f.Intents)
	}
}

// passing wants every live card to pass at a counter, and every card that left to be finished.
func (w *world) passing() {
	w.t.Helper()
	v := w.refreshed()
	for _, k := range w.all() {
		if k.State != register.Live {
			continue
		}
		got := v.check(compact(k))
		if !accepted(got) {
			w.t.Errorf("card %s of key %s: %s", k.Place, k.KID, got.Reason)
		}
	}
	for _, p := range w.acknowledged() {
		if k := w.card(p); k.State == register.Intent {
			w.t.Errorf("card %s left and is not finished", p)
		}
	}
	for _, p := range v.parts {
		if ok, err := v.issued(p[0].KID(), [16]byte{}); ok || err != nil && !errors.Is(err, offline.ErrNoDigests) {
			w.t.Errorf("key %s: %v", p[0].KID(), err)
		}
	}
}
