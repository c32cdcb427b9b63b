package mirror

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// Whoever asked may go away at any moment, in the middle of a statement too: no connection is left with an open transaction for
// the next one, who would then find nothing recorded or nothing known.
func TestCancelledReaders(t *testing.T) {
	dir := t.TempDir()
	b, err := OpenBook(dir, BookOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	random := rand.New(rand.NewPCG(1, 2))
	gone := 0
	for range 25_000 {
		ctx, cancel := context.WithCancel(context.Background())
		until := time.Now().Add(time.Duration(random.IntN(120_000)))
		go func() { // a timer is too coarse to hit the middle of a statement
			for time.Now().Before(until) {
			}
			cancel()
		}()
		if _, err := b.Find(ctx, Search{Limit: 1}); err != nil {
			gone++
		}
		if v, err := m.View(ctx); err == nil {
			v.Close()
		}
		cancel()
	}
	if gone < 100 {
		t.Fatalf("only %d readers were cancelled in time: the test proves little", gone)
	}
	for range 20 {
		if _, err := b.Append(context.Background(), check(1)); err != nil {
			t.Fatal("after cancelled readers:", err)
		}
		v, err := m.View(context.Background())
		if err != nil {
			t.Fatal("after cancelled readers:", err)
		}
		v.Close()
	}
}
