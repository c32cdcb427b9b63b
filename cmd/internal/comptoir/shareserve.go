// The share on the local network: signed files of a frozen state, to be read and nothing else, by neighbours only.

package comptoir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sceau/cmd/internal/ui"
	"sceau/offline/mirror"
	"sceau/signing/trust"
)

// Bounds of the share, each with its reason.
const (
	shareLook       = 2 * time.Second  // how soon a new list is handed on
	shareHeader     = 5 * time.Second  // a request is two lines
	shareBody       = 5 * time.Minute  // the largest file over a poor wireless network
	shareIdle       = 15 * time.Second // between two files of one synchronisation
	shareHeaderSize = 8 << 10
	shareAtOnce     = 64 // connections
	shareEach       = 8  // of one computer: a synchronisation opens six
)

func (f shareFlags) serve(ctx context.Context, out, messages io.Writer, m *mirror.Mirror, dir string, roots []string) error {
	address := f.listen
	if address != "" && strings.Trim(address, "0123456789") == "" {
		address = ":" + address
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return ui.WithHint(ui.Usage("--listen %q n’est pas une adresse", f.listen), "--listen :8037 ou --listen 192.168.1.20:8037")
	}
	h, err := newHandouts(m, dir, roots)
	if err != nil {
		return inFrench(dir, err)
	}
	defer h.close()
	handed, err := h.renew(ctx)
	if err != nil {
		return inFrench(dir, err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return ui.WithHint(fmt.Errorf("l’adresse %s ne peut pas servir (%w)", address, err), "choisir un autre port, par exemple --listen :8038")
	}
	for _, one := range handed {
		sayHanded(out, one)
		places := reachable(l.Addr())
		for i := range places {
			places[i] += shareID(one.Fingerprint) + "/"
			fmt.Fprintf(out, "  %s\n", places[i])
		}
		sayFollow(out, places[0], one)
	}
	whom := "à tout le réseau local"
	if at, err := netip.ParseAddrPort(l.Addr().String()); err == nil && at.Addr().Unmap().IsLoopback() {
		whom = "à cet ordinateur seul"
	}
	fmt.Fprintf(out, "partage ouvert %s, en lecture seule (Ctrl+C pour finir)\n", whom)
	return h.listen(ctx, l, out, messages)
}

// listen serves until ctx ends.
func (h *handouts) listen(ctx context.Context, l net.Listener, out, messages io.Writer) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: shareHeader, ReadTimeout: shareHeader, WriteTimeout: shareBody, IdleTimeout: shareIdle,
		MaxHeaderBytes: shareHeaderSize, ErrorLog: log.New(io.Discard, "", 0)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var following sync.WaitGroup
	following.Go(func() { h.follow(ctx, out, messages) })
	defer following.Wait()
	context.AfterFunc(ctx, func() {
		ending, stop := context.WithTimeout(context.Background(), stopTime)
		defer stop()
		if server.Shutdown(ending) != nil {
			server.Close()
		}
	})
	err := server.Serve(&neighbours{Listener: l, open: map[netip.Addr]int{}})
	cancel()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// follow hands each new list on.
func (h *handouts) follow(ctx context.Context, out, messages io.Writer) {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		handed, err := h.renew(ctx)
		for _, one := range handed {
			fmt.Fprintf(out, "nouvelle liste partagée : celle du %s\n", instant(one.Published))
		}
		code := ""
		if err != nil && ctx.Err() == nil {
			code = troubleOf(err).code
		}
		if code != said && code != "" {
			// What was verified goes on being served.
			ui.French.Report(messages, inFrench("", err))
		}
		said = code
	}
}

// shareID is what a repository is called in the addresses of a share: the start of its fingerprint.
func shareID(fingerprint string) string {
	return strings.ToLower(strings.ReplaceAll(fingerprint, " ", "")[:16])
}

// reachable are the addresses at which neighbours find a listener.
func reachable(a net.Addr) []string {
	at := netip.MustParseAddrPort(a.String())
	if !at.Addr().IsUnspecified() {
		return []string{"http://" + at.String() + "/"}
	}
	var out []string
	all, err := net.InterfaceAddrs()
	if err != nil {
		all = nil
	}
	for _, one := range all {
		if p, err := netip.ParsePrefix(one.String()); err == nil && p.Addr().IsPrivate() {
			out = append(out, "http://"+netip.AddrPortFrom(p.Addr(), at.Port()).String()+"/")
		}
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf("http://127.0.0.1:%d/", at.Port()))
	}
	return out
}

// neighbours lets in the computers of the local network, so many at once.
type neighbours struct {
	net.Listener

	mu   sync.Mutex
	open map[netip.Addr]int
	all  int
}

// near says whether an address is one of a local network.
func near(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }

// Accept implements net.Listener.
func (n *neighbours) Accept() (net.Conn, error) {
	for {
		c, err := n.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err != nil || !near(from.Addr().Unmap()) || !n.enter(from.Addr()) {
			c.Close()
			continue
		}
		return &neighbour{Conn: c, leave: sync.OnceFunc(func() { n.leave(from.Addr()) })}, nil
	}
}

func (n *neighbours) enter(a netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all >= shareAtOnce || n.open[a] >= shareEach {
		return false
	}
	n.all++
	n.open[a]++
	return true
}

func (n *neighbours) leave(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all--
	if n.open[a]--; n.open[a] == 0 {
		delete(n.open, a)
	}
}

type neighbour struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *neighbour) Close() error {
	c.leave()
	return c.Conn.Close()
}

// ServeHTTP gives a file of a frozen state, whole, by its exact name. Every other wish is refused: it is nothing that a counter
// which follows a repository ever asks.
func (h *handouts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Range") != "":
		refuse(w, http.StatusRequestedRangeNotSatisfiable)
		return
	case r.ContentLength != 0 || r.RequestURI != "/"+id+"/"+path: // a body, a query, an escaped or absolute address
		refuse(w, http.StatusBadRequest)
		return
	case trust.CheckPath(path) != nil:
		refuse(w, http.StatusNotFound)
		return
	}
	f, size, err := h.open(id, path)
	if err != nil {
		code := http.StatusNotFound
		if !errors.Is(err, fs.ErrNotExist) {
			code = http.StatusServiceUnavailable
		}
		refuse(w, code)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if strings.HasSuffix(path, ".json") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", fmt.Sprint(size))
	if r.Method == http.MethodGet {
		io.CopyN(w, f, size)
	}
}

// refuse says no, in one line and without a word of what there is.
func refuse(w http.ResponseWriter, code int) {
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(code), code)
}
