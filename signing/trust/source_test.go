// Sources: folders, archives, web servers, and all that can stand in their place.
package trust

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func writeDir(t testing.TB, dir string, files memory) {
	t.Helper()
	for path, data := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func writeZip(t testing.TB, name string, add func(z *zip.Writer)) {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	add(z)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func addAll(t testing.TB, z *zip.Writer, prefix string, files memory) {
	t.Helper()
	for path, data := range files {
		w, err := z.Create(prefix + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
}

// The same repository comes through every kind of source.
func TestSourcesTwin(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	writeDir(t, filepath.Join(dir, "public"), w.store)
	writeZip(t, filepath.Join(dir, "public.zip"), func(z *zip.Writer) { addAll(t, z, "", w.store) })
	writeZip(t, filepath.Join(dir, "folder.ZIP"), func(z *zip.Writer) {
		_, _ = z.Create("public/")
		addAll(t, z, "public/", w.store)
		_, _ = z.Create("__MACOSX/public/._timestamp.json")
	})
	srv := httptest.NewServer(http.StripPrefix("/depot", http.FileServer(http.Dir(filepath.Join(dir, "public")))))
	defer srv.Close()
	for _, spec := range []string{filepath.Join(dir, "public"), filepath.Join(dir, "public.zip"), filepath.Join(dir, "folder.ZIP"), srv.URL + "/depot", srv.URL + "/depot/"} {
		src, err := NewSource(spec)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(spec), err)
			continue
		}
		root, _, err := FetchRoot(context.Background(), src)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(spec), err)
			continue
		}
		if _, _, err := Refresh(context.Background(), src, RefreshOptions{Root: root, Now: w.now, Want: wantAll}); err != nil {
			t.Errorf("%s: %v", filepath.Base(spec), err)
		}
		for path, family := range map[string]error{"none.json": ErrNotFound, "../timestamp.json": ErrUnsafePath, "/etc/hostname": ErrUnsafePath, "": ErrUnsafePath} {
			if _, err := src.Fetch(context.Background(), path, 100); !errors.Is(err, family) {
				t.Errorf("%s: %q: %v", filepath.Base(spec), path, err)
			}
		}
		n := int64(len(w.store[timestampPath]))
		if _, err := src.Fetch(context.Background(), timestampPath, n-1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: one byte over: %v", filepath.Base(spec), err)
		}
		if got, err := src.Fetch(context.Background(), timestampPath, n); err != nil || int64(len(got)) != n {
			t.Errorf("%s: exact: %v", filepath.Base(spec), err)
		}
		if err := CloseSource(src); err != nil {
			t.Error(err)
		}
	}
}

func TestNewSourceRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	notZip := filepath.Join(dir, "not.zip")
	for _, n := range []string{file, notZip} {
		if err := os.WriteFile(n, []byte("PK not really"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for spec, family := range map[string]error{
		"": ErrBadSource, "  ": ErrBadSource, "ftp://host/x": ErrBadSource, "file:///etc": ErrBadSource, "https://": ErrBadSource,
		"http://user:secret@host/": ErrBadSource, "https://host/?a=b": ErrBadSource, "https://host/#x": ErrBadSource, "http://a b/": ErrBadSource,
		file: ErrBadSource, notZip: ErrBadSource, filepath.Join(dir, "none"): ErrUnreachable, filepath.Join(dir, "none.zip"): ErrUnreachable,
		filepath.Join(dir, "x") + string(filepath.Separator) + "..zip": ErrUnreachable,
	} {
		src, err := NewSource(spec)
		if src != nil || !errors.Is(err, family) || !errors.Is(err, ErrSource) {
			t.Errorf("%q: %v, want %v", spec, err, family)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), dir)) {
			t.Errorf("%q: the error tells too much: %v", spec, err)
		}
	}
}

