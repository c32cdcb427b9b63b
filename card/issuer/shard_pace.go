// How fast a key may sign: no faster than its owner allows, whoever asks in this process.

package issuer

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/time/rate"
)

// paces holds one limiter for each key and rate of this process: several issuers that act for several people share a key, and
// what is limited is the key.
var paces sync.Map // of pace to *rate.Limiter

type pace struct {
	kid    string
	second int // signatures
}

// pace waits until the key may make one more signature.
func (s *Issuer) pace(ctx context.Context, kid string) error {
	if s.SignRate <= 0 {
		return nil
	}
	at := pace{kid, s.SignRate}
	l, ok := paces.Load(at)
	if !ok {
		// A tenth of a second's worth at once: the clock of a system is not finer than that by much.
		l, _ = paces.LoadOrStore(at, rate.NewLimiter(rate.Limit(at.second), max(1, at.second/10)))
	}
	if err := l.(*rate.Limiter).Wait(ctx); err != nil {
		return fmt.Errorf("issuer: wait for the card key %s: %w", kid, err)
	}
	return nil
}
