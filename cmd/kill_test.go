package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killCycles is how often a program is killed; KILL_CYCLES changes it for a longer drill.
func killCycles(t *testing.T) int {
	if s := os.Getenv("KILL_CYCLES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 25
	}
	return 500
}

// TestKill kills both programs at random moments of issuing, reprinting, revoking, publishing and syncing, and after every
// kill checks the operator and the counter with their own fsck. What a script was told was issued is never lost; at the end
// every contract has its one card, and the counter catches up.
func TestKill(t *testing.T) {
	t.Parallel()
	cycles := killCycles(t)
	dir := t.TempDir()
	if err := setClock(dir, "2026-11-21T10:00:00+01:00"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, dir, "sceau", "init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple")
	mustRun(t, 0, dir, "sceau", "sample", "roster.csv", "--households", "2000", "--bad", "0", "--seed", "7")
	mustRun(t, 0, dir, "sceau", "import", "operator", "roster.csv")
	contracts := contractsOf(t, filepath.Join(dir, "roster.csv"))
	var adherents []string
	for a := range contracts {
		adherents = append(adherents, a)
	}
	random := rand.New(rand.NewPCG(uint64(cycles), 9)) // the moments of the kills are the machine's anyway
	random.Shuffle(len(adherents), func(i, j int) { adherents[i], adherents[j] = adherents[j], adherents[i] })
	mustRun(t, 0, dir, "sceau", "issue", "operator", "--contract", adherents[0], "--out", "cards")
	mustRun(t, 0, dir, "sceau", "publish", "operator", "--to", "public")
	mustRun(t, 0, dir, "comptoir", "sync", "counter", "--from", "public")

	acknowledged := map[string]string{} // card number → code text
	killed, next := 0, 1
	byVerb := map[string]int{}
	work := map[string]time.Duration{} // how long each command took when it was last let live: kills fall anywhere in it
	for cycle := range cycles {
		var args []string
		prog := "sceau"
		switch cycle % 5 {
		case 0, 1:
			args = []string{"issue", "operator", "--json", "--out", "cards"}
			for range 8 {
				args = append(args, "--contract", adherents[next%len(adherents)])
				next++
			}
		case 2:
			args = []string{"publish", "operator", "--to", "public"}
		case 3:
			prog, args = "comptoir", []string{"sync", "counter", "--from", "public"}
		case 4:
			verb := []string{"revoke", "suspend", "restore", "reprint"}[random.IntN(4)]
			args = []string{verb, "operator", "--card", someCard(random, acknowledged)}
			if args[3] == "" {
				continue
			}
			if verb == "reprint" {
				args = append(args, "--json", "--out", "cards")
			}
		}
		verb, start := args[0], time.Now()
		after := time.Minute
		if whole := work[verb]; whole > 0 {
			after = time.Duration(random.Int64N(int64(whole * 5 / 4)))
		}
		out, dead := killAfter(t, dir, after, prog, args...)
		if dead {
			killed++
			byVerb[verb]++
		} else {
			work[verb] = time.Since(start)
		}
		for in := bufio.NewScanner(bytes.NewReader(out)); in.Scan(); {
			var line struct{ Schema, Card, Code string }
			// A line that the kill cut short was not said.
			if json.Unmarshal(in.Bytes(), &line) == nil && line.Schema == "sceau-card-1" {
				acknowledged[line.Card] = line.Code
			}
		}
		for _, check := range [][]string{{"sceau", "fsck", "operator", "--json"}, {"comptoir", "fsck", "counter", "--json"}} {
			if out, errs, code := program(t, dir, "", check[0], check[1:]...); code != 0 {
				t.Fatalf("cycle %d, after %s %v: %s says %d\n%s%s", cycle, prog, args, strings.Join(check, " "), code, out, errs)
			}
		}
	}
	if killed < cycles/3 {
		t.Fatalf("only %d of %d processes were killed at work: the drill did not run", killed, cycles)
	}

	mustRun(t, 0, dir, "sceau", "issue", "operator", "--all", "--out", "cards")
	mustRun(t, 0, dir, "sceau", "issue", "operator", "--all", "--out", "again") // from the register alone
	mustRun(t, 0, dir, "sceau", "publish", "operator", "--to", "public")
	mustRun(t, 0, dir, "comptoir", "sync", "counter", "--from", "public")
	mustRun(t, 0, dir, "sceau", "fsck", "operator", "--public", "public", "--keys")
	mustRun(t, 0, dir, "comptoir", "fsck", "counter")
	register := map[string]string{} // card number → state
	slots := map[string]int{}
	for in := json.NewDecoder(strings.NewReader(mustRun(t, 0, dir, "sceau", "cards", "operator", "--json"))); in.More(); {
		var row struct{ Card, Adherent, State string }
		if err := in.Decode(&row); err != nil {
			t.Fatal(err)
		}
		register[row.Card] = row.State
		if row.State == "live" || row.State == "suspended" {
			slots[row.Adherent]++
		}
		if row.State == "intent" {
			t.Errorf("card %s is still an intent", row.Card)
		}
	}
	for a, n := range slots {
		if n != 1 {
			t.Errorf("contract %s has %d standing cards", a, n)
		}
	}
	live := 0
	for number, code := range acknowledged {
		state, ok := register[number]
		if !ok {
			t.Errorf("card %s was acknowledged and is not in the register", number)
		}
		for _, folder := range []string{"cards", "again"} {
			file, err := os.ReadFile(filepath.Join(dir, folder, number+".txt"))
			switch {
			case err == nil && strings.TrimSuffix(string(file), "\n") != code:
				t.Errorf("card %s in %s (%s) is not the code that was acknowledged", number, folder, state)
			case err != nil && state == "live":
				t.Errorf("card %s: %v", number, err)
			case err == nil && folder == "again":
				live++
			}
		}
	}
	if live < cycles/10 {
		t.Errorf("only %d acknowledged cards were compared with the register's", live)
	}
	if len(acknowledged) < cycles/5 {
		t.Errorf("only %d cards were acknowledged", len(acknowledged))
	}
	t.Logf("count: %d cycles, %d killed at work (%v), %d cards acknowledged, none lost, %d compared to the byte", cycles, killed, byVerb, len(acknowledged), live)
}

func someCard(random *rand.Rand, cards map[string]string) string {
	if len(cards) == 0 {
		return ""
	}
	n := random.IntN(len(cards))
	for number := range cards {
		if n--; n < 0 {
			return number
		}
	}
	return ""
}

// killAfter starts a program and kills it after a while; it returns what it had printed, and whether it died of the kill.
func killAfter(t *testing.T, dir string, after time.Duration, name string, args ...string) ([]byte, bool) {
	t.Helper()
	c := exec.Command(filepath.Join(bin, name), args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "SCEAU_CLOCK="+filepath.Join(dir, ".clock"))
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { c.Process.Kill() })
	defer timer.Stop()
	err := c.Wait()
	return out.Bytes(), err != nil && fmt.Sprint(err) == "signal: killed"
}
