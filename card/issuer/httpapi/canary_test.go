// Canary people: with a counter's credential nobody finds out anything about anybody.

package httpapi

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sceau/card/issuer"
	"sceau/card/register"
)

func canaryCount(t testing.TB, name string, short int) int {
	t.Helper()
	if s := os.Getenv(name); s != "" {
		return must(strconv.Atoi(s))(t)
	}
	return short
}

// rest are the things that a service leaves behind beside its answers.
func (a *canaryAttack) rest(t *testing.T) {
	t.Helper()
	w, ctx := a.w, context.Background()
	look := func(what string, b []byte) {
		t.Helper()
		if len(b) == 0 {
			t.Errorf("%s: nothing to look at", what)
		}
		if found := w.c.find(b); len(found) > 0 {
			t.Errorf("%s: %v", what, found)
		}
	}
	metrics := httptest.NewRecorder()
	w.server.Admin().ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	look("metrics", metrics.Body.Bytes())
	watching, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.issuer.Watch(watching) }()
	for until := time.Now().Add(time.Minute); must(w.issuer.Counter(ctx, w.stolen.id))(t).State != issuer.CounterSuspended; {
		if time.Now().After(until) {
			t.Error("whoever asked all this is not suspended")
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	<-done
	alarms, _, err := w.issuer.AlarmLines(ctx, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	look("alarms", must(json.Marshal(alarms))(t))
	lines, _, err := w.issuer.AuditPage(ctx, "*", 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	look("audit", must(json.Marshal(lines))(t))
	var trace bytes.Buffer
	err = w.issuer.TraceOf(ctx, w.stolen.id, 0, func(k register.Check) error { fmt.Fprintf(&trace, "%+v\n", k); return nil })
	if err != nil {
		t.Fatal(err)
	}
	look("trace", trace.Bytes())
	if len(w.log.hits) > 0 {
		t.Errorf("log: %v", w.log.hits[:min(10, len(w.log.hits))])
	}
}

// sane fails when the attack didn't get where it should have, or got somewhere else.
func (a *canaryAttack) sane(t *testing.T, n int) {
	t.Helper()
	for where, times := range a.found {
		t.Errorf("%s: %d times", where, times)
	}
	for _, r := range a.table {
		name := r.Method + " " + r.Pattern
		if a.routes[name] < n/1000 {
			t.Errorf("%s was asked %d times", name, a.routes[name])
		}
		if a.good[name] > 0 && !slices.Contains(r.Roles, RolePublic) && !slices.Contains(r.Roles, RoleCounter) {
			t.Errorf("%s answers a counter", name)
		}
	}
	for name, least := range map[string]int{"POST /v1/checks": n / 100, "GET /v1/counter": n / 1000, "GET /v1/journals/{device}": n / 10000, "GET /repo/{path...}": n / 10000} {
		if a.good[name] < least {
			t.Errorf("%s succeeded %d times: the attack tests nothing", name, a.good[name])
		}
	}
	for _, status := range []int{200, 400, 401, 403, 404, 405, 413, 415, 422} {
		if a.statuses[status] == 0 {
			t.Errorf("no answer of status %d", status)
		}
	}
	for status := range a.statuses {
		if status >= 500 {
			t.Errorf("%d answers of status %d", a.statuses[status], status)
		}
	}
	if a.w.log.lines < n {
		t.Errorf("%d log lines of %d requests", a.w.log.lines, n)
	}
}

// T01: with a counter's credential, whatever is asked of whatever route, nothing of 10,000 people comes out, in any form. The long
// form is scripts/canary.
func TestCanary(t *testing.T) {
	n := canaryCount(t, "SCEAU_CANARY_REQUESTS", 20_000)
	w := newCanaryWorld(t, nil, 10_000, func() time.Time { return begin.Add(time.Minute) })
	w.controlled(t)
	a := newCanaryAttack(w)
	began := time.Now()
	a.run(n, 4, 1)
	took := time.Since(began)
	a.wire(t, 150)
	a.sane(t, n)
	a.rest(t)
	t.Logf("statuses %v, %d bytes of answers and %d of log searched for %d texts in %d forms", a.statuses, a.searched.Load(), w.log.bytes, w.c.texts, len(w.c.exact.all)+len(w.c.folded.all))
	fmt.Printf("count: %d canary people, %d requests with a stolen counter credential over %d routes, %.0f a second: %d canaries found\n", len(w.people), n, len(a.table), float64(n)/took.Seconds(), len(a.found))
}

// controlled shows that the search finds everybody where they are.
func (w *canaryWorld) controlled(t *testing.T) {
	t.Helper()
	dump := w.plainDump()
	hits := 0
	for _, line := range bytes.Split(dump, []byte("\n")) {
		if len(w.c.find(line)) >= 4 {
			hits++
		}
	}
	if hits < len(w.contracts) {
		t.Errorf("%d contracts of %d are found in a plain dump", hits, len(w.contracts))
	}
	for _, p := range w.people {
		for kind, text := range map[string]string{"name raw": p.nom, "first name raw": p.prenom, "NIR raw": p.nir, "birth date raw": p.birth, "N° adhérent raw": p.adherent} {
			if !w.c.find([]byte("<" + text + ">"))[kind] {
				t.Fatalf("%s is not found", kind)
			}
		}
	}
}

// canaryLeaks are the forms in which a handler may leak somebody.
var canaryLeaks = map[string]func(p canaryPerson) string{
	"name raw":            func(p canaryPerson) string { return p.nom },
	"first name raw":      func(p canaryPerson) string { return strings.ToLower(p.prenom) },
	"name URL-encoded":    func(p canaryPerson) string { return "%C3%89" + p.nom[2:] },
	"name escaped":        func(p canaryPerson) string { return strconv.QuoteToASCII(p.nom) },
	"NIR hex":             func(p canaryPerson) string { return hex.EncodeToString([]byte(p.nir)) },
	"NIR without key raw": func(p canaryPerson) string { return p.nir[:13] },
	"NIR spaced":          func(p canaryPerson) string { return strings.Join(strings.Split(p.nir, ""), " ") },
	"NIR reversed":        func(p canaryPerson) string { b := []byte(p.nir); slices.Reverse(b); return string(b) },
	"NIR MD5":             func(p canaryPerson) string { return fmt.Sprintf("%x", md5.Sum([]byte(p.nir))) },
	"birth date spaced":   func(p canaryPerson) string { return p.birth[:4] + "-" + p.birth[4:6] + "-" + p.birth[6:] },
	"N° adhérent raw":     func(p canaryPerson) string { return p.adherent },
	"N° adhérent base64":  func(p canaryPerson) string { return base64.StdEncoding.EncodeToString([]byte("x" + p.adherent + "yz")) },
	"birth date raw": func(p canaryPerson) string {
		return base64.URLEncoding.EncodeToString([]byte(`{"d":"` + p.birth + `","long enough":1}`))
	},
	"first name raw, twice": func(p canaryPerson) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.RawURLEncoding.EncodeToString([]byte("the first name " + p.prenom + " here"))))
	},
}