func TestDirEscapes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege there")
	}
	dir := t.TempDir()
	pub := filepath.Join(dir, "public")
	writeDir(t, pub, memory{"real.json": []byte("{}"), "sub/x": []byte("x")})
	writeDir(t, dir, memory{"secret.json": []byte("secret")})
	for link, to := range map[string]string{"up.json": "../secret.json", "abs.json": filepath.Join(dir, "secret.json"), "inside.json": "real.json", "loop.json": "loop.json", "dirlink": ".."} {
		if err := os.Symlink(to, filepath.Join(pub, link)); err != nil {
			t.Fatal(err)
		}
	}
	src, err := OpenDir(pub)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for _, path := range []string{"up.json", "abs.json", "loop.json", "dirlink/secret.json", "sub", "dirlink"} {
		if got, err := src.Fetch(context.Background(), path, 100); err == nil || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	for _, path := range []string{"real.json", "inside.json"} {
		if _, err := src.Fetch(context.Background(), path, 100); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := os.Rename(pub, pub+"-out"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(pub + "-out"); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Fetch(context.Background(), "real.json", 100); err == nil {
		t.Error("read from a folder that is gone")
	}
}

func TestHostileZips(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.zip")
	ctx := context.Background()

	writeZip(t, name, func(z *zip.Writer) {
		addAll(t, z, "", memory{"a": []byte("1"), "timestamp.json": nil})
		addAll(t, z, "", memory{"a": []byte("2")})
	})
	if _, err := OpenZip(name); !errors.Is(err, ErrBadSource) {
		t.Errorf("file twice: %v", err)
	}
	writeZip(t, name, func(z *zip.Writer) {
		addAll(t, z, "one/", memory{"timestamp.json": nil})
		addAll(t, z, "two/", memory{"timestamp.json": nil})
	})
	if _, err := OpenZip(name); !errors.Is(err, ErrBadSource) {
		t.Errorf("two repositories: %v", err)
	}

	// A bomb that says what it is, one that lies, a link, a foreign name.
	bomb := bytes.Repeat([]byte{0}, 8<<20)
	writeZip(t, name, func(z *zip.Writer) {
		addAll(t, z, "", memory{"timestamp.json": bomb, "../up": []byte("x"), "ok": []byte("ok")})
		h := &zip.FileHeader{Name: "link"}
		h.SetMode(os.ModeSymlink | 0o777)
		l, _ := z.CreateHeader(h)
		_, _ = l.Write([]byte("/etc/hostname"))
		var packed bytes.Buffer
		gz := newDeflate(&packed)
		_, _ = gz.Write(bomb)
		_ = gz.Close()
		raw, _ := z.CreateRaw(&zip.FileHeader{Name: "liar", Method: zip.Deflate, UncompressedSize64: 10, CompressedSize64: uint64(packed.Len())})
		_, _ = raw.Write(packed.Bytes())
	})
	src, err := OpenZip(name)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for path, family := range map[string]error{"timestamp.json": ErrTooLarge, "../up": ErrUnsafePath, "link": ErrBadSource} {
		if _, err := src.Fetch(ctx, path, maxTimestamp); !errors.Is(err, family) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got, err := src.Fetch(ctx, "liar", maxTimestamp); err == nil {
		t.Errorf("liar: %d bytes", len(got))
	}
	if got, err := src.Fetch(ctx, "ok", 10); err != nil || string(got) != "ok" {
		t.Errorf("ok: %v", err)
	}

	// Every byte of a small archive flipped: never a wrong content, no panic.
	writeZip(t, name, func(z *zip.Writer) { addAll(t, z, "", memory{"timestamp.json": []byte("hello hello hello")}) })
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0xff
		if err := os.WriteFile(name, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		z, err := OpenZip(name)
		if err != nil {
			continue
		}
		if got, err := z.Fetch(ctx, "timestamp.json", 100); err == nil && string(got) != "hello hello hello" {
			t.Errorf("byte %d flipped: %q", i, got)
		}
		z.Close()
	}

	// A list of contents without end.
	z, err := listZip(bytes.NewReader(hugeDirectory()), int64(len(hugeDirectory())))
	if z != nil || !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "list of contents") {
		t.Errorf("endless list: %d entries, %v", len(z), err)
	}
}

// slowHTTP makes a source of a server with a short patience.
func httpSource(t *testing.T, base string) *HTTP {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	src, err := NewHTTP(u)
	if err != nil {
		t.Fatal(err)
	}
	src.stall = 300 * time.Millisecond
	src.client.Transport.(*http.Transport).Proxy = nil
	t.Cleanup(func() { src.Close() })
	return src
}

func TestHostileServers(t *testing.T) {
	w := newWorld(t)
	good := w.store[timestampPath]
	elsewhere := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(good) }))
	defer elsewhere.Close()
	otherHost := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	var sent atomic.Int64

	status := func(code int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(code)
			_, _ = io.WriteString(rw, body)
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, to, http.StatusFound) }
	}
	raw := func(answer string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			c, _, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, answer)
			c.Close()
		}
	}
	for name, c := range map[string]struct {
		family  error
		handler http.HandlerFunc
	}{
		"captive portal, 200 and HTML": {ErrNotRepository, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(rw, "<html>Connectez-vous</html>")
		}},
		"captive portal that says JSON": {ErrNotRepository, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(rw, "\n  <!DOCTYPE html><p>Connectez-vous")
		}},
		"captive portal elsewhere": {ErrRedirect, redirect(otherHost + "/login")},
		"other port":               {ErrRedirect, redirect(elsewhere.URL + "/timestamp.json")},
		"redirect to a file":       {ErrRedirect, redirect("file:///etc/hostname")},
		"redirect in circles":      {ErrRedirect, redirect("/timestamp.json")},
		"204":                      {ErrNotRepository, status(204, "")},
		"206":                      {ErrNotRepository, status(206, string(good))},
		"304":                      {ErrNotRepository, status(304, "")},
		"201":                      {ErrNotRepository, status(201, string(good))},
		"400":                      {ErrNotRepository, status(400, "")},
		"401":                      {ErrForbidden, status(401, "")},
		"403":                      {ErrForbidden, status(403, "")},
		"404":                      {ErrNotFound, status(404, "<html>")},
		"410":                      {ErrNotFound, status(410, "")},
		"407":                      {ErrProxy, status(407, "")},
		"429":                      {ErrUnreachable, status(429, "")},
		"500":                      {ErrUnreachable, status(500, string(good))},
		"503":                      {ErrUnreachable, status(503, "")},
		"511":                      {ErrNotRepository, status(511, "")},
		"announced too long":       {ErrTooLarge, func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Content-Length", "999999999") }},
		"longer than announced":    {ErrMalformed, raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%sxxx", len(good)-3, good))},
		"shorter than announced": {ErrInterrupted, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", fmt.Sprint(len(good)+10))
			_, _ = rw.Write(good)
		}},
		"chunks cut": {ErrInterrupted, raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")},
		"endless": {ErrTooLarge, func(rw http.ResponseWriter, r *http.Request) {
			buf := make([]byte, 32<<10)
			for r.Context().Err() == nil {
				n, err := rw.Write(buf)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}},
		"endless headers": {ErrUnreachable, func(rw http.ResponseWriter, _ *http.Request) {
			for i := range 4000 {
				rw.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 100))
			}
		}},
		"gzip bomb": {ErrNotRepository, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			gz := gzip.NewWriter(rw)
			_, _ = gz.Write(make([]byte, 10<<20))
			_ = gz.Close()
		}},
		"silence in the body": {ErrInterrupted, func(rw http.ResponseWriter, r *http.Request) {
			_, _ = rw.Write(good[:10])
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
		"connection dropped": {ErrUnreachable, raw("")},
		"not HTTP":           {ErrUnreachable, raw("220 smtp ready\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			armed := true
			srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Header.Get("User-Agent") != "Sceau" {
					t.Errorf("User-Agent %q", r.Header.Get("User-Agent"))
				}
				path := strings.TrimPrefix(r.URL.Path, "/")
				if armed && path == timestampPath {
					c.handler(rw, r)
					return
				}
				data, ok := w.store[path]
				if !ok {
					rw.WriteHeader(404)
					return
				}
				_, _ = rw.Write(data)
			}))
			defer srv.Close()
			src := httpSource(t, srv.URL)
			start := time.Now()
			next, _, err := Refresh(context.Background(), src, RefreshOptions{Root: w.root(), Now: w.now})
			if next != nil || !errors.Is(err, c.family) {
				t.Errorf("%v, want %v", err, c.family)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
			if e := Explain(err); e.Code == "internal" || strings.Contains(e.What+e.Todo, "carte") || e.Todo == "" {
				t.Errorf("words: %+v", e)
			}
			// The twin: the same server, the same source, without the fault.
			armed = false
			if _, _, err := Refresh(context.Background(), src, RefreshOptions{Root: w.root(), Now: w.now, Want: wantAll}); err != nil {
				t.Errorf("twin: %v", err)
			}
		})
	}
	if n := sent.Load(); n == 0 || n > 64<<20 {
		t.Errorf("endless body: %d bytes sent", n)
	}
}

