// What an enrolment needs of the disk, missing for a while or slow to come.
package comptoir

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sceau/offline/counter"
)

// enrolledWithCA enrols a counter whose service's certificates are in a file.
func enrolledWithCA(t *testing.T) (s *shop, file string, text []byte) {
	t.Helper()
	o, other := newOperator(t), httptest.NewTLSServer(nil)
	other.Close()
	dir := filepath.Join(t.TempDir(), "poste")
	file = filepath.Join(t.TempDir(), "ca.pem")
	text = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := run(t, "", "enroll", dir, o.invitation(), "--ca", file); code != 0 {
		t.Fatal(out)
	}
	s = newShop(dir, silent)
	t.Cleanup(s.close)
	return s, file, text
}

// A file that is away when the program starts, on a share that is not there yet, does not cost the service until the next start.
func TestServiceComesBack(t *testing.T) {
	s, file, text := enrolledWithCA(t)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	all := s.services.current(t.Context())
	if len(all) != 1 || all[0].err == nil {
		t.Fatalf("%+v", all)
	}
	if _, err := s.services.Ask(t.Context(), counter.Enquiry{Root: all[0].Root}); counter.RescueCode(err) != "no_such_file" {
		t.Errorf("%v", err)
	}
	s.services.refresh()
	if again := s.services.current(t.Context()); len(again) != 1 || again[0] != all[0] {
		t.Error("what still fails is another service: the page would be told each time")
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.services.refresh()
	if all = s.services.current(t.Context()); len(all) != 1 || all[0].err != nil || all[0].client == nil {
		t.Errorf("%+v", all[0].err)
	}
}

// A file that takes its time keeps nobody waiting who only passes by: what is written goes on, and so does the next check.
func TestSlowFileHoldsNobody(t *testing.T) {
	s, file, text := enrolledWithCA(t)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.services.current(t.Context())
	if err := syscall.Mkfifo(file, 0o600); err != nil { // opening it waits for who writes
		t.Fatal(err)
	}
	looked := make(chan struct{})
	go func() { s.services.refresh(); close(looked) }()
	for s.services.looking.TryLock() { // until it looks
		s.services.looking.Unlock()
		time.Sleep(time.Millisecond)
	}
	passed := make(chan struct{})
	go func() {
		s.services.kick()
		s.services.current(t.Context())
		close(passed)
	}()
	select {
	case <-passed:
	case <-looked:
		t.Error("the file was read at once: nothing was slow")
	case <-time.After(5 * time.Second):
		t.Error("a check waits for the file")
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	<-looked
	<-passed
}

// The certificates given with --ca are for the service's lists too; without them the error names the flag.
func TestCAServesListsToo(t *testing.T) {
	o := newOperator(t)
	o.server.Close()
	o.server = httptest.NewUnstartedServer(o)
	o.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	o.server.StartTLS()
	t.Cleanup(o.server.Close)
	dir, file := filepath.Join(t.TempDir(), "poste"), filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := run(t, "", "enroll", dir, o.invitation())
	if code == 0 || !strings.Contains(out, "--ca FICHIER") || strings.Contains(out, "liaison") {
		t.Errorf("without --ca: %d %s", code, out)
	}
	if out, code = run(t, "", "enroll", dir, o.invitation(), "--ca", file); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	wants(t, "enroll", out, "ses listes sont suivies depuis "+o.server.URL)
	if out, code = run(t, "", "sync", dir); code != 0 {
		t.Errorf("sync: %d %s", code, out)
	}
	if out, code = run(t, "", "sync", filepath.Join(t.TempDir(), "autre"), "--from", o.server.URL+"/repo"); code == 0 || !strings.Contains(out, "--ca FICHIER") {
		t.Errorf("a counter that is not enrolled: %d %s", code, out)
	}
}
