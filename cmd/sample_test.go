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

// needTools fails where a peer is missing: nothing may hide behind a tool that was not installed.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			t.Fatalf("%s is missing: scripts/setup test installs it", n)
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

// question is a domain and a day of care.
type question struct{ domain, day string }

// questions reach every verdict that an unrevoked card can get.
var questions = []question{{"PHAR", "2027-03-02"}, {"PHAR", "2027-01-10"}, {"PHAR", "2026-12-31"}, {"PHAR", "2028-01-01"},
	{"PHAR", "2027-12-20"}, {"OPTI", "2027-03-02"}, {"DENT", "2027-03-02"}, {"CURE", "2027-03-02"}, {"AUDI", "2027-11-30"}}

// expected derives the verdict from the contract, by rules written down here once more.
func expected(c rights.Contract, domain string, day rights.Date) string {
	if day < c.From {
		return "NOT_YET"
	}
	if day > c.To {
		return "EXPIRED"
	}
	covered, request := 0, false
	for _, b := range c.Beneficiaries {
		g, ok := b.Guarantees[domain]
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
	for _, layout := range []string{"a4", "card"} {
		t.Run(layout, func(t *testing.T) {
			dir := operatorOf(t, sample, "--layout", layout)
			names, err := filepath.Glob(filepath.Join(dir, "cards", "*.pdf"))
			if err != nil || len(names) < 450 {
				t.Fatalf("%d cards, %v", len(names), err)
			}
			step := 1
			if testing.Short() {
				step = 20
			}
			var read []paper
			var mu sync.Mutex
			var group sync.WaitGroup
			slots := make(chan struct{}, runtime.GOMAXPROCS(0))
			for i := 0; i < len(names); i += step {
				group.Add(1)
				slots <- struct{}{}
				go func() {
					defer func() { <-slots; group.Done() }()
					p, err := readPaper(names[i], layout == "a4", contracts)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Errorf("%s: %v", filepath.Base(names[i]), err)
						return
					}
					read = append(read, p)
				}()
			}
			group.Wait()
			count := map[string]int{}
			for _, q := range questions {
				for reason, n := range askAll(t, dir, read, q) {
					count[reason] += n
				}
			}
			t.Logf("count: %d cards on paper (%s), read at 200 and 300 dpi; %d questions: %v", len(read), layout, len(questions), count)
			if len(count) < 6 {
				t.Errorf("only these verdicts were met: %v", count)
			}
		})
	}
}

// askAll asks the counter one question about every card and compares each answer with the contract.
func askAll(t *testing.T, dir string, read []paper, q question) map[string]int {
	t.Helper()
	day, err := rights.ParseDate(q.day)
	if err != nil {
		t.Fatal(err)
	}
	var input strings.Builder
	for _, p := range read {
		input.WriteString(p.code + "\n")
	}
	out, errs, _ := program(t, dir, input.String(), "comptoir", "verify", "counter", "--json", "--domain", q.domain, "--on", q.day)
	count := map[string]int{}
	dec := json.NewDecoder(strings.NewReader(out))
	for i, p := range read {
		var v struct{ Reason string }
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("verdict %d of %d: %v\n%s", i, len(read), err, errs)
		}
		if want := expected(p.contract, q.domain, day); v.Reason != want {
			t.Errorf("%s on %s, verdict %d: %s, want %s", q.domain, q.day, i, v.Reason, want)
		}
		count[v.Reason]++
	}
	if dec.More() {
		t.Errorf("more verdicts than the %d cards", len(read))
	}
	return count
}

// paper is a printed card as a scanner reads it, and the contract that it was made from.
type paper struct {
	code     string
	contract rights.Contract
}

// readPaper checks one printed card with the tools of others and returns the code that a scanner reads on it, the same at
// both resolutions: on the whole page, and, where the card is cut out of a letter, on the card alone at the finer one.
func readPaper(file string, cut bool, contracts map[string]rights.Contract) (paper, error) {
	var code string
	if out, err := exec.Command("qpdf", "--check", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
		return paper{}, fmt.Errorf("qpdf: %v %s", err, out)
	}
	for _, dpi := range []int{200, 300} {
		text, err := scanPages(file, dpi, cut && dpi == 300)
		if err != nil {
			return paper{}, err
		}
		if code != "" && code != text {
			return paper{}, fmt.Errorf("reads differently at %d dpi", dpi)
		}
		code = text
	}
	typed, err := os.ReadFile(strings.TrimSuffix(file, ".pdf") + ".txt")
	if err != nil || strings.TrimSpace(string(typed)) != code {
		return paper{}, fmt.Errorf("the code text beside it is another: %v", err)
	}
	u, err := card.Parse(code)
	if err != nil {
		return paper{}, err
	}
	claims := u.PeekUnsafe()
	c, ok := contracts[claims.Adherent]
	if !ok {
		return paper{}, fmt.Errorf("contract %s is not in the roster", claims.Adherent)
	}
	return paper{code, c}, sameOnPaper(file, c, claims.Place)
}

// scanPages renders the pages in grey, or of a letter only the card to cut out, and reads the one code on them.
func scanPages(file string, dpi int, cut bool) (string, error) {
	images, err := os.MkdirTemp("", "pages")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(images)
	args := []string{"-gray", "-r", fmt.Sprint(dpi)}
	if cut {
		for i, mm := range []int{19, 175, 172, 110} {
			args = append(args, []string{"-x", "-y", "-W", "-H"}[i], fmt.Sprint(mm*dpi*10/254))
		}
	}
	if out, err := exec.Command("pdftoppm", append(args, file, filepath.Join(images, "p"))...).CombinedOutput(); err != nil {
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
		return "", fmt.Errorf("%d codes read at %d dpi", len(codes), dpi)
	}
	return codes[0], nil
}
