// The rights service from both ends: real sceau serve, real comptoir, the line between them cut, lied to and brought back.

package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// station is an operator's service and one pharmacy.
type station struct {
	*shop
	work, operator string
	listen         string // address and port, the same after each start
	public         string // origin
	env            []string
	serving        *process
	spare          []string // card numbers, used up one by one
}

// newStation makes an operator, its cards and a counter, and opens the service.
func newStation(t *testing.T, env ...string) *station {
	t.Helper()
	s := &station{shop: newShop(t), listen: freeAddress(t)}
	s.work = filepath.Dir(s.dir)
	s.operator, s.public = filepath.Join(s.work, "operator"), "http://"+s.listen
	s.env = append(env, "SCEAU_PUBLISH_EVERY=0s")
	for number := range s.cards {
		s.spare = append(s.spare, number)
	}
	slices.Sort(s.spare)
	s.serve(t)
	return s
}

// freeAddress is one that nobody listens on now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// serve opens the service, and waits until it is ready.
func (s *station) serve(t *testing.T, args ...string) {
	t.Helper()
	s.serving = s.open(t, s.operator, s.listen, s.public, args...)
}

func (s *station) open(t *testing.T, operator, listen, public string, args ...string) *process {
	t.Helper()
	args = append([]string{"serve", operator, "--listen", listen, "--admin-listen", "off", "--public-url", public}, args...)
	p := begin(t, s.work, s.env, filepath.Join(bin, "sceau"), args...)
	eventually(t, 30*time.Second, "a service that listens", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("serve ended: %s%s", p.out.String(), p.errs.String())
		default:
		}
		return strings.Contains(p.out.String(), "listening on")
	})
	return p
}

// kill ends the service as a power cut does.
func (s *station) kill() {
	_ = s.serving.Process.Kill()
	<-s.serving.ended
}

// card takes a card that no test has used.
func (s *station) card(t testing.TB) string {
	t.Helper()
	for len(s.spare) > 0 {
		number := s.spare[0]
		s.spare = s.spare[1:]
		if d := s.verify(t, s.dir, number, "--offline"); d.Status == "valid" && d.Payment != nil {
			return number
		}
	}
	t.Fatal("no card left")
	return ""
}

// said is what comptoir verify --json says, as far as these tests look.
type said struct {
	Status, Reason, Mode, Receipt, Since string
	Rescue                               string `json:"rescue_reason"`
	Invoice                              string `json:"invoice_number"`
	Accord                               *struct {
		Number  string
		Changed bool
	}
	Told *struct {
		Accord string
	} `json:"told_online"`
	Payment *struct{ Until string }
	raw     string
}

func (s *station) verify(t testing.TB, counter, number string, args ...string) said {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "comptoir"), append([]string{"verify", counter, "--json", "--domain", "PHAR"}, args...)...)
	c.Env, c.Stdin = s.shop.env, strings.NewReader(s.cards[number]+"\n")
	var errs bytes.Buffer
	c.Stderr = &errs
	out, _ := c.Output() // the exit code is the verdict's
	d := said{raw: string(out)}
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}
	return d
}

// is wants a status, a reason, a mode and a rescue.
func (d said) is(t testing.TB, status, reason, mode, rescue string) said {
	t.Helper()
	if d.Status != status || d.Reason != reason || d.Mode != mode || d.Rescue != rescue {
		t.Errorf("%s %s %s %q, want %s %s %s %q\n%s", d.Status, d.Reason, d.Mode, d.Rescue, status, reason, mode, rescue, d.raw)
	}
	return d
}

// enrol makes a counter's folder one of the service's.
func (s *station) enrol(t testing.TB, counter string, args ...string) (id string) {
	t.Helper()
	var invited struct{ Text, Code string }
	must(t, json.Unmarshal(s.run(t, 0, "sceau", "counter", "invite", s.operator, "--finess", "600100713", "--profession", "pharmacie", "--networks", "SP", "--address", s.public, "--json"), &invited))
	s.run(t, 0, "comptoir", append([]string{"enroll", counter, invited.Text}, args...)...)
	// The code is used up.
	s.run(t, 1, "comptoir", append([]string{"enroll", filepath.Join(s.work, "thief"), invited.Text}, args...)...)
	for _, line := range bytes.Split(bytes.TrimSpace(s.run(t, 0, "sceau", "counter", "list", s.operator, "--json")), []byte("\n")) {
		var c struct{ Counter, ID string }
		must(t, json.Unmarshal(line, &c))
		if id = c.Counter + c.ID; id == "" {
			t.Fatalf("no id: %s", line)
		}
	}
	return id
}

// traced says whether the register holds an accord's trace.
func (s *station) sound(t testing.TB) {
	t.Helper()
	s.run(t, 0, "sceau", "fsck", s.operator)
	s.run(t, 0, "sceau", "audit", "verify", s.operator)
}

