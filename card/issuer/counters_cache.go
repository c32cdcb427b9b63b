// What a serving process keeps in memory: counters and facts of at most a second ago, the queue of checks, the open keys.

package issuer

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sceau/card/register"
	"sceau/signing/journal"
)

// cacheLife is how old a remembered counter, insurer or key may be: how long another replica's revocation takes.
const cacheLife = time.Second

// maxCounterLife is how long a counter is remembered while the audit chain, which is looked at every cacheLife, knows of no change.
const maxCounterLife = time.Minute

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
	// At that moment the chain stood at head, and spoke of no change to what is remembered.
	looked time.Time
	head   journal.Head

	looking sync.Mutex // one looks for all
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

// counter finds a counter that is known as it was less than cacheLife ago; generation goes to keepCounter.
func (l *live) counter(id string, now time.Time) (_ Counter, generation uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.counters[id]
	within := func(then time.Time, life time.Duration) bool {
		age := now.Sub(then)
		return age >= 0 && age < life
	}
	return c.counter, l.changes, ok && (within(c.read, cacheLife) || within(c.read, maxCounterLife) && within(l.looked, cacheLife))
}

// look keeps what is remembered of counters for another cacheLife, or forgets it, by one look at the audit chain: every change of
// a counter stands in it, in the same transaction. Reading thousands of counters anew each second would cost a check more than
// all else that it reads.
func (s *Issuer) look(ctx context.Context, l *live, now time.Time) error {
	l.looking.Lock()
	defer l.looking.Unlock()
	l.mu.Lock()
	age, last := now.Sub(l.looked), l.head
	l.mu.Unlock()
	if age >= 0 && age < cacheLife {
		return nil
	}
	var head journal.Head
	changed := false
	err := s.Store.View(ctx, func(tx register.Tx) (err error) {
		if head, err = tx.AuditHead(); err != nil || head == last {
			return err
		}
		changed = true
		if last == (journal.Head{}) || head.Seq < last.Seq {
			return nil
		}
		entries, err := tx.AuditAfter(last.Seq, maxLookEntries)
		if err != nil {
			return err
		}
		changed = len(entries) == maxLookEntries
		for _, e := range entries {
			r, err := register.ReadAudit(e)
			changed = changed || err != nil || strings.HasPrefix(r.Act, counterActs)
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked, l.head = now, head
	if changed {
		l.changes++ // a row that is being read may be of before the change
		clear(l.counters)
	}
	return nil
}

const (
	// counterActs begins every act by which a counter changes.
	counterActs = "counter."
	// maxLookEntries bounds a look: after more than that everything is read anew.
	maxLookEntries = 100
)

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
