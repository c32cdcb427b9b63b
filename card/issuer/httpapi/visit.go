// One request on its way: its id, where it comes from, its body, and what the log will say of it.

package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

type visitKey struct{}

// visit is what the engine knows of a request.
type visit struct {
	id            string // of the request, in the answer and in the log
	trace         string // W3C trace id, "" when none came
	source        string // address, or network of an IPv6 address
	who           Principal
	accept        string
	request       *http.Request
	authorization string
	body          []byte // once read
	began         time.Time
	head          bool
	code          string // of the error, for the log
	err           error  // whole, for the log alone
}

// visitOf returns the visit of a handler's context.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	if v == nil {
		return &visit{who: Principal{Kind: KindPublic}}
	}
	return v
}

// read takes the whole body, once.
func (v *visit) read(r *http.Request) error {
	if v.body != nil {
		return nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	v.body = b
	if v.body == nil {
		v.body = []byte{}
	}
	return nil
}

func (v *visit) sum() [32]byte { return sha256.Sum256(v.body) }

// bodyError names what stopped the reading of a body.
func bodyError(err error) error {
	var long *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &long):
		return errLong
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errSlow
	}
	return errBody.because(err)
}

// noBody refuses a body where none is taken.
func noBody(r *http.Request) error {
	if r.ContentLength > 0 || len(r.TransferEncoding) > 0 {
		return errLong
	}
	return nil
}

func newID() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// traceID reads the trace id of a W3C traceparent header, and nothing else of it.
func traceID(r *http.Request) string {
	all := r.Header.Values("Traceparent")
	if len(all) != 1 {
		return ""
	}
	parts := strings.Split(all[0], "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || parts[0] == "00" && len(parts) != 4 || len(parts[1]) != 32 || len(parts[2]) != 16 || len(parts[3]) != 2 {
		return ""
	}
	for _, p := range parts[:4] {
		for i := range len(p) {
			if c := p[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return ""
			}
		}
	}
	if strings.Trim(parts[1], "0") == "" || strings.Trim(parts[2], "0") == "" {
		return ""
	}
	return parts[1]
}

// sourceOf is the address that a request comes from: the connection's, or, behind a proxy that is trusted, the last one in
// X-Forwarded-For that is no such proxy. An IPv6 address stands for its /64, which one subscriber has whole.
func (s *Server) sourceOf(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	addr := at.Addr().Unmap()
	if s.proxied(addr) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			addr = hop.Unmap()
			if !s.proxied(addr) {
				break
			}
		}
	}
	return network(addr)
}

func (s *Server) proxied(addr netip.Addr) bool {
	for _, p := range s.o.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func network(addr netip.Addr) string {
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}