// A handler that leaks is found by the same attack, whatever the form, in the body, in a header and in the log, and nothing else is.
func TestCanaryControl(t *testing.T) {
	w := newCanaryWorld(t, nil, 120, func() time.Time { return begin.Add(time.Minute) })
	w.controlled(t)
	for form, leak := range canaryLeaks {
		kind, _, _ := strings.Cut(form, ",")
		n := 0
		for _, p := range w.people {
			if form == "name URL-encoded" && !strings.Contains(p.nom, "É") || form == "name escaped" && strconv.QuoteToASCII(p.nom) == `"`+p.nom+`"` {
				continue
			}
			text := leak(p)
			if form == "name URL-encoded" {
				text = strings.ReplaceAll(p.nom, "É", "%C3%89")
			}
			n++
			if !w.c.find([]byte(`{"a":"` + text + `"}`))[kind] {
				t.Fatalf("%s is not found in %q", form, text)
			}
		}
		if n == 0 {
			t.Errorf("%s is not tried", form)
		}
	}
	for _, i := range w.cards[:20] {
		if f := w.c.find([]byte(`{"code":"` + i.CodeText + `","jws":"` + i.JWS + `"}`)); !f["card code"] || !f["card signature"] || !f["card payload"] {
			t.Fatalf("a card is not found: %v", f)
		}
	}
	for _, innocent := range []string{`{"at":"2027-01-05T09:30:00Z","n":19350101123,"h":"a19350102b"}`, hex.EncodeToString(bytes.Repeat([]byte{7, 19, 35}, 900)), "MARTIN Émilie"} {
		if f := w.c.find([]byte(innocent)); len(f) > 0 {
			t.Errorf("%v in %q", f, innocent[:20])
		}
	}
	before := newCanaryAttack(w)
	before.run(2000, 2, 3)
	if len(before.found) > 0 || len(w.log.hits) > 0 {
		t.Fatalf("found without a leak: %v %v", before.found, w.log.hits)
	}
	w.server.raw(http.MethodGet, "/v1/leak/{n}", Policy{Roles: []Role{RoleCounter}, Tenant: OwnCounter}, func(out http.ResponseWriter, r *http.Request, _ Principal) {
		p := w.people[len(r.PathValue("n"))%len(w.people)]
		switch len(r.PathValue("n")) % 3 {
		case 0:
			fmt.Fprintf(out, `{"who":%q}`, base64.StdEncoding.EncodeToString([]byte(p.nom)))
		case 1:
			out.Header().Set("X-Who", hex.EncodeToString([]byte(p.nir)))
		default:
			w.server.log.Info("asked", "who", p.adherent)
		}
	})
	a := newCanaryAttack(w)
	a.run(6000, 2, 4)
	for where := range a.found {
		if !strings.HasPrefix(where, "GET /v1/leak/") {
			t.Errorf("found elsewhere: %s", where)
		}
	}
	if a.found["GET /v1/leak/{n}: name base64"] == 0 || a.found["GET /v1/leak/{n}: NIR hex"] == 0 || !slices.Contains(w.log.hits, "N° adhérent raw") {
		t.Errorf("a leak is not found: %v, log %d", a.found, len(w.log.hits))
	}
}

