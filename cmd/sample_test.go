package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"sceau/card"
	"sceau/rights"
	"sceau/rights/roster"
)

// needTools skips where a peer is missing, and fails in CI: nothing may hide behind a tool that was not installed.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing: scripts/setup test", n)
			}
			t.Skipf("%s is missing: scripts/setup test", n)
		}
	}
}

// program runs a program of the test build and returns what it printed and its exit code.
func program(t testing.TB, dir, stdin, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.Command(filepath.Join(bin, name), args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "SCEAU_CLOCK="+filepath.Join(dir, ".clock"))
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func mustRun(t testing.TB, want int, dir, name string, args ...string) string {
	t.Helper()
	out, errs, code := program(t, dir, "", name, args...)
	if code != want {
		t.Fatalf("%s %v: exit code %d, want %d\n%s%s", name, args, code, want, out, errs)
	}
	return out
}

// operatorOf makes an operator with the cards of a roster, published and synced.
func operatorOf(t testing.TB, rosterFile string, issueArgs ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := setClock(dir, "2026-11-21T10:00:00+01:00"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, dir, "sceau", "init", "operator", "--insurer", "775670482", "--name", "Mutuelle Exemple")
	if _, errs, code := program(t, dir, "", "sceau", "import", "operator", rosterFile); code != 0 && code != 3 {
		t.Fatalf("import: %d: %s", code, errs)
	}
	mustRun(t, 0, dir, "sceau", append([]string{"issue", "operator", "--all", "--out", "cards"}, issueArgs...)...)
	mustRun(t, 0, dir, "sceau", "publish", "operator", "--to", "public")
	mustRun(t, 0, dir, "comptoir", "sync", "counter", "--from", "public")
	return dir
}

// contractsOf reads the roster with the package that documents it; what a card must say follows from it alone.
func contractsOf(t testing.TB, file string) map[string]rights.Contract {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := roster.Read(f, roster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]rights.Contract{}
	for {
		c, _, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out[c.Adherent] = c
	}
}

// expected derives the verdict for PHAR on a day from the contract, by rules written down here once more.
func expected(c rights.Contract, day rights.Date) string {
	if day < c.From {
		return "NOT_YET"
	}
	if day > c.To {
		return "EXPIRED"
	}
	covered, request := 0, false
	for _, b := range c.Beneficiaries {
		g, ok := b.Guarantees["PHAR"]
		if ok && g.Kind != rights.None && day >= b.From && (b.To == 0 || day <= b.To) {
			covered++
			request = request || g.Kind == rights.PEC
		}
	}
	switch {
	case covered == 0:
		return "NOT_COVERED"
	case covered < len(c.Beneficiaries):
		return "CHOOSE_PERSON"
	case request:
		return "OK_PEC"
	}
	return "OK"
}

// TestSampleOnPaper prints every card of the sample, reads it back from the page as a scanner would, and asks the counter.
func TestSampleOnPaper(t *testing.T) {
	needTools(t, "pdftoppm", "pdftotext", "zbarimg", "qpdf")
	sample, err := filepath.Abs("../fixtures/sample/roster.csv")
	if err != nil {
		t.Fatal(err)
	}
	contracts := contractsOf(t, sample)
	day, err := rights.ParseDate("2027-03-02")
	if err != nil {
		t.Fatal(err)
	}
	for _, layout := range []string{"a4", "card"} {
		t.Run(layout, func(t *testing.T) {
			dir := operatorOf(t, sample, "--layout", layout)
			names, err := filepath.Glob(filepath.Join(dir, "cards", "*.pdf"))
			if err != nil || len(names) < 450 {
				t.Fatalf("%d cards, %v", len(names), err)
			}
			step := 1
			if layout == "card" || testing.Short() {
				step = 20 // the letter is what is posted; the small card shows the same symbol
			}
			var input strings.Builder
			var want []string
			var mu sync.Mutex
			var group sync.WaitGroup
			slots := make(chan struct{}, runtime.GOMAXPROCS(0))
			for i := 0; i < len(names); i += step {
				group.Add(1)
				slots <- struct{}{}
				go func() {
					defer func() { <-slots; group.Done() }()
					code, reason, err := readPaper(names[i], contracts, day)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Errorf("%s: %v", filepath.Base(names[i]), err)
						return
					}
					input.WriteString(code + "\n")
					want = append(want, reason)
				}()
			}
			group.Wait()
			out, errs, _ := program(t, dir, input.String(), "comptoir", "verify", "counter", "--json", "--domain", "PHAR", "--on", day.String())
			count := map[string]int{}
			dec := json.NewDecoder(strings.NewReader(out))
			for i := range want {
				var v struct{ Reason string }
				if err := dec.Decode(&v); err != nil {
					t.Fatalf("verdict %d of %d: %v\n%s", i, len(want), err, errs)
				}
				if v.Reason != want[i] {
					t.Errorf("verdict %d: %s, want %s", i, v.Reason, want[i])
				}
				count[v.Reason]++
			}
			if dec.More() || count["OK"] < len(want)/2 {
				t.Errorf("%d verdicts wanted, %v", len(want), count)
			}
			t.Logf("count: %d cards on paper (%s), read at 200 and 300 dpi: %v", len(want), layout, count)
		})
	}
}

