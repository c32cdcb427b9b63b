// Networks and servers that fail or lie, over real sockets: nothing is believed, nothing takes longer than the limit, and no
// word blames a card.
package liaison_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sceau/offline/liaison"
)

// over is a client of a server at an address.
func over(t *testing.T, s *service, address string, ca []byte) *liaison.Client {
	t.Helper()
	s.mu.Lock() // a request that was given up may still be on its way
	s.origin = address
	s.mu.Unlock()
	c, err := liaison.New(liaison.Options{Address: address, Counter: s.counter.KID(), Signer: s.counter, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// grace is what a busy machine may add to the limit.
const grace = 700 * time.Millisecond

func TestHostileServers(t *testing.T) {
	t.Setenv("HTTP_PROXY", "")
	t.Setenv("HTTPS_PROXY", "")
	json := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/json") }
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		codes   string
	}{
		"captive portal":   {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Bienvenue sur le Wi-Fi") }, "not_the_service"},
		"204":              {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "not_the_service"},
		"206":              {func(w http.ResponseWriter, _ *http.Request) { json(w); w.WriteHeader(206); fmt.Fprint(w, `{"accord":`) }, "not_the_service"},
		"407":              {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(407) }, "proxy"},
		"500 of a gateway": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); fmt.Fprint(w, "<h1>Bad Gateway") }, "not_the_service"},
		"empty":            {func(w http.ResponseWriter, _ *http.Request) { json(w) }, "not_the_service"},
		"null":             {func(w http.ResponseWriter, _ *http.Request) { json(w); fmt.Fprint(w, "null") }, "not_the_service"},
		"two objects":      {func(w http.ResponseWriter, _ *http.Request) { json(w); fmt.Fprint(w, `{"accord":"a"}{"accord":"b"}`) }, "not_the_service"},
		"text": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, `{}`)
		}, "not_the_service"},
		"redirect loop": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, "redirect"},
		"redirect to a file": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, "redirect"},
		"endless": {func(w http.ResponseWriter, r *http.Request) { json(w); pour(w, r) }, "answer_too_long"},
		"longer than it says": {func(w http.ResponseWriter, _ *http.Request) {
			json(w)
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"accord":"`)
		}, "not_the_service"},
		"a gigabyte announced": {func(w http.ResponseWriter, _ *http.Request) {
			json(w)
			w.Header().Set("Content-Length", "1073741824")
			fmt.Fprint(w, `{`)
		}, "answer_too_long"},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			json(w)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 32<<20))
			z.Close()
		}, "not_the_service"},
		"huge headers":        {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 1<<20)) }, "not_the_service"},
		"silent":              {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timeout"},
		"a byte now and then": {drip, "timeout"},
		"cut":                 {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unreachable"},
		"not HTTP":            {hijack("SSH-2.0-OpenSSH_9.9\r\n"), "not_the_service"},
		"a problem without code": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(400)
			fmt.Fprint(w, `{"title":"carte fausse"}`)
		}, "not_the_service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			server := httptest.NewUnstartedServer(c.handler)
			server.Config.ErrorLog = quiet
			server.Start()
			defer server.CloseClientConnections()
			check(t, s, over(t, s, server.URL, nil), c.codes)
		})
	}
}

// check asks once, and wants that code within the limit.
func check(t *testing.T, s *service, c *liaison.Client, codes string) {
	t.Helper()
	start := time.Now()
	a, _, err := c.Check(t.Context(), enquiry(s))
	took := time.Since(start)
	if a != nil || err == nil || !strings.Contains(" "+codes+" ", " "+liaison.CodeOf(err)+" ") {
		t.Errorf("%v, %v; want %s", a, err, codes)
	}
	if took > liaison.Limit+grace {
		t.Errorf("it took %v", took)
	}
	if err != nil && (strings.Contains(err.Error(), "card") || strings.Contains(err.Error(), "carte") || strings.Contains(err.Error(), "TP1")) {
		t.Errorf("the error speaks of the card: %v", err)
	}
}