// wire sends bytes that are hardly HTTP to the real server.
func (a *canaryAttack) wire(t *testing.T, n int) {
	t.Helper()
	w := a.w
	address := w.listen()
	auth := func(method, path, body string) string {
		r := canaryHTTP(method, path, body)
		return "Authorization: " + w.stolen.authorization(w.clock(), method, r.URL, body) + "\r\n"
	}
	inner := "GET /v1/contracts/AAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: droits.example\r\n\r\n"
	for i := range n {
		p := w.people[i*67%len(w.people)]
		body := `{"card":"` + w.cards[i%len(w.cards)].CodeText + `"}`
		json := "Content-Type: application/json\r\n"
		shapes := []string{
			"POST /v1/checks HTTP/1.1\r\nHost: droits.example\r\n" + json + auth("POST", "/v1/checks", body) + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", len(body), inner),
			"POST /v1/checks HTTP/1.1\r\nHost: droits.example\r\n" + json + "Content-Length: 3\r\nContent-Length: 30\r\n\r\n{}" + inner,
			"POST /v1/checks HTTP/1.1\r\nHost: droits.example\r\n" + json + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
			"POST /v1/checks HTTP/1.1\r\nHost: droits.example\r\n" + json + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
			"POST /v1/checks HTTP/1.1\r\nHost: droits.example\r\n" + json + auth("POST", "/v1/checks", body) + fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body),
			"GET /v1/contracts?nom=" + p.nom + " HTTP/1.1\r\nHost: droits.example\r\n\r\n",
			"GET /v1/counter HTTP/1.1\r\nHost: droits.example\r\n" + auth("GET", "/v1/counter", "") + "X-A: b\r\n X-B: " + p.nir + "\r\n\r\n",
			"GET /repo/../v1/contracts/" + p.adherent + " HTTP/1.1\r\nHost: droits.example\r\n\r\n",
			"GET http://" + p.adherent + "/v1/counter HTTP/1.1\r\nHost: " + p.nom + "\r\n" + auth("GET", "/v1/counter", "") + "\r\n",
			"CONNECT " + p.nir + ":443 HTTP/1.1\r\nHost: " + p.nir + "\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: droits.example\r\n\r\n",
			"GET /v1/counter HTTP/0.9\r\n\r\n",
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			p.nom + " /" + p.nir + " HTTP/1.1\r\nHost: " + p.prenom + "\r\nConnection: close\r\n\r\n",
			"GET /v1/counter HTTP/1.1\r\nHost: droits.example\r\n" + p.nom + ": " + p.nir + "\r\nHost: second\r\n\r\n",
			"GET /" + p.nom + "\x00" + p.nir + " HTTP/1.1\r\nHost: droits.example\r\n\r\n",
			"POST /v1/checks HTTP/1.1\r\nHost: droits.example\r\n" + json + "Expect: " + p.nom + "\r\nContent-Length: 2\r\n\r\n{}",
			"GET /v1/counter HTTP/1.1\nHost: droits.example\nX: " + p.nir + "\n\n" + inner,
		}
		c := must(net.Dial("tcp", address))(t)
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = c.Write([]byte(shapes[i%len(shapes)]))
		if i%len(shapes) != 4 { // an end of what is sent is an end of the question too
			_ = c.(*net.TCPConn).CloseWrite()
		}
		answer, _ := io.ReadAll(c)
		c.Close()
		if found := a.search(answer); len(found) > 0 {
			t.Errorf("shape %d: %v", i%len(shapes), found)
		}
		if i%len(shapes) == 4 && !bytes.Contains(answer, []byte(`"accord"`)) {
			t.Errorf("the sample doesn't reach the service: %.300s", answer)
		}
	}
}
