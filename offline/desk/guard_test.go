package desk

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sample gives a path that reaches a route, and a lawful body.
func (s *scene) sample(r route) (path, media, body string) {
	rest := r.name
	switch r.under {
	case "web/":
		rest = "web/fr.json"
	case "receipt/":
		rest = "receipt/K7QF-1-M3TZ.pdf"
	case "/v1/receipts/":
		rest = "/v1/receipts/K7QF-1-M3TZ"
	case "open/":
		rest = "open/" + s.launches.code()
	}
	if r.kind == people {
		rest = "s/" + s.secret + "/" + rest
	}
	media, body = "application/json", "{}"
	switch r.name {
	case "scan":
		body = scanOf(1, s.good)
	case "peek":
		body = `{"from":"/srv/public"}`
	case "follow":
		body = `{"from":"/srv/public","root":"3F0A 91C4"}`
	case "forget":
		body = `{"fingerprint":"3F0A 91C4"}`
	case "settings":
		body = `{"profession":"pharmacie"}`
	case "picture":
		media, body = "application/pdf", s.good
	case "bundle":
		media, body = "application/zip", "PK\x03\x04rest"
	case "/v1/verify":
		body = `{"code":"` + s.good + `"}`
	}
	return "/" + strings.TrimPrefix(rest, "/"), media, body
}

