// The share on the network, asked by whoever likes.
package comptoir

import (
	"bufio"
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sceau/offline/mirror"
)

// Who asks a share for anything but a signed file gets nothing.
func TestShareHostileRequests(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "poste")
	ok(t, "sync", dir, "--from", p.dir)
	if err := os.WriteFile(filepath.Join(dir, "secret.json"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, _ := listening(t, dir)
	host, base, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	base = "/" + base
	send := func(request string) (code int, body string) {
		t.Helper()
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(b)
	}
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }
	if code, body := send(get(base + timestampName)); code != 200 || body != string(p.published[timestampName]) {
		t.Fatalf("the valid twin: %d", code)
	}
	if code, body := send("HEAD " + base + timestampName + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); code != 200 || body != "" {
		t.Errorf("HEAD: %d %q", code, body)
	}
	for name, request := range map[string]string{
		"nothing":           get("/"),
		"the folder":        get(base),
		"no such share":     get("/0123456789abcdef/timestamp.json"),
		"no repository":     get("/timestamp.json"),
		"up":                get(base + "../secret.json"),
		"up twice":          get(base + "../../secret.json"),
		"up from below":     get(base + "amc/../../../secret.json"),
		"up, escaped":       get(base + "%2e%2e/secret.json"),
		"slash, escaped":    get(base + "..%2f..%2fsecret.json"),
		"backslash":         get(base + `..\..\secret.json`),
		"name, escaped":     get(base + "%74imestamp.json"),
		"NUL":               get(base + "timestamp.json%00"),
		"two slashes":       get(strings.TrimSuffix(base, "/") + "//timestamp.json"),
		"absolute":          get(base + "/etc/hostname"),
		"the database":      get(base + mirror.FileName),
		"the journal":       get(base + mirror.BookName),
		"a folder's name":   get(base + "amc"),
		"a trailing slash":  get(base + "timestamp.json/"),
		"hidden":            get(base + ".part"),
		"query":             get(base + "timestamp.json?x=1"),
		"empty query":       get(base + "timestamp.json?"),
		"proxy":             get("http://example.org" + base + timestampName),
		"range":             "GET " + base + "timestamp.json HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n",
		"many ranges":       "GET " + base + "timestamp.json HTTP/1.1\r\nHost: x\r\nRange: bytes=" + strings.Repeat("0-,", 500) + "0-\r\nConnection: close\r\n\r\n",
		"a body":            "GET " + base + "timestamp.json HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd",
		"chunks":            "GET " + base + "timestamp.json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
		"long header":       "GET " + base + "timestamp.json HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"connect":           "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
		"no method of HTTP": "SECRET " + base + timestampName + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"not HTTP":          "\x16\x03\x01 hello\r\n\r\n",
	} {
		if code, body := send(request); code == 200 || code/100 == 3 || strings.Contains(body, "secret") || len(body) > 100 {
			t.Errorf("%s: %d %.200q", name, code, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
		if code, _ := send(method + " " + base + timestampName + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"); code != 405 {
			t.Errorf("%s: %d", method, code)
		}
	}
	// After all that it still serves, and nothing was changed.
	if code, body := send(get(base + timestampName)); code != 200 || body != string(p.published[timestampName]) {
		t.Fatalf("afterwards: %d", code)
	}
	ok(t, "fsck", dir)
}

// Neighbours only, and none of them takes every place.
func TestNeighbours(t *testing.T) {
	for text, want := range map[string]bool{"192.168.1.7": true, "10.0.0.1": true, "172.16.9.9": true, "127.0.0.1": true, "::1": true, "fe80::1": true,
		"fd00::7": true, "169.254.1.1": true, "8.8.8.8": false, "2001:4860::1": false, "172.32.0.1": false, "0.0.0.0": false} {
		if near(netip.MustParseAddr(text)) != want {
			t.Errorf("%s: near %t", text, !want)
		}
	}
	n := &neighbours{open: map[netip.Addr]int{}}
	greedy := netip.MustParseAddr("192.168.1.7")
	in := 0
	for range 100 {
		if n.enter(greedy) {
			in++
		}
	}
	if in != shareEach || !n.enter(netip.MustParseAddr("192.168.1.8")) {
		t.Errorf("%d of one computer, and no other", in)
	}
	n.leave(greedy)
	if !n.enter(greedy) || n.enter(greedy) {
		t.Error("a place that was given back")
	}
	for i := range 100 {
		n.enter(netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", i)))
	}
	if n.all != shareAtOnce {
		t.Errorf("%d at once", n.all)
	}
}

// A share is frozen: who reads it while a new list comes finds every file of the state that it began with.
func TestShareIsFrozen(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "poste")
	ok(t, "sync", dir, "--from", p.dir)
	m, err := openMirror(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	h, err := newHandouts(m, dir, []string{p.fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if handed, err := h.renew(t.Context()); err != nil || len(handed) != 1 {
		t.Fatalf("%+v, %v", handed, err)
	}
	id := shareID(p.fingerprint())
	files := func(dir string) (all []string) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				all = append(all, path)
			}
			return err
		})
		return all
	}
	first := files(h.now[id].name)
	read := func(path string) []byte {
		f, size, err := h.open(id, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil || int64(len(b)) != size {
			t.Errorf("%s: %v", path, err)
		}
		return b
	}
	if handed, err := h.renew(t.Context()); err != nil || len(handed) != 0 {
		t.Fatalf("nothing new: %+v, %v", handed, err)
	}
	p.end(5)
	p.publish()
	ok(t, "sync", dir)
	if !bytes.Equal(read(timestampName), h.mustHand(t)) {
		t.Error("not the frozen timestamp")
	}
	if handed, err := h.renew(t.Context()); err != nil || len(handed) != 1 {
		t.Fatalf("%+v, %v", handed, err)
	}
	for _, path := range first {
		if got := read(path); path == timestampName {
			if !bytes.Equal(got, p.published[path]) {
				t.Error("not the newest timestamp")
			}
		} else if !bytes.Equal(got, p.published[path]) {
			t.Errorf("%s is gone", path)
		}
	}
	p.end(6)
	p.publish()
	ok(t, "sync", dir)
	if _, err := h.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(h.temp, "*-*")); err != nil || len(left) != 2 {
		t.Errorf("%d states kept, %v", len(left), err)
	}
	// Damaged meanwhile: what was verified goes on.
	db, err := sql.Open("sqlite", filepath.Join(dir, mirror.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE file SET data = zeroblob(length(data)) WHERE path LIKE '%/issuer.json'"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.renew(t.Context()); !mirror.IsDamaged(err) {
		t.Errorf("damaged: %v", err)
	}
	if !bytes.Equal(read(timestampName), p.published[timestampName]) {
		t.Error("the last good state went")
	}
	// Forgotten: no more of it.
	ok(t, "forget", dir, p.fingerprint())
	if _, err := h.renew(t.Context()); err == nil {
		t.Error("forgotten, and no word of it")
	}
	if _, _, err := h.open(id, timestampName); err == nil {
		t.Error("forgotten, and still shared")
	}
}

// What a share that was cut short left goes with the next one; what another one uses stays.
func TestShareSweepsWhatWasLeft(t *testing.T) {
	p := newPublisher(t, amc)
	dir := filepath.Join(t.TempDir(), "a")
	ok(t, "sync", dir, "--from", p.dir)
	m, err := mirror.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	used, err := newHandouts(m, dir, []string{p.fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	defer used.close()
	left := filepath.Join(dir, "share-1", "x")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, name := range []string{filepath.Dir(left), used.temp} {
		if err := os.Chtimes(name, long, long); err != nil {
			t.Fatal(err)
		}
	}
	next, err := newHandouts(m, dir, []string{p.fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(used.temp); err != nil {
		t.Errorf("a share in use: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(left)); !os.IsNotExist(err) {
		t.Errorf("what was left behind: %v", err)
	}
	next.close()
	if _, err := os.Stat(next.temp); !os.IsNotExist(err) {
		t.Errorf("after its end: %v", err)
	}
}
