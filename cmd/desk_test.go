package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pharmacy is a counter with one card of each of two households, a clock, and a folder whose name has blanks and accents.
type pharmacy struct {
	dir, data string
	codes     []string // code texts
	cards     []string // paths of the cards' files, without ending
}

const twoHouseholds = `amc;adherent;convention;csr;responsable;debut;fin;nir;nom;prenom;naissance;rang;PHAR;LABO
775670482;0012284;SP;;O;01/01/2027;31/12/2027;;LEFÈVRE;Zoé;03/04/1981;1;SP 100%;
775670482;7700001;SP;;O;01/01/2027;31/12/2027;;GARNIER;Anne;30/11/1990;1;SP 100%;100%
`

func newPharmacy(t testing.TB) *pharmacy {
	t.Helper()
	return pharmacyOf(t, ownFolder(t), twoHouseholds)
}

func pharmacyOf(t testing.TB, dir, roster string) *pharmacy {
	t.Helper()
	must(t, setClock(dir, "2027-03-02T10:00:00+01:00"))
	must(t, os.WriteFile(filepath.Join(dir, "roster.csv"), []byte(roster), 0o600))
	mustRun(t, 0, dir, "sceau", initArgs...)
	mustRun(t, 0, dir, "sceau", "import", "operator", "roster.csv")
	mustRun(t, 0, dir, "sceau", "issue", "operator", "--all", "--out", "cards")
	mustRun(t, 0, dir, "sceau", "publish", "operator", "--to", "public")
	p := &pharmacy{dir: dir, data: filepath.Join(dir, "données du comptoir n°1")}
	mustRun(t, 0, dir, "comptoir", "sync", p.data, "--from", "public")
	names, err := filepath.Glob(filepath.Join(dir, "cards", "*.txt"))
	must(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		must(t, err)
		p.codes = append(p.codes, strings.TrimSpace(string(text)))
		p.cards = append(p.cards, strings.TrimSuffix(name, ".txt"))
	}
	if len(p.codes) == 0 {
		t.Fatal("no card")
	}
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// process is a program under way.
type process struct {
	*exec.Cmd
	out, errs lockedBuffer
	ended     chan struct{}
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// begin starts comptoir on the pharmacy's folder. It is killed with the test.
func (p *pharmacy) begin(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return begin(t, p.dir, append(env, "COMPTOIR_DIR="+p.data), filepath.Join(bin, "comptoir"), args...)
}

func begin(t testing.TB, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	c := &process{Cmd: exec.Command(name, args...), ended: make(chan struct{})}
	c.Dir = dir
	c.Env = append(append(os.Environ(), "SCEAU_CLOCK="+filepath.Join(dir, ".clock")), env...)
	c.Stdout, c.Stderr = &c.out, &c.errs
	c.WaitDelay = 5 * time.Second // what the program started may hold them open
	must(t, c.Start())
	go func() {
		c.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		c.Process.Kill()
		<-c.ended
	})
	return c
}

// eventually polls until ok, or fails the test after a while.
// ownFolder is a TempDir that waits to be empty: what a killed desk had started (compiling the picture reader) ends a little later.
func ownFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "comptoir")
	must(t, err)
	t.Cleanup(func() {
		eventually(t, 30*time.Second, "an empty folder", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func (c *process) done() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// exits waits for the end of the program, which must be with that code.
func (c *process) exits(t testing.TB, code int, within time.Duration) {
	t.Helper()
	eventually(t, within, "the program's end\n"+c.out.String()+c.errs.String(), c.done)
	if got := c.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, want %d\n%s%s", got, code, c.out.String(), c.errs.String())
	}
}

// desk is an open desk, as pharmacy software sees it.
type desk struct {
	*process
	url, token string
}

type discovery struct{ Port, PID int }

func discover(data string) (d discovery, ok bool) {
	b, err := os.ReadFile(filepath.Join(data, "desk.json"))
	return d, err == nil && json.Unmarshal(b, &d) == nil && d.Port > 0
}

func (p *pharmacy) open(t testing.TB, args ...string) *desk {
	t.Helper()
	c := p.begin(t, nil, append([]string{"--no-window"}, args...)...)
	return p.meet(t, c)
}

// meet waits until the desk of a program answers.
func (p *pharmacy) meet(t testing.TB, c *process) *desk {
	t.Helper()
	d := &desk{process: c}
	eventually(t, 20*time.Second, "the desk", func() bool {
		if c.done() {
			t.Fatalf("the desk ended\n%s%s", c.out.String(), c.errs.String())
		}
		info, ok := discover(p.data)
		if !ok || info.PID != c.Process.Pid {
			return false
		}
		d.url = fmt.Sprintf("http://127.0.0.1:%d", info.Port)
		b, err := os.ReadFile(filepath.Join(p.data, "api-token"))
		d.token = strings.TrimSpace(string(b))
		return err == nil
	})
	return d
}

// answer is what tests read of a verdict.
type answer struct {
	Status, Reason, Receipt, Unrecorded, Misread string
	Domain, Care                                 string
	Person                                       int `json:"beneficiary"`
	Recorded                                     bool
	People                                       []struct{ Nom string }
}

// verify asks by the interface for software.
func (d *desk) verify(t testing.TB, contentType string, body []byte) answer {
	t.Helper()
	a, err := d.ask(contentType, body)
	must(t, err)
	return a
}

func (d *desk) ask(contentType string, body []byte) (a answer, err error) {
	r, err := http.NewRequest("POST", d.url+"/v1/verify", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", contentType)
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	w, err := client.Do(r)
	if err != nil {
		return a, err
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode != 200 {
		err = fmt.Errorf("status %d: %s", w.StatusCode, b)
	}
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	return a, err
}

func asked(code string) []byte {
	b, _ := json.Marshal(map[string]string{"code": code, "domain": "PHAR"})
	return b
}

// stop asks the program to end, as a session that closes does.
func (d *desk) stop(t testing.TB) {
	t.Helper()
	must(t, d.Process.Signal(syscall.SIGTERM))
	d.exits(t, 0, 10*time.Second)
}

func TestDeskOpensAndEnds(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	start := time.Now()
	d := p.open(t)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the desk was open after %v", took)
	} else {
		t.Logf("count: desk open %v after its start", took.Round(time.Millisecond))
	}
	a := d.verify(t, "application/json", asked(p.codes[0]))
	if a.Status != "valid" || !a.Recorded || a.Receipt == "" {
		t.Errorf("%+v", a)
	}
	png, err := os.ReadFile(p.cards[1] + ".png")
	must(t, err)
	if a := d.verify(t, "image/png", png); a.Status != "valid" || !a.Recorded {
		t.Errorf("a picture: %+v", a)
	}
	for _, name := range []string{"desk.json", "api-token", "desk.lock", "desk.log", "journal.db", "counter.db"} {
		info, err := os.Stat(filepath.Join(p.data, name))
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
	address := strings.TrimSpace(d.out.String())
	if !strings.HasPrefix(address, d.url+"/open/") || strings.Contains(address, "\n") {
		t.Errorf("printed %q", address)
	}
	log, err := os.ReadFile(filepath.Join(p.data, "desk.log"))
	must(t, err)
	for _, secret := range []string{d.token, strings.TrimPrefix(address, d.url+"/open/"), p.codes[0]} {
		if strings.Contains(string(log), secret) {
			t.Error("the log holds a secret")
		}
	}
	d.stop(t)
	if _, ok := discover(p.data); ok {
		t.Error("desk.json was left behind")
	}
	out, errs, code := program(t, p.dir, "", "comptoir", "journal", "verify", p.data)
	if code != 0 || !strings.Contains(out, "2 vérifications") {
		t.Errorf("%s%s", out, errs)
	}
}

// A list that is synchronised by another program is answered from at once, and one that was set aside is found again.
func TestDeskSeesChanges(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	d := p.open(t)
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Status != "valid" {
		t.Fatalf("%+v", a)
	}
	mustRun(t, 0, p.dir, "sceau", "revoke", "operator", "--card", filepath.Base(p.cards[0]), "--from", "2027-03-01")
	mustRun(t, 0, p.dir, "sceau", "publish", "operator", "--to", "public")
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data)
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Reason != "REVOKED" {
		t.Errorf("after a sync by another program: %+v", a)
	}
	if info, err := os.Stat(filepath.Join(p.data, "counter.db-wal")); err == nil && info.Size() > 4<<20 {
		t.Errorf("the write-ahead log grew to %d bytes", info.Size())
	}
	must(t, os.Rename(filepath.Join(p.data, "counter.db"), filepath.Join(p.data, "gone.db")))
	for _, rest := range []string{"-wal", "-shm"} {
		os.Remove(filepath.Join(p.data, "counter.db"+rest))
	}
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Status != "unknown" {
		t.Errorf("without any list: %+v", a)
	}
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data, "--from", "public")
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Reason != "REVOKED" {
		t.Errorf("after a new list: %+v", a)
	}
	d.stop(t)
}

// A database that is none is set aside when the desk opens; every card is then unknown, never valid and never refused.
func TestDeskSetsAside(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	must(t, os.WriteFile(filepath.Join(p.data, "counter.db"), []byte("this is no database, whatever its name says"), 0o600))
	d := p.open(t)
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Status != "unknown" {
		t.Errorf("%+v", a)
	}
	if kept, _ := filepath.Glob(filepath.Join(p.data, "counter.db.damaged-*")); len(kept) != 1 {
		t.Errorf("set aside: %v", kept)
	}
	if !strings.Contains(d.errs.String(), "mises de côté") {
		t.Errorf("said %q", d.errs.String())
	}
	mustRun(t, 0, p.dir, "comptoir", "sync", p.data, "--from", "public")
	if a := d.verify(t, "application/json", asked(p.codes[0])); a.Status != "valid" {
		t.Errorf("%+v", a)
	}
	d.stop(t)
}

// TestDeskOnce: the second program says so, ends well, and the first one's window comes up.
func TestDeskOnce(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	b := fakeBrowser(t)
	c := p.begin(t, b.env)
	d := p.meet(t, c)
	eventually(t, 10*time.Second, "the window", func() bool { return len(b.opened(t)) == 1 })
	for n := 2; n <= 4; n++ {
		second := p.begin(t, b.env)
		second.exits(t, 0, 10*time.Second)
		if !strings.Contains(second.out.String(), "déjà ouvert") || strings.Contains(second.out.String(), "http") {
			t.Errorf("said %q", second.out.String())
		}
		eventually(t, 10*time.Second, "another window", func() bool { return len(b.opened(t)) == n })
	}
	seen := map[string]bool{}
	for _, address := range b.opened(t) {
		if !strings.HasPrefix(address, d.url+"/open/") || seen[address] {
			t.Errorf("opened %q", address)
		}
		seen[address] = true
	}
	// Another folder is another desk.
	other := newPharmacy(t)
	other.open(t).stop(t)
	d.stop(t)
	if b.running() {
		t.Error("the window outlived its desk")
	}
}

// TestDeskSquatter: whoever took over the port of a desk that died is never taken for it, and no page is opened there.
func TestDeskSquatter(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	d := p.open(t)
	info, err := os.ReadFile(filepath.Join(p.data, "desk.json"))
	must(t, err)
	d.Process.Kill()
	<-d.ended
	l, err := net.Listen("tcp4", strings.TrimPrefix(d.url, "http://"))
	must(t, err)
	var heard lockedBuffer
	squatter := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(&heard, r.Method, r.URL.Path)
		fmt.Fprint(w, `{"proof":"AAAA","version":"1"}`)
	})}
	go squatter.Serve(l)
	defer squatter.Close()
	b := fakeBrowser(t)
	port := strings.TrimPrefix(d.url, "http://127.0.0.1:")
	c := p.begin(t, b.env, "--port", port)
	again := p.meet(t, c) // the lock died with the first: this one is the desk now
	if again.url == d.url {
		t.Error("shares the port")
	}
	eventually(t, 10*time.Second, "the window", func() bool { return len(b.opened(t)) == 1 })
	if address := b.opened(t)[0]; !strings.HasPrefix(address, again.url+"/open/") {
		t.Errorf("opened %q", address)
	}

	// Positive control, and worse: the file that a second program reads leads to the squatter.
	must(t, os.WriteFile(filepath.Join(p.data, "desk.json"), info, 0o600))
	second := p.begin(t, b.env)
	second.exits(t, 1, 30*time.Second)
	if !strings.Contains(second.errs.String(), "ne répond pas") || len(b.opened(t)) != 1 {
		t.Errorf("said %q, opened %v", second.errs.String(), b.opened(t))
	}
	if !strings.Contains(heard.String(), "POST /instance") {
		t.Errorf("the squatter was asked %q: the test met nothing", heard.String())
	}
	if strings.Contains(heard.String(), "/open/") || strings.Contains(heard.String(), "/s/") {
		t.Errorf("the squatter was shown %q", heard.String())
	}
}