// A day at the counter: online, rights that changed, a revocation before its list, a power cut, the way back, and what is paid.
func TestServeDay(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	s.enrol(t, s.dir)
	must(t, setClock(s.work, "2027-03-02T10:05:00+01:00")) // some minutes after the lists
	first := s.card(t)
	d := s.verify(t, s.dir, first).is(t, "valid", "OK", "online", "")
	if d.Accord == nil || d.Invoice != d.Accord.Number || d.Accord.Changed || d.Receipt == "" {
		t.Errorf("%s", d.raw)
	}

	// The contract changes in the register: the next question says so, and the card does not.
	roster, err := os.ReadFile("../fixtures/sample/roster.csv")
	must(t, err)
	changed := strings.ReplaceAll(strings.ReplaceAll(string(roster), ";100/65/15;", ";200%;"), "\r\n", "\n")
	must(t, os.WriteFile(filepath.Join(s.work, "changed.csv"), []byte(changed), 0o600))
	s.run(t, 3, "sceau", "import", s.operator, filepath.Join(s.work, "changed.csv"))
	before := d
	d = s.verify(t, s.dir, first).is(t, "valid", "OK", "online", "")
	if !d.Accord.Changed && strings.Contains(before.raw, "100/65/15") || strings.Contains(before.raw, "100/65/15") && !strings.Contains(d.raw, "200%") {
		t.Errorf("the value is not that of now: %s", d.raw)
	}

	// Revoked, and not published: online knows it at once; who must rely on the list can't, and what it promised is paid.
	told, untold := s.card(t), s.card(t)
	s.run(t, 0, "sceau", "revoke", s.operator, "--card", told, "--card", untold)
	d = s.verify(t, s.dir, told).is(t, "refused", "REVOKED", "online", "")
	if d.Payment != nil {
		t.Errorf("a promise on a revoked card: %s", d.raw)
	}
	s.kill()
	d = s.verify(t, s.dir, untold).is(t, "valid", "OK", "offline", "unreachable")
	if d.Receipt == "" || d.Payment == nil || d.Accord != nil {
		t.Errorf("%s", d.raw)
	}
	offline := d.Receipt
	if d := s.verify(t, s.dir, told); d.Status != "refused" || d.Mode != "offline" || d.Told == nil {
		t.Errorf("what the service said is forgotten: %s", d.raw)
	}
	s.run(t, 1, "comptoir", "journal", "send", s.dir)

	// The power is back.
	s.serve(t)
	var sent struct {
		OK                              bool
		Sent, Honoured, Disputed, Noted int
		Alarms                          []any
	}
	must(t, json.Unmarshal(s.run(t, 0, "comptoir", "journal", "send", s.dir, "--json"), &sent))
	if !sent.OK || sent.Disputed != 0 || sent.Honoured < 3 || sent.Sent != sent.Honoured+sent.Noted || len(sent.Alarms) != 0 {
		t.Errorf("%+v", sent)
	}
	if shown := string(s.run(t, 0, "comptoir", "journal", "show", s.dir, offline, "--json")); !strings.Contains(shown, `"settled":{"answer":"honoured"`) {
		t.Errorf("the receipt of the outage: %s", shown)
	}
	for _, line := range strings.Split(string(s.run(t, 0, "comptoir", "journal", "list", s.dir)), "\n") {
		if strings.HasPrefix(line, offline) && !strings.Contains(line, "paiement confirmé") {
			t.Errorf("the list of the journal: %s", line)
		}
	}
	must(t, json.Unmarshal(s.run(t, 0, "comptoir", "journal", "send", s.dir, "--json"), &sent))
	if sent.Sent != 0 {
		t.Errorf("%d entries sent twice", sent.Sent)
	}
	s.verify(t, s.dir, untold).is(t, "refused", "REVOKED", "online", "")
	s.sound(t)
	if out := s.run(t, 0, "sceau", "report", s.operator, "served", "--json"); len(out) == 0 {
		t.Error("no report")
	}
}

