// Package liaison is the counter's edge to an operator's rights service: it enrols, asks, sends the journal and brings the
// answers back. What it returns was signed by a key that the followed repository names, belongs to what was asked and is of now;
// everything else is an error that says nothing about any card.
//
// A network that is down costs one check at most one Limit, and the next ones nothing: a breaker opens, and one probe at a time,
// spread over minutes among all counters, finds out when the service is back.
package liaison

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/timeout"

	"sceau/signing"
	"sceau/signing/assertion"
)

// Bounds, each with its reason.
const (
	// Limit of one online check, connecting included: somebody stands at the counter.
	Limit = 1500 * time.Millisecond
	// CallLimit of everything else: a batch of a thousand entries on a slow line.
	CallLimit = 60 * time.Second
	// FailuresToOpen is how many quick failures in a row open the breaker. One that took the whole Limit opens it alone, as
	// does a service that cannot be connected to.
	FailuresToOpen = 3
	// FirstProbe and LastProbe are between what an open breaker waits before it asks again, at random: a fleet of 20,000 counters
	// comes back over several minutes.
	FirstProbe = 20 * time.Second
	LastProbe  = 4 * time.Minute
	// MaxCorrection is how wrong the counter's clock may be and still be corrected by the service's.
	MaxCorrection = 24 * time.Hour
)

// Options of a client. Address, Counter and Signer must be set.
type Options struct {
	Address string          // of the service: https://…, or http://… on this computer alone
	Counter string          // id of this counter there
	Signer  *signing.Signer // of assertion.Kind
	CA      []byte          // PEM certificates that the service's may be signed by, besides the system's; nil for none
	Now     func() time.Time
	// Transport in place of the client's own; tests.
	Transport http.RoundTripper
}

// Client speaks to one service. It is safe for concurrent use.
type Client struct {
	o       Options
	base    *url.URL
	http    *http.Client
	breaker circuitbreaker.CircuitBreaker[answer]
	kick    chan struct{}

	mu      sync.Mutex
	offset  time.Duration // the service's clock minus the counter's
	code    string        // why the breaker opened
	since   time.Time     // when it last changed, by the counter's clock
	checks  int           // under way
	idle    chan struct{} // closed once there are none
	opened  chan struct{} // one place: the breaker opened
	changed chan struct{}
	contact time.Time // last answer of the service, by the counter's clock
}

// New makes a client. Nothing is sent yet. Errors: ErrAddress, ErrCA, ErrSigner.
func New(o Options) (*Client, error) {
	base, err := parseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	if o.Signer == nil || o.Signer.Kind() != assertion.Kind {
		return nil, ErrSigner
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{o: o, base: base, kick: make(chan struct{}, 1), opened: make(chan struct{}, 1), since: o.Now()}
	transport := o.Transport
	if transport == nil {
		if transport, err = newTransport(o.CA); err != nil {
			return nil, err
		}
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect }}
	c.breaker = circuitbreaker.NewBuilder[answer]().WithFailureThreshold(FailuresToOpen).WithSuccessThreshold(1).
		WithRandomDelay(FirstProbe, LastProbe). // also where it is opened by hand, which a delay by function is not asked for
		HandleIf(func(_ answer, err error) bool { return isDown(err) || errors.Is(err, timeout.ErrExceeded) }).
		OnStateChanged(c.stateChanged).Build()
	return c, nil
}

// Close gives connections back that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// State is how a client stands.
type State struct {
	Breaker string    // closed, open, half_open
	Code    string    // why it is open, a code of Failure; "" when closed
	Since   time.Time // when that began
	Next    time.Time // when the next probe is due; zero when closed
	Contact time.Time // last answer of the service; zero for none since the start
}

// State returns it. It changes by itself: Changed.
func (c *Client) State() State {
	b, left := c.breaker.State(), c.breaker.RemainingDelay()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{Breaker: "closed", Since: c.since, Contact: c.contact}
	switch b {
	case circuitbreaker.OpenState:
		s.Breaker, s.Code, s.Next = "open", c.code, c.o.Now().Add(left)
	case circuitbreaker.HalfOpenState:
		s.Breaker, s.Code = "half_open", c.code
	}
	return s
}

// Changed returns a channel that is closed once the state may be another.
func (c *Client) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// tell wakes those who watch. c.mu is held.
func (c *Client) tell() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

func (c *Client) stateChanged(e circuitbreaker.StateChangedEvent) {
	if e.NewState == circuitbreaker.OpenState {
		select {
		case c.opened <- struct{}{}:
		default:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.NewState != circuitbreaker.HalfOpenState && !(e.OldState == circuitbreaker.HalfOpenState && e.NewState == circuitbreaker.OpenState) {
		c.since = c.o.Now()
	}
	if e.NewState == circuitbreaker.ClosedState {
		c.code = ""
	}
	c.tell()
}

// note keeps how a call went: why the breaker is open, or that the service answered.
func (c *Client) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isDown(err) {
		c.code = CodeOf(err)
		return
	}
	var f *Failure
	if err == nil || errors.As(err, &f) && f.Status != 0 {
		c.contact = c.o.Now()
	}
}

// now is the counter's clock, corrected by the service's.
func (c *Client) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.o.Now().Add(c.offset).Round(0)
}

// begin and end count the checks under way: sending the journal waits for them.
func (c *Client) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks++
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
}

func (c *Client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.checks--; c.checks == 0 {
		close(c.idle)
		c.idle = nil
	}
}

// Idle waits until no check is under way.
func (c *Client) Idle(ctx context.Context) error {
	for {
		c.mu.Lock()
		idle := c.idle
		c.mu.Unlock()
		if idle == nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-idle:
		}
	}
}