// TestDeskWindow: the desk ends with its window.
func TestDeskWindow(t *testing.T) {
	t.Parallel()
	p := newPharmacy(t)
	b := fakeBrowser(t)
	c := p.begin(t, b.env)
	p.meet(t, c)
	eventually(t, 10*time.Second, "the window", func() bool { return len(b.opened(t)) == 1 })
	args := b.args(t)
	for _, want := range []string{"--user-data-dir=" + filepath.Join(p.data, "window"), "--no-first-run", "--disable-sync", "--disable-component-update"} {
		if !strings.Contains(args, want+"\n") {
			t.Errorf("the browser was started without %s", want)
		}
	}
	// A browser that ends at once could show nothing, and another one is tried: this one has stayed.
	eventually(t, 10*time.Second, "the window's place in the log", func() bool {
		log, _ := os.ReadFile(filepath.Join(p.data, "desk.log"))
		return strings.Contains(string(log), `msg="page opened" own_window=true`)
	})
	b.close(t)
	c.exits(t, 0, 10*time.Second)

	// Nothing to show it with: the address is printed, and the desk works.
	c = p.begin(t, []string{"PATH=" + t.TempDir()})
	d := p.meet(t, c)
	eventually(t, 10*time.Second, "the address", func() bool { return strings.Contains(c.out.String(), d.url+"/open/") })
	d.stop(t)
}

