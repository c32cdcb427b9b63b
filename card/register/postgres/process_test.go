//go:build linux

package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sceau/card/register"
	"sceau/card/register/postgres"
	"sceau/fixtures/pgserver"
)

// A child is another replica: this test binary, told what to do by its environment.
const (
	childDSN  = "SCEAU_TEST_POSTGRES_CHILD"
	childName = "SCEAU_TEST_POSTGRES_NAME"
	rounds    = 40
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childDSN); dsn != "" {
		if err := child(dsn, os.Getenv(childName)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child counts a document up, and says each number only when it is stored. Named "holder", it says when it is in a
// transaction and never ends it.
func child(dsn, name string) error {
	s, err := postgres.Open(context.Background(), dsn, postgres.Options{Wait: 20 * time.Second, Volatile: true})
	if err != nil {
		return err
	}
	defer s.Close()
	if name == "holder" {
		return s.Update(context.Background(), func(tx register.Tx) error {
			if err := put("5")(tx); err != nil {
				return err
			}
			fmt.Println("holding")
			select {}
		})
	}
	for range rounds {
		n, err := count(s, name)
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
	return nil
}

// count adds one to the shared document and one audit entry.
func count(s register.Store, name string) (n int64, err error) {
	err = s.Update(context.Background(), func(tx register.Tx) error {
		d, err := tx.Document("job", "counter")
		if errors.Is(err, register.ErrNotFound) {
			d, err = register.Document{Kind: "job", ID: "counter"}, nil
		}
		if err != nil {
			return err
		}
		d.Version++
		n = d.Version
		if _, err := tx.AppendAudit(fmt.Appendf(nil, "%s %d", name, n), time.Unix(n, 0)); err != nil {
			return err
		}
		return tx.PutDocument(d)
	})
	return n, err
}

func spawn(t *testing.T, dsn, name string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDSN+"="+dsn, childName+"="+name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// TestProcesses: writers of three processes come one after the other, and what one has said is stored is seen by the others
// at once.
func TestProcesses(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	s := create(t, dsn, postgres.Options{Wait: 20 * time.Second, Volatile: true})
	var mu sync.Mutex
	var said []int64
	say := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, n)
	}
	var wg sync.WaitGroup
	for i := range 2 {
		_, lines := spawn(t, dsn, fmt.Sprint("child", i))
		wg.Go(func() {
			for lines.Scan() {
				var n int64
				if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
					t.Error(lines.Text())
					return
				}
				say(n)
				err := s.View(t.Context(), func(tx register.Tx) error {
					d, err := tx.Document("job", "counter")
					if d.Version < n {
						t.Errorf("a replica has stored %d, and %d is seen here", n, d.Version)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range rounds {
		n, err := count(s, "parent")
		if err != nil {
			t.Fatal(err)
		}
		say(n)
	}
	wg.Wait()
	slices.Sort(said)
	if len(said) != 3*rounds || said[0] != 1 || said[len(said)-1] != 3*rounds || len(slices.Compact(said)) != 3*rounds {
		t.Errorf("%d numbers from %d to %d, want each of 1 to %d once", len(said), said[0], said[len(said)-1], 3*rounds)
	}
	turns := 0
	err := s.View(t.Context(), func(tx register.Tx) error {
		entries, err := tx.AuditAfter(0, 1000)
		for i := 1; i < len(entries); i++ {
			a, _, _ := strings.Cut(string(entries[i-1].Body), " ")
			if b, _, _ := strings.Cut(string(entries[i].Body), " "); a != b {
				turns++
			}
		}
		end, err2 := register.CheckAudit(tx)
		if end.Seq != 3*rounds {
			t.Errorf("the chain ends at %d", end.Seq)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
	if turns < 5 {
		t.Errorf("the writers changed %d times: they did not meet", turns)
	}
}

// TestReplicaKilled: a replica that is killed inside a transaction leaves nothing, and its lock is free at once.
func TestReplicaKilled(t *testing.T) {
	dsn := pgserver.Shared(t).Database(t)
	s := create(t, dsn, quick)
	cmd, lines := spawn(t, dsn, "holder")
	if !lines.Scan() || lines.Text() != "holding" {
		t.Fatal(lines.Text())
	}
	if err := s.Update(t.Context(), put("1")); !errors.Is(err, register.ErrBusy) {
		t.Fatalf("got %v, want ErrBusy", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), put("1")); err != nil {
		t.Error(err)
	}
	if got := insurers(t, s); fmt.Sprint(got) != "[1]" {
		t.Errorf("stored %v", got)
	}
}

// TestCancelled: who gives up gets his answer soon, and the connection is as good as new for the next one.
func TestCancelled(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	dsn := server.DSN(database)
	s := create(t, dsn, postgres.Options{Wait: 30 * time.Second, MaxConns: 2, Volatile: true})
	if err := s.Update(t.Context(), put("1")); err != nil {
		t.Fatal(err)
	}
	other := connect(t, dsn)
	for _, q := range []string{"BEGIN", "LOCK TABLE insurer IN ACCESS EXCLUSIVE MODE"} {
		if _, err := other.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	for name, run := range map[string]func(context.Context) error{
		"Update": func(ctx context.Context) error { return s.Update(ctx, put("2")) },
		"View": func(ctx context.Context) error {
			return s.View(ctx, func(tx register.Tx) error { _, err := tx.Insurers(); return err })
		},
	} {
		for range 4 { // more often than there are connections
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			began := time.Now()
			if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
			cancel()
		}
	}
	if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		everything(t, s, func(name string, err error) {
			if err != nil && !errors.Is(err, register.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if got := insurers(t, s); fmt.Sprint(got) != "[1]" {
		t.Errorf("stored %v", got)
	}
}

// TestCommitIsNotCancelled: a caller who gives up while COMMIT is on its way learns that it was done.
func TestCommitIsNotCancelled(t *testing.T) {
	server := pgserver.Shared(t)
	database := server.NewDatabase(t, "")
	create(t, server.DSN(database), quick)
	proxy := server.Proxy(t)
	s := open(t, proxy.DSN(database), quick)
	proxy.Arm(pgserver.Hold, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Update(ctx, put("1")) }()
	<-proxy.Held()
	cancel()
	select {
	case err := <-done:
		t.Fatalf("the COMMIT was given up: %v", err)
	case <-time.After(600 * time.Millisecond): // longer than a statement may go on
	}
	proxy.Release()
	if err := <-done; err != nil || proxy.Fired() != 1 {
		t.Errorf("got %v", err)
	}
	if got := insurers(t, s); fmt.Sprint(got) != "[1]" {
		t.Errorf("stored %v", got)
	}
}