func pour(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
			return
		}
		w.(http.Flusher).Flush()
	}
}

func drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		<-tick.C
	}
}

func hijack(said string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, said)
			conn.Close()
		}
	}
}

func TestTLS(t *testing.T) {
	s := newService(t)
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	good := over(t, s, server.URL, ca)
	if _, _, err := good.Check(t.Context(), enquiry(s)); err != nil {
		t.Fatalf("a certificate that was given: %v", err)
	}
	check(t, s, over(t, s, server.URL, nil), "tls")
	// A name that the certificate does not have, and a protocol that is too old.
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	check(t, s, over(t, s, named, ca), "tls")
	old := httptest.NewUnstartedServer(s)
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	check(t, s, over(t, s, old.URL, ca), "tls")
	plain := httptest.NewServer(s)
	defer plain.Close()
	check(t, s, over(t, s, strings.Replace(plain.URL, "http://", "https://", 1), ca), "tls not_the_service")
}

// A proxy that cuts, delays and slows what passes, byte by byte (F13).
func TestFaultyLine(t *testing.T) {
	s := newService(t)
	server := httptest.NewServer(s)
	defer server.Close()
	for _, cut := range []int{0, 1, 9, 16, 60, 120, 200, 300, 600} {
		line := proxy(t, server.Listener.Addr().String(), func(n int) bool { return n >= cut }, 0)
		check(t, s, over(t, s, "http://"+line, nil), "unreachable not_the_service credential")
	}
	// Latency: the limit is the whole of it.
	line := proxy(t, server.Listener.Addr().String(), func(int) bool { return false }, 10*time.Second)
	check(t, s, over(t, s, "http://"+line, nil), "timeout")
	// Nobody there, and a machine that takes connections and says nothing.
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	check(t, s, over(t, s, "http://"+address, nil), "unreachable")
}

// proxy copies bytes to address; the answer is cut where cut says so of the number of bytes that came through, after a delay.
func proxy(t *testing.T, address string, cut func(int) bool, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				in.Close()
				return
			}
			go io.Copy(out, in)
			go func() {
				defer in.Close()
				defer out.Close()
				select {
				case <-ctx.Done():
					return
				case <-time.After(delay):
				}
				one := make([]byte, 1)
				for n := 0; !cut(n); n++ {
					if _, err := out.Read(one); err != nil {
						return
					}
					in.Write(one)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// quiet takes what servers complain of.
var quiet = log.New(io.Discard, "", 0)

func TestAddresses(t *testing.T) {
	s := newService(t)
	for address, good := range map[string]bool{
		"https://droits.example": true, "https://droits.example/": true, "https://droits.example:8443/tiers": true, "http://127.0.0.1:8080": true, "http://[::1]:80": true, "http://localhost": true,
		"http://droits.example": false, "http://192.168.1.4": false, "http://localhost.example": false, "http://127.0.0.1.example": false, "ftp://droits.example": false, "droits.example": false, "": false,
		"https://": false, "https://user:pass@droits.example": false, "https://droits.example/?a=b": false, "https://droits.example/#a": false, "https://droits.example/?": false,
		"file:///etc/passwd": false, "https://" + strings.Repeat("a", 300): false, "https://droits.example\n": false,
	} {
		_, err := liaison.New(liaison.Options{Address: address, Counter: s.counter.KID(), Signer: s.counter})
		if (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := liaison.New(liaison.Options{Address: "https://a.example", Signer: s.accord}); err != liaison.ErrSigner {
		t.Errorf("a signer of another kind: %v", err)
	}
	if _, err := liaison.New(liaison.Options{Address: "https://a.example", Signer: s.counter, CA: []byte("none")}); err != liaison.ErrCA {
		t.Errorf("a CA file that is none: %v", err)
	}
}
