package cmd

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// deskCycles is how often the desk is killed; KILL_CYCLES changes it for a longer drill.
func deskCycles(t *testing.T) int {
	if s := os.Getenv("KILL_CYCLES"); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		return n
	}
	if testing.Short() {
		return 12
	}
	return 60
}

// TestKillDesk kills the desk at random moments of scanning, synchronising and journaling, its start included. Each restart works
// unaided: no lock is left, every list verifies, and every check that was acknowledged is in the journal.
func TestKillDesk(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	cycles := deskCycles(t)
	acknowledged := map[string]bool{}
	killedAtWork, asks := 0, 0
	card := filepath.Base(p.cards[1])
	for cycle := range cycles {
		c := p.begin(t, nil, "--no-window")
		if cycle%6 == 5 { // before it is open
			timer := time.NewTimer(rand.N(200 * time.Millisecond))
			select {
			case <-timer.C:
			case <-c.ended:
				t.Fatalf("cycle %d: the desk ended\n%s%s", cycle, c.out.String(), c.errs.String())
			}
			c.Process.Kill()
			<-c.ended
			continue
		}
		d := p.meet(t, c)
		var all sync.WaitGroup
		var mu sync.Mutex
		work := make(chan struct{})
		for n := range 3 {
			all.Go(func() {
				for {
					a, err := d.ask("application/json", asked(p.codes[n%2]))
					if err != nil {
						return // it was killed
					}
					mu.Lock()
					asks++
					if a.Recorded {
						acknowledged[a.Receipt] = true
					}
					if asks == 1 || len(acknowledged)%8 == 0 {
						select {
						case work <- struct{}{}:
						default:
						}
					}
					mu.Unlock()
				}
			})
		}
		all.Go(func() { // a list changes meanwhile, by another program on the same folder
			if cycle%4 != 0 {
				return
			}
			verb := []string{"suspend", "restore"}[cycle/4%2]
			program(t, p.dir, "", "sceau", verb, "operator", "--card", card, "--from", "2027-06-01")
			program(t, p.dir, "", "sceau", "publish", "operator", "--to", "public")
			program(t, p.dir, "", "comptoir", "sync", p.data)
		})
		select {
		case <-work:
		case <-time.After(wait):
			t.Fatal("nothing was answered")
		}
		timer := time.NewTimer(rand.N(120 * time.Millisecond))
		<-timer.C
		if !c.done() {
			killedAtWork++
		}
		c.Process.Kill()
		<-c.ended
		all.Wait()
	}
	if killedAtWork < cycles/2 {
		t.Fatalf("only %d of %d desks were killed at work", killedAtWork, cycles)
	}
	mustRun(t, 0, p.dir, "comptoir", "fsck", p.data)
	inJournal(t, p, acknowledged)
	d := p.open(t)
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Status != "valid" || !a.Recorded {
		t.Errorf("%+v", a)
	}
	d.stop(t)
	t.Logf("count: %d desks killed at work, %d checks acknowledged, none lost", killedAtWork, len(acknowledged))
}
