// A connection that died without a word.
package liaison

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener without a network, so that its time may be virtual.
type pipes struct {
	come chan net.Conn
	shut chan struct{}
	once *sync.Once
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.shut:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { p.once.Do(func() { close(p.shut) }); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

// hole is a connection that may stop to carry anything, without an error.
type hole struct {
	net.Conn
	dead *atomic.Bool
}

func (h hole) Write(b []byte) (int, error) {
	if h.dead.Load() {
		return len(b), nil
	}
	return h.Conn.Write(b)
}

// The first probe after a line was replaced goes over a new connection: the old one was found dead by itself.
func TestDeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := pipes{make(chan net.Conn), make(chan struct{}), new(sync.Once)}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
		server.Listener.Close()
		server.Listener, server.EnableHTTP2 = line, true
		server.StartTLS()
		defer server.Close()
		transport, err := newTransport(nil)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		transport.Proxy = nil
		var dead atomic.Bool
		dials := 0
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			line.come <- far
			if dials++; dials == 1 {
				return hole{near, &dead}, nil
			}
			return near, nil
		}
		defer transport.CloseIdleConnections()
		get := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), Limit)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err == nil {
				if resp.Body.Close(); resp.ProtoMajor != 2 {
					t.Errorf("HTTP/%d: nothing is tested", resp.ProtoMajor)
				}
			}
			return err
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		dead.Store(true)
		if err := get(); err == nil {
			t.Fatal("the line is not dead")
		}
		time.Sleep(FirstProbe)
		if err := get(); err != nil || dials != 2 {
			t.Errorf("%v after %d connections", err, dials)
		}
	})
}