// Redirects within the machine are followed, and http may become https there.
func TestRedirectTwins(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"http://h/a", "http://h/b", true}, {"http://h/a", "https://h/b", true}, {"http://h:8080/a", "https://h:8443/a", true},
		{"https://h/a", "http://h/a", false}, {"http://h/a", "https://i/a", false}, {"https://h/a", "https://i/a", false}, {"http://h/a", "http://h:81/a", false}, {"http://h/a", "ftp://h/a", false},
	} {
		a, _ := http.NewRequest("GET", c.from, nil)
		b, _ := http.NewRequest("GET", c.to, nil)
		if err := checkRedirect(b, []*http.Request{a}); (err == nil) != c.ok {
			t.Errorf("%s -> %s: %v", c.from, c.to, err)
		}
	}
}

func TestConnectionTroubles(t *testing.T) {
	ctx := context.Background()
	self := httptest.NewTLSServer(http.NotFoundHandler())
	defer self.Close()
	self.Config.ErrorLog = discardLog()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	for name, c := range map[string]struct {
		base   string
		family error
	}{
		"self-signed":        {self.URL, ErrTLS},
		"TLS to a plain one": {strings.Replace(plain.URL, "http:", "https:", 1), ErrTLS},
		"nobody there":       {closed, ErrUnreachable},
		"no such name":       {"http://depot.invalid", ErrUnreachable},
	} {
		_, err := httpSource(t, c.base).Fetch(ctx, timestampPath, 100)
		if !errors.Is(err, c.family) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v, want %v", name, err, c.family)
		}
	}
	// A proxy that wants a password, for http and for https.
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(407) }))
	defer proxy.Close()
	pu, _ := url.Parse(proxy.URL)
	for _, base := range []string{"http://depot.invalid", "https://depot.invalid"} {
		src := httpSource(t, base)
		src.client.Transport.(*http.Transport).Proxy = http.ProxyURL(pu)
		if _, err := src.Fetch(ctx, timestampPath, 100); !errors.Is(err, ErrProxy) {
			t.Errorf("proxy for %s: %v", base, err)
		}
	}
	// The caller's own patience.
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hang.Close()
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := httpSource(t, hang.URL).Fetch(short, timestampPath, 100); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
}