// pairs are the headers with which a route lets one in.
func (s *scene) pairs(r route, media string) []string {
	switch {
	case r.kind == software && r.method == "POST":
		return []string{"Authorization", "Bearer " + someToken, "Content-Type", media}
	case r.kind == software:
		return []string{"Authorization", "Bearer " + someToken}
	case r.method == "POST":
		return []string{"Content-Type", media, "Origin", s.origin(), "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}
	case r.kind == launch:
		return []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	case r.kind == instance:
		return nil
	}
	return []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", r.dest[0]}
}

func with(pairs []string, more ...string) []string {
	out := []string{}
	for i := 0; i < len(pairs); i += 2 {
		replaced := false
		for j := 0; j < len(more); j += 2 {
			replaced = replaced || pairs[i] == more[j]
		}
		if !replaced {
			out = append(out, pairs[i], pairs[i+1])
		}
	}
	for j := 0; j < len(more); j += 2 {
		if more[j+1] != "" {
			out = append(out, more[j], more[j+1])
		}
	}
	return out
}

// Every route of the table, asked in every wrong way: 403, no byte, and nothing behind the guard moves. Asked in the right way it
// answers, or the refusals would prove nothing.
func TestEveryRouteRefusesStrangers(t *testing.T) {
	s := newScene(t)
	s.post("scan", scanOf(1, s.good)) // so that there is a receipt
	wrong := map[string][]string{"other host": {"Host", "evil.test"}, "localhost": {"Host", "localhost:80"}, "own name": {"Host", strings.Replace(s.host, "127.0.0.1", "localhost", 1)},
		"no port": {"Host", "127.0.0.1"}, "six": {"Host", strings.Replace(s.host, "127.0.0.1", "[::1]", 1)}, "other loopback": {"Host", strings.Replace(s.host, "127.0.0.1", "127.0.0.2", 1)},
		"dot": {"Host", "127.0.0.1.:80"}, "short": {"Host", strings.Replace(s.host, "127.0.0.1", "127.1", 1)},
		"cross site": {"Sec-Fetch-Site", "cross-site"}, "same site, another port": {"Sec-Fetch-Site", "same-site"}, "origin": {"Origin", "http://evil.test"},
		"null origin": {"Origin", "null"}, "https": {"Origin", "https://" + s.host}, "image": {"Sec-Fetch-Dest", "iframe"}, "websocket": {"Upgrade", "websocket"},
		"preflight": {"Access-Control-Request-Method", "POST"}, "prefetch": {"Sec-Purpose", "prefetch"}, "nonsense": {"Sec-Fetch-Site", "nonsense"}}
	met := 0
	for _, r := range s.routes {
		if r.name == "events" {
			continue // never ends by itself: below
		}
		path, media, body := s.sample(r)
		pairs := s.pairs(r, media)
		for name, change := range wrong {
			met++
			in, effects := s.inside.Load(), s.book.effects.Load()
			if a := s.send(r.method, path, body, with(pairs, change...)...); a.status != 403 || len(a.body) != 0 {
				t.Errorf("%s, %s: %d, %d bytes", r.key(), name, a.status, len(a.body))
			}
			if s.inside.Load() != in || s.book.effects.Load() != effects {
				t.Errorf("%s, %s: got behind the guard", r.key(), name)
			}
		}
		for _, method := range []string{"OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get"} {
			met++
			in := s.inside.Load()
			if a := s.send(method, path, "", with(pairs)...); a.status != 403 && a.status != 400 && a.status != 200 || s.inside.Load() != in || len(a.body) != 0 {
				t.Errorf("%s %s: %d", method, r.key(), a.status)
			}
		}
		if other := map[string]string{"GET": "POST", "POST": "GET"}[r.method]; s.byName[other+" "+r.kind.String()+" "+r.name] == nil {
			if a := s.send(other, path, body, with(pairs)...); a.status != 403 || len(a.body) != 0 {
				t.Errorf("%s as %s: %d", r.key(), other, a.status)
			}
		}
		if r.kind == people {
			for _, secret := range []string{"", "x", s.secret[:42], s.secret + "A", strings.ToUpper(s.secret), strings.Repeat("A", 43), "../" + s.secret, "%2e%2e"} {
				met++
				if a := s.send(r.method, strings.Replace(path, s.secret, secret, 1), body, pairs...); a.status != 403 || len(a.body) != 0 {
					t.Errorf("%s, secret %.10q: %d", r.key(), secret, a.status)
				}
			}
		}
		if a := s.send(r.method, path, body, pairs...); r.kind != instance && (a.status == 403 || a.status >= 500) {
			t.Errorf("%s asked in the right way: %d %s", r.key(), a.status, a.body)
		}
	}
	if met < len(s.routes)*20 {
		t.Errorf("met only %d cases of %d routes", met, len(s.routes))
	}
}

func TestPathsHaveOneForm(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{"/s/" + s.secret, "//s/" + s.secret + "/state", "/s//" + s.secret + "/state", "/s/" + s.secret + "//state", "/s/" + s.secret + "/./state", "/s/" + s.secret + "/web/../state",
		"/s/" + s.secret + "/state/", "/s/" + s.secret + "/%73tate", "/s/" + s.secret + "/web/%2e%2e/desk.html", "/s/" + s.secret + "/web/", "/s/" + s.secret + "/web/desk.html",
		"/s/" + s.secret + "/web/desk.go", "/s/" + s.secret + "/web/vendor", "/", "", "/open/", "/open/x", "/v1", "/v1//docs", "/v1/%64ocs", "/debug/pprof/", "/instance/", "/favicon.ico", "/robots.txt"} {
		c := must(net.Dial("tcp", s.host))(t)
		target := path
		if target == "" {
			target = "http://evil.test/"
		}
		if _, err := c.Write([]byte("GET " + target + " HTTP/1.1\r\nHost: " + s.host + "\r\nConnection: close\r\nAuthorization: Bearer " + someToken + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		b.ReadFrom(a.Body)
		c.Close()
		if a.StatusCode != 403 || b.Len() != 0 {
			t.Errorf("%s: %d, %d bytes", path, a.StatusCode, b.Len())
		}
	}
}

// A code opens once; the second use ends what the first one opened.
func TestLaunchCode(t *testing.T) {
	now := someDay
	s := newScene(t, func(o *Options) { o.Now = func() time.Time { return now } })
	open := func(address string) (int, string) {
		a := must(client.Get(address))(t)
		a.Body.Close()
		return a.StatusCode, strings.TrimSuffix(strings.TrimPrefix(a.Header.Get("Location"), "/s/"), "/")
	}
	state := func(secret string) int { return s.send("GET", "/s/"+secret+"/state", "").status }
	first, second := s.Launch(), s.Launch()
	_, one := open(first)
	_, two := open(second)
	if one == two || len(one) != 43 || state(one) != 200 || state(two) != 200 {
		t.Fatalf("two windows: %d %d", state(one), state(two))
	}
	if status, _ := open(first); status != 403 || state(one) != 403 || state(two) != 200 {
		t.Errorf("second use: %d; sessions %d, %d", status, state(one), state(two))
	}
	for _, jump := range []time.Duration{launchLife + time.Second, -time.Second} {
		late := s.Launch()
		now = now.Add(jump)
		if status, _ := open(late); status != 403 {
			t.Errorf("%v later: %d", jump, status)
		}
		now = now.Add(-jump)
		if status, _ := open(late); status != 403 {
			t.Errorf("a code that came too late came back: %d", status)
		}
	}
	// A guess of the browser, or a request of another site, doesn't use a code up.
	fresh := s.Launch()
	path := strings.TrimPrefix(fresh, s.origin())
	for _, pairs := range [][]string{{"Sec-Purpose", "prefetch;prerender"}, {"Sec-Fetch-Site", "cross-site"}, {"Host", "evil.test"}} {
		if a := s.send("GET", path, "", pairs...); a.status != 403 {
			t.Errorf("%v: %d", pairs, a.status)
		}
	}
	if status, secret := open(fresh); status != 303 || state(secret) != 200 {
		t.Errorf("afterwards: %d", status)
	}
	// However often the program is started, the oldest go, and nothing grows.
	for range 3 * maxLaunches {
		open(s.Launch())
	}
	if n := len(s.launches.all); n > maxLaunches {
		t.Errorf("%d launches remembered", n)
	}
}

// Whoever opens an address again in a browser is told so; nobody else is told anything.
func TestUsedUpAddress(t *testing.T) {
	s := newScene(t)
	path := strings.TrimPrefix(s.Launch(), s.origin())
	typed := []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	if a := s.send("GET", path, "", typed...); a.status != 303 {
		t.Fatalf("first: %d", a.status)
	}
	for _, p := range []string{path, "/open/" + strings.Repeat("A", secretSize)} {
		a := s.send("GET", p, "", typed...)
		if a.status != 403 || string(a.body) != usedUp || a.header.Get("Content-Type") != "text/plain; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("again: %d %q", a.status, a.body)
		}
		for _, pairs := range [][]string{nil, with(typed, "Host", "evil.test"), with(typed, "Sec-Fetch-Site", "cross-site"), with(typed, "Sec-Fetch-Dest", "iframe"), with(typed, "Sec-Purpose", "prefetch")} {
			if a := s.send("GET", p, "", pairs...); a.status != 403 || len(a.body) != 0 {
				t.Errorf("%v: %d %q", pairs, a.status, a.body)
			}
		}
	}
	if a := s.send("GET", path+"A", "", typed...); a.status != 403 || len(a.body) != 0 {
		t.Errorf("no code: %d %q", a.status, a.body)
	}
}

// Connections that say nothing never keep one out that asks.
func TestIdleConnectionsGiveWay(t *testing.T) {
	s := newScene(t)
	var first net.Conn
	for range MaxConnections * 2 {
		c := must(net.Dial("tcp", s.host))(t)
		defer c.Close()
		if first == nil {
			first = c
		}
	}
	// The oldest has gone long before its patience ended.
	first.SetReadDeadline(time.Now().Add(headerPatience / 2))
	if _, err := first.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the oldest is still there: %v", err)
	}
	c := http.Client{Timeout: 3 * time.Second}
	a := must(c.Get(s.origin() + "/s/" + s.secret + "/state"))(t)
	a.Body.Close()
	if a.StatusCode != 200 {
		t.Errorf("%d", a.StatusCode)
	}
}

// Requests without the secret that announce a body and never send it hold nothing: the next one is answered.
func TestHalfSentBodies(t *testing.T) {
	s := newScene(t)
	for range MaxConnections + 16 {
		c := must(net.Dial("tcp", s.host))(t)
		defer c.Close()
		fmt.Fprintf(c, "POST /s/x/scan HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Length: 1000\r\n\r\n", s.host, s.origin())
	}
	c := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for n := range 20 {
		a, err := c.Get(s.origin() + "/s/" + s.secret + "/state")
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		a.Body.Close()
		if a.StatusCode != 200 {
			t.Errorf("request %d: %d", n, a.StatusCode)
		}
	}
}

func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, left atomic.Int64
		h := newHub(func() { calls.Add(1) })
		h.start()
		time.Sleep(GoneAfter - time.Second)
		one, two := h.join(), h.join()
		h.wake()
		time.Sleep(time.Hour)
		h.leave(one)
		time.Sleep(time.Hour)
		if calls.Load() != 0 {
			t.Fatal("gone while a page is open")
		}
		h.leave(two)
		time.Sleep(GoneAfter - time.Second)
		again := h.join() // a reload
		time.Sleep(GoneAfter)
		h.leave(again)
		time.Sleep(GoneAfter - time.Second)
		h.asked() // software counts
		time.Sleep(GoneAfter - time.Second)
		if calls.Load() != 0 {
			t.Fatal("gone too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls.Load() != 1 {
			t.Fatalf("gone %d times", calls.Load())
		}
		h.stop()
		if h.join() != nil {
			t.Error("a page joined a desk that is closed")
		}
		// The last page alone starts the wait.
		alone := newHub(func() { left.Add(1) })
		alone.leave(alone.join())
		time.Sleep(GoneAfter + time.Second)
		synctest.Wait()
		if left.Load() != 1 {
			t.Errorf("after the only page: gone %d times", left.Load())
		}
		// Too many pages are refused, not served badly.
		full := newHub(nil)
		for range maxPages {
			full.join()
		}
		if full.join() != nil {
			t.Error("no bound on pages")
		}
	})
}

func TestOptionsAreNeeded(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a desk of nothing")
	}
}

// Nothing happens in an idle desk: no route, no tick, no line of log.
func TestIdleDeskIsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(func() {})
		p := h.join()
		defer h.leave(p)
		start := time.Now()
		select {
		case <-p.wake:
			t.Error("woken for nothing")
		case <-time.After(24 * time.Hour):
		}
		if time.Since(start) != 24*time.Hour {
			t.Error("time moved")
		}
	})
}
