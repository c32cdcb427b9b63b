package cmd

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// canaries are of a person that exists nowhere else.
const canaryRoster = `amc;adherent;convention;csr;responsable;debut;fin;nir;nom;prenom;naissance;rang;PHAR;LABO
775670482;9914483;SP;;O;01/01/2027;31/12/2027;;ZYXWCANARI;Wenceslas;07/07/1977;1;SP 100%;100%
`

var canaries = []string{"ZYXWCANARI", "Wenceslas", "9914483", "07071977", "19770707", "07/07/1977"}

// TestNobodyAtRest checks cards on the command line, from pictures, in the watched folder, by the interface for software and on
// the page in a real browser, kills the desk once, and then looks for the person in every file of the data folder, the browser's
// profile and the temporary folder.
func TestNobodyAtRest(t *testing.T) {
	t.Parallel()
	needTools(t, "chromium")
	p := pharmacyOf(t, ownFolder(t), canaryRoster)
	temp := t.TempDir()
	folder := filepath.Join(p.dir, "exchange")
	must(t, os.Mkdir(folder, 0o700))
	code := p.codes[0]
	run := func(args ...string) {
		t.Helper()
		c := exec.Command(filepath.Join(bin, "comptoir"), args...)
		c.Env = append(os.Environ(), "SCEAU_CLOCK="+filepath.Join(p.dir, ".clock"), "TMPDIR="+temp, "COMPTOIR_DIR="+p.data)
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), canaries[0]) {
			t.Fatalf("%v: %v\n%s", args, err, out) // the person must have been there to leave a trace
		}
	}
	run("verify", p.cards[0]+".txt")
	run("verify", p.cards[0]+".png", "--json")
	run("verify", p.cards[0]+".pdf")

	// A browser as the desk starts it, except that it has no screen and, run by root in a container, no sandbox.
	shell := t.TempDir()
	chromium, err := exec.LookPath("chromium")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(shell, "chromium"), fmt.Appendf(nil, "#!/bin/sh\necho $$ >\"$0.pid\"\nexec %s --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-port=0 \"$@\"\n", chromium), 0o700))
	t.Cleanup(func() { // a window outlives a desk that was killed
		var pid int
		if b, err := os.ReadFile(filepath.Join(shell, "chromium.pid")); err == nil {
			fmt.Sscan(string(b), &pid)
		}
		if pid == 0 {
			return
		}
		syscall.Kill(pid, syscall.SIGTERM)
		eventually(t, wait, "the browser's end", func() bool { return syscall.Kill(pid, 0) != nil })
	})
	c := p.begin(t, []string{"TMPDIR=" + temp, "PATH=" + shell + ":" + os.Getenv("PATH")})
	d := p.meet(t, c)
	if a := d.verify(t, "application/json", asked(code)); len(a.People) != 1 || a.People[0].Nom != canaries[0] {
		t.Fatalf("%+v", a)
	}
	pdf, err := os.ReadFile(p.cards[0] + ".pdf")
	must(t, err)
	d.verify(t, "application/pdf", pdf)
	typeOnPage(t, p, code)
	found := traces(t, p.data, code)
	found = append(found, traces(t, temp, code)...)
	c.Process.Kill() // what a crash leaves
	<-c.ended
	again := p.meet(t, p.begin(t, []string{"TMPDIR=" + temp}, "--no-window"))
	again.verify(t, "application/json", asked(code))
	again.stop(t)
	found = append(found, traces(t, p.data, code)...)
	found = append(found, traces(t, temp, code)...)
	for _, f := range found {
		t.Error(f)
	}
	files := 0
	filepath.WalkDir(p.data, func(_ string, e fs.DirEntry, _ error) error {
		if e != nil && !e.IsDir() {
			files++
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(p.data, "window", "Default")); err != nil {
		t.Error("the browser has no profile: the page was never there")
	}

	// Positive control: the same look finds each canary in each way of writing it.
	for _, canary := range append([]string{code}, canaries...) {
		for n, written := range [][]byte{[]byte(canary), wide(canary), []byte(base64.StdEncoding.EncodeToString([]byte(canary + "...")))} {
			name := filepath.Join(temp, "control")
			must(t, os.WriteFile(name, append([]byte("…"), written...), 0o600))
			if len(traces(t, temp, code)) == 0 {
				t.Errorf("way %d of %s is not found", n, canary)
			}
			must(t, os.Remove(name))
		}
	}
	t.Logf("count: %d files of the data folder and the browser's profile, none names the person", files)
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// traces are the files below dir that name the person, or hold the card's code, from which anybody could.
func traces(t *testing.T, dir, code string) (found []string) {
	t.Helper()
	var needles [][]byte
	for _, c := range append([]string{code, code[8:80]}, canaries...) {
		needles = append(needles, []byte(c), wide(c), []byte(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(c[:len(c)/3*3])), "=")))
	}
	filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		for _, n := range needles {
			if bytes.Contains(b, n) || bytes.Contains([]byte(name), n) {
				found = append(found, fmt.Sprintf("%s holds %q", strings.TrimPrefix(name, dir), n))
			}
		}
		return nil
	})
	return found
}

// typing plays a scanner that is set to a US keyboard, on a computer that has one.
const typing = `((text) => {
  const key = (k, code, shiftKey) => { for (const type of ['keydown', 'keyup']) document.body.dispatchEvent(new KeyboardEvent(type, {key: k, code, shiftKey, bubbles: true, cancelable: true})); };
  for (const c of text) key(c, (c < 'A' ? 'Digit' : 'Key') + c, c >= 'A');
  key('Enter', 'Enter', false);
  return true;
})(%q)`

// typeOnPage types a code on the desk's own page as a scanner does, and waits until the person is on the screen.
func typeOnPage(t *testing.T, p *pharmacy, code string) {
	t.Helper()
	var socket string
	eventually(t, wait, "the browser's port", func() bool {
		b, err := os.ReadFile(filepath.Join(p.data, "window", "DevToolsActivePort"))
		port, path, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
		socket = "ws://127.0.0.1:" + port + path
		return err == nil && ok
	})
	ctx, cancel := remote.NewAllocator(context.Background(), socket)
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, 3*time.Minute)
	defer cancelTime()
	first, cancelFirst := chromedp.NewContext(ctx)
	defer cancelFirst()
	var page target.ID
	eventually(t, wait, "the page", func() bool {
		all, err := chromedp.Targets(first)
		for _, one := range all {
			if one.Type == "page" && strings.Contains(one.URL, "/s/") {
				page = one.TargetID
			}
		}
		return err == nil && page != ""
	})
	tab, _ := chromedp.NewContext(first, chromedp.WithTargetID(page)) // not cancelled: that would close the page
	eventually(t, wait, "the page's keys", func() bool {
		ready, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.readyState === "complete"`))
		return err == nil && ready
	})
	eventually(t, time.Minute, "the person on the screen", func() bool {
		// All at once, in the page: a machine that is busy can't keep a scanner's pace from outside.
		if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](fmt.Sprintf(typing, code))); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			text, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
			must(t, err)
			if strings.Contains(text, canaries[0]) {
				return true
			}
			<-time.After(20 * time.Millisecond)
		}
		return false
	})
}
