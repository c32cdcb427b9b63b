// Enrolment and the journal on its way, whatever is cut or forged between.
package liaison_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sceau/card/accord"
	"sceau/offline"
	"sceau/offline/liaison"
	"sceau/offline/receipt"
	"sceau/signing/journal"
)

func TestEnrol(t *testing.T) {
	var code [10]byte
	code[3] = 7
	for name, c := range map[string]struct {
		before func(s *service)
		root   string
		code   string
	}{
		"as invited":            {root: root},
		"by hand":               {},
		"of another root":       {root: strings.Replace(root, "3F0A", "3F0B", 1), code: liaison.CodeOtherRoot},
		"never given":           {before: func(s *service) { s.codes = map[string]bool{} }, code: liaison.CodeCredential + " " + liaison.CodeInvitation},
		"of another counter":    {before: func(s *service) { s.body = func(b map[string]any) { b["counter"] = "AAECAwQFBgg" } }, code: liaison.CodeNotService},
		"a name that is none":   {before: func(s *service) { s.body = func(b map[string]any) { b["name"] = "a\x1b[2Jb" } }, code: liaison.CodeNotService},
		"a FINESS that is none": {before: func(s *service) { s.body = func(b map[string]any) { b["finess"] = "29" } }, code: liaison.CodeNotService},
		"no root":               {before: func(s *service) { s.body = func(b map[string]any) { delete(b, "root") } }, code: liaison.CodeNotService},
		"a root that is none":   {before: says("root", "3F0A 91C4"), code: liaison.CodeNotService},
		"a root in two lines":   {before: says("root", root[:39]+"\n"+root[40:]), code: liaison.CodeNotService},
		"a share for lists":     {before: says("address", `\\192.0.2.7\listes`), code: liaison.CodeNotService},
		"a folder for lists":    {before: says("address", "/mnt/listes"), code: liaison.CodeNotService},
		"lists in the clear":    {before: says("address", "http://droits.example"), code: liaison.CodeNotService},
		"no address":            {before: says("address", ""), code: liaison.CodeNotService},
		"another profession":    {before: says("profession", "a\x1b[2Jb"), code: liaison.CodeNotService},
		"a network of no name":  {before: says("networks", []string{"SP\n"}), code: liaison.CodeNotService},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.codes[accord.CodeText(code)] = true
			if c.before != nil {
				c.before(s)
			}
			s.origin = "https://droits.example"
			if name == "never given" { // the service does not know this key either
				s.down = refuse(s, 403, "invitation")
			}
			f, err := liaison.Enrol(t.Context(), liaison.Options{Address: s.origin, Signer: s.counter, Transport: s}, code, c.root)
			if c.code == "" && (err != nil || f.Counter != s.counter.KID() || f.Name != "Pharmacie du Port" || f.Published() != "https://droits.example/repo/") {
				t.Errorf("%+v %v", f, err)
			}
			if c.code != "" && (err == nil || !strings.Contains(c.code, liaison.CodeOf(err))) {
				t.Errorf("%v, want %s", err, c.code)
			}
			if err != nil && strings.Contains(err.Error(), accord.CodeText(code)) {
				t.Errorf("the error holds the code")
			}
			for _, r := range s.requests() {
				if strings.Contains(r.path, "K7QF") || strings.Contains(r.path, accord.CodeText(code)) {
					t.Errorf("the code stands in an address")
				}
			}
		})
	}
}

// says makes the service say something else of a counter.
func says(member string, value any) func(*service) {
	return func(s *service) { s.body = func(b map[string]any) { b[member] = value } }
}

// A service that is away costs one attempt: only a code that was used up is worth asking who used it.
func TestEnrolAsksOnce(t *testing.T) {
	s := newService(t)
	s.origin = "https://droits.example"
	s.down = refuse(s, 503, "unavailable")
	if _, err := liaison.Enrol(t.Context(), liaison.Options{Address: s.origin, Signer: s.counter, Transport: s}, [10]byte{}, root); liaison.CodeOf(err) != liaison.CodeBusy || len(s.requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests()))
	}
}

// However an address is typed, a request names the service as it names itself.
func TestAddressIsTyped(t *testing.T) {
	for _, typed := range []string{"https://Droits.Example", "HTTPS://droits.example:443/", "https://droits.example:"} {
		s := newService(t)
		c := s.client(t, func(o *liaison.Options) { o.Address = typed })
		if _, _, err := c.Check(t.Context(), enquiry(s)); err != nil {
			t.Errorf("%s: %v", typed, err)
		}
	}
}

