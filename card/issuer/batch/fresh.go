// What a worker keeps between shards: cards that it has just signed, the looks of insurers, open destinations.

package batch

import (
	"context"
	"sync"
	"time"

	"sceau/card"
	"sceau/card/issuer"
)

// fileKey names a file of a campaign.
type fileKey struct {
	campaign, insurer string
	n                 int
}

// fresh keeps the cards of files that this process is about to draw: a card straight from signing needs not be read and verified
// again. It is bounded by files, and whatever it lacks comes from the register.
type fresh struct {
	mu    sync.Mutex
	most  int
	order []fileKey
	cards map[fileKey]map[card.Place]issuer.Issued
	since map[fileKey]time.Time // when the first of its cards was kept
}

// freshFor is how long a card is drawn without a look at what became of it: in a campaign that is paused, it may have been revoked.
const freshFor = issuer.DefaultLease

func (f *fresh) keep(k fileKey, cards []issuer.Issued, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cards == nil {
		f.cards, f.since = map[fileKey]map[card.Place]issuer.Issued{}, map[fileKey]time.Time{}
	}
	if f.cards[k] == nil {
		if len(f.order) >= f.most {
			delete(f.cards, f.order[0])
			delete(f.since, f.order[0])
			f.order = f.order[1:]
		}
		f.order = append(f.order, k)
		f.cards[k], f.since[k] = map[card.Place]issuer.Issued{}, now
	}
	for _, c := range cards {
		if c.Place != (card.Place{}) {
			f.cards[k][c.Place] = c
		}
	}
}

// take gives what is kept of a file, unless it is too old, and forgets it.
func (f *fresh) take(k fileKey, now time.Time) map[card.Place]issuer.Issued {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.cards[k]
	if age := now.Sub(f.since[k]); age < 0 || age > freshFor {
		kept = nil
	}
	delete(f.cards, k)
	delete(f.since, k)
	for i, o := range f.order {
		if o == k {
			f.order = append(f.order[:i:i], f.order[i+1:]...)
			break
		}
	}
	return kept
}

// memo remembers the last few answers to a question that never changes its answer.
type memo[T any] struct {
	mu    sync.Mutex
	order []string
	known map[string]T
}

const memoMost = 256

func (m *memo[T]) get(ctx context.Context, key string, make func(context.Context) (T, error)) (T, error) {
	m.mu.Lock()
	known, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return known, nil
	}
	made, err := make(ctx)
	if err != nil {
		var none T
		return none, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]T{}
	}
	if _, ok := m.known[key]; !ok {
		if len(m.order) >= memoMost {
			delete(m.known, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, key)
	}
	m.known[key] = made
	return made, nil
}
