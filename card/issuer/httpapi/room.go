// Connections: a bounded number, in all and from one source. A newcomer above the bound in all takes the place of the oldest
// connection that is not being answered, so that nobody keeps others out by doing nothing.

package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
)

type room struct {
	net.Listener
	bounds  Bounds
	proxied func(netip.Addr) bool
	metrics *metrics

	mu     sync.Mutex
	conns  *list.List // oldest first
	source map[string]int
}

// seat is one connection.
type seat struct {
	net.Conn
	room   *room
	source string // "" for a proxy
	busy   atomic.Int64
	at     *list.Element // under room.mu; nil once gone
}

func newRoom(l net.Listener, s *Server) *room {
	return &room{Listener: l, bounds: s.o.Bounds.defaults(), proxied: s.proxied, metrics: s.metrics, conns: list.New(), source: map[string]int{}}
}

// Accept implements net.Listener.
func (r *room) Accept() (net.Conn, error) {
	for {
		c, err := r.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if s := r.sit(c); s != nil {
			return s, nil
		}
		c.Close()
	}
}

// sit gives a connection its seat, or none.
func (r *room) sit(c net.Conn) *seat {
	s := &seat{Conn: c, room: r}
	if at, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil && !r.proxied(at.Addr().Unmap()) {
		s.source = network(at.Addr().Unmap())
	}
	r.mu.Lock()
	if s.source != "" && r.source[s.source] >= r.bounds.PerSource {
		r.mu.Unlock()
		r.metrics.turnedAway("source")
		return nil
	}
	var victim *seat
	if r.conns.Len() >= r.bounds.Connections {
		for at := r.conns.Front(); at != nil; at = at.Next() {
			if old := at.Value.(*seat); old.busy.Load() == 0 {
				victim = old
				break
			}
		}
		if victim == nil {
			r.mu.Unlock()
			r.metrics.turnedAway("full")
			return nil
		}
		r.leave(victim)
	}
	s.at = r.conns.PushBack(s)
	if s.source != "" {
		r.source[s.source]++
	}
	r.mu.Unlock()
	if victim != nil {
		r.metrics.turnedAway("oldest")
		victim.Conn.Close()
	}
	return s
}

// leave frees a seat; the room is locked.
func (r *room) leave(s *seat) {
	if s.at == nil {
		return
	}
	r.conns.Remove(s.at)
	s.at = nil
	if s.source != "" {
		if r.source[s.source]--; r.source[s.source] == 0 {
			delete(r.source, s.source)
		}
	}
}

// Close implements net.Conn.
func (s *seat) Close() error {
	s.room.mu.Lock()
	s.room.leave(s)
	s.room.mu.Unlock()
	return s.Conn.Close()
}

type seatKey struct{}

// withConn lets handlers say that a connection is being answered.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	if s, ok := c.(*seat); ok {
		return context.WithValue(ctx, seatKey{}, s)
	}
	return ctx
}

func connOf(ctx context.Context) *seat {
	s, _ := ctx.Value(seatKey{}).(*seat)
	return s
}

var _ http.Handler = (*Server)(nil)