// A counter whose credential is withdrawn: refused at once, and its lists go on (T03).
func TestServeRevokedCounter(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	id := s.enrol(t, s.dir)
	number := s.card(t)
	s.verify(t, s.dir, number).is(t, "valid", "OK", "online", "")
	s.run(t, 0, "sceau", "counter", "suspend", s.operator, id)
	must(t, setClock(s.work, "2027-03-02T10:01:00+01:00")) // the service remembers a counter for a second
	eventually(t, 10*time.Second, "a suspended counter", func() bool { return s.verify(t, s.dir, number).Rescue == "suspended" })
	s.run(t, 0, "sceau", "counter", "restore", s.operator, id)
	must(t, setClock(s.work, "2027-03-02T10:02:00+01:00"))
	eventually(t, 10*time.Second, "a restored counter", func() bool { return s.verify(t, s.dir, number).Mode == "online" })
	s.run(t, 0, "sceau", "counter", "revoke", s.operator, id, "--why", "stolen")
	must(t, setClock(s.work, "2027-03-02T10:03:00+01:00"))
	eventually(t, 10*time.Second, "a revoked counter", func() bool { return s.verify(t, s.dir, number).Rescue == "revoked" })
	s.verify(t, s.dir, number).is(t, "valid", "OK", "offline", "revoked")
	s.run(t, 1, "comptoir", "journal", "send", s.dir)
	s.run(t, 0, "comptoir", "sync", s.dir, "--from", s.public+"/repo")
	s.verify(t, s.dir, number).is(t, "valid", "OK", "offline", "revoked")
	// Nobody gives it back: revoked is for good.
	if code := exitCode(s.shop, "sceau", "counter", "restore", s.operator, id); code == 0 {
		t.Error("a revoked counter was restored")
	}
	s.sound(t)
}

func exitCode(s *shop, name string, args ...string) int {
	c := exec.Command(filepath.Join(bin, name), args...)
	c.Env = s.env
	_ = c.Run()
	return c.ProcessState.ExitCode()
}

// A hotel's sign-in page answers in the place of the service: nothing of it is believed, and the list answers.
func TestServeCaptivePortal(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	s.enrol(t, s.dir)
	number := s.card(t)
	s.kill()
	l, err := net.Listen("tcp", s.listen)
	must(t, err)
	portal := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html><form>Bienvenue ! Votre chambre ?</form></html>")
	})}}
	portal.Start()
	s.verify(t, s.dir, number).is(t, "valid", "OK", "offline", "not_the_service")
	s.run(t, 1, "comptoir", "journal", "send", s.dir)
	s.run(t, 1, "comptoir", "sync", s.dir, "--from", s.public+"/repo")
	portal.Close()
	s.serve(t)
	s.verify(t, s.dir, number).is(t, "valid", "OK", "online", "")
}

// TLS with the operator's own authority: believed when the counter was given its certificate, and not otherwise.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	needTools(t, "openssl")
	s := newStation(t)
	s.kill()
	cert, key := filepath.Join(s.work, "cert.pem"), filepath.Join(s.work, "key.pem")
	c := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	s.public = "https://" + s.listen
	s.env = append(s.env, "SCEAU_TLS_CERTIFICATE="+cert, "SCEAU_TLS_KEY="+key)
	s.serve(t)
	number := s.card(t)
	other := filepath.Join(s.work, "other")
	var invited struct{ Text string }
	must(t, json.Unmarshal(s.run(t, 0, "sceau", "counter", "invite", s.operator, "--finess", "600100713", "--profession", "pharmacie", "--address", s.public, "--json"), &invited))
	s.run(t, 1, "comptoir", "enroll", other, invited.Text)
	s.enrol(t, s.dir, "--ca", cert)
	s.verify(t, s.dir, number).is(t, "valid", "OK", "online", "")
}

// A backup made while the service works, restored into an empty folder and served: counters go on with it.
func TestServeRecovered(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	s.enrol(t, s.dir)
	number := s.card(t)
	s.verify(t, s.dir, number).is(t, "valid", "OK", "online", "")
	file := filepath.Join(s.work, "backup.age")
	s.run(t, 0, "sceau", "backup", s.operator, "--to", file)
	// Afterwards another publication is made, which the backup does not have.
	must(t, setClock(s.work, "2027-03-02T11:00:00+01:00"))
	s.run(t, 0, "sceau", "publish", s.operator, "--to", filepath.Join(s.work, "public"))
	s.run(t, 0, "comptoir", "sync", s.dir)
	s.kill()
	passphrase := filepath.Join(s.operator, "passphrase")
	restored := filepath.Join(s.work, "restored")
	s.shop.env = append(s.shop.env, "SCEAU_PASSPHRASE_FILE="+passphrase)
	s.env = append(s.env, "SCEAU_PASSPHRASE_FILE="+passphrase)
	s.run(t, 3, "sceau", "recover", file, restored, "--public", filepath.Join(s.work, "public"))
	s.operator = restored
	s.serve(t)
	s.verify(t, s.dir, number).is(t, "valid", "OK", "online", "")
	// Its lists are older than those that the counter has: refused, and the newer ones stay.
	if code := exitCode(s.shop, "comptoir", "sync", s.dir, "--from", s.public+"/repo"); code == 0 {
		t.Error("an older list was taken")
	}
	s.sound(t)
}

// stop tells the service to end in order.
func (s *station) stop(t testing.TB) {
	t.Helper()
	must(t, s.serving.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.serving.ended:
	case <-time.After(40 * time.Second):
		t.Fatal("the service does not end")
	}
	if code := s.serving.ProcessState.ExitCode(); code != 0 {
		t.Errorf("serve ended with %d: %s", code, s.serving.errs.String())
	}
}