// The connection is cut after each byte of the timestamp's answer, and at
// sampled places of a role's: never accepted, and the next try goes through.
func TestCutAtEachByte(t *testing.T) {
	w := newWorld(t)
	cur := w.mustFollow(w.store, nil)
	w.nextDay()
	var path atomic.Value
	var at atomic.Int64
	path.Store("")
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p := strings.TrimPrefix(r.URL.Path, "/")
		data, ok := w.store[p]
		if !ok {
			rw.WriteHeader(404)
			return
		}
		rw.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if p == path.Load() {
			data = data[:at.Load()]
		}
		_, _ = rw.Write(data)
	}))
	defer srv.Close()
	srv.Config.ErrorLog = discardLog()
	src := httpSource(t, srv.URL)
	for p, step := range map[string]int64{timestampPath: 1, "2." + StatusRole(insurerA) + ".json": 29, "2.snapshot.json": 41} {
		path.Store(p)
		for n := int64(0); n < int64(len(w.store[p])); n += step {
			at.Store(n)
			if next, _, err := Refresh(context.Background(), src, RefreshOptions{Current: cur, Now: w.now}); next != nil || !errors.Is(err, ErrInterrupted) {
				t.Fatalf("%s cut at %d: %v", p, n, err)
			}
		}
	}
	path.Store("")
	if _, _, err := Refresh(context.Background(), src, RefreshOptions{Current: cur, Now: w.now, Want: wantAll}); err != nil {
		t.Error(err)
	}
}
