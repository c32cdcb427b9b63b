package depot

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sceau/fixtures/s3server"
)

const (
	access = s3server.Access
	secret = s3server.Secret
)

// gateway is a real server that speaks S3; its bucket is "lists".
type gateway struct {
	*s3server.Server
	t testing.TB
}

func newGateway(t testing.TB) gateway { return gateway{s3server.Start(t), t} }

func env(vars ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(vars); i += 2 {
			if vars[i] == name {
				return vars[i+1]
			}
		}
		return ""
	}
}

var withKeys = Options{Getenv: env(EnvAccessKey, access, EnvSecretKey, secret)}

func (g gateway) open(bucket string) *Bucket {
	g.t.Helper()
	d, err := Open(g.t.Context(), g.Target(bucket), withKeys)
	if err != nil {
		g.t.Fatal(err)
	}
	return d.(*Bucket)
}

// TestBucket: a bucket is a depot like a folder.
func TestBucket(t *testing.T) {
	g := newGateway(t)
	keeps(t, g.open("lists/some/prefix"))
	if _, err := g.Stored("some/prefix/a/one.txt"); err != nil {
		t.Error(err)
	}
	other := g.open("lists")
	all, err := other.List(t.Context(), "some/prefix/")
	if err != nil || len(all) == 0 {
		t.Errorf("%v %v", all, err)
	}
	// Many files come in pages.
	for i := range 1100 {
		if err := os.WriteFile(filepath.Join(g.Dir, "lists", fmt.Sprintf("n%04d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if all, err = other.List(t.Context(), "n"); err != nil || len(all) != 1100 {
		t.Errorf("%d of 1100: %v", len(all), err)
	}
	// What others put over it is noticed.
	if _, err := other.Put(t.Context(), "over.json", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.Dir, "lists", "over.json"), []byte("your"), 0o644); err != nil {
		t.Fatal(err)
	}
	data, err := other.Get(t.Context(), "over.json")
	if err != nil || string(data) != "your" {
		t.Errorf("%s %v", data, err)
	}
}

// TestBucketRefusals: whatever is wrong has its own error, and no error says a key.
func TestBucketRefusals(t *testing.T) {
	g := newGateway(t)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(secret+"\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	if err := os.WriteFile(nothing, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), g.Target("lists"), Options{Getenv: env(EnvAccessKey, access, EnvSecretKey+"_FILE", file)}); err != nil {
		t.Errorf("keys by file: %v", err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	for name, tc := range map[string]struct {
		target string
		o      Options
		want   error
	}{
		"wrong secret":     {g.Target("lists"), Options{AccessKey: access, SecretKey: secret + "x"}, ErrCredentials},
		"unknown access":   {g.Target("lists"), Options{AccessKey: "other", SecretKey: secret}, ErrCredentials},
		"no keys":          {g.Target("lists"), Options{Getenv: env()}, ErrCredentials},
		"no secret":        {g.Target("lists"), Options{Getenv: env(EnvAccessKey, access)}, ErrCredentials},
		"key file missing": {g.Target("lists"), Options{Getenv: env(EnvAccessKey, access, EnvSecretKey+"_FILE", file+"x")}, ErrCredentials},
		"key file empty":   {g.Target("lists"), Options{Getenv: env(EnvAccessKey, access, EnvSecretKey+"_FILE", nothing)}, ErrCredentials},
		"missing bucket":   {g.Target("absent"), withKeys, ErrBucket},
		"nobody listens":   {"s3://lists?endpoint=http://" + nobody, withKeys, ErrUnreachable},
		"TLS expected":     {fmt.Sprintf("s3://lists?endpoint=https://127.0.0.1:%d", g.Port), withKeys, ErrUnreachable},
		"keys in it":       {"s3://" + access + ":" + secret + "@lists", withKeys, ErrTarget},
		"keys in endpoint": {"s3://lists?endpoint=http://" + access + ":" + secret + "@h", withKeys, ErrTarget},
		"unknown option":   {g.Target("lists") + "&secret=" + secret, withKeys, ErrTarget},
		"twice":            {g.Target("lists") + "&region=a&region=b", withKeys, ErrTarget},
		"no bucket":        {"s3:///x", withKeys, ErrTarget},
		"bad bucket":       {"s3://A_b", withKeys, ErrTarget},
		"bad prefix":       {"s3://lists/../x", withKeys, ErrTarget},
		"fragment":         {"s3://lists#x", withKeys, ErrTarget},
		"bad endpoint":     {"s3://lists?endpoint=ftp://h", withKeys, ErrTarget},
		"endpoint's path":  {"s3://lists?endpoint=https://h/x", withKeys, ErrTarget},
		"unreadable":       {"s3://lists?%zz", withKeys, ErrTarget},
		"control":          {"s3://lists\x7f", withKeys, ErrTarget},
		"another scheme":   {"gs://lists", withKeys, ErrTarget},
		"empty":            {"", withKeys, ErrTarget},
	} {
		d, err := Open(t.Context(), tc.target, tc.o)
		if !errors.Is(err, tc.want) || d != nil {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), "depot-secret") || strings.Contains(err.Error(), access)) {
			t.Errorf("%s: %v says a key", name, err)
		}
	}
}

// TestCause: what a library says of a connection is not repeated: it may hold the password of a proxy.
func TestCause(t *testing.T) {
	for text, want := range map[string]string{
		`invalid proxy address "http://clerk:` + secret + `@[::1": missing ']' in host`: "the proxy of this computer's settings can't be used",
		"anything with " + secret:                         "the connection broke",
		"http: server gave HTTP response to HTTPS client": "the server speaks no TLS that is accepted, or none at all",
	} {
		err := &url.Error{Op: "Get", URL: "https://h/" + secret, Err: errors.New(text)}
		if got := cause(err); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
	if got := cause(&url.Error{Op: "Get", Err: &tls.CertificateVerificationError{Err: errors.New("x")}}); got != "the server's certificate is not accepted" {
		t.Error(got)
	}
}

// TestServerDies: a server that is killed while it takes a file has all of it or nothing afterwards.
func TestServerDies(t *testing.T) {
	g := newGateway(t)
	b := g.open("lists")
	random := rand.NewChaCha8([32]byte{1})
	old, next := make([]byte, 8<<20), make([]byte, 24<<20)
	random.Read(old)
	random.Read(next)
	for name, data := range map[string][]byte{"big": old, "small": nil} {
		if _, err := b.Put(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		put := make(chan error, 2)
		go func() { _, err := b.Put(ctx, "big", next); put <- err }()
		go func() { _, err := b.Put(ctx, "fresh", next); put <- err }()
		for range 1 + 8*i { // round trips later, while the files are on their way
			if _, err := g.open("lists").Get(ctx, "small"); err != nil {
				t.Fatal(err)
			}
		}
		g.Kill()
		cancel() // nobody retries: what is there is what the killed server left
		for range 2 {
			<-put
		}
		g.Restart()
		got, err := b.Get(t.Context(), "big")
		if err != nil || !bytes.Equal(got, old) && !bytes.Equal(got, next) {
			t.Fatalf("%d bytes, neither the old file nor the new one: %v", len(got), err)
		}
		if got, err = b.Get(t.Context(), "fresh"); !errors.Is(err, fs.ErrNotExist) && (err != nil || !bytes.Equal(got, next)) {
			t.Fatalf("%d bytes of a file that is new: %v", len(got), err)
		}
	}
	if _, err := b.Put(t.Context(), "big", next); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(t.Context(), "big"); err != nil || !bytes.Equal(got, next) {
		t.Fatal(err)
	}
}

// TestBucketRetries: passing trouble is asked again, a bounded number of times; a server that heeds no condition is refused.
func TestBucketRetries(t *testing.T) {
	var asked atomic.Int64
	trouble := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method == http.MethodHead && r.URL.Path == "/lists/" {
			return
		}
		if trouble.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"00"`)
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	d, err := Open(t.Context(), "s3://lists?endpoint="+server.URL, withKeys)
	if err != nil {
		t.Fatal(err)
	}
	trouble.Store(2)
	if _, err := d.Put(t.Context(), "a", []byte("x")); err != nil {
		t.Errorf("two refusals: %v", err)
	}
	trouble.Store(1000)
	before := asked.Load()
	if _, err := d.Put(t.Context(), "a", []byte("x")); !errors.Is(err, ErrUnreachable) {
		t.Errorf("refused for ever: %v", err)
	}
	if n := asked.Load() - before; n > 2*tries {
		t.Errorf("asked %d times", n)
	}
	trouble.Store(0)
	if err := d.(Swapper).Swap(t.Context(), "a", []byte("x"), Absent); !errors.Is(err, ErrNoConditions) {
		t.Errorf("a server without conditions: %v", err)
	}
}

// TestBucketSwap: of several writers that read the same state exactly one replaces it.
func TestBucketSwap(t *testing.T) {
	g := newGateway(t)
	swaps(t, func() Swapper { return g.open("lists") })
	if _, err := g.Stored(probe); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the probe is there: %v", err)
	}
}

// swaps holds what every Swapper promises.
func swaps(t *testing.T, open func() Swapper) {
	ctx := t.Context()
	const writers, rounds = 4, 6
	s := open()
	if _, tag, err := s.Read(ctx, "timestamp.json"); !errors.Is(err, fs.ErrNotExist) || tag != Absent {
		t.Fatalf("%q %v", tag, err)
	}
	var all []Swapper
	for range writers {
		all = append(all, open())
	}
	tag := Absent
	for round := range rounds {
		var won atomic.Int64
		var wg sync.WaitGroup
		for n, w := range all {
			wg.Go(func() {
				err := w.Swap(ctx, "timestamp.json", fmt.Appendf(nil, "round %d by %d", round, n), tag)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, ErrChanged) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d writers won", round, won.Load())
		}
		before := tag
		data, now, err := s.Read(ctx, "timestamp.json")
		if err != nil || now == before || !strings.HasPrefix(string(data), fmt.Sprintf("round %d", round)) {
			t.Fatalf("%s %q %v", data, now, err)
		}
		if err := s.Swap(ctx, "timestamp.json", []byte("late"), before); !errors.Is(err, ErrChanged) {
			t.Fatalf("an old tag: %v", err)
		}
		tag = now
	}
	if err := s.Swap(ctx, "never.json", []byte("x"), tag); !errors.Is(err, ErrChanged) {
		t.Errorf("a tag of what is not there: %v", err)
	}
	if err := s.Swap(ctx, "../x", []byte("x"), Absent); !errors.Is(err, ErrName) {
		t.Error(err)
	}
}
