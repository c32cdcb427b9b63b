// What a serving process keeps in memory: counters and facts of at most a second ago, the queue of checks, the open keys.

package issuer

import (
	"sync"
	"sync/atomic"
	"time"
)

// cacheLife is how old a remembered counter, insurer or key may be: how long another replica's revocation takes.
const cacheLife = time.Second

// maxCachedCounters bounds the memory; beyond it everything is read anew.
const maxCachedCounters = 100_000

// live belongs to one process and is shared by all Issuers that As made of one another.
type live struct {
	committer  Committer
	facts      factCache
	keys       serviceKeys
	wrongCodes atomic.Int64

	mu       sync.Mutex
	counters map[string]cachedCounter
	// changes counts what this process changed: a row that was read before a change is not kept after it.
	changes uint64
}

type cachedCounter struct {
	counter Counter
	read    time.Time
}

// making guards the moment in which an Issuer gets its live part; it is held for no longer than that.
var making sync.Mutex

func (s *Issuer) living() *live {
	making.Lock()
	defer making.Unlock()
	if s.live == nil {
		s.live = &live{counters: map[string]cachedCounter{}}
		s.live.committer.Store = s.Store
	}
	return s.live
}

// counter finds a counter that was read less than cacheLife ago; generation goes to keepCounter.
func (l *live) counter(id string, now time.Time) (_ Counter, generation uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.counters[id]
	age := now.Sub(c.read)
	return c.counter, l.changes, ok && age >= 0 && age < cacheLife
}

func (l *live) keepCounter(c Counter, generation uint64, read time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if generation != l.changes {
		return
	}
	if len(l.counters) >= maxCachedCounters {
		clear(l.counters)
	}
	l.counters[c.ID] = cachedCounter{c, read}
}

func (l *live) forgetCounter(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	delete(l.counters, id)
}