// The answer of an enrolment is lost: the same key and code, sent again, are enrolled.
func TestEnrolAgain(t *testing.T) {
	s := newService(t)
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = quiet
	server.Start()
	defer server.Close()
	s.origin = server.URL
	var code [10]byte
	s.codes[accord.CodeText(code)] = true
	s.drop = func() bool { return true }
	o := liaison.Options{Address: server.URL, Signer: s.counter}
	if _, err := liaison.Enrol(t.Context(), o, code, root); err == nil {
		t.Fatal("the answer was lost")
	}
	s.set(func() { s.drop = nil })
	if f, err := liaison.Enrol(t.Context(), o, code, root); err != nil || f.Counter != s.counter.KID() {
		t.Errorf("%+v %v", f, err)
	}
}

const device = "00112233445566778899aabbccddeeff"

// chainOf makes n entries of a chain: checks of cards of one insurer, or of "two insurers" in turn; those of "other" part in the middle.
func chainOf(t testing.TB, n int, salt string) []journal.Entry {
	t.Helper()
	head, err := journal.Start(device)
	if err != nil {
		t.Fatal(err)
	}
	var out []journal.Entry
	for i := range n {
		amc := "775670482"
		if salt == "two insurers" && i%2 == 1 {
			amc = "302976568"
		}
		r := receipt.Receipt{Version: receipt.Version, Card: fmt.Sprintf("%s/3-%d", amc, i), KID: "AAECAwQFBgc", Care: care, Domain: "PHAR",
			Status: offline.Refused, Reason: offline.Expired, List: 3, Revision: uint64(i), Published: time.Unix(1803888000, 0).UTC(), Age: 2 * time.Hour,
			Policy: "0123456789abcdef", Mode: receipt.Offline}
		if salt == "other" && i > n/2 {
			r.Domain = "OPTI"
		}
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		e, err := journal.Append(head, r.Body(), time.Date(2027, 1, 1, 0, 0, i, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
		head = e.Head()
	}
	return out
}

func TestUpload(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	if st, err := c.UploadState(t.Context(), device); err != nil || st.Next != 1 {
		t.Fatalf("%+v %v", st, err)
	}
	b := receipt.Batch{Device: device, Entries: chainOf(t, 30, "")}
	for range 2 { // twice alike
		got, err := c.Upload(t.Context(), b, s.json)
		if err != nil || len(got.Settlement.Entries) != 30 || got.Settlement.Entries[9].Answer != accord.Disputed || got.Next != 31 {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if st, err := c.UploadState(t.Context(), device); err != nil || st.Next != 31 {
		t.Errorf("%+v %v", st, err)
	}
	for name, bad := range map[string]struct {
		before func(s *service)
		code   string
	}{
		"no settlement":         {func(s *service) { s.body = func(b map[string]any) { delete(b, "settlement") } }, liaison.CodeSignature},
		"under another key":     {func(s *service) { s.settle = newSigner(t, accord.SettlementKind) }, liaison.CodeSignature},
		"an alarm that is none": {func(s *service) { s.alarms = []liaison.Alarm{{Code: "<script>"}} }, liaison.CodeNotService},
		"of another chain":      {resettle(t, func(x *accord.Settlement) { x.Device = strings.Repeat("0", 32) }), liaison.CodeMismatch},
		"of another counter":    {resettle(t, func(x *accord.Settlement) { x.Counter = "AAECAwQFBgg" }), liaison.CodeMismatch},
		"of fewer entries":      {resettle(t, func(x *accord.Settlement) { x.Entries = x.Entries[:29] }), liaison.CodeMismatch},
		"of other entries":      {resettle(t, func(x *accord.Settlement) { x.Entries[3].Hash[0] ^= 1 }), liaison.CodeMismatch},
		"of entries never sent": {resettle(t, func(x *accord.Settlement) { x.Entries[29].Seq = 31 }), liaison.CodeMismatch},
		"a page in place of JSON": {func(s *service) {
			s.down = func(w http.ResponseWriter, _ *http.Request) bool { w.Write([]byte("<html>")); return true }
		}, liaison.CodeNotService},
	} {
		s := newService(t)
		c := s.client(t)
		bad.before(s)
		if got, err := c.Upload(t.Context(), b, s.json); liaison.CodeOf(err) != bad.code || got.Settlement != nil {
			t.Errorf("%s: %+v %v, want %s", name, got, err, bad.code)
		}
	}
}

// resettle changes a settlement and seals it anew.
func resettle(t *testing.T, change func(*accord.Settlement)) func(*service) {
	return func(s *service) {
		s.body = func(b map[string]any) {
			x, err := accord.OpenSettlement(s.json.SettlementKeys[0], b["settlement"].(string))
			if err != nil {
				t.Error(err)
				return
			}
			change(x)
			if b["settlement"], err = accord.SealSettlement(s.settle, x); err != nil {
				t.Error(err)
			}
		}
	}
}
