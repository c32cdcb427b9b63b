// The online check: within its limit, behind the breaker, and believed only when it is the answer to this very question.

package liaison

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"

	"sceau/card"
	"sceau/card/accord"
	"sceau/rights"
	"sceau/signing/assertion"
)

// errLimit ends a call that took too long.
var errLimit = errors.New("liaison: limit passed")

// maxCheckAnswer bounds the answer to a check: the longest accord in JSON, and room.
const maxCheckAnswer = accord.MaxAccord + 4<<10

// Enquiry is one question.
type Enquiry struct {
	Card    string // code text
	Insurer string // key
	Place   card.Place
	KID     string
	Domain  string // "" for the card alone
	Care    rights.Date
	Person  int           // 0 for the household
	Service *card.Service // whose accord keys are believed
}

type checkBody struct {
	Card    string      `json:"card"`
	Domains []string    `json:"domains,omitempty"`
	Care    rights.Date `json:"care"`
	Person  int         `json:"person,omitempty"`
}

// Check asks, and returns the accord with the counter's time, corrected by the service's. While the breaker is open it returns
// at once. Every error is a *Failure.
func (c *Client) Check(ctx context.Context, e Enquiry) (*accord.Accord, time.Time, error) {
	if !c.breaker.IsClosed() {
		return nil, time.Time{}, &Failure{Code: CodeOpen}
	}
	c.begin()
	defer c.end()
	q := checkBody{Card: e.Card, Care: e.Care, Person: e.Person}
	if e.Domain != "" {
		q.Domains = []string{e.Domain}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, time.Time{}, &Failure{Code: CodeRefused, Err: err}
	}
	var a *accord.Accord
	got, err := failsafe.With[answer](c.breaker, timeout.New[answer](Limit)).WithContext(ctx).GetWithExecution(func(exec failsafe.Execution[answer]) (answer, error) {
		// Both limits: failsafe's cancels, and this one is what a cancelled call is told apart by.
		ctx, cancel := context.WithTimeoutCause(exec.Context(), Limit, errLimit)
		defer cancel()
		got, err := c.call(ctx, request{method: "POST", path: "/v1/checks", media: "application/json", body: body, most: maxCheckAnswer})
		if err != nil {
			return answer{}, err
		}
		if a, err = c.believe(e, got); err != nil {
			c.note(err)
			return answer{}, err
		}
		return got, nil
	})
	if err = asFailure(ctx, err); err != nil {
		if opens(err) && c.breaker.IsClosed() {
			c.note(err)
			c.breaker.Open()
		}
		return nil, time.Time{}, err
	}
	return a, got.now, nil
}

// asFailure gives the errors of the policies their codes.
func asFailure(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, circuitbreaker.ErrOpen):
		return &Failure{Code: CodeOpen, Err: err}
	case errors.Is(err, timeout.ErrExceeded):
		return &Failure{Code: CodeTimeout, Err: err}
	case CodeOf(err) != "":
		return err
	case ctx.Err() != nil:
		return &Failure{Code: CodeStopped, Err: err}
	}
	return &Failure{Code: CodeUnreachable, Err: err}
}

// believe reads an answer and holds it against the question.
func (c *Client) believe(e Enquiry, got answer) (*accord.Accord, error) {
	var said struct {
		Accord  string `json:"accord"`
		Number  string `json:"number"`
		Refused string `json:"refused"`
	}
	if err := decode(got.body, &said); err != nil {
		return nil, &Failure{Code: CodeNotService, Status: 200, Err: err}
	}
	switch {
	case said.Accord == "" && said.Refused != "":
		// The service's word alone, unsigned: a card that the signed facts call authentic stays so, and says why it is offline.
		return nil, &Failure{Code: CodeRefused, Status: 200}
	case said.Accord == "":
		return nil, &Failure{Code: CodeNotService, Status: 200}
	}
	a, err := opened(e.Service.AccordKeys, accord.Open, said.Accord)
	if err != nil {
		return nil, err
	}
	other := &Failure{Code: CodeMismatch, Status: 200}
	switch {
	case string(a.Number) != said.Number,
		a.Insurer != e.Insurer || a.Place != e.Place || a.KID != e.KID,
		a.Counter != c.o.Counter,
		a.Care != e.Care || a.Person != e.Person,
		len(a.Answers) != 1 || a.Answers[0].Domain != e.Domain:
		return nil, other
	case a.Request != got.id:
		return nil, &Failure{Code: CodeReplayed, Status: 200} // given for an earlier request, whatever the clock says
	case got.now.Sub(a.At).Abs() > assertion.Lifetime, got.now.After(a.Until):
		return nil, other // of another time
	}
	return a, nil
}

// Kick asks for a probe now, if the breaker is open: the network just came back, or somebody pressed a button.
func (c *Client) Kick() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Run probes the service while the breaker is open, one probe at a time, until ctx ends.
func (c *Client) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := time.Duration(1<<62 - 1)
		if !c.breaker.IsClosed() {
			wait = c.breaker.RemainingDelay()
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-c.opened:
			continue // how long to wait is known now
		case <-c.kick:
			if c.breaker.IsOpen() {
				c.breaker.HalfOpen()
			}
		case <-timer.C:
		}
		if !c.breaker.IsClosed() {
			c.probe(ctx)
		}
	}
}

// probeRetry is after what a probe that failed is tried once more: a line that comes up drops the first packets.
const probeRetry = 2 * time.Second

// probe asks for the counter's own facts. The breaker lets one through at a time.
func (c *Client) probe(ctx context.Context) {
	again := retrypolicy.NewBuilder[answer]().WithMaxRetries(1).WithDelay(probeRetry).WithJitterFactor(0.5).
		HandleIf(func(_ answer, err error) bool { return isDown(err) && !isFinal(err) && ctx.Err() == nil }).ReturnLastFailure().Build()
	_, err := failsafe.With[answer](c.breaker, again, timeout.New[answer](2*Limit)).WithContext(ctx).GetWithExecution(func(exec failsafe.Execution[answer]) (answer, error) {
		ctx, cancel := context.WithTimeoutCause(exec.Context(), 2*Limit, errLimit)
		defer cancel()
		got, err := c.call(ctx, selfRequest)
		if err == nil {
			_, err = readFacts(got)
		}
		return got, err
	})
	if err != nil && ctx.Err() != nil && c.breaker.IsClosed() {
		c.breaker.Open() // switched off in the middle of it: nothing was found out
	}
	c.mu.Lock()
	c.tell()
	c.mu.Unlock()
}