// browser is a program that stands for one: it writes down what it was asked to show, and runs until it is closed.
type fake struct {
	dir string
	env []string
}

func fakeBrowser(t *testing.T) *fake {
	t.Helper()
	f := &fake{dir: t.TempDir()}
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" >>%[1]s/args\nfor a; do case \"$a\" in --app=*) echo \"${a#--app=}\" >>%[1]s/opened;; esac; done\n"+
		"[ -e %[1]s/pid ] && exit 0\necho $$ >%[1]s/pid\nexec sleep 600\n", f.dir)
	must(t, os.WriteFile(filepath.Join(f.dir, "chromium"), []byte(script), 0o700))
	f.env = []string{"PATH=" + f.dir + ":/usr/bin:/bin"}
	t.Cleanup(func() {
		if p := f.process(); p != nil {
			p.Kill()
		}
	})
	return f
}

func (f *fake) opened(t *testing.T) []string {
	t.Helper()
	b, _ := os.ReadFile(filepath.Join(f.dir, "opened"))
	return strings.Fields(string(b))
}

func (f *fake) args(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, "args"))
	must(t, err)
	return string(b)
}

func (f *fake) process() *os.Process {
	b, err := os.ReadFile(filepath.Join(f.dir, "pid"))
	if err != nil {
		return nil
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		return nil
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	return p
}

func (f *fake) running() bool {
	p := f.process()
	return p != nil && p.Signal(syscall.Signal(0)) == nil
}

func (f *fake) close(t *testing.T) {
	t.Helper()
	p := f.process()
	if p == nil {
		t.Fatal("no window")
	}
	must(t, p.Signal(syscall.SIGTERM))
}
