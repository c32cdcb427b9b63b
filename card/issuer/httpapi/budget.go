// Budgets: how often somebody may ask, in bounded memory, one bucket for each.

package httpapi

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds a budget's memory, about 20 MiB; the bucket used least recently goes first.
const maxBuckets = 100_000

// idleBucket is after how long a bucket is forgotten: by then every one is full again.
const idleBucket = 10 * time.Minute

// budget is a bucket for each key.
type budget struct {
	each Budget
	most int

	mu   sync.Mutex
	by   map[string]*list.Element
	used *list.List // most recently used first
}

type bucket struct {
	key  string
	rate *rate.Limiter
	at   time.Time
}

func newBudget(each Budget, most int) *budget {
	return &budget{each: each, most: most, by: map[string]*list.Element{}, used: list.New()}
}

// take takes one from a key's bucket; when it is empty it takes nothing and says how long to wait.
func (b *budget) take(key string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.get(key, now)
	if one.rate.AllowN(now, 1) {
		return 0
	}
	return b.wait(one, now)
}

// empty says how long a key's bucket stays empty, and takes nothing.
func (b *budget) empty(key string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.by[key]
	if !ok {
		return 0
	}
	one := at.Value.(*bucket)
	b.setBack(one, now)
	if one.rate.TokensAt(now) >= 1 {
		return 0
	}
	return b.wait(one, now)
}

func (b *budget) wait(one *bucket, now time.Time) time.Duration {
	missing := 1 - one.rate.TokensAt(now)
	return max(time.Duration(missing/b.each.PerSecond*float64(time.Second)), time.Second)
}

// setBack carries a bucket over to a clock that went back: it would fill no more until the clock is where it was.
func (b *budget) setBack(one *bucket, now time.Time) {
	if !now.Before(one.at) {
		return
	}
	left := int(one.rate.TokensAt(one.at))
	one.rate, one.at = rate.NewLimiter(rate.Limit(b.each.PerSecond), b.each.Burst), now
	one.rate.AllowN(now, b.each.Burst-max(left, 0))
}

func (b *budget) get(key string, now time.Time) *bucket {
	if at, ok := b.by[key]; ok {
		b.used.MoveToFront(at)
		one := at.Value.(*bucket)
		b.setBack(one, now)
		one.at = now
		return one
	}
	for last := b.used.Back(); last != nil; last = b.used.Back() {
		old := last.Value.(*bucket)
		if len(b.by) < b.most && now.Sub(old.at).Abs() < idleBucket {
			break
		}
		b.used.Remove(last)
		delete(b.by, old.key)
	}
	one := &bucket{key: key, rate: rate.NewLimiter(rate.Limit(b.each.PerSecond), b.each.Burst), at: now}
	b.by[key] = b.used.PushFront(one)
	return one
}
