// Committer: many goroutines hand in one check each, and one transaction stores them all.

package issuer

import (
	"context"
	"errors"
	"sync"
	"time"

	"sceau/card/register"
)

const (
	// commitBatch bounds the checks of one transaction.
	commitBatch = 256
	// commitGather is how long a batch waits for more, when the one before had company.
	commitGather = 2 * time.Millisecond
	// commitQueue bounds the checks that wait: half a second of the target rate.
	commitQueue = 1024
	// settleTries is how often a row whose commit was lost is looked for.
	settleTries = 3
	// commitTimeout bounds one transaction; it is nobody's request, so no caller's context ends it.
	commitTimeout = 10 * time.Second
)

// Committer groups commits. There is no goroutine of its own: the first caller of a batch stores it for the others, and hands
// the next batch to one who waits. The zero value with a Store is ready.
type Committer struct {
	Store register.Store

	mu      sync.Mutex
	queue   []*entry
	leading bool // somebody is storing, or was told to
	crowded bool // the last batch had more than one entry
	stopped bool
	idle    chan struct{} // closed when stopped and nothing is left
}

// entry is one caller's.
type entry struct {
	request register.Request
	check   register.Check
	done    chan error    // the outcome, once
	lead    chan struct{} // "store the next batch", once at most
}

// Commit stores the request's id and the trace row, and returns when both are durable. Errors: ErrReplayed when the id was
// taken before, register.ErrConflict when the row's number is taken (both: nothing was stored), ErrBusy, ErrStopped, and
// those of the register. When ctx ends first, the row may be stored or not.
func (c *Committer) Commit(ctx context.Context, r register.Request, k register.Check) error {
	e := &entry{request: r, check: k, done: make(chan error, 1), lead: make(chan struct{}, 1)}
	c.mu.Lock()
	switch {
	case c.stopped:
		c.mu.Unlock()
		return ErrStopped
	case len(c.queue) >= commitQueue:
		c.mu.Unlock()
		return ErrBusy
	}
	c.queue = append(c.queue, e)
	if !c.leading {
		c.leading = true
		e.lead <- struct{}{}
	}
	c.mu.Unlock()
	for {
		select {
		case err := <-e.done:
			return err
		case <-e.lead:
			// The leader's entry is the first of the queue, so this ends with its own outcome.
			c.storeBatch()
		case <-ctx.Done():
			return c.leave(e, ctx.Err())
		}
	}
}

// leave gives an entry up. One that is being stored is waited for: its outcome is near.
func (c *Committer) leave(e *entry, cause error) error {
	c.mu.Lock()
	for i, q := range c.queue {
		if q != e {
			continue
		}
		c.queue = append(c.queue[:i], c.queue[i+1:]...)
		select {
		case <-e.lead: // it was told to lead: somebody else must
			c.passOn()
		default:
		}
		c.mu.Unlock()
		return cause
	}
	c.mu.Unlock()
	return <-e.done
}

// passOn gives the lead to the first who waits, or to nobody. It is called with mu held, by whoever leads.
func (c *Committer) passOn() {
	if len(c.queue) > 0 {
		c.queue[0].lead <- struct{}{}
		return
	}
	c.leading = false
	if c.stopped {
		close(c.idle)
	}
}

// storeBatch stores what waits, tells the outcomes and passes the lead on.
func (c *Committer) storeBatch() {
	c.mu.Lock()
	gather := c.crowded && len(c.queue) < commitBatch && !c.stopped
	c.mu.Unlock()
	if gather {
		time.Sleep(commitGather)
	}
	c.mu.Lock()
	n := min(len(c.queue), commitBatch)
	batch := append([]*entry(nil), c.queue[:n]...)
	c.queue = append(c.queue[:0], c.queue[n:]...)
	c.crowded = n > 1
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.passOn()
		c.mu.Unlock()
	}()
	c.store(batch)
}

// store commits a batch. A number that is taken spoils only its own entry, and a lost connection is settled entry by entry.
func (c *Committer) store(batch []*entry) {
	left := batch
	defer func() {
		for _, e := range left { // a panic of the store: whoever waits must not wait for ever
			e.done <- errStorePanic
		}
	}()
	fresh, err := c.update(batch)
	single := func(e *entry) ([]bool, error) { return c.update([]*entry{e}) }
	switch {
	case errors.Is(err, register.ErrOutcomeUnknown):
		single = c.again
	case errors.Is(err, register.ErrConflict) && len(batch) > 1:
	default:
		for i, e := range batch {
			left = batch[i+1:]
			e.tell(err, err == nil && fresh[i])
		}
		return
	}
	for i, e := range batch {
		fresh, err := single(e)
		if errors.Is(err, register.ErrOutcomeUnknown) {
			fresh, err = c.again(e)
		}
		left = batch[i+1:]
		e.tell(err, err == nil && fresh[0])
	}
}

// tell gives an entry its outcome.
func (e *entry) tell(err error, fresh bool) {
	if err == nil && !fresh {
		err = ErrReplayed
	}
	e.done <- err
}

var errStorePanic = errors.New("issuer: the store failed")

// update is one transaction: request ids first, then the rows of those that are new.
func (c *Committer) update(batch []*entry) (fresh []bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	requests := make([]register.Request, len(batch))
	for i, e := range batch {
		requests[i] = e.request
	}
	err = c.Store.Update(ctx, func(tx register.Tx) (err error) {
		if fresh, err = tx.TakeRequests(requests); err != nil {
			return err
		}
		rows := make([]register.Check, 0, len(batch))
		for i, e := range batch {
			if fresh[i] {
				rows = append(rows, e.check)
			}
		}
		if len(rows) == 0 {
			return nil
		}
		_, err = tx.AddChecks(rows)
		return err
	})
	return fresh, err
}

// again settles an entry whose commit was lost on its way: it looks whether it was stored, and stores it if not.
func (c *Committer) again(e *entry) (fresh []bool, err error) {
	for range settleTries {
		if fresh, err = c.look(e); !errors.Is(err, register.ErrOutcomeUnknown) {
			break
		}
	}
	return fresh, err
}

func (c *Committer) look(e *entry) ([]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	taken := false
	err := c.Store.Update(ctx, func(tx register.Tx) error {
		fresh, err := tx.TakeRequests([]register.Request{e.request})
		if err != nil {
			return err
		}
		if fresh[0] { // nothing of it had been stored
			_, err = tx.AddChecks([]register.Check{e.check})
			return err
		}
		if e.check.Number == "" { // a refusal: its trace went with its id
			return nil
		}
		k, err := tx.CheckByNumber(e.check.Number)
		if errors.Is(err, register.ErrNotFound) {
			taken = true // by another request: a replay
			return nil
		}
		taken = err == nil && k.Counter != e.check.Counter
		return err
	})
	return []bool{!taken}, err
}

// StopChecks takes no more checks (ErrStopped), and returns when the traces of those under way are stored, or when ctx ends. The
// register must stay open until then.
func (s *Issuer) StopChecks(ctx context.Context) error { return s.living().committer.Stop(ctx) }

// Stop takes nothing new and returns when all that waited is stored, or when ctx ends.
func (c *Committer) Stop(ctx context.Context) error {
	c.mu.Lock()
	if !c.stopped {
		c.stopped = true
		c.idle = make(chan struct{})
		if !c.leading {
			close(c.idle)
		}
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
