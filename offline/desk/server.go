// The server itself: one port of 127.0.0.1, few connections, short patience.

package desk

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sceau/offline/counter"
)

// Bounds of what one computer's own programs may ask for.
const (
	MaxConnections = 64
	MaxHeader      = 16 << 10
	headerPatience = 5 * time.Second
	patience       = 60 * time.Second // for a 64 MiB bundle from the same computer, and for most answers
	idlePatience   = 90 * time.Second
	maxScans       = 4 // answered at once; more wait
	maxPictures    = 2
	maxPages       = 16 // event streams
)

// Errors of New and Start.
var (
	// ErrOptions: a part is missing.
	ErrOptions = errors.New("desk: part missing")
	// ErrPort: no port of 127.0.0.1 could be had, or what answers on it is not this desk. Nothing may be opened there.
	ErrPort = errors.New("desk: no port of its own")
)

// Server is the desk. Make one with New, Start it, and Close it.
type Server struct {
	o        Options
	log      *slog.Logger
	routes   []route
	byName   map[string]*route // "GET people state"
	pages    *screens
	launches *launches
	calls    *calls
	hub      *hub
	bundles  *bundles
	offers   *offers
	software http.Handler // /v1, behind the guard
	wishes   *wishes      // the settings
	lost     atomic.Bool  // the last check could not be written
	scans    chan struct{}
	pictures chan struct{}

	http  *http.Server
	host  string // "127.0.0.1:PORT", once started
	port  int
	ended chan struct{} // closed by Close
	close sync.Once
	done  chan struct{} // closed when nothing is served any more
	err   error         // of serving, once done is closed
}

// New makes a desk that doesn't listen yet.
func New(o Options) (*Server, error) {
	for name, missing := range map[string]bool{"Ask": o.Ask == nil, "Store": o.Store == nil, "Memory": o.Memory == nil, "Lists": o.Lists == nil,
		"Sources": o.Sources == nil, "Pictures": o.Pictures == nil, "Now": o.Now == nil} {
		if missing {
			return nil, fmt.Errorf("%w: %s", ErrOptions, name)
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.patience == 0 {
		o.patience = patience
	}
	s := &Server{o: o, log: o.Log, ended: make(chan struct{}), done: make(chan struct{}),
		scans: make(chan struct{}, maxScans), pictures: make(chan struct{}, maxPictures)}
	var err error
	if s.pages, err = readScreens(); err != nil {
		return nil, err
	}
	s.launches = &launches{now: o.Now}
	s.calls = newCalls()
	s.hub = newHub(o.Gone)
	s.bundles = newBundles(o.Temp)
	s.offers = &offers{now: o.Now}
	s.wishes = readWishes(o.Store, o.Language)
	s.software = s.newSoftware()
	s.routes = s.table()
	s.byName = map[string]*route{}
	for i := range s.routes {
		r := &s.routes[i]
		s.byName[r.key()] = r
	}
	return s, nil
}

// Start listens at 127.0.0.1 and serves until Close. It takes the wished port, or that of the settings when 0; where somebody
// else has it, another. It proves to itself that what answers there is this desk before it returns: ErrPort otherwise.
func (s *Server) Start(ctx context.Context, wished int) error {
	if wished == 0 {
		wished = s.wishes.get().Port
	}
	l, err := listen(ctx, wished)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPort, err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	s.host = "127.0.0.1:" + strconv.Itoa(s.port)
	room := newRoom(MaxConnections)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: headerPatience, ReadTimeout: s.o.patience, WriteTimeout: s.o.patience,
		IdleTimeout: idlePatience, MaxHeaderBytes: MaxHeader, ConnState: room.state,
		DisableGeneralOptionsHandler: true, ErrorLog: log.New(silent{s.log}, "", 0)}
	go func() {
		err := s.http.Serve(l)
		if !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
		close(s.done)
	}()
	if _, err := Call(ctx, s.Info(), "prove"); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrPort, err), s.Close(ctx))
	}
	s.hub.start()
	s.log.Info("desk open", "port", s.port, "moved", wished != 0 && wished != s.port)
	return nil
}

// listen takes the wished port, or any other where it is taken. It never shares one.
func listen(ctx context.Context, wished int) (net.Listener, error) {
	config := net.ListenConfig{Control: exclusive}
	if wished != 0 {
		if l, err := config.Listen(ctx, "tcp4", "127.0.0.1:"+strconv.Itoa(wished)); err == nil {
			return l, nil
		}
	}
	return config.Listen(ctx, "tcp4", "127.0.0.1:0")
}

// Port is where the desk listens, once started.
func (s *Server) Port() int { return s.port }

// Clients is the number of pages that are open.
func (s *Server) Clients() int { return s.hub.count() }

// Changed tells the pages that something of the state is new: a step of a synchronisation, a list, the journal. It may be
// called as often as one likes.
func (s *Server) Changed() { s.hub.wake() }

// Settings are the counter's own wishes, or the defaults when what is stored can't be read.
func (s *Server) Settings() counter.Settings { return s.wishes.get() }

// Wait returns when the desk is closed, with the error that ended it, if any.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Close ends every session, waits for answers under way until ctx ends, and leaves no temporary file.
func (s *Server) Close(ctx context.Context) error {
	var err error
	s.close.Do(func() {
		close(s.ended)
		s.hub.stop()
		s.launches.endAll()
		if s.http != nil {
			if err = s.http.Shutdown(ctx); err != nil {
				err = errors.Join(err, s.http.Close())
			}
			<-s.done
		}
		err = errors.Join(err, s.bundles.drop())
	})
	return err
}

// silent keeps net/http's own lines, which may quote what was sent, out of the log.
type silent struct{ log *slog.Logger }

func (s silent) Write(b []byte) (int, error) {
	s.log.Debug("connection fault")
	return len(b), nil
}

// room holds a bounded number of connections. A new one above the bound ends the oldest that never asked anything or waits for
// its next request, so that nobody can keep others out by doing nothing.
type room struct {
	mu    sync.Mutex
	limit int
	order uint64
	conns map[net.Conn]seat
}

type seat struct {
	state http.ConnState
	order uint64
}

func newRoom(limit int) *room { return &room{limit: limit, conns: map[net.Conn]seat{}} }

func (r *room) state(c net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(r.conns, c)
		return
	}
	r.order++
	r.conns[c] = seat{state, r.order}
	if state != http.StateNew || len(r.conns) <= r.limit {
		return
	}
	victim, oldest := c, r.order // the newcomer, when everybody else is being served
	for other, s := range r.conns {
		if s.state != http.StateActive && s.order < oldest {
			victim, oldest = other, s.order
		}
	}
	delete(r.conns, victim)
	victim.Close()
}