// readPaper checks one printed card with the tools of others and returns the code that a scanner reads on it, the same at
// both resolutions, and the verdict that it must get.
func readPaper(file string, contracts map[string]rights.Contract, day rights.Date) (code, reason string, err error) {
	if out, err := exec.Command("qpdf", "--check", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
		return "", "", fmt.Errorf("qpdf: %v %s", err, out)
	}
	for _, dpi := range []string{"200", "300"} {
		text, err := scanPages(file, dpi)
		if err != nil {
			return "", "", err
		}
		if code != "" && code != text {
			return "", "", fmt.Errorf("reads differently at %s dpi", dpi)
		}
		code = text
	}
	typed, err := os.ReadFile(strings.TrimSuffix(file, ".pdf") + ".txt")
	if err != nil || strings.TrimSpace(string(typed)) != code {
		return "", "", fmt.Errorf("the code text beside it is another: %v", err)
	}
	u, err := card.Parse(code)
	if err != nil {
		return "", "", err
	}
	claims := u.PeekUnsafe()
	c, ok := contracts[claims.Adherent]
	if !ok {
		return "", "", fmt.Errorf("contract %s is not in the roster", claims.Adherent)
	}
	return code, expected(c, day), sameOnPaper(file, c, claims.Place)
}

// scanPages renders the pages in grey and reads the one code on them.
func scanPages(file, dpi string) (string, error) {
	images, err := os.MkdirTemp("", "pages")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(images)
	if out, err := exec.Command("pdftoppm", "-gray", "-r", dpi, file, filepath.Join(images, "p")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("pdftoppm: %v %s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(images, "*.pgm"))
	if err != nil {
		return "", err
	}
	// A page without a code makes zbarimg exit with 4: only what it read counts.
	out, _ := exec.Command("zbarimg", append([]string{"--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"}, pages...)...).Output()
	codes := strings.Fields(string(out))
	if len(codes) != 1 {
		return "", fmt.Errorf("%d codes read at %s dpi", len(codes), dpi)
	}
	return codes[0], nil
}

// sameOnPaper checks that the page shows what the contract says: every name, birth date, value and number.
func sameOnPaper(file string, c rights.Contract, place card.Place) error {
	out, err := exec.Command("pdftotext", "-layout", file, "-").Output()
	if err != nil {
		return err
	}
	page := squeeze(string(out))
	want := []string{place.String(), string(c.Insurer), c.Adherent, c.From.French(), c.To.French()}
	for _, b := range c.Beneficiaries {
		want = append(want, strings.Fields(b.Nom+" "+b.Prenom)...)
		want = append(want, b.Birth.French())
		for domain, g := range b.Guarantees {
			want = append(want, domain)
			if g.Kind != rights.None {
				want = append(want, strings.Fields(g.String())...) // a narrow cell puts circuits above the value
			}
		}
	}
	for _, w := range want {
		if !strings.Contains(page, squeeze(w)) {
			return fmt.Errorf("the page does not show %q", w)
		}
	}
	return nil
}

// squeeze drops white space and line-end hyphenation, which a page may put where it likes.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }
