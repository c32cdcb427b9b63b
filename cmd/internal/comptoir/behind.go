// A card that knows of something newer than the lists makes the counter look for it: not often, whoever holds the card.

package comptoir

import (
	"context"
	"sync"
	"time"

	"sceau/offline/counter"
)

// behindEvery is how often cards may make the counter synchronise: anybody can print a card that claims to be newer.
const behindEvery = 5 * time.Minute

// spell lets something happen at most once in a while. It measures by the clock that nobody sets.
type spell struct {
	every time.Duration
	since func(time.Time) time.Duration // time.Since, but in tests

	mu   sync.Mutex
	last time.Time
}

// due says whether it may happen now, and reckons that it does.
func (s *spell) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && s.since(s.last) < s.every {
		return false
	}
	s.last = time.Now()
	return true
}

// ask answers a question, and asks for a synchronisation when the card shows that the lists are behind. The verdict is the one
// that was given: what comes home counts for the next scan.
func (s *shop) ask(ctx context.Context, q counter.Question) counter.Answer {
	a := s.counter.Ask(ctx, q)
	if a.Behind && s.sources.behind.due() {
		s.sources.keeper.Kick()
	}
	return a
}

// asker is the counter as the desk asks it.
type asker struct{ *shop }

func (a asker) Ask(ctx context.Context, q counter.Question) counter.Answer { return a.ask(ctx, q) }
