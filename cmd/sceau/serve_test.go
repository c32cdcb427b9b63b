package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"sceau/card/issuer"
	"sceau/card/issuer/httpapi"
	"sceau/card/register"
	"sceau/signing/trust"
)

// serving is a service that runs in this process.
type serving struct {
	*service
	out, log *tap
	stop     context.CancelFunc
	done     chan error
}

type tap struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(b)
}

func (t *tap) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

func start(t *testing.T, dir string, change func(*Config)) *serving {
	t.Helper()
	config, err := readConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	config.Listen, config.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&config)
	}
	if err := config.check(); err != nil {
		t.Fatal(err)
	}
	s := &serving{out: new(tap), log: new(tap), done: make(chan error, 1)}
	c := new(cobra.Command)
	c.SetOut(s.out)
	c.SetErr(s.log)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if s.service, err = new(place).newService(ctx, dir, config, c); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.run(ctx) }()
	t.Cleanup(func() { stop(); <-s.done })
	eventually(t, func() bool { return strings.Contains(s.out.String(), "listening on") })
	return s
}

func (s *serving) end(t *testing.T) {
	t.Helper()
	s.stop()
	err := <-s.done
	s.done <- nil
	if err != nil {
		t.Errorf("the end: %v", err)
	}
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

func fetch(t *testing.T, client *http.Client, address string) (int, string) {
	t.Helper()
	a, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// The service serves what a counter's own client follows, says that it is ready, keeps its metrics to itself, and stops in order.
func TestServe(t *testing.T) {
	dir := newFolder(t, 3)
	notified := listenNotify(t)
	s := start(t, dir, nil)
	base := "http://" + s.public.Addr().String()
	admin := "http://" + s.admin.Addr().String()
	if got := <-notified; got != "READY=1" {
		t.Errorf("systemd hears %q", got)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	eventually(t, func() bool { code, _ := fetch(t, client, base+"/repo/timestamp.json"); return code == 200 })
	for address, want := range map[string]int{base + "/healthz": 200, base + "/readyz": 200, base + "/docs": 200, base + "/openapi.json": 200, base + "/metrics": 404, base + "/v1/counter": 401,
		admin + "/metrics": 200, admin + "/readyz": 200, admin + "/repo/timestamp.json": 404, admin + "/v1/counter": 404} {
		if code, body := fetch(t, client, address); code != want {
			t.Errorf("%s: %d, want %d: %.200s", address, code, want, body)
		}
	}
	u, err := url.Parse(base + "/repo")
	if err != nil {
		t.Fatal(err)
	}
	source, err := trust.NewHTTP(u)
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := trust.FetchRoot(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := trust.Refresh(t.Context(), source, trust.RefreshOptions{Root: root, Now: time.Now()}); err != nil {
		t.Error(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(s.log.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, servedName, "timestamp.json")); return err == nil })
	s.end(t)
	if got := <-notified; got != "STOPPING=1" {
		t.Errorf("systemd hears %q", got)
	}
	if _, err := net.DialTimeout("tcp", s.public.Addr().String(), time.Second); err == nil {
		t.Error("it listens still")
	}
}

func listenNotify(t *testing.T) <-chan string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	out := make(chan string, 8)
	go func() {
		b := make([]byte, 100)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			out <- string(b[:n])
		}
	}()
	return out
}

// A request under way is finished before the service ends.
func TestServeFinishes(t *testing.T) {
	s := start(t, newOperator(t), nil)
	c, err := net.Dial("tcp", s.public.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// An enrolment whose body comes in two halves, around the signal.
	fmt.Fprint(c, "POST /v1/enrolments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"a\"")
	eventually(t, func() bool {
		_, body := fetch(t, http.DefaultClient, "http://"+s.admin.Addr().String()+"/metrics")
		return strings.Contains(body, "sceau_http_requests_open 1")
	})
	s.op.Report(errors.New("disk full")) // of the watch
	if !strings.Contains(s.log.String(), "disk full") {
		t.Error("what fails in the background is not said")
	}
	s.stop()
	eventually(t, func() bool { return strings.Contains(s.log.String(), "stopping") })
	fmt.Fprint(c, ":1234}")
	b, err := io.ReadAll(c)
	if err != nil || !bytes.Contains(b, []byte("HTTP/1.1 4")) {
		t.Errorf("%v %q", err, b)
	}
	err = <-s.done
	s.done <- nil
	if err != nil {
		t.Error(err)
	}
}

// pair writes a certificate for 127.0.0.1 and returns what trusts it.
func pair(t *testing.T, cert, key string, serial int64) *x509.CertPool {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sheet := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"droits.example"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, sheet, sheet, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return pool
}

// TLS by files: the certificate is exchanged under way, and half a change keeps the old one.
func TestServeTLS(t *testing.T) {
	dir, files := newOperator(t), t.TempDir()
	cert, key := filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")
	pool := pair(t, cert, key, 1)
	s := start(t, dir, func(c *Config) {
		c.TLSCertificate, c.TLSKey, c.PublicURL = cert, key, "https://droits.example"
	})
	get := func(pool *x509.CertPool, version uint16) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version}}}
		return client.Get("https://" + s.public.Addr().String() + "/healthz")
	}
	a, err := get(pool, tls.VersionTLS13)
	if err != nil || a.StatusCode != 200 || a.ProtoMajor != 2 {
		t.Fatalf("%v %+v", err, a)
	}
	if _, err := get(pool, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if a, err := http.Get("http://" + s.public.Addr().String() + "/healthz"); err == nil && a.StatusCode == 200 {
		t.Error("plain HTTP is answered")
	}
	if err := os.WriteFile(key, []byte("half a change"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.certificate.read(); err == nil {
		t.Error("a torn pair is taken")
	}
	if _, err := get(pool, tls.VersionTLS12); err != nil {
		t.Errorf("half a change took the old certificate away: %v", err)
	}
	next := pair(t, cert, key, 2)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(hangUp); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { a, err := get(next, tls.VersionTLS13); return err == nil && a.StatusCode == 200 })
	if _, err := get(pool, tls.VersionTLS13); err == nil {
		t.Error("the old certificate is in force")
	}
}

// ACME is wired for one host: no other name gets a certificate, whatever is asked for.
func TestACMEHost(t *testing.T) {
	c := defaultConfig()
	c.ACME, c.ACMEDirectory, c.PublicURL, c.Listen = true, "https://ca.example/directory", "https://droits.example:8443", ":8443"
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	m, err := c.manager(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m.Client.DirectoryURL != c.ACMEDirectory {
		t.Error(m.Client.DirectoryURL)
	}
	for host, ok := range map[string]bool{"droits.example": true, "autre.example": false, "": false, "droits.example.evil": false, "127.0.0.1": false} {
		if err := m.HostPolicy(t.Context(), host); (err == nil) != ok {
			t.Errorf("%q: %v", host, err)
		}
	}
	c.ACMERoots = filepath.Join(t.TempDir(), "none.pem")
	if _, err := c.manager(t.TempDir()); err == nil {
		t.Error("roots that are not there")
	}
}

// The publisher publishes at its hour, again soon after a failure, and a clock that goes back two hours makes it neither spin nor
// fall silent (F23).
func TestPublisher(t *testing.T) {
	now := time.Date(2027, 1, 5, 9, 0, 0, 0, time.UTC)
	last := register.Publication{Version: 1, At: now.Add(-50 * time.Minute)}
	var said tap
	var made int
	var fail error
	p := newPublisher(&operator{Issuer: new(issuer.Issuer)}, time.Hour, nil, slog.New(slog.NewTextHandler(&said, nil)), prometheus.NewRegistry())
	p.now = func() time.Time { return now }
	p.last = func(context.Context) (register.Publication, error) { return last, nil }
	p.make = func(context.Context) (*issuer.PublishReport, error) {
		if fail != nil {
			return nil, fail
		}
		if now.Before(last.At) {
			return nil, issuer.ErrClock
		}
		made++
		last = register.Publication{Version: last.Version + 1, At: now}
		return &issuer.PublishReport{Version: last.Version, At: now, Warnings: []string{"a key ends soon"}}, nil
	}
	if wait := p.once(t.Context()); wait != 10*time.Minute || made != 0 {
		t.Errorf("before its hour: %s, %d", wait, made)
	}
	now = now.Add(10 * time.Minute)
	if wait := p.once(t.Context()); wait != time.Hour || made != 1 || !strings.Contains(said.String(), "a key ends soon") {
		t.Errorf("at its hour: %s, %d\n%s", wait, made, said.String())
	}
	now, fail = now.Add(time.Hour), issuer.ErrNoOfflineKeys
	if wait := p.once(t.Context()); wait != publishRetry || !strings.Contains(said.String(), "offline keys") {
		t.Errorf("after a failure: %s\n%s", wait, said.String())
	}
	fail = issuer.ErrConcurrent
	if wait := p.once(t.Context()); wait != publishRetry {
		t.Errorf("beside another: %s", wait)
	}
	fail = nil
	now = last.At.Add(-2 * time.Hour)
	for range 3 {
		before := len(said.String())
		if wait := p.once(t.Context()); wait != publishRetry || !strings.Contains(said.String()[before:], "clock") {
			t.Errorf("clock back: %s\n%s", wait, said.String()[before:])
		}
	}
	now = last.At.Add(time.Hour)
	if p.once(t.Context()); made != 2 {
		t.Error("nothing is published when the clock is right again")
	}
	// The loop waits between two looks, each time.
	ctx, stop := context.WithCancel(t.Context())
	var waits []time.Duration
	p.after = func(d time.Duration) <-chan time.Time {
		if waits = append(waits, d); len(waits) == 5 {
			stop()
			return nil
		}
		now = last.At.Add(-2 * time.Hour)
		c := make(chan time.Time, 1)
		c <- now
		return c
	}
	if err := p.run(ctx); err != nil || len(waits) != 5 {
		t.Errorf("%v %v", err, waits)
	}
	for _, d := range waits {
		if d < time.Second || d > time.Hour {
			t.Errorf("waits %s", d)
		}
	}
	p.last = func(context.Context) (register.Publication, error) { return register.Publication{}, errors.New("away") }
	if wait := p.once(t.Context()); wait != publishRetry {
		t.Errorf("without the register: %s", wait)
	}
}

func TestRoutesCommand(t *testing.T) {
	r := sceau(t, "routes", "--json")
	r.want(t, 0)
	var d struct {
		Schema string
		Routes []httpapi.RouteInfo
	}
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || d.Schema != "sceau-routes-1" || len(d.Routes) < 8 {
		t.Fatalf("%v %s", err, r.out)
	}
	sceau(t, "routes").want(t, 0, "/v1/checks", "own counter")
	sceau(t, "routes", "x").want(t, 2)
}
