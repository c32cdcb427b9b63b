// The drill as a user starts it: small, whole, and able to fail.

package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// drillSaid is what sceau drill --json says, as far as these tests look.
type drillSaid struct {
	OK   bool
	Runs []struct {
		Name, Without string
		Figures       []struct {
			Code, Want string
			Value, Of  int64
		}
		Faults []struct{ Code, Note string }
	}
}

// drill plays a small one, and returns its exit code.
func drill(t *testing.T, args ...string) (drillSaid, int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "drill")
	args = append([]string{"drill", "--dir", dir, "--cards", "200", "--counters", "3", "--forged", "60", "--json"}, args...)
	c := exec.Command(filepath.Join(bin, "sceau"), args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run() // the exit code is the result
	var said drillSaid
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "full", "commands.log"))
		lines := strings.Split(string(log), "\n")
		t.Fatalf("sceau %s: %v\n%s\n%s", strings.Join(args, " "), err, errs.String(), strings.Join(lines[max(0, len(lines)-6):], "\n"))
	}
	return said, c.ProcessState.ExitCode()
}

// January 2024 is played, and every figure is as it must be.
func TestDrill(t *testing.T) {
	t.Parallel()
	said, code := drill(t)
	if code != 0 || !said.OK || len(said.Runs) != 1 || len(said.Runs[0].Faults) != 0 {
		t.Fatalf("exit code %d: %+v", code, said)
	}
	values := map[string]int64{}
	rules := 0
	for _, f := range said.Runs[0].Figures {
		values[f.Code] = f.Value
		if f.Want != "" {
			rules++
		}
	}
	for _, code := range []string{"answered", "ended_refused", "forged_before", "honoured", "promised", "stolen_read", "settled"} {
		if values[code] == 0 {
			t.Errorf("%s is 0: the drill proves nothing", code)
		}
	}
	t.Logf("count: drill: %d scans, %d wrong, %d people exposed, %d cards reprinted, %d cents unpaid; %d figures under a rule", values["answered"], values["wrong"], values["exposed"], values["reprinted"], values["unpaid"], rules)
}

// A control is broken and the judge is not told: the drill notices, and says which figure is off. scripts/drill leaves out each of them.
func TestDrillSees(t *testing.T) {
	t.Parallel()
	for control, figure := range map[string]string{"issued-list": "forged_after"} {
		said, code := drill(t, "--sabotage", control)
		off := ""
		for _, f := range said.Runs[0].Faults {
			off += " " + f.Code
		}
		if code != 1 || said.OK || !strings.Contains(off+" ", " "+figure+" ") {
			t.Errorf("without %s: exit code %d, off:%s; want 1 and %s among them", control, code, off, figure)
		}
	}
}
